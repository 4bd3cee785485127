//! Mutexes that hand the priority of who waits for them on to who holds them (`PTHREAD_PRIO_INHERIT`). Who holds one stands in
//! its word by the number of a kernel thread, and a wait for it is the kernel's: that of a thread of a world would never end,
//! since another kernel thread does its work. And there are no priorities where one thread runs at a time.

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
