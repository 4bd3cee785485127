//! Ages as stamps: numbers, the greater the younger. Whoever comes costs next to nothing; that the oldest is taken means that
//! it has to be looked for.

use super::{NONE, Place, Places, Row, nobody};
use crate::boundary::tally::Tally;
use crate::boundary::word::Ahead;
use std::hint::select_unpredictable;
use std::mem::ManuallyDrop;
use std::ptr;

/// So many are few.
pub(super) const FEW: usize = 4;

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
        row.by_stamps = stamped;
        row.stamped = if stamped { row.places.len().saturating_sub(1) } else { 0 };
        row.next_stamp = 0;
        row.oldest = 0;
    }

    /// Fills the gap with the youngest: its age is the next stamp. Gives `payload` back if there is no gap, or if it is not to.
    #[inline(always)]
    pub fn put_youngest(&self, payload: ManuallyDrop<P>) -> Option<ManuallyDrop<P>> {
        // SAFETY: as in `at`.
        let row = unsafe { &mut *self.0.get() };
        let gap = row.gap;
        if gap >= row.stamped {
            return Some(payload);
        }
        row.gap = NONE;
        let stamp = row.next_stamp;
        // It cannot overflow; a build that checks takes twice as long to find that out.
        row.next_stamp = stamp.wrapping_add(1);
        let places = &raw mut *row.places as *mut Place<P>;
        // SAFETY: there is that place: a gap has one unless it is NONE or APART, which are no less than `stamped`. Nothing is
        // dropped: what is overwritten is a `ManuallyDrop`.
        unsafe {
            let place = places.wrapping_add(gap.wrapping_add(1));
            (*place).age = stamp;
            (*place).payload = ManuallyDrop::new(Some(ManuallyDrop::into_inner(payload)));
        }
        None
    }

    /// The same where there is no gap: fills the first place behind those in use. Gives `payload` back if there is none.
    #[inline(always)]
    pub fn put_behind(&self, payload: ManuallyDrop<P>) -> Option<ManuallyDrop<P>> {
        // SAFETY: as in `at`.
        let row = unsafe { &mut *self.0.get() };
        let used = row.used;
        if used >= row.stamped || row.gap != NONE {
            return Some(payload);
        }
        let place = &mut row.places[used + 1];
        row.used = used + 1;
        place.age = row.next_stamp;
        row.next_stamp = row.next_stamp.wrapping_add(1);
        place.payload = ManuallyDrop::new(Some(ManuallyDrop::into_inner(payload)));
        if used == FEW {
            Self::look_for_the_oldest(row);
        }
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
        row.gap = at.wrapping_sub(1);
        if row.oldest == row.gap && row.used > FEW {
            Self::look_for_the_next_oldest(row);
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
        if count <= FEW {
            // The oldest of few would have to be looked for every other time, which is more work, and a jump that nobody can
            // guess.
            tally.decided(Self::is_least_of_few(row, at, count));
        } else {
            Self::decides(row, at.wrapping_sub(1), tally);
        }
        let place = &mut row.places[at];
        // SAFETY: what is read is overwritten at once, so that it is not in two places.
        let payload = unsafe { ptr::read(&place.payload) };
        place.payload = ManuallyDrop::new(None);
        row.gap = at.wrapping_sub(1);
        match ManuallyDrop::into_inner(payload) {
            Some(payload) => payload,
            None => nobody(),
        }
    }

    /// The same for a place that the next of `words` chooses among all. `None`, and nothing is done, if there is a gap, if there
    /// is nothing to choose, or if there are no words left. What most steps of a random walk are is done here, with few
    /// instructions.
    ///
    /// # Panics
    /// If the place is empty.
    // `?` is a call in a build without optimisation.
    #[allow(clippy::question_mark)]
    #[inline(always)]
    pub fn take_by_word<const N: usize>(&self, words: &Ahead<N>, tally: &Tally) -> Option<P> {
        // SAFETY: as in `at`; the tally and the words are somewhere else, and call nobody.
        let row = unsafe { &mut *self.0.get() };
        if row.gap != NONE {
            return None;
        }
        let count = row.used;
        let index;
        if count > FEW {
            let Some(word) = words.next_if_any() else { return None };
            index = word.below(count);
            Self::decides(row, index, tally);
        } else {
            if count <= 1 {
                return None;
            }
            let Some(word) = words.next_if_any() else { return None };
            index = word.below(count);
            tally.decided(Self::is_least_of_few(row, index.wrapping_add(1), count));
        }
        let places = &raw mut *row.places as *mut Place<P>;
        // SAFETY: there is that place: `index` is less than `count`, and that is less than `places.len()`, since the row is not
        // apart: its gap would be APART. What is read is overwritten at once, so that it is not in two places.
        let payload = unsafe {
            let place = places.wrapping_add(index.wrapping_add(1));
            let payload = ptr::read(&raw const (*place).payload);
            (*place).payload = ManuallyDrop::new(None);
            payload
        };
        row.gap = index;
        match ManuallyDrop::into_inner(payload) {
            Some(payload) => Some(payload),
            None => nobody(),
        }
    }

    /// The one behind place `index` is chosen among many, and about to be taken.
    #[inline(always)]
    fn decides(row: &mut Row<P>, index: usize, tally: &Tally) {
        tally.decision();
        if row.oldest == index {
            tally.plainly();
            Self::look_for_the_next_oldest(row);
        }
    }

    /// The place with the least stamp of those in use, of which none is empty; 0 if there is none.
    #[inline(always)]
    pub fn oldest(&self) -> usize {
        // SAFETY: as in `at`.
        let row = unsafe { &*self.0.get() };
        if row.used <= FEW { Self::least(row, row.used) } else { row.oldest.wrapping_add(1) }
    }

    /// Looks for the oldest, none in use being empty.
    #[inline(never)]
    pub(super) fn look_for_the_oldest(row: &mut Row<P>) {
        row.oldest = Self::least(row, row.used).wrapping_sub(1);
    }

    /// The oldest is taken: looks for the one that is the oldest then.
    #[inline(never)]
    fn look_for_the_next_oldest(row: &mut Row<P>) {
        // Whoever comes next to its place has a stamp again.
        row.places[row.oldest.wrapping_add(1)].age = u64::MAX;
        Self::look_for_the_oldest(row);
    }

    /// Of the places `1..=last`, the one with the least age; 0 if there is none.
    #[inline(always)]
    pub(super) fn least(row: &Row<P>, last: usize) -> usize {
        let (mut found, mut least) = (0, u64::MAX);
        let places = &row.places[..=last];
        if !cfg!(debug_assertions) {
            return Self::least_without_jumps(places);
        }
        let mut index = 1;
        while index < places.len() {
            let age = places[index].age;
            if age < least {
                (found, least) = (index, age);
            }
            index += 1;
        }
        found
    }

    /// The same without a jump that the processor would guess wrong now and then: among which eight the least is, and then,
    /// which is one such jump, where among these. Place 0 does not count.
    #[inline(always)]
    pub(super) fn least_without_jumps(places: &[Place<P>]) -> usize {
        let (mut found, mut least) = (0, u64::MAX);
        let (eights, rest) = places[1..].as_chunks::<8>();
        let mut older = |nth: usize, own: u64| {
            let is_older = own < least;
            found = select_unpredictable(is_older, nth, found);
            least = select_unpredictable(is_older, own, least);
        };
        for (nth, eight) in eights.iter().enumerate() {
            older(nth, eight.iter().fold(u64::MAX, |least, place| least.min(place.age)));
        }
        older(eights.len(), rest.iter().fold(u64::MAX, |least, place| least.min(place.age)));
        let mut at = 8 * found + 1;
        while at < places.len() && places[at].age != least {
            at += 1;
        }
        if at < places.len() { at } else { 0 }
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
