//! The bytes that are in use: an allocator that counts while it is asked to, and passes everything on.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

/// The allocator of a peer's program. Where nobody counts, a call costs one load more than the system's.
pub struct Counting;

static IS_ON: AtomicBool = AtomicBool::new(false);
static IN_USE: AtomicI64 = AtomicI64::new(0);
static RESIDENT: AtomicU64 = AtomicU64::new(0);

/// Counts from nothing.
pub(crate) fn start() {
    IN_USE.store(0, Relaxed);
    IS_ON.store(true, Relaxed);
}

/// Ends counting; what the kernel says has been added to the process is kept with it.
pub(crate) fn stop(resident: u64) {
    IS_ON.store(false, Relaxed);
    RESIDENT.store(resident, Relaxed);
}

/// The bytes that were added between [`start`] and [`stop`], by the allocator and by the kernel.
pub(crate) fn counted() -> (u64, u64) {
    (IN_USE.load(Relaxed).max(0) as u64, RESIDENT.load(Relaxed))
}

/// What an allocation takes of the heap, as the malloc of glibc rounds it: a word before it, and then to the next 16, but
/// never less than 32.
fn taken(size: usize) -> i64 {
    (size + 8).next_multiple_of(16).max(32) as i64
}

fn count(bytes: i64) {
    if IS_ON.load(Relaxed) {
        IN_USE.fetch_add(bytes, Relaxed);
    }
}

// SAFETY: everything is passed on to the system's allocator as it came; counting touches only atomics, so it does not
// allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(taken(layout.size()));
        // SAFETY: the caller's promise about `layout`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(taken(layout.size()));
        // SAFETY: the caller's promise about `layout`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-taken(layout.size()));
        // SAFETY: the caller's promise that `pointer` came from here with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(taken(size) - taken(layout.size()));
        // SAFETY: the caller's promise that `pointer` came from here with this layout, and about `size`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
