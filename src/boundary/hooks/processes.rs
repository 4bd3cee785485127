//! What makes processes: done with system calls unseen, and told to the kernel room first.
//!
//! These functions mask every signal, and their child returns from a system call on a stack of its own: neither goes well
//! with calls that are answered in a signal handler.

use super::super::kernel;
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
            let result = unsafe {
                mem::transmute::<*mut c_void, Spawn>(original)(id, path, actions, attributes, arguments, environment)
            };
            drop(quiet);
            result
        }
    };
}

spawn!(posix_spawn, c"posix_spawn", "`posix_spawn(3)`.");
spawn!(posix_spawnp, c"posix_spawnp", "`posix_spawnp(3)`.");
