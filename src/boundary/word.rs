//! A word that is read and written through a shared reference.
//!
//! What `std::cell::Cell` is, but compiled in place also in a build without optimisation, as `cargo test` makes it: there
//! each `set` of a `Cell` is a chain of five calls, and a step of the loop sets a dozen.

use std::cell::UnsafeCell;

/// A plain value, copied in and out.
#[derive(Default)]
pub struct Word<T>(UnsafeCell<T>);

impl<T: Copy> Word<T> {
    pub const fn new(value: T) -> Word<T> {
        Word(UnsafeCell::new(value))
    }

    #[inline(always)]
    pub fn get(&self) -> T {
        // SAFETY: `Word` is not `Sync`, so this thread alone is here; and no reference to what is in it is ever made: this
        // and `set` copy it, which runs nobody's code, since it is `Copy`.
        unsafe { *self.0.get() }
    }

    #[inline(always)]
    pub fn set(&self, value: T) {
        // SAFETY: as in `get`. What is overwritten needs no drop.
        unsafe { *self.0.get() = value }
    }
}

impl<T: Copy, const N: usize> Word<[T; N]> {
    /// One of a row of values.
    ///
    /// # Panics
    /// If there is no such one.
    #[inline(always)]
    pub fn at(&self, index: usize) -> T {
        // SAFETY: as in `get`.
        unsafe { (*self.0.get())[index] }
    }

    /// Sets one of a row of values.
    ///
    /// # Panics
    /// If there is no such one.
    #[inline(always)]
    pub fn set_at(&self, index: usize, value: T) {
        // SAFETY: as in `get` and `set`: one of the values is overwritten, and no reference to any of them is there.
        unsafe { (*self.0.get())[index] = value }
    }
}

/// Makes words when there are none left.
pub trait Refill {
    /// Has [`Ahead`] filled, and gives the first of what it is filled with.
    fn refill(&self) -> u32;
}

/// Words that were made ahead of their use.
pub struct Ahead<const N: usize>(UnsafeCell<Words<N>>);

struct Words<const N: usize> {
    words: [u32; N],
    /// The next one to be used.
    next: usize,
}

impl<const N: usize> Ahead<N> {
    /// None.
    pub const fn new() -> Ahead<N> {
        Ahead(UnsafeCell::new(Words { words: [0; N], next: N }))
    }

    /// The next one; if all have been used, what `refill` gives.
    #[inline(always)]
    pub fn next(&self, refill: &impl Refill) -> u32 {
        // SAFETY: as in `Word::get`: this thread alone is here, and calls nobody before the reference is used for the last
        // time.
        let row = unsafe { &mut *self.0.get() };
        let next = row.next;
        if next >= N {
            return refill.refill();
        }
        row.next = next.wrapping_add(1);
        row.words[next]
    }

    /// Others in their place, the first of which has been used if `is_used`.
    pub fn fill(&self, words: [u32; N], is_used: bool) {
        // SAFETY: as in `next`.
        unsafe { *self.0.get() = Words { words, next: usize::from(is_used) } }
    }

    /// All of them have been used.
    pub fn clear(&self) {
        // SAFETY: as in `next`.
        unsafe { (*self.0.get()).next = N }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_got() {
        let word = Word::new((1, 2));
        let both = (&word, &word);
        both.0.set((3, 4));
        assert_eq!((word.get(), both.1.get()), ((3, 4), (3, 4)));
        assert_eq!(Word::<u32>::default().get(), 0);
        let row = Word::new([5, 6]);
        row.set_at(0, 7);
        assert_eq!((row.at(0), row.at(1)), (7, 6));
    }

    #[test]
    fn each_word_is_used_once() {
        struct Hundred;
        impl Refill for Hundred {
            fn refill(&self) -> u32 {
                100
            }
        }
        let ahead = Ahead::new();
        let next = || ahead.next(&Hundred);
        assert_eq!(next(), 100);
        ahead.fill([5, 6], false);
        assert_eq!([next(), next(), next()], [5, 6, 100]);
        ahead.fill([7, 8], true);
        assert_eq!(next(), 8);
        ahead.fill([7, 8], false);
        ahead.clear();
        assert_eq!(next(), 100);
    }
}
