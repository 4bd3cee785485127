//! Ages in a ring: constant time, whoever is taken.

use super::{NONE, Place, Places, nobody};
use std::mem::ManuallyDrop;
use std::ptr;

/// An age in a ring: the places of who became ready just before and just after. Place 0 is never filled: in the ring it stands
/// before the oldest and after the newest.
#[derive(Clone, Copy)]
pub struct Neighbours {
    pub older: u32,
    pub newer: u32,
}

impl Neighbours {
    #[inline(always)]
    pub fn of(age: u64) -> Neighbours {
        Neighbours { older: age as u32, newer: (age >> 32) as u32 }
    }

    #[inline(always)]
    pub fn age(self) -> u64 {
        u64::from(self.newer) << 32 | u64::from(self.older)
    }
}

impl<P> Places<P> {
    /// The place `at` is the newest in the ring.
    #[inline(always)]
    pub(super) fn link(places: &mut [Place<P>], at: usize) {
        let before = Neighbours::of(places[0].age);
        places[0].age = Neighbours { older: at as u32, ..before }.age();
        let newest = &mut places[before.older as usize];
        newest.age = Neighbours { newer: at as u32, ..Neighbours::of(newest.age) }.age();
        places[at].age = Neighbours { older: before.older, newer: 0 }.age();
    }

    /// Fills the gap, or the first place behind those in use, with the newest. Gives `payload` back if there is no such place.
    #[inline(always)]
    pub fn put_newest(&self, payload: ManuallyDrop<P>) -> Option<ManuallyDrop<P>> {
        // SAFETY: as in `at`.
        let row = unsafe { &mut *self.0.get() };
        let places = &mut row.places[..];
        let at = if row.gap == NONE { row.used + 1 } else { row.gap + 1 };
        if at >= places.len() {
            return Some(payload);
        }
        row.used = row.used.max(at);
        row.gap = NONE;
        Self::link(places, at);
        places[at].payload = ManuallyDrop::new(Some(ManuallyDrop::into_inner(payload)));
        None
    }

    /// Empties a place, which is the gap from then on, and no longer in the ring.
    ///
    /// # Panics
    /// If it is empty.
    #[inline(always)]
    pub fn take_linked(&self, at: usize) -> P {
        // SAFETY: as in `at`.
        let row = unsafe { &mut *self.0.get() };
        let places = &mut row.places[..];
        let age = Neighbours::of(places[at].age);
        let older = &mut places[age.older as usize];
        older.age = Neighbours { newer: age.newer, ..Neighbours::of(older.age) }.age();
        let newer = &mut places[age.newer as usize];
        newer.age = Neighbours { older: age.older, ..Neighbours::of(newer.age) }.age();
        let place = &mut places[at];
        // SAFETY: what is read is overwritten at once, so that it is not in two places.
        let payload = unsafe { ptr::read(&place.payload) };
        place.payload = ManuallyDrop::new(None);
        row.gap = at.wrapping_sub(1);
        match ManuallyDrop::into_inner(payload) {
            Some(payload) => payload,
            None => nobody(),
        }
    }
}
