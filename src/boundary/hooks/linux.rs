//! The symbols, for Linux with glibc.
//!
//! Any code may call these at any time: before `main`, within malloc, during the destruction of
//! thread-locals. So they use `const` thread-locals without destructors only, and neither allocate
//! nor panic.

use std::cell::Cell;
use std::ffi::{c_int, c_uint, c_void};
use std::mem;
use std::slice;
use std::sync::atomic::Ordering;

use super::super::kernel;
pub(super) use super::births::{really_join, set_nursery};
use super::kept::{self, Destructor};
use super::original::Original;
use super::{Fill, MONOTONIC_ORIGIN, REALTIME_ORIGIN, VirtualClock};

pub(super) const SUPPORTED: bool = true;

const NANOS: u64 = 1_000_000_000;

thread_local! {
    static CLOCK: Cell<Option<VirtualClock>> = const { Cell::new(None) };
    static FILL: Cell<Option<Fill>> = const { Cell::new(None) };
    static DRAWS: Cell<u64> = const { Cell::new(0) };
    static TLS_DESTRUCTORS: Cell<u64> = const { Cell::new(0) };
}

pub(super) fn virtual_clock(clock: Option<VirtualClock>) {
    CLOCK.set(clock);
}

/// Whether this thread is one of a world.
pub(super) fn is_in_a_world() -> bool {
    CLOCK.get().is_some()
}

pub(super) fn entropy(fill: Option<Fill>) {
    FILL.set(fill);
}

pub(super) fn draws() -> u64 {
    DRAWS.get()
}

pub(super) fn tls_destructors() -> u64 {
    TLS_DESTRUCTORS.get()
}

/// Seconds and nanoseconds that clock `id` shows on this thread, if its time is virtual.
#[inline]
fn virtual_time(id: libc::clockid_t) -> Option<(i64, i64)> {
    let VirtualClock { now, has_waited } = CLOCK.get()?;
    let now = now.load(Ordering::Relaxed);
    let origin = match id {
        libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE | libc::CLOCK_REALTIME_ALARM | libc::CLOCK_TAI => {
            REALTIME_ORIGIN
        }
        libc::CLOCK_MONOTONIC
        | libc::CLOCK_MONOTONIC_RAW
        | libc::CLOCK_MONOTONIC_COARSE
        | libc::CLOCK_BOOTTIME
        | libc::CLOCK_BOOTTIME_ALARM => {
            // This function, two or three of std's, and the one that asks.
            if has_waited.load(Ordering::Relaxed) && kernel::is_within(kernel::Of::Fairness, 10) {
                return Some((0, 0));
            }
            MONOTONIC_ORIGIN
        }
        _ => return None,
    };
    Some(((origin + now / NANOS) as i64, (now % NANOS) as i64))
}

/// `clock_gettime(2)`.
///
/// # Safety
/// As the original: `time` is null or a place for a timespec.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(id: libc::clockid_t, time: *mut libc::timespec) -> c_int {
    type ClockGettime = unsafe extern "C" fn(libc::clockid_t, *mut libc::timespec) -> c_int;
    static ORIGINAL: Original = Original::new(c"clock_gettime");
    if let Some((tv_sec, tv_nsec)) = virtual_time(id) {
        if time.is_null() {
            return fail(libc::EFAULT);
        }
        // SAFETY: not null, so a place for a timespec, says the caller.
        unsafe { time.write(libc::timespec { tv_sec, tv_nsec }) };
        return 0;
    }
    let original = ORIGINAL.address();
    if original.is_null() {
        return fail(libc::ENOSYS);
    }
    // SAFETY: libc's function of this name has this type, and gets what this one got.
    unsafe { mem::transmute::<*mut c_void, ClockGettime>(original)(id, time) }
}

/// `gettimeofday(2)`.
///
/// # Safety
/// As the original: `time` is null or a place for a timeval, `zone` null or a place for a timezone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gettimeofday(time: *mut libc::timeval, zone: *mut c_void) -> c_int {
    type Gettimeofday = unsafe extern "C" fn(*mut libc::timeval, *mut c_void) -> c_int;
    static ORIGINAL: Original = Original::new(c"gettimeofday");
    if let Some((tv_sec, nanos)) = virtual_time(libc::CLOCK_REALTIME) {
        if !time.is_null() {
            // SAFETY: not null, so a place for a timeval, says the caller.
            unsafe { time.write(libc::timeval { tv_sec, tv_usec: nanos / 1000 }) };
        }
        if !zone.is_null() {
            // SAFETY: not null, so a place for a timezone, two ints: UTC, no summer time.
            unsafe { zone.cast::<[c_int; 2]>().write([0, 0]) };
        }
        return 0;
    }
    let original = ORIGINAL.address();
    if original.is_null() {
        return fail(libc::ENOSYS);
    }
    // SAFETY: as in clock_gettime.
    unsafe { mem::transmute::<*mut c_void, Gettimeofday>(original)(time, zone) }
}

/// `time(2)`.
///
/// # Safety
/// As the original: `out` is null or a place for a time_t.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn time(out: *mut libc::time_t) -> libc::time_t {
    type Time = unsafe extern "C" fn(*mut libc::time_t) -> libc::time_t;
    static ORIGINAL: Original = Original::new(c"time");
    if let Some((seconds, _)) = virtual_time(libc::CLOCK_REALTIME) {
        if !out.is_null() {
            // SAFETY: not null, so a place for a time_t, says the caller.
            unsafe { out.write(seconds) };
        }
        return seconds;
    }
    let original = ORIGINAL.address();
    if original.is_null() {
        return fail(libc::ENOSYS).into();
    }
    // SAFETY: as in clock_gettime.
    unsafe { mem::transmute::<*mut c_void, Time>(original)(out) }
}

/// Counts a draw, and fills the buffer if this thread's entropy is its own.
///
/// # Safety
/// `buffer` is writable for `length` bytes, or `length` is 0.
#[inline]
unsafe fn draw(buffer: *mut c_void, length: usize) -> bool {
    if length == 0 {
        return FILL.get().is_some();
    }
    DRAWS.set(DRAWS.get() + 1);
    let Some(fill) = FILL.get() else { return false };
    // SAFETY: writable for `length` bytes, says the caller. Zeroed, because a slice of bytes has
    // to be initialised.
    unsafe { buffer.cast::<u8>().write_bytes(0, length) };
    // SAFETY: just initialised, and nobody else's for the time of the call.
    fill(unsafe { slice::from_raw_parts_mut(buffer.cast(), length) });
    true
}

/// `getrandom(2)`. Never short, whatever the flags.
///
/// # Safety
/// As the original: `buffer` is writable for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrandom(buffer: *mut c_void, length: usize, flags: c_uint) -> isize {
    type Getrandom = unsafe extern "C" fn(*mut c_void, usize, c_uint) -> isize;
    static ORIGINAL: Original = Original::new(c"getrandom");
    // SAFETY: what the caller says is what `draw` asks for.
    if unsafe { draw(buffer, length) } {
        return length as isize;
    }
    let original = ORIGINAL.address();
    if original.is_null() {
        return fail(libc::ENOSYS) as isize;
    }
    // SAFETY: as in clock_gettime.
    unsafe { mem::transmute::<*mut c_void, Getrandom>(original)(buffer, length, flags) }
}

/// `getentropy(3)`.
///
/// # Safety
/// As the original: `buffer` is writable for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getentropy(buffer: *mut c_void, length: usize) -> c_int {
    type Getentropy = unsafe extern "C" fn(*mut c_void, usize) -> c_int;
    static ORIGINAL: Original = Original::new(c"getentropy");
    if length > 256 {
        return fail(libc::EIO);
    }
    // SAFETY: what the caller says is what `draw` asks for.
    if unsafe { draw(buffer, length) } {
        return 0;
    }
    let original = ORIGINAL.address();
    if original.is_null() {
        return fail(libc::ENOSYS);
    }
    // SAFETY: as in clock_gettime.
    unsafe { mem::transmute::<*mut c_void, Getentropy>(original)(buffer, length) }
}

/// `__cxa_thread_atexit_impl` (the Itanium C++ ABI's, in glibc since 2.18): `destructor(object)`
/// is to run when this thread ends.
///
/// # Safety
/// As the original: `destructor` may be called with `object` when this thread ends, and `library`
/// is the handle of the shared object that both belong to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __cxa_thread_atexit_impl(
    destructor: Destructor,
    object: *mut c_void,
    library: *mut c_void,
) -> c_int {
    type Register = unsafe extern "C" fn(Destructor, *mut c_void, *mut c_void) -> c_int;
    static ORIGINAL: Original = Original::new(c"__cxa_thread_atexit_impl");
    TLS_DESTRUCTORS.set(TLS_DESTRUCTORS.get() + 1);
    if kept::keep(destructor, object) {
        return 0;
    }
    let original = ORIGINAL.address();
    if original.is_null() {
        // Nobody to run it: better leaked than run too early.
        return -1;
    }
    // It takes the loader's lock, for which no thread of a world is to wait as for one of the world's.
    let _quiet = super::super::kernel::quiet();
    // SAFETY: as in clock_gettime.
    unsafe { mem::transmute::<*mut c_void, Register>(original)(destructor, object, library) }
}

/// Sets `errno` and returns -1.
#[cold]
fn fail(errno: c_int) -> c_int {
    // SAFETY: the calling thread's own errno, always valid.
    unsafe { *libc::__errno_location() = errno };
    -1
}
