//! Which world this thread belongs to: the only thread-local of the upper floors.

use crate::boundary::turn::Turned;
use crate::world::World;
use std::cell::Cell;

thread_local! {
    static CURRENT: Cell<Option<&'static Turned<World>>> = const { Cell::new(None) };
}

/// Makes `world` the one of this thread while `f` runs.
pub(crate) fn within<R>(world: &'static Turned<World>, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<&'static Turned<World>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0);
        }
    }
    let _restore = Restore(CURRENT.replace(Some(world)));
    f()
}

/// Runs `f` with this thread's world, or returns `None` outside a run.
#[inline(always)]
pub(crate) fn try_with<R>(f: impl FnOnce(&World) -> R) -> Option<R> {
    match CURRENT.get() {
        Some(world) => world.with(f),
        None => None,
    }
}

/// The world as what [`within`] took.
pub(crate) fn current() -> Option<&'static Turned<World>> {
    CURRENT.get()
}

/// Runs `f` with this thread's world.
///
/// # Panics
/// Outside a run; `call` names the call that needs one.
#[inline]
#[track_caller]
pub(crate) fn with<R>(call: &str, f: impl FnOnce(&World) -> R) -> R {
    match try_with(f) {
        Some(result) => result,
        None => outside(call),
    }
}

#[cold]
#[track_caller]
fn outside(call: &str) -> ! {
    panic!(
        "{call} was called outside a run: it works only in a scenario, on one of its tasks or in one of its blocking \
         jobs. Put the call in an `async fn` under `#[raddle::test]`, or in `raddle::Sim::new().run(|| async {{ … }})`"
    )
}

/// Whether this thread is inside a run: on its loop, or on one of its workers.
///
/// ```
/// assert!(!raddle::in_run());
/// assert!(raddle::Sim::new().run(|| async { raddle::in_run() }).unwrap());
/// ```
pub fn in_run() -> bool {
    try_with(|_| ()).is_some()
}
