//! The destructors of a native thread's thread-locals: kept here instead of with libc, so that they run before the thread
//! ends, in order, as code under test in the world.
//!
//! glibc would run them on the thread's own kernel thread after its function has returned, when it is no sim thread any
//! more. (`pthread_key` destructors still run there.)

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::threads::Start;

/// The destructor of a thread-local, as glibc calls it.
pub(super) type Destructor = unsafe extern "C" fn(*mut c_void);

/// std registers one a thread, C++ one for each object. Those beyond go to libc.
const MOST: usize = 64;

struct List {
    entries: [Option<(Destructor, *mut c_void)>; MOST],
    count: usize,
}

impl List {
    fn pop(&mut self) -> Option<(Destructor, *mut c_void)> {
        self.count = self.count.checked_sub(1)?;
        self.entries[self.count].take()
    }
}

thread_local! {
    /// Where this thread's destructors are kept, or null.
    static KEPT: Cell<*mut List> = const { Cell::new(ptr::null_mut()) };
    /// What is to be done when std has made this thread its own.
    static THEN: Cell<Option<fn()>> = const { Cell::new(None) };
    /// The next thread to be made shows what std's threads begin with.
    static LEARNS: Cell<bool> = const { Cell::new(false) };
}

/// What std's threads begin with.
static STD_START: AtomicUsize = AtomicUsize::new(0);

/// Finds out what std's threads begin with.
pub(super) fn learn() {
    LEARNS.set(true);
    let made = std::thread::Builder::new().spawn(|| ());
    LEARNS.set(false);
    let _ = made.map(|thread| thread.join());
}

pub(super) fn look_at(start: Start) {
    if LEARNS.get() {
        STD_START.store(start as usize, Ordering::Relaxed);
    }
}

/// Has a native thread do `f` once std has made it one of its own, which is when the first destructor is registered. Before
/// that `std::thread::current()` must not be called there. Not done on a thread that std did not make.
pub(super) fn when_std_has_begun(f: fn()) {
    THEN.set(Some(f));
}

/// This thread's destructors are kept while this lives.
pub(in super::super) struct Kept {
    list: Box<List>,
}

impl Kept {
    /// For a thread that begins with `start`.
    pub(in super::super) fn new(start: Start) -> Kept {
        if start as usize != STD_START.load(Ordering::Relaxed) {
            THEN.set(None);
        }
        let mut list = Box::new(List { entries: [None; MOST], count: 0 });
        KEPT.set(&raw mut *list);
        Kept { list }
    }

    /// Runs the destructors, the newest first, and those that they register.
    pub(in super::super) fn run(self) {
        let list: *mut List = KEPT.get();
        loop {
            // SAFETY: our own list, alive as long as `self`; nobody refers to it across a destructor.
            let last = unsafe { (*list).pop() };
            let Some((destructor, object)) = last else { break };
            // SAFETY: as whoever registered it asked for: once, on this thread, at its end.
            unsafe { destructor(object) };
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        KEPT.set(ptr::null_mut());
        self.list.count = 0;
    }
}

/// Keeps a destructor, if this thread's are kept and there is room.
pub(super) fn keep(destructor: Destructor, object: *mut c_void) -> bool {
    let list = KEPT.get();
    if list.is_null() {
        return false;
    }
    // SAFETY: not null, so the list of the `Kept` that lives on this thread; nobody else refers to it now.
    let list = unsafe { &mut *list };
    let Some(place) = list.entries.get_mut(list.count) else { return false };
    *place = Some((destructor, object));
    list.count += 1;
    if let Some(then) = THEN.take() {
        then();
    }
    true
}
