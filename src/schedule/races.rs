//! The races of a program, measured: which steps of which tasks touch the same thing.

use super::ranking::{self, Suspect};
use crate::hash::{HashMap, HashSet};
use crate::id::{Key, mix};
use crate::operation::Access;
use crate::prng::Stream;
use crate::trace::Trace;

/// A step of a task: which of its announced operations it does, counted from 0. Waiting for a lock takes steps, but
/// shifts no operations. Where a program announces nothing, which of the task's own steps it is.
pub(crate) type Mark = (Key, u32);

/// Steps that race, by what they touch and by what their tasks are like.
#[derive(Debug, Default)]
pub(crate) struct Races {
    kinds: Vec<Kind>,
    /// For each thing that two or more tasks touch, not all of them only to look: by tasks that did the same, the kinds
    /// of steps that do, in their order.
    resources: Vec<Vec<Vec<u32>>>,
    announced: bool,
    /// What to turn round first.
    ranked: Vec<Suspect>,
}

/// The same step of all tasks that did the same: a hundred tasks of one kind are one party to a race, not a hundred.
#[derive(Debug)]
pub(crate) struct Kind {
    /// What the task does, in one number.
    pub role: u64,
    pub nth: u32,
    pub access: Access,
    /// Who takes such a step, and when, in the order in which they did.
    pub by: Vec<(Key, u64)>,
}

impl Kind {
    fn mark(&self, member: usize) -> Mark {
        (self.by[member].0, self.nth)
    }
}

/// One race as it is to go: each of `first` comes before each of `then`.
pub(crate) struct Reversed {
    pub first: Vec<Mark>,
    pub then: Vec<Mark>,
    /// The first of these waits until the second, the step before the one that it races with, has been begun.
    pub meeting: Option<(Mark, Mark)>,
}

/// Who touched what, and by which of its operations (or steps).
struct Touch {
    who: Key,
    nth: u32,
    resource: u64,
    access: Access,
}

impl Races {
    /// The races that `runs` show. Which way round one went is told by the first run that shows it.
    pub fn of(runs: &[&Trace]) -> Races {
        let announced = runs.iter().any(|run| run.operations.iter().any(|(_, _, operation)| operation.announced));
        let mut races = Races { announced, ..Races::default() };
        let mut roles: HashMap<Key, u64> = HashMap::default();
        let mut kinds: HashMap<(u64, u32, u64), usize> = HashMap::default();
        let mut seen: HashSet<(Key, u32, u64)> = HashSet::default();
        let mut by_resource: HashMap<u64, Vec<u32>> = HashMap::default();
        let mut order = Vec::new();
        let mut clock = 0;
        for run in runs {
            let touches = touches(run, announced);
            let known: HashSet<Key> = roles.keys().copied().collect();
            for touch in touches.iter().filter(|touch| !known.contains(&touch.who)) {
                let role = roles.entry(touch.who).or_default();
                let access = u64::from(touch.access == Access::Write);
                *role = mix(role.rotate_left(9) ^ touch.resource ^ access << 63);
            }
            for touch in touches {
                clock += 1;
                if !seen.insert((touch.who, touch.nth, touch.resource)) {
                    continue;
                }
                let kind = *kinds.entry((roles[&touch.who], touch.nth, touch.resource)).or_insert_with(|| {
                    let kind = races.kinds.len();
                    races.kinds.push(Kind {
                        role: roles[&touch.who],
                        nth: touch.nth,
                        access: touch.access,
                        by: Vec::new(),
                    });
                    let all = by_resource.entry(touch.resource).or_insert_with(|| {
                        order.push(touch.resource);
                        Vec::new()
                    });
                    all.push(kind as u32);
                    kind
                });
                races.kinds[kind].by.push((touch.who, clock));
            }
        }
        for resource in order {
            let all = by_resource.remove(&resource).unwrap_or_default();
            let kinds = || all.iter().map(|&kind| &races.kinds[kind as usize]);
            let users: HashSet<Key> = kinds().flat_map(|kind| kind.by.iter().map(|(who, _)| *who)).collect();
            if users.len() > 1 && kinds().any(|kind| kind.access == Access::Write) {
                let mut parties: Vec<Vec<u32>> = Vec::new();
                let mut places: HashMap<u64, usize> = HashMap::default();
                for kind in all {
                    let place = *places.entry(races.kinds[kind as usize].role).or_insert(parties.len());
                    parties.resize_with(parties.len().max(place + 1), Vec::new);
                    parties[place].push(kind);
                }
                races.resources.push(parties);
            }
        }
        races.ranked = ranking::rank(&races.kinds, &races.resources);
        races
    }

    /// The step that is of the kind in that place, and its task's number among those that take one.
    pub fn mark(&self, kind: u32, member: u32) -> Mark {
        self.kinds[kind as usize].mark(member as usize)
    }

    /// The race to turn round as the `nth` (from 0); `None` behind the last that is ranked.
    pub fn ranked(&self, nth: u64) -> Option<&Suspect> {
        self.ranked.get(usize::try_from(nth).ok()?)
    }

    /// Whether steps are counted by what was announced.
    pub fn are_announced(&self) -> bool {
        self.announced
    }

    /// One of them, drawn: a thing, two kinds of task that touch it, a step of each (its first and its last on that thing
    /// more likely than those between), and of each kind one task, the first, the last, or on one side all.
    pub fn draw(&self, stream: &mut Stream) -> Option<Reversed> {
        let mut below = |n: usize| stream.below(n as u32) as usize;
        for _ in 0..16 {
            let parties = self.resources.get(below(self.resources.len().max(1)))?;
            let mut step = || {
                let party = &parties[below(parties.len())];
                let place = match below(4) {
                    0 => 0,
                    1 => party.len() - 1,
                    _ => below(party.len()),
                };
                &self.kinds[party[place] as usize]
            };
            let (one, other) = (step(), step());
            if one.access == Access::Read && other.access == Access::Read {
                continue;
            }
            let how = below(4);
            let mut member = |kind: &Kind| match how {
                1 => below(2) * (kind.by.len() - 1),
                _ => below(kind.by.len()),
            };
            let (a, b) = ((one, member(one)), (other, member(other)));
            let who = |(kind, member): (&Kind, usize)| kind.by[member];
            if who(a).0 == who(b).0 {
                continue;
            }
            // What came first comes second; of two that meet, either.
            let meets = how < 2 && below(2) == 0;
            let swaps = if meets { below(2) == 0 } else { who(a).1 > who(b).1 };
            let (first, then) = if swaps { (a, b) } else { (b, a) };
            let all = |(kind, _): (&Kind, usize), but: Key| {
                let members = (0..kind.by.len()).map(|member| kind.mark(member));
                members.filter(|(who, _)| *who != but).collect::<Vec<Mark>>()
            };
            let [(one, first), (other, then)] = [first, then].map(|side| (side.0.mark(side.1), side));
            let meeting = (meets && other.1 > 0).then(|| (one, (other.0, other.1 - 1)));
            let (first, then) = match how {
                2 => (vec![one], all(then, one.0)),
                3 => (all(first, other.0), vec![other]),
                _ => (vec![one], vec![other]),
            };
            return Some(Reversed { first, then, meeting });
        }
        None
    }
}

fn touches(run: &Trace, announced: bool) -> Vec<Touch> {
    let mut counts: HashMap<Key, u32> = HashMap::default();
    let operations = run.operations.iter().filter(|(_, _, operation)| operation.announced || !announced);
    let touch = |&(who, step, operation): &(Key, u32, crate::operation::Operation)| {
        let count = counts.entry(who).or_default();
        let nth = if announced { *count } else { step };
        *count += 1;
        Touch { who, nth, resource: operation.resource, access: operation.access }
    };
    operations.map(touch).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Operation;

    fn task(n: u32) -> Key {
        Key::ROOT.child(n)
    }

    /// `n` tasks write 1 and then 2, one after the other step by step, and one reads 2 when all is over.
    fn run(n: u32) -> Trace {
        let operation = |resource, access| Operation { resource, access, announced: true };
        let writes = |step: u32| (0..n).map(move |t| (task(t), step, operation(u64::from(step) + 1, Access::Write)));
        let mut operations: Vec<_> = writes(0).chain(writes(1)).collect();
        operations.push((task(n), 0, operation(2, Access::Read)));
        operations.push((task(n), 1, operation(9, Access::Write)));
        Trace { operations, ..Trace::default() }
    }

    #[test]
    fn a_hundred_tasks_that_do_the_same_are_one_party() {
        let trace = run(100);
        let races = Races::of(&[&trace]);
        assert_eq!(
            races.resources.iter().map(Vec::len).collect::<Vec<_>>(),
            [1, 2],
            "what one alone touches is no race"
        );
        let mut stream = Stream::new(1, 0);
        let drawn: Vec<Reversed> = (0..400).filter_map(|_| races.draw(&mut stream)).collect();
        let reader_first = |race: &&Reversed| race.first == [(task(100), 0)];
        // Before one of the writers, or before all of them.
        assert!(drawn.iter().filter(reader_first).count() > 60);
        let before_all = drawn.iter().filter(reader_first).filter(|race| race.then.len() == 100).count();
        assert!(before_all > 10, "{before_all}");
    }

    #[test]
    fn what_came_first_comes_second() {
        let trace = run(2);
        let races = Races::of(&[&trace]);
        let mut stream = Stream::new(2, 0);
        let at = |mark: &Mark| trace.operations.iter().position(|o| (o.0, o.1) == *mark).unwrap();
        for race in (0..400).filter_map(|_| races.draw(&mut stream)) {
            assert!(race.first.iter().all(|first| race.then.iter().all(|then| first.0 != then.0)));
            if race.first.len() == 1 && race.then.len() == 1 && race.meeting.is_none() && race.then[0].1 > 0 {
                assert!(at(&race.first[0]) > at(&race.then[0]), "{:?} {:?}", race.first, race.then);
            }
        }
    }

    #[test]
    fn where_nothing_races_nothing_is_drawn() {
        let trace = Trace { operations: run(1).operations[..1].to_vec(), ..Trace::default() };
        assert!(Races::of(&[&trace]).draw(&mut Stream::new(1, 0)).is_none());
    }
}
