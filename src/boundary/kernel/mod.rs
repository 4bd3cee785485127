//! The system calls of a world's threads, seen one by one.
//!
//! Syscall User Dispatch (Linux 5.11, x86-64): a thread names a byte, its *selector*, and while that byte says BLOCK every
//! system call the thread makes is not carried out but raises SIGSYS on it, at once and at the place of the call. The
//! handler finds out what was asked for, has [`Handler`] answer it, and goes on behind the call with that answer. It sees
//! whoever made the call: std, a C library, libc's own insides, a raw instruction. Arming is one `prctl` a kernel thread;
//! from then on *watching* code is a store to a byte before it, and one behind it.
//!
//! Most calls come by a function of libc, and a few of those functions are hooked (`hooks/direct.rs`): they ask the same
//! [`Handler`] without a signal. What follows holds for them as well, and most of it is plain there.
//!
//! # Why this is safe in a signal handler
//! SIGSYS is synchronous: it interrupts nothing but a `syscall` instruction, at which the kernel would have taken over. So
//! the handler may do what the code that made the call may have done instead of it: look at the world, allocate, suspend the
//! thread and have others run. What could go wrong is a deadlock: the handler, or a thread that runs meanwhile, wants a lock
//! that the caller holds. Whose locks are there?
//! 1. *The allocator's.* While it holds one it makes calls for memory (brk, mmap, munmap, madvise, mprotect, mremap), which
//!    are carried out first thing, without a look at anything else, and it wakes others who wait for one (futex,
//!    [`Call::is_libcs`]), which is carried out likewise. (Once a process it counts processors, perhaps by reading a file
//!    that the kernel makes up: with no lock held, and no moment at which another thread may run, [`Kind::None`].) Where it
//!    waits for a lock (futex), it does not hold that lock, and holds no other while it does; so whoever allocates
//!    meanwhile, in the handler or elsewhere, can at worst wait for the same holder, who is a thread outside the world:
//!    threads of the world are never suspended while they hold one, by the above. One that is not libc's (jemalloc, say) may
//!    hold one lock and wait for another: that it is the allocator who waits, or wakes ([`is_allocators`]), is found out before
//!    anything that allocates, and both are carried out in reality.
//! 2. *The loader's.* Calls from its own text ([`Call::is_libcs`] again) are answered without another thread running: so
//!    nobody holds its lock while suspended, and registering a destructor of a thread-local, looking up a symbol or walking
//!    a stack does not wait. Its waits are as the allocator's.
//! 3. *The world's own* are borrows, not locks: none is held while code under test runs, and a call from within the harness
//!    itself, which holds one, passes (`World::is_busy`).
//! 4. *Those of std, of C's stdio, of the code under test.* The caller may be suspended with any of them, as a thread that
//!    waits in the kernel may be. Whoever wants one then waits in the world, and its holder runs. The handler itself wants
//!    none: what it finds it writes into memory that was there before, and text is made of it when the poll is over.
//!    Where the holder can never run (it is the loop that waits, and a task of the loop that holds) the loop is left: see
//!    [`segment`](super::segment).
//!
//! Then there is what signals demand:
//! 1. *A second trap within the handler* would recurse for ever: the handler's first act is to set ALLOW, its last to set
//!    BLOCK. The way back (`rt_sigreturn`) is outside the selector's reach by its address.
//! 2. *Switching to another thread of the world in the handler* leaves its frame on the stack that made the call, as any
//!    other call frame. `SA_NODEFER` and an empty `sa_mask` leave the kernel thread's mask as it was, so a switch in the
//!    handler does not carry a mask over; nothing is kept per kernel thread but the selector, which whoever switches sets.
//! 3. *Nothing unwinds out of it*: the frame above has no landing pad at the call. The handler is `extern "C"`, so a panic
//!    in it ends the process instead of going on wrongly.
//! 4. *A trap while SIGSYS is masked ends the process.* Masks are set by a system call as well, so that one is answered here:
//!    it is applied to the mask the handler returns to, with SIGSYS taken out.
//! 5. *A call that returns twice* and whose child goes on with the same memory (clone, vfork) must not be carried out on the
//!    handler's frame. If the child has a stack of its own it goes from the instruction straight to where its caller stands
//!    (`clone_x86_64.rs`), with the selector its parent's, which it does not read. Otherwise the selector is left at ALLOW
//!    and the instruction runs again, where it stands: what its caller does from there on to the end of its turn is not
//!    seen. Those who call the functions `vfork`, `clone` and `pthread_create` do not come here (`hooks/`) but for threads by
//!    `clone`. A child with a copy of it all (fork) has the handler's frame as well: that is carried out here, and the child
//!    is let go with the selector at ALLOW.

#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
#[path = "x86_64.rs"]
mod arch;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod attempt;
mod call;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
#[path = "clone_x86_64.rs"]
mod clone;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod fifo;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
#[path = "linux.rs"]
mod imp;
#[cfg(not(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri))))]
#[path = "unsupported.rs"]
mod imp;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod known;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod libcs_own;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod loopback;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod memory;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod moves;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod naps;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod opened;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod owners;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod receive;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod ring;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod settled;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod socket_timeout;
#[cfg(test)]
mod tests;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod waits;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod within;

#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
pub(super) use arch::{direct, direct_sleep, seen};
pub use call::{Answer, Call, Kind, Op, Owner, Sort, Timeout};
pub use imp::{
    Ends, Of, SocketTimeout, attempt, backtrace, child_of, clear_sets, close, divert, ends_of, ends_to, enter_ring,
    exported, fire_timer, forget_all, has_writer, have_wait, is_allocators, is_any_child_alive, is_connected,
    is_for_libc, is_in_a_lookup, is_nonblocking, is_of_symbols, is_ours, is_over, is_own_option, is_ready, is_static,
    is_tcp, is_there, is_wanted_outside, is_within, join, kernel_threads, kind_of, learn, looks_up_symbols, move_part,
    name_of, naps, note_wanted, open_fifo, opens_fifo, out_of_time, own_number, owner_of, peek, perform, perform_at,
    perform_for, perform_now, place_of, poke, real_time, reaps, receive_part, settle, settle_children, stop_timer,
    submit_to_ring, takes_another, waits_for_ours, wants_all, word_is, write_part,
};
#[cfg(all(unix, feature = "smol"))]
pub use imp::{opening, owns, owns_end, starting};
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
pub(super) use opened::{forked, spawned};

use super::fork_lock::inside;
use super::{overflow, shown};
use std::cell::Cell;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// An absolute time below this, in nanoseconds, is one of the monotonic clock: that of the wall shows 1970 and 31 years.
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
const LEAST_REALTIME: u64 = 900_000_000_000_000_000;

const ALLOW: u8 = 0;
pub(super) const BLOCK: u8 = 1;

/// Answers a call. It may suspend the thread, and it may allocate; it must not panic.
pub type Handler = fn(&Call) -> Answer;

/// The byte that says whether a kernel thread's calls are seen.
pub type Selector = &'static Gate;

/// The byte, and who answers the calls that it stops.
#[derive(Debug)]
pub struct Gate {
    byte: AtomicU8,
    /// A [`Handler`], or 0.
    handler: AtomicUsize,
    /// Whose what this thread opens is: the same number for all threads of a world; 0 for nobody's.
    owner: AtomicU32,
}

impl Gate {
    const fn new() -> Gate {
        Gate { byte: AtomicU8::new(ALLOW), handler: AtomicUsize::new(0), owner: AtomicU32::new(0) }
    }
}

/// A selector that nothing reads.
pub static UNUSED: Gate = Gate::new();

thread_local! {
    /// The selector of the kernel thread that runs this thread.
    static SELECTOR: Cell<Option<Selector>> = const { Cell::new(None) };
}

/// Selectors of threads that have ended. There are as many as threads were ever armed at once.
static SPARE: Mutex<Vec<Selector>> = Mutex::new(Vec::new());

/// Why calls cannot be seen here; `None` if they can. Tried out once a process, by a call that must be trapped.
pub fn why_off() -> Option<&'static str> {
    static WHY: OnceLock<Option<&'static str>> = OnceLock::new();
    *WHY.get_or_init(imp::try_out)
}

/// A kernel thread whose calls can be seen, until this is dropped on it.
#[derive(Debug)]
pub struct Armed {
    selector: Option<Selector>,
    _room: Option<overflow::Room>,
    not_send: std::marker::PhantomData<*const ()>,
}

/// Arms the calling kernel thread, with its selector at ALLOW. Where that is impossible nothing happens.
pub fn arm(handler: Handler) -> Armed {
    arm_for(handler, None)
}

/// [`arm`] for a thread of the world that `like` is of; of one of its own if there is none.
fn arm_for(handler: Handler, like: Option<Selector>) -> Armed {
    let selector = why_off().is_none().then(|| {
        let spare = inside(|| SPARE.lock().unwrap_or_else(PoisonError::into_inner).pop());
        let selector: Selector = spare.unwrap_or_else(|| Box::leak(Box::new(Gate::new())));
        look_away(selector);
        selector.handler.store(handler as usize, Ordering::Relaxed);
        let owner = like.map_or_else(imp::new_owner, |like| like.owner.load(Ordering::Relaxed));
        selector.owner.store(owner, Ordering::Relaxed);
        if imp::switch_on(selector) { Some(selector) } else { None }
    });
    let selector = selector.flatten();
    SELECTOR.set(selector);
    let _room = selector.map(|_| overflow::room());
    Armed { selector, _room, not_send: std::marker::PhantomData }
}

/// [`arm`] with the handler of `selector`, for a thread of the same world; `None` if that is [`UNUSED`].
pub fn arm_like(selector: Selector) -> Option<Armed> {
    imp::handler_of(selector).map(|handler| arm_for(handler, Some(selector)))
}

impl Drop for Armed {
    fn drop(&mut self) {
        let Some(selector) = self.selector.take() else { return };
        look_away(selector);
        SELECTOR.set(None);
        imp::switch_off();
        inside(|| SPARE.lock().unwrap_or_else(PoisonError::into_inner).push(selector));
    }
}

/// In a forked process: arms the calling thread anew if it was armed before, since a fork comes unarmed.
pub fn rearm() {
    if let Some(selector) = SELECTOR.get() {
        look_away(selector);
        imp::switch_on(selector);
    }
}

/// The selector of this thread; [`UNUSED`] if its calls are not seen.
pub fn selector() -> Selector {
    SELECTOR.get().unwrap_or(&UNUSED)
}

/// Makes this thread, which the kernel thread of `selector` runs, use that; `None` when it no longer does.
pub fn adopt(selector: Option<Selector>) {
    SELECTOR.set(selector.filter(|&s| !std::ptr::eq(s, &UNUSED)));
}

/// From here on calls are seen by the thread of `selector`, which is the calling one.
#[inline(always)]
pub fn watch(selector: Selector) {
    shown::store_u8(&selector.byte, BLOCK);
    barrier();
}

/// From here on calls are not seen.
#[inline(always)]
pub fn look_away(selector: Selector) {
    barrier();
    shown::store_u8(&selector.byte, ALLOW);
}

/// Keeps the compiler from moving anything to the other side.
#[inline(always)]
fn barrier() {
    // In a build without optimisation it is a call that does nothing: what `shown` does there is a barrier itself.
    if !cfg!(all(debug_assertions, target_arch = "x86_64", not(miri))) {
        std::sync::atomic::compiler_fence(Ordering::SeqCst);
    }
}

/// Whether this thread's calls are seen now.
#[inline]
pub fn is_watched() -> bool {
    watched().is_some()
}

/// The selector of this thread, if its calls are seen now.
#[inline]
pub(super) fn watched() -> Option<Selector> {
    SELECTOR.get().filter(|selector| selector.byte.load(Ordering::Relaxed) == BLOCK)
}

/// Calls are not seen while this lives; afterwards they are if they were before.
#[derive(Debug)]
pub struct Quiet {
    /// The selector to set back.
    restore: Option<Selector>,
    not_send: std::marker::PhantomData<*const ()>,
}

/// For what the harness itself does amid code under test.
pub fn quiet() -> Quiet {
    // Two plain accesses: only this kernel thread writes the byte.
    let restore = SELECTOR.get().filter(|selector| selector.byte.load(Ordering::Relaxed) == BLOCK);
    if let Some(selector) = restore {
        look_away(selector);
    }
    Quiet { restore, not_send: std::marker::PhantomData }
}

impl Quiet {
    /// Whether calls were seen before, and will be again.
    pub fn was_watched(&self) -> bool {
        self.restore.is_some()
    }
}

/// A child process is about to be started, by a function that is hooked. Not to be told with calls watched.
pub fn process_starts() {
    imp::process_starts();
}

/// The child process that was started last is over, and has been waited for. Not to be told with calls watched.
pub fn process_ended() {
    imp::process_ended();
}

/// The same of one that is made by a call which returns twice: from here on calls are unseen. The byte to set to BLOCK when
/// the caller goes on; null if there is none.
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
pub(super) fn process_starts_unseen() -> *mut u8 {
    let quiet = quiet();
    if quiet.was_watched() {
        process_starts();
    }
    let byte = quiet.restore.map_or(std::ptr::null_mut(), |selector| selector.byte.as_ptr());
    std::mem::forget(quiet);
    byte
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Some(selector) = self.restore {
            watch(selector);
        }
    }
}
