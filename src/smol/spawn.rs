//! `smol::spawn` and `smol::unblock`.

use crate::context;
use crate::sites::Site;
use crate::trace::ActorKind;
use crate::world::{Birth, World};
use ::smol::Task;
use std::future::Future;
use std::panic::Location;

/// What the trace knows of something spawned at `at`, whose name is taken from the type `T`.
pub(super) fn birth<T>(kind: ActorKind, at: &'static Location<'static>) -> Birth<'static> {
    let site = Site { at, type_name: std::any::type_name::<T>, given: None };
    Birth { kind, site, name: None, key: None }
}

/// Calls `f` with the world and `input`, or gives `input` back outside a run.
pub(super) fn in_world<I, R>(input: I, f: impl FnOnce(&World, I) -> R) -> Result<R, I> {
    let mut input = Some(input);
    let result = context::try_with(|world| input.take().map(|input| f(world, input)));
    match (result.flatten(), input) {
        (Some(result), _) => Ok(result),
        (None, Some(input)) => Err(input),
        (None, None) => unreachable!("it is given to one of the two"),
    }
}

/// Spawns a task onto the global executor: [`smol::spawn`](::smol::spawn). In a run, a task of that run.
///
/// ```
/// # raddle::Sim::new().run(|| async {
/// let task = raddle::smol::spawn(async { 1 + 2 });
/// assert_eq!(task.await, 3);
/// # }).unwrap();
/// ```
#[track_caller]
pub fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Task<T> {
    spawn_at(Location::caller(), future)
}

fn spawn_at<F>(at: &'static Location<'static>, future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    in_world(future, |world, future| world.spawn_bare(&birth::<F>(ActorKind::Task, at), future))
        .unwrap_or_else(::smol::spawn)
}

/// Runs blocking code on a thread pool: [`smol::unblock`](::smol::unblock()). In a run, on a worker of that run's pool.
///
/// ```
/// # raddle::Sim::new().run(|| async {
/// assert_eq!(raddle::smol::unblock(|| 1 + 2).await, 3);
/// # }).unwrap();
/// ```
#[track_caller]
pub fn unblock<T, F>(f: F) -> Task<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let birth = birth::<F>(ActorKind::Job, Location::caller());
    in_world(f, |world, f| world.spawn_bare_job(&birth, async move { f() })).unwrap_or_else(::smol::unblock)
}
