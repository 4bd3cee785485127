//! Ages as stamps: numbers, the greater the younger. Whoever comes costs next to nothing; that the oldest is taken means that
//! it has to be looked for.

use super::{Places, Row, nobody};
use crate::boundary::tally::Tally;
use std::hint::select_unpredictable;
use std::mem::ManuallyDrop;
use std::ptr;

/// So many are few.
const FEW: usize = 4;

impl<P> Places<P> {
    /// The age of whoever comes next, where ages are stamps.
    #[inline(always)]
    pub fn next_stamp(&self) -> u64 {
        // SAFETY: as in `at`.
        unsafe { (*self.0.get()).next_stamp }
    }

    /// Counts stamps from 0 again, and says whether [`put_youngest`](Places::put_youngest) is to put anybody anywhere.
    pub fn restart(&self, stamped: bool) {
        // SAFETY: as in `at`.
        let row = unsafe { &mut *self.0.get() };
        row.stamped = if stamped { row.places.len() } else { 0 };
        row.next_stamp = 0;
        row.oldest = 0;
    }

    /// Fills the gap, or the first place behind those in use, with the youngest: its age is the next stamp. Gives `payload`
    /// back if there is no such place, or if it is not to.
    #[inline(always)]
    pub fn put_youngest(&self, payload: ManuallyDrop<P>) -> Option<ManuallyDrop<P>> {
        // SAFETY: as in `at`.
        let row = unsafe { &mut *self.0.get() };
        let mut at = row.gap;
        if at == 0 {
            at = row.used + 1;
        }
        if at >= row.stamped {
            return Some(payload);
        }
        if row.gap == 0 {
            row.used = at;
        }
        row.gap = 0;
        let place = &mut row.places[at];
        place.age = row.next_stamp;
        // It cannot overflow; a build that checks takes twice as long to find that out.
        row.next_stamp = row.next_stamp.wrapping_add(1);
        place.payload = ManuallyDrop::new(Some(ManuallyDrop::into_inner(payload)));
        None
    }

    /// Empties a place, which is the gap from then on, and no longer the oldest.
    ///
    /// # Panics
    /// If it is empty.
    #[inline(always)]
    pub fn take_stamped(&self, at: usize) -> P {
        // SAFETY: as in `at`.
        let row = unsafe { &mut *self.0.get() };
        let place = &mut row.places[at];
        // SAFETY: what is read is overwritten at once, so that it is not in two places.
        let payload = unsafe { ptr::read(&place.payload) };
        place.payload = ManuallyDrop::new(None);
        row.gap = at;
        if row.oldest == at {
            row.oldest = 0;
        }
        match ManuallyDrop::into_inner(payload) {
            Some(payload) => payload,
            None => nobody(),
        }
    }

    /// The same for a place that was chosen among the first `count`, which are all that are in use: `tally` learns whether
    /// the plain choice was made. (Written out once more: in a build without optimisation each function that is compiled in
    /// place moves its arguments about.)
    #[inline(always)]
    pub fn take_chosen(&self, at: usize, count: usize, tally: &Tally) -> P {
        // SAFETY: as in `at`; the tally is somewhere else.
        let row = unsafe { &mut *self.0.get() };
        let plainly = if count <= FEW {
            // The oldest of few would have to be looked for every other time, which is more work, and a jump that nobody can
            // guess.
            Self::is_least_of_few(row, at, count)
        } else {
            if row.oldest == 0 {
                Self::look_for_the_oldest(row);
            }
            row.oldest == at
        };
        tally.decided(plainly);
        let place = &mut row.places[at];
        // SAFETY: what is read is overwritten at once, so that it is not in two places.
        let payload = unsafe { ptr::read(&place.payload) };
        place.payload = ManuallyDrop::new(None);
        row.gap = at;
        if row.oldest == at {
            row.oldest = 0;
        }
        match ManuallyDrop::into_inner(payload) {
            Some(payload) => payload,
            None => nobody(),
        }
    }

    /// The place with the least stamp of those in use, of which none is empty; 0 if there is none.
    #[inline(always)]
    pub fn oldest(&self) -> usize {
        // SAFETY: as in `at`.
        let row = unsafe { &mut *self.0.get() };
        if row.oldest == 0 {
            Self::look_for_the_oldest(row);
        }
        row.oldest
    }

    /// Whoever was in the place `from` is in the place `to`.
    pub fn moved(&self, from: usize, to: usize) {
        // SAFETY: as in `at`.
        let row = unsafe { &mut *self.0.get() };
        if row.oldest == from {
            row.oldest = to;
        }
    }

    #[inline(never)]
    fn look_for_the_oldest(row: &mut Row<P>) {
        row.oldest = Self::least(row, row.used);
    }

    /// Of the places `1..=last`, the one with the least age; 0 if there is none.
    #[inline(always)]
    pub(super) fn least(row: &Row<P>, last: usize) -> usize {
        let (mut found, mut least) = (0, u64::MAX);
        let places = &row.places[..=last];
        let mut index = 1;
        while index < places.len() {
            let age = places[index].age;
            if cfg!(debug_assertions) {
                if age < least {
                    (found, least) = (index, age);
                }
            } else {
                // Without a jump, which the processor would guess wrong now and then.
                let is_older = age < least;
                found = select_unpredictable(is_older, index, found);
                least = select_unpredictable(is_older, age, least);
            }
            index += 1;
        }
        found
    }

    /// Whether of the places from 1 to `last`, which is 1 to [`FEW`], none has an age less than the place `at`: without a
    /// loop and without jumps.
    ///
    /// # Panics
    /// If there is no such place.
    #[inline(always)]
    pub(super) fn is_least_of_few(row: &Row<P>, at: usize, last: usize) -> bool {
        assert!(last >= 1 && at <= last && last < row.places.len());
        // A build without optimisation would check each index anew, and takes an instruction for each word that is moved.
        #[cfg(all(debug_assertions, target_arch = "x86_64", not(miri)))]
        {
            let mut older: u32;
            // SAFETY: reads the ages of places none of which is behind `last`, which is one of them.
            unsafe {
                std::arch::asm!(
                    "imul {age}, {at}, {size}",
                    "mov {age}, qword ptr [{places} + {age} + {field}]",
                    "xor {older:e}, {older:e}",
                    "cmp qword ptr [{places} + {size} + {field}], {age}",
                    "adc {older:e}, 0",
                    "cmp {last}, 2",
                    "jb 3f",
                    "cmp qword ptr [{places} + 2 * {size} + {field}], {age}",
                    "adc {older:e}, 0",
                    "cmp {last}, 3",
                    "jb 3f",
                    "cmp qword ptr [{places} + 3 * {size} + {field}], {age}",
                    "adc {older:e}, 0",
                    "cmp {last}, 4",
                    "jb 3f",
                    "cmp qword ptr [{places} + 4 * {size} + {field}], {age}",
                    "adc {older:e}, 0",
                    "3:",
                    places = in(reg) &raw const *row.places as *const super::Place<P>,
                    at = in(reg) at,
                    last = in(reg) last,
                    age = out(reg) _,
                    older = out(reg) older,
                    size = const size_of::<super::Place<P>>(),
                    field = const std::mem::offset_of!(super::Place<P>, age),
                    options(readonly, nostack),
                );
            }
            older == 0
        }
        #[cfg(not(all(debug_assertions, target_arch = "x86_64", not(miri))))]
        {
            let places = &row.places[..=last];
            let age = places[at].age;
            let mut older = places[1].age < age;
            if last >= 2 {
                older |= places[2].age < age;
            }
            if last >= 3 {
                older |= places[3].age < age;
            }
            if last >= 4 {
                older |= places[4].age < age;
            }
            !older
        }
    }
}
