//! A value that stays on the thread that made it, whoever holds it meanwhile.

use std::cell::Cell;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

thread_local! {
    /// This thread's number, or 0 before it is asked for. `const` and without a destructor, as in
    /// [`super::turn`].
    static NUMBER: Cell<u64> = const { Cell::new(0) };
}

/// The number of the calling thread: no other thread of this process, alive or ended, has it.
#[inline(always)]
fn number() -> u64 {
    match NUMBER.get() {
        0 => first_number(),
        number => number,
    }
}

#[cold]
fn first_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    NUMBER.set(number);
    number
}

/// A future that may be handed around, but only be polled and dropped where it was made: what
/// async-task's `spawn_local` does, at the cost of one comparison a poll.
pub struct AtHome<F> {
    home: u64,
    inner: ManuallyDrop<F>,
}

// SAFETY: another thread can own an `AtHome`, but has no way to the future in it: `poll` and `drop`
// look at the thread first, and numbers of threads are never given twice.
unsafe impl<F> Send for AtHome<F> {}

impl<F> AtHome<F> {
    /// `inner` is at home on the calling thread.
    pub fn new(inner: F) -> AtHome<F> {
        AtHome { home: number(), inner: ManuallyDrop::new(inner) }
    }
}

impl<F: Future> Future for AtHome<F> {
    type Output = F::Output;

    /// # Panics
    /// On any thread but its own.
    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        assert!(self.home == number(), "a future that is local to a thread was polled on another");
        // SAFETY: `inner` is pinned where `self` is: it is not moved out of, has no other way to
        // it, and `drop` drops it in place. `ManuallyDrop` is transparent.
        let inner = unsafe { self.map_unchecked_mut(|this| &mut *this.inner) };
        inner.poll(cx)
    }
}

impl<F> Drop for AtHome<F> {
    /// # Panics
    /// On any thread but its own; the future is leaked then.
    #[inline]
    fn drop(&mut self) {
        assert!(self.home == number(), "a future that is local to a thread was dropped on another");
        // SAFETY: it is dropped here only, once, on the thread that made it.
        unsafe { ManuallyDrop::drop(&mut self.inner) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::rc::Rc;
    use std::task::Waker;

    #[test]
    fn is_polled_and_dropped_at_home_only() {
        let witness = Rc::new(());
        let held = witness.clone();
        let mut future = Box::pin(AtHome::new(std::future::poll_fn(move |_| {
            let _ = &held;
            Poll::<()>::Pending
        })));
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let mut future = std::thread::spawn(move || {
            let poll = || future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(catch_unwind(AssertUnwindSafe(poll)).is_err());
            future
        })
        .join()
        .unwrap();
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(future);
        assert_eq!(Rc::strong_count(&witness), 1);

        let future = AtHome::new(std::future::ready(witness.clone()));
        let dropped = std::thread::spawn(move || catch_unwind(AssertUnwindSafe(|| drop(future))).is_err());
        assert!(dropped.join().unwrap());
        // Leaked, since the drop was refused.
        assert_eq!(Rc::strong_count(&witness), 2);
    }
}
