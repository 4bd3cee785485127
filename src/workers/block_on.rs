//! How blocking code waits for async code.

use super::{give_way, my_index, wait};
use crate::boundary::kernel;
use crate::context;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};

/// Blocks the job until `future` is done: how blocking code waits for async code.
///
/// # Panics
/// On the loop, where it would stall every task, and outside a run.
///
/// ```
/// # raddle::Sim::new().run(|| async {
/// let (sender, receiver) = async_channel::bounded(1);
/// let job = raddle::unblock(move || raddle::thread::block_on(receiver.recv()));
/// sender.send(7).await.unwrap();
/// assert_eq!(job.await, Ok(7));
/// # }).unwrap();
/// ```
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    let index = my_index("raddle::thread::block_on");
    let mut future = pin!(future);
    let woken = Arc::new(AtomicBool::new(true));
    let mut last = Weak::new();
    loop {
        if woken.swap(false, Ordering::Relaxed) {
            let relay = Relay::get(index, &woken, &mut last);
            // With system calls seen, as anywhere in code under test: this may wait itself.
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&relay)) {
                return output;
            }
        }
        // Woken within its own poll, it lets others run, as any task does.
        match woken.load(Ordering::Relaxed) {
            true => give_way(),
            false => wait(index, "a future", |_| woken.load(Ordering::Relaxed)),
        }
    }
}

/// The waker of one `block_on`: what wakes one around it, or one within it, on the same thread does not wake this one.
struct Relay {
    woken: Arc<AtomicBool>,
    worker: Waker,
}

impl Relay {
    /// The same as the last time, if anybody still has it. (If nobody has, nobody will wake the worker.)
    fn get(index: u32, woken: &Arc<AtomicBool>, last: &mut Weak<Relay>) -> Waker {
        let _quiet = kernel::quiet();
        let relay = last.upgrade().unwrap_or_else(|| {
            let worker = context::with("a worker", |world| world.worker(index, |w| w.waker.clone()));
            let Some(worker) = worker else { unreachable!("a worker runs only when it is polled") };
            Arc::new(Relay { woken: woken.clone(), worker })
        });
        *last = Arc::downgrade(&relay);
        relay.into()
    }
}

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Relaxed);
        self.worker.wake_by_ref();
    }
}
