//! Partial order sampling.

use super::follow::Follow;
use super::tree::Priorities;
use super::{Back, BuiltIn, Candidate, View};
use crate::hash::HashMap;
use crate::id::{Key, mix};
use crate::operation::{Access, Operation};
use crate::prng::Stream;

/// POS (Yuan, Yang, Gu: *Partial Order Aware Concurrency Sampling*, CAV 2018).
///
/// Each step has a random priority; the highest of those that could come next does. Then every step that races with it
/// gets a new priority, so that its order against what follows is drawn afresh; steps that touch something else keep
/// theirs. Steps of which nobody knows what they touch race with none.
///
/// What is drawn anew is not drawn one by one, since a thousand may race with each step. Of the candidates that share
/// new priorities only the highest is drawn, and who has it; of the others it is known then that theirs are even below
/// that. So a step takes O(log n) whatever races with it, and the distribution is that of the paper.
pub(crate) struct Pos {
    secret: u64,
    /// How often something was drawn anew.
    drawn: u64,
    follow: Follow,
    /// Of those in a pool only one has a priority here.
    priorities: Priorities,
    /// Who stood in each place when it was last looked at.
    places: Vec<Standing>,
    /// Those about to touch a resource.
    groups: HashMap<u64, Group>,
    lead: Lead,
}

/// The one that was chosen last. Most of those who give way are the highest again, so that this is all that is looked at then:
/// what is kept for its place is behind.
struct Lead {
    key: Key,
    step: u32,
    /// [Whatever is more](Priorities::most_but) is higher than all others.
    most_other: u64,
}

#[derive(Clone, Copy)]
struct Standing {
    key: Key,
    step: u32,
    operation: Option<Operation>,
    is_pooled: bool,
    /// Where in its list, if it is in one: in the group of its resource, among those that do with it what it does.
    at: u32,
}

const NOBODY: Standing = Standing { key: Key::CLOCK, step: u32::MAX, operation: None, is_pooled: false, at: 0 };

/// Those about to touch a resource: who looks, who writes.
#[derive(Default)]
struct Group([Side; 2]);

#[derive(Default)]
struct Side {
    /// The places of those with priorities of their own.
    own: Vec<u32>,
    /// The places of those whose priorities were drawn anew together. The last of them has the highest.
    pool: Vec<u32>,
}

impl Side {
    fn list(&mut self, is_pooled: bool) -> &mut Vec<u32> {
        if is_pooled { &mut self.pool } else { &mut self.own }
    }
}

/// What a priority is below.
const HIGHEST: u64 = u64::MAX;

impl Pos {
    pub fn new(mut stream: Stream) -> Pos {
        Pos {
            secret: stream.next_u64(),
            drawn: 0,
            follow: Follow::default(),
            priorities: Priorities::default(),
            places: Vec::new(),
            groups: HashMap::default(),
            lead: Lead { key: Key::CLOCK, step: 0, most_other: 0 },
        }
    }

    /// Somebody new stands in `place`, or somebody for a new step.
    #[inline(never)]
    fn comes(&mut self, place: usize, candidate: &Candidate) {
        let Candidate { key, step, operation, .. } = *candidate;
        if place >= self.places.len() {
            self.places.resize(place + 1, NOBODY);
        }
        let at = operation.map_or(0, |operation| self.list(place, operation));
        self.places[place] = Standing { key, step, operation, is_pooled: false, at };
        self.priorities.set(place, self.own(key, step));
    }

    /// The one that was chosen stands in its place again, and nothing is known of what it will do. Whether it is chosen again,
    /// and that is all there is to it.
    #[inline(always)]
    fn goes_on(&mut self, place: usize) -> bool {
        self.lead.step = self.lead.step.wrapping_add(1);
        let priority = self.own(self.lead.key, self.lead.step);
        let goes_on = priority > self.lead.most_other;
        if !goes_on {
            self.falls_behind(place, priority);
        }
        goes_on
    }

    #[inline(never)]
    fn falls_behind(&mut self, place: usize, priority: u64) {
        self.places[place].step = self.lead.step;
        self.priorities.lower(place, priority);
    }

    /// Whoever has the highest priority is chosen. Its place.
    #[inline(never)]
    fn chooses(&mut self) -> usize {
        let place = self.priorities.highest();
        if let Some(operation) = self.places[place].operation {
            self.runs(place, operation);
        }
        let Standing { key, step, .. } = self.places[place];
        self.lead = Lead { key, step, most_other: self.priorities.most_but(place) };
        place
    }

    /// The priority that a step has at first.
    #[inline(always)]
    fn own(&self, key: Key, step: u32) -> u64 {
        mix(self.secret ^ key.get() ^ u64::from(step).wrapping_mul(0x9e37_79b9_7f4a_7c15)) | 1
    }

    /// Puts it among those with priorities of their own. Where.
    #[inline(never)]
    fn list(&mut self, place: usize, operation: Operation) -> u32 {
        let list = &mut self.groups.entry(operation.resource).or_default().0[side(operation.access)].own;
        list.push(place as u32);
        list.len() as u32 - 1
    }

    /// Whoever stood in `from` stands in `to` now, which is empty.
    fn moves(&mut self, from: usize, to: usize) {
        let standing = std::mem::replace(&mut self.places[from], NOBODY);
        self.places[to] = standing;
        if let Some(operation) = standing.operation
            && let Some(group) = self.groups.get_mut(&operation.resource)
        {
            group.0[side(operation.access)].list(standing.is_pooled)[standing.at as usize] = to as u32;
        }
        self.priorities.relocate(from, to);
    }

    /// Looks at all places that may have changed.
    #[inline(never)]
    fn look(&mut self, candidates: &impl View) {
        let last = self.follow.last();
        let changes = self.follow.changes(candidates.len());
        match changes.one {
            // Those that came stand behind; the first of them where one was taken.
            Some(place) if changes.gone.is_empty() => {
                self.comes(place, &candidates.candidate(place));
                changes.new.for_each(|place| self.comes(place, &candidates.candidate(place)));
            }
            // Nobody came.
            Some(place) => self.moves(last, place),
            None if changes.new.is_empty() => self.priorities.set(last, 0),
            None => self.look_at_all(candidates),
        }
    }

    /// After a decision between two, or none: steps without one may have come between. Who has not run stands where it did.
    #[inline(never)]
    fn look_at_all(&mut self, candidates: &impl View) {
        for place in 0..candidates.len() {
            let candidate = candidates.candidate(place);
            match self.places.get(place) {
                Some(before) if (before.key, before.step) == (candidate.key, candidate.step) => {}
                Some(_) => {
                    self.leaves(place);
                    self.comes(place, &candidate);
                }
                None => self.comes(place, &candidate),
            }
        }
    }

    /// Whoever stood in `place` has run.
    fn leaves(&mut self, place: usize) {
        let standing = std::mem::replace(&mut self.places[place], NOBODY);
        if let Some(operation) = standing.operation {
            self.leaves_group(place, standing, operation, false);
        }
        self.priorities.set(place, 0);
    }

    /// The one in `place` is about to do `operation`: all that race with it are to get new priorities.
    fn runs(&mut self, place: usize, operation: Operation) {
        let here = &mut self.places[place];
        let standing = *here;
        (here.operation, here.is_pooled) = (None, false);
        self.leaves_group(place, standing, operation, true);
    }

    fn leaves_group(&mut self, place: usize, standing: Standing, operation: Operation, runs: bool) {
        let Pos { groups, places, priorities, .. } = self;
        let Some(group) = groups.get_mut(&operation.resource) else { return };
        let which = side(operation.access);
        let list = group.0[which].list(standing.is_pooled);
        let was_highest = standing.is_pooled && standing.at as usize + 1 == list.len();
        list.swap_remove(standing.at as usize);
        if let Some(&moved) = list.get(standing.at as usize) {
            places[moved as usize].at = standing.at;
        }
        if standing.is_pooled && !was_highest {
            // The last one, which has the highest priority, stands in the middle now.
            let last = list.len() - 1;
            list.swap(standing.at as usize, last);
            for at in [standing.at as usize, last] {
                places[list[at] as usize].at = at as u32;
            }
        }
        let below = priorities.get(place);
        for other in [Access::Read, Access::Write].map(side) {
            let races = runs && (which == side(Access::Write) || other == side(Access::Write));
            let side = &mut group.0[other];
            let has_highest = !(was_highest && other == which);
            if races
                && has_highest
                && let Some(&highest) = side.pool.last()
            {
                priorities.set(highest as usize, 0);
            }
            if races && !side.own.is_empty() {
                priorities.remove_all(&side.own);
                for place in side.own.drain(..) {
                    let standing = &mut places[place as usize];
                    (standing.is_pooled, standing.at) = (true, side.pool.len() as u32);
                    side.pool.push(place);
                }
            }
            let below = match () {
                () if races => HIGHEST,
                () if !has_highest => below,
                () => continue,
            };
            if side.pool.is_empty() {
                continue;
            }
            self.drawn += 1;
            let draw = mix(self.secret ^ mix(self.drawn));
            let (count, last) = (side.pool.len() as u64, side.pool.len() - 1);
            let highest = ((u128::from(mix(draw)) * u128::from(count)) >> 64) as usize;
            side.pool.swap(highest, last);
            places[side.pool[highest] as usize].at = highest as u32;
            places[side.pool[last] as usize].at = last as u32;
            let share = highest_of(draw, count);
            priorities.set(side.pool[last] as usize, ((below as f64 * share) as u64).max(1));
        }
    }
}

fn side(access: Access) -> usize {
    usize::from(access == Access::Write)
}

/// The highest of `count` numbers that lie evenly between 0 and 1, drawn as one: the `count`th root of one such number, which
/// `random` stands for. By additions, multiplications and divisions alone, which come to the same on every machine; to eight
/// digits.
fn highest_of(random: u64, count: u64) -> f64 {
    let one = ((random >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    if count == 1 {
        return one;
    }
    // ln(m · 2ᵉ), m in 1..2, as 2 artanh((m - 1) / (m + 1)) + e ln 2.
    let bits = one.to_bits();
    let exponent = (bits >> 52) as i32 - 1023;
    let m = f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52);
    let t = (m - 1.0) / (m + 1.0);
    let series = |x: f64, terms: &[f64]| terms.iter().rev().fold(0.0, |sum, term| sum * x + term);
    let odd = [1.0, 1.0 / 3.0, 1.0 / 5.0, 1.0 / 7.0, 1.0 / 9.0, 1.0 / 11.0, 1.0 / 13.0, 1.0 / 15.0, 1.0 / 17.0];
    let logarithm = 2.0 * t * series(t * t, &odd) + f64::from(exponent) * std::f64::consts::LN_2;
    // eˣ of a number from -19 to 0, as (eˣᐟ³²)³².
    let x = logarithm / count as f64 / 32.0;
    let factorials =
        [1.0, 1.0, 1.0 / 2.0, 1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0, 1.0 / 720.0, 1.0 / 5_040.0, 1.0 / 40_320.0];
    (0..5).fold(series(x, &factorials), |root, _| root * root)
}

impl BuiltIn for Pos {
    const OPERATIONS: Option<bool> = Some(true);

    /// What was drawn anew for those before is forgotten: it is as before the first decision.
    fn lose(&mut self) {
        (self.follow, self.priorities) = Default::default();
        self.places.clear();
        self.groups.clear();
    }

    #[inline(always)]
    fn pick(&mut self, candidates: &impl View, back: Option<Back>) -> usize {
        match (self.follow.only(candidates.len()), back) {
            // It will do nothing that is known: that is so of most.
            (Some(place), Some(back)) if !candidates.may_be_known(back.slot) => {
                if self.goes_on(place) {
                    return place;
                }
            }
            (Some(place), _) => self.comes(place, &candidates.candidate(place)),
            (None, _) => self.look(candidates),
        }
        let index = self.chooses();
        self.follow.took(index);
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{Ready, Stub};
    use std::collections::BTreeMap;

    const STEPS: u32 = 2;

    /// What task `task` does in each of its steps.
    type Does = fn(u32) -> Option<Operation>;

    fn on(resource: u64, access: Access) -> Option<Operation> {
        Some(Operation { resource, access, announced: true })
    }

    fn stub(does: Does, task: u32, step: u32) -> Stub<(u32, u32)> {
        let mut stub = Stub::new(Key::ROOT.child(task), step, (task, step));
        (stub.0.slot, stub.0.operation) = (task, does(task));
        stub
    }

    /// `tasks` tasks of two steps each, always ready: who ran, in order.
    fn play(seed: u64, tasks: u32, does: Does) -> Vec<u32> {
        let (mut pos, ready) = (Pos::new(Stream::new(seed, 0)), Ready::of_stubs());
        (0..tasks).for_each(|task| ready.push_stub(stub(does, task, 0)));
        let mut order = Vec::new();
        while ready.len() > 0 {
            ready.settle();
            let index = match ready.len() {
                1 => 0,
                _ => pos.pick(&ready, None),
            };
            let (task, step) = ready.take(index).1;
            order.push(task);
            if step + 1 < STEPS {
                ready.push_stub(stub(does, task, step + 1));
            }
        }
        order
    }

    /// The same by the paper's words: a number for each, drawn one by one.
    fn by_the_book(seed: u64, tasks: u32, does: Does) -> Vec<u32> {
        let mut stream = Stream::new(seed, 1);
        let mut all: Vec<(u64, u32, u32)> = (0..tasks).map(|task| (stream.next_u64(), task, 0)).collect();
        let mut order = Vec::new();
        while let Some(&(_, task, step)) = all.iter().max() {
            order.push(task);
            all.retain(|one| one.1 != task);
            for other in &mut all {
                if let (Some(one), Some(two)) = (does(task), does(other.1))
                    && one.races_with(&two)
                {
                    other.0 = stream.next_u64();
                }
            }
            if step + 1 < STEPS {
                all.push((stream.next_u64(), task, step + 1));
            }
        }
        order
    }

    /// How far the two are from each other: the share of runs that would have to go another way.
    fn distance(tasks: u32, does: Does) -> f64 {
        let runs = 12_000;
        let mut counts: BTreeMap<Vec<u32>, i32> = BTreeMap::new();
        for seed in 0..runs {
            *counts.entry(play(seed, tasks, does)).or_default() += 1;
            *counts.entry(by_the_book(seed, tasks, does)).or_default() -= 1;
        }
        f64::from(counts.values().map(|difference| difference.abs()).sum::<i32>()) / 2.0 / runs as f64
    }

    #[test]
    fn samples_as_the_paper_does() {
        // 90 orders; two samples of 12,000 differ by .05 by chance.
        let all_write: Does = |_| on(1, Access::Write);
        let one_writes: Does = |task| on(1, if task == 0 { Access::Write } else { Access::Read });
        let one_reads: Does = |task| on(1, if task == 0 { Access::Read } else { Access::Write });
        let one_apart: Does = |task| on(u64::from(task == 0), Access::Write);
        let nobody_knows: Does = |task| if task == 0 { None } else { on(1, Access::Write) };
        for (n, does) in [all_write, one_writes, one_reads, one_apart, nobody_knows].into_iter().enumerate() {
            let distance = distance(3, does);
            assert!(distance < 0.07, "{n}: {distance}");
        }
        // So they can be told apart: what races samples otherwise than what does not.
        let mut counts: BTreeMap<Vec<u32>, i32> = BTreeMap::new();
        for seed in 0..12_000 {
            *counts.entry(play(seed, 3, all_write)).or_default() += 1;
            *counts.entry(by_the_book(seed, 3, |_| None)).or_default() -= 1;
        }
        let apart = counts.values().map(|difference| difference.abs()).sum::<i32>();
        assert!(apart > 24_000 / 10, "{apart}");
    }

    #[test]
    fn the_highest_of_many_is_as_high_as_it_should_be() {
        let mut stream = Stream::new(1, 0);
        for count in [1, 2, 3, 10, 1_000, 1_000_000] {
            let mut below_median = 0;
            for _ in 0..10_000 {
                let random = stream.next_u64();
                let root = highest_of(random, count);
                let exact = ((random >> 11) as f64 / (1u64 << 53) as f64).powf(1.0 / count as f64);
                assert!((root - exact).abs() < 1e-7 && (0.0..=1.0).contains(&root), "{count}: {root}, {exact}");
                below_median += u32::from(root < 0.5f64.powf(1.0 / count as f64));
            }
            assert!((4_700..5_300).contains(&below_median), "{count}: {below_median}");
        }
    }

    /// A thousand that race with each other: every order of two of them is as likely as the other, and nobody is lost.
    #[test]
    fn many_that_race_all_have_their_turn() {
        let all_write: Does = |_| on(1, Access::Write);
        let mut first = 0;
        for seed in 0..40 {
            let order = play(seed, 1_000, all_write);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..1_000).flat_map(|task| [task, task]).collect::<Vec<_>>());
            let at = |task| order.iter().position(|&one| one == task);
            first += (0..500).filter(|&pair| at(2 * pair) < at(2 * pair + 1)).count();
        }
        assert!((9_500..10_500).contains(&first), "{first} of 20,000");
    }
}
