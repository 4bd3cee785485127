//! Mutexes that hand the priority of who waits on to who holds them. Whom the kernel finds holding one is who it knows by that
//! number: of threads of a world that is not who runs. Nor have they priorities, since one of them runs at a time.

use super::imp::is_in_a_world;
use super::original::Original;
use std::ffi::{c_int, c_void};
use std::mem;

/// `pthread_mutexattr_setprotocol(3)`: on threads of a world, a mutex is one as any other.
///
/// # Safety
/// As the original.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutexattr_setprotocol(attributes: *mut c_void, protocol: c_int) -> c_int {
    type Set = unsafe extern "C" fn(*mut c_void, c_int) -> c_int;
    static ORIGINAL: Original = Original::new(c"pthread_mutexattr_setprotocol");
    let original = ORIGINAL.address();
    if original.is_null() {
        return libc::ENOSYS;
    }
    let inherits = protocol == libc::PTHREAD_PRIO_INHERIT;
    let protocol = if inherits && is_in_a_world() { libc::PTHREAD_PRIO_NONE } else { protocol };
    // SAFETY: libc's function of this name has this type, and gets what this one got, or another protocol.
    unsafe { mem::transmute::<*mut c_void, Set>(original)(attributes, protocol) }
}
