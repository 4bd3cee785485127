//! The candidates: a dense list to pick from, and a linked list through it that remembers age.

use crate::id::Key;

/// One task or worker that could run now, as a strategy sees it.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    key: Key,
    step: u32,
    older: u32,
    newer: u32,
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
}

/// A view of everything that could run now: at least one candidate, in no particular order, with their ages.
#[derive(Clone, Copy)]
pub struct Candidates<'a> {
    all: &'a [Candidate],
    oldest: u32,
}

impl<'a> Candidates<'a> {
    /// All candidates. The order is deterministic, and says nothing: use [`by_age`](Candidates::by_age) for order.
    pub fn as_slice(&self) -> &'a [Candidate] {
        self.all
    }

    /// How many there are.
    #[allow(clippy::len_without_is_empty)] // never empty
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// The index of the one that has been ready for longest: the plain choice.
    pub fn oldest(&self) -> usize {
        self.oldest as usize
    }

    /// Indices from the oldest to the newest.
    pub fn by_age(&self) -> impl Iterator<Item = usize> + use<'a> {
        let all = self.all;
        let mut at = self.oldest;
        std::iter::from_fn(move || {
            let index = at as usize;
            at = all.get(index)?.newer;
            Some(index)
        })
    }
}

const NONE: u32 = u32::MAX;

/// The ready set: candidates with what runs when they are chosen. Every operation takes constant time and, once the
/// set has been as large before, no allocation.
pub(crate) struct Ready<T> {
    candidates: Vec<Candidate>,
    payloads: Vec<T>,
    oldest: u32,
    newest: u32,
}

impl<T> Ready<T> {
    pub fn new() -> Ready<T> {
        Ready { candidates: Vec::new(), payloads: Vec::new(), oldest: NONE, newest: NONE }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.payloads.len()
    }

    #[inline]
    pub fn view(&self) -> Candidates<'_> {
        Candidates { all: &self.candidates, oldest: self.oldest }
    }

    #[inline]
    pub fn oldest(&self) -> Option<usize> {
        (self.oldest != NONE).then_some(self.oldest as usize)
    }

    /// Adds the newest candidate.
    #[inline]
    pub fn push(&mut self, key: Key, step: u32, payload: T) {
        let index = self.candidates.len() as u32;
        let older = self.newest;
        self.set_newer(older, index);
        self.newest = index;
        self.candidates.push(Candidate { key, step, older, newer: NONE });
        self.payloads.push(payload);
    }

    /// Takes the candidate at `index` out.
    #[inline]
    pub fn take(&mut self, index: usize) -> (Candidate, T) {
        let taken = self.candidates[index];
        self.link(taken.older, taken.newer);
        self.candidates.swap_remove(index);
        let payload = self.payloads.swap_remove(index);
        // What stood last may stand at `index` now: its neighbours in age have to know.
        if let Some(moved) = self.candidates.get(index) {
            let (older, newer) = (moved.older, moved.newer);
            self.set_newer(older, index as u32);
            self.set_older(newer, index as u32);
        }
        (taken, payload)
    }

    #[inline]
    fn link(&mut self, older: u32, newer: u32) {
        self.set_newer(older, newer);
        self.set_older(newer, older);
    }

    #[inline]
    fn set_newer(&mut self, of: u32, newer: u32) {
        match self.candidates.get_mut(of as usize) {
            Some(candidate) => candidate.newer = newer,
            None => self.oldest = newer,
        }
    }

    #[inline]
    fn set_older(&mut self, of: u32, older: u32) {
        match self.candidates.get_mut(of as usize) {
            Some(candidate) => candidate.older = older,
            None => self.newest = older,
        }
    }

    /// Takes everything out, oldest first, for the end of a run.
    pub fn pop_oldest(&mut self) -> Option<T> {
        let oldest = self.oldest()?;
        Some(self.take(oldest).1)
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
                if !model.is_empty() && stream.below(100) < 30 + round % 40 {
                    let index = stream.below(ready.len() as u32) as usize;
                    let (candidate, payload) = ready.take(index);
                    assert_eq!(candidate.step(), payload);
                    model.retain(|&m| m != payload);
                } else {
                    ready.push(Key::ROOT.child(n), n, n);
                    model.push(n);
                }
                let ages: Vec<u32> = ready.view().by_age().map(|i| ready.view().as_slice()[i].step()).collect();
                assert_eq!(ages, model);
                assert_eq!(ready.len(), model.len());
                assert_eq!(ready.oldest().map(|i| ready.payloads[i]), model.first().copied());
                assert_eq!(ready.newest == NONE, model.is_empty());
            }
        }
    }
}
