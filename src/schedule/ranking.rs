//! Which races to turn round first.

use super::races::{Kind, Mark, Races, Reversed};
use crate::hash::{HashMap, HashSet};
use crate::id::Key;
use crate::operation::Access;

/// A race that is turned round alone.
#[derive(Debug)]
pub(crate) struct Suspect {
    /// Whether whoever ran last goes on as long as it can; otherwise all is as in plain order but for this race.
    pub goes_on: bool,
    first: Side,
    then: Side,
}

/// A kind of step, and which of the tasks that take it: the nth that did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Side {
    kind: u32,
    member: u32,
}

impl Suspect {
    /// The race as it is to go.
    pub fn reversed(&self, races: &Races) -> Reversed {
        let mark = |side: Side| -> Mark { races.mark(side.kind, side.member) };
        Reversed { first: vec![mark(self.first)], then: vec![mark(self.then)], meeting: None }
    }
}

/// Two steps that race, in the order in which they came.
struct Race {
    sides: [Side; 2],
    /// What they touch, and what their tasks are like.
    sort: (usize, u64, u64),
    is_guarded: bool,
}

/// At most so many races are ranked, of one sort or of as many, and so many kinds of step or task are looked at for each
/// thing that is touched: a program may have any number.
const MOST_RACES: usize = 256;
const MOST_STEPS: usize = 32;
const MOST_ROLES: usize = 8;

/// The races in the order in which to turn them round, each twice: in plain order, and with few switches.
///
/// One of each sort comes first, then the second of each, and so on, so that a thing touched often does not keep others
/// waiting. Of one sort the last and the first steps come before those between, as far from those that were as can be.
/// Races between two who wrote something else just before, the same, are last: that is a lock most of the time, and its
/// race is the one that decides.
pub(crate) fn rank(kinds: &[Kind], resources: &[Vec<Vec<u32>>]) -> Vec<Suspect> {
    let began = began(kinds);
    let mut seen = HashSet::default();
    let mut ranked = Vec::new();
    for race in sorted(races(kinds, resources)).into_iter().take(MOST_RACES) {
        for goes_on in [false, true] {
            let [mut one, mut other] = race.sides;
            let begins = |side: Side| began[&kinds[side.kind as usize].by[side.member as usize].0];
            // With few switches, whoever begins first would be done before the other begins.
            if goes_on && begins(one) > begins(other) {
                std::mem::swap(&mut one, &mut other);
            }
            if seen.insert((goes_on, one, other)) {
                ranked.push(Suspect { goes_on, first: other, then: one });
            }
        }
    }
    ranked
}

/// When each task took the first of the steps that race.
fn began(kinds: &[Kind]) -> HashMap<Key, u64> {
    let mut began: HashMap<Key, u64> = HashMap::default();
    for &(who, clock) in kinds.iter().flat_map(|kind| &kind.by) {
        let first = began.entry(who).or_insert(clock);
        *first = clock.min(*first);
    }
    began
}

fn races(kinds: &[Kind], resources: &[Vec<Vec<u32>>]) -> Vec<Race> {
    let guards = Guards::of(kinds, resources);
    let mut races: Vec<Race> = Vec::new();
    let mut sorts = 0;
    for (resource, parties) in resources.iter().enumerate() {
        for (place, one) in parties.iter().enumerate().take(MOST_ROLES) {
            for other in parties[place..].iter().take(MOST_ROLES) {
                sorts += 1;
                if sorts > MOST_RACES {
                    return races;
                }
                for (a, b) in pairs(one, other).take(MOST_RACES) {
                    let [x, y] = [a, b].map(|kind| &kinds[kind as usize]);
                    // Of tasks that did the same, the first and the last.
                    let member = if x.role == y.role { y.by.len() - 1 } else { 0 };
                    let both_read = x.access == Access::Read && y.access == Access::Read;
                    if both_read || x.by[0].0 == y.by[member].0 {
                        continue;
                    }
                    let mut sides = [Side { kind: a, member: 0 }, Side { kind: b, member: member as u32 }];
                    if x.by[0].1 > y.by[member].1 {
                        sides.reverse();
                    }
                    let sort = (resource, x.role, y.role);
                    races.push(Race { sides, sort, is_guarded: guards.are_common(x, y) });
                }
            }
        }
    }
    races
}

/// Each of `one` with each of `other`, the farthest apart of both first.
fn pairs(one: &[u32], other: &[u32]) -> impl Iterator<Item = (u32, u32)> {
    let [one, other] = [one, other].map(|all| spread(all.len()).into_iter().map(|at| all[at]).collect::<Vec<_>>());
    (0..one.len().max(other.len()).min(MOST_STEPS)).flat_map(move |size| {
        let edge = (0..=size).map(|i| (i, size)).chain((0..size).rev().map(|i| (size, i)));
        edge.filter_map(|(i, j)| Some((*one.get(i)?, *other.get(j)?))).collect::<Vec<_>>()
    })
}

/// The numbers below `n`: the last, the first, and then always one in the middle between two that were (van der Corput).
fn spread(n: usize) -> Vec<usize> {
    let mut order = vec![n.saturating_sub(1), 0];
    let mut size = n.next_power_of_two();
    while size > 1 {
        order.extend((size / 2..n).step_by(size));
        size /= 2;
    }
    let mut seen = HashSet::default();
    order.retain(|&at| at < n && seen.insert(at));
    order
}

/// One of each sort, then the second of each, and so on; all that are guarded behind the others.
fn sorted(races: Vec<Race>) -> Vec<Race> {
    let mut counts: HashMap<(usize, u64, u64), u32> = HashMap::default();
    let mut counted = |race: Race| {
        let count = counts.entry(race.sort).or_default();
        *count += 1;
        (*count, race)
    };
    let mut all: Vec<(u32, Race)> = races.into_iter().map(&mut counted).collect();
    all.sort_by_key(|(count, race)| (race.is_guarded, *count));
    all.into_iter().map(|(_, race)| race).collect()
}

/// What the steps of each role touch, to see what comes before a step.
struct Guards(HashMap<(u64, u32), (usize, Access)>);

/// How many steps back something may be written to be a lock that is held still.
const LOOK_BACK: u32 = 3;

impl Guards {
    fn of(kinds: &[Kind], resources: &[Vec<Vec<u32>>]) -> Guards {
        let all = resources.iter().enumerate().flat_map(|(resource, parties)| {
            let steps = parties.iter().flatten().map(|&kind| &kinds[kind as usize]);
            steps.map(move |kind| ((kind.role, kind.nth), (resource, kind.access)))
        });
        Guards(all.collect())
    }

    /// What is written in the steps just before, other than what the step itself touches.
    fn before(&self, step: &Kind) -> impl Iterator<Item = usize> {
        let own = self.0.get(&(step.role, step.nth)).map(|(resource, _)| *resource);
        let steps = (step.nth.saturating_sub(LOOK_BACK)..step.nth).filter_map(|nth| self.0.get(&(step.role, nth)));
        let written = steps.filter(move |(resource, access)| *access == Access::Write && Some(*resource) != own);
        written.map(|(resource, _)| *resource)
    }

    fn are_common(&self, one: &Kind, other: &Kind) -> bool {
        self.before(one).any(|resource| self.before(other).any(|its| its == resource))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_farthest_apart_come_first() {
        assert_eq!(spread(0), []);
        assert_eq!(spread(1), [0]);
        assert_eq!(spread(9), [8, 0, 4, 2, 6, 1, 3, 5, 7]);
        let mut all = spread(25);
        all.sort_unstable();
        assert_eq!(all, (0..25).collect::<Vec<_>>(), "each once");
        assert_eq!(pairs(&[1, 2], &[5]).collect::<Vec<_>>(), [(2, 5), (1, 5)]);
    }

    fn kind(role: u64, nth: u32, access: Access, clock: u64) -> Kind {
        Kind { role, nth, access, by: vec![(Key::ROOT.child(role as u32), clock)] }
    }

    /// Two tasks lock 0, and write 1 under it; and both write 2 before all that.
    #[test]
    fn what_a_lock_guards_comes_last() {
        let kinds: Vec<Kind> = (0..2)
            .flat_map(|role| (0..4).map(move |nth| kind(role, nth, Access::Write, u64::from(nth) * 2 + role)))
            .collect();
        // Their own step 2 touches what the other does not.
        let resources = [vec![vec![0], vec![4]], vec![vec![1], vec![5]], vec![vec![3], vec![7]]];
        let ranked = rank(&kinds, &resources);
        let first: Vec<u32> = ranked.iter().filter(|suspect| !suspect.goes_on).map(|s| s.then.kind).collect();
        assert_eq!(first, [0, 1, 3]);
        assert!(ranked.iter().all(|suspect| suspect.first.kind == suspect.then.kind + 4), "what came second is first");
        assert_eq!(rank(&kinds, &resources[..0]).len(), 0);
    }
}
