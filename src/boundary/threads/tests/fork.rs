//! A fork takes the world along.

use std::cell::Cell;
use std::rc::Rc;

use super::*;

#[test]
fn a_fork_takes_suspended_threads_along() {
    thread_local! { static OWN: Cell<i32> = const { Cell::new(0) }; }
    if crate::boundary::threads::probe::why_not_borrowed().is_some() {
        return;
    }
    let threads = threads(Backend::Borrowed);
    // More than glibc keeps mapped for later (40 MiB), if it takes them for free.
    for index in 20..50 {
        start(&threads, index, suspend);
        suspended(&threads, index);
    }
    let sum = Rc::new(Cell::new(0));
    for index in 0..3 {
        let sum = sum.clone();
        start(&threads, index, move || {
            OWN.set(1 << index);
            suspend();
            suspend();
            sum.set(sum.get() + OWN.get());
        });
        suspended(&threads, index);
    }
    suspended(&threads, 1);
    let rest = |extra: i32| {
        finished(&threads, 1);
        for index in [0, 2] {
            suspended(&threads, index);
            finished(&threads, index);
        }
        let own = sum.clone();
        start(&threads, 0, move || own.set(own.get() + extra + OWN.get()));
        finished(&threads, 0);
        sum.replace(0)
    };
    let status = in_child(|| {
        // New ones can be made in the child, and ended, without harm to the old ones' stacks.
        for index in 10..14 {
            start(&threads, index, || assert_eq!(std::hint::black_box([7u8; 256 * 1024])[99], 7));
            finished(&threads, index);
        }
        (10..14).for_each(|index| threads.retire(index));
        let sum = rest(64);
        threads.retire(2);
        (20..50).for_each(|index| finished(&threads, index));
        sum
    });
    assert_eq!(status, (1 + 2 + 4 + 64 + 1) << 8, "{status:#x}");
    assert_eq!(rest(32), 1 + 2 + 4 + 32 + 1);
    (20..50).for_each(|index| finished(&threads, index));
    (0..3).for_each(|index| threads.retire(index));
}
