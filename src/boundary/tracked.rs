//! A future that knows which task it is: polled in its place, and dropped there as soon as it is done.
//!
//! What a pinned enum with the future in one variant would be, but with nothing between it and whoever polls: in a build
//! without optimisation each projection is a handful of calls.

use std::any::Any;
use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;

/// Hears when a future is gone.
pub trait Mourner {
    /// The future of `slot` is gone: done, or `dropped` before that; and what it panicked with while it was dropped.
    fn gone(slot: u32, dropped: bool, panicked: Option<Box<dyn Any + Send>>);
}

/// How a future is polled.
pub enum Mode {
    /// Just so.
    Plain,
    /// It has not waited yet: its host does not know its waker.
    New,
    /// The run keeps a trace.
    Traced,
    /// Not at all: it has been dropped.
    Gone,
}

/// A future and its place in the registry, which it gives up when it is dropped.
pub struct Tracked<F, H: Mourner> {
    /// There unless `mode` is `Gone`; it never moves once this is pinned.
    future: ManuallyDrop<F>,
    slot: u32,
    mode: Mode,
    host: PhantomData<fn(H)>,
}

impl<F, H: Mourner> Tracked<F, H> {
    #[inline]
    pub fn new(future: F, slot: u32, traced: bool) -> Tracked<F, H> {
        let mode = if traced { Mode::Traced } else { Mode::New };
        Tracked { future: ManuallyDrop::new(future), slot, mode, host: PhantomData }
    }

    /// A way to what is in it.
    #[inline(always)]
    pub fn reach(self: Pin<&mut Self>) -> Reach<'_, F, H> {
        // SAFETY: `Reach` moves nothing out of it.
        Reach(unsafe { self.get_unchecked_mut() })
    }
}

/// A pinned [`Tracked`].
pub struct Reach<'a, F, H: Mourner>(&'a mut Tracked<F, H>);

impl<F, H: Mourner> Reach<'_, F, H> {
    /// The future, if it is to be polled just so.
    #[inline(always)]
    pub fn plain(&mut self) -> Option<Pin<&mut F>> {
        if let Mode::Plain = self.0.mode {
            // SAFETY: `ManuallyDrop` is transparent. As long as `mode` is not `Gone` the future is there. It is not moved out
            // of its place: `end` and `drop` drop it there, and nothing else reaches it; and it is pinned there, since what
            // it is in is (`Tracked` is `Unpin` only if it is).
            Some(unsafe { Pin::new_unchecked(mem::transmute::<&mut ManuallyDrop<F>, &mut F>(&mut self.0.future)) })
        } else {
            None
        }
    }

    /// The future, which task it is, and how it is to be polled.
    ///
    /// # Panics
    /// If it is gone.
    pub fn parts(&mut self) -> (Pin<&mut F>, u32, &mut How) {
        let Tracked { future, slot, mode, .. } = &mut *self.0;
        if let Mode::Gone = mode {
            gone();
        }
        // SAFETY: as in `plain`; and `How`, which is transparent, lets nobody say that the future is gone.
        unsafe { (Pin::new_unchecked(&mut **future), *slot, &mut *(&raw mut *mode).cast()) }
    }

    /// Drops the future, which is done.
    #[inline(always)]
    pub fn end(&mut self) {
        if !matches!(self.0.mode, Mode::Gone) {
            // Before anything can panic.
            self.0.mode = Mode::Gone;
            // SAFETY: it was there until now, and is dropped in its place; by `mode` nobody finds it any more.
            unsafe { ManuallyDrop::drop(&mut self.0.future) }
        }
    }
}

/// How a future that is there is polled: a [`Mode`] other than `Gone`.
#[repr(transparent)]
pub struct How(Mode);

impl How {
    #[inline(always)]
    pub fn is_traced(&self) -> bool {
        matches!(self.0, Mode::Traced)
    }

    /// From now on just so.
    #[inline(always)]
    pub fn be_plain(&mut self) {
        self.0 = Mode::Plain;
    }
}

#[cold]
fn gone() -> ! {
    panic!("polled after it was done")
}

impl<F, H: Mourner> Drop for Tracked<F, H> {
    fn drop(&mut self) {
        let mut panicked = None;
        let dropped = !matches!(self.mode, Mode::Gone);
        if dropped {
            self.mode = Mode::Gone;
            // SAFETY: it was there until now, is dropped in its place (this is what `Pin` promises it), and by `mode` nobody
            // finds it any more. async-task aborts the process if a destructor panics; here it becomes a finding.
            panicked = catch_unwind(AssertUnwindSafe(|| unsafe { ManuallyDrop::drop(&mut self.future) })).err();
        }
        H::gone(self.slot, dropped, panicked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;

    thread_local! {
        static HEARD: Cell<Vec<(u32, bool, bool)>> = const { Cell::new(Vec::new()) };
    }

    struct Ear;

    impl Mourner for Ear {
        fn gone(slot: u32, dropped: bool, panicked: Option<Box<dyn Any + Send>>) {
            let mut heard = HEARD.take();
            heard.push((slot, dropped, panicked.is_some()));
            HEARD.set(heard);
        }
    }

    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }

    #[test]
    fn it_is_dropped_once_and_heard_of_once() {
        let witness = Rc::new(());
        let mut tracked = Box::pin(Tracked::<_, Ear>::new(witness.clone(), 7, false));
        {
            let mut reach = tracked.as_mut().reach();
            assert!(reach.plain().is_none());
            let (_, slot, how) = reach.parts();
            assert!(slot == 7 && !how.is_traced());
            how.be_plain();
            assert!(Rc::ptr_eq(&witness, &reach.plain().unwrap()));
            reach.end();
            assert_eq!(Rc::strong_count(&witness), 1);
            reach.end();
            assert!(reach.plain().is_none());
            assert!(catch_unwind(AssertUnwindSafe(|| reach.parts().1)).is_err());
        }
        assert!(HEARD.take().is_empty());
        drop(tracked);
        drop(Tracked::<_, Ear>::new(witness.clone(), 8, true));
        assert_eq!(Rc::strong_count(&witness), 1);
        drop(Tracked::<_, Ear>::new(Bomb, 9, true));
        assert_eq!(HEARD.take(), [(7, false, false), (8, true, false), (9, true, true)]);
    }

    #[test]
    fn a_future_that_panics_at_its_end_is_gone() {
        let mut tracked = Box::pin(Tracked::<_, Ear>::new(Bomb, 1, false));
        assert!(catch_unwind(AssertUnwindSafe(|| tracked.as_mut().reach().end())).is_err());
        drop(tracked);
        assert_eq!(HEARD.take(), [(1, false, false)]);
    }
}
