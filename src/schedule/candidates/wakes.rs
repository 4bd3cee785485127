//! Who has woken whom: where it is kept what candidates are about to do, that tells it of those who announce nothing.

use super::{BuiltIn, OPERATIONS, Payload, Ready, STAMPS};
use crate::id::Key;
use std::mem::ManuallyDrop;

impl<T: Payload> Ready<T> {
    /// The wakes to come are the clock's.
    pub fn clock_wakes(&self) {
        if self.keeps_operations() {
            self.note_wakes();
            self.operations.runs(u32::MAX, Key::CLOCK);
        }
    }

    /// Adds the newest candidate, one that another has woken, or the clock. Apart, so that one that gives way saves no registers for it.
    #[inline(never)]
    pub(super) fn push_woken(&self, payload: ManuallyDrop<T>) {
        let (slot, key) = payload.seat();
        self.operations.is_woken(slot, key);
        self.push_newest(payload);
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

    /// The one with that seat runs from now on, and was taken out for that. Whom the one before has woken [is
    /// noted](Ready::note_wakes), or it was itself and nobody else.
    #[inline(always)]
    pub(super) fn runs(&self, slot: u32, key: Key) {
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
}
