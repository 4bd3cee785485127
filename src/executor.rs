//! Tasks: the only room that names async_task.
//!
//! What a task tells its world, and where a woken task goes, is a [`Host`]'s business: the floor above implements it.

#[cfg(feature = "smol")]
mod bare;

#[cfg(feature = "smol")]
pub(crate) use bare::{BareTask, bare_job, bare_task, tracked};

use crate::beacon;
use crate::boundary::turn::{Labelled, Tag};
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

/// Names a run: a tag of its world.
pub(crate) type RunTag = Tag<RunMark>;

/// What a [`RunTag`] is drawn from is a host.
#[derive(Debug)]
pub(crate) enum RunMark {}

/// What a task needs of the world it lives in.
pub(crate) trait Host: 'static {
    /// Runs `f` with the world of this thread, if it is inside one.
    fn with<R>(f: impl FnOnce(&Self) -> R) -> Option<R>;
    /// Makes a task ready, if this thread is in the world that makes `run`, and that keeps no trace.
    fn push_plain(run: RunTag, runnable: Runnable) -> Result<(), Runnable>;
    /// The run that goes on.
    fn run_tag(&self) -> RunTag;
    /// A task is ready.
    fn push(&self, runnable: Runnable);
    /// A job is queued.
    fn push_job(&self, job: Runnable);
    /// The task in `slot` waits, for the first time in its life or not; `waker` wakes it. Until then it was in the ready
    /// set.
    fn waits(&self, slot: u32, waker: &Waker);
    /// The waker to poll the task in `slot` with, in a run that keeps a trace.
    fn counted_waker(&self, slot: u32, plain: &Waker) -> Waker;
    /// A poll returned: whether it was `Ready`. Told only in a run that keeps a trace.
    fn poll_ended(&self, ready: bool);
    /// The future in `slot` panicked with `payload`.
    fn task_panicked(&self, payload: &(dyn Any + Send));
    /// The future in `slot` is gone: done, or `dropped` before that.
    fn task_gone(&self, slot: u32, dropped: bool);
    /// A future panicked with `payload` while it was dropped.
    fn drop_panicked(&self, payload: Box<dyn Any + Send>);
}

/// What raddle keeps with each task. Opaque.
#[derive(Debug)]
pub struct TaskMeta {
    /// The run it belongs to, and the number of the site that it was spawned at.
    run: Labelled<RunMark>,
    pub(crate) key: Key,
    pub(crate) slot: u32,
    /// How often it has been made ready: its own steps. Not counted where nobody asks, see [`Payload::is_ready_again`].
    steps: AtomicU32,
}

impl TaskMeta {
    pub(crate) fn new(run: RunTag, slot: u32, key: Key, site: SiteId) -> TaskMeta {
        TaskMeta { run: run.with(site), slot, key, steps: AtomicU32::new(0) }
    }

    /// The task as a strategy sees it. The step it is about to take was counted when it became ready.
    #[inline(always)]
    pub(crate) fn candidate(&self) -> Candidate {
        let step = self.steps.load(Ordering::Relaxed).wrapping_sub(1);
        Candidate { key: self.key, step, slot: self.slot, operation: None }
    }

    /// The number of the run it belongs to.
    #[cfg(feature = "smol")]
    pub(crate) fn run_number(&self) -> u64 {
        self.run.tag().number()
    }

    /// The number of the site that it was spawned at.
    #[inline(always)]
    pub(crate) fn site(&self) -> SiteId {
        self.run.number()
    }

    /// Counts one more step of its own. Only the thread with the turn calls this.
    #[inline]
    pub(crate) fn count_step(&self) {
        self.steps.store(self.steps.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }
}

impl Payload for Runnable {
    #[inline(always)]
    fn candidate(&self) -> Candidate {
        self.metadata().candidate()
    }

    #[inline(always)]
    fn is_ready_again(&self) {
        self.metadata().count_step();
    }
}

pin_project! {
    /// A future and its place in the registry, which it gives up when it is dropped.
    pub(crate) struct Tracked<F, H: Host> {
        #[pin]
        state: State<F>,
        host: PhantomData<fn(H)>,
    }

    impl<F, H: Host> PinnedDrop for Tracked<F, H> {
        fn drop(this: Pin<&mut Self>) {
            let mut state = this.project().state;
            let (slot, is_alive) = state.as_mut().look();
            if is_alive {
                // async-task aborts the process if a destructor panics; here it becomes a finding.
                let dropped = catch_unwind(AssertUnwindSafe(|| state.set(State::Gone { slot })));
                H::with(|host| host.task_gone(slot, true));
                if let Err(payload) = dropped {
                    H::with(|host| host.drop_panicked(payload));
                }
            } else {
                H::with(|host| host.task_gone(slot, false));
            }
        }
    }
}

pin_project! {
    // Not a struct with an `Option`, which would take another eight bytes of every task.
    #[project = Now]
    enum State<F> {
        Alive { #[pin] future: F, slot: u32, mode: Mode },
        Gone { slot: u32 },
    }
}

/// How a future is polled.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    /// Just so.
    Plain,
    /// It has not waited yet: its host does not know its waker.
    New,
    /// The run keeps a trace.
    Traced,
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
        let mode = if traced { Mode::Traced } else { Mode::New };
        Tracked { state: State::Alive { future, slot, mode }, host: PhantomData }
    }
}

impl<F: Future, H: Host> Future for Tracked<F, H> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut state = self.project().state;
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let Now::Alive { future, slot, mode } = state.as_mut().project() else {
                unreachable!("polled after it was done")
            };
            let poll = match *mode {
                Mode::Plain => future.poll(cx),
                _ => poll_specially::<F, H>(*slot, mode, future, cx),
            };
            if poll.is_ready() {
                let (slot, _) = state.as_mut().look();
                state.set(State::Gone { slot });
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

/// The first poll of a future, and every one in a run that keeps a trace: that one has a waker which can be counted.
#[inline(never)]
fn poll_specially<F: Future, H: Host>(
    slot: u32,
    mode: &mut Mode,
    future: Pin<&mut F>,
    cx: &mut Context<'_>,
) -> Poll<F::Output> {
    if *mode == Mode::Traced {
        return poll_traced::<F, H>(slot, future, cx);
    }
    let poll = future.poll(cx);
    if poll.is_pending() {
        *mode = Mode::Plain;
        H::with(|host| host.waits(slot, cx.waker()));
    }
    poll
}

#[cold]
#[inline(never)]
fn poll_traced<F: Future, H: Host>(slot: u32, future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
    let counted = H::with(|host| host.counted_waker(slot, cx.waker()));
    let poll = match &counted {
        Some(waker) => future.poll(&mut Context::from_waker(waker)),
        None => future.poll(cx),
    };
    if poll.is_pending() {
        H::with(|host| host.waits(slot, cx.waker()));
    }
    H::with(|host| host.poll_ended(poll.is_ready()));
    poll
}

/// Where a woken task goes: into its world's ready set, if this thread is in that world.
fn schedule<H: Host>(runnable: Runnable) {
    if let Err(runnable) = H::push_plain(runnable.metadata().run.tag(), runnable) {
        schedule_otherwise::<H>(runnable);
    }
}

#[cold]
#[inline(never)]
fn schedule_otherwise<H: Host>(runnable: Runnable) {
    if is_in_its_world::<H>(&runnable) {
        H::with(|host| host.push(runnable));
    } else {
        foreign_wake(runnable);
    }
}

fn is_in_its_world<H: Host>(runnable: &Runnable) -> bool {
    H::with(|host| host.run_tag().number() == runnable.metadata().run.tag().number()).unwrap_or(false)
}

fn foreign_wake(runnable: Runnable) {
    let TaskMeta { run, key, .. } = runnable.metadata();
    beacon::foreign_wake(run.tag().number(), *key, Box::new(runnable));
}

/// Where a job goes: when it is made, and if its future waits (only a bare job's does), when that is woken.
fn schedule_job<H: Host>(job: Runnable) {
    if is_in_its_world::<H>(&job) {
        H::with(|host| host.push_job(job));
    } else {
        // It was woken from outside its run.
        foreign_wake(job);
    }
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
