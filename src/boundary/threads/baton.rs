//! The turn as a baton: each carrier has its own kernel thread, and one of them runs.

use super::Hand;
use super::carrier::{self, Carrier, Handle};

/// The loop has the turn.
const LOOP: u32 = 0;
/// The carrier has the turn.
const CARRIER: u32 = 1;
/// The carrier will never have it again.
const NEVER: u32 = 2;

/// See the module.
pub(super) struct Baton;

impl Hand for Baton {
    fn live(&self, carrier: Handle) {
        wait(&carrier);
        carrier::run_bodies(carrier);
    }

    fn await_birth(&self, _: &Carrier) {
        // It waits for the turn from its first instruction on.
    }

    fn give(&self, carrier: &Carrier) {
        carrier.gate.set(CARRIER);
        carrier.gate.wait_until(|word| word == LOOP);
    }

    fn give_back(&self, carrier: &Carrier) {
        carrier.gate.set(LOOP);
        wait(carrier);
    }

    fn end(&self, carrier: &Carrier) {
        carrier.gate.set(CARRIER);
    }

    fn forget(&self, carrier: &Carrier) {
        carrier.gate.set(NEVER);
    }

    fn adopt(&self, _: &Carrier) -> bool {
        // Its kernel thread is not in the child: nothing of it can run again.
        true
    }
}

/// On the carrier: waits for the turn.
fn wait(carrier: &Carrier) {
    if carrier.gate.wait_until(|word| word != LOOP) == NEVER {
        vanish();
    }
}

/// Ends this kernel thread and nothing else: no destructor runs, stack and thread-locals stay
/// mapped, because libc never hears of it.
#[cfg(all(target_os = "linux", not(miri)))]
fn vanish() -> ! {
    // SAFETY: SYS_exit ends the calling kernel thread. Its JoinHandle was dropped without a join,
    // so libc keeps stack and TLS as those of a running detached thread, for ever.
    unsafe {
        libc::syscall(libc::SYS_exit, 0);
    }
    unreachable!("SYS_exit returned")
}

#[cfg(not(all(target_os = "linux", not(miri))))]
fn vanish() -> ! {
    loop {
        std::thread::park();
    }
}
