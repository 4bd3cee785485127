//! One suite, run over both back ends.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Backend, Resumed, Threads, current, suspend};

/// A test each of what is named, with either back end.
macro_rules! both {
    ($($name:ident)*) => {
        mod borrowed {
            $(#[test] fn $name() {
                match crate::boundary::threads::probe::why_not_borrowed() {
                    None => super::$name(crate::boundary::threads::Backend::Borrowed),
                    Some(why) => println!("not run: {why}"),
                }
            })*
        }
        mod baton {
            $(#[test] fn $name() { super::$name(crate::boundary::threads::Backend::Baton) })*
        }
    };
}

mod bodies;
mod carriers;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod fork;
mod turns;

fn threads(backend: Backend) -> Threads {
    let threads = Threads::new(Some(backend));
    assert_eq!(threads.backend(), backend);
    assert_eq!(threads.why_not_borrowed().is_none(), backend == Backend::Borrowed);
    threads
}

fn start(threads: &Threads, index: usize, body: impl FnOnce() + 'static) {
    threads.start(index, "worker", Box::new(body)).unwrap();
}

#[track_caller]
fn suspended(threads: &Threads, index: usize) {
    assert!(matches!(threads.resume(index), Resumed::Suspended));
}

#[track_caller]
fn finished(threads: &Threads, index: usize) {
    assert!(matches!(threads.resume(index), Resumed::Finished(None)));
}

/// What the panic said.
fn message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(|s| s.to_string())).unwrap()
}

#[track_caller]
fn panics(f: impl FnOnce()) -> String {
    message(&*catch_unwind(AssertUnwindSafe(f)).expect_err("should have panicked"))
}

/// Counts its drops.
struct Tally(Arc<AtomicUsize>);
impl Drop for Tally {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Forks, exits the child with what `f` returns, and returns the child's wait status.
///
/// A child tells of no panic: that takes a lock of std's (of backtraces), which another test's thread may have when the process
/// is forked, and which nobody lets go in the child.
#[cfg(all(target_os = "linux", not(miri)))]
fn in_child(f: impl FnOnce() -> i32) -> i32 {
    use std::panic::{set_hook, take_hook};
    use std::sync::Once;
    use std::sync::atomic::AtomicBool;
    static IS_CHILD: AtomicBool = AtomicBool::new(false);
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |info| {
            if !IS_CHILD.load(Ordering::Relaxed) {
                before(info);
            }
        }));
    });
    // Std's list of threads' stacks has a lock as well, on which a thread that the child makes waits in vain if another test's
    // thread had it: such a child is ended by its alarm, and another is forked.
    for _ in 0..4 {
        // SAFETY: the child runs `f` on this thread only and leaves by _exit; glibc's malloc is usable
        // in a forked child, and no other lock of this process is taken before `f` panics, if ever.
        let status = unsafe {
            let child = libc::fork();
            if child == 0 {
                IS_CHILD.store(true, Ordering::Relaxed);
                libc::alarm(30);
                let code = catch_unwind(AssertUnwindSafe(f)).unwrap_or(99);
                libc::_exit(code);
            }
            assert!(child > 0);
            let mut status = 0;
            assert_eq!(libc::waitpid(child, &mut status, 0), child);
            status
        };
        if !libc::WIFSIGNALED(status) || libc::WTERMSIG(status) != libc::SIGALRM {
            return status;
        }
    }
    panic!("four children in a row did not come to their end");
}
