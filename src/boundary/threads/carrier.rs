//! A carrier's control block: shared by the loop and the carrier, touched by one at a time.

use std::any::Any;
use std::cell::Cell;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread::JoinHandle;

use super::super::kernel;
use super::super::turn::{self, Hold};
use super::gate::Gate;
use super::{Backend, Hand};

/// Where a carrier is in its life.
///
/// `Free → Ready → Running ⇄ Suspended`, `Running → Free`; `Free → Ending` and
/// `Suspended → Forgotten` are for good.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// No body.
    Free,
    /// Has a body that was not resumed yet.
    Ready,
    /// Has the turn.
    Running,
    /// In the middle of its body, without the turn.
    Suspended,
    /// Told to leave: its thread-local destructors run, then its pthread ends.
    Ending,
    /// In the middle of its body, for ever.
    Forgotten,
}

/// One carrier. All cells belong to whoever runs: the loop, or the carrier while it is resumed.
pub(super) struct Carrier {
    /// Its index in [`super::Threads`].
    pub(super) index: usize,
    /// Its thread's name.
    pub(super) name: Box<str>,
    pub(super) hand: &'static dyn Hand,
    pub(super) backend: Backend,
    /// The process it was made in: after a fork its kernel thread is missing from the child.
    process: u32,
    pub(super) state: Cell<State>,
    /// What to run; there in `Ready` only.
    pub(super) body: Cell<Option<Box<dyn FnOnce()>>>,
    /// What the last body panicked with, until the loop takes it.
    pub(super) payload: Cell<Option<Box<dyn Any + Send>>>,
    /// Who is to have the turn when this suspends itself, if not the loop.
    pub(super) next: Cell<Option<Handle>>,
    /// The turn it holds while it runs.
    pub(super) turn: Cell<Hold>,
    /// The loop thread of the present body, as [`turn::this_thread`] calls it.
    pub(super) home: Cell<usize>,
    /// To end it or let go of it.
    pub(super) thread: Cell<Option<JoinHandle<()>>>,
    /// The thread that code under test made, if it is one.
    pub(super) native: Cell<Option<super::native::Native>>,
    /// The kernel's number of its own kernel thread, once that has begun: libc's locks say by it who has them.
    pub(super) number: AtomicI32,
    /// The word its kernel thread sleeps on; each back end has values of its own for it.
    pub(super) gate: Gate,
    /// The thread whose stack it is, once that has begun.
    #[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
    pub(super) stack: Cell<Option<super::super::left_stacks::Thread>>,
    /// Where the carrier stands while the loop runs.
    #[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
    pub(super) own: UnsafeCell<super::switch_x86_64::Context>,
    /// Where the loop stands while the carrier runs.
    #[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
    pub(super) back: UnsafeCell<super::switch_x86_64::Context>,
}

thread_local! {
    /// The carrier whose body runs on this thread, or null. Set only during a body, so it never
    /// dangles: a carrier with a body is not freed.
    static CURRENT: Cell<*const Carrier> = const { Cell::new(ptr::null()) };
}

/// A copyable handle to a carrier, valid until [`Handle::free`].
#[derive(Clone, Copy)]
pub(super) struct Handle(ptr::NonNull<Carrier>);

// SAFETY: it goes from the thread that creates a carrier to the carrier's own. Afterwards the two
// take turns with what it points to: the creator waits until the new thread is parked (borrowed)
// or the new thread touches only the atomic gate until it is given the turn (baton); from then on
// the loop touches it while the carrier is stopped and the other way round.
unsafe impl Send for Handle {}

impl Deref for Handle {
    type Target = Carrier;
    #[inline(always)]
    fn deref(&self) -> &Carrier {
        // SAFETY: it comes from `Carrier::make`, and `free` demands that no other handle be used
        // afterwards. Carrier has interior mutability only, so shared references may coexist.
        unsafe { self.0.as_ref() }
    }
}

impl Handle {
    /// Frees the control block.
    ///
    /// # Safety
    /// The carrier's pthread is joined or was never made, and no handle to it is used again.
    pub(super) unsafe fn free(self) {
        // SAFETY: made by Box::leak in `Carrier::make`, and freed once, as the caller promises.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

impl Handle {
    /// On the carrier's own kernel thread: its whole life.
    pub(super) fn live(self) {
        self.number.store(kernel::own_number(), Ordering::Relaxed);
        self.hand.live(self);
    }

    /// The handle as a pointer, for C to pass on.
    pub(super) fn into_raw(self) -> *mut c_void {
        self.0.as_ptr().cast()
    }

    /// The handle that [`into_raw`](Handle::into_raw) gave.
    ///
    /// # Safety
    /// It did, and the carrier has not been freed since.
    pub(super) unsafe fn from_raw(raw: *mut c_void) -> Handle {
        // SAFETY: not null, says the caller.
        Handle(unsafe { ptr::NonNull::new_unchecked(raw.cast()) })
    }
}

impl Carrier {
    /// A control block without a thread.
    pub(super) fn make(index: usize, name: &str, hand: &'static dyn Hand, backend: Backend) -> Handle {
        Handle(ptr::NonNull::from(Box::leak(Box::new(Carrier {
            index,
            name: name.into(),
            hand,
            backend,
            process: std::process::id(),
            state: Cell::new(State::Free),
            body: Cell::new(None),
            payload: Cell::new(None),
            next: Cell::new(None),
            turn: Cell::new(Hold::NONE),
            home: Cell::new(0),
            thread: Cell::new(None),
            native: Cell::new(None),
            number: AtomicI32::new(0),
            gate: Gate::new(),
            #[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
            stack: Cell::new(None),
            #[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
            own: UnsafeCell::default(),
            #[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
            back: UnsafeCell::default(),
        }))))
    }

    /// Whether it was made before this process was forked off, so that it has no kernel thread.
    pub(super) fn is_inherited(&self) -> bool {
        self.process != std::process::id()
    }

    /// Panics unless the state is one of `allowed`.
    pub(super) fn assert_state(&self, allowed: &[State], what: &str) {
        let state = self.state.get();
        assert!(
            allowed.contains(&state),
            "{what}: sim thread {} is {state:?}, but must be one of {allowed:?}",
            self.index
        );
    }

    /// Panics unless the calling thread is the one that was the loop when the body was started.
    #[inline]
    pub(super) fn assert_home(&self) {
        let state = self.state.get();
        assert!(
            self.home.get() == turn::this_thread() || state == State::Free,
            "resume: sim thread {} was started under another loop thread",
            self.index
        );
    }
}

/// What a carrier does from its first resume on: runs bodies until it is told to leave, and then
/// returns, on its own kernel thread and with the turn of the thread that told it.
pub(super) fn run_bodies(carrier: Handle) {
    while carrier.state.get() != State::Ending {
        run(&carrier);
        carrier.hand.give_back(&carrier);
    }
    // SAFETY: whoever ends the carrier waits in `join` until this thread is gone, destructors of
    // its thread-locals included, and `join` synchronises.
    unsafe { turn::set_held(carrier.turn.get()) };
}

fn run(carrier: &Carrier) {
    let Some(body) = carrier.body.take() else {
        unreachable!("sim thread {} was resumed without a body", carrier.index)
    };
    CURRENT.set(carrier);
    // SAFETY: the loop is stopped in `give` until this carrier gives the turn back, and the
    // hand-over either way synchronises. While the carrier is suspended it does not run, and it is
    // resumed under the same turn only, so `held` need not be touched in between.
    unsafe { turn::set_held(carrier.turn.get()) };
    let result = catch_unwind(AssertUnwindSafe(body));
    // SAFETY: to hold nothing is always right.
    unsafe { turn::set_held(Hold::NONE) };
    CURRENT.set(ptr::null());
    carrier.payload.set(result.err());
    carrier.state.set(State::Free);
}

/// The carrier whose body runs here, about to give its turn back; see [`super::suspend`].
#[inline(always)]
pub(super) fn suspending<'a>() -> &'a Carrier {
    let current = CURRENT.get();
    assert!(!current.is_null(), "suspend: this is not a sim thread (or its body is over)");
    // SAFETY: not null means that a body runs here, and a carrier with a body is not freed.
    let carrier = unsafe { &*current };
    carrier.state.set(State::Suspended);
    carrier
}

/// The carrier whose body runs here.
#[inline(always)]
pub(super) fn running<'a>() -> Option<&'a Carrier> {
    let current = CURRENT.get();
    // SAFETY: as in `suspending`.
    (!current.is_null()).then(|| unsafe { &*current })
}

/// See [`super::current`].
#[inline]
pub(super) fn current() -> Option<usize> {
    let current = CURRENT.get();
    // SAFETY: as in `suspend`.
    (!current.is_null()).then(|| unsafe { (*current).index })
}

/// The loop thread for which the calling thread works: itself, or that of its body.
pub(super) fn current_home() -> usize {
    let current = CURRENT.get();
    if current.is_null() {
        return turn::this_thread();
    }
    // SAFETY: as in `suspend`.
    unsafe { (*current).home.get() }
}
