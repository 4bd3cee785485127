//! The candidates as strategies see them.

use super::Back;
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
    /// `late-writes`, `exhaustive`), and in a run that keeps a trace.
    pub fn operation(&self) -> Option<Operation> {
        self.operation
    }
}

/// A view of everything that could run now: at least one candidate, in no particular order, with their ages.
#[derive(Clone, Copy)]
pub struct Candidates<'a> {
    pub(super) all: &'a dyn View,
    pub(super) len: usize,
}

impl<'a> Candidates<'a> {
    /// The candidate at `index`. The order is deterministic, and says nothing: use [`by_age`](Candidates::by_age) for
    /// order.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Candidates::len).
    #[inline]
    pub fn get(&self, index: usize) -> Candidate {
        self.all.candidate(index)
    }

    /// All candidates, in the order of their indices.
    pub fn iter(&self) -> impl Iterator<Item = Candidate> + use<'a> {
        let all = *self;
        (0..all.len).map(move |index| all.get(index))
    }

    /// How many there are.
    #[allow(clippy::len_without_is_empty)] // never empty
    pub fn len(&self) -> usize {
        self.len
    }

    /// The index of the one that has been ready for longest: the plain choice.
    pub fn oldest(&self) -> usize {
        self.all.newer(None).unwrap_or(0)
    }

    /// The index of the one that became ready last.
    pub fn newest(&self) -> usize {
        self.all.newest()
    }

    /// Indices from the oldest to the newest.
    pub fn by_age(&self) -> impl Iterator<Item = usize> + use<'a> {
        let all = self.all;
        std::iter::successors(all.newer(None), move |&index| all.newer(Some(index)))
    }
}

/// What could run now, as a strategy that is built in sees it: the ready set itself, or [`Candidates`] of one.
pub(crate) trait View {
    /// How many there are.
    fn len(&self) -> usize;
    /// The one at `index`, but for what it is about to do.
    fn who(&self, index: usize) -> Candidate;
    /// Of the one at `index` its place in the registry and its key.
    fn seat(&self, index: usize) -> (u32, Key);
    /// What the one with that seat is about to do.
    fn operation(&self, seat: (u32, Key)) -> Option<Operation>;
    /// Whether anything is known of what the one with that place in the registry is about to do, perhaps.
    fn may_be_known(&self, slot: u32) -> bool;
    /// The one at `index`.
    fn candidate(&self, index: usize) -> Candidate;
    /// The index of who became ready just after the one at `index`; the oldest of all for `None`.
    fn newer(&self, index: Option<usize>) -> Option<usize>;
    fn newest(&self) -> usize;

    fn oldest(&self) -> usize {
        self.newer(None).unwrap_or(0)
    }

    /// The index of the newest, and its seat, which is known where it is [back](Back).
    #[inline(always)]
    fn youngest(&self, back: Option<Back>) -> (usize, (u32, Key)) {
        let newest = self.newest();
        (newest, back.map_or_else(|| self.seat(newest), |back| (back.slot, back.key)))
    }

    /// Indices from the oldest to the newest.
    fn by_age(&self) -> impl Iterator<Item = usize>
    where
        Self: Sized,
    {
        std::iter::successors(self.newer(None), |&index| self.newer(Some(index)))
    }

    /// Where the task `key` stands, if it is one of them.
    fn place_of(&self, key: Key) -> Option<usize> {
        (0..self.len()).find(|&index| self.seat(index).1 == key)
    }
}

impl View for Candidates<'_> {
    fn len(&self) -> usize {
        self.len
    }

    fn who(&self, index: usize) -> Candidate {
        self.all.who(index)
    }

    fn seat(&self, index: usize) -> (u32, Key) {
        self.all.seat(index)
    }

    fn operation(&self, seat: (u32, Key)) -> Option<Operation> {
        self.all.operation(seat)
    }

    fn may_be_known(&self, slot: u32) -> bool {
        self.all.may_be_known(slot)
    }

    fn candidate(&self, index: usize) -> Candidate {
        self.all.candidate(index)
    }

    fn newer(&self, index: Option<usize>) -> Option<usize> {
        self.all.newer(index)
    }

    fn newest(&self) -> usize {
        self.all.newest()
    }
}
