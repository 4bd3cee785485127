//! The turn as a loan: the loop's kernel thread runs every carrier on the carrier's own stack and
//! under the carrier's own FS base.
//!
//! A carrier's pthread starts as usual, runs down to [`switch::park`], which notes where it stands,
//! and sleeps there. From then on the loop switches to that place and away from it. So whatever a
//! carrier executes stands on ordinary frames that begin at the pthread's start routine: unwinding
//! and backtraces end there as in any thread, and nothing has to be forged. To end a carrier, its
//! own kernel thread is told to go on from where the carrier last stopped; it returns from the
//! start routine, runs the thread-local destructors, and exits as any pthread does.
//!
//! One stack always goes with one FS base, so no code ever sees the address of a thread-local
//! change under it.

use std::mem::MaybeUninit;
use std::ptr;

use super::super::left_stacks;
use super::Hand;
use super::carrier::{self, Carrier, Handle};
use super::switch_x86_64 as switch;

/// Bytes of the carrier's stack on which its kernel thread sleeps: room for a signal frame (up to
/// some 11 KiB with all of AMX) and glibc's own handler, the only one not blocked there.
pub(super) const BERTH: usize = 32 * 1024;

/// See [`BERTH`]; the stack pointer must be aligned when the kernel lays a frame below it.
#[repr(C, align(16))]
struct Berth(MaybeUninit<[u8; BERTH]>);

/// See the module.
pub(super) struct Borrowed;

impl Hand for Borrowed {
    /// Starts and ends on its own kernel thread; in between, `park` has returned on the loop's.
    fn live(&self, carrier: Handle) {
        let before = block_signals();
        carrier.stack.set(Some(left_stacks::look_at_this()));
        let mut berth = Berth(MaybeUninit::uninit());
        let top = ptr::from_mut(&mut berth).wrapping_add(1).cast::<u8>();
        // SAFETY: `top` is the aligned end of a berth that lives until after `run_bodies`, that is as long as the kernel
        // thread sleeps on it, and is not otherwise used. `own` and the gate are in the control block, which outlives this
        // thread. The loop reads `own` only after it has seen PARKED in the gate.
        unsafe { switch::park(carrier.own.get(), carrier.gate.word().as_ptr(), top) };
        carrier::run_bodies(carrier);
        std::hint::black_box(&mut berth);
        restore_signals(&before);
    }

    fn await_birth(&self, carrier: &Carrier) {
        carrier.gate.wait_until(|word| word == switch::PARKED);
    }

    #[inline]
    fn give(&self, carrier: &Carrier) {
        let back = carrier.back.get();
        // SAFETY: `back` is written here and by the switch, read by the switch back; nobody else
        // has it. `own` was filled by `park` (create waited for that) or by the switch that
        // stopped the carrier last, so it holds a stack on which nobody runs: the carrier's own
        // kernel thread sleeps on its berth. The FS base is noted anew each time because the loop
        // may be another thread than last time; the probe has seen that rdfsbase is allowed.
        unsafe {
            (*back).fs = switch::fs_base();
            switch::switch(back, carrier.own.get(), false);
        }
    }

    #[inline(always)]
    fn give_back(&self, carrier: &Carrier) {
        self.leave(carrier, None);
    }

    fn end(&self, carrier: &Carrier) {
        carrier.gate.set(switch::LEAVE);
    }

    fn forget(&self, carrier: &Carrier) {
        carrier.gate.set(switch::VANISH);
    }

    fn adopt(&self, carrier: &Carrier) -> bool {
        // SAFETY: its stack is there as long as libc has not unmapped it, and this is called in a child that is alone, before
        // libc has a reason to.
        carrier.stack.get().is_some_and(|stack| unsafe { left_stacks::keep_one(stack) })
    }
}

impl Borrowed {
    /// On the carrier `from`: stops here and lets the suspended carrier `to` run, for which the loop waits from now on; or,
    /// without one, the loop.
    #[inline(always)]
    pub(super) fn leave(&self, from: &Carrier, to: Option<&Carrier>) {
        let back = from.back.get();
        // SAFETY: we are on the stack of `from`, which has the turn, so the loop stands in `give` with `back` of `from`
        // filled. `to` goes back to the same place, on the same kernel thread; it is suspended, so nobody runs on its stack,
        // and the switch that stopped it has filled its `own`.
        unsafe {
            let place = match to {
                Some(to) => {
                    *to.back.get() = *back;
                    to.own.get()
                }
                None => back,
            };
            switch::switch(from.own.get(), place, to.is_some());
        }
    }
}

/// Keeps signals away from a kernel thread that sleeps while its thread-locals are in use
/// elsewhere. (glibc keeps its two internal ones open: `setuid` needs them.) Returns the old mask.
fn block_signals() -> libc::sigset_t {
    let mut before = MaybeUninit::<libc::sigset_t>::zeroed();
    let mut all = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: both sets are valid places for a sigset_t, `all` is filled before it is read, and
    // a zeroed sigset_t is an empty one, so `before` is initialised whatever happens.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
        before.assume_init()
    }
}

fn restore_signals(before: &libc::sigset_t) {
    // SAFETY: `before` is a mask that pthread_sigmask gave out.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before, ptr::null_mut()) };
}
