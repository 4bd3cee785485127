//! The workers of the blocking pool: sim threads that take jobs from its queue, and what a job may call to wait.
//!
//! To the scheduler a worker is a candidate as a task is: a step of it gives its thread the turn until that suspends itself.

mod block_on;

pub use block_on::block_on;

use crate::boundary::turn::Turned;
use crate::boundary::{hooks, kernel, threads};
use crate::context;
use crate::executor::Queued;
use crate::finding::{Finding, FindingKind};
use crate::id::Key;
use crate::instant::Instant;
use crate::prng;
use crate::sites::Site;
use crate::trace::{ActorKind, PollEnd, What};
use crate::world::{Birth, Probe, Running, Waiting, Worker, World, is_native, number_of, of_worker};
use std::any::Any;
use std::panic::Location;
use std::task::Waker;
use std::time::Duration;

/// A job is queued; the pool may wake or start workers for it.
#[inline]
pub(crate) fn push_job(world: &World, job: Queued) {
    let (given, wants_more) = {
        let mut pool = world.pool.borrow_mut();
        (pool.push(job), pool.wants_more())
    };
    if let Some((worker, job)) = given {
        // A wake goes to the ready set, and comes back to no worker.
        world.give_job(of_worker(worker), job);
    }
    if wants_more {
        grow(world);
    }
}

/// Starts workers as long as the pool wants more.
#[cold]
#[inline(never)]
fn grow(world: &World) {
    let grown = || world.pool.borrow_mut().grow();
    while let Some(worker) = grown() {
        start(world, worker);
    }
}

/// Starts worker `number` of the pool.
fn start(world: &World, number: u32) {
    let Some(turned) = context::current() else { return };
    let name = format!("worker-{}", number + 1);
    let (index, key) = (of_worker(number), Key::worker(number));
    world.worker(index, |worker| {
        let earlier_steps = worker.earlier_steps;
        *worker = Worker { starting: true, key: Some(key), earlier_steps, ..Worker::default() }
    });
    let _quiet = kernel::quiet();
    let started = world.threads.start(index as usize, &name, Box::new(move || main(turned, number)));
    if let Err(error) = started {
        // There is no such thread to end.
        world.worker(index, std::mem::take);
        let message = format!("{name} cannot be started: {error}");
        let hint = "lower the number of threads with `pool_threads`, or raise the system's limit";
        world.find(Finding::new(FindingKind::Setup, message).hint(hint));
        return;
    }
    let site = Site { at: Location::caller(), type_name: std::any::type_name::<Worker>, given: Some("worker") };
    let birth = Birth { kind: ActorKind::Worker, site, name: Some(&name), key: Some(key) };
    // Not on the loop, perhaps: a job may queue another. The thread gets its turns from the loop only.
    world.spawn_thread(&birth, index, thread_ended);
}

/// On the loop: the thread of sim thread `index` has ended, perhaps because it panicked.
pub(crate) fn thread_ended(world: &World, index: u32, panicked: Option<Box<dyn Any + Send>>) {
    if let Some(payload) = panicked {
        world.task_panicked(&*payload);
    }
    let ended = world.worker(index, std::mem::take);
    if is_native(index) {
        world.native_ended(index);
    } else if !ended.quit {
        // Its idleness ended it, not the run: the next worker of this number is a new thread.
        world.retire_worker(index);
    }
}

/// What the thread of worker `number` runs.
fn main(world: &'static Turned<World>, number: u32) {
    let (index, thread) = (of_worker(number), 1 + u64::from(number));
    context::within(world, || {
        let before = Residue::of_this_thread();
        let own = context::with("a worker", |world| {
            prepare_thread(world, thread);
            world.generator_begins();
            world.pool.borrow_mut().begin();
            world.running()
        });
        let armed = context::with("a worker", World::arm_worker);
        let selector = kernel::selector();
        let mut ended = None;
        while let Some((job, running)) = next_job(number, own, ended) {
            run_job(selector, job);
            ended = Some(running);
        }
        drop(armed);
        kernel::adopt(None);
        context::with("a worker", |world| world.generator_ends(thread));
        release_thread();
        if Residue::of_this_thread() != before {
            context::with("a worker", |world| world.mark_dirty(index));
        }
    });
}

/// What a run may leave in a thread's own storage, for the next run to stumble over: thread-locals that have been
/// initialised, hash keys that have been drawn.
#[derive(PartialEq, Eq, Clone, Copy)]
pub(crate) struct Residue {
    destructors: u64,
    draws: u64,
}

impl Residue {
    pub fn of_this_thread() -> Residue {
        Residue { destructors: hooks::tls_destructors(), draws: hooks::draws() }
    }
}

/// Makes the calling thread one of the world's in what it reads of clocks and randomness.
pub(crate) fn prepare_thread(world: &World, thread: u64) {
    // Who was unparked late in an earlier run, as the last thread of a scope does, need not have parked since.
    std::thread::current().unpark();
    std::thread::park();
    fastrand::seed(prng::of_thread(world.seed().get(), thread));
    read_virtually(world);
}

/// Has the calling thread read the world's clock and entropy.
pub(crate) fn read_virtually(world: &World) {
    let pulse = &world.beacon.pulse;
    hooks::virtual_clock(Some(hooks::VirtualClock { now: &pulse.now, has_waited: &pulse.has_waited }));
    hooks::entropy(Some(|bytes| {
        context::try_with(|world| world.fill_entropy(bytes));
    }));
}

/// Undoes [`prepare_thread`].
pub(crate) fn release_thread() {
    hooks::virtual_clock(None);
    hooks::entropy(None);
}

/// Has the `job` that this worker has begun done.
fn run_job(selector: kernel::Selector, job: Queued) {
    #[cfg(feature = "tracing")]
    let span = context::with("a worker", |world| world.span(job.metadata()));
    kernel::watch(selector);
    job.run();
    kernel::look_away(selector);
    #[cfg(feature = "tracing")]
    drop(span);
}

#[cold]
fn record_begin(world: &World, running: Running) {
    world.record(|log| {
        if let Some(job) = log.index(running.key) {
            log.event(What::JobBegan { job });
        }
        if let Some(actor) = log.actor_mut(running.key) {
            actor.polls += 1;
        }
    });
}

#[cold]
fn record_end(world: &World, running: Running) {
    world.record(|log| {
        let end = log.poll_ended.take().unwrap_or(PollEnd::Cancelled);
        if let Some(job) = log.index(running.key) {
            log.event(What::JobEnded { job, end });
        }
    });
    // The worker's own poll is still going on.
    world.poll_ended(PollEnd::Pending);
}

/// On worker `number`, whose last job has `ended`: the next, which has begun; `None` if the worker is to end.
#[inline(always)]
fn next_job(number: u32, own: Running, ended: Option<Running>) -> Option<(Queued, Running)> {
    let index = of_worker(number);
    context::with("a worker", |world| {
        if let Some(ended) = ended {
            world.set_running(own);
            if world.is_traced() {
                record_end(world, ended);
            }
        }
        // (Hardly ever is there one in the queue: an idle worker is given its job.)
        let (queued, keep_alive) = {
            let mut pool = world.pool.borrow_mut();
            let queued = pool.pop();
            if queued.is_none() {
                pool.wait(number);
            }
            (queued, pool.keep_alive())
        };
        let job = match queued {
            Some(job) => begins_queued(world, index, job),
            None if becomes_idle(world, index, keep_alive) => return None,
            None => loop {
                world.end_turn();
                if let Some(job) = given(world, index)? {
                    break job;
                }
            },
        };
        let running = Running::of(job.metadata());
        world.set_running(running);
        if world.is_traced() {
            record_begin(world, running);
        }
        Some((job, running))
    })
}

/// Worker `index` has taken `job` from the queue, and begins it.
#[inline(never)]
fn begins_queued(world: &World, index: u32, job: Queued) -> Queued {
    if world.pool.borrow().wants_more() {
        grow(world);
    }
    world.worker(index, |worker| (worker.job, worker.job_site) = (None, None));
    // Which job begins first is open, and with it who takes the next.
    switch_point(world);
    world.worker(index, |worker| begins(worker, &job));
    job
}

/// `worker` is in `job` from now on.
#[inline]
fn begins(worker: &mut Worker, job: &Queued) {
    (worker.job, worker.job_site) = (Some(Running::of(job.metadata())), Some(job.metadata().site()));
}

/// Worker `index` is in no job, and waits for one, as long as it is kept alive. Whether it is to end instead.
#[inline]
fn becomes_idle(world: &World, index: u32, keep_alive: Option<Duration>) -> bool {
    let quits = world.worker(index, |worker| {
        (worker.job, worker.job_site) = (None, None);
        (worker.is_idle, worker.until) = (true, None);
        worker.quit
    });
    if let Some(after) = keep_alive {
        is_kept_alive(world, index, after);
    }
    quits
}

#[inline(never)]
fn is_kept_alive(world: &World, index: u32, after: Duration) {
    let Some(waker) = world.worker(index, |worker| worker.waker.clone()) else { return };
    let deadline = world.now() + after;
    let timer = world.insert_timer(deadline, waker);
    world.worker(index, |worker| worker.until = Some((deadline, timer)));
}

/// On worker `index`, which was idle and has its turn: the job that it was given, and that has begun, if it was given one.
/// `None` if it is to end.
#[inline]
fn given(world: &World, index: u32) -> Option<Option<Queued>> {
    let (job, until, quits) = world.worker(index, |worker| {
        let job = worker.next.take();
        if let Some(job) = &job {
            worker.is_idle = false;
            begins(worker, job);
        }
        (job, worker.until, worker.quit)
    });
    if job.is_some() {
        if let Some((_, timer)) = until {
            world.cancel_timer(timer);
        }
        let wants_more = {
            let mut pool = world.pool.borrow_mut();
            pool.begin_given();
            pool.wants_more()
        };
        if wants_more {
            grow(world);
        }
        return Some(job);
    }
    let is_late = until.is_some_and(|(deadline, _)| world.now() >= deadline);
    let ends = quits || is_late && world.pool.borrow_mut().retire(number_of(index));
    if ends { None } else { Some(None) }
}

#[track_caller]
fn my_index(call: &str) -> u32 {
    match threads::current() {
        Some(index) => index as u32,
        None => panic!(
            "{call} was called on the loop or outside a run: it is for blocking jobs, which run on a worker. On the \
             loop, await instead; or move the work into `raddle::unblock`"
        ),
    }
}

/// Suspends the job until `done`, being woken in between by whatever has its waker.
fn wait(index: u32, what: &'static str, mut done: impl FnMut(&Waker) -> bool) {
    let waker = context::with("a worker", |world| world.worker(index, |w| w.waker.clone()));
    let Some(waker) = waker else { unreachable!("a worker runs only when it is polled") };
    let _quiet = kernel::quiet();
    while !done(&waker) {
        context::with("a worker", |world| world.worker(index, |w| w.waits_for = Some(what)));
        context::with("a worker", World::end_turn);
        context::with("a worker", |world| world.worker(index, |w| w.waits_for = None));
    }
}

/// Suspends worker `index` until `done` or the deadline; whether it was done in time.
pub(crate) fn wait_until(
    index: u32,
    what: &'static str,
    deadline: Option<Instant>,
    mut done: impl FnMut() -> bool,
) -> bool {
    let mut timer = None;
    let mut is_done = false;
    wait(index, what, |waker| {
        is_done = done();
        if is_done {
            return true;
        }
        let Some(deadline) = deadline else { return false };
        context::with("a worker", |world| {
            if world.now() >= deadline {
                return true;
            }
            timer.get_or_insert_with(|| world.insert_timer(deadline, waker.clone()));
            false
        })
    });
    context::with("a worker", |world| {
        timer.into_iter().for_each(|timer| world.cancel_timer(timer));
        world.outside.borrow_mut().retain(|waiting| waiting.index != index);
    });
    is_done
}

/// Suspends worker `index` until `done`, which depends on what is outside the world, or the deadline.
pub(crate) fn wait_outside(
    index: u32,
    what: &'static str,
    deadline: Option<Instant>,
    probe: Probe,
    done: &mut dyn FnMut() -> bool,
) -> bool {
    wait_until(index, what, deadline, || {
        if done() {
            return true;
        }
        let waiting = context::with("a worker", |world| world.waiting(index, probe));
        if is_over_in_reality(&waiting, deadline) && done() {
            return true;
        }
        context::with("a worker", |world| world.outside.borrow_mut().push(waiting));
        false
    })
}

/// While there are child processes, what is outside is waited for in real time as long as nobody else can run: before the
/// clock moves, and without a trace in the schedule, since it is up to the operating system whether there was something to
/// wait for. For five seconds at most, and for twice as long as it is waited for in virtual time. Whether it is over.
fn is_over_in_reality(own: &Waiting, deadline: Option<Instant>) -> bool {
    const EVERY: Duration = Duration::from_micros(200);
    const MOST: Duration = Duration::from_secs(5);
    const LEAST: Duration = Duration::from_millis(100);
    let mut end = None;
    loop {
        let (goes_on, is_over) = context::with("a worker", |world| {
            if world.children.get() == 0 || world.is_anybody_ready() {
                return (false, false);
            }
            let most = || {
                let left = deadline
                    .map_or(MOST, |end| Duration::from_nanos(end.as_nanos().saturating_sub(world.now().as_nanos())));
                if left.is_zero() { left } else { left.saturating_mul(2).clamp(LEAST, MOST) }
            };
            let now = kernel::real_time();
            // (Asked first: what the last of them has done is seen below.)
            let goes_on = now < *end.get_or_insert_with(|| now + most()) && kernel::is_any_child_alive();
            let (others, is_over) = world.look_outside_for_oneself(own);
            world.beacon.waits_outside();
            (goes_on && !others, is_over)
        });
        if is_over || !goes_on {
            return is_over;
        }
        std::thread::sleep(EVERY);
    }
}

/// On a sim thread: lets others run, and goes on at the next turn.
pub(crate) fn give_way() {
    let _quiet = kernel::quiet();
    context::with("a worker", gives_way);
}

/// The same, with calls unseen.
#[inline]
fn gives_way(world: &World) {
    if world.is_traced() {
        saw_itself(world);
    }
    world.give_way();
}

/// As by a waker, which tells.
#[cold]
fn saw_itself(world: &World) {
    let key = threads::current().and_then(|index| world.worker(index as u32, |worker| worker.key));
    key.into_iter().for_each(|key| world.saw_await(key));
}

/// On a sim thread, with calls unseen: others may run before it goes on, if there are any; whether there were.
#[inline]
pub(crate) fn switch_point(world: &World) -> bool {
    let is_anybody_ready = world.is_anybody_ready();
    if is_anybody_ready {
        gives_way(world);
    }
    is_anybody_ready
}

/// Wakes up to `count` threads of the world that wait for `word`, oldest first.
pub(crate) fn wake_futex(world: &World, word: usize, count: u32) -> u32 {
    let mut woken = 0;
    while woken < count {
        let Some(worker) = world.futex_wake(word) else { break };
        woken += 1;
        worker.into_iter().for_each(|index| world.wake_worker(index));
    }
    woken
}

/// Gives way once, from within a blocking job: other tasks and workers may run before it goes on.
///
/// # Panics
/// On the loop (where [`raddle::yield_now`](crate::yield_now) is the one to await) and outside a run.
///
/// ```
/// # raddle::Sim::new().run(|| async {
/// raddle::unblock(|| raddle::thread::yield_now()).await;
/// # }).unwrap();
/// ```
#[track_caller]
pub fn yield_now() {
    my_index("raddle::thread::yield_now");
    give_way();
}

/// Blocks the job for `duration` of virtual time, which costs no real time.
///
/// # Panics
/// On the loop (where [`raddle::sleep`](crate::sleep) is the one to await) and outside a run.
///
/// ```
/// use std::time::Duration;
/// # raddle::Sim::new().run(|| async {
/// let before = raddle::now();
/// raddle::unblock(|| raddle::thread::sleep(Duration::from_secs(5))).await;
/// assert_eq!(raddle::now() - before, Duration::from_secs(5));
/// # }).unwrap();
/// ```
#[track_caller]
pub fn sleep(duration: Duration) {
    let index = my_index("raddle::thread::sleep");
    if duration.is_zero() {
        return;
    }
    let mut deadline: Option<Instant> = None;
    wait(index, "the end of its sleep", |waker| {
        context::with("raddle::thread::sleep", |world| match deadline {
            Some(deadline) => world.now() >= deadline,
            None => {
                let until = world.now() + duration;
                deadline = Some(until);
                world.insert_timer(until, waker.clone());
                false
            }
        })
    });
}
