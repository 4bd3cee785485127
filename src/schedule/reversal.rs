//! A measured run with some of its races the other way round.

use super::races::{Mark, Races, Reversed};
use super::{Back, BuiltIn, Candidate, View};
use crate::hash::HashMap;
use crate::id::Key;
use crate::prng::Stream;

/// Reversal: has some of the [races](Races) that were measured go the other way round than they did; whatever else there is
/// to decide is decided as in plain order, with whoever ran last going on, or at random. Where nothing races it is a random
/// walk.
///
/// Its first turn has all tasks begin in the opposite order. Those that follow take the races one after the other, as they
/// are [ranked](super::ranking), each alone: what needs one order to be other than usual, which is most bugs, is found
/// without luck. Behind the last of them it draws one to three races, and has each go the other way round, or the two
/// steps meet, one just before the other.
///
/// Most bugs need few orders to be other than usual, and orders matter between steps that race: that is what active
/// testing forces one race at a time (Sen: *Race Directed Random Testing of Concurrent Programs*, PLDI 2008), and partial
/// order reduction backtracks to (Flanagan, Godefroid, POPL 2005). Here races are drawn by kind, so that it does not
/// matter how many tasks do the same.
///
/// Who would run, and has to come after a step that has not been taken, lets the one run that is to take it, and waits
/// if that is not ready. Where nobody else can run, or after a long time, it waits no longer.
pub(crate) struct Reversal {
    stream: Stream,
    base: Base,
    announced: bool,
    /// What has to be done before a step.
    before: HashMap<Mark, Vec<Mark>>,
    /// Who is in one of the races, and how many operations (or steps) each has begun.
    done: HashMap<Key, Progress>,
    /// Whether the one in each place of the registry is, by key.
    involved: Vec<(Key, bool)>,
    last: Key,
    /// For how many more decisions anybody waits.
    patience: u64,
    /// For how many decisions whoever ran last has gone on, and for how many it may: what it spins for may be another's.
    in_a_row: u64,
    most_in_a_row: u64,
    /// Of a round in the opposite order: how many have not had their turn, and how many of these have yet to begin.
    round: usize,
    new: usize,
}

/// Who runs if no race says otherwise.
#[derive(Clone, Copy)]
enum Base {
    Oldest,
    /// The same, but tasks begin in the opposite order.
    Opposite,
    /// Whoever ran last, as long as it can.
    Last,
    Random,
}

/// How many of the oldest are asked before one that should wait runs.
const LOOK_AT: usize = 32;

/// How far a task is that takes part in a race.
struct Progress {
    /// How many of its operations (or steps) it has begun.
    done: u32,
    /// The last of them, from 0, that is about any of the races.
    last: u32,
}

impl Progress {
    /// Whether it takes part no longer: all that others wait for is done, and it waits for nothing.
    fn is_over(&self) -> bool {
        self.done > self.last
    }
}

impl Reversal {
    /// The strategy for one run: `turn` says which of the ranked races; `None`, or a turn behind the last, draws some.
    pub fn new(stream: Stream, races: &Races, length: u64, turn: Option<u64>) -> Reversal {
        match turn {
            Some(0) => return Reversal::with(stream, Base::Opposite, Vec::new(), races, length),
            Some(turn) => {
                if let Some(suspect) = races.ranked(turn - 1) {
                    let base = if suspect.goes_on { Base::Last } else { Base::Oldest };
                    return Reversal::with(stream, base, vec![suspect.reversed(races)], races, length);
                }
            }
            None => {}
        }
        Reversal::draw(stream, races, length)
    }

    fn draw(mut stream: Stream, races: &Races, length: u64) -> Reversal {
        let (base, races_wanted) = match stream.below(8) {
            0 => (Base::Oldest, 1),
            1 => (Base::Oldest, 2 + stream.below(2)),
            2 | 3 => (Base::Last, 1),
            4 => (Base::Last, 2 + stream.below(2)),
            5 | 6 => (Base::Random, 1),
            _ => (Base::Random, 2),
        };
        let drawn: Vec<Reversed> = (0..races_wanted).map_while(|_| races.draw(&mut stream)).collect();
        // Nothing to turn round: not the same schedule for every seed.
        let base = if drawn.is_empty() { Base::Random } else { base };
        Reversal::with(stream, base, drawn, races, length)
    }

    fn with(stream: Stream, base: Base, reversed: Vec<Reversed>, races: &Races, length: u64) -> Reversal {
        let mut before: HashMap<Mark, Vec<Mark>> = HashMap::default();
        let mut done: HashMap<Key, Progress> = HashMap::default();
        for race in reversed {
            let met = race.meeting.iter().flat_map(|(one, other)| [one, other]);
            for (who, nth) in race.first.iter().chain(&race.then).chain(met) {
                let progress = done.entry(*who).or_insert(Progress { done: 0, last: 0 });
                progress.last = progress.last.max(*nth);
            }
            if let Some((one, other)) = race.meeting {
                before.entry(one).or_default().push(other);
            }
            for then in race.then {
                before.entry(then).or_default().extend(race.first.iter().filter(|first| first.0 != then.0));
            }
        }
        let announced = races.are_announced();
        let patience = 10 * length + 1_000;
        Reversal {
            stream,
            base,
            announced,
            before,
            done,
            involved: Vec::new(),
            last: Key::CLOCK,
            patience,
            in_a_row: 0,
            most_in_a_row: patience,
            round: 0,
            new: 0,
        }
    }

    /// Who runs in the opposite order: in each round all who were ready when it began, of those that have yet to take their
    /// first step the newest first, then the others as they stand. (From the second round on, that order is the plain one.)
    #[inline(never)]
    fn opposite(&mut self, candidates: &impl View) -> usize {
        if self.round == 0 {
            let is_new = |&place: &usize| candidates.who(place).step == 0;
            self.round = candidates.len();
            self.new = candidates.by_age().filter(is_new).count();
        }
        self.round -= 1;
        if self.new > 0 {
            self.new -= 1;
            // Whoever became ready since the round began stands behind.
            let newest = candidates.by_age().nth(self.round).filter(|&place| candidates.who(place).step == 0);
            return newest.unwrap_or(candidates.oldest());
        }
        candidates.oldest()
    }

    /// Who runs if no race says otherwise.
    #[inline(always)]
    fn meant(&mut self, candidates: &impl View) -> usize {
        match self.base {
            Base::Oldest | Base::Last => candidates.oldest(),
            Base::Random => self.stream.below(candidates.len() as u32) as usize,
            Base::Opposite => self.opposite(candidates),
        }
    }

    /// Whoever ran last, if it can go on and has not done so for too long; otherwise the oldest.
    #[inline(always)]
    fn goes_on(&mut self, candidates: &impl View, back: Option<Back>) -> (usize, (u32, Key)) {
        let (newest, seat) = candidates.youngest(back);
        if seat.1 == self.last && self.in_a_row < self.most_in_a_row {
            self.in_a_row += 1;
            return (newest, seat);
        }
        self.in_a_row = 0;
        let oldest = candidates.oldest();
        (oldest, candidates.seat(oldest))
    }

    /// Who runs, where the one at `meant` is in one of the races.
    #[inline(never)]
    fn decide(&mut self, meant: usize, candidates: &impl View) -> usize {
        let candidate = candidates.candidate(meant);
        let mut found = self.before(meant, &candidate, candidates);
        if found == Some(meant) {
            self.runs(&candidate);
            return meant;
        }
        if found.is_none() {
            let mut before = |place| self.before(place, &candidates.candidate(place), candidates);
            found = candidates.by_age().take(LOOK_AT).find_map(&mut before);
        }
        let index = found.unwrap_or(meant);
        self.runs(&candidates.candidate(index));
        index
    }

    #[inline(always)]
    fn is_involved(&mut self, (slot, key): (u32, Key)) -> bool {
        match self.involved.get(slot as usize) {
            Some(&(known, involved)) if known == key => involved,
            _ => self.meet(slot as usize, key),
        }
    }

    #[cold]
    fn meet(&mut self, slot: usize, key: Key) -> bool {
        if slot >= self.involved.len() {
            self.involved.resize(slot + 1, (Key::CLOCK, false));
        }
        let involved = self.done.get(&key).is_some_and(|progress| !progress.is_over());
        self.involved[slot] = (key, involved);
        involved
    }

    /// Who has to run for the one at `place` to run: itself, the one that it waits for, or nobody that could.
    #[inline]
    fn before(&mut self, place: usize, candidate: &Candidate, candidates: &impl View) -> Option<usize> {
        if self.before.is_empty() || self.patience == 0 || !self.is_involved((candidate.slot, candidate.key)) {
            return Some(place);
        }
        self.waits_for(place, candidate, candidates)
    }

    /// The same of one that is in one of the races.
    #[inline(never)]
    fn waits_for(&mut self, place: usize, candidate: &Candidate, candidates: &impl View) -> Option<usize> {
        let nth = self.nth(candidate);
        let Some(firsts) = self.before.get_mut(&(candidate.key, nth)) else { return Some(place) };
        while let Some(&(who, nth)) = firsts.last() {
            if self.done.get(&who).is_some_and(|progress| progress.done > nth) {
                firsts.pop();
                continue;
            }
            return candidates.place_of(who);
        }
        self.before.remove(&(candidate.key, nth));
        Some(place)
    }

    /// Which of its operations (or steps) the candidate is about to begin; between two operations, none.
    fn nth(&self, candidate: &Candidate) -> u32 {
        match self.announced {
            true if candidate.operation.is_none_or(|operation| !operation.announced) => u32::MAX,
            true => self.done.get(&candidate.key).map_or(0, |progress| progress.done),
            false => candidate.step,
        }
    }

    #[inline]
    fn runs(&mut self, candidate: &Candidate) {
        self.last = candidate.key;
        if self.before.is_empty() || !self.is_involved((candidate.slot, candidate.key)) {
            return;
        }
        let does = candidate.operation.is_some_and(|operation| operation.announced);
        if let Some(progress) = self.done.get_mut(&candidate.key) {
            progress.done = if self.announced { progress.done + u32::from(does) } else { candidate.step + 1 };
            if progress.is_over() {
                self.involved[candidate.slot as usize].1 = false;
            }
        }
    }
}

impl BuiltIn for Reversal {
    const OPERATIONS: Option<bool> = None;
    const AGES: Option<bool> = None;

    /// What tasks do matters as long as one of them has to wait for another. Who ran last is to be known of those who ran
    /// alone, too, as it is in a run with a trace.
    fn wants_operations(&self) -> bool {
        !self.before.is_empty() || matches!(self.base, Base::Last)
    }

    fn wants_ages(&self) -> bool {
        !matches!(self.base, Base::Random)
    }

    #[inline(always)]
    fn pick(&mut self, candidates: &impl View, back: Option<Back>) -> usize {
        self.patience = self.patience.saturating_sub(1);
        let (meant, seat) = if let Base::Last = self.base {
            self.goes_on(candidates, back)
        } else {
            let meant = self.meant(candidates);
            if self.before.is_empty() {
                return meant;
            }
            (meant, candidates.seat(meant))
        };
        self.last = seat.1;
        if self.before.is_empty() || !self.is_involved(seat) {
            return meant;
        }
        self.decide(meant, candidates)
    }

    fn alone(&mut self, candidates: &impl View) {
        self.runs(&candidates.candidate(0));
    }

    /// The clock is one more candidate, where the rest is random.
    fn slip(&mut self, count: usize) -> bool {
        matches!(self.base, Base::Random) && self.stream.below(count as u32 + 1) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::{Access, Operation};
    use crate::schedule::{Ready, Stub};
    use crate::trace::Trace;

    const TASKS: u32 = 4;
    const STEPS: u32 = 3;

    fn writes(step: u32) -> Operation {
        Operation { resource: u64::from(step), access: Access::Write, announced: true }
    }

    /// Tasks that write 0, 1 and 2 one after the other, always ready: who ran, in order.
    fn play(seed: u64, races: &Races) -> Vec<u32> {
        let mut reversal = Reversal::new(Stream::new(seed, 0), races, 12, None);
        let ready = Ready::of_stubs();
        let stub = |task: u32, step: u32| {
            let mut stub = Stub::new(Key::ROOT.child(task), step, (task, step));
            (stub.0.slot, stub.0.operation) = (task, Some(writes(step)));
            stub
        };
        (0..TASKS).for_each(|task| ready.push_stub(stub(task, 0)));
        let mut order = Vec::new();
        while ready.len() > 0 {
            ready.settle();
            let index = match ready.len() {
                1 => {
                    reversal.alone(&ready.view());
                    0
                }
                _ => reversal.pick(&ready, None),
            };
            let (task, step) = ready.take(index).1;
            order.push(task);
            if step + 1 < STEPS {
                ready.push_stub(stub(task, step + 1));
            }
        }
        order
    }

    fn measured() -> Races {
        let step = |step: u32| (0..TASKS).map(move |task| (Key::ROOT.child(task), step, writes(step)));
        Races::of(&[&Trace { operations: (0..STEPS).flat_map(step).collect(), ..Trace::default() }])
    }

    #[test]
    fn every_task_comes_to_its_end_whatever_is_held() {
        let races = measured();
        for seed in 0..500 {
            let mut order = play(seed, &races);
            order.sort_unstable();
            assert_eq!(order, [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3], "seed {seed}");
        }
    }

    #[test]
    fn a_race_goes_the_other_way_round() {
        let races = measured();
        for seed in 0..500 {
            let reversal = Reversal::new(Stream::new(seed, 0), &races, 12, None);
            let [(&then, firsts)] = reversal.before.iter().collect::<Vec<_>>()[..] else { continue };
            let order = play(seed, &races);
            let at = |(who, nth): Mark| {
                let mut own = (0..order.len()).filter(|&at| Key::ROOT.child(order[at]) == who);
                own.nth(nth as usize).unwrap()
            };
            assert!(firsts.iter().all(|&first| at(first) < at(then)), "seed {seed}: {order:?}");
        }
    }

    /// One that spins until another has run gets that far, however few switches there are to be.
    #[test]
    fn who_spins_does_not_keep_others_waiting_for_ever() {
        let races = measured();
        let goes_on = |seed: &u64| matches!(Reversal::new(Stream::new(*seed, 0), &races, 12, None).base, Base::Last);
        for seed in (0..100).filter(goes_on) {
            let mut reversal = Reversal::new(Stream::new(seed, 0), &races, 12, None);
            let ready = Ready::of_stubs();
            (0..2).for_each(|task| ready.push(Stub::new(Key::ROOT.child(9 + task), 0, task)));
            let mut taken = [0; 2];
            for step in 1..20_000 {
                ready.settle();
                let index = reversal.pick(&ready, None);
                let Stub(candidate, task) = ready.take(index);
                taken[task as usize] += 1;
                ready.push(Stub::new(candidate.key(), step, task));
            }
            assert!(taken.iter().all(|&steps| steps > 5_000), "seed {seed}: {taken:?}");
        }
    }

    #[test]
    fn without_races_it_is_a_random_walk() {
        let orders: std::collections::BTreeSet<_> = (0..64).map(|seed| play(seed, &Races::default())).collect();
        assert!(orders.len() > 60, "{} orders", orders.len());
    }
}
