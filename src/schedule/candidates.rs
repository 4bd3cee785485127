//! The candidates: a dense list to pick from, and a linked list through it that remembers age.

use super::BuiltIn;
use super::announced::Operations;
use super::view::{Candidate, Candidates, View};
use crate::boundary::places::{Neighbours, Places};
use crate::boundary::tally::Tally;
use crate::boundary::word::Word;
use crate::id::Key;
use crate::operation::Operation;
use std::mem::ManuallyDrop;

/// What runs when it is chosen, and knows which candidate it is.
pub(crate) trait Payload {
    fn candidate(&self) -> Candidate;

    /// Its place in the registry and its key, without its step.
    #[inline(always)]
    fn seat(&self) -> (u32, Key) {
        let Candidate { slot, key, .. } = self.candidate();
        (slot, key)
    }
}

impl<T: Payload> View for Ready<T> {
    #[inline(always)]
    fn len(&self) -> usize {
        self.places.used()
    }

    #[inline(always)]
    fn who(&self, index: usize) -> Candidate {
        let in_use = index < self.places.used();
        let Some(candidate) = in_use.then(|| self.places.look(index + 1, T::candidate)).flatten() else { nobody() };
        candidate
    }

    #[inline(always)]
    fn seat(&self, index: usize) -> (u32, Key) {
        let in_use = index < self.places.used();
        let Some(seat) = in_use.then(|| self.places.look(index + 1, T::seat)).flatten() else { nobody() };
        seat
    }

    #[inline(always)]
    fn operation(&self, (slot, key): (u32, Key)) -> Option<Operation> {
        if self.keeps_operations() { self.operations.of(slot, key) } else { None }
    }

    #[inline(always)]
    fn may_be_known(&self, slot: u32) -> bool {
        self.operations.may_be_known(slot)
    }

    fn candidate(&self, index: usize) -> Candidate {
        let who = self.who(index);
        Candidate { operation: self.operation((who.slot, who.key)), ..who }
    }

    #[inline(always)]
    fn newer(&self, index: Option<usize>) -> Option<usize> {
        if self.has_stamps() {
            return self.newer_by_stamps(index);
        }
        (self.age(index.map_or(0, |index| index + 1)).newer as usize).checked_sub(1)
    }

    #[inline(always)]
    fn newest(&self) -> usize {
        if self.has_stamps() {
            return (0..self.places.used()).max_by_key(|&index| self.places.age(index + 1)).unwrap_or(0);
        }
        (self.age(0).older as usize).saturating_sub(1)
    }
}

/// What is kept of the candidates: some of the bits below.
type Way = u8;

/// Ages are numbers, the greater the younger; otherwise a ring through all places. A number costs next to nothing but when
/// the oldest has been taken: then all are looked at. What chooses at random among `n` takes the oldest in one of `n` steps,
/// so that this is constant time on average; the ring is constant time whatever is chosen.
const STAMPS: Way = 1;
/// What they are about to do.
const OPERATIONS: Way = 2;

/// The ready set: what runs when it is chosen. Nothing in it allocates, once the set has been as large before.
///
/// Most of those who are taken out come back within the same step (a task that yields), so the gap that one leaves is
/// kept for whoever comes next; only if nobody came, [`settle`](Ready::settle) closes it.
pub(crate) struct Ready<T> {
    /// The candidate with index `i` is in place `i + 1`, up to `used`; behind them are free places. Place 0 is never
    /// taken: in the ring it stands before the oldest and after the newest.
    places: Places<T>,
    way: Word<Way>,
    /// What they are about to do, where somebody wants to know.
    operations: Operations,
    /// Where ages are stamps: of those from this one on it has still to be noted that they were woken, …
    noted: Word<u64>,
    /// … who stand behind the others, but for the first of them, who may be in the place that was left last: this one.
    left: Word<usize>,
}

impl<T: Payload> Ready<T> {
    pub fn new() -> Ready<T> {
        Ready {
            places: Places::new(0),
            way: Word::new(0),
            operations: Operations::default(),
            noted: Word::new(0),
            left: Word::new(0),
        }
    }

    /// For a run that begins, nobody being ready yet: whether ages are kept by stamps, and whether to keep what candidates
    /// are about to do.
    pub fn begin(&self, stamps: bool, operations: bool) {
        if operations || self.keeps_operations() {
            self.operations.clear();
        }
        let bit = |is_wanted: bool, bit| if is_wanted { bit } else { 0 };
        self.keep(bit(stamps, STAMPS) | bit(operations, OPERATIONS));
    }

    #[inline]
    pub fn keeps_operations(&self) -> bool {
        self.way.get() & OPERATIONS != 0
    }

    /// Whether ages are kept by stamps, and nothing else is kept.
    #[inline(always)]
    pub fn keeps_stamps(&self) -> bool {
        self.way.get() == STAMPS
    }

    /// Whether ages are kept by stamps.
    #[inline(always)]
    fn has_stamps(&self) -> bool {
        self.way.get() & STAMPS != 0
    }

    /// Whether somebody is at work on it, further down the stack.
    pub fn is_busy(&self) -> bool {
        self.places.is_apart() || self.operations.is_busy()
    }

    /// Whoever runs now, in `slot`, says what its next step does.
    pub fn announce(&self, slot: u32, key: Key, operation: Operation) {
        if self.keeps_operations() {
            self.operations.announce(slot, key, operation);
        }
    }

    /// The wakes to come are the clock's.
    pub fn clock_wakes(&self) {
        if self.keeps_operations() {
            self.note_wakes();
            self.operations.runs(u32::MAX, Key::CLOCK);
        }
    }

    /// Has something else kept.
    fn keep(&self, way: Way) {
        let was = self.way.get();
        if was == way {
            return;
        }
        self.settle();
        let by_age = self.places_by_age();
        self.note_wakes();
        self.places.restart(way & STAMPS != 0);
        self.places.set_age(0, 0);
        by_age.into_iter().for_each(|at| self.places.renew(at, way & STAMPS != 0));
        self.noted.set(self.places.next_stamp());
        self.way.set(way);
    }

    #[inline(never)]
    fn newer_by_stamps(&self, index: Option<usize>) -> Option<usize> {
        let after = index.map(|index| self.places.age(index + 1));
        let newer = |&index: &usize| after.is_none_or(|after| self.places.age(index + 1) > after);
        (0..self.places.used()).filter(newer).min_by_key(|&index| self.places.age(index + 1))
    }

    /// The places from the oldest to the newest.
    fn places_by_age(&self) -> Vec<usize> {
        if self.has_stamps() {
            let mut all: Vec<usize> = (1..=self.places.used()).collect();
            all.sort_unstable_by_key(|&at| self.places.age(at));
            return all;
        }
        let next = |&at: &usize| Some(self.age(at).newer as usize).filter(|&newer| newer != 0);
        std::iter::successors(next(&0), next).collect()
    }

    #[inline(always)]
    fn age(&self, at: usize) -> Neighbours {
        Neighbours::of(self.places.age(at))
    }

    #[inline(always)]
    fn set_older(&self, at: u32, older: u32) {
        let age = Neighbours { older, ..self.age(at as usize) };
        self.places.set_age(at as usize, age.age());
    }

    #[inline(always)]
    fn set_newer(&self, at: u32, newer: u32) {
        let age = Neighbours { newer, ..self.age(at as usize) };
        self.places.set_age(at as usize, age.age());
    }

    /// How many candidates there are.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.places.used() - usize::from(self.places.gap() != 0)
    }

    /// The candidates, once they have [settled](Ready::settle).
    pub fn view(&self) -> Candidates<'_> {
        debug_assert!(self.places.gap() == 0);
        self.note_wakes();
        Candidates { all: self, len: self.places.used() }
    }

    /// The index of the oldest candidate of one or more that have [settled](Ready::settle).
    #[inline(always)]
    pub fn oldest(&self) -> usize {
        let at = if self.has_stamps() { self.places.oldest() } else { self.age(0).newer as usize };
        at.wrapping_sub(1)
    }

    /// Adds the newest candidate.
    #[inline(always)]
    pub fn push(&self, payload: T) {
        // Should anything here panic (nothing does), it is leaked: what would drop it costs a dozen instructions.
        if let Some(payload) = self.places.put_youngest(ManuallyDrop::new(payload)) {
            self.push_otherwise(payload);
        }
    }

    #[inline(never)]
    fn push_otherwise(&self, payload: ManuallyDrop<T>) {
        let way = self.way.get();
        if way == OPERATIONS && self.operations.is_by_another(payload.seat().0) {
            return self.push_woken(payload);
        }
        if let Some(payload) = self.places.put_newest(payload, way & STAMPS != 0) {
            self.push_behind(payload);
        }
    }

    /// The same of one that another has woken, or the clock. Apart, so that one that gives way saves no registers for it.
    #[inline(never)]
    fn push_woken(&self, payload: ManuallyDrop<T>) {
        let (slot, key) = payload.seat();
        self.operations.is_woken(slot, key);
        if let Some(payload) = self.places.put_newest(payload, self.has_stamps()) {
            self.push_behind(payload);
        }
    }

    /// Notes of all who came since somebody was taken out that whoever runs has woken them. Where ages are stamps, this is put
    /// off to when somebody wants to know, so that one that gives way costs nothing. (In a ring it is noted at once.)
    #[inline(always)]
    pub fn note_wakes(&self) {
        if self.way.get() == STAMPS | OPERATIONS && self.noted.get() != self.places.next_stamp() {
            self.note_wakes_since();
        }
    }

    #[inline(never)]
    fn note_wakes_since(&self) {
        let noted = self.noted.get();
        let note = |&at: &usize| {
            let is_new = self.places.age(at) >= noted;
            if is_new
                && let Some((slot, key)) = self.places.look(at, T::seat)
                && self.operations.is_by_another(slot)
            {
                self.operations.is_woken(slot, key);
            }
            is_new
        };
        let used = self.places.used();
        let left = Some(self.left.get()).filter(|left| (1..=used).contains(left));
        left.filter(note);
        (1..=used).rev().take_while(note).for_each(drop);
        self.noted.set(self.places.next_stamp());
    }

    /// The same where there is no place any more.
    #[cold]
    #[inline(never)]
    fn push_behind(&self, payload: ManuallyDrop<T>) {
        self.places.lengthen(0);
        let left = self.places.put_newest(payload, self.has_stamps());
        debug_assert!(left.is_none());
    }

    /// Closes the gap that [`take`](Ready::take) left, if nobody has: whoever stands last moves there. Returns how many
    /// candidates there are.
    #[inline(always)]
    pub fn settle(&self) -> usize {
        match self.places.whole() {
            0 => self.close(),
            count => count,
        }
    }

    /// Whether there are `count` candidates, and have [settled](Ready::settle).
    #[inline(always)]
    pub fn is_whole(&self, count: usize) -> bool {
        self.places.whole() == count
    }

    #[inline(never)]
    fn close(&self) -> usize {
        let (at, last) = (self.places.gap(), self.places.used());
        if at == 0 {
            return last;
        }
        self.places.set_used(last - 1);
        self.places.set_gap(0);
        if at != last {
            // The gap holds nobody: where it goes is free from now on.
            self.places.swap(at, last);
            if self.has_stamps() {
                // Whoever moved may have been the oldest.
                self.places.moved(last, at);
            } else {
                let age = self.age(at);
                self.set_newer(age.older, at as u32);
                self.set_older(age.newer, at as u32);
            }
        }
        if self.places.len() > 4096 && last <= self.places.len() / 16 {
            self.shrink();
        }
        last - 1
    }

    /// After a burst: what is kept for good is a small part of what one task takes.
    #[cold]
    fn shrink(&self) {
        self.places.shorten(self.places.len() / 2 + 1);
    }

    /// Takes the candidate at `index` out. They must have [settled](Ready::settle).
    ///
    /// # Panics
    /// If there is none.
    #[inline(always)]
    pub fn take(&self, index: usize) -> T {
        if self.keeps_stamps() { self.take_by_stamps(index) } else { self.take_otherwise(index) }
    }

    /// Takes the one at `index` out that was chosen of all `count`, where it is known that stamps are kept: `tally` learns of
    /// the decision.
    #[inline(always)]
    pub fn take_chosen(&self, index: usize, count: usize, tally: &Tally) -> T {
        self.places.take_chosen(index + 1, count, tally)
    }

    /// Takes the candidate at `index` out, where it is known that stamps are kept.
    #[inline(always)]
    pub fn take_by_stamps(&self, index: usize) -> T {
        self.places.take_stamped(index + 1)
    }

    #[inline(always)]
    fn take_otherwise(&self, index: usize) -> T {
        self.note_wakes();
        let payload = if self.has_stamps() { self.take_by_stamps(index) } else { self.places.take_linked(index + 1) };
        let (slot, key) = payload.seat();
        self.runs(slot, key);
        payload
    }

    /// Takes the one at `index` out that was chosen of all `count`, for a strategy of this kind: `tally` learns of the decision.
    /// Who it is [is told](Ready::runs_for) afterwards.
    #[inline(always)]
    pub fn take_decided<B: BuiltIn>(&self, index: usize, count: usize, tally: &Tally) -> T {
        debug_assert!(B::AGES.is_none_or(|ages| ages != self.has_stamps()));
        if B::AGES.map_or_else(|| self.has_stamps(), |ages| !ages) {
            return self.places.take_chosen(index + 1, count, tally);
        }
        tally.decided(self.age(0).newer as usize == index + 1);
        self.places.take_linked(index + 1)
    }

    /// Takes the only one out, whoever decides. As [`take_decided`](Ready::take_decided).
    #[inline(always)]
    pub fn take_alone(&self) -> T {
        if self.has_stamps() { self.take_by_stamps(0) } else { self.places.take_linked(1) }
    }

    /// The one with that seat runs from now on, and was taken out for that. Whom the one before has woken [is
    /// noted](Ready::note_wakes), or it was itself and nobody else.
    #[inline(always)]
    fn runs(&self, slot: u32, key: Key) {
        if self.keeps_operations() {
            self.begins_step(slot, key);
        }
    }

    /// The same for a strategy of this kind.
    #[inline(always)]
    pub fn runs_for<B: BuiltIn>(&self, slot: u32, key: Key) {
        debug_assert!(B::OPERATIONS.is_none_or(|operations| operations == self.keeps_operations()));
        if B::OPERATIONS.unwrap_or_else(|| self.keeps_operations()) {
            self.begins_step(slot, key);
        }
    }

    #[inline(always)]
    fn begins_step(&self, slot: u32, key: Key) {
        self.operations.runs(slot, key);
        self.noted.set(self.places.next_stamp());
        self.left.set(self.places.gap());
    }

    /// Takes the oldest out, for the end of a run.
    pub fn pop_oldest(&self) -> Option<T> {
        // Many at once: the ring is for that.
        self.keep(0);
        if self.settle() == 0 {
            return None;
        }
        let oldest = self.oldest();
        Some(self.take(oldest))
    }
}

#[cold]
fn nobody() -> ! {
    panic!("no such candidate")
}

/// A payload for tests of strategies.
#[cfg(test)]
pub(crate) struct Stub<P>(pub Candidate, pub P);

#[cfg(test)]
impl<P> Stub<P> {
    pub fn new(key: Key, step: u32, payload: P) -> Stub<P> {
        Stub(Candidate { key, step, slot: step, operation: None }, payload)
    }
}

#[cfg(test)]
impl<P> Ready<Stub<P>> {
    /// A set that keeps what is about to be done.
    pub fn of_stubs() -> Ready<Stub<P>> {
        let ready = Ready::new();
        ready.begin(false, true);
        ready
    }

    /// Adds one that says what it does.
    pub fn push_stub(&self, stub: Stub<P>) {
        let Candidate { slot, key, operation, .. } = stub.0;
        operation.into_iter().for_each(|operation| self.announce(slot, key, operation));
        self.push(stub);
    }
}

#[cfg(test)]
impl<P> Payload for Stub<P> {
    fn candidate(&self) -> Candidate {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prng::Stream;

    /// Candidates that give way and wake others, and now and then the clock or somebody amid a step of another: with stamps the
    /// same is known of them as with a ring.
    #[test]
    fn what_is_noted_late_is_what_is_noted_at_once() {
        for seed in 0..300 {
            let told: Vec<Vec<Option<Operation>>> =
                [false, true].into_iter().map(|stamps| told(seed, stamps)).collect();
            assert_eq!(told[0], told[1], "seed {seed}");
            assert!(told[0].iter().any(Option::is_some), "seed {seed}");
        }
    }

    /// What is told of those who are ready, the oldest first, after each of some steps.
    fn told(seed: u64, stamps: bool) -> Vec<Option<Operation>> {
        let (mut stream, ready, mut told) = (Stream::new(seed, 0), Ready::new(), Vec::new());
        ready.begin(stamps, true);
        let stub = |task: u32| {
            let mut stub = Stub::new(Key::ROOT.child(task), 0, task);
            stub.0.slot = task;
            stub
        };
        let (mut away, mut running): (Vec<u32>, u32) = ((1..12).collect(), 0);
        let wake = |away: &mut Vec<u32>, stream: &mut Stream| {
            for _ in 0..stream.below(3).min(away.len() as u32) {
                ready.push(stub(away.swap_remove(stream.below(away.len() as u32) as usize)));
            }
        };
        ready.push(stub(0));
        for step in 0..60 {
            if ready.settle() == 0 {
                ready.clock_wakes();
                wake(&mut away, &mut stream);
                continue;
            }
            let view = ready.view();
            told.extend(view.by_age().map(|index| view.get(index).operation()));
            let nth = stream.below(ready.len() as u32) as usize;
            let chosen = view.by_age().nth(nth).unwrap();
            running = ready.take(chosen).1;
            wake(&mut away, &mut stream);
            if stream.below(4) == 0 {
                ready.settle();
                ready.view();
                wake(&mut away, &mut stream);
            }
            if stream.below(8) == 0 {
                ready.clock_wakes();
                wake(&mut away, &mut stream);
            }
            if stream.below(4) == 0 {
                let does = Operation { resource: step, access: crate::operation::Access::Read, announced: true };
                ready.announce(running, Key::ROOT.child(running), does);
            }
            if stream.below(3) > 0 { ready.push(stub(running)) } else { away.push(running) }
        }
        let _ = running;
        told
    }

    /// Against the obvious model: a vector in order of age.
    #[test]
    fn keeps_age_whatever_is_taken() {
        let mut stream = Stream::new(1, 0);
        for round in 0..200 {
            let ready = Ready::new();
            let mut model: Vec<u32> = Vec::new();
            for n in 0..300 {
                if stream.below(50) == 0 {
                    ready.keep(stream.below(4) as Way);
                }
                ready.settle();
                if !model.is_empty() && stream.below(100) < 30 + round % 40 {
                    let index = stream.below(ready.len() as u32) as usize;
                    let Stub(candidate, payload) = ready.take(index);
                    assert_eq!(candidate.step(), payload);
                    model.retain(|&m| m != payload);
                } else {
                    ready.push(Stub::new(Key::ROOT.child(n), n, n));
                    model.push(n);
                }
                if stream.below(2) == 0 {
                    continue;
                }
                ready.settle();
                let ages: Vec<u32> = ready.view().by_age().map(|i| ready.view().get(i).step()).collect();
                assert_eq!(ages, model);
                assert_eq!(ready.len(), model.len());
                if let Some(&oldest) = model.first() {
                    let index = ready.oldest();
                    assert_eq!(ready.view().get(index).step(), oldest);
                }
            }
        }
    }
}
