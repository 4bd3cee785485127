//! Tasks and jobs: the only room that names async_task.
//!
//! What a task tells its world, and where a woken task goes, is a [`Host`]'s business: the floor above implements it.

#[cfg(feature = "smol")]
mod bare;
mod job;

#[cfg(feature = "smol")]
pub(crate) use bare::{BareTask, bare_job, bare_task, catching};

pub use job::{FallibleJob, Job};
pub(crate) use job::{Queued, job};

use crate::beacon;
use crate::boundary::tracked::{Mourner, Reach, Tracked};
use crate::boundary::turn::{Labelled, Tag};
use crate::id::Key;
use crate::schedule::{Candidate, Payload};
use crate::sites::SiteId;
use pin_project_lite::pin_project;
use std::any::Any;
use std::future::Future;
use std::marker::PhantomData;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};

/// A handle to a spawned task: [`async_task::Task`] itself.
///
/// Await it for the output. Dropped, it cancels the task; `detach` lets the task go on alone, `cancel` ends it and waits
/// for that, `fallible` gives an `Option`.
pub type Task<T> = async_task::Task<T, TaskMeta>;

pub(crate) type Runnable = async_task::Runnable<TaskMeta>;

/// Names a run: a tag of its world.
pub(crate) type RunTag = Tag<RunMark>;

/// The same, with a number.
pub(crate) type RunLabel = Labelled<RunMark>;

/// What a [`RunTag`] is drawn from is a host.
#[derive(Debug)]
pub(crate) enum RunMark {}

/// What a task needs of the world it lives in.
pub(crate) trait Host: Mourner + 'static {
    /// Runs `f` with the world of this thread, if it is inside one.
    fn with<R>(f: impl FnOnce(&Self) -> R) -> Option<R>;
    /// Makes a task ready, if this thread is in the world that makes `run`, and that keeps no trace; otherwise gives it back.
    fn push_plain(run: RunLabel, runnable: Runnable) -> Option<Runnable>;
    /// The run that goes on.
    fn run_tag(&self) -> RunTag;
    /// A task is ready.
    fn push(&self, runnable: Runnable);
    /// A job is queued.
    fn push_job(&self, job: Queued);
    /// The task in `slot` waits, for the first time in its life or not; `waker` wakes it. Until then it was in the ready
    /// set.
    fn waits(&self, slot: u32, waker: &Waker);
    /// The waker to poll the task in `slot` with, in a run that keeps a trace.
    fn counted_waker(&self, slot: u32, plain: &Waker) -> Waker;
    /// A poll returned: whether it was `Ready`. Told only in a run that keeps a trace.
    fn poll_ended(&self, ready: bool);
    /// The future that runs panics: it is being unwound.
    fn task_panics(&self);
    /// What that came to is `payload`.
    fn panicked_with(&self, payload: &(dyn Any + Send));
}

/// A place in the registry, and whether it is a sim thread's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place(u32);

impl Place {
    /// None.
    pub const NONE: Place = Place(Place::OF_A_THREAD - 1);
    /// One bit: half as many tasks at a time are still two thousand million.
    const OF_A_THREAD: u32 = 1 << 31;

    #[inline(always)]
    pub fn slot(self) -> u32 {
        self.0 & !Place::OF_A_THREAD
    }

    #[inline(always)]
    pub fn is_of_a_thread(self) -> bool {
        self.0 & Place::OF_A_THREAD != 0
    }
}

/// What raddle keeps with each task. Opaque.
#[derive(Debug)]
pub struct TaskMeta {
    /// The run it belongs to, and the number of the site that it was spawned at.
    run: RunLabel,
    pub(crate) key: Key,
    place: Place,
    /// Its own steps: how often it has been taken out of a ready set to run. Not counted where nobody asks, which is in a
    /// random walk without a trace.
    steps: AtomicU32,
}

impl TaskMeta {
    #[inline]
    pub(crate) fn new(run: RunTag, slot: u32, key: Key, site: SiteId) -> TaskMeta {
        debug_assert!(slot < Place::NONE.0);
        TaskMeta { run: run.with(site), place: Place(slot), key, steps: AtomicU32::new(0) }
    }

    /// The same for what stands for a sim thread in the ready set: see [`stand_in`].
    pub(crate) fn of_a_thread(self) -> TaskMeta {
        TaskMeta { place: Place(self.place.0 | Place::OF_A_THREAD), ..self }
    }

    /// Its place in the registry.
    #[inline(always)]
    pub(crate) fn slot(&self) -> u32 {
        self.place.slot()
    }

    /// The same, and whether it stands for a sim thread.
    #[inline(always)]
    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// The task as a strategy sees it.
    #[inline(always)]
    pub(crate) fn candidate(&self) -> Candidate {
        let step = self.steps.load(Ordering::Relaxed);
        Candidate { key: self.key, step, slot: self.slot(), operation: None }
    }

    /// The number of the run it belongs to.
    #[cfg(feature = "smol")]
    pub(crate) fn run_number(&self) -> u64 {
        self.run.tag().number()
    }

    /// Which run it belongs to, and the number of the site that it was spawned at.
    #[inline(always)]
    pub(crate) fn label(&self) -> &RunLabel {
        &self.run
    }

    /// The number of the site that it was spawned at.
    #[inline(always)]
    pub(crate) fn site(&self) -> SiteId {
        self.run.number()
    }

    /// It goes on counting where another of its identity has left off.
    pub(crate) fn count_from(self, steps: u32) -> TaskMeta {
        TaskMeta { steps: AtomicU32::new(steps), ..self }
    }

    /// Counts one more step of its own, which it is about to take. Only the thread with the turn calls this.
    #[inline(always)]
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
    fn seat(&self) -> (u32, Key) {
        (self.metadata().slot(), self.metadata().key)
    }
}

impl<F: Future, H: Host> Future for Tracked<F, H> {
    type Output = F::Output;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut reach = self.reach();
        let panics = Panics::<H>(PhantomData);
        let poll = match reach.plain() {
            Some(future) => future.poll(cx),
            None => poll_specially(&mut reach, cx),
        };
        // `is_ready` is a call in a build without optimisation.
        #[allow(clippy::redundant_pattern_matching)]
        if let Poll::Ready(_) = poll {
            reach.end();
        }
        mem::forget(panics);
        poll
    }
}

/// Dropped where a poll is unwound: the host hears of it before anything else of the task is dropped. Whoever catches the
/// panic says what it was. (To catch it here would be a dozen calls a poll in a build without optimisation.)
struct Panics<H: Host>(PhantomData<H>);

impl<H: Host> Drop for Panics<H> {
    #[cold]
    fn drop(&mut self) {
        H::with(|host| host.task_panics());
    }
}

pin_project! {
    /// A tracked future whose panics somebody else's code catches: it tells its host first what they are.
    pub(crate) struct Catching<F, H: Host> {
        #[pin]
        tracked: Tracked<F, H>,
    }
}

impl<F: Future, H: Host> Future for Catching<F, H> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let tracked = self.project().tracked;
        catch_unwind(AssertUnwindSafe(|| tracked.poll(cx))).unwrap_or_else(|payload| {
            H::with(|host| host.panicked_with(&*payload));
            resume_unwind(payload)
        })
    }
}

/// The first poll of a future, and every one in a run that keeps a trace: that one has a waker which can be counted.
#[inline(never)]
fn poll_specially<F: Future, H: Host>(reach: &mut Reach<'_, F, H>, cx: &mut Context<'_>) -> Poll<F::Output> {
    let (future, slot, how) = reach.parts();
    if how.is_traced() {
        return poll_traced::<F, H>(slot, future, cx);
    }
    let poll = future.poll(cx);
    if poll.is_pending() {
        how.be_plain();
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
    if let Some(runnable) = H::push_plain(runnable.metadata().run, runnable) {
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
    let (run, key) = (runnable.metadata().run, runnable.metadata().key);
    beacon::foreign_wake(run.tag().number(), key, Some(run.number()), Box::new(runnable));
}

/// How a task is made.
#[derive(Clone, Copy)]
pub(crate) struct Making {
    /// The run keeps a trace.
    pub traced: bool,
    /// A panic is caught and handed on to whoever awaits the task. Otherwise whoever runs it has to catch it: that is one
    /// catch a run instead of one a poll, which is a dozen calls in a build without optimisation.
    pub hands_panics_on: bool,
}

/// Makes a task whose future may be dropped on any thread.
#[inline]
pub(crate) fn task<H: Host, F>(meta: TaskMeta, how: Making, future: F) -> (Runnable, Task<F::Output>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let slot = meta.slot();
    let tracked = move |_: &TaskMeta| Tracked::<F, H>::new(future, slot, how.traced);
    async_task::Builder::new().metadata(meta).propagate_panic(how.hands_panics_on).spawn(tracked, schedule::<H>)
}

/// Makes a task whose future stays on this thread; as [`task`] otherwise.
#[inline]
pub(crate) fn local_task<H: Host, F>(meta: TaskMeta, how: Making, future: F) -> (Runnable, Task<F::Output>)
where
    F: Future + 'static,
    F::Output: 'static,
{
    let slot = meta.slot();
    let tracked = move |_: &TaskMeta| Tracked::<F, H>::new(future, slot, how.traced);
    async_task::Builder::new().metadata(meta).propagate_panic(how.hands_panics_on).spawn_local(tracked, schedule::<H>)
}

/// Makes what stands for a sim thread in the ready set. It is never run and has no waker: whoever takes it out gives the
/// thread its turn instead, and keeps it until the thread is woken. A task's own way round, run and woken by async-task,
/// would be a third of what a job costs.
pub(crate) fn stand_in(meta: TaskMeta) -> Runnable {
    let future = |_: &TaskMeta| std::future::pending::<()>();
    let (runnable, task) = async_task::Builder::new().metadata(meta.of_a_thread()).spawn(future, drop::<Runnable>);
    task.detach();
    runnable
}
