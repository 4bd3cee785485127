//! The workers of the blocking pool: sim threads that take jobs from its queue, and what a job may call to wait.
//!
//! To the scheduler a worker is a candidate as a task is: a step of it gives its thread the turn until that suspends itself.

mod block_on;

pub use block_on::block_on;

use crate::boundary::turn::Turned;
use crate::boundary::{hooks, kernel, threads};
use crate::context;
use crate::executor::Runnable;
use crate::finding::{Finding, FindingKind};
use crate::id::Key;
use crate::instant::Instant;
use crate::pool::{Effect, Pool};
use crate::prng;
use crate::sites::Site;
use crate::trace::{ActorKind, PollEnd, What};
use crate::world::{Birth, Probe, Running, Worker, World, is_native, number_of, of_worker};
use std::panic::Location;
use std::task::{Poll, Waker};
use std::time::Duration;

/// A job is queued; the pool may wake or start workers for it.
pub(crate) fn push_job(world: &World, job: Runnable) {
    pool_does(world, |pool, effect| pool.push(job, effect));
}

/// Lets `f` act on the pool, and does what the pool wants done.
#[inline]
fn pool_does<R>(world: &World, f: impl FnOnce(&mut Pool<Runnable>, &mut dyn FnMut(Effect<Runnable>)) -> R) -> R {
    // Hardly ever any. They come after all wakes, as the pool has them.
    let mut starts = Vec::new();
    let result = f(&mut world.pool.borrow_mut(), &mut |effect| match effect {
        Effect::Start(worker) => starts.push(worker),
        Effect::Give(worker, job) => {
            // A wake goes to the ready set, and comes back to no worker.
            world.worker(of_worker(worker), |w| w.next = Some(job));
            world.wake_worker(of_worker(worker));
        }
    });
    starts.into_iter().for_each(|worker| start(world, worker));
    result
}

/// Starts worker `number` of the pool.
fn start(world: &World, number: u32) {
    let Some(turned) = context::current() else { return };
    let name = format!("worker-{}", number + 1);
    let (index, key) = (of_worker(number), Key::worker(number));
    world.worker(index, |worker| *worker = Worker { starting: true, key: Some(key), ..Worker::default() });
    let _quiet = kernel::quiet();
    let started = world.threads.start(index as usize, &name, Box::new(move || main(turned, number)));
    if let Err(error) = started {
        let message = format!("{name} cannot be started: {error}");
        let hint = "lower the number of threads with `pool_threads`, or raise the system's limit";
        world.find(Finding::new(FindingKind::Setup, message).hint(hint));
        return;
    }
    let site = Site { at: Location::caller(), type_name: std::any::type_name::<Worker>, given: Some("worker") };
    let birth = Birth { kind: ActorKind::Worker, site, name: Some(&name), key: Some(key) };
    // Not on the loop, perhaps: a job may queue another. The thread gets its turns from the loop only.
    world.spawn_thread(&birth, index, take_turn);
}

/// On the loop, with calls unseen: sim thread `index` has its turn. `Ready` when it has ended.
pub(crate) fn take_turn(world: &World, index: u32) -> Poll<()> {
    let own = world.running();
    let (job, is_idle) = world.worker(index, |worker| {
        worker.starting = false;
        (worker.job, worker.is_idle)
    });
    // What comes before a job begins, it does not need its thread for.
    if is_idle && !begins(world, index) {
        return Poll::Pending;
    }
    match job {
        Some(job) => world.set_running(job),
        None if is_native(index) => world.native_runs(index, own),
        None => {}
    }
    let resumed = world.threads.resume(index as usize);
    world.set_running(own);
    let threads::Resumed::Finished(panicked) = resumed else { return Poll::Pending };
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
    Poll::Ready(())
}

/// What the thread of worker `number` runs.
fn main(world: &'static Turned<World>, number: u32) {
    let index = of_worker(number);
    context::within(world, || {
        let before = Residue::of_this_thread();
        let own = context::with("a worker", |world| {
            prepare_thread(world, 1 + u64::from(number));
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
    fastrand::seed(prng::of_thread(world.seed().get(), thread));
    read_virtually(world);
}

/// Has the calling thread read the world's clock and entropy.
pub(crate) fn read_virtually(world: &World) {
    hooks::virtual_clock(Some(&world.beacon.now));
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
fn run_job(selector: kernel::Selector, job: Runnable) {
    #[cfg(feature = "tracing")]
    let span = context::with("a worker", |world| world.span(job.metadata()));
    kernel::watch(selector);
    job.run();
    kernel::look_away(selector);
    #[cfg(feature = "tracing")]
    drop(span);
}

/// Worker `index` is in `job` from now on.
fn job_begins(world: &World, index: u32, job: &Runnable) -> Running {
    let meta = job.metadata();
    let running = Running { slot: meta.slot(), key: meta.key };
    world.worker(index, |worker| (worker.job, worker.job_site) = (Some(running), Some(meta.site())));
    world.set_running(running);
    if world.is_traced() {
        record_begin(world, running);
    }
    running
}

/// Worker `index` was in the job `running`, and is itself again.
fn job_ended(world: &World, index: u32, own: Running, running: Running) {
    world.worker(index, |worker| (worker.job, worker.job_site) = (None, None));
    world.set_running(own);
    if world.is_traced() {
        record_end(world, running);
    }
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
fn next_job(number: u32, own: Running, ended: Option<Running>) -> Option<(Runnable, Running)> {
    let index = of_worker(number);
    let (queued, is_over) = context::with("a worker", |world| {
        if let Some(ended) = ended {
            job_ended(world, index, own, ended);
        }
        let job = pool_does(world, |pool, effect| pool.pop(effect));
        let is_over = job.is_none() && world.worker(index, |w| w.quit);
        if job.is_none() {
            becomes_idle(world, number);
        }
        (job, is_over)
    });
    match &queued {
        // Which job begins first is open, and with it who takes the next.
        Some(_) => {
            switch_point(index);
        }
        None if is_over => return None,
        None => threads::suspend(),
    }
    context::with("a worker", |world| {
        let job = queued.or_else(|| world.worker(index, |w| w.next.take()))?;
        let running = job_begins(world, index, &job);
        Some((job, running))
    })
}

/// Worker `number` has found no job: it waits for one, as long as it is kept alive.
fn becomes_idle(world: &World, number: u32) {
    let keep_alive = {
        let mut pool = world.pool.borrow_mut();
        pool.wait(number);
        pool.keep_alive()
    };
    let waker = world.worker(of_worker(number), |worker| {
        (worker.is_idle, worker.until) = (true, None);
        keep_alive.and_then(|_| worker.waker.clone())
    });
    if let Some((after, waker)) = keep_alive.zip(waker) {
        let deadline = world.now() + after;
        let timer = world.insert_timer(deadline, waker);
        world.worker(of_worker(number), |worker| worker.until = Some((deadline, timer)));
    }
}

/// On the loop, when an idle worker has its turn: whether that goes to its thread, for a job that begins or to end.
fn begins(world: &World, index: u32) -> bool {
    let (quit, has_job, until) = world.worker(index, |w| (w.quit, w.next.is_some(), w.until));
    if !has_job {
        let is_late = until.is_some_and(|(deadline, _)| world.now() >= deadline);
        return quit || is_late && world.pool.borrow_mut().retire(number_of(index));
    }
    if let Some((_, timer)) = until {
        world.cancel_timer(timer);
    }
    world.worker(index, |worker| worker.is_idle = false);
    pool_does(world, |pool, effect| pool.begin_given(effect));
    true
}

fn wake_myself(index: u32) {
    context::with("a worker", |world| {
        if world.is_traced() {
            // As by a waker, which tells.
            let key = world.worker(index, |w| w.key);
            key.into_iter().for_each(|key| world.saw_await(key));
        }
        world.wake_worker(index);
    });
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
        threads::suspend();
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
        world.outside.borrow_mut().retain(|&(waiting, _)| waiting != index);
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
        let is_done = done() || wait_in_reality(&mut *done);
        if !is_done {
            context::with("a worker", |world| world.outside.borrow_mut().push((index, probe)));
        }
        is_done
    })
}

/// While there are child processes, what is outside is waited for in real time as long as nobody else can run: before the
/// clock moves, and without a trace in the schedule, since it is up to the operating system whether there was something to
/// wait for. Whether it is done.
fn wait_in_reality(done: &mut dyn FnMut() -> bool) -> bool {
    const EVERY: Duration = Duration::from_micros(200);
    const MOST: u32 = 25_000;
    (0..MOST)
        .map_while(|_| {
            let is_alone = context::with("a worker", |world| {
                world.children.get() > 0 && !world.is_anybody_ready() && !world.look_outside()
            });
            is_alone.then(|| std::thread::sleep(EVERY))
        })
        .any(|()| done())
}

/// Lets others run, and goes on at the next turn.
pub(crate) fn give_way(index: u32) {
    let _quiet = kernel::quiet();
    wake_myself(index);
    threads::suspend();
}

/// Others may run before worker `index` goes on, if there are any; whether there were.
pub(crate) fn switch_point(index: u32) -> bool {
    let is_anybody_ready = context::with("a worker", |world| world.is_anybody_ready());
    if is_anybody_ready {
        give_way(index);
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
    let index = my_index("raddle::thread::yield_now");
    give_way(index);
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
