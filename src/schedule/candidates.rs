//! The candidates: a dense list to pick from, and a linked list through it that remembers age.

use super::announced::Operations;
use crate::id::Key;
use crate::operation::Operation;

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
        self.len
    }

    fn candidate(&self, index: usize) -> Candidate {
        let Some(payload) = &self.places[1..=self.len][index].payload else { nobody() };
        let mut candidate = payload.candidate();
        if let Some(operations) = &self.operations {
            candidate.operation = operations.of(candidate.slot, candidate.key);
        }
        candidate
    }

    fn newer(&self, index: Option<usize>) -> Option<usize> {
        (self.places[index.map_or(0, |index| index + 1)].newer as usize).checked_sub(1)
    }

    fn newest(&self) -> usize {
        (self.places[0].older as usize).saturating_sub(1)
    }
}

/// Somebody who is ready, and the places of who became so just before and just after.
struct Place<T> {
    payload: Option<T>,
    older: u32,
    newer: u32,
}

/// The ready set: what runs when it is chosen. Every operation takes constant time and, once the set has been as large
/// before, no allocation.
///
/// Most of those who are taken out come back within the same step (a task that yields), so the gap that one leaves is
/// kept for whoever comes next; only if nobody came, [`settle`](Ready::settle) closes it.
pub(crate) struct Ready<T> {
    /// The candidate with index `i` is in place `i + 1`, up to `len`; behind them are free places. By age they form a
    /// ring, in which place 0, never taken, stands before the oldest and after the newest.
    places: Vec<Place<T>>,
    len: usize,
    /// Where the next one goes: behind all others, or into the gap.
    free: usize,
    /// What they are about to do, where the strategy wants to know.
    operations: Option<Box<Operations>>,
}

impl<T: Payload> Ready<T> {
    pub fn new() -> Ready<T> {
        Ready { places: vec![Place { payload: None, older: 0, newer: 0 }], len: 0, free: 1, operations: None }
    }

    /// For a run that begins: whether to keep what candidates are about to do.
    pub fn keep_operations(&mut self, keep: bool) {
        self.operations = keep.then(Box::default);
    }

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

    #[inline(always)]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The candidates, once they have [settled](Ready::settle).
    pub fn view(&self) -> Candidates<'_> {
        debug_assert!(self.free > self.len);
        Candidates(self)
    }

    /// The index of the oldest candidate, once they have [settled](Ready::settle).
    #[inline(always)]
    pub fn oldest(&self) -> Option<usize> {
        (self.places[0].newer as usize).checked_sub(1)
    }

    /// Adds the newest candidate.
    #[inline(always)]
    pub fn push(&mut self, payload: T) {
        if self.operations.is_some() {
            self.note_wake(&payload);
        }
        let at = self.free;
        if at == self.places.len() {
            self.grow();
        }
        let places = &mut self.places[..];
        let newest = places[0].older;
        places[newest as usize].newer = at as u32;
        places[0].older = at as u32;
        let place = &mut places[at];
        (place.older, place.newer) = (newest, 0);
        // There was none: not dropping it spares a question.
        std::mem::forget(place.payload.replace(payload));
        self.len += 1;
        self.free = self.len + 1;
    }

    #[inline(never)]
    fn note_wake(&mut self, payload: &T) {
        let woken = payload.candidate();
        if let Some(operations) = &mut self.operations {
            operations.wakes(woken.slot, woken.key);
        }
    }

    #[inline(never)]
    fn note_run(&mut self, payload: &T) {
        let taken = payload.candidate();
        if let Some(operations) = &mut self.operations {
            operations.runs(taken.slot, taken.key);
        }
    }

    #[cold]
    fn grow(&mut self) {
        self.places.push(Place { payload: None, older: 0, newer: 0 });
    }

    /// Closes the gap that [`take`](Ready::take) left, if nobody has: whoever stands last moves there.
    #[inline(always)]
    pub fn settle(&mut self) {
        if self.free <= self.len {
            self.close();
        }
    }

    #[inline(never)]
    fn close(&mut self) {
        if self.len < self.places.len() / 16 && self.places.len() > 4096 {
            // After a burst: what is kept for good is a small part of what one task takes.
            self.places.truncate(self.places.len() / 2 + 1);
            self.places.shrink_to_fit();
        }
        let (at, last) = (self.free, self.len + 1);
        let places = &mut self.places[..];
        let moved = std::mem::replace(&mut places[last], Place { payload: None, older: 0, newer: 0 });
        places[moved.older as usize].newer = at as u32;
        places[moved.newer as usize].older = at as u32;
        places[at] = moved;
        self.free = last;
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
        let (older, newer) = (place.older, place.newer);
        places[older as usize].newer = newer;
        places[newer as usize].older = older;
        self.len -= 1;
        self.free = at;
        if self.operations.is_some() {
            self.note_run(&payload);
        }
        payload
    }

    /// Takes the oldest out, for the end of a run.
    pub fn pop_oldest(&mut self) -> Option<T> {
        self.settle();
        let oldest = self.oldest()?;
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
                assert_eq!(ready.oldest().map(|i| ready.view().get(i).step()), model.first().copied());
                assert_eq!(ready.oldest().is_none(), model.is_empty());
            }
        }
    }
}
