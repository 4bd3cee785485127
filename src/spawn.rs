//! What a scenario calls to spawn tasks and hand out blocking work.

use crate::boundary::tracked::Mourner;
use crate::boundary::{threads, turn};
use crate::context;
use crate::executor::{Host, Job, Queued, RunLabel, RunTag, Runnable, Task};
use crate::sites::Site;
use crate::trace::{ActorKind, PollEnd};
use crate::workers;
use crate::world::{Birth, World};
use std::any::Any;
use std::borrow::Cow;
use std::future::Future;
use std::panic::Location;
use std::task::{Poll, Waker};

impl Host for World {
    #[inline(always)]
    fn with<R>(f: impl FnOnce(&World) -> R) -> Option<R> {
        context::try_with(f)
    }
    #[inline(always)]
    fn push_plain(run: RunLabel, runnable: Runnable) -> Option<Runnable> {
        turn::give_labelled(run, runnable)
    }
    #[inline]
    fn run_tag(&self) -> RunTag {
        World::run_tag(self)
    }
    fn push(&self, runnable: Runnable) {
        World::push(self, runnable);
    }
    fn push_job(&self, job: Queued) {
        workers::push_job(self, job);
    }
    fn waits(&self, slot: u32, waker: &Waker) {
        World::waits(self, slot, waker);
    }
    fn counted_waker(&self, slot: u32, plain: &Waker) -> Waker {
        World::counted_waker(self, slot, plain)
    }
    fn poll_ended(&self, ready: bool) {
        World::poll_ended(self, if ready { PollEnd::Done } else { PollEnd::Pending });
    }
    fn task_panics(&self) {
        World::task_panics(self);
    }
    fn panicked_with(&self, payload: &(dyn Any + Send)) {
        World::panicked_with(self, payload);
    }
}

impl Mourner for World {
    #[inline]
    fn gone(slot: u32, dropped: bool, panicked: Option<Box<dyn Any + Send>>) {
        context::try_with(|world| world.task_gone(slot, dropped));
        if let Some(payload) = panicked {
            context::try_with(|world| world.drop_panicked(&*payload));
        }
    }
}

#[inline]
fn site<F: Future>(at: &'static Location<'static>, given: Option<&'static str>) -> Site {
    Site { at, type_name: std::any::type_name::<F>, given }
}

/// Spawns `future` as a task of this run. Its name is that of the function it comes from, and a number.
///
/// The task runs when the schedule has it run; awaiting the [`Task`] gives its output. A panic in it is a finding.
///
/// # Panics
/// Outside a run.
///
/// ```
/// # raddle::Sim::new().run(|| async {
/// let task = raddle::spawn(async { 6 * 7 });
/// assert_eq!(task.await, 42);
/// # }).unwrap();
/// ```
#[track_caller]
#[inline]
pub fn spawn<F>(future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let birth = Birth { kind: ActorKind::Task, site: site::<F>(Location::caller(), None), name: None, key: None };
    context::with("raddle::spawn", |world| world.spawn(&birth, future))
}

/// Spawns a `future` that need not be `Send`, as a task of this run.
///
/// # Panics
/// Outside a run, and on a worker: such a task can be made only where it will run, on the loop.
///
/// ```
/// # raddle::Sim::new().run(|| async {
/// let shared = std::rc::Rc::new(std::cell::Cell::new(1));
/// let theirs = shared.clone();
/// raddle::spawn_local(async move { theirs.set(2) }).await;
/// assert_eq!(shared.get(), 2);
/// # }).unwrap();
/// ```
#[track_caller]
#[inline]
pub fn spawn_local<F>(future: F) -> Task<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    only_on_the_loop("raddle::spawn_local");
    let birth = Birth { kind: ActorKind::Task, site: site::<F>(Location::caller(), None), name: None, key: None };
    context::with("raddle::spawn_local", |world| world.spawn_local(&birth, future))
}

#[track_caller]
fn only_on_the_loop(call: &str) {
    let worker = threads::current();
    assert!(worker.is_none(), "{call} was called on a worker: its future may stay on the loop's thread only");
}

/// Runs a blocking `closure` on a worker of this run's pool: the simulated twin of `blocking::unblock`.
///
/// The closure is real code on a real thread of its own (with thread-locals, stack and name); it starts when the
/// schedule has a worker take it from the queue, whether or not the [`Job`] is awaited. Dropping the handle while the
/// job is queued means it never runs; while it runs, it runs to its end and its output is dropped.
///
/// # Panics
/// Outside a run. A panic in the closure is a finding, and is resumed at the await if the test allows panics.
///
/// ```
/// # raddle::Sim::new().run(|| async {
/// let sum = raddle::unblock(|| (1..=100).sum::<u32>()).await;
/// assert_eq!(sum, 5050);
/// # }).unwrap();
/// ```
#[track_caller]
#[inline]
pub fn unblock<T, F>(closure: F) -> Job<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    unblock_named(Location::caller(), None, None, closure)
}

#[inline]
fn unblock_named<T, F>(
    at: &'static Location<'static>,
    given: Option<&'static str>,
    name: Option<&str>,
    closure: F,
) -> Job<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let site = Site { at, type_name: std::any::type_name::<F>, given };
    let birth = Birth { kind: ActorKind::Job, site, name, key: None };
    context::with("raddle::unblock", |world| world.spawn_job(&birth, closure))
}

/// A task with a name of its own, for traces, snapshots and findings: `raddle::task("worker").spawn(…)`.
///
/// ```
/// let report = raddle::Sim::new().run(|| async {
///     raddle::task("ping").spawn(async { raddle::yield_now().await }).await;
///     raddle::task(format!("pong {}", 1)).unblock(|| ()).await;
/// });
/// let names: Vec<_> = report.trace().actors().iter().map(|actor| actor.name()).collect();
/// assert_eq!(names, ["scenario", "ping", "pong 1", "worker-1"]);
/// ```
pub fn task(name: impl Into<Cow<'static, str>>) -> TaskBuilder {
    TaskBuilder { name: name.into() }
}

/// A name, waiting for what will bear it. Made by [`task`].
#[derive(Debug, Clone)]
#[must_use = "a name alone does nothing: call spawn, spawn_local or unblock"]
pub struct TaskBuilder {
    name: Cow<'static, str>,
}

impl TaskBuilder {
    fn given(&self) -> Option<&'static str> {
        match self.name {
            Cow::Borrowed(name) => Some(name),
            Cow::Owned(_) => None,
        }
    }

    /// [`raddle::spawn`](spawn) under this name.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let site = site::<F>(Location::caller(), self.given());
        let birth = Birth { kind: ActorKind::Task, site, name: Some(&self.name), key: None };
        context::with("raddle::task(…).spawn", |world| world.spawn(&birth, future))
    }

    /// [`raddle::spawn_local`](spawn_local) under this name.
    #[track_caller]
    pub fn spawn_local<F>(self, future: F) -> Task<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        only_on_the_loop("raddle::task(…).spawn_local");
        let site = site::<F>(Location::caller(), self.given());
        let birth = Birth { kind: ActorKind::Task, site, name: Some(&self.name), key: None };
        context::with("raddle::task(…).spawn_local", |world| world.spawn_local(&birth, future))
    }

    /// [`raddle::unblock`](unblock) under this name.
    #[track_caller]
    pub fn unblock<T, F>(self, closure: F) -> Job<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        unblock_named(Location::caller(), self.given(), Some(&self.name), closure)
    }
}

/// Gives way once: the task is ready again at once, behind those that are ready now.
///
/// It is a scheduling point like any await that has to wait, not a hint: a strategy may well run the same task again.
///
/// ```
/// # raddle::Sim::new().run(|| async {
/// raddle::yield_now().await;
/// # }).unwrap();
/// ```
pub async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}
