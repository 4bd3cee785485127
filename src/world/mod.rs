//! The world: all mutable state of one run.
//!
//! A world is made once and serves many runs, one after the other. Nothing in it is borrowed while user code runs: not
//! across a poll, a wake, a drop.

mod attempts;
#[cfg(feature = "smol")]
mod bare;
mod beginning;
mod children;
mod choices;
mod drawing;
mod dying;
mod ending;
mod fifos;
mod findings;
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
mod statics;
mod steps;
mod stuck;
mod tasks;
mod telling;
mod timer_fds;
mod turns;
mod words;

pub(crate) use ending::Ended;
pub(crate) use findings::{PanicSeen, Returned, payload_text};
pub(crate) use natives::{is_native, number_of, of_worker};
pub use options::{MOST_CPUS, Options};
use rare::Rare;
pub(crate) use recording::Birth;
pub(crate) use standing::{Probe, Waiting};
use turns::Ends;

use crate::beacon::Beacon;
use crate::boundary::kernel::{Selector, SocketTimeout};
use crate::boundary::shown;
use crate::boundary::tally::Tally;
use crate::boundary::threads::Threads;
use crate::boundary::turn;
use crate::boundary::word::Word;
use crate::clock::{Clock, TimerId};
use crate::executor::{Place, Queued, RunMark, RunTag, Runnable, TaskMeta};
use crate::finding::Finding;
use crate::id::Key;
use crate::instant::Instant;
use crate::pool::Pool;
use crate::prng::{Stream, StreamId};
use crate::registry::Registry;
use crate::schedule::{Active, Ready};
use crate::seed::Seed;
use crate::sentinel::Sentinel;
use crate::sites::{SiteId, Sites};
use crate::trace::Log;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::task::Waker;

/// In this order in memory: what each run writes to comes first, so that it is on one page where a run has a process of its
/// own, which has to copy each that it writes to.
#[repr(C)]
pub(crate) struct World {
    pub beacon: &'static Beacon,
    /// Whether any of what is rare may have been changed.
    is_any_rare_used: rare::Mark,
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
    pub pool: Rare<Pool<Queued>>,
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
    /// The last wait for a word that was over before it began.
    last_late: Cell<Option<words::Late>>,
    statics: statics::Statics,
    /// Child processes that have been started, and not waited for.
    pub children: Cell<u32>,
    /// Whether any has been started in this run.
    pub has_started_children: Cell<bool>,
    /// For how many microseconds of real time they may still be waited for until they are at rest.
    patience: Cell<u32>,
    /// Calls that have asked for one that had not ended.
    asked: Rare<Vec<children::Asked>>,
    timer_fds: Rare<Vec<timer_fds::TimerFd>>,
    /// Threads that open FIFOs.
    openings: Rare<Vec<fifos::Opening>>,
    next_opening: Cell<u64>,
    /// Threads that wait for signals, semaphores and messages.
    attempts: Rare<Vec<attempts::Attempt>>,
    next_attempt: Cell<u64>,
    /// Sockets of the system that have been used.
    sockets: Rare<Vec<sockets::Socket>>,
    lines: Rare<lines::Lines>,
    /// For how long calls wait for sockets.
    socket_timeouts: Rare<Vec<SocketTimeout>>,
    /// Workers that wait for something outside the world.
    pub outside: Rare<Vec<standing::Waiting>>,
    /// Tasks that do.
    #[cfg(all(unix, feature = "smol"))]
    tasks_outside: Rare<Vec<(i32, bool, Waker)>>,
    /// Whether code under test has started a thread in this run, or a task has waited for a descriptor.
    has_company: Word<bool>,
    /// How many workers have begun and have not ended with their own generator as it was.
    generators: Word<u32>,
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
    cpus: Cell<u32>,
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
    pub next: Option<Queued>,
    /// The run is over: it is to end.
    pub quit: bool,
    /// How many steps earlier threads of its number have taken, which were idle for too long: its identity is theirs.
    pub earlier_steps: u32,
    /// The job it has begun and not ended.
    pub job: Option<Running>,
    /// Where that was spawned, if it is one of the pool's.
    pub job_site: Option<SiteId>,
    /// What its thread waits for, in words, while it has suspended itself in a job.
    pub waits_for: Option<&'static str>,
}

/// Who runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Running {
    place: Place,
    pub key: Key,
}

impl Running {
    /// The one that `meta` is about.
    #[inline(always)]
    pub fn of(meta: &TaskMeta) -> Running {
        Running { place: meta.place(), key: meta.key }
    }

    /// Its place in the registry, which nobody else has.
    #[inline(always)]
    pub fn slot(self) -> u32 {
        self.place.slot()
    }

    /// Whether it is a sim thread.
    #[inline(always)]
    pub fn is_of_a_thread(self) -> bool {
        self.place.is_of_a_thread()
    }
}

const NO_THREAD: u32 = u32::MAX;
const NOBODY: Running = Running { place: Place::NONE, key: Key::ROOT };
/// Time has come for somebody.
const CLOCK: Running = Running { place: Place::NONE, key: Key::CLOCK };

/// How far the clock may still slip while tasks are ready.
#[derive(Clone, Copy, Default)]
struct Stall {
    most: u64,
    left: u64,
    slips: u32,
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

    /// How many processors there are for what asks.
    pub fn cpus(&self) -> u32 {
        self.cpus.get()
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
}
