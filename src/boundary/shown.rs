//! Words that one thread writes and others look at.
//!
//! What `AtomicU64::store` with `Relaxed` is, but compiled in place also in a build without optimisation: there each such
//! call is a chain of two, and a step of the loop makes six. (In an optimised build it is that very call.)

#[cfg(any(not(all(debug_assertions, target_arch = "x86_64", not(miri))), test))]
use std::sync::atomic::Ordering;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64};

/// Makes a pair of functions for an atomic type: the instruction that moves, and what the register is called.
macro_rules! shown {
    ($load:ident, $store:ident, $atomic:ty, $word:ty, $loading:literal, $storing:literal, $class:ident) => {
        /// What was written last, as `load` with `Relaxed`.
        #[inline(always)]
        #[allow(dead_code)]
        pub fn $load(atomic: &$atomic) -> $word {
            #[cfg(all(debug_assertions, target_arch = "x86_64", not(miri)))]
            {
                let value: $word;
                // SAFETY: loads a word of this type that is there and aligned, as one instruction: that is what a relaxed
                // load is on this processor. (The compiler takes it for one that may read any memory.)
                unsafe {
                    std::arch::asm!(
                        $loading,
                        value = out($class) value,
                        at = in(reg) &raw const *atomic,
                        options(readonly, nostack, preserves_flags),
                    );
                }
                value
            }
            #[cfg(not(all(debug_assertions, target_arch = "x86_64", not(miri))))]
            atomic.load(Ordering::Relaxed)
        }

        /// Shows `value` to whoever looks, as `store` with `Relaxed`.
        #[inline(always)]
        #[allow(dead_code)]
        pub fn $store(atomic: &$atomic, value: $word) {
            // SAFETY: stores a word of this type where one is, aligned and behind an `UnsafeCell`, as one instruction: that
            // is what a relaxed store is on this processor.
            #[cfg(all(debug_assertions, target_arch = "x86_64", not(miri)))]
            unsafe {
                std::arch::asm!(
                    $storing,
                    value = in($class) value,
                    at = in(reg) &raw const *atomic,
                    options(nostack, preserves_flags),
                );
            }
            #[cfg(not(all(debug_assertions, target_arch = "x86_64", not(miri))))]
            atomic.store(value, Ordering::Relaxed);
        }
    };
}

shown!(load, store, AtomicU64, u64, "mov {value}, qword ptr [{at}]", "mov qword ptr [{at}], {value}", reg);
shown!(load_u32, store_u32, AtomicU32, u32, "mov {value:e}, dword ptr [{at}]", "mov dword ptr [{at}], {value:e}", reg);
shown!(load_u8, store_u8, AtomicU8, u8, "mov {value}, byte ptr [{at}]", "mov byte ptr [{at}], {value}", reg_byte);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_loaded() {
        let (long, word, byte) =
            (AtomicU64::new(1), [AtomicU32::new(2), AtomicU32::new(3)], [3, 4, 5].map(AtomicU8::new));
        assert_eq!((load(&long), load_u32(&word[0]), load_u8(&byte[1])), (1, 2, 4));
        store(&long, u64::MAX - 1);
        store_u32(&word[0], u32::MAX);
        store_u8(&byte[1], 0xff);
        assert_eq!(long.load(Ordering::Relaxed), u64::MAX - 1);
        assert_eq!(word.map(AtomicU32::into_inner), [u32::MAX, 3]);
        assert_eq!(byte.map(AtomicU8::into_inner), [3, 0xff, 5]);
    }
}
