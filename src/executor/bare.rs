//! Tasks whose handle knows nothing of raddle: `async_task::Task<T>`, which is what smol's functions have to return.
//!
//! The world's ready set holds runnables with raddle's [`TaskMeta`], and is to stay as quick as it is. So a bare task has
//! a *carrier*: a task of the world whose poll runs the bare one's runnable. The carrier is ready whenever the bare task
//! is, and bears its identity; the user's own future is looked after as in any other task.

use super::{Catching, Host, Runnable, TaskMeta, Tracked, foreign_wake, is_in_its_world, schedule};
use crate::beacon::lock;
use pin_project_lite::pin_project;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Waker};

/// A handle without metadata, as smol's `Task` is.
pub(crate) type BareTask<T> = async_task::Task<T>;

/// What a bare task and its carrier share.
#[derive(Default)]
struct Berth {
    /// The bare task, when it is ready.
    runnable: Mutex<Option<async_task::Runnable>>,
    /// Makes the carrier ready.
    carrier: OnceLock<Waker>,
    /// The bare task's future is gone.
    over: AtomicBool,
}

pin_project! {
    /// A future that tells its berth when it is gone.
    struct Passenger<F, H: Host> {
        #[pin]
        future: Catching<F, H>,
        leave: Leave,
    }
}

struct Leave(Arc<Berth>);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}

impl<F: Future, H: Host> Future for Passenger<F, H> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}

/// The carrier's future.
struct Carrier {
    berth: Arc<Berth>,
    /// Makes the bare task ready.
    passenger: Waker,
}

impl Future for Carrier {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let runnable = lock(&self.berth.runnable).take();
        if let Some(runnable) = runnable {
            runnable.run();
        }
        if self.berth.over.load(Ordering::Relaxed) { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Where the carrier goes, the bare task's future goes.
impl Drop for Carrier {
    fn drop(&mut self) {
        if !self.berth.over.load(Ordering::Relaxed) {
            self.passenger.wake_by_ref();
        }
        let runnable = lock(&self.berth.runnable).take();
        drop(runnable);
    }
}

/// Makes a bare task, and the carrier that is to be queued for it.
pub(crate) fn bare_task<H: Host, F>(meta: TaskMeta, traced: bool, future: F) -> (Runnable, BareTask<F::Output>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    carried::<H, F>(meta, traced, future, schedule::<H>)
}

/// Makes a bare job, and the carrier that is to be queued with the pool. Where its future waits it leaves the worker, and
/// queues again once it is woken.
pub(crate) fn bare_job<H: Host, F>(meta: TaskMeta, traced: bool, future: F) -> (Runnable, BareTask<F::Output>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    carried::<H, F>(meta, traced, future, schedule_job::<H>)
}

/// Where a bare job's carrier goes when it is woken: to the pool, not to the ready set.
fn schedule_job<H: Host>(job: Runnable) {
    if is_in_its_world::<H>(&job) {
        H::with(|host| host.push_job(job.into()));
    } else {
        // It was woken from outside its run.
        foreign_wake(job);
    }
}

fn carried<H: Host, F>(
    meta: TaskMeta,
    traced: bool,
    future: F,
    schedule: fn(Runnable),
) -> (Runnable, BareTask<F::Output>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let berth = Arc::new(Berth::default());
    let slot = meta.slot();
    let passenger = {
        let leave = Leave(berth.clone());
        move |(): &()| Passenger::<F, H> { future: Catching { tracked: Tracked::new(future, slot, traced) }, leave }
    };
    let to = berth.clone();
    let ready = move |runnable| {
        // A runnable that is there already would be the same task's: it is scheduled once between two polls.
        mem::forget(lock(&to.runnable).replace(runnable));
        if let Some(carrier) = to.carrier.get() {
            carrier.wake_by_ref();
        }
    };
    let (runnable, task) = async_task::Builder::new().propagate_panic(true).spawn(passenger, ready);
    let carrier = Carrier { berth: berth.clone(), passenger: runnable.waker() };
    let (carrier, handle) = async_task::Builder::new().metadata(meta).spawn(move |_| carrier, schedule);
    handle.detach();
    // The carrier is queued by the caller: the first time needs no waker.
    *lock(&berth.runnable) = Some(runnable);
    let _ = berth.carrier.set(carrier.waker());
    (carrier, task)
}

/// A future that is looked after as those of tasks are: its panics, its end, and who could wake it. For tasks that
/// somebody else's executor runs.
pub(crate) fn catching<H: Host, F: Future>(meta: &TaskMeta, traced: bool, future: F) -> Catching<F, H> {
    Catching { tracked: Tracked::new(future, meta.slot(), traced) }
}
