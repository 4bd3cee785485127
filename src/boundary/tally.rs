//! What a run counts, and its digest: words that are changed through a shared reference, several at once.
//!
//! As in [`word`](super::word), for the sake of a build without optimisation: what changes together is looked up once.

use std::cell::UnsafeCell;

/// What a digest is multiplied by with each value: 2⁶⁴ divided by the golden ratio.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// The numbers of a run.
#[derive(Default)]
pub struct Tally(UnsafeCell<Numbers>);

#[derive(Clone, Copy, Default)]
#[repr(C)]
struct Numbers {
    decisions: u64,
    // Between the two counts, so that nobody takes them for a pair to be added to at once: that is more work.
    digest: u64,
    /// How many decisions there were beyond the deviations, which may be less than none: it wraps. In a random walk the plain
    /// answer is the rare one, so that this is what costs least to count.
    plain: u64,
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
        let numbers = unsafe { &*self.0.get() };
        numbers.decisions.wrapping_sub(numbers.plain)
    }

    /// The rolling hash of what happened.
    pub fn digest(&self) -> u64 {
        // SAFETY: as in `restart`.
        unsafe { (*self.0.get()).digest }
    }

    /// There was a decision, and its answer was the plain one or not.
    #[inline(always)]
    pub fn decided(&self, plainly: bool) {
        // Added up: a jump would be guessed wrong every other time.
        #[cfg(all(debug_assertions, target_arch = "x86_64", not(miri)))]
        // SAFETY: adds to the first and the third of three words that are there, behind an `UnsafeCell`.
        unsafe {
            std::arch::asm!(
                "inc qword ptr [{numbers}]",
                "add qword ptr [{numbers} + 16], {plainly}",
                numbers = in(reg) self.0.get(),
                plainly = in(reg) plainly as u64,
                options(nostack),
            );
        }
        #[cfg(not(all(debug_assertions, target_arch = "x86_64", not(miri))))]
        {
            // SAFETY: as in `restart`.
            let numbers = unsafe { &mut *self.0.get() };
            numbers.decisions += 1;
            numbers.plain += plainly as u64;
        }
    }

    /// There was a decision, and its answer was not the plain one, or [`plainly`](Tally::plainly) is told.
    #[inline(always)]
    pub fn decision(&self) {
        #[cfg(all(debug_assertions, target_arch = "x86_64", not(miri)))]
        // SAFETY: adds to the first of three words that are there, behind an `UnsafeCell`.
        unsafe {
            std::arch::asm!("inc qword ptr [{numbers}]", numbers = in(reg) self.0.get(), options(nostack));
        }
        #[cfg(not(all(debug_assertions, target_arch = "x86_64", not(miri))))]
        {
            // SAFETY: as in `restart`.
            let numbers = unsafe { &mut *self.0.get() };
            numbers.decisions += 1;
        }
    }

    /// The answer to the last [`decision`](Tally::decision) was the plain one.
    #[inline(always)]
    pub fn plainly(&self) {
        // SAFETY: as in `restart`.
        let numbers = unsafe { &mut *self.0.get() };
        numbers.plain = numbers.plain.wrapping_add(1);
    }

    /// There was a deviation that is no decision among candidates.
    #[inline(always)]
    pub fn deviated(&self) {
        // SAFETY: as in `restart`.
        let numbers = unsafe { &mut *self.0.get() };
        numbers.plain = numbers.plain.wrapping_sub(1);
    }

    /// `value` happened.
    #[inline(always)]
    pub fn mix(&self, value: u64) {
        #[cfg(all(debug_assertions, target_arch = "x86_64", not(miri)))]
        // SAFETY: changes the second of three words that are there, behind an `UnsafeCell`; the registers are named.
        unsafe {
            std::arch::asm!(
                "mov rax, {value}",
                "xor rax, qword ptr [{numbers} + 8]",
                "mul {factor}",
                "xor rax, rdx",
                "add rax, {value}",
                "mov qword ptr [{numbers} + 8], rax",
                numbers = in(reg) self.0.get(),
                value = in(reg) value,
                factor = in(reg) FACTOR,
                out("rax") _,
                out("rdx") _,
                options(nostack),
            );
        }
        #[cfg(not(all(debug_assertions, target_arch = "x86_64", not(miri))))]
        {
            // SAFETY: as in `restart`.
            let numbers = unsafe { &mut *self.0.get() };
            numbers.digest = mixed(numbers.digest, value);
        }
    }
}

/// What a digest is once `value` has happened.
#[cfg(any(not(all(debug_assertions, target_arch = "x86_64", not(miri))), test))]
#[inline(always)]
fn mixed(digest: u64, value: u64) -> u64 {
    let product = ((digest ^ value) as u128).wrapping_mul(FACTOR as u128);
    (product as u64 ^ (product >> 64) as u64).wrapping_add(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_the_same_however_it_is_compiled() {
        let tally = Tally::default();
        let mut digest = 0;
        for value in [0, 1, u64::MAX, FACTOR, 1 << 63, 77] {
            tally.mix(value);
            digest = mixed(digest, value);
            assert_eq!(tally.digest(), digest);
        }
        assert_eq!((tally.decisions(), tally.deviations()), (0, 0));
    }

    #[test]
    fn counts_from_the_beginning() {
        let tally = Tally::default();
        [true, false, false].into_iter().for_each(|plainly| tally.decided(plainly));
        tally.deviated();
        assert_eq!((tally.decisions(), tally.deviations(), tally.digest()), (3, 3, 0));
        tally.decision();
        tally.decision();
        tally.plainly();
        assert_eq!((tally.decisions(), tally.deviations(), tally.digest()), (5, 4, 0));
        tally.mix(7);
        let once = tally.digest();
        tally.mix(7);
        assert!(once != 0 && tally.digest() != once);
        tally.restart();
        tally.mix(7);
        assert_eq!((tally.decisions(), tally.deviations(), tally.digest()), (0, 0, once));
    }
}
