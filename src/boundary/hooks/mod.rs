//! libc functions owned at link time: the clock, entropy, and the registration of thread-local
//! destructors.
//!
//! A symbol defined in the binary wins over libc's for everything linked into it, std included,
//! and for libraries that look it up dynamically. Each hook reads one thread-local; on a thread
//! that nothing was set for it goes straight through to the original.
//!
//! All settings are for the calling thread, and a new thread has none.

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicU64};

use super::kernel::Timeout;
use super::threads::Birth;

#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod births;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod direct;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
#[path = "linux.rs"]
mod imp;
#[cfg(not(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri))))]
#[path = "unsupported.rs"]
mod imp;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
pub(super) mod kept;
#[cfg(not(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri))))]
#[path = "kept_unsupported.rs"]
pub(super) mod kept;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod original;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod priorities;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod processes;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod processors;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod syscall_x86_64;
#[cfg(test)]
mod tests;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod vfork_x86_64;

/// What `CLOCK_REALTIME` says at virtual time 0: 2000-01-01T00:00:00Z, in seconds since 1970.
pub const REALTIME_ORIGIN: u64 = 946_684_800;

/// What `CLOCK_MONOTONIC` says at virtual time 0, in seconds. Not 0: code under test subtracts
/// durations from an `Instant`.
pub const MONOTONIC_ORIGIN: u64 = 1_000_000;

/// Whether the hooks are there at all on this target.
pub const SUPPORTED: bool = imp::SUPPORTED;

/// Fills a buffer with random bytes.
pub type Fill = fn(&mut [u8]);

/// A clock that threads of a world read.
#[derive(Clone, Copy)]
pub struct VirtualClock {
    /// Nanoseconds since the start of the run.
    pub now: &'static AtomicU64,
    /// Whether a thread of the run has waited for a word so far: before that nobody is in parking_lot's table, and nobody who reads
    /// the clock can be about to be fair.
    pub has_waited: &'static AtomicBool,
}

/// Sets where the calling thread reads the time; `None` for the real clocks. Covers `clock_gettime` (but for CPU-time clocks),
/// `gettimeofday` and `time`, so `Instant` and `SystemTime` too.
#[inline(never)] // so that the object file with the symbols is pulled out of the library
pub fn virtual_clock(clock: Option<VirtualClock>) {
    imp::virtual_clock(clock);
}

/// Sets what fills the calling thread's requests for random bytes; `None` for the kernel. Covers
/// `getrandom` and `getentropy`, and `syscall(SYS_getrandom)`, so the keys of std's `RandomState` too (they are drawn once a
/// thread). `fill` must not panic: it is called from C.
#[inline(never)] // as above
pub fn entropy(fill: Option<Fill>) {
    imp::entropy(fill);
}

/// How many requests for random bytes the calling thread made in its life, whoever filled them.
/// Those for no bytes, by which libraries find out whether there is such a call, are not counted.
pub fn draws() -> u64 {
    imp::draws()
}

/// How many destructors of thread-locals were registered on the calling thread in its life: those
/// of Rust's `thread_local!` and C++'s `thread_local` values that were initialised here.
#[inline(never)] // as above
pub fn tls_destructors() -> u64 {
    imp::tls_destructors()
}

/// What becomes of threads that code under test makes and waits for. Called with system calls unseen.
pub trait Nursery: Sync {
    /// Code under test makes a thread. `None`: it is to be made as if nobody had looked.
    fn create(&self, birth: &mut Birth<'_>, detached: bool) -> Option<Result<(), i32>>;
    /// A thread waits for the end of another, whose number this is. Also asked about threads that are none of ours, and on
    /// threads that belong to no world.
    fn join(&self, number: usize, until: Timeout) -> Joined;
    /// A thread of a world waits, in real time, for one that is not of its world.
    fn waits_for_outsider(&self);
    /// Nobody will wait for a thread. False if it is none of ours.
    fn detach(&self, number: usize) -> bool;
}

/// What came of waiting for a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// It has ended, and this is what it returned. Its number is not its own any more.
    Over(*mut c_void),
    /// It goes on.
    TimedOut,
    /// It is the one that asks.
    Itself,
    /// It is not a thread of this world.
    NotOurs,
}

/// Has `nursery` look after the threads that code under test makes, where that is possible. The first call counts.
pub fn set_nursery(nursery: &'static dyn Nursery) {
    imp::set_nursery(nursery);
}

/// On a native thread that begins: does `f` there once std has made it one of its own.
pub fn when_std_has_begun(f: fn()) {
    kept::when_std_has_begun(f);
}

/// Joins a thread that is about to end.
pub(super) fn really_join(number: usize) {
    imp::really_join(number);
}
