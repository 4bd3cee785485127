//! What a run counts, and its digest: words that are changed through a shared reference, several at once.
//!
//! As in [`word`](super::word), for the sake of a build without optimisation: what changes together is looked up once.

use std::cell::UnsafeCell;

/// The numbers of a run.
#[derive(Default)]
pub struct Tally(UnsafeCell<Numbers>);

#[derive(Clone, Copy, Default)]
struct Numbers {
    decisions: u64,
    // Between the two counts, so that nobody takes them for a pair to be added to at once: that is more work.
    digest: u64,
    deviations: u64,
}

impl Tally {
    /// From 0 again.
    pub fn restart(&self) {
        // SAFETY: `Tally` is not `Sync`, so this thread alone is here; and no reference to what is in it leaves a method, none
        // of which calls anything that could come back.
        unsafe { *self.0.get() = Numbers::default() }
    }

    /// How often one of several had to be chosen.
    pub fn decisions(&self) -> u64 {
        // SAFETY: as in `restart`.
        unsafe { (*self.0.get()).decisions }
    }

    /// How often the answer was not the plain one.
    pub fn deviations(&self) -> u64 {
        // SAFETY: as in `restart`.
        unsafe { (*self.0.get()).deviations }
    }

    /// The rolling hash of what happened.
    pub fn digest(&self) -> u64 {
        // SAFETY: as in `restart`.
        unsafe { (*self.0.get()).digest }
    }

    /// There was a decision, and its answer was the plain one or not.
    #[inline(always)]
    pub fn decided(&self, plainly: bool) {
        // SAFETY: as in `restart`.
        let numbers = unsafe { &mut *self.0.get() };
        numbers.decisions += 1;
        // Added up: a jump would be guessed wrong every other time.
        numbers.deviations += !plainly as u64;
    }

    /// There was a deviation that is no decision among candidates.
    #[inline(always)]
    pub fn deviated(&self) {
        // SAFETY: as in `restart`.
        unsafe { (*self.0.get()).deviations += 1 }
    }

    /// `value` happened.
    #[inline(always)]
    pub fn mix(&self, value: u64) {
        // SAFETY: as in `restart`.
        let numbers = unsafe { &mut *self.0.get() };
        // Two words of 64 bits cannot overflow; a build that checks would call a function to find that out.
        let product = ((numbers.digest ^ value) as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        numbers.digest = (product as u64 ^ (product >> 64) as u64).wrapping_add(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_from_the_beginning() {
        let tally = Tally::default();
        [true, false, false].into_iter().for_each(|plainly| tally.decided(plainly));
        tally.deviated();
        assert_eq!((tally.decisions(), tally.deviations(), tally.digest()), (3, 3, 0));
        tally.mix(7);
        let once = tally.digest();
        tally.mix(7);
        assert!(once != 0 && tally.digest() != once);
        tally.restart();
        tally.mix(7);
        assert_eq!((tally.decisions(), tally.deviations(), tally.digest()), (0, 0, once));
    }
}
