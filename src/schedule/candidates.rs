//! The candidates: a dense list to pick from, and a linked list through it that remembers age.

use super::announced::Operations;
use crate::id::Key;
use crate::operation::Operation;
use std::mem::{self, ManuallyDrop};

/// One task or worker that could run now, as a strategy sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub(crate) key: Key,
    pub(crate) step: u32,
    /// Its place in the registry, small and used again once it is gone.
    pub(crate) slot: u32,
    pub(crate) operation: Option<Operation>,
}

impl Candidate {
    /// Its identity, the same in every run in which it exists.
    pub fn key(&self) -> Key {
        self.key
    }

    /// How many steps it has taken before this one.
    pub fn step(&self) -> u32 {
        self.step
    }

    /// What it is about to do, as far as anybody knows: what it has [announced](crate::announce), or else a resource
    /// that stands for whoever woke it last. Known where the strategy is one that asks for it (`surw`, `pos`,
    /// `exhaustive`), and in a run that keeps a trace.
    pub fn operation(&self) -> Option<Operation> {
        self.operation
    }
}

/// What runs when it is chosen, and knows which candidate it is.
pub(crate) trait Payload {
    fn candidate(&self) -> Candidate;
}

/// A view of everything that could run now: at least one candidate, in no particular order, with their ages.
#[derive(Clone, Copy)]
pub struct Candidates<'a>(&'a dyn View);

impl<'a> Candidates<'a> {
    /// The candidate at `index`. The order is deterministic, and says nothing: use [`by_age`](Candidates::by_age) for
    /// order.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Candidates::len).
    pub fn get(&self, index: usize) -> Candidate {
        self.0.candidate(index)
    }

    /// All candidates, in the order of their indices.
    pub fn iter(&self) -> impl Iterator<Item = Candidate> + use<'a> {
        let all = self.0;
        (0..all.len()).map(move |index| all.candidate(index))
    }

    /// How many there are.
    #[allow(clippy::len_without_is_empty)] // never empty
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The index of the one that has been ready for longest: the plain choice.
    pub fn oldest(&self) -> usize {
        self.0.newer(None).unwrap_or(0)
    }

    /// The index of the one that became ready last.
    pub fn newest(&self) -> usize {
        self.0.newest()
    }

    /// Indices from the oldest to the newest.
    pub fn by_age(&self) -> impl Iterator<Item = usize> + use<'a> {
        let all = self.0;
        std::iter::successors(all.newer(None), move |&index| all.newer(Some(index)))
    }
}

/// A ready set without the type of what it holds.
trait View {
    fn len(&self) -> usize;
    fn candidate(&self, index: usize) -> Candidate;
    /// Who became ready just after the one at `index`; the oldest of all for `None`.
    fn newer(&self, index: Option<usize>) -> Option<usize>;
    fn newest(&self) -> usize;
}

impl<T: Payload> View for Ready<T> {
    fn len(&self) -> usize {
        Ready::len(self)
    }

    fn candidate(&self, index: usize) -> Candidate {
        let Some(payload) = &self.places[1..=self.used][index].payload else { nobody() };
        let mut candidate = payload.candidate();
        if let Some(operations) = &self.operations {
            candidate.operation = operations.of(candidate.slot, candidate.key);
        }
        candidate
    }

    fn newer(&self, index: Option<usize>) -> Option<usize> {
        if !self.stamps {
            return (self.places[index.map_or(0, |index| index + 1)].age.1 as usize).checked_sub(1);
        }
        let after = index.map(|index| self.places[index + 1].age.stamp());
        let newer = |&index: &usize| after.is_none_or(|after| self.places[index + 1].age.stamp() > after);
        (0..self.used).filter(newer).min_by_key(|&index| self.places[index + 1].age.stamp())
    }

    fn newest(&self) -> usize {
        if !self.stamps {
            return (self.places[0].age.0 as usize).saturating_sub(1);
        }
        (0..self.used).max_by_key(|&index| self.places[index + 1].age.stamp()).unwrap_or(0)
    }
}

/// Somebody who is ready, and its age.
struct Place<T> {
    payload: Option<T>,
    age: Age,
}

/// How it is known who has been ready for longer: of two numbers, which one it is depends on the [`Ready`] it is in.
///
/// In a ring: the places of who became ready just before (`.0`) and just after (`.1`). By stamps: the low and the high
/// half of a number that is the greater the younger.
#[derive(Clone, Copy)]
struct Age(u32, u32);

impl Age {
    #[inline(always)]
    fn stamp(self) -> u64 {
        u64::from(self.1) << 32 | u64::from(self.0)
    }

    #[inline(always)]
    fn stamped(stamp: u64) -> Age {
        Age(stamp as u32, (stamp >> 32) as u32)
    }
}

/// The ready set: what runs when it is chosen. Nothing in it allocates, once the set has been as large before.
///
/// Most of those who are taken out come back within the same step (a task that yields), so the gap that one leaves is
/// kept for whoever comes next; only if nobody came, [`settle`](Ready::settle) closes it.
///
/// Ages are kept in one of two ways. A *ring* takes constant time whatever is chosen. *Stamps* cost next to nothing but
/// when the oldest has been taken: then all are looked at. A strategy that chooses at random among `n` takes the oldest
/// in one of `n` steps, so that this is constant time, too, on average.
pub(crate) struct Ready<T> {
    /// The candidate with index `i` is in place `i + 1`, up to `used`; behind them are free places. Place 0 is never
    /// taken: in the ring it stands before the oldest and after the newest.
    places: Vec<Place<T>>,
    /// The last place in use, the gap included.
    used: usize,
    /// The place that was left last, unless somebody has filled it; 0 if there is none.
    gap: usize,
    /// Whether ages are kept by stamps.
    stamps: bool,
    next_stamp: u64,
    /// The place of the oldest, if ages are kept by stamps; 0 if it is to be looked for.
    oldest: usize,
    /// What they are about to do, where somebody wants to know; then ages are kept in a ring.
    operations: Option<Box<Operations>>,
}

impl<T: Payload> Ready<T> {
    pub fn new() -> Ready<T> {
        let places = vec![Place { payload: None, age: Age(0, 0) }];
        Ready { places, used: 0, gap: 0, stamps: false, next_stamp: 0, oldest: 0, operations: None }
    }

    /// For a run that begins: whether to keep what candidates are about to do, which takes ages in a ring.
    pub fn keep_operations(&mut self, keep: bool) {
        if keep {
            self.keep_stamps(false);
        }
        self.operations = keep.then(Box::default);
    }

    #[inline]
    pub fn keeps_operations(&self) -> bool {
        self.operations.is_some()
    }

    /// Whoever runs now, in `slot`, says what its next step does.
    pub fn announce(&mut self, slot: u32, key: Key, operation: Operation) {
        if let Some(operations) = &mut self.operations {
            operations.announce(slot, key, operation);
        }
    }

    /// The wakes to come are the clock's.
    pub fn clock_wakes(&mut self) {
        if let Some(operations) = &mut self.operations {
            operations.runs(u32::MAX, Key::CLOCK);
        }
    }

    /// Has ages kept by stamps (`true`) or in a ring.
    pub fn keep_stamps(&mut self, stamps: bool) {
        if self.stamps == stamps {
            return;
        }
        self.settle();
        let by_age: Vec<usize> = self.by_age();
        self.stamps = stamps;
        (self.next_stamp, self.oldest) = (0, 0);
        self.places[0].age = Age(0, 0);
        for at in by_age {
            if let Some(payload) = self.places[at].payload.take() {
                self.put(at, ManuallyDrop::new(payload));
            }
        }
    }

    /// The places from the oldest to the newest.
    fn by_age(&self) -> Vec<usize> {
        if self.stamps {
            let mut all: Vec<usize> = (1..=self.used).collect();
            all.sort_unstable_by_key(|&at| self.places[at].age.stamp());
            return all;
        }
        let next = |&at: &usize| Some(self.places[at].age.1 as usize).filter(|&newer| newer != 0);
        std::iter::successors(next(&0), next).collect()
    }

    /// How many candidates there are.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.used - usize::from(self.gap != 0)
    }

    /// The candidates, once they have [settled](Ready::settle).
    pub fn view(&self) -> Candidates<'_> {
        debug_assert!(self.gap == 0);
        Candidates(self)
    }

    /// The index of the oldest candidate of one or more that have [settled](Ready::settle).
    #[inline(always)]
    pub fn oldest(&mut self) -> usize {
        if !self.stamps {
            return (self.places[0].age.1 as usize).wrapping_sub(1);
        }
        if self.oldest == 0 {
            self.look_for_the_oldest();
        }
        self.oldest.wrapping_sub(1)
    }

    #[inline(never)]
    fn look_for_the_oldest(&mut self) {
        let (mut oldest, mut least) = (0, u64::MAX);
        for (index, place) in self.places[1..=self.used].iter().enumerate() {
            let stamp = place.age.stamp();
            if stamp < least {
                (oldest, least) = (index + 1, stamp);
            }
        }
        self.oldest = oldest;
    }

    /// Adds the newest candidate.
    #[inline(always)]
    pub fn push(&mut self, payload: T) {
        // Should anything here panic (nothing does), it is leaked: what would drop it costs a dozen instructions.
        let payload = ManuallyDrop::new(payload);
        let mut at = self.gap;
        if at == 0 {
            if self.used + 1 == self.places.len() {
                return self.push_enlarging(ManuallyDrop::into_inner(payload));
            }
            self.used += 1;
            at = self.used;
        }
        self.gap = 0;
        self.put(at, payload);
    }

    #[inline(always)]
    fn put(&mut self, at: usize, payload: ManuallyDrop<T>) {
        if self.stamps {
            let stamp = self.next_stamp;
            self.next_stamp = stamp + 1;
            self.fill(at, Age::stamped(stamp), payload);
        } else {
            self.put_in_the_ring(at, payload);
        }
    }

    #[inline(never)]
    fn put_in_the_ring(&mut self, at: usize, payload: ManuallyDrop<T>) {
        if let Some(operations) = &mut self.operations {
            note_wake(operations, &*payload);
        }
        let places = &mut self.places[..];
        let newest = places[0].age.0;
        places[newest as usize].age.1 = at as u32;
        places[0].age.0 = at as u32;
        self.fill(at, Age(newest, 0), payload);
    }

    #[inline(always)]
    fn fill(&mut self, at: usize, age: Age, payload: ManuallyDrop<T>) {
        let place = &mut self.places[at];
        place.age = age;
        // There was none: not dropping it spares a question.
        mem::forget(place.payload.replace(ManuallyDrop::into_inner(payload)));
    }

    #[cold]
    #[inline(never)]
    fn push_enlarging(&mut self, payload: T) {
        self.places.push(Place { payload: None, age: Age(0, 0) });
        self.used += 1;
        self.put(self.used, ManuallyDrop::new(payload));
    }

    /// Closes the gap that [`take`](Ready::take) left, if nobody has: whoever stands last moves there. Returns how many
    /// candidates there are.
    #[inline(always)]
    pub fn settle(&mut self) -> usize {
        if self.gap != 0 {
            self.close();
        }
        self.used
    }

    #[inline(never)]
    fn close(&mut self) {
        let (at, last) = (self.gap, self.used);
        self.used = last - 1;
        self.gap = 0;
        let places = &mut self.places[..];
        if at != last {
            // The gap holds nobody: where it goes is free from now on.
            places.swap(at, last);
            if self.stamps {
                if self.oldest == last {
                    self.oldest = at;
                }
            } else {
                let age = places[at].age;
                places[age.0 as usize].age.1 = at as u32;
                places[age.1 as usize].age.0 = at as u32;
            }
        }
        if places.len() > 4096 && last <= places.len() / 16 {
            self.shrink();
        }
    }

    /// After a burst: what is kept for good is a small part of what one task takes.
    #[cold]
    fn shrink(&mut self) {
        self.places.truncate(self.places.len() / 2 + 1);
        self.places.shrink_to_fit();
    }

    /// Takes the candidate at `index` out. They must have [settled](Ready::settle).
    ///
    /// # Panics
    /// If there is none.
    #[inline(always)]
    pub fn take(&mut self, index: usize) -> T {
        let at = index + 1;
        let places = &mut self.places[..];
        let place = &mut places[at];
        let Some(payload) = place.payload.take() else { nobody() };
        self.gap = at;
        if self.stamps {
            if self.oldest == at {
                self.oldest = 0;
            }
        } else {
            let age = place.age;
            places[age.0 as usize].age.1 = age.1;
            places[age.1 as usize].age.0 = age.0;
            if let Some(operations) = &mut self.operations {
                note_run(operations, &payload);
            }
        }
        payload
    }

    /// Takes the oldest out, for the end of a run.
    pub fn pop_oldest(&mut self) -> Option<T> {
        // Many at once: the ring is for that.
        self.keep_stamps(false);
        if self.settle() == 0 {
            return None;
        }
        let oldest = self.oldest();
        Some(self.take(oldest))
    }
}

#[inline(never)]
fn note_wake(operations: &mut Operations, payload: &impl Payload) {
    let woken = payload.candidate();
    operations.wakes(woken.slot, woken.key);
}

#[inline(never)]
fn note_run(operations: &mut Operations, payload: &impl Payload) {
    let taken = payload.candidate();
    operations.runs(taken.slot, taken.key);
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
impl<P> Payload for Stub<P> {
    fn candidate(&self) -> Candidate {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prng::Stream;

    /// Against the obvious model: a vector in order of age.
    #[test]
    fn keeps_age_whatever_is_taken() {
        let mut stream = Stream::new(1, 0);
        for round in 0..200 {
            let mut ready = Ready::new();
            let mut model: Vec<u32> = Vec::new();
            for n in 0..300 {
                if stream.below(50) == 0 {
                    ready.keep_stamps(stream.below(2) == 0);
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
