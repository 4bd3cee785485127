//! Jobs: closures for the blocking pool, and what they are awaited by.

use super::{Host, Panics, Runnable, TaskMeta};
use crate::boundary::job_cell::{self, Errand, Handle, Outcome, Work};
use std::future::Future;
use std::marker::PhantomData;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// What is in the pool's queue, or has been given to a worker.
#[derive(Debug)]
pub(crate) enum Queued {
    /// A closure.
    Work(Work<TaskMeta>),
    /// A future whose polls take place on workers, or at a run's end whatever is still to be dropped.
    Task(Runnable),
}

impl Queued {
    #[inline(always)]
    pub fn metadata(&self) -> &TaskMeta {
        match self {
            Queued::Work(work) => work.meta(),
            Queued::Task(runnable) => runnable.metadata(),
        }
    }

    /// Has it done, on a worker.
    #[inline(always)]
    pub fn run(self) {
        match self {
            Queued::Work(work) => work.run(),
            Queued::Task(runnable) => {
                runnable.run();
            }
        }
    }
}

impl From<Runnable> for Queued {
    fn from(runnable: Runnable) -> Queued {
        Queued::Task(runnable)
    }
}

/// A job's closure, and its place in the registry, which it gives up when it is gone.
struct Body<F, H: Host> {
    /// Until it begins.
    closure: Option<F>,
    slot: u32,
    traced: bool,
    host: PhantomData<fn(H)>,
}

impl<F, T, H: Host> Errand for Body<F, H>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    type Output = T;

    #[inline]
    fn run(mut self, hand_on: impl FnOnce(Outcome<T>)) {
        let Some(closure) = self.closure.take() else { unreachable!("a job is begun once") };
        let (slot, traced) = (self.slot, self.traced);
        // What is left of it is told below.
        mem::forget(self);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let panics = Panics::<H>(PhantomData);
            let output = closure();
            mem::forget(panics);
            output
        }));
        match outcome {
            Ok(output) => {
                if traced {
                    H::with(|host| host.poll_ended(true));
                }
                H::gone(slot, false, None);
                hand_on(Ok(output));
            }
            Err(payload) => {
                H::with(|host| host.panicked_with(&*payload));
                H::gone(slot, true, None);
                hand_on(Err(payload));
            }
        }
    }
}

impl<F, H: Host> Drop for Body<F, H> {
    fn drop(&mut self) {
        let closure = self.closure.take();
        let panicked = catch_unwind(AssertUnwindSafe(|| drop(closure))).err();
        H::gone(self.slot, true, panicked);
    }
}

/// Makes a job, for the pool's queue. Within a run.
#[inline]
pub(crate) fn job<H: Host, F, T>(meta: TaskMeta, traced: bool, closure: F) -> (Queued, Job<T>)
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let body = Body::<F, H> { closure: Some(closure), slot: meta.slot(), traced, host: PhantomData };
    let (work, handle) = job_cell::job(meta, body);
    (Queued::Work(work), Job { handle })
}

/// A handle to a blocking job: what [`unblock`](crate::unblock) returns.
///
/// Await it for what the closure returns; a panic in the closure is resumed there. Dropped, it cancels the job: one that is
/// queued never begins, one that runs goes on to its end, and its output is dropped. It has a [`Task`](crate::Task)'s ways.
///
/// ```
/// # raddle::Sim::new().run(|| async {
/// let job: raddle::Job<u32> = raddle::unblock(|| 6 * 7);
/// assert_eq!(job.await, 42);
/// # }).unwrap();
/// ```
#[derive(Debug)]
#[must_use = "jobs are cancelled when they are dropped: await it, or `detach()` it"]
pub struct Job<T> {
    handle: Handle<T>,
}

impl<T> Job<T> {
    /// Lets the job go on alone; its output is dropped, or what it panics with.
    ///
    /// ```
    /// # raddle::Sim::new().run(|| async {
    /// let (sender, receiver) = async_channel::bounded(1);
    /// raddle::unblock(move || sender.send_blocking("done").unwrap()).detach();
    /// assert_eq!(receiver.recv().await, Ok("done"));
    /// # }).unwrap();
    /// ```
    pub fn detach(self) {
        self.handle.detach();
    }

    /// Cancels the job, and waits until it is gone: its output, if it had ended before.
    ///
    /// ```
    /// # raddle::Sim::new().run(|| async {
    /// let job = raddle::unblock(|| unreachable!("no worker has begun it"));
    /// assert_eq!(job.cancel().await, None::<()>);
    /// # }).unwrap();
    /// ```
    pub async fn cancel(mut self) -> Option<T> {
        self.handle.cancel();
        self.fallible().await
    }

    /// A handle that gives an `Option` of the output, where this one panics if there will be none.
    pub fn fallible(self) -> FallibleJob<T> {
        FallibleJob { job: self }
    }

    /// Whether it has ended, or has been cancelled.
    pub fn is_finished(&self) -> bool {
        self.handle.is_over()
    }

    #[inline(always)]
    fn poll_outcome(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        match ready!(self.handle.poll(cx)) {
            Some(Ok(output)) => Poll::Ready(Some(output)),
            Some(Err(payload)) => resume_unwind(payload),
            None => Poll::Ready(None),
        }
    }
}

impl<T> Future for Job<T> {
    type Output = T;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        self.poll_outcome(cx)
            .map(|output| output.expect("a job was awaited that has been cancelled, or awaited before"))
    }
}

/// What [`Job::fallible`] makes of a [`Job`].
#[derive(Debug)]
#[must_use = "jobs are cancelled when they are dropped: await it"]
pub struct FallibleJob<T> {
    job: Job<T>,
}

impl<T> FallibleJob<T> {
    /// As [`Job::detach`].
    pub fn detach(self) {
        self.job.detach();
    }

    /// As [`Job::cancel`].
    pub async fn cancel(self) -> Option<T> {
        self.job.cancel().await
    }

    /// As [`Job::is_finished`].
    pub fn is_finished(&self) -> bool {
        self.job.is_finished()
    }
}

impl<T> Future for FallibleJob<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.job.poll_outcome(cx)
    }
}
