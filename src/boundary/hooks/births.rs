//! What makes threads, and what waits for them.
//!
//! A thread that code under test makes is shown to the [`Nursery`], and so is whoever waits for one. What libc itself does
//! then is done with system calls unseen: it masks every signal, and a new thread returns from a system call on a stack of
//! its own; neither goes well with calls that are answered in a signal handler.

use super::super::kernel::{self, Timeout};
use super::super::threads::{Birth, Start};
use super::original::Original;
use super::{Joined, Nursery, kept};
use std::ffi::{c_int, c_void};
use std::mem;
use std::ptr;
use std::sync::OnceLock;

static NURSERY: OnceLock<&'static dyn Nursery> = OnceLock::new();

pub(super) fn set_nursery(nursery: &'static dyn Nursery) {
    NURSERY.get_or_init(|| {
        kept::learn();
        nursery
    });
}

type Create = unsafe extern "C" fn(*mut libc::pthread_t, *const libc::pthread_attr_t, Start, *mut c_void) -> c_int;

/// `pthread_create(3)`.
///
/// # Safety
/// As the original.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_create(
    thread: *mut libc::pthread_t,
    attributes: *const libc::pthread_attr_t,
    start: Start,
    argument: *mut c_void,
) -> c_int {
    static ORIGINAL: Original = Original::new(c"pthread_create");
    let original = ORIGINAL.address();
    if original.is_null() {
        return libc::EAGAIN;
    }
    // SAFETY: libc's function of this name has this type.
    let original = unsafe { mem::transmute::<*mut c_void, Create>(original) };
    let quiet = kernel::quiet();
    if let (true, Some(nursery)) = (quiet.was_watched(), NURSERY.get()) {
        // SAFETY: null or attributes, says the caller.
        let mut own = unsafe { Attributes::of(attributes) };
        let is_detached = own.is_detached;
        let mut make = |start: Start, argument: *mut c_void| {
            // SAFETY: `thread` is a place for a number, says the caller; `start` takes `argument`, says the nursery.
            match unsafe { original(thread, own.as_ptr(), start, argument) } {
                // SAFETY: written by the call.
                0 => Ok(unsafe { thread.read() } as usize),
                errno => Err(errno),
            }
        };
        let made = nursery.create(&mut Birth { start, argument, make: &mut make }, is_detached);
        match made {
            Some(Ok(())) => return 0,
            Some(Err(errno)) => return errno,
            None => {}
        }
    }
    kept::look_at(start);
    // SAFETY: it gets what this one got.
    let result = unsafe { original(thread, attributes, start, argument) };
    drop(quiet);
    result
}

unsafe extern "C" {
    // Not in the libc crate.
    fn pthread_attr_getdetachstate(attributes: *const libc::pthread_attr_t, state: *mut c_int) -> c_int;
}

/// The attributes of a native thread: those it was to have, but that it can be joined (by us, if by nobody else), and has
/// room on its stack for what a sim thread needs of it.
struct Attributes {
    changed: Option<libc::pthread_attr_t>,
    is_detached: bool,
}

impl Attributes {
    /// More than a sim thread keeps on a stack: see `borrowed`.
    const ROOM: usize = 64 * 1024;

    /// # Safety
    /// `given` is null, or points to initialised attributes that outlive this.
    unsafe fn of(given: *const libc::pthread_attr_t) -> Attributes {
        if given.is_null() {
            return Attributes { changed: None, is_detached: false };
        }
        // SAFETY: readable. glibc's attributes may be copied as long as the copy is not destroyed: what they point to is
        // neither changed nor freed by what is done to the copy below.
        let mut changed = unsafe { given.read() };
        let (mut state, mut size, mut address) = (0, 0usize, ptr::null_mut());
        // SAFETY: initialised attributes, and places for the answers.
        unsafe {
            pthread_attr_getdetachstate(&changed, &mut state);
            libc::pthread_attr_setdetachstate(&mut changed, libc::PTHREAD_CREATE_JOINABLE);
            // Fails if the stack is the caller's own, which is not to be made larger.
            let has_own = libc::pthread_attr_getstack(&changed, &mut address, &mut size) == 0 && !has_wrapped(address);
            if !has_own && libc::pthread_attr_getstacksize(&changed, &mut size) == 0 && size != 0 {
                libc::pthread_attr_setstacksize(&mut changed, size + Self::ROOM);
            }
        }
        Attributes { changed: Some(changed), is_detached: state == libc::PTHREAD_CREATE_DETACHED }
    }

    fn as_ptr(&mut self) -> *const libc::pthread_attr_t {
        self.changed.as_ref().map_or(ptr::null(), ptr::from_ref)
    }
}

/// glibc gives the lowest address of a stack that was not set as 0 less its size.
fn has_wrapped(address: *mut c_void) -> bool {
    address.is_null() || (address as isize) < 0
}

/// Joins a thread that is about to end.
pub(super) fn really_join(thread: usize) {
    // SAFETY: a thread that was made joinable, and that nobody else joins.
    unsafe { original_join(thread as libc::pthread_t, ptr::null_mut()) };
}

/// # Safety
/// As `pthread_join(3)`.
unsafe fn original_join(thread: libc::pthread_t, result: *mut *mut c_void) -> c_int {
    type Join = unsafe extern "C" fn(libc::pthread_t, *mut *mut c_void) -> c_int;
    static ORIGINAL: Original = Original::new(c"pthread_join");
    let original = ORIGINAL.address();
    if original.is_null() {
        return libc::ESRCH;
    }
    // SAFETY: libc's function of this name has this type, and gets what this one got.
    unsafe { mem::transmute::<*mut c_void, Join>(original)(thread, result) }
}

/// # Safety
/// As `pthread_tryjoin_np(3)`.
unsafe fn original_tryjoin(thread: libc::pthread_t, result: *mut *mut c_void) -> c_int {
    type Join = unsafe extern "C" fn(libc::pthread_t, *mut *mut c_void) -> c_int;
    static ORIGINAL: Original = Original::new(c"pthread_tryjoin_np");
    let original = ORIGINAL.address();
    if original.is_null() {
        return libc::EBUSY;
    }
    // SAFETY: as in `original_join`.
    unsafe { mem::transmute::<*mut c_void, Join>(original)(thread, result) }
}

/// Waits for a thread of the world; `None` if it is none, or this thread is not of a world.
///
/// # Safety
/// `result` is null or a place for a pointer.
unsafe fn join_native(thread: libc::pthread_t, result: *mut *mut c_void, until: Timeout) -> Option<c_int> {
    let joined = NURSERY.get()?.join(thread as usize, until);
    match joined {
        Joined::Over(value) => {
            if !result.is_null() {
                // SAFETY: a place for a pointer, says the caller.
                unsafe { result.write(value) };
            }
            Some(0)
        }
        Joined::TimedOut if until == Timeout::In(0) => Some(libc::EBUSY),
        Joined::TimedOut => Some(libc::ETIMEDOUT),
        Joined::Itself => Some(libc::EDEADLK),
        Joined::NotOurs => None,
    }
}

/// `pthread_join(3)`.
///
/// # Safety
/// As the original.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_join(thread: libc::pthread_t, result: *mut *mut c_void) -> c_int {
    let quiet = kernel::quiet();
    // SAFETY: what the caller says is what it asks for.
    if let Some(answer) = unsafe { join_native(thread, result, Timeout::Never) } {
        return answer;
    }
    if quiet.was_watched() {
        // SAFETY: as the original.
        match unsafe { original_tryjoin(thread, result) } {
            libc::EBUSY => NURSERY.get().into_iter().for_each(|nursery| nursery.waits_for_outsider()),
            answer => return answer,
        }
    }
    // SAFETY: as the original.
    unsafe { original_join(thread, result) }
}

/// `pthread_tryjoin_np(3)`.
///
/// # Safety
/// As the original.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_tryjoin_np(thread: libc::pthread_t, result: *mut *mut c_void) -> c_int {
    let _quiet = kernel::quiet();
    // SAFETY: what the caller says is what both ask for.
    unsafe {
        let native = join_native(thread, result, Timeout::In(0));
        native.unwrap_or_else(|| original_tryjoin(thread, result))
    }
}

/// `pthread_clockjoin_np(3)`.
///
/// # Safety
/// As the original.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_clockjoin_np(
    thread: libc::pthread_t,
    result: *mut *mut c_void,
    clock: libc::clockid_t,
    until: *const libc::timespec,
) -> c_int {
    type Join =
        unsafe extern "C" fn(libc::pthread_t, *mut *mut c_void, libc::clockid_t, *const libc::timespec) -> c_int;
    static ORIGINAL: Original = Original::new(c"pthread_clockjoin_np");
    let _quiet = kernel::quiet();
    // SAFETY: null or a time, says the caller, and `result` null or a place for a pointer.
    if let Some(answer) = unsafe { join_native(thread, result, deadline(clock, until)) } {
        return answer;
    }
    let original = ORIGINAL.address();
    if original.is_null() {
        return libc::ENOSYS;
    }
    // SAFETY: as in `original_join`.
    unsafe { mem::transmute::<*mut c_void, Join>(original)(thread, result, clock, until) }
}

/// `pthread_timedjoin_np(3)`.
///
/// # Safety
/// As the original.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_timedjoin_np(
    thread: libc::pthread_t,
    result: *mut *mut c_void,
    until: *const libc::timespec,
) -> c_int {
    // SAFETY: as the original, which is this with the clock of the wall.
    unsafe { pthread_clockjoin_np(thread, result, libc::CLOCK_REALTIME, until) }
}

/// # Safety
/// `until` is null, or points to a time.
unsafe fn deadline(clock: libc::clockid_t, until: *const libc::timespec) -> Timeout {
    if until.is_null() {
        return Timeout::Never;
    }
    // SAFETY: a time, says the caller.
    let until = unsafe { until.read() };
    let nanos = (until.tv_sec as u64).saturating_mul(1_000_000_000).saturating_add(until.tv_nsec as u64);
    match clock {
        libc::CLOCK_REALTIME => Timeout::Realtime(nanos),
        _ => Timeout::Monotonic(nanos),
    }
}

/// `pthread_detach(3)`.
///
/// # Safety
/// As the original.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_detach(thread: libc::pthread_t) -> c_int {
    type Detach = unsafe extern "C" fn(libc::pthread_t) -> c_int;
    static ORIGINAL: Original = Original::new(c"pthread_detach");
    let _quiet = kernel::quiet();
    if NURSERY.get().is_some_and(|nursery| nursery.detach(thread as usize)) {
        return 0;
    }
    let original = ORIGINAL.address();
    if original.is_null() {
        return libc::ESRCH;
    }
    // SAFETY: as in `original_join`.
    unsafe { mem::transmute::<*mut c_void, Detach>(original)(thread) }
}
