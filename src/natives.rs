//! Threads that code under test starts itself: threads of its world, with its clock, its randomness and its order.

use crate::boundary::hooks::{self, Joined, Nursery};
use crate::boundary::kernel::{self, Timeout};
use crate::boundary::threads::{self, Birth};
use crate::boundary::turn::Turned;
use crate::calls::{self, Stood};
use crate::context;
use crate::prng;
use crate::sentinel::{Class, Detail, Touch, verdict};
use crate::sites::Site;
use crate::trace::{ActorKind, PollEnd, What};
use crate::workers;
use crate::world::{Birth as TaskBirth, World};
use std::panic::Location;

/// Has the threads that code under test starts become threads of its world, from now on.
pub(crate) fn look_after() {
    hooks::set_nursery(&Worlds);
}

/// Whichever world the calling thread is in.
struct Worlds;

impl Nursery for Worlds {
    fn create(&self, birth: &mut Birth<'_>, is_detached: bool) -> Option<Result<(), i32>> {
        let turned = context::current()?;
        context::try_with(|world| {
            if world.is_busy() {
                return None;
            }
            let started = world.start_native(birth, is_detached, move |code| main(turned, code));
            Some(started.map(|index| begin(world, index)))
        })?
    }

    fn join(&self, number: usize, until: Timeout) -> Joined {
        let joined = context::try_with(|world| match world.native_of(number) {
            Some(index) if !world.is_busy() => join(world, index, until),
            _ => Joined::NotOurs,
        });
        joined.unwrap_or(Joined::NotOurs)
    }

    fn waits_for_outsider(&self) {
        context::try_with(|world| {
            if threads::current().is_none() && !std::thread::panicking() && !world.is_busy() {
                world.saw_blocking(Class::Join, "thread::join", Detail::new());
            }
        });
    }

    fn detach(&self, number: usize) -> bool {
        let detached = context::try_with(|world| match world.native_of(number) {
            Some(index) if !world.is_busy() => {
                world.detach_native(index);
                true
            }
            _ => false,
        });
        detached.unwrap_or(false)
    }
}

/// Makes the task that gives native thread `index` its turns.
fn begin(world: &World, index: u32) {
    let site = Site { at: Location::caller(), type_name: std::any::type_name::<Worlds>, given: Some("thread") };
    let key = world.next_child_key();
    world.worker(index, |worker| worker.key = Some(key));
    let birth = TaskBirth { kind: ActorKind::Thread, site, name: None, key: Some(key) };
    world.spawn_thread(&birth, index, workers::thread_ended);
    if threads::current().is_some() {
        // Who goes first is open.
        let _quiet = kernel::quiet();
        workers::switch_point(world);
    }
}

/// What a native thread runs, around the `code` that it was started for.
fn main(world: &'static Turned<World>, code: &mut dyn FnMut()) {
    context::within(world, || {
        let armed = context::with("a thread", |world| {
            let key = world.running().key;
            world.native_runs();
            workers::read_virtually(world);
            hooks::when_std_has_begun(|| {
                context::try_with(|world| {
                    fastrand::seed(prng::of_thread(world.seed().get(), world.running().key.get()));
                });
            });
            world.record(|log| {
                if let Some(job) = log.index(key) {
                    log.event(What::JobBegan { job });
                }
            });
            world.arm_worker()
        });
        kernel::watch(kernel::selector());
        code();
        kernel::look_away(kernel::selector());
        drop(armed);
        kernel::adopt(None);
        context::with("a thread", |world| {
            let key = world.running().key;
            world.record(|log| {
                if let Some(job) = log.index(key) {
                    log.event(What::JobEnded { job, end: PollEnd::Done });
                }
            });
        });
        workers::release_thread();
    });
}

/// Waits for the end of native thread `index`.
fn join(world: &World, index: u32, until: Timeout) -> Joined {
    let me = threads::current().map(|me| me as u32);
    if me == Some(index) {
        return Joined::Itself;
    }
    if !world.native_is_over(index) {
        let end = calls::deadline(world, until);
        let is_over = || context::try_with(|world| world.native_is_over(index)).unwrap_or(true);
        let is_in_time = match me {
            Some(me) => {
                world.native_is_awaited(index, me);
                workers::wait_until(me, "a thread to end", end, is_over)
            }
            None if end.is_some_and(|end| end <= world.now()) => false,
            None => {
                let class = verdict(Touch::Join { is_over: false });
                let words = world.native_in_words(index);
                let incident = class.and_then(|class| world.saw_blocking(class, "thread::join", words));
                match calls::stand_until(world, incident, end, &is_over) {
                    Stood::Never => {
                        calls::never(world, incident, Class::Join, "thread::join", None);
                        return Joined::Itself;
                    }
                    stood => stood == Stood::Done,
                }
            }
        };
        if !is_in_time {
            return Joined::TimedOut;
        }
    }
    // Whoever joins it is told of a panic.
    world.native_goes_on(index);
    Joined::Over(world.join_native(index))
}
