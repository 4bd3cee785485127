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
    /// Has [`Ahead`] [filled](Ahead::fill), and gives the first of what it is filled with.
    fn refill(&self) -> u32;
}

/// Words that were made ahead of their use.
pub struct Ahead<const N: usize> {
    /// Read by those only who find `next` less than `N`, and written only while it is [`FILLED`](Ahead::FILLED): neither
    /// calls anybody meanwhile who could do the other.
    words: UnsafeCell<[u32; N]>,
    /// The next one to be used; `N` if there is none.
    next: Word<usize>,
}

impl<const N: usize> Ahead<N> {
    /// What `next` is while others are made.
    const FILLED: usize = usize::MAX;

    /// None.
    pub const fn new() -> Ahead<N> {
        Ahead { words: UnsafeCell::new([0; N]), next: Word::new(N) }
    }

    /// The next one; if all have been used, what `refill` gives.
    #[inline(always)]
    pub fn next(&self, refill: &impl Refill) -> u32 {
        match self.next_if_any() {
            Some(Drawn(word)) => word,
            None => refill.refill(),
        }
    }

    /// The next one, if there is any, to choose with.
    #[inline(always)]
    pub fn next_if_any(&self) -> Option<Drawn> {
        let next = self.next.get();
        if next >= N {
            return None;
        }
        self.next.set(next.wrapping_add(1));
        // SAFETY: as in `Word::get`, this thread alone is here; and nobody is writing: `next` would be FILLED.
        Some(Drawn(unsafe { (*self.words.get())[next] }))
    }

    /// Has `make` make others in their place, and uses the first of them.
    ///
    /// # Panics
    /// If `make` does so as well.
    #[inline]
    pub fn fill(&self, make: impl FnOnce(&mut [u32; N])) -> u32 {
        assert!(self.next.get() != Self::FILLED, "filled while it is filled");
        self.next.set(Self::FILLED);
        // SAFETY: whatever `make` calls, nobody else has a reference to the words as long as `next` is FILLED, which only this
        // function changes: for `next_if_any` there is none to be used, `clear` leaves it, and this one is not entered twice.
        let words = unsafe { &mut *self.words.get() };
        make(words);
        let first = words[0];
        self.next.set(1);
        first
    }

    /// All of them have been used.
    pub fn clear(&self) {
        if self.next.get() != Self::FILLED {
            self.next.set(N);
        }
    }
}

/// A word that was drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn(pub u32);

impl Drawn {
    /// A number less than `n`, which is at least 1: each as likely as any other, by a multiplication (Lemire 2019 without
    /// rejection: the bias is at most n / 2³²).
    #[inline(always)]
    pub fn below(self, n: usize) -> usize {
        // Of two words of 32 bits this cannot overflow; and should `n` have more, what it comes to is less than 2³², and than `n`.
        ((self.0 as u64).wrapping_mul(n as u64) >> 32) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

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
        let fill = |words: [u32; 3]| ahead.fill(|to| *to = words);
        assert_eq!([fill([5, 6, 7]), next(), next(), next()], [5, 6, 7, 100]);
        assert_eq!((fill([7, 8, 9]), ahead.next_if_any(), next()), (7, Some(Drawn(8)), 9));
        assert_eq!(ahead.next_if_any(), None);
        fill([1, 2, 3]);
        ahead.clear();
        assert_eq!((ahead.next_if_any(), next()), (None, 100));
    }

    #[test]
    fn who_makes_words_finds_none() {
        struct Hundred;
        impl Refill for Hundred {
            fn refill(&self) -> u32 {
                100
            }
        }
        let ahead = Ahead::<2>::new();
        let first = ahead.fill(|words| {
            ahead.clear();
            assert_eq!((ahead.next_if_any(), ahead.next(&Hundred)), (None, 100));
            let again = catch_unwind(AssertUnwindSafe(|| ahead.fill(|_| ())));
            assert!(again.is_err());
            *words = [1, 2];
        });
        assert_eq!((first, ahead.next(&Hundred)), (1, 2));
    }

    #[test]
    fn what_is_drawn_is_below() {
        for n in [1, 2, 3, 1 << 20, usize::MAX] {
            for word in [0, 1, u32::MAX / 2, u32::MAX] {
                assert!(Drawn(word).below(n) < n, "{word} {n}");
            }
        }
        assert_eq!([0, 1 << 30, 1 << 31, u32::MAX].map(|word| Drawn(word).below(4)), [0, 1, 2, 3]);
    }
}
