//! A row of places that is changed through a shared reference, without a flag that says somebody looks at it.
//!
//! What a `RefCell` keeps at run time holds here by construction: no reference to anything in the row leaves this room, and
//! no code of anybody else's runs while one exists. A payload is moved in or out, an age (a word that means something to
//! whoever keeps the row) is copied.
//!
//! Plain indexing and plain moves, so that a build without optimisation has few calls to make.

use std::cell::UnsafeCell;
use std::mem::{self, ManuallyDrop};
use std::ptr;

/// The row. Place 0 is there from the beginning.
pub struct Places<P>(UnsafeCell<Box<[Place<P>]>>);

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
        Places(UnsafeCell::new(Box::new([Place::empty(age)])))
    }

    /// How many places there are, empty ones included.
    #[inline(always)]
    pub fn len(&self) -> usize {
        // SAFETY: as in `at`.
        let row = unsafe { &*self.0.get() };
        row.len()
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
        unsafe { &raw mut (**self.0.get())[at] }
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

    /// Fills an empty place. What would be in it otherwise is leaked; and so is `payload`, should there be no such place:
    /// what would drop it costs the caller a dozen instructions.
    #[inline(always)]
    pub fn put(&self, at: usize, payload: ManuallyDrop<P>, age: u64) {
        let place = self.at(at);
        // SAFETY: as in `at`.
        unsafe {
            (*place).age = age;
            (*place).payload = ManuallyDrop::new(Some(ManuallyDrop::into_inner(payload)));
        }
    }

    /// Runs `f` on what is in a place, which is empty meanwhile: `f` may do what it likes.
    pub fn look<R>(&self, at: usize, f: impl FnOnce(&P) -> R) -> Option<R> {
        let payload = ManuallyDrop::new(self.take(at)?);
        let seen = f(&payload);
        self.put(at, payload, self.age(at));
        Some(seen)
    }

    /// What is in one place goes to the other, ages included.
    pub fn swap(&self, one: usize, other: usize) {
        // SAFETY: as in `at`: this moves plain words.
        let row = unsafe { &mut *self.0.get() };
        row.swap(one, other);
    }

    /// Of the places `1..=last`, the one with the least age; 0 if there is none.
    #[inline(always)]
    pub fn least(&self, last: usize) -> usize {
        let (mut found, mut least) = (0, u64::MAX);
        // SAFETY: as in `at`.
        let places = unsafe { &(&**self.0.get())[..=last] };
        let mut index = 1;
        while index < places.len() {
            let age = places[index].age;
            let is_older = age < least;
            found = either(is_older, index, found);
            least = either(is_older, age, least);
            index += 1;
        }
        found
    }

    /// Whether of the places from 1 to `last`, which is 1 to 4, none has an age less than the place `at`: without a loop and
    /// without jumps.
    ///
    /// # Panics
    /// If there is no such place.
    #[inline(always)]
    pub fn is_least_of_few(&self, at: usize, last: usize) -> bool {
        // SAFETY: as in `at`.
        let places = unsafe { &**self.0.get() };
        assert!(last < places.len());
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

    /// Leaves `len` places, if those behind them are empty, and gives the room of the others back.
    pub fn shorten(&self, len: usize) {
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
        // SAFETY: as in `at`: the reference ends with the move of the row's words.
        let mut places = mem::take(unsafe { &mut *self.0.get() });
        f(&mut places);
        // SAFETY: as above.
        let nothing = mem::replace(unsafe { &mut *self.0.get() }, places);
        // Never filled: whoever comes meanwhile finds no places.
        drop(nothing);
    }
}

/// `a` or `b`, without a jump that the processor would guess wrong every other time.
#[inline(always)]
fn either<T>(first: bool, a: T, b: T) -> T {
    if cfg!(debug_assertions) { if first { a } else { b } } else { std::hint::select_unpredictable(first, a, b) }
}

impl<P> Drop for Places<P> {
    fn drop(&mut self) {
        (0..self.len()).for_each(|at| drop(self.take(at)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn what_is_put_is_taken() {
        let row = Places::new(7);
        assert_eq!((row.len(), row.age(0), row.take(0)), (1, 7, None::<Box<u32>>));
        row.lengthen(0);
        assert!(row.len() > 2);
        row.put(1, ManuallyDrop::new(Box::new(10)), 5);
        row.put(2, ManuallyDrop::new(Box::new(20)), 3);
        assert_eq!((row.least(0), row.least(1), row.least(2)), (0, 1, 2));
        assert_eq!([(1, 1), (1, 2), (2, 2)].map(|(at, last)| row.is_least_of_few(at, last)), [true, false, true]);
        row.swap(1, 2);
        assert_eq!((row.age(1), row.age(2), row.least(2)), (3, 5, 1));
        assert_eq!(row.take(1).as_deref(), Some(&20));
        let before = row.len();
        row.shorten(2);
        assert_eq!(row.len(), before, "somebody is in a place behind");
        assert_eq!(row.take(2).as_deref(), Some(&10));
        row.shorten(2);
        assert_eq!(row.len(), 2);
    }

    #[test]
    fn a_row_that_grows_is_apart() {
        let row = Places::<u32>::new(0);
        row.apart(|places| {
            assert!(row.is_apart());
            assert_eq!(places.len(), 1);
        });
        assert!(!row.is_apart());
    }

    #[test]
    fn who_looks_may_change_the_row() {
        let row = Places::new(0);
        row.lengthen(0);
        row.put(1, ManuallyDrop::new(Rc::new(1)), 0);
        let seen = row.look(1, |payload| {
            assert!(row.take(1).is_none());
            (0..10).for_each(|age| row.lengthen(age));
            Rc::strong_count(payload)
        });
        assert_eq!(seen, Some(1));
        assert_eq!(row.take(1).as_deref(), Some(&1));
        assert!(row.look(1, |_| ()).is_none());
    }

    #[test]
    fn a_row_that_is_dropped_drops_what_is_in_it() {
        let row = Places::new(0);
        row.lengthen(0);
        let payload = Rc::new(());
        row.put(2, ManuallyDrop::new(payload.clone()), 0);
        drop(row);
        assert_eq!(Rc::strong_count(&payload), 1);
    }
}
