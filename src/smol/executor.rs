//! `smol::Executor` and `smol::LocalExecutor`.

use super::nest::{self, Driver, LocalDriver, Place};
use super::spawn::in_world;
use crate::context;
use ::smol::Task;
use std::fmt;
use std::future::Future;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::Mutex;

/// An async executor: [`smol::Executor`](::smol::Executor).
///
/// In a run its tasks are polled while somebody runs it ([`run`](Executor::run), [`tick`](Executor::tick),
/// [`try_tick`](Executor::try_tick)), as anywhere; which of those that are ready is polled next is the seed's to say, and
/// each poll is a step of the run. What a static executor still holds at the end of a run is leaked.
///
/// ```
/// use raddle::smol::Executor;
/// # raddle::Sim::new().run(|| async {
/// let executor = Executor::new();
/// let task = executor.spawn(async { 1 + 2 });
/// assert_eq!(executor.run(task).await, 3);
/// # }).unwrap();
/// ```
pub struct Executor<'a> {
    real: ::smol::Executor<'a>,
    nest: Place<Driver<'a>>,
}

// As in smol: a task that panics is gone, and leaves nothing half done in the executor.
impl UnwindSafe for Executor<'_> {}
impl RefUnwindSafe for Executor<'_> {}

impl fmt::Debug for Executor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.real, f)
    }
}

impl<'a> Default for Executor<'a> {
    fn default() -> Executor<'a> {
        Self::new()
    }
}

impl<'a> Executor<'a> {
    /// A new executor.
    pub const fn new() -> Self {
        Executor { real: ::smol::Executor::new(), nest: Mutex::new(None) }
    }

    /// Whether there are no unfinished tasks.
    pub fn is_empty(&self) -> bool {
        context::try_with(|world| nest::is_empty(&self.nest, world)).unwrap_or_else(|| self.real.is_empty())
    }

    /// Spawns a task onto the executor.
    #[track_caller]
    pub fn spawn<T: Send + 'a>(&self, future: impl Future<Output = T> + Send + 'a) -> Task<T> {
        self.spawn_at(Location::caller(), future)
    }

    fn spawn_at<T: Send + 'a>(
        &self,
        at: &'static Location<'static>,
        future: impl Future<Output = T> + Send + 'a,
    ) -> Task<T> {
        let spawned = in_world(future, |world, future| {
            nest::add(&self.nest, world, at, future, |gated| {
                let own = ::smol::Executor::new();
                let task = own.spawn(gated);
                let driver: Driver<'a> = Box::pin(async move {
                    loop {
                        own.tick().await;
                    }
                });
                (task, driver)
            })
        });
        spawned.unwrap_or_else(|future| self.real.spawn(future))
    }

    /// Spawns many tasks onto the executor, and adds their handles to `handles`.
    #[track_caller]
    pub fn spawn_many<T: Send + 'a, F: Future<Output = T> + Send + 'a>(
        &self,
        futures: impl IntoIterator<Item = F>,
        handles: &mut impl Extend<Task<F::Output>>,
    ) {
        if !context::in_run() {
            return self.real.spawn_many(futures, handles);
        }
        let at = Location::caller();
        handles.extend(futures.into_iter().map(|future| self.spawn_at(at, future)));
    }

    /// Polls a task that is ready. False if none is.
    pub fn try_tick(&self) -> bool {
        context::try_with(|world| nest::tick(&self.nest, world)).unwrap_or_else(|| self.real.try_tick())
    }

    /// Polls a task as soon as one is ready.
    pub async fn tick(&self) {
        match context::in_run() {
            true => nest::tick_when_ready(&self.nest).await,
            false => self.real.tick().await,
        }
    }

    /// Runs the executor until the given future is done.
    pub async fn run<T>(&self, future: impl Future<Output = T>) -> T {
        match context::in_run() {
            true => nest::run(&self.nest, future).await,
            false => self.real.run(future).await,
        }
    }
}

/// A thread-local executor: [`smol::LocalExecutor`](::smol::LocalExecutor). In a run as [`Executor`].
///
/// ```
/// use raddle::smol::LocalExecutor;
/// use std::rc::Rc;
/// # raddle::Sim::new().run(|| async {
/// let executor = LocalExecutor::new();
/// let three = Rc::new(3);
/// let task = executor.spawn(async move { *three });
/// assert_eq!(executor.run(task).await, 3);
/// # }).unwrap();
/// ```
pub struct LocalExecutor<'a> {
    real: ::smol::LocalExecutor<'a>,
    nest: Place<LocalDriver<'a>>,
}

impl UnwindSafe for LocalExecutor<'_> {}
impl RefUnwindSafe for LocalExecutor<'_> {}

impl fmt::Debug for LocalExecutor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.real, f)
    }
}

impl<'a> Default for LocalExecutor<'a> {
    fn default() -> LocalExecutor<'a> {
        Self::new()
    }
}

impl<'a> LocalExecutor<'a> {
    /// A new executor.
    pub const fn new() -> Self {
        LocalExecutor { real: ::smol::LocalExecutor::new(), nest: Mutex::new(None) }
    }

    /// Whether there are no unfinished tasks.
    pub fn is_empty(&self) -> bool {
        context::try_with(|world| nest::is_empty(&self.nest, world)).unwrap_or_else(|| self.real.is_empty())
    }

    /// Spawns a task onto the executor.
    #[track_caller]
    pub fn spawn<T: 'a>(&self, future: impl Future<Output = T> + 'a) -> Task<T> {
        self.spawn_at(Location::caller(), future)
    }

    fn spawn_at<T: 'a>(&self, at: &'static Location<'static>, future: impl Future<Output = T> + 'a) -> Task<T> {
        let spawned = in_world(future, |world, future| {
            nest::add(&self.nest, world, at, future, |gated| {
                let own = ::smol::LocalExecutor::new();
                let task = own.spawn(gated);
                let driver: LocalDriver<'a> = Box::pin(async move {
                    loop {
                        own.tick().await;
                    }
                });
                (task, driver)
            })
        });
        spawned.unwrap_or_else(|future| self.real.spawn(future))
    }

    /// Spawns many tasks onto the executor, and adds their handles to `handles`.
    #[track_caller]
    pub fn spawn_many<T: 'a, F: Future<Output = T> + 'a>(
        &self,
        futures: impl IntoIterator<Item = F>,
        handles: &mut impl Extend<Task<F::Output>>,
    ) {
        if !context::in_run() {
            return self.real.spawn_many(futures, handles);
        }
        let at = Location::caller();
        handles.extend(futures.into_iter().map(|future| self.spawn_at(at, future)));
    }

    /// Polls a task that is ready. False if none is.
    pub fn try_tick(&self) -> bool {
        context::try_with(|world| nest::tick(&self.nest, world)).unwrap_or_else(|| self.real.try_tick())
    }

    /// Polls a task as soon as one is ready.
    pub async fn tick(&self) {
        match context::in_run() {
            true => nest::tick_when_ready(&self.nest).await,
            false => self.real.tick().await,
        }
    }

    /// Runs the executor until the given future is done.
    pub async fn run<T>(&self, future: impl Future<Output = T>) -> T {
        match context::in_run() {
            true => nest::run(&self.nest, future).await,
            false => self.real.run(future).await,
        }
    }
}
