//! Stacks that overflow: told before the process ends.
//!
//! std's runtime has a handler of SIGSEGV that tells, on a small stack of its own, which thread has overflowed its stack. In
//! a run that comes to nothing: what it prints is a system call, which is seen, and to answer that takes more room than that
//! stack has. So there is a handler in front of it, on a larger stack, that has calls unseen first thing; then it says what
//! is known of the run, and hands over to the one that was there before. A segment's guard, which std does not know, is its own
//! business; and so is a stack with room for the code under test, but none for the frame of the signal that answers a system
//! call of it.
//!
//! # What the handler does
//! It may interrupt anything, the allocator included: so it neither allocates nor waits for a lock, and writes its text into
//! memory that was there before. Faults that are no overflow (an address far from the stack pointer) go on to the handler
//! that was there before as if nobody had looked, and if that mends them so be it.

#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
#[path = "linux_x86_64.rs"]
mod imp;
#[cfg(not(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri))))]
#[path = "unsupported.rs"]
mod imp;

use std::fmt;

/// Says what is known of the run whose stack overflowed, on the thread that did it; nothing if it is in none. It may neither
/// allocate nor wait.
pub type Teller = fn(&mut dyn fmt::Write);

/// Has `teller` asked when a stack of this process overflows. The first call counts.
pub fn watch(teller: Teller) {
    imp::watch(teller);
}

/// Room for the handler, on the calling kernel thread.
#[derive(Debug)]
pub(super) struct Room {
    kept: imp::Kept,
    not_send: std::marker::PhantomData<*const ()>,
}

/// Gives the calling kernel thread room for the handler, until what it returns is dropped there.
pub(super) fn room() -> Room {
    Room { kept: imp::make_room(), not_send: std::marker::PhantomData }
}

impl Drop for Room {
    fn drop(&mut self) {
        imp::give_room_back(&self.kept);
    }
}
