//! Syscall User Dispatch as Linux has it, whatever the architecture.

use super::super::instrument::{self, Instrument};
use super::arch::{raw, trap};
pub use super::attempt::{attempt, out_of_time};
use super::call::{Answer, Call, Op};
pub use super::fifo::{has_writer, have_wait, open_fifo, opens_fifo};
pub use super::known::{Of, is_allocators, is_of_symbols, is_within, looks_up_symbols};
pub use super::libcs_own::{is_for_libc, is_in_a_lookup};
pub use super::loopback::{
    Ends, divert, ends_of, ends_to, is_connected, is_own_option, is_tcp, join, perform_at, place_of, settle,
    takes_another,
};
pub use super::memory::{backtrace, exported, is_static, peek, poke, word_is};
pub use super::moves::move_part;
pub use super::naps::naps;
pub(super) use super::opened::new_owner;
pub use super::opened::{close, forget_all};
#[cfg(feature = "smol")]
pub use super::opened::{opening, owns, owns_end, starting};
pub use super::owners::{is_there, own_number, owner_of};
pub use super::receive::{receive_part, wants_all};
pub use super::ring::{enter_ring, submit_to_ring};
pub use super::settled::{is_any_child_alive, real_time, settle_children};
pub use super::socket_timeout::SocketTimeout;
pub use super::waits::{
    child_of, clear_sets, fire_timer, is_nonblocking, is_over, is_ready, is_wanted_outside, kernel_threads, kind_of,
    name_of, note_wanted, perform, perform_for, perform_now, reaps, stop_timer, write_part,
};
pub use super::within::{is_ours, waits_for_ours};
use super::{Handler, Selector, known, libcs_own, owners};
use std::ffi::{c_int, c_void};
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// `PR_SET_SYSCALL_USER_DISPATCH` of linux/prctl.h.
const SET_DISPATCH: c_int = 59;
/// What glibc's `rt_sigreturn` stub is long, at most.
const STUB: usize = 16;
/// A signal's number, as a bit of the kernel's mask.
const SIGSYS_BIT: u64 = 1 << (libc::SIGSYS - 1);

/// Where glibc's way back from a handler is.
static RESTORER: AtomicUsize = AtomicUsize::new(0);

/// Reads which functions of libc's and others are known, if nobody has: before there are calls to see, since it allocates. Not to be
/// told with calls watched.
pub fn learn() {
    known::learn();
    libcs_own::learn();
    owners::learn();
}

/// Who answers for a selector.
#[inline]
pub(super) fn handler_of(selector: Selector) -> Option<Handler> {
    let handler = selector.handler.load(Ordering::Relaxed);
    // SAFETY: if not 0, it was stored by `arm`, which takes nothing but a Handler.
    (handler != 0).then(|| unsafe { mem::transmute::<usize, Handler>(handler) })
}

/// Has the handler answer a call.
#[inline]
pub(super) fn answer(selector: Selector, call: &Call) -> Answer {
    handler_of(selector).map_or(Answer::Pass, |handler| handler(call))
}

pub(super) fn process_starts() {
    tell(Op::Process);
}

pub(super) fn process_ended() {
    tell(Op::ProcessOver);
}

fn tell(op: Op) {
    if let Some(selector) = super::SELECTOR.get() {
        answer(selector, &Call::new(op, libc::SYS_vfork, [0; 6]));
    }
}

/// Installs the handler of SIGSYS and finds the way back from it. Then one call is trapped, to see that it works.
pub(super) fn try_out() -> Option<&'static str> {
    /// Tried out on a thread of its own: the selector is this thread's.
    fn trapped() -> Result<(), &'static str> {
        static PROBE: super::Gate = super::Gate::new();
        super::SELECTOR.set(Some(&PROBE));
        if !switch_on(&PROBE) {
            return Err("the kernel refuses Syscall User Dispatch");
        }
        super::watch(&PROBE);
        let magic = raw(libc::SYS_getppid, [PROBE_MAGIC, 0, 0, 0, 0, 0]);
        super::look_away(&PROBE);
        switch_off();
        super::SELECTOR.set(None);
        if magic == PROBE_MAGIC { Ok(()) } else { Err("a call that was to be trapped was not") }
    }
    match instrument::there_is() {
        Some(Instrument::Valgrind) => return Some("valgrind makes system calls of its own on the thread"),
        // A handler on the stack that made the call, and stacks that are left for good.
        Some(Instrument::Sanitizer) => return Some("sanitizers do not follow stack switches"),
        None => {}
    }
    if let Err(why) = install() {
        return Some(why);
    }
    match std::thread::Builder::new().spawn(trapped).map(|thread| thread.join()) {
        Ok(Ok(Ok(()))) => None,
        Ok(Ok(Err(why))) => Some(why),
        _ => Some("no thread to try it out on"),
    }
}

/// An argument that nobody gives to `getppid`, and the answer to it.
pub(super) const PROBE_MAGIC: i64 = 0x7261_6464;

fn install() -> Result<(), &'static str> {
    // The unwinder sets itself up at its first use: not in a handler.
    backtrace(&mut [0; 4]);
    super::memory::find_libc();
    // SAFETY: a sigaction of zeros is a valid one, and the handler has the type that SA_SIGINFO says.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        if libc::sigaction(libc::SIGSYS, ptr::null(), &mut action) != 0 || action.sa_sigaction != libc::SIG_DFL {
            return Err("somebody else handles SIGSYS");
        }
        let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = trap;
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_NODEFER;
        if libc::sigaction(libc::SIGSYS, &action, ptr::null_mut()) != 0 {
            return Err("the handler of SIGSYS cannot be installed");
        }
    }
    // As the kernel has it: handler, flags, restorer, mask.
    let mut action = [0u64; 4];
    let result = raw(libc::SYS_rt_sigaction, [i64::from(libc::SIGSYS), 0, action.as_mut_ptr() as i64, 8, 0, 0]);
    if result != 0 || action[2] == 0 {
        return Err("the way back from a signal handler cannot be found");
    }
    RESTORER.store(action[2] as usize, Ordering::Relaxed);
    Ok(())
}

pub(super) fn switch_on(selector: Selector) -> bool {
    let restorer = RESTORER.load(Ordering::Relaxed) as i64;
    let selector = selector.byte.as_ptr() as i64;
    raw(libc::SYS_prctl, [SET_DISPATCH.into(), 1, restorer, STUB as i64, selector, 0]) == 0
}

pub(super) fn switch_off() {
    raw(libc::SYS_prctl, [SET_DISPATCH.into(), 0, 0, 0, 0, 0]);
}

/// A SIGSYS that was not raised by dispatch on a thread of ours: as without us, it ends the process.
#[cold]
pub(super) fn not_ours(_: *mut libc::siginfo_t) {
    // SAFETY: sets the default action, and raises the signal again.
    unsafe {
        libc::signal(libc::SIGSYS, libc::SIG_DFL);
        libc::raise(libc::SIGSYS);
    }
}

/// `rt_sigprocmask`, applied to the mask that the handler returns to; SIGSYS stays open.
pub(super) fn set_mask(args: [i64; 6], mask: &mut libc::sigset_t) -> i64 {
    let [how, set, old, size, ..] = args;
    if size != 8 {
        return -i64::from(libc::EINVAL);
    }
    let mask = ptr::from_mut(mask).cast::<u64>();
    // SAFETY: the kernel's mask is the first eight bytes of glibc's; `set` and `old` are null or as the caller of the system
    // call had to give them: readable and writable for `size` bytes.
    unsafe {
        let before = mask.read();
        if set != 0 {
            let set = (set as *const u64).read_unaligned();
            let after = match how as c_int {
                libc::SIG_BLOCK => before | set,
                libc::SIG_UNBLOCK => before & !set,
                libc::SIG_SETMASK => set,
                _ => return -i64::from(libc::EINVAL),
            };
            mask.write(after & !SIGSYS_BIT);
        }
        if old != 0 {
            (old as *mut u64).write_unaligned(before);
        }
    }
    0
}
