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
mod rare;
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
use rare::Rare;
pub(crate) use recording::Birth;
pub(crate) use standing::Probe;
use turns::Ends;

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
use crate::executor::{self, Host, Making, RunMark, RunTag, Runnable, Task, TaskMeta};
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
    user: Rare<Option<Stream>>,
    /// How many choices of its own each task has made, and the stream that answers them.
    choices: Rare<choices::Choices>,
    entropy: Rare<Option<Stream>>,
    pub pool: Rare<Pool<Runnable>>,
    workers: Rare<Vec<Worker>>,
    natives: Rare<Vec<Option<natives::Native>>>,
    /// How many workers there were at most, in all runs since their threads were last ended.
    most_workers: Cell<usize>,
    /// Workers whose threads keep something from the run that goes on.
    dirty: Rare<Vec<u32>>,
    pub threads: Threads,
    /// What says whether the loop's system calls are seen.
    selector: Word<Selector>,
    pub sentinel: Rare<Sentinel>,
    /// Threads that wait for words of memory, in the order of their coming.
    futexes: Rare<Vec<words::FutexWaiter>>,
    next_futex: Cell<u64>,
    /// Words in statics that threads of this world wait for each other with, in all runs.
    own_words: RefCell<Vec<usize>>,
    /// Child processes that have been started, and not waited for.
    pub children: Cell<u32>,
    /// Whether any has been started in this run.
    pub has_started_children: Cell<bool>,
    /// For how many microseconds of real time they may still be waited for until they are at rest.
    patience: Cell<u32>,
    timer_fds: Rare<Vec<timer_fds::TimerFd>>,
    /// Threads that open FIFOs.
    openings: Rare<Vec<fifos::Opening>>,
    next_opening: Cell<u64>,
    /// Sockets of the system that have been used.
    sockets: Rare<Vec<sockets::Socket>>,
    lines: Rare<lines::Lines>,
    /// Workers that wait for something outside the world.
    pub outside: Rare<Vec<(u32, standing::Probe)>>,
    /// Tasks that do.
    #[cfg(all(unix, feature = "smol"))]
    tasks_outside: Rare<Vec<(i32, bool, Waker)>>,
    /// Descriptors that stand for sockets of the run's network.
    stand_ins: Rare<Vec<outside::StandIn>>,
    /// The loop stood still in this step, by which incident.
    stood: Cell<bool>,
    stood_for: Cell<Option<usize>>,
    log: Rare<Option<Log>>,
    counted: RefCell<recording::CountedWakers>,
    /// Who is running: the task that is polled, or the job on the worker that has the turn.
    running: Word<Running>,
    /// The sim thread that has its turn; [`NO_THREAD`] if none has.
    turn_of: Word<u32>,
    /// It has been woken in that.
    woken: Word<bool>,
    /// What stands for it.
    stand_in: Cell<Option<Runnable>>,
    /// A sim thread whose turn is over may choose who is next: the loop would do nothing else.
    threads_choose: Word<bool>,
    /// Whom it has chosen, if that is for the loop to run.
    chosen: Cell<Option<Runnable>>,
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
    finding: Rare<Option<Finding>>,
    returned: RefCell<Option<Returned>>,
    panic: Rare<Option<PanicSeen>>,
    /// A task or job panicked, and nobody has caught it yet.
    unwinding: Cell<bool>,
    /// The finding is a panic that was resumed: what it says is known to whoever catches it.
    wants_payload: Cell<bool>,
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
    /// What is to be done when its thread has ended.
    pub ends: Option<Ends>,
    /// Wakes it, wherever that is asked for; this thread has [`World::wake_worker`].
    pub waker: Option<Waker>,
    /// What stands for it in the ready set, while it waits.
    pub stand_in: Option<Runnable>,
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

const NO_THREAD: u32 = u32::MAX;
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
            user: Rare::new(None),
            choices: Rare::default(),
            entropy: Rare::new(None),
            pool: Rare::new(Pool::new(&PoolOptions::default())),
            workers: Rare::new(Vec::new()),
            natives: Rare::new(Vec::new()),
            most_workers: Cell::new(0),
            dirty: Rare::new(Vec::new()),
            threads: Threads::new(env::backend()),
            selector: Word::new(&kernel::UNUSED),
            sentinel: Rare::new(Sentinel::new()),
            futexes: Rare::new(Vec::with_capacity(64)),
            next_futex: Cell::new(0),
            own_words: RefCell::new(Vec::new()),
            children: Cell::new(0),
            has_started_children: Cell::new(false),
            patience: Cell::new(0),
            timer_fds: Rare::new(Vec::new()),
            openings: Rare::new(Vec::new()),
            next_opening: Cell::new(0),
            sockets: Rare::new(Vec::new()),
            lines: Rare::default(),
            outside: Rare::new(Vec::new()),
            #[cfg(all(unix, feature = "smol"))]
            tasks_outside: Rare::new(Vec::new()),
            stand_ins: Rare::new(Vec::new()),
            stood: Cell::new(false),
            stood_for: Cell::new(None),
            log: Rare::new(None),
            counted: RefCell::default(),
            running: Word::new(NOBODY),
            turn_of: Word::new(NO_THREAD),
            woken: Word::new(false),
            stand_in: Cell::new(None),
            threads_choose: Word::new(false),
            chosen: Cell::new(None),
            tally: Tally::default(),
            max_steps: Word::new(0),
            stall: Word::default(),
            traced: Word::new(false),
            allow_panics: Cell::new(false),
            stop: Word::new(false),
            closing: Word::new(false),
            dropped: Cell::new(None),
            standstill: Cell::new(None),
            finding: Rare::new(None),
            returned: RefCell::new(None),
            panic: Rare::new(None),
            unwinding: Cell::new(false),
            wants_payload: Cell::new(false),
            #[cfg(feature = "smol")]
            kept: RefCell::new(Vec::new()),
        }
    }

    /// All runs from now on are to have these options.
    pub fn take_options(&self, options: &Options) {
        self.sentinel.borrow_mut().obey(&options.policies);
        self.pool.borrow_mut().reset(&options.pool);
    }

    /// Makes everything ready for a run of `seed`, called `run`; `take_over` puts its strategy in the place of the last.
    #[inline]
    pub fn begin(&self, run: RunTag, seed: Seed, options: &Options, traced: bool, take_over: impl FnOnce(&Active)) {
        self.run_tag.set(Some(run));
        self.seed.set(seed);
        take_over(&self.strategy);
        // Who is oldest is asked for at each step when a stall is allowed, and seldom by what chooses at random.
        let stalls = options.stall_up_to.is_some_and(|stall| !stall.is_zero());
        let stamps = !traced && !stalls && !self.strategy.wants_ages();
        self.ready.begin(stamps, traced || self.strategy.wants_operations());
        self.choices.reset(choices::Choices::clear);
        self.user.reset(|stream| *stream = None);
        self.entropy.reset(|stream| *stream = None);
        self.pool.reset(|pool| pool.reset(&options.pool));
        self.log.reset(|log| *log = None);
        if traced {
            *self.log.borrow_mut() = Some(Log::new());
        }
        self.selector.set(kernel::selector());
        self.sentinel.reset(Sentinel::reset);
        self.futexes.reset(Vec::clear);
        self.outside.reset(Vec::clear);
        self.timer_fds.reset(Vec::clear);
        self.sockets.reset(Vec::clear);
        self.lines.reset(lines::Lines::clear);
        self.stand_ins.reset(Vec::clear);
        self.children.set(0);
        self.has_started_children.set(false);
        self.patience.set(standing::MOST_PATIENCE);
        self.stood.set(false);
        self.stood_for.set(None);
        self.running.set(NOBODY);
        self.turn_of.set(NO_THREAD);
        self.threads_choose.set(false);
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
        self.finding.reset(|finding| *finding = None);
        *self.returned.borrow_mut() = None;
        self.panic.reset(|panic| *panic = None);
        self.unwinding.set(false);
        self.wants_payload.set(false);
        let beacon = self.beacon;
        shown::store(&beacon.steps, 0);
        shown::store(&beacon.now, 0);
        shown::store(&beacon.seed, seed.get());
        if beacon.called.load(Ordering::Relaxed) {
            beacon.called.store(false, Ordering::Relaxed);
        }
        shown::store(&beacon.look_up_at, options.max_steps);
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
        Instant::from_nanos(shown::load(&self.beacon.now))
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
        let (runnable, task) = executor::task::<World, F>(self.prepare(birth), self.making(), future);
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
        let (runnable, task) = executor::local_task::<World, F>(self.prepare(birth), self.making(), future);
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
        self.push_job(runnable);
        task
    }

    /// The number of a site that is new here. The table is all worlds': waiting for another of them is no business of the
    /// code under test.
    #[cold]
    fn new_site(&self, site: Site) -> SiteId {
        let _quiet = kernel::quiet();
        self.sites.look_up(site)
    }

    /// How tasks of this run are made. A panic ends the run, unless panics are left to whoever awaits.
    #[inline(always)]
    fn making(&self) -> Making {
        Making { traced: self.traced.get(), hands_panics_on: self.allow_panics.get() }
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
        let key = match key {
            Some(key) => key,
            None => {
                let running = self.running.get();
                running.key.child(registry.next_child(running.slot))
            }
        };
        (registry.reserve(), key)
    }

    /// The task in `slot` waits, for the first time or (in a traced run) again.
    pub fn waits(&self, slot: u32, waker: &Waker) {
        if !self.traced.get() || !self.registry.borrow().is_occupied(slot) {
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
        // Nobody awaits it.
        let how = Making { hands_panics_on: false, ..self.making() };
        let (runnable, task) = executor::task::<World, _>(meta, how, scenario);
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

    /// The first finding ends the run; later ones are consequences. Whether it is the first.
    pub fn find(&self, finding: Finding) -> bool {
        self.stop();
        !self.closing.get() && self.find_even_at_the_end(finding)
    }

    fn find_even_at_the_end(&self, mut finding: Finding) -> bool {
        self.stop();
        let mut place = self.finding.borrow_mut();
        let is_first = place.is_none();
        if is_first {
            finding.step = self.steps();
            finding.at = self.now();
            *place = Some(finding);
        }
        is_first
    }

    /// What the panic hook saw on a thread of this world.
    pub fn saw_panic(&self, seen: PanicSeen) {
        if let Some(index) = threads::current().filter(|&index| is_native(index as u32)) {
            return self.native_panicked(index as u32, seen);
        }
        *self.panic.borrow_mut() = Some(seen);
    }

    /// What the panic hook saw last, if nobody has told of it.
    pub fn take_panic(&self) -> Option<PanicSeen> {
        if self.panic.is_busy() { None } else { self.panic.take() }
    }

    /// A task or job panicked with `payload`.
    #[cold]
    pub fn task_panicked(&self, payload: &(dyn std::any::Any + Send)) {
        self.task_panics();
        self.panicked_with(payload);
    }

    /// The task or job that runs is being unwound by a panic.
    #[cold]
    pub fn task_panics(&self) {
        let name = self.running_name();
        self.record(|log| log.panicked());
        let seen = self.panic.take();
        let is_root = self.running.get().key == Key::ROOT;
        if self.allow_panics.get() && !is_root {
            return;
        }
        self.unwinding.set(true);
        let was_seen = seen.is_some();
        let mut finding = match seen {
            Some(seen) => seen.into_finding(FindingKind::Panic),
            None => Finding::new(FindingKind::Panic, ""),
        };
        finding.task = Some(name);
        let is_first = self.find(finding);
        self.wants_payload.set(is_first && !was_seen);
    }

    /// The panic that was told of last has been caught, and is `payload`. The hook has not seen it, if it was resumed.
    #[cold]
    pub fn panicked_with(&self, payload: &(dyn std::any::Any + Send)) {
        self.unwinding.set(false);
        if let (true, Some(finding)) = (self.wants_payload.take(), self.finding.borrow_mut().as_mut()) {
            finding.message = payload_text(payload);
        }
    }
}

/// What a panic's payload says.
pub(crate) fn payload_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|s| s.to_string());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a value that is no text".into())
}
