//! What is left stays where it is, and what was done is known.

use super::super::kernel::{self, Answer};
use super::*;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A thread whose calls are seen, as a loop's are.
fn armed<R: Send>(work: impl FnOnce() -> R + Send) -> thread::Result<R> {
    let work = move || {
        let _armed = kernel::arm(|_| Answer::Pass);
        work()
    };
    on_a_thread(thread::Builder::new(), work).unwrap()
}

fn is_possible() -> bool {
    kernel::why_off().is_none()
}

#[test]
fn what_returns_returns() {
    let text = String::from("lent");
    let result = armed(|| (run(|| 7), run(|| 8), text.len()));
    assert_eq!(result.unwrap(), (Some(7), Some(8), 4));
}

#[test]
fn what_is_left_is_neither_dropped_nor_overwritten() {
    struct Told(&'static AtomicU32);
    impl Drop for Told {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    static DROPS: AtomicU32 = AtomicU32::new(0);
    thread_local! {
        static KEPT: Cell<Option<Told>> = const { Cell::new(None) };
    }
    if !is_possible() {
        return;
    }
    let result = armed(|| {
        KEPT.set(Some(Told(&DROPS)));
        let place = Rc::new(Cell::new(std::ptr::null::<u64>()));
        let theirs = place.clone();
        let left = run(move || {
            let _kept = Told(&DROPS);
            let number = std::hint::black_box(0x5eed);
            theirs.set(&number);
            leave();
            unreachable!("it was left");
        });
        // Another segment.
        let again = run(|| std::hint::black_box([1u8; 100_000]).iter().map(|&n| u64::from(n)).sum::<u64>());
        // SAFETY: the segment is there for ever, and so is the number on it.
        let number = unsafe { place.get().read() };
        (left, again, number)
    });
    assert_eq!(result.unwrap(), (None::<()>, Some(100_000), 0x5eed));
    assert_eq!(DROPS.load(Ordering::SeqCst), 0, "neither on the segment nor in the thread-local");
}

#[test]
fn a_panic_goes_on_below() {
    let payload = armed(|| run(|| panic!("on purpose"))).unwrap_err();
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"on purpose"));
}

#[test]
fn nobody_leaves_who_is_on_none() {
    assert_eq!(run(|| 1), Some(1));
    leave();
    armed(leave).unwrap();
}

#[test]
fn a_backtrace_goes_down_to_the_thread() {
    if !is_possible() {
        return;
    }
    let count = armed(|| run(|| kernel::backtrace(&mut [0; 64]))).unwrap().unwrap();
    let less = armed(|| kernel::backtrace(&mut [0; 64])).unwrap();
    assert!(count > less, "{count} frames on a segment, {less} below it");
}
