//! Calls that code under test makes by a function of libc, and that need no trap to be seen: a signal costs some µs, a
//! function call nothing.
//!
//! Only what blocking code calls most, and only while the calling thread is watched; otherwise, and for all other ways to
//! make the same calls, it is as if these were not here.

use super::super::kernel::{self, Call, Op};
use super::original::Original;
use std::ffi::{c_int, c_long, c_void};
use std::mem;

/// What a function of libc makes of a result of the kernel's.
#[inline]
fn with_errno(result: i64) -> c_long {
    if (-4095..0).contains(&result) {
        // SAFETY: the calling thread's own errno, always valid.
        unsafe { *libc::__errno_location() = -result as c_int };
        return -1;
    }
    result
}

/// `syscall(SYS_futex, …)`.
///
/// # Safety
/// As that call; the last argument may be anything where there is none.
pub(super) unsafe extern "C" fn futex(
    number: c_long,
    word: c_long,
    op: c_long,
    value: c_long,
    time: c_long,
    other: c_long,
    last: c_long,
) -> c_long {
    let args = [word, op, value, time, other, last];
    // SAFETY: as the caller asks for it.
    with_errno(unsafe { kernel::direct(number, args) })
}

/// `clock_nanosleep(2)`: `thread::sleep`.
///
/// # Safety
/// As the original.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_nanosleep(
    clock: libc::clockid_t,
    flags: c_int,
    time: *const libc::timespec,
    left: *mut libc::timespec,
) -> c_int {
    type Sleep = unsafe extern "C" fn(libc::clockid_t, c_int, *const libc::timespec, *mut libc::timespec) -> c_int;
    static ORIGINAL: Original = Original::new(c"clock_nanosleep");
    if kernel::is_watched() {
        // SAFETY: `time` is a place with a time, says the caller, or null.
        let nanos = unsafe { time.as_ref() }.map(|time| (time.tv_sec as u64, time.tv_nsec as u64));
        let args = [clock.into(), flags.into(), time as i64, left as i64, 0, 0];
        // SAFETY: as the original.
        return -unsafe { kernel::direct_sleep(args, nanos) } as c_int;
    }
    let original = ORIGINAL.address();
    if original.is_null() {
        return libc::ENOSYS;
    }
    // SAFETY: libc's function of this name has this type, and gets what this one got.
    unsafe { mem::transmute::<*mut c_void, Sleep>(original)(clock, flags, time, left) }
}

macro_rules! transfer {
    ($name:ident, $text:literal, $number:expr, $op:expr, $pointer:ty $(, $more:ident: $type:ty)?; $manual:literal) => {
        #[doc = $manual]
        ///
        /// # Safety
        /// As the original.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(fd: c_int, buffer: $pointer, length: usize $(, $more: $type)?) -> isize {
            type Transfer = unsafe extern "C" fn(c_int, $pointer, usize $(, $type)?) -> isize;
            static ORIGINAL: Original = Original::new($text);
            let more = 0i64 $(+ i64::from($more))?;
            if let Some(selector) = kernel::watched() {
                // (Written in its place, once: what is copied as soon as it has been written is waited for.)
                let args = [fd.into(), buffer as i64, length as i64, more, 0, 0];
                let call = Call::new($op(fd, more), $number, args);
                // SAFETY: as the original.
                return with_errno(unsafe { kernel::seen(selector, &call) }) as isize;
            }
            let original = ORIGINAL.address();
            if original.is_null() {
                let args = [fd.into(), buffer as i64, length as i64, more, 0, 0];
                // SAFETY: as the original.
                return with_errno(unsafe { kernel::direct($number, args) }) as isize;
            }
            // SAFETY: libc's function of this name has this type, and gets what this one got.
            unsafe { mem::transmute::<*mut c_void, Transfer>(original)(fd, buffer, length $(, $more)?) }
        }
    };
}

/// Whether such flags of a call on a socket say that it does not wait.
fn no_wait(flags: i64) -> bool {
    flags & i64::from(libc::MSG_DONTWAIT) != 0
}

transfer!(read, c"read", libc::SYS_read, |fd, _| Op::Read { call: "read", fd }, *mut c_void; "`read(2)`.");
transfer!(write, c"write", libc::SYS_write, |fd, _| Op::Write { call: "write", fd }, *const c_void; "`write(2)`.");
transfer!(
    pread64, c"pread64", libc::SYS_pread64, |fd, _| Op::Read { call: "pread", fd }, *mut c_void, offset: i64; "`pread(2)`."
);
transfer!(
    pwrite64, c"pwrite64", libc::SYS_pwrite64, |fd, _| Op::Write { call: "pwrite", fd }, *const c_void, offset: i64;
    "`pwrite(2)`."
);
transfer!(
    recv, c"recv", libc::SYS_recvfrom, |fd, flags| Op::Receive { fd, dont_wait: no_wait(flags) }, *mut c_void,
    flags: c_int; "`recv(2)`."
);
transfer!(
    send, c"send", libc::SYS_sendto, |fd, flags| Op::Send { fd, dont_wait: no_wait(flags) }, *const c_void, flags: c_int;
    "`send(2)`."
);
