//! What makes processes: done with system calls unseen, and told to the kernel room first.
//!
//! These functions mask every signal, and their child returns from a system call on a stack of its own: neither goes well
//! with calls that are answered in a signal handler. (`vfork` is in a file of its own.)

use super::super::{kernel, left_stacks};
use super::original::Original;
use std::ffi::{c_char, c_int, c_void};
use std::mem;

type Spawn = unsafe extern "C" fn(
    *mut libc::pid_t,
    *const c_char,
    *const c_void,
    *const c_void,
    *const *mut c_char,
    *const *mut c_char,
) -> c_int;

macro_rules! spawn {
    ($name:ident, $text:literal, $manual:literal) => {
        #[doc = $manual]
        ///
        /// # Safety
        /// As the original.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            id: *mut libc::pid_t,
            path: *const c_char,
            actions: *const c_void,
            attributes: *const c_void,
            arguments: *const *mut c_char,
            environment: *const *mut c_char,
        ) -> c_int {
            static ORIGINAL: Original = Original::new($text);
            let original = ORIGINAL.address();
            if original.is_null() {
                return libc::ENOSYS;
            }
            let quiet = kernel::quiet();
            if quiet.was_watched() {
                kernel::process_starts();
            }
            // SAFETY: libc's function of this name has this type, and gets what this one got.
            let result = kernel::spawned(|| unsafe {
                mem::transmute::<*mut c_void, Spawn>(original)(id, path, actions, attributes, arguments, environment)
            });
            drop(quiet);
            result
        }
    };
}

spawn!(posix_spawn, c"posix_spawn", "`posix_spawn(3)`.");
spawn!(posix_spawnp, c"posix_spawnp", "`posix_spawnp(3)`.");

/// Runs what makes a process of its own within libc, where no symbol can be replaced: with calls unseen from before to
/// after it, as if this function were one of the above.
fn unseen<R>(make: impl FnOnce() -> R) -> (R, kernel::Quiet) {
    let quiet = kernel::quiet();
    if quiet.was_watched() {
        kernel::process_starts();
    }
    (make(), quiet)
}

/// `fork(2)`.
///
/// # Safety
/// As the original.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fork() -> libc::pid_t {
    type Fork = unsafe extern "C" fn() -> libc::pid_t;
    static ORIGINAL: Original = Original::new(c"fork");
    let original = ORIGINAL.address();
    if original.is_null() {
        return fail(-1);
    }
    let (pid, quiet) = unseen(|| {
        // The child may go on in the world, and finds the crate's tables free.
        // SAFETY: libc's function of this name has this type.
        kernel::forked(|| unsafe { mem::transmute::<*mut c_void, Fork>(original)() }.into()) as libc::pid_t
    });
    if pid == 0 {
        // The child has no turn in the world: what it calls is the kernel's, until it executes something else.
        if quiet.was_watched() {
            left_stacks::keep();
        }
        mem::forget(quiet);
    }
    pid
}

/// `clone(2)`, of which the last three arguments may be missing: some words of the caller's then, which nobody looks at.
///
/// # Safety
/// As the original.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clone(
    function: *mut c_void,
    stack: *mut c_void,
    flags: c_int,
    argument: *mut c_void,
    parent: *mut c_void,
    tls: *mut c_void,
    child: *mut c_void,
) -> c_int {
    type Clone = unsafe extern "C" fn(
        *mut c_void,
        *mut c_void,
        c_int,
        *mut c_void,
        *mut c_void,
        *mut c_void,
        *mut c_void,
    ) -> c_int;
    static ORIGINAL: Original = Original::new(c"clone");
    let original = ORIGINAL.address();
    if original.is_null() {
        return fail(-1);
    }
    // SAFETY: libc's function of this name gets its arguments where this one got them. The child does not return here.
    let clone = || unsafe {
        mem::transmute::<*mut c_void, Clone>(original)(function, stack, flags, argument, parent, tls, child)
    };
    if flags & libc::CLONE_THREAD != 0 {
        return clone();
    }
    let (pid, quiet) = unseen(clone);
    if flags & libc::CLONE_VM != 0 && flags & libc::CLONE_VFORK == 0 {
        // The two go on side by side, with one selector: better nothing is seen than what the child does.
        mem::forget(quiet);
    }
    pid
}

/// `popen(3)`. The process it starts is waited for by `pclose`, whose call is seen.
///
/// # Safety
/// As the original.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn popen(command: *const c_char, mode: *const c_char) -> *mut c_void {
    type Open = unsafe extern "C" fn(*const c_char, *const c_char) -> *mut c_void;
    static ORIGINAL: Original = Original::new(c"popen");
    let original = ORIGINAL.address();
    if original.is_null() {
        return fail(std::ptr::null_mut());
    }
    // SAFETY: libc's function of this name has this type, and gets what this one got.
    unseen(|| kernel::spawned(|| unsafe { mem::transmute::<*mut c_void, Open>(original)(command, mode) })).0
}

/// `system(3)`. It waits for its process itself: in real time, and nobody else runs meanwhile.
///
/// # Safety
/// As the original.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn system(command: *const c_char) -> c_int {
    type System = unsafe extern "C" fn(*const c_char) -> c_int;
    static ORIGINAL: Original = Original::new(c"system");
    let original = ORIGINAL.address();
    if original.is_null() {
        return fail(-1);
    }
    // SAFETY: libc's function of this name has this type, and gets what this one got.
    let (status, quiet) = unseen(|| unsafe { mem::transmute::<*mut c_void, System>(original)(command) });
    if quiet.was_watched() {
        kernel::process_ended();
    }
    status
}

/// Sets `errno` to ENOSYS.
#[cold]
fn fail<R>(result: R) -> R {
    // SAFETY: the calling thread's own errno, always valid.
    unsafe { *libc::__errno_location() = libc::ENOSYS };
    result
}
