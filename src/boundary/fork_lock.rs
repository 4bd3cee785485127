//! One lock that keeps a fork away from this crate's process-wide state.
//!
//! Such state (tables, lists, caches behind a mutex each) is used [`inside`] the lock, by any number of threads at once. A
//! process is forked while the lock is [`closed`], so that all of it is free, and whole, in the child. One lock in place of
//! each mutex: a forked process copies every page of memory that it writes to, and statics are scattered.

use std::cell::Cell;
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};

static LOCK: RwLock<()> = RwLock::new(());

thread_local! {
    /// How deep this thread is inside, by whatever way. `const` and without a destructor, so it can be used at any time.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// One deeper until it is dropped.
struct Deeper(());

impl Deeper {
    fn new() -> Deeper {
        DEPTH.set(DEPTH.get() + 1);
        Deeper(())
    }
}

impl Drop for Deeper {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

/// Does `work`, during which no process is forked by whoever closes the lock. `work` is to be short, and waits for nobody
/// who is outside.
pub fn inside<R>(work: impl FnOnce() -> R) -> R {
    // A thread that is inside must not queue up behind one that waits for it to come out.
    let _lock = (DEPTH.get() == 0).then(|| LOCK.read().unwrap_or_else(PoisonError::into_inner));
    let _deeper = Deeper::new();
    work()
}

/// The lock, closed: nobody else is inside until this is dropped.
pub struct Closed {
    _deeper: Deeper,
    _lock: RwLockWriteGuard<'static, ()>,
}

/// Waits until nobody is inside, and keeps all other threads out.
///
/// # Panics
/// Inside.
pub fn closed() -> Closed {
    assert!(DEPTH.get() == 0, "the lock was to be closed from inside");
    let lock = LOCK.write().unwrap_or_else(PoisonError::into_inner);
    Closed { _deeper: Deeper::new(), _lock: lock }
}

/// The same for a fork that code under test asks for; nothing if this thread has closed the lock, or is inside.
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
pub fn closed_unless_inside() -> Option<Closed> {
    (DEPTH.get() == 0).then(closed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;
    use std::thread;

    #[test]
    fn whoever_is_inside_keeps_it_open_and_may_go_deeper() {
        let (went_in, is_in) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel();
        let is_out = &AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(move || {
                inside(|| {
                    went_in.send(()).unwrap();
                    may_go_on.recv().unwrap();
                    // Whether or not somebody waits to close it by now.
                    inside(|| ());
                    is_out.store(true, Ordering::Release);
                });
            });
            is_in.recv().unwrap();
            let closer = scope.spawn(|| {
                let _closed = closed();
                assert!(is_out.load(Ordering::Acquire));
                inside(|| ());
            });
            go_on.send(()).unwrap();
            closer.join().unwrap();
        });
        assert_eq!(DEPTH.get(), 0);
    }

    #[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
    #[test]
    fn who_forks_waits_for_those_inside() {
        let (went_in, is_in) = mpsc::channel();
        let (forks, is_about_to) = mpsc::channel();
        let is_out = &AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(move || {
                inside(|| {
                    went_in.send(()).unwrap();
                    is_about_to.recv().unwrap();
                    // Long enough for a fork that does not wait.
                    thread::sleep(std::time::Duration::from_millis(50));
                    is_out.store(true, Ordering::Release);
                });
            });
            is_in.recv().unwrap();
            forks.send(()).unwrap();
            let mut status = 0;
            // SAFETY: the child ends at once; a place for its status.
            unsafe {
                let child = libc::fork();
                if child == 0 {
                    libc::_exit(if is_out.load(Ordering::Acquire) { 7 } else { 1 });
                }
                assert_eq!(libc::waitpid(child, &mut status, 0), child);
            }
            assert_eq!(libc::WEXITSTATUS(status), 7);
        });
    }

    #[test]
    fn a_panic_inside_leaves_it_as_it_was() {
        assert!(thread::spawn(|| inside(|| panic!("on purpose"))).join().is_err());
        drop(closed());
    }
}
