//! A waker that tells whoever made it when it is cloned: that is when somebody keeps it, to wake by it later.

use std::sync::Arc;
use std::task::{RawWaker, RawWakerVTable, Waker};

/// What a waker stands for.
pub trait Hears: Send + Sync + 'static {
    /// It is being cloned.
    fn is_cloned(&self);
    /// It wakes.
    fn wakes(&self);
}

/// A waker for `this`, each clone of which is a clone of the `Arc`.
pub fn waker<T: Hears>(this: Arc<T>) -> Waker {
    let raw = RawWaker::new(Arc::into_raw(this).cast(), table::<T>());
    // SAFETY: the functions of the table do what `RawWakerVTable` asks for: the word is that of an `Arc<T>`, of which each
    // waker owns one count. `T` is `Send` and `Sync`, so they may be called on any thread.
    unsafe { Waker::from_raw(raw) }
}

/// Never inlined: each part of an optimised build would have a table of its own, and a clone would not be known for one
/// ([`Waker::will_wake`]).
#[inline(never)]
fn table<T: Hears>() -> &'static RawWakerVTable {
    const { &RawWakerVTable::new(clone::<T>, wake::<T>, wake_by_ref::<T>, drop_one::<T>) }
}

/// # Safety
/// `word` is that of an `Arc<T>` of which the caller's waker owns a count.
unsafe fn clone<T: Hears>(word: *const ()) -> RawWaker {
    let this: *const T = word.cast();
    // SAFETY: by the caller's count `T` is alive as long as this call lasts, and the word comes from `Arc::into_raw`. The
    // new count is the new waker's.
    unsafe {
        (*this).is_cloned();
        Arc::increment_strong_count(this);
    }
    RawWaker::new(word, table::<T>())
}

/// # Safety
/// As in [`clone`]; the count is this function's from here on.
unsafe fn wake<T: Hears>(word: *const ()) {
    // SAFETY: the count that the waker owned becomes the `Arc`'s, once.
    unsafe { Arc::from_raw(word.cast::<T>()) }.wakes();
}

/// # Safety
/// As in [`clone`].
unsafe fn wake_by_ref<T: Hears>(word: *const ()) {
    // SAFETY: by the caller's count `T` is alive as long as this call lasts.
    unsafe { &*word.cast::<T>() }.wakes();
}

/// # Safety
/// As in [`wake`].
unsafe fn drop_one<T: Hears>(word: *const ()) {
    // SAFETY: as in `wake`.
    drop(unsafe { Arc::from_raw(word.cast::<T>()) });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    #[derive(Default)]
    struct Counts {
        clones: AtomicU32,
        wakes: AtomicU32,
    }

    impl Hears for Counts {
        fn is_cloned(&self) {
            self.clones.fetch_add(1, SeqCst);
        }
        fn wakes(&self) {
            self.wakes.fetch_add(1, SeqCst);
        }
    }

    #[test]
    fn hears_of_clones_and_wakes_and_is_freed() {
        let counts = Arc::new(Counts::default());
        let seen = || (counts.clones.load(SeqCst), counts.wakes.load(SeqCst), Arc::strong_count(&counts));
        let one = waker(counts.clone());
        assert_eq!(seen(), (0, 0, 2));
        let two = one.clone();
        assert!(two.will_wake(&one));
        assert_eq!(seen(), (1, 0, 3));
        two.wake_by_ref();
        assert_eq!(seen(), (1, 1, 3));
        two.wake();
        assert_eq!(seen(), (1, 2, 2));
        std::thread::spawn(move || drop(one)).join().unwrap();
        assert_eq!(seen(), (1, 2, 1));
    }
}
