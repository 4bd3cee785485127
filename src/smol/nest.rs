//! The tasks of an executor within a run.
//!
//! Each task lives on a small real executor of its own, so that the world can say which task of the simulated executor
//! is polled next, while futures that borrow stay async-executor's business. A task is a *member* of the nest; what
//! others know of it, its waker among them, is its *seat*.

use crate::beacon::{self, lock};
use crate::context;
use crate::executor::{Catching, TaskMeta, catching};
use crate::schedule::{Candidate, Payload, Ready};
use crate::trace::ActorKind;
use crate::world::World;
use pin_project_lite::pin_project;
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::mem;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

/// What runs a member's own executor: polled once the member is ready.
pub(super) type Driver<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
/// The same, of a member that stays on its thread.
pub(super) type LocalDriver<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Who is ready, and who runs the executor.
struct Core {
    ready: Mutex<Ready<Arc<Seat>>>,
    /// Those who run the executor and found nobody ready.
    hosts: Mutex<Vec<Waker>>,
}

/// A member as its wakers know it.
pub(super) struct Seat {
    /// Whose seat it is.
    number: u64,
    meta: TaskMeta,
    core: Arc<Core>,
    /// It is in the ready set, or runs.
    queued: AtomicBool,
    /// Its future may be polled, once.
    permit: AtomicBool,
    /// Its future was woken while it was polled.
    again: Mutex<Option<Waker>>,
    /// Its future is gone.
    gone: AtomicBool,
}

impl Payload for Arc<Seat> {
    fn candidate(&self) -> Candidate {
        self.meta.candidate()
    }
}

impl Seat {
    /// The member is ready.
    fn queue(self: Arc<Self>, world: &World) {
        if self.gone.load(Ordering::Relaxed) || self.queued.swap(true, Ordering::Relaxed) {
            return;
        }
        world.nested_is_ready(&self.meta);
        let core = self.core.clone();
        lock(&core.ready).push(self);
        let hosts = mem::take(&mut *lock(&core.hosts));
        hosts.into_iter().for_each(Waker::wake);
    }
}

impl Wake for Seat {
    fn wake(self: Arc<Self>) {
        let serial = self.meta.run_number();
        let is_at_home = context::try_with(|world| {
            let is_at_home = world.run_tag().number() == serial;
            if is_at_home {
                self.clone().queue(world);
            }
            is_at_home
        });
        if is_at_home != Some(true) {
            beacon::foreign_wake(serial, self.meta.key, Some(self.meta.site()), Box::new(self));
        }
    }
}

pin_project! {
    /// A member's future: polled only if the world has chosen it.
    pub(super) struct Gate<F> {
        #[pin]
        future: Catching<F, World>,
        seat: Leave,
    }
}

/// Tells the seat that the future is gone.
struct Leave(Arc<Seat>);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.gone.store(true, Ordering::Relaxed);
    }
}

impl<F: Future> Future for Gate<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let seat = &this.seat.0;
        if !seat.permit.swap(false, Ordering::Relaxed) {
            *lock(&seat.again) = Some(cx.waker().clone());
            return Poll::Pending;
        }
        this.future.poll(cx)
    }
}

struct Member<D> {
    seat: Arc<Seat>,
    /// Taken out while it runs.
    driver: Option<D>,
}

/// An executor's tasks in one run.
pub(super) struct Nest<D> {
    /// The run's number.
    serial: u64,
    core: Arc<Core>,
    members: BTreeMap<u64, Member<D>>,
    next: u64,
}

/// Where an executor keeps its nest; none as long as it has not been used in a run.
pub(super) type Place<D> = Mutex<Option<Nest<D>>>;

impl<D> Nest<D> {
    fn new(serial: u64) -> Nest<D> {
        let core = Core { ready: Mutex::new(Ready::new()), hosts: Mutex::new(Vec::new()) };
        Nest { serial, core: Arc::new(core), members: BTreeMap::new(), next: 0 }
    }

    /// The nest of this run in `place`. One that an earlier run left there (in a static) is leaked, as the tasks of a run
    /// that was given up are: to drop its futures now would be part of this run.
    fn of<'p>(place: &'p mut Option<Nest<D>>, world: &World) -> &'p mut Nest<D> {
        if place.as_ref().is_some_and(|nest| nest.serial != world.run_tag().number()) {
            mem::forget(place.take());
        }
        place.get_or_insert_with(|| Nest::new(world.run_tag().number()))
    }
}

/// Adds a task to the nest: `spawn` puts the gated future onto a real executor, and gives the task and what drives it.
pub(super) fn add<D, F: Future, T>(
    place: &Place<D>,
    world: &World,
    at: &'static Location<'static>,
    future: F,
    spawn: impl FnOnce(Gate<F>) -> (T, D),
) -> T {
    let meta = world.enrol(&super::spawn::birth::<F>(ActorKind::Task, at));
    let (number, core) = {
        let mut place = lock(place);
        let nest = Nest::of(&mut place, world);
        nest.next += 1;
        (nest.next, nest.core.clone())
    };
    let future = catching::<World, F>(&meta, world.is_traced(), future);
    let seat = Arc::new(Seat {
        number,
        meta,
        core,
        queued: AtomicBool::new(false),
        permit: AtomicBool::new(false),
        again: Mutex::new(None),
        gone: AtomicBool::new(false),
    });
    let (task, driver) = spawn(Gate { future, seat: Leave(seat.clone()) });
    let member = Member { seat: seat.clone(), driver: Some(driver) };
    Nest::of(&mut lock(place), world).members.insert(number, member);
    seat.queue(world);
    task
}

/// Whether the nest has no unfinished task.
pub(super) fn is_empty<D>(place: &Place<D>, world: &World) -> bool {
    let mut place = lock(place);
    Nest::of(&mut place, world).members.values().all(|member| member.seat.gone.load(Ordering::Relaxed))
}

/// Polls one of the tasks that are ready, which one the world decides. False if none is.
pub(super) fn tick<D: Future<Output = ()> + Unpin>(place: &Place<D>, world: &World) -> bool {
    let core = Nest::of(&mut lock(place), world).core.clone();
    let chosen = world.nested_pick(&lock(&core.ready));
    let Some(seat) = chosen else { return false };
    seat.meta.count_step();
    let driver = {
        let mut place = lock(place);
        let members = &mut Nest::of(&mut place, world).members;
        members.get_mut(&seat.number).and_then(|member| member.driver.take())
    };
    let Some(mut driver) = driver else { return false };
    world.nested_step(&seat.meta, || {
        seat.permit.store(true, Ordering::Relaxed);
        let again = lock(&seat.again).take();
        again.into_iter().for_each(Waker::wake);
        // A driver that returns has nothing left to run.
        let _ = Pin::new(&mut driver).poll(&mut Context::from_waker(&seat.clone().into()));
        seat.permit.store(false, Ordering::Relaxed);
        seat.queued.store(false, Ordering::Relaxed);
        if lock(&seat.again).is_some() {
            seat.clone().queue(world);
        }
    });
    let done = {
        let mut place = lock(place);
        let members = &mut Nest::of(&mut place, world).members;
        if seat.gone.load(Ordering::Relaxed) {
            (members.remove(&seat.number), Some(driver))
        } else {
            if let Some(member) = members.get_mut(&seat.number) {
                member.driver = Some(driver);
            }
            (None, None)
        }
    };
    drop(done);
    true
}

/// Whoever polls with `waker` runs the executor, and is to know of the next task that is ready. False if one is already.
fn wait(core: &Core, waker: &Waker) -> bool {
    if lock(&core.ready).len() > 0 {
        return false;
    }
    let mut hosts = lock(&core.hosts);
    if !hosts.iter().any(|host| host.will_wake(waker)) {
        hosts.push(waker.clone());
    }
    true
}

fn wait_or_go_on<D>(place: &Place<D>, world: &World, waker: &Waker) {
    let core = Nest::of(&mut lock(place), world).core.clone();
    if !wait(&core, waker) {
        waker.wake_by_ref();
    }
}

/// Waits until a task is ready, and polls it.
pub(super) async fn tick_when_ready<D: Future<Output = ()> + Unpin>(place: &Place<D>) {
    poll_fn(|cx| {
        context::with("smol::Executor::tick", |world| {
            if tick(place, world) {
                return Poll::Ready(());
            }
            wait_or_go_on(place, world, cx.waker());
            Poll::Pending
        })
    })
    .await
}

/// Polls tasks until `future` is done: in each of its steps the future, and one task.
pub(super) async fn run<D: Future<Output = ()> + Unpin, T>(place: &Place<D>, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(output);
        }
        context::with("smol::Executor::run", |world| {
            tick(place, world);
            wait_or_go_on(place, world, cx.waker());
        });
        Poll::Pending
    })
    .await
}
