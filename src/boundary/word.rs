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
}
