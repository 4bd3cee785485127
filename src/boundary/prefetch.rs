//! Asking for memory before it is used.

use std::task::Waker;

/// How much of what a waker leads to is asked for, in lines of 64 bytes: the head of a task of async-task is one, and most
/// futures end within the next two.
#[cfg(all(target_arch = "x86_64", not(miri)))]
const LINES: usize = 3;

/// Has the processor fetch what `waker` leads to, which is about to be woken and polled. It does not wait for that, so that
/// where many are woken one after the other, nobody waits for each in turn.
#[inline(always)]
pub fn task_of(waker: &Waker) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    for line in 0..LINES {
        let place = waker.data().cast::<u8>().wrapping_add(line * 64);
        // SAFETY: a prefetch reads nothing that the program could see, and does nothing where there is no memory, so that
        // any address will do.
        unsafe {
            std::arch::asm!("prefetcht0 [{}]", in(reg) place, options(nostack, preserves_flags, readonly));
        }
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = waker;
}
