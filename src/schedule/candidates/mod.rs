//! The candidates: a dense list to pick from, and a linked list through it that remembers age.

mod ages;
#[cfg(test)]
mod stub;
#[cfg(test)]
mod tests;
mod wakes;

#[cfg(test)]
pub(crate) use stub::Stub;

use super::BuiltIn;
use super::announced::Operations;
use super::view::{Candidate, Candidates, View};
use crate::boundary::places::Places;
use crate::boundary::tally::Tally;
use crate::boundary::word::{Ahead, Word};
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
        if self.way.get() == OPERATIONS && self.operations.is_by_another(payload.seat().0) {
            return self.push_woken(payload);
        }
        self.push_newest(payload);
    }

    /// Adds the newest candidate, in a ring, or where there is no gap for it.
    #[inline(always)]
    fn push_newest(&self, payload: ManuallyDrop<T>) {
        if let Some(payload) = self.put_newest(payload) {
            self.push_behind(payload);
        }
    }

    /// The same where there is no place any more.
    #[cold]
    #[inline(never)]
    fn push_behind(&self, payload: ManuallyDrop<T>) {
        self.places.lengthen(0);
        let left = self.put_newest(payload);
        debug_assert!(left.is_none());
    }

    /// Fills the next place, or in a ring the gap. Gives `payload` back if there is none.
    #[inline(always)]
    fn put_newest(&self, payload: ManuallyDrop<T>) -> Option<ManuallyDrop<T>> {
        if self.has_stamps() { self.places.put_behind(payload) } else { self.places.put_newest(payload) }
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
        if self.places.gap() == 0 {
            return self.places.used();
        }
        if let Some(at) = self.places.close()
            && !self.has_stamps()
        {
            let age = self.age(at);
            self.set_newer(age.older, at as u32);
            self.set_older(age.newer, at as u32);
        }
        let count = self.places.used();
        if self.places.len() > 4096 && count < self.places.len() / 16 {
            self.shrink();
        }
        count
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

    /// Takes out the one that the next of `words` chooses, where it is known that stamps are kept; `tally` learns of the
    /// decision. `None` if there is nothing to choose, or no word.
    #[inline(always)]
    pub fn take_by_word<const N: usize>(&self, words: &Ahead<N>, tally: &Tally) -> Option<T> {
        if self.places.gap() != 0 {
            self.close();
        }
        self.places.take_by_word(words, tally)
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
