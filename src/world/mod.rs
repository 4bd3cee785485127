//! The world: all mutable state of one run.
//!
//! A world is made once and serves many runs, one after the other. Nothing in it is borrowed while user code runs: not
//! across a poll, a wake, a drop.

#[cfg(feature = "smol")]
mod bare;
mod choices;
mod dying;
mod ending;
mod fifos;
mod lines;
mod natives;
#[cfg(feature = "smol")]
mod nested;
mod options;
mod outside;
mod recording;
mod sockets;
#[cfg(feature = "tracing")]
mod spans;
mod standing;
mod steps;
mod telling;
mod timer_fds;
mod turns;
mod words;

pub(crate) use ending::Ended;
pub(crate) use natives::{is_native, number_of, of_worker};
pub use options::Options;
pub(crate) use recording::Birth;
pub(crate) use standing::Probe;
pub(crate) use turns::TakesTurn;

use crate::beacon::Beacon;
use crate::boundary::home::AtHome;
use crate::boundary::kernel::{self, Selector};
use crate::boundary::shown;
use crate::boundary::tally::Tally;
use crate::boundary::threads::{self, Threads};
use crate::boundary::turn;
use crate::boundary::word::Word;
use crate::clock::{Clock, TimerId};
use crate::env;
use crate::executor::{self, RunMark, RunTag, Runnable, Task, TaskMeta};
use crate::finding::{Finding, FindingKind};
use crate::id::Key;
use crate::instant::Instant;
use crate::pool::{Pool, PoolOptions};
use crate::prng::{Stream, StreamId};
use crate::registry::Registry;
use crate::schedule::{Active, Ready};
use crate::seed::Seed;
use crate::sentinel::Sentinel;
use crate::sites::{Site, SiteId, Sites};
use crate::trace::{ActorKind, Log};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::Waker;

/// In this order in memory: what each run writes to comes first, so that it is on one page where a run has a process of its
/// own, which has to copy each that it writes to.
#[repr(C)]
pub(crate) struct World {
    pub beacon: &'static Beacon,
    run_tag: Cell<Option<RunTag>>,
    seed: Cell<Seed>,
    ready: Ready<Runnable>,
    strategy: Active,
    registry: RefCell<Registry>,
    clock: RefCell<Clock>,
    user: RefCell<Option<Stream>>,
    /// How many choices of its own each task has made, and the stream that answers them.
    choices: RefCell<choices::Choices>,
    entropy: RefCell<Option<Stream>>,
    pub pool: RefCell<Pool<Runnable>>,
    workers: RefCell<Vec<Worker>>,
    natives: RefCell<Vec<Option<natives::Native>>>,
    /// How many workers there were at most, in all runs since their threads were last ended.
    most_workers: Cell<usize>,
    /// Workers whose threads keep something from the run that goes on.
    dirty: RefCell<Vec<u32>>,
    pub threads: Threads,
    /// What says whether the loop's system calls are seen.
    selector: Word<Selector>,
    pub sentinel: RefCell<Sentinel>,
    /// Threads that wait for words of memory, in the order of their coming.
    futexes: RefCell<Vec<words::FutexWaiter>>,
    next_futex: Cell<u64>,
    /// Words in statics that threads of this world wait for each other with, in all runs.
    own_words: RefCell<Vec<usize>>,
    /// Child processes that have been started, and not waited for.
    pub children: Cell<u32>,
    /// Whether any has been started in this run.
    pub has_started_children: Cell<bool>,
    /// For how many microseconds of real time they may still be waited for until they are at rest.
    patience: Cell<u32>,
    timer_fds: RefCell<Vec<timer_fds::TimerFd>>,
    /// Threads that open FIFOs.
    openings: RefCell<Vec<fifos::Opening>>,
    next_opening: Cell<u64>,
    /// Sockets of the system that have been used.
    sockets: RefCell<Vec<sockets::Socket>>,
    lines: RefCell<lines::Lines>,
    /// Workers that wait for something outside the world.
    pub outside: RefCell<Vec<(u32, standing::Probe)>>,
    /// Tasks that do.
    #[cfg(all(unix, feature = "smol"))]
    tasks_outside: RefCell<Vec<(i32, bool, Waker)>>,
    /// Descriptors that stand for sockets of the run's network.
    stand_ins: RefCell<Vec<outside::StandIn>>,
    /// The loop stood still in this step, by which incident.
    stood: Cell<bool>,
    stood_for: Cell<Option<usize>>,
    log: RefCell<Option<Log>>,
    counted: RefCell<recording::CountedWakers>,
    /// Who is running: the task that is polled, or the job on the worker that has the turn.
    running: Word<Running>,
    tally: Tally,
    max_steps: Word<u64>,
    stall: Word<Stall>,
    traced: Word<bool>,
    allow_panics: Cell<bool>,
    /// The run is over as soon as the step that goes on is.
    stop: Word<bool>,
    closing: Word<bool>,
    /// The task whose future is dropped now, while the run is wound up.
    dropped: Cell<Option<Key>>,
    /// A call on the loop never came back: which incident it was, and its place among those that wait for words.
    standstill: Cell<Option<(usize, Option<u64>)>>,
    finding: RefCell<Option<Finding>>,
    returned: RefCell<Option<Returned>>,
    panic: RefCell<Option<PanicSeen>>,
    /// What the rooms above keep for as long as a run lasts, by type.
    #[cfg(feature = "smol")]
    kept: RefCell<Vec<bare::Kept>>,
    sites: Sites,
}

/// What a scenario returned, as text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Returned {
    /// Its `Debug` text; `None` for `()`.
    pub text: Option<String>,
    /// The `Debug` text of an `Err`.
    pub error: Option<String>,
    /// The user's own frames of the backtrace that the error had with it, a line each.
    pub stack: Option<String>,
}

/// The scenario's own future: it [tells](World::returned) what it returned before it is done.
pub(crate) type Scenario = Pin<Box<dyn Future<Output = ()>>>;

/// A worker of the pool, or a thread that code under test started, as its world sees it.
#[derive(Default)]
pub(crate) struct Worker {
    /// Its identity.
    pub key: Option<Key>,
    /// It has been started, and not been polled yet.
    pub starting: bool,
    /// What it does when it has its turn.
    pub turn: Option<TakesTurn>,
    /// Wakes it, wherever that is asked for; this thread has [`World::wake_worker`].
    pub waker: Option<Waker>,
    /// What stands for it in the ready set, while it waits.
    pub stand_in: Option<Runnable>,
    /// It has been woken since it had its turn last.
    pub woken: bool,
    /// It waits for a job, and the pool may give it one.
    pub is_idle: bool,
    /// Until when it waits, if not for ever.
    pub until: Option<(Instant, TimerId)>,
    /// The job that it was given, and that begins when it has its turn.
    pub next: Option<Runnable>,
    /// The run is over: it is to end.
    pub quit: bool,
    /// The job it has begun and not ended.
    pub job: Option<Running>,
    /// Where that was spawned, if it is one of the pool's.
    pub job_site: Option<SiteId>,
    /// What its thread waits for, in words, while it has suspended itself in a job.
    pub waits_for: Option<&'static str>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Running {
    pub slot: u32,
    pub key: Key,
}

const NOBODY: Running = Running { slot: u32::MAX, key: Key::ROOT };

/// How far the clock may still slip while tasks are ready.
#[derive(Clone, Copy, Default)]
struct Stall {
    most: u64,
    left: u64,
    slips: u32,
}

/// What the panic hook saw last on a thread of this world.
pub(crate) struct PanicSeen {
    pub message: String,
    pub place: Option<String>,
    /// The backtrace, if the environment asks for one.
    pub stack: Option<String>,
}

impl PanicSeen {
    fn into_finding(self, kind: FindingKind) -> Finding {
        let details = self.stack.map(|stack| format!("stack:\n{stack}")).into_iter().collect();
        Finding { place: self.place, details, ..Finding::new(kind, self.message) }
    }
}

impl fmt::Display for PanicSeen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place.as_deref().map_or(String::new(), |place| format!(" (at {place})"));
        write!(f, "{}{place}", self.message)
    }
}

impl turn::Mark for RunMark {
    type Of = World;
    type Given = Runnable;

    /// A task became ready in a run without a trace.
    #[inline(always)]
    fn take(world: &World, runnable: Runnable) {
        world.ready.push(runnable);
    }
}

impl World {
    pub fn new(beacon: &'static Beacon) -> World {
        World {
            beacon,
            run_tag: Cell::new(None),
            seed: Cell::new(Seed::default()),
            ready: Ready::new(),
            strategy: Active::new(),
            registry: RefCell::new(Registry::new()),
            sites: Sites::new(),
            clock: RefCell::new(Clock::new()),
            user: RefCell::new(None),
            choices: RefCell::default(),
            entropy: RefCell::new(None),
            pool: RefCell::new(Pool::new(&PoolOptions::default())),
            workers: RefCell::new(Vec::new()),
            natives: RefCell::new(Vec::new()),
            most_workers: Cell::new(0),
            dirty: RefCell::new(Vec::new()),
            threads: Threads::new(env::backend()),
            selector: Word::new(&kernel::UNUSED),
            sentinel: RefCell::new(Sentinel::new()),
            futexes: RefCell::new(Vec::with_capacity(64)),
            next_futex: Cell::new(0),
            own_words: RefCell::new(Vec::new()),
            children: Cell::new(0),
            has_started_children: Cell::new(false),
            patience: Cell::new(0),
            timer_fds: RefCell::new(Vec::new()),
            openings: RefCell::new(Vec::new()),
            next_opening: Cell::new(0),
            sockets: RefCell::new(Vec::new()),
            lines: RefCell::default(),
            outside: RefCell::new(Vec::new()),
            #[cfg(all(unix, feature = "smol"))]
            tasks_outside: RefCell::new(Vec::new()),
            stand_ins: RefCell::new(Vec::new()),
            stood: Cell::new(false),
            stood_for: Cell::new(None),
            log: RefCell::new(None),
            counted: RefCell::default(),
            running: Word::new(NOBODY),
            tally: Tally::default(),
            max_steps: Word::new(0),
            stall: Word::default(),
            traced: Word::new(false),
            allow_panics: Cell::new(false),
            stop: Word::new(false),
            closing: Word::new(false),
            dropped: Cell::new(None),
            standstill: Cell::new(None),
            finding: RefCell::new(None),
            returned: RefCell::new(None),
            panic: RefCell::new(None),
            #[cfg(feature = "smol")]
            kept: RefCell::new(Vec::new()),
        }
    }

    /// Makes everything ready for a run of `seed`, called `run`; `take_over` puts its strategy in the place of the last.
    #[inline]
    pub fn begin(&self, run: RunTag, seed: Seed, options: &Options, traced: bool, take_over: impl FnOnce(&Active)) {
        self.run_tag.set(Some(run));
        self.seed.set(seed);
        take_over(&self.strategy);
        // Who is oldest is asked for at each step when a stall is allowed, and seldom by what chooses at random.
        let stamps = !traced && !self.strategy.wants_ages() && options.stall_up_to.is_none();
        self.ready.begin(stamps, traced || self.strategy.wants_operations());
        self.choices.borrow_mut().clear();
        *self.user.borrow_mut() = None;
        *self.entropy.borrow_mut() = None;
        self.pool.borrow_mut().reset(&options.pool);
        *self.log.borrow_mut() = if traced { Some(Log::new()) } else { None };
        self.selector.set(kernel::selector());
        self.sentinel.borrow_mut().reset(&options.policies);
        self.futexes.borrow_mut().clear();
        self.outside.borrow_mut().clear();
        self.timer_fds.borrow_mut().clear();
        self.sockets.borrow_mut().clear();
        self.forget_lines();
        self.stand_ins.borrow_mut().clear();
        self.children.set(0);
        self.has_started_children.set(false);
        self.patience.set(standing::MOST_PATIENCE);
        self.stood.set(false);
        self.stood_for.set(None);
        self.running.set(NOBODY);
        self.tally.restart();
        self.max_steps.set(options.max_steps);
        let most = options.stall_up_to.map_or(0, |d| d.as_nanos() as u64);
        self.stall.set(Stall { most, left: most, slips: 0 });
        self.traced.set(traced);
        self.allow_panics.set(options.allow_panics);
        self.stop.set(false);
        self.closing.set(false);
        self.dropped.set(None);
        self.standstill.set(None);
        *self.finding.borrow_mut() = None;
        *self.returned.borrow_mut() = None;
        *self.panic.borrow_mut() = None;
        let beacon = self.beacon;
        beacon.steps.store(0, Ordering::Relaxed);
        beacon.now.store(0, Ordering::Relaxed);
        beacon.seed.store(seed.get(), Ordering::Relaxed);
        if beacon.called.load(Ordering::Relaxed) {
            beacon.called.store(false, Ordering::Relaxed);
        }
        beacon.look_up_at.store(options.max_steps, Ordering::Relaxed);
        beacon.serial.store(run.number(), Ordering::Release);
    }

    /// Steps taken so far.
    #[inline]
    pub fn steps(&self) -> u64 {
        shown::load(&self.beacon.steps)
    }

    /// One more step is taken.
    #[inline(always)]
    fn count_step(&self, beacon: &Beacon) {
        shown::store(&beacon.steps, shown::load(&beacon.steps) + 1);
    }

    /// The run that goes on, or the last one.
    ///
    /// # Panics
    /// Before the first.
    #[inline]
    pub fn run_tag(&self) -> RunTag {
        self.run_tag.get().expect("no run has begun")
    }

    pub fn seed(&self) -> Seed {
        self.seed.get()
    }

    pub fn is_traced(&self) -> bool {
        self.traced.get()
    }

    /// Virtual now.
    #[inline]
    pub fn now(&self) -> Instant {
        Instant::from_nanos(self.beacon.now.load(Ordering::Relaxed))
    }

    pub fn with_user_stream<R>(&self, f: impl FnOnce(&mut Stream) -> R) -> R {
        let seed = self.seed.get().get();
        f(self.user.borrow_mut().get_or_insert_with(|| Stream::new(seed, StreamId::User as u64)))
    }

    /// Bytes for `getrandom`.
    pub fn fill_entropy(&self, bytes: &mut [u8]) {
        let seed = self.seed.get().get();
        let mut entropy = self.entropy.borrow_mut();
        entropy.get_or_insert_with(|| Stream::new(seed, StreamId::Entropy as u64)).fill(bytes);
    }

    // ---- tasks

    /// Makes a task that may be dropped on any thread, and queues it.
    #[inline]
    pub fn spawn<F>(&self, birth: &Birth<'_>, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (runnable, task) = executor::task::<World, F>(self.prepare(birth), self.traced.get(), future);
        self.push(runnable);
        task
    }

    /// Makes a task that stays on the loop's thread, and queues it.
    #[inline]
    pub fn spawn_local<F>(&self, birth: &Birth<'_>, future: F) -> Task<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let (runnable, task) = executor::local_task::<World, F>(self.prepare(birth), self.traced.get(), future);
        self.push(runnable);
        task
    }

    /// Makes a job, and queues it with the pool.
    #[inline]
    pub fn spawn_job<T, F>(&self, birth: &Birth<'_>, closure: F) -> Task<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let future = async move { closure() };
        let (runnable, task) = executor::job::<World, _>(self.prepare(birth), self.traced.get(), future);
        runnable.schedule();
        task
    }

    /// The number of a site that is new here. The table is all worlds': waiting for another of them is no business of the
    /// code under test.
    #[cold]
    fn new_site(&self, site: Site) -> SiteId {
        let _quiet = kernel::quiet();
        self.sites.look_up(site)
    }

    #[inline]
    fn prepare(&self, birth: &Birth<'_>) -> TaskMeta {
        if self.traced.get() { self.prepare_traced(birth) } else { self.prepare_plain(birth) }
    }

    #[inline(always)]
    fn prepare_plain(&self, birth: &Birth<'_>) -> TaskMeta {
        let site = match self.sites.known(birth.site) {
            Some(site) => site,
            None => self.new_site(birth.site),
        };
        let (slot, key) = self.reserve(birth.key);
        TaskMeta::new(self.run_tag(), slot, key, site)
    }

    /// Apart, so that a spawn in a run without a trace saves no registers for it.
    #[cold]
    #[inline(never)]
    fn prepare_traced(&self, birth: &Birth<'_>) -> TaskMeta {
        let meta = self.prepare_plain(birth);
        self.record_birth(meta.slot(), meta.key, birth);
        meta
    }

    /// Looks `site` up before there is a run: for the processes that runs have to themselves.
    pub fn learn_site(&self, site: Site) {
        if self.sites.known(site).is_none() {
            self.sites.look_up(site);
        }
    }

    /// A place in the registry and an identity for a new task.
    #[inline]
    fn reserve(&self, key: Option<Key>) -> (u32, Key) {
        let mut registry = self.registry.borrow_mut();
        let running = self.running.get();
        let key = key.unwrap_or_else(|| running.key.child(registry.next_child(running.slot)));
        (registry.reserve(), key)
    }

    /// The task in `slot` waits, for the first time or (in a traced run) again.
    pub fn waits(&self, slot: u32, waker: &Waker) {
        if !self.registry.borrow().is_occupied(slot) {
            let waker = waker.clone();
            self.registry.borrow_mut().occupy(slot, waker);
        }
    }

    pub fn running(&self) -> Running {
        self.running.get()
    }

    pub fn set_running(&self, running: Running) {
        self.running.set(running);
    }

    /// A task or worker became ready.
    #[inline]
    pub fn push(&self, runnable: Runnable) {
        if self.traced.get() {
            self.record_wake(runnable.metadata().key);
        }
        self.ready.push(runnable);
    }

    // ---- time

    /// Registers `waker` for `deadline`, which must be later than now.
    #[inline]
    pub fn insert_timer(&self, deadline: Instant, waker: Waker) -> TimerId {
        self.clock.borrow_mut().insert(deadline.as_nanos(), waker)
    }

    #[inline]
    pub fn rearm_timer(&self, timer: TimerId, waker: &Waker) {
        self.clock.borrow_mut().rearm(timer, waker);
    }

    #[inline]
    pub fn cancel_timer(&self, timer: TimerId) {
        let waker = self.clock.borrow_mut().cancel(timer);
        drop(waker);
    }

    /// Mixes what the scenario returned into the digest.
    pub fn mix_text(&self, text: &str) {
        text.as_bytes().chunks(8).for_each(|chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.tally.mix(u64::from_le_bytes(word));
        });
    }

    /// Makes the scenario's own task of what `scenario` gives, which may spawn before it is first polled.
    pub fn spawn_scenario(&self, site: Site, scenario: impl FnOnce() -> Scenario) {
        let birth = Birth { kind: ActorKind::Scenario, site, name: Some("scenario"), key: Some(Key::ROOT) };
        let meta = self.prepare(&birth);
        let slot = meta.slot();
        self.running.set(Running { slot, key: Key::ROOT });
        let future = match catch_unwind(AssertUnwindSafe(scenario)) {
            Ok(future) => future,
            Err(payload) => {
                self.registry.borrow_mut().release(slot);
                return self.task_panicked(&*payload);
            }
        };
        let scenario = AtHome::new(future);
        let (runnable, task) = executor::task::<World, _>(meta, self.traced.get(), scenario);
        task.detach();
        self.push(runnable);
        self.running.set(NOBODY);
    }

    /// The scenario has returned.
    pub fn returned(&self, returned: Returned) {
        if let Some(error) = &returned.error {
            let mut finding = Finding::new(FindingKind::Error, error.clone());
            finding.task = Some("scenario".into());
            finding.details.extend(returned.stack.iter().map(|stack| format!("stack:\n{stack}")));
            self.find(finding);
        }
        self.returned.replace(Some(returned));
        self.stop();
    }

    /// The run is over as soon as the step that goes on is.
    fn stop(&self) {
        self.stop.set(true);
        self.beacon.look_up_at.store(0, Ordering::Relaxed);
    }

    /// What the scenario returned, if it did.
    pub fn take_returned(&self) -> Option<Returned> {
        self.returned.take()
    }

    /// The first finding ends the run; later ones are consequences.
    pub fn find(&self, finding: Finding) {
        self.stop();
        if !self.closing.get() {
            self.find_even_at_the_end(finding);
        }
    }

    fn find_even_at_the_end(&self, mut finding: Finding) {
        self.stop();
        let mut place = self.finding.borrow_mut();
        if place.is_none() {
            finding.step = self.steps();
            finding.at = self.now();
            *place = Some(finding);
        }
    }

    /// What the panic hook saw on a thread of this world.
    pub fn saw_panic(&self, seen: PanicSeen) {
        if let Some(index) = threads::current().filter(|&index| is_native(index as u32)) {
            return self.native_panicked(index as u32, seen);
        }
        self.panic.replace(Some(seen));
    }

    /// What the panic hook saw last, if nobody has told of it.
    pub fn take_panic(&self) -> Option<PanicSeen> {
        self.panic.try_borrow_mut().ok()?.take()
    }

    /// A task or job panicked with `payload`.
    #[cold]
    pub fn task_panicked(&self, payload: &(dyn std::any::Any + Send)) {
        let name = self.running_name();
        self.record(|log| log.panicked());
        let seen = self.panic.take();
        let is_root = self.running.get().key == Key::ROOT;
        if self.allow_panics.get() && !is_root {
            return;
        }
        let mut finding = match seen {
            Some(seen) => seen.into_finding(FindingKind::Panic),
            None => Finding::new(FindingKind::Panic, payload_text(payload)),
        };
        finding.task = Some(name);
        self.find(finding);
    }
}

/// What a panic's payload says.
pub(crate) fn payload_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|s| s.to_string());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a value that is no text".into())
}
