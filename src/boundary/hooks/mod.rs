//! libc functions owned at link time: the clock, entropy, and the registration of thread-local
//! destructors.
//!
//! A symbol defined in the binary wins over libc's for everything linked into it, std included,
//! and for libraries that look it up dynamically. Each hook reads one thread-local; on a thread
//! that nothing was set for it goes straight through to the original.
//!
//! All settings are for the calling thread, and a new thread has none.

use std::sync::atomic::AtomicU64;

#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod births;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
#[path = "linux.rs"]
mod imp;
#[cfg(not(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri))))]
#[path = "unsupported.rs"]
mod imp;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod original;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod syscall_x86_64;
#[cfg(test)]
mod tests;

/// What `CLOCK_REALTIME` says at virtual time 0: 2000-01-01T00:00:00Z, in seconds since 1970.
pub const REALTIME_ORIGIN: u64 = 946_684_800;

/// What `CLOCK_MONOTONIC` says at virtual time 0, in seconds. Not 0: code under test subtracts
/// durations from an `Instant`.
pub const MONOTONIC_ORIGIN: u64 = 1_000_000;

/// Whether the hooks are there at all on this target.
pub const SUPPORTED: bool = imp::SUPPORTED;

/// Fills a buffer with random bytes.
pub type Fill = fn(&mut [u8]);

/// Sets where the calling thread reads the time, in nanoseconds since the start of the run;
/// `None` for the real clocks. Covers `clock_gettime` (but for CPU-time clocks), `gettimeofday`
/// and `time`, so `Instant` and `SystemTime` too.
#[inline(never)] // so that the object file with the symbols is pulled out of the library
pub fn virtual_clock(now: Option<&'static AtomicU64>) {
    imp::virtual_clock(now);
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
