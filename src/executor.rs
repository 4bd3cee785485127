//! Tasks: the only room that names async_task.
//!
//! What a task tells its world, and where a woken task goes, is a [`Host`]'s business: the floor above implements it.

use crate::beacon;
use crate::id::Key;
use crate::schedule::{Candidate, Payload};
use crate::sites::SiteId;
use pin_project_lite::pin_project;
use std::any::Any;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};

/// A handle to a spawned task or job: [`async_task::Task`] itself.
///
/// Await it for the output. Dropped, it cancels the task; `detach` lets the task go on alone, `cancel` ends it and waits
/// for that, `fallible` gives an `Option`.
pub type Task<T> = async_task::Task<T, TaskMeta>;

pub(crate) type Runnable = async_task::Runnable<TaskMeta>;

/// What a task needs of the world it lives in.
pub(crate) trait Host: 'static {
    /// Runs `f` with the world of this thread, if it is inside one.
    fn with<R>(f: impl FnOnce(&Self) -> R) -> Option<R>;
    /// The number of the run that goes on.
    fn serial(&self) -> u32;
    /// A task is ready.
    fn push(&self, runnable: Runnable);
    /// A job is queued.
    fn push_job(&self, job: Runnable);
    /// The waker to poll the task in `slot` with, in a run that keeps a trace.
    fn counted_waker(&self, slot: u32, plain: &Waker) -> Waker;
    /// A poll returned: whether it was `Ready`. Told only in a run that keeps a trace.
    fn poll_ended(&self, ready: bool);
    /// The future in `slot` panicked with `payload`.
    fn task_panicked(&self, payload: &(dyn Any + Send));
    /// The future in `slot` is gone: done (`Ok(false)`), dropped before that (`Ok(true)`), or it panicked in its drop.
    fn task_gone(&self, slot: u32, ended: Result<bool, Box<dyn Any + Send>>);
}

/// What raddle keeps with each task. Opaque.
#[derive(Debug)]
pub struct TaskMeta {
    world: u32,
    pub(crate) slot: u32,
    pub(crate) key: Key,
    /// How often it has been made ready: its own steps.
    steps: AtomicU32,
    pub(crate) site: SiteId,
}

impl TaskMeta {
    pub(crate) fn new(world: u32, slot: u32, key: Key, site: SiteId) -> TaskMeta {
        TaskMeta { world, slot, key, steps: AtomicU32::new(0), site }
    }

    /// Counts one more step of its own. Only the thread with the turn calls this.
    #[inline]
    pub(crate) fn count_step(&self) {
        self.steps.store(self.steps.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }
}

impl Payload for Runnable {
    /// The step it is about to take was counted when it became ready.
    fn candidate(&self) -> Candidate {
        let meta = self.metadata();
        let step = meta.steps.load(Ordering::Relaxed).wrapping_sub(1);
        Candidate { key: meta.key, step, slot: meta.slot, operation: None }
    }
}

pin_project! {
    /// A future and its place in the registry, which it gives up when it is dropped.
    struct Tracked<F, H: Host> {
        #[pin]
        state: State<F>,
        host: PhantomData<fn(H)>,
    }

    impl<F, H: Host> PinnedDrop for Tracked<F, H> {
        fn drop(this: Pin<&mut Self>) {
            let mut state = this.project().state;
            let (slot, is_alive) = state.as_mut().look();
            // async-task aborts the process if a destructor panics; here it becomes a finding.
            let ended = match is_alive {
                true => catch_unwind(AssertUnwindSafe(|| state.set(State::Gone { slot }))).map(|()| true),
                false => Ok(false),
            };
            H::with(|host| host.task_gone(slot, ended));
        }
    }
}

pin_project! {
    // Not a struct with an `Option`, which would take another eight bytes of every task.
    #[project = Now]
    enum State<F> {
        Alive { #[pin] future: F, slot: u32, traced: bool },
        Gone { slot: u32 },
    }
}

impl<F> State<F> {
    fn look(self: Pin<&mut Self>) -> (u32, bool) {
        match self.project() {
            Now::Alive { slot, .. } => (*slot, true),
            Now::Gone { slot } => (*slot, false),
        }
    }
}

impl<F, H: Host> Tracked<F, H> {
    #[inline]
    fn new(future: F, slot: u32, traced: bool) -> Tracked<F, H> {
        Tracked { state: State::Alive { future, slot, traced }, host: PhantomData }
    }
}

impl<F: Future, H: Host> Future for Tracked<F, H> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut state = self.project().state;
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let Now::Alive { future, slot, traced } = state.as_mut().project() else {
                unreachable!("polled after it was done")
            };
            let (slot, traced) = (*slot, *traced);
            let poll = if traced { poll_traced::<F, H>(slot, future, cx) } else { future.poll(cx) };
            if poll.is_ready() {
                state.set(State::Gone { slot });
            }
            if traced {
                H::with(|host| host.poll_ended(poll.is_ready()));
            }
            poll
        }));
        match polled {
            Ok(poll) => poll,
            Err(payload) => {
                H::with(|host| host.task_panicked(&*payload));
                resume_unwind(payload)
            }
        }
    }
}

/// In a run that keeps a trace a task is polled with a waker that can be counted.
#[cold]
fn poll_traced<F: Future, H: Host>(slot: u32, future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
    match H::with(|host| host.counted_waker(slot, cx.waker())) {
        Some(waker) => future.poll(&mut Context::from_waker(&waker)),
        None => future.poll(cx),
    }
}

/// Where a woken task goes: into its world's ready set, if this thread is in that world.
fn schedule<H: Host>(runnable: Runnable) {
    let serial = runnable.metadata().world;
    let mut runnable = Some(runnable);
    H::with(|host| {
        if host.serial() == serial
            && let Some(runnable) = runnable.take()
        {
            host.push(runnable);
        }
    });
    if let Some(runnable) = runnable {
        beacon::foreign_wake(serial, runnable.metadata().key, Box::new(runnable));
    }
}

/// Where a job goes: once, when it is made.
fn schedule_job<H: Host>(job: Runnable) {
    let serial = job.metadata().world;
    let mut job = Some(job);
    H::with(|host| {
        if host.serial() == serial
            && let Some(job) = job.take()
        {
            host.push_job(job);
        }
    });
    // A job's future never waits, so nothing schedules it again; if something did, its run would be over.
    std::mem::forget(job);
}

/// Makes a task whose future may be dropped on any thread.
#[inline]
pub(crate) fn task<H: Host, F>(meta: TaskMeta, traced: bool, future: F) -> (Runnable, Task<F::Output>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let slot = meta.slot;
    let tracked = move |_: &TaskMeta| Tracked::<F, H>::new(future, slot, traced);
    async_task::Builder::new().metadata(meta).propagate_panic(true).spawn(tracked, schedule::<H>)
}

/// Makes a task whose future stays on this thread.
#[inline]
pub(crate) fn local_task<H: Host, F>(meta: TaskMeta, traced: bool, future: F) -> (Runnable, Task<F::Output>)
where
    F: Future + 'static,
    F::Output: 'static,
{
    let slot = meta.slot;
    let tracked = move |_: &TaskMeta| Tracked::<F, H>::new(future, slot, traced);
    async_task::Builder::new().metadata(meta).propagate_panic(true).spawn_local(tracked, schedule::<H>)
}

/// Makes a job: a future that never waits, for the pool's queue.
#[inline]
pub(crate) fn job<H: Host, F>(meta: TaskMeta, traced: bool, future: F) -> (Runnable, Task<F::Output>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let slot = meta.slot;
    let tracked = move |_: &TaskMeta| Tracked::<F, H>::new(future, slot, traced);
    async_task::Builder::new().metadata(meta).propagate_panic(true).spawn(tracked, schedule_job::<H>)
}
