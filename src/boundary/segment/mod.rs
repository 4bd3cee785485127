//! A stack of its own for what may never come back, and threads that can end although somebody still stands on one.
//!
//! A run polls tasks on a *segment*, a stack that is not its thread's. When a task waits for what can never happen (a lock
//! that is held by a task of the same loop), the handler of its system call calls [`leave`]: the thread goes on where it
//! entered the segment, and the segment with every frame on it stays behind for ever, as that of a thread which hangs.
//!
//! # Why this is sound
//! To the code that was left it looks as if its call had not returned yet, and never will: nothing is unwound, no frame is
//! overwritten, and no memory that it borrowed is given back. What it borrowed lies
//! 1. *on the segment*, which is never used again nor unmapped;
//! 2. *in what [`run`] was given*, which is `'static`, so that no frame below the segment is lent to it;
//! 3. *in the thread's thread-locals.* So the thread may not run their destructors nor give its memory back either:
//!    [`on_a_thread`], which is the only way to a thread that can leave a segment, has it end by the kernel's bare `exit`
//!    then. Its stack and its thread-locals stay where they are, as those of an abandoned sim thread do.
//!
//! What the thread itself does until then is the harness's, on its own stack, and the winding up of the run: code under
//! test sees its thread-locals as the task left them that never came back. A value in exclusive use there is one that a
//! signal handler, or a nested call, would find in use as well: `RefCell` says so.
//!
//! In a signal handler (that of SIGSYS, on the stack that made the call) leaving is safe because the kernel keeps nothing
//! about a handler but what `rt_sigreturn` would bring back: the mask, which that handler does not change, and registers
//! that nobody wants any more.

#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
#[path = "linux_x86_64.rs"]
mod imp;
#[cfg(not(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri))))]
#[path = "unsupported.rs"]
mod imp;
#[cfg(test)]
mod tests;

#[cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
use super::left_stacks;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc;
use std::thread;

/// Runs `f` on a segment: what it returns, or `None` if it was left. A panic in it goes on here.
///
/// On a thread that was not made by [`on_a_thread`], within another call, and where the calls of this thread are not seen
/// (so that nobody could want to leave), it is called where it is.
pub fn run<R: 'static>(f: impl FnOnce() -> R + 'static) -> Option<R> {
    if !imp::can_enter() {
        return Some(f());
    }
    let result = imp::enter(AssertUnwindSafe(|| catch_unwind(AssertUnwindSafe(f))))?;
    Some(result.unwrap_or_else(|payload| resume_unwind(payload)))
}

/// Goes on where this thread entered its segment, and leaves it behind. Comes back if the thread is on none.
pub fn leave() {
    imp::leave();
}

/// Whether a fault at this address, with this stack pointer, means that the segment under this thread has overflowed.
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
pub(super) fn is_overflown(address: usize, sp: usize) -> bool {
    imp::is_overflown(address, sp)
}

/// Does `work` on a fresh thread, and waits for it: what it returned, or panicked with.
///
/// # Errors
/// Those of starting a thread.
pub fn on_a_thread<R: Send>(
    builder: thread::Builder,
    work: impl FnOnce() -> R + Send,
) -> io::Result<thread::Result<R>> {
    let (sender, receiver) = mpsc::sync_channel(1);
    #[cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
    let lender = left_stacks::Thread::this();
    let life = move || {
        imp::thread_begins();
        #[cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
        left_stacks::lent_by(lender);
        // Boxed at once: room for it would be a part of the stack under all that is done here.
        let result = catch_unwind(AssertUnwindSafe(|| Box::new(work())));
        let has_left = imp::thread_ends();
        // Nobody but this thread has the other end, and it waits: there is room.
        let _ = sender.send((result, has_left));
        drop(sender);
        if has_left {
            imp::vanish();
        }
    };
    // SAFETY: what the closure borrows is not used any more once its message is sent: `work` is gone by then, and the result
    // in the message; and before this function returns it has received that, or has seen the thread end.
    let thread = unsafe { builder.spawn_unchecked(life)? };
    match receiver.recv() {
        // It ends by itself; nothing of it may be freed.
        Ok((result, true)) => {
            drop(thread);
            Ok(result.map(|result| *result))
        }
        Ok((result, false)) => Ok(thread.join().and(result.map(|result| *result))),
        Err(_) => match thread.join() {
            Err(payload) => Ok(Err(payload)),
            Ok(()) => unreachable!("a thread ends with its message, or by a panic"),
        },
    }
}
