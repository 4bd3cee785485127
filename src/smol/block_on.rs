//! `smol::block_on`.

use crate::boundary::threads;
use crate::context;
use crate::sentinel::{Class, Detail};
use crate::workers;
use crate::world::World;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake};

/// Blocks the current thread on a future: [`smol::block_on`](::smol::block_on).
///
/// In a run it belongs into a blocking job, which runs on a thread of its own: `smol::unblock(|| smol::block_on(…))`. On
/// the loop it is a leak, unless the future is ready at once: all tasks stand still until it is.
///
/// # Panics
/// On the loop, if the future waits for what only a task that stands still could do.
///
/// ```
/// use raddle::smol;
/// # raddle::Sim::new().run(|| async {
/// let job = smol::unblock(|| smol::block_on(smol::Timer::after(std::time::Duration::from_secs(5))));
/// job.await;
/// # }).unwrap();
/// ```
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    match context::current() {
        None => ::smol::block_on(future),
        Some(_) if threads::current().is_some() => workers::block_on(future),
        Some(_) => {
            let mut future = pin!(future);
            context::with("smol::block_on", |world| on_the_loop(world, future.as_mut()))
        }
    }
}

/// Whether the future has been woken since it was last polled.
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Workers have their turns until the future is done, and time passes; tasks stand still.
fn on_the_loop<F: Future>(world: &World, mut future: Pin<&mut F>) -> F::Output {
    let flag = Arc::new(Flag(AtomicBool::new(true)));
    let waker = flag.clone().into();
    let mut incident = None;
    let mut is_first = true;
    loop {
        if flag.0.swap(false, Ordering::Relaxed)
            && let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker))
        {
            return output;
        }
        if flag.0.load(Ordering::Relaxed) {
            continue;
        }
        if std::mem::take(&mut is_first) {
            incident = world.saw_blocking(Class::Lock, "block_on", Detail::new());
        }
        if world.step_a_worker() {
            continue;
        }
        let Some(next) = world.next_deadline() else {
            panic!(
                "smol::block_on on the loop would never return: it waits for what only a task could do, and all tasks \
                 stand still meanwhile. Await the future, or have a blocking job wait: \
                 `smol::unblock(|| smol::block_on(…))`"
            )
        };
        world.stand_still(next.as_nanos().saturating_sub(world.now().as_nanos()), incident);
        world.catch_up();
    }
}
