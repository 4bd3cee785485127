//! State that only one thread of a world may touch, checked by one comparison.
//!
//! A world runs exactly one of its threads at any moment, and that thread has the *turn*. The
//! loop thread takes the turn in [`Turned::enter`]; a sim thread is lent it by
//! [`super::threads`] while it is being resumed. Every hand-over is either a stack switch on one
//! kernel thread or a futex hand-shake, so what the last holder wrote is visible to the next one.

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

thread_local! {
    /// The turn this thread holds: the address of its `claimed` flag, or null.
    ///
    /// `const` and without a destructor, so it can be read at any time, before `main` and while
    /// other thread-locals are being destroyed.
    static HELD: Cell<*const AtomicBool> = const { Cell::new(ptr::null()) };
}

/// A value that only the thread holding its turn may touch.
///
/// # What the caller has to keep
/// `T` may be neither `Send` nor `Sync`. Reaching it is safe whatever the caller does, but two
/// things about *what is inside* cannot be seen by the compiler:
/// - an `Rc` (or anything else that is not `Send`) inside `T` must not have a twin that is used
///   by a thread which does not hold the turn;
/// - when a loop thread gives the turn up for good, what belongs to that thread alone (its own
///   `!Send` futures, say) must be gone from `T`, since the next thread to enter may be another.
pub struct Turned<T> {
    /// Whether some thread is inside [`enter`](Self::enter). Its address is the turn's identity:
    /// unlike the address of `self` it cannot coincide with that of a `Turned` nested in `inner`.
    claimed: AtomicBool,
    inner: T,
}

// SAFETY: a shared `Turned` gives access to `inner` in two ways only. `with` compares HELD with
// this turn, and HELD is set to it by `enter`, which at most one thread can be inside of (the
// `claimed` exchange), and by `threads`, which sets it on a sim thread only while the thread that
// was inside `enter` is stopped in `resume`. So at any moment one thread at most can have
// a running borrow of `inner`, the borrows are confined to closures that end before the turn
// does, and each hand-over synchronises (acquire/release on `claimed`, one kernel thread, or a
// futex word). What is left, values inside `T` with a twin outside, is the contract above.
unsafe impl<T> Sync for Turned<T> {}

// SAFETY: as for Sync; moving the whole value to another thread needs ownership of it, so nobody
// is inside it at that time.
unsafe impl<T> Send for Turned<T> {}

impl<T> Turned<T> {
    /// Takes ownership of `inner`; nobody holds its turn yet.
    pub const fn new(inner: T) -> Self {
        Turned { claimed: AtomicBool::new(false), inner }
    }

    /// Runs `f` on the value, if the calling thread holds its turn; otherwise `None`, and `f` is
    /// dropped. Costs one thread-local load and a comparison.
    ///
    /// There is no `get(&self) -> Option<&T>`: on a `&'static Turned` that would hand out a
    /// `&'static T`, which a thread could keep after it gave up the turn and then use while
    /// another thread has it.
    #[inline(always)]
    pub fn with<R>(&self, f: impl FnOnce(&T) -> R) -> Option<R> {
        if HELD.get() == &raw const self.claimed { Some(f(&self.inner)) } else { None }
    }

    /// Whether the calling thread holds this turn.
    #[cfg(test)]
    pub fn is_held(&self) -> bool {
        HELD.get() == &raw const self.claimed
    }

    /// Claims the turn for the calling thread while `f` runs, and gives it up afterwards, also
    /// when `f` unwinds.
    ///
    /// `'static`, because sim threads may be left suspended in the middle of [`with`](Self::with)
    /// when `f` is over; they are never resumed then, but their borrow stays.
    ///
    /// # Panics
    /// If the calling thread holds a turn already (this one or another), or another thread holds
    /// this one.
    pub fn enter<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        /// Gives the turn up on every way out.
        struct Release(&'static AtomicBool);
        impl Drop for Release {
            fn drop(&mut self) {
                HELD.set(ptr::null());
                self.0.store(false, Ordering::Release);
            }
        }

        let own = &raw const self.claimed;
        let held = HELD.get();
        assert!(held != own, "this thread is inside this world already: a run cannot start its own run again");
        assert!(held.is_null(), "this thread is inside another world: a run cannot be started within a run");
        assert!(
            !self.claimed.swap(true, Ordering::Acquire),
            "another thread is inside this world: a world has one loop thread at a time"
        );
        let release = Release(&self.claimed);
        HELD.set(own);
        let result = f(&self.inner);
        drop(release);
        result
    }
}

/// The turn a thread holds, or none: what [`super::threads`] carries from the thread that resumes
/// to the one that is resumed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Hold(*const AtomicBool);

impl Hold {
    /// No turn.
    pub(super) const NONE: Hold = Hold(ptr::null());
}

/// The turn the calling thread holds.
#[inline(always)]
pub(super) fn held() -> Hold {
    Hold(HELD.get())
}

/// Makes the calling thread a holder of `hold`.
///
/// # Safety
/// The thread that `hold` was read from must not run, and must see what this thread wrote when it
/// runs again, until this thread either stops running too or calls this with [`Hold::NONE`].
#[inline(always)]
pub(super) unsafe fn set_held(hold: Hold) {
    HELD.set(hold.0);
}

/// Something that tells living threads apart: no two threads alive at a time have the same one.
#[inline(always)]
pub(super) fn this_thread() -> usize {
    HELD.with(|held| ptr::from_ref(held) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::rc::Rc;

    fn leak<T>(inner: T) -> &'static Turned<T> {
        Box::leak(Box::new(Turned::new(inner)))
    }

    #[test]
    fn only_the_holder_gets_in() {
        let world = leak(RefCell::new(Rc::new(1)));
        assert!(world.with(|_| ()).is_none());
        let got = world.enter(|inner| {
            assert!(world.is_held());
            *inner.borrow_mut() = Rc::new(2);
            std::thread::spawn(move || assert!(world.with(|_| ()).is_none())).join().unwrap();
            world.with(|inner| **inner.borrow())
        });
        assert_eq!(got, Some(2));
        assert!(world.with(|_| ()).is_none());
    }

    #[test]
    fn another_world_is_not_this_world() {
        let (one, two) = (leak(1), leak(2));
        one.enter(|_| {
            assert!(two.with(|_| ()).is_none());
            assert!(catch_unwind(AssertUnwindSafe(|| two.enter(|_| ()))).is_err());
            assert!(catch_unwind(AssertUnwindSafe(|| one.enter(|_| ()))).is_err());
            assert_eq!(one.with(|n| *n), Some(1));
        });
        two.enter(|n| assert_eq!(*n, 2));
    }

    #[test]
    fn a_world_within_a_world_has_a_turn_of_its_own() {
        let outer = leak(Turned::new(1));
        outer.enter(|inner| assert!(inner.with(|_| ()).is_none()));
    }

    #[test]
    fn an_unwinding_run_gives_the_turn_up() {
        let world = leak(());
        assert!(catch_unwind(AssertUnwindSafe(|| world.enter(|()| panic!("on purpose")))).is_err());
        assert!(!world.is_held());
        std::thread::spawn(move || world.enter(|()| ())).join().unwrap();
    }

    #[test]
    fn two_threads_cannot_enter_at_once() {
        let world = leak(());
        world.enter(|()| {
            let other = std::thread::spawn(move || world.enter(|()| ()));
            assert!(other.join().is_err());
        });
    }
}
