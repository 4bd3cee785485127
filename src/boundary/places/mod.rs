//! A row of places that is changed through a shared reference, without a flag that says somebody looks at it.
//!
//! What a `RefCell` keeps at run time holds here by construction: no reference to anything in the row leaves this room, and
//! no code of anybody else's runs while one exists. A payload is moved in or out, an age (a word that means something to
//! whoever keeps the row) is copied.
//!
//! Plain indexing and plain moves, so that a build without optimisation has few calls to make.

mod ring;
mod stamps;
#[cfg(test)]
mod tests;

pub use ring::Neighbours;

use std::cell::UnsafeCell;
use std::mem::{self, ManuallyDrop};
use std::ptr;

/// The row. Place 0 is there from the beginning.
pub struct Places<P>(UnsafeCell<Row<P>>);

struct Row<P> {
    places: Box<[Place<P>]>,
    /// The last place in use, the gap included. Always less than `places.len()`, but while the row is [apart](Places::apart).
    used: usize,
    /// Which place among them was left last, unless somebody has filled it: one less than its number, which is an instruction
    /// less wherever it is used. [`NONE`] if there is none, and [`APART`]; otherwise there is that place.
    gap: usize,
    /// How many places [`put_youngest`](Places::put_youngest) has: all but the first, or 0 if somebody else is to see to them.
    stamped: usize,
    /// Whether it has any.
    by_stamps: bool,
    /// The age of whoever comes next, where ages are stamps.
    next_stamp: u64,
    /// Where ages are stamps, and more than [`FEW`](stamps::FEW) places are in use: the one with the least; one less than its
    /// number, too.
    oldest: usize,
}

/// No gap: one less than place 0.
const NONE: usize = usize::MAX;
/// What stands for a gap while a row is made longer or shorter: nobody finds a place in it.
const APART: usize = usize::MAX - 1;

struct Place<P> {
    /// Dropped by [`Places`] only.
    payload: ManuallyDrop<Option<P>>,
    age: u64,
}

impl<P> Place<P> {
    fn empty(age: u64) -> Place<P> {
        Place { payload: ManuallyDrop::new(None), age }
    }
}

impl<P> Places<P> {
    /// A row of one empty place.
    pub fn new(age: u64) -> Places<P> {
        let places = Box::new([Place::empty(age)]);
        Places(UnsafeCell::new(Row {
            places,
            used: 0,
            gap: NONE,
            stamped: 0,
            by_stamps: false,
            next_stamp: 0,
            oldest: 0,
        }))
    }

    /// The last place in use, the gap included.
    #[inline(always)]
    pub fn used(&self) -> usize {
        // SAFETY: as in `at`.
        unsafe { (*self.0.get()).used }
    }

    /// The place that was left last, unless somebody has filled it; 0 if there is none.
    #[inline(always)]
    pub fn gap(&self) -> usize {
        // SAFETY: as in `at`.
        unsafe { (*self.0.get()).gap.wrapping_add(1) }
    }

    /// Closes the gap, if there is one: whoever stands last moves there. Returns where to, if somebody did.
    #[inline(always)]
    pub fn close(&self) -> Option<usize> {
        // SAFETY: as in `at`.
        let row = unsafe { &mut *self.0.get() };
        let (gap, last) = (row.gap, row.used);
        if gap >= last {
            return None;
        }
        let at = gap + 1;
        row.used = last - 1;
        row.gap = NONE;
        // The gap holds nobody: where it goes is free from now on.
        row.places.swap(at, last);
        if row.oldest == last - 1 {
            row.oldest = gap;
        }
        (at != last).then_some(at)
    }

    /// The place `at`, which is filled, is the youngest from now on: its age is the next stamp, or in the ring it is the newest.
    /// For all places one after the other, in the order of their ages, none of which counts any more.
    pub fn renew(&self, at: usize, stamped: bool) {
        // SAFETY: as in `at`.
        let row = unsafe { &mut *self.0.get() };
        if stamped {
            if row.next_stamp == 0 {
                row.oldest = at.wrapping_sub(1);
            }
            row.places[at].age = row.next_stamp;
            row.next_stamp += 1;
        } else {
            Self::link(&mut row.places, at);
        }
    }

    /// The last place in use, if there is no gap; otherwise 0.
    #[inline(always)]
    pub fn whole(&self) -> usize {
        // SAFETY: as in `at`.
        let row = unsafe { &*self.0.get() };
        if row.gap == NONE { row.used } else { 0 }
    }

    /// How many places there are, empty ones included.
    #[inline(always)]
    pub fn len(&self) -> usize {
        // SAFETY: as in `at`.
        let row = unsafe { &*self.0.get() };
        row.places.len()
    }

    /// The place `at`, for the length of one access.
    ///
    /// # Panics
    /// If there is no such place.
    #[inline(always)]
    fn at(&self, at: usize) -> *mut Place<P> {
        // SAFETY: `Places` is not `Sync`, so this thread alone is here. The reference to the row ends with this line, and
        // every method that uses what it gives does so at once: it moves or copies plain words. None drops or clones a
        // payload, allocates or makes a system call, any of which might call back.
        unsafe {
            let row = &mut *self.0.get();
            &raw mut row.places[at]
        }
    }

    #[inline(always)]
    pub fn age(&self, at: usize) -> u64 {
        // SAFETY: as in `at`.
        unsafe { (*self.at(at)).age }
    }

    #[inline(always)]
    pub fn set_age(&self, at: usize, age: u64) {
        // SAFETY: as in `at`.
        unsafe { (*self.at(at)).age = age }
    }

    /// Empties a place.
    #[inline(always)]
    pub fn take(&self, at: usize) -> Option<P> {
        let place = self.at(at);
        // SAFETY: as in `at`; what is read here is overwritten there, so that it is not in two places.
        unsafe {
            let payload = ptr::read(&raw const (*place).payload);
            (*place).payload = ManuallyDrop::new(None);
            ManuallyDrop::into_inner(payload)
        }
    }

    /// Fills an empty place. What would be in it otherwise is leaked.
    #[cfg(test)]
    fn put(&self, at: usize, payload: ManuallyDrop<P>, age: u64) {
        let place = self.at(at);
        // SAFETY: as in `at`.
        unsafe {
            (*place).age = age;
            (*place).payload = ManuallyDrop::new(Some(ManuallyDrop::into_inner(payload)));
        }
    }

    /// Runs `f` on what is in a place, which is empty meanwhile: `f` may do what it likes.
    #[inline(always)]
    pub fn look<R>(&self, at: usize, f: impl FnOnce(&P) -> R) -> Option<R> {
        let payload = ManuallyDrop::new(self.take(at)?);
        let seen = f(&payload);
        let place = self.at(at);
        // SAFETY: as in `at`. Should it have been filled meanwhile, what is in it is leaked.
        unsafe { (*place).payload = ManuallyDrop::new(Some(ManuallyDrop::into_inner(payload))) };
        Some(seen)
    }

    /// What is in one place goes to the other, ages included.
    #[cfg(test)]
    fn swap(&self, one: usize, other: usize) {
        // SAFETY: as in `at`: this moves plain words.
        let row = unsafe { &mut *self.0.get() };
        row.places.swap(one, other);
    }

    /// One more empty place at least.
    pub fn lengthen(&self, age: u64) {
        self.apart(|places| {
            // As many again, so that a row of n has been moved twice n times in all.
            let more = places.len().max(3);
            let mut longer = Vec::with_capacity(places.len() + more);
            longer.extend(mem::take(places));
            longer.extend((0..more).map(|_| Place::empty(age)));
            *places = longer.into_boxed_slice();
        });
    }

    /// Leaves `len` places, if those behind them are empty and there is no gap, and gives the room of the others back.
    pub fn shorten(&self, len: usize) {
        if self.used() >= len || self.gap() != 0 {
            return;
        }
        self.apart(|places| {
            if places.iter().skip(len).all(|place| place.payload.is_none()) {
                let mut shorter = mem::take(places).into_vec();
                shorter.truncate(len);
                *places = shorter.into_boxed_slice();
            }
        });
    }

    /// Whether the row is being made longer or shorter, which calls the allocator.
    pub fn is_apart(&self) -> bool {
        self.len() == 0
    }

    /// Runs `f` on the row while nobody else can reach it: an allocator is anybody's code.
    fn apart(&self, f: impl FnOnce(&mut Box<[Place<P>]>)) {
        // SAFETY: as in `at`: the references end with the moves of the row's words.
        let (mut places, gap) = unsafe {
            let row = &mut *self.0.get();
            (mem::take(&mut row.places), mem::replace(&mut row.gap, APART))
        };
        f(&mut places);
        // SAFETY: as above.
        let nothing = mem::replace(unsafe { &mut (*self.0.get()).places }, places);
        // Never filled: whoever comes meanwhile finds no places.
        drop(nothing);
        // SAFETY: as above.
        let row = unsafe { &mut *self.0.get() };
        row.gap = gap;
        if row.by_stamps {
            row.stamped = row.places.len().saturating_sub(1);
        }
    }
}

#[cold]
fn nobody() -> ! {
    panic!("there is nobody in that place")
}

impl<P> Drop for Places<P> {
    fn drop(&mut self) {
        (0..self.len()).for_each(|at| drop(self.take(at)));
    }
}
