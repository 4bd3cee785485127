//! What a hooked symbol would have been without us.

use std::ffi::{CStr, c_void};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// A symbol of a library behind the binary, looked up at its first use.
pub(super) struct Original {
    name: &'static CStr,
    address: AtomicPtr<c_void>,
}

impl Original {
    /// The next `name` in the search order.
    pub(super) const fn new(name: &'static CStr) -> Original {
        Original { name, address: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Its address, or null if there is no such symbol.
    #[inline]
    pub(super) fn address(&self) -> *mut c_void {
        let address = self.address.load(Ordering::Relaxed);
        if address.is_null() { self.find() } else { address }
    }

    #[cold]
    fn find(&self) -> *mut c_void {
        // SAFETY: the name ends in NUL. dlsym allocates only to report a failure, and takes no
        // lock that a thread holds while it calls one of the hooked functions.
        let address = unsafe { libc::dlsym(libc::RTLD_NEXT, self.name.as_ptr()) };
        // Relaxed: what it points to was there before this process ran any of our code.
        self.address.store(address, Ordering::Relaxed);
        address
    }
}
