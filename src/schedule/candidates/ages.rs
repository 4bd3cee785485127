//! Who is older than whom: by stamps, or by a ring through all places.

use super::{Payload, Ready, STAMPS, Way};
use crate::boundary::places::Neighbours;

impl<T: Payload> Ready<T> {
    /// Has something else kept.
    pub(super) fn keep(&self, way: Way) {
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
    pub(super) fn newer_by_stamps(&self, index: Option<usize>) -> Option<usize> {
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
    pub(super) fn age(&self, at: usize) -> Neighbours {
        Neighbours::of(self.places.age(at))
    }

    #[inline(always)]
    pub(super) fn set_older(&self, at: u32, older: u32) {
        let age = Neighbours { older, ..self.age(at as usize) };
        self.places.set_age(at as usize, age.age());
    }

    #[inline(always)]
    pub(super) fn set_newer(&self, at: u32, newer: u32) {
        let age = Neighbours { newer, ..self.age(at as usize) };
        self.places.set_age(at as usize, age.age());
    }
}
