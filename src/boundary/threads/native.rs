//! Native threads: pthreads that code under test makes itself, through std or from C, and that become sim threads.
//!
//! Such a thread is a carrier with one body: the function it was made for. Its pthread is made by whoever wanted it, with
//! its own stack, thread-locals and number, but begins in [`enter`], where it waits for the turn as any carrier does. When
//! the function has returned, and its thread-local destructors have run (in the world, see [`hooks::kept`]), the pthread
//! still stands there. It ends when it is joined, so that its number is not given to another one before that.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;

use super::super::hooks;
use super::super::turn::{self, Hold};
use super::Threads;
use super::carrier::{self, Carrier, Handle, State};

/// `EAGAIN`, on Linux: the only place with native threads so far.
const AGAIN: i32 = 11;

/// What a pthread runs.
pub type Start = unsafe extern "C" fn(*mut c_void) -> *mut c_void;

/// What a native thread runs around its function, which is passed to it.
pub type Main = Box<dyn FnOnce(&mut dyn FnMut())>;

/// A thread that code under test wants.
pub struct Birth<'a> {
    /// What it is to run, and with what.
    pub(in super::super) start: Start,
    pub(in super::super) argument: *mut c_void,
    /// Makes a pthread that runs a function: its number, or an `errno`.
    pub(in super::super) make: &'a mut dyn FnMut(Start, *mut c_void) -> Result<usize, i32>,
}

/// The part of a control block that only native threads have.
#[derive(Clone, Copy)]
pub(super) struct Native {
    /// The pthread's number.
    pub(super) number: usize,
    /// What its function returned.
    result: *mut c_void,
    /// Nobody joins it from here: it frees its control block itself.
    is_alone: bool,
}

impl Threads {
    /// Makes carrier `index` of a thread that code under test wants, and gives its number. On its first resume it runs
    /// `main`, which has to call what it is given: that is the function the thread was made for, with the destructors of
    /// its thread-locals behind it.
    ///
    /// # Errors
    /// The `errno` with which no thread could be made.
    ///
    /// # Panics
    /// If there is a carrier `index`.
    pub fn start_native(&self, index: usize, birth: &mut Birth<'_>, main: Main) -> Result<usize, i32> {
        assert!(self.find(index).is_none(), "start: there is a sim thread {index}");
        self.adopt().map_err(|_| AGAIN)?;
        let carrier = Carrier::make(index, "", self.hand, self.backend);
        let number = match (birth.make)(enter, carrier.into_raw()) {
            Ok(number) => number,
            Err(errno) => {
                // SAFETY: no thread was made and no slot filled: this is the only handle.
                unsafe { carrier.free() };
                return Err(errno);
            }
        };
        self.hand.await_birth(&carrier);
        carrier.native.set(Some(Native { number, result: ptr::null_mut(), is_alone: false }));
        let (start, argument) = (birth.start, birth.argument);
        let body = move || {
            main(&mut || {
                let kept = hooks::kept::Kept::new(start);
                // SAFETY: the function and the argument that the caller of `pthread_create` wants a thread to run; this is
                // that thread, and it runs them once.
                let result = unsafe { start(argument) };
                kept.run();
                carrier.update_native(|native| native.result = result);
            });
        };
        carrier.home.set(carrier::current_home());
        carrier.body.set(Some(Box::new(body)));
        carrier.state.set(State::Ready);
        self.keep(index, carrier);
        Ok(number)
    }

    /// Ends native thread `index`, whose body is over, and joins it: what its function returned. The index is free then.
    ///
    /// # Panics
    /// If there is no such thread, or its body is not over.
    pub fn join_native(&self, index: usize) -> *mut c_void {
        let carrier = self.get(index, "join_native");
        carrier.assert_state(&[State::Free], "join_native");
        let Some(native) = carrier.native.get() else { panic!("join_native: sim thread {index} is not a native one") };
        self.slots.borrow_mut()[index] = None;
        if carrier.is_inherited() || self.adopt().is_err() {
            // There is no pthread to wait for.
            return native.result;
        }
        carrier.turn.set(turn::held());
        carrier.state.set(State::Ending);
        self.hand.end(&carrier);
        hooks::really_join(native.number);
        // SAFETY: the slot is empty and the thread joined, so `carrier` is the only handle left.
        unsafe { carrier.free() };
        native.result
    }

    /// Lets native thread `index`, whose body is over, go: its pthread ends by itself, and can be joined or detached by
    /// whoever has its number. The index is free.
    pub(super) fn release_native(&self, index: usize) {
        let carrier = self.get(index, "release_native");
        self.slots.borrow_mut()[index] = None;
        if carrier.is_inherited() || self.adopt().is_err() {
            return;
        }
        carrier.update_native(|native| native.is_alone = true);
        carrier.turn.set(Hold::NONE);
        carrier.state.set(State::Ending);
        self.hand.end(&carrier);
    }
}

impl Carrier {
    fn update_native(&self, f: impl FnOnce(&mut Native)) {
        let cell: &Cell<Option<Native>> = &self.native;
        if let Some(mut native) = cell.get() {
            f(&mut native);
            cell.set(Some(native));
        }
    }
}

/// Where a native thread's pthread begins and ends.
unsafe extern "C" fn enter(raw: *mut c_void) -> *mut c_void {
    // SAFETY: `start_native` passes its carrier, which is freed after this thread has ended, or below.
    let carrier: Handle = unsafe { Handle::from_raw(raw) };
    carrier.live();
    let Some(native) = carrier.native.get() else { return ptr::null_mut() };
    if native.is_alone {
        // SAFETY: `release_native` has emptied the slot, and nobody joins by the control block.
        unsafe { carrier.free() };
    }
    native.result
}
