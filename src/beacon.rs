//! What a world shows to threads outside it: the watchdog reads how far it is, and foreign wakes arrive here.

use crate::boundary::fork_lock::inside;
use crate::boundary::watchdog::ThreadHandle;
use crate::boundary::zygote::Pulse;
use crate::id::Key;
use crate::replay::Replay;
use crate::sites::SiteId;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One world's face to the outside.
pub(crate) struct Beacon {
    /// How far the run is.
    pub pulse: Pulse,
    /// While a run is wound up, its serial number and how many turns have been given to that end, in one; 0 otherwise.
    pub winding: AtomicU64,
    /// For how many whiles the run has waited for threads that are not of it.
    pub outside: AtomicU64,
    /// How long a step may take, in real milliseconds; 0: for ever.
    pub patience_ms: AtomicU64,
    /// How much processor time a poll may use before it is told, in milliseconds; 0: any.
    pub budget_ms: AtomicU64,
    /// Polls that used more, and whether there are any.
    pub has_long_polls: AtomicBool,
    /// Whether `foreign` holds something, or the loop stood still.
    pub called: AtomicBool,
    pub locked: &'static Locked,
}

/// What a world and threads outside it tell each other at length. Beside the world in memory: each of these is locked, and
/// so written to, in a process that is forked for a run.
#[derive(Default)]
pub(crate) struct Locked {
    pub foreign: Mutex<Vec<ForeignWake>>,
    pub long_polls: Mutex<Vec<LongPoll>>,
    pub story: Mutex<Story>,
    /// The loop's thread.
    pub thread: Mutex<Option<ThreadHandle>>,
}

impl Deref for Beacon {
    type Target = Pulse;

    #[inline(always)]
    fn deref(&self) -> &Pulse {
        &self.pulse
    }
}

impl Beacon {
    /// Has the loop look up before its next step, and see that it was called.
    pub fn call(&self) {
        self.called.store(true, Ordering::Release);
        self.look_up_at.store(0, Ordering::Release);
    }

    /// Run `serial` is over, and about to be wound up: the watchdog goes on looking.
    pub fn winds_up(&self, serial: u64) {
        self.winding.store(serial << 32 | 1, Ordering::Relaxed);
    }

    /// One more turn is given, to a thread of a run that is wound up.
    pub fn winds_on(&self) {
        self.winding.store(self.winding.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// The run has waited for a while for a thread that is not of it, and goes on waiting: that has an end, and so it does not hang.
    pub fn waits_outside(&self) {
        self.outside.fetch_add(1, Ordering::Relaxed);
    }

    /// It is wound up.
    pub fn is_wound_up(&self) {
        self.winding.store(0, Ordering::Relaxed);
    }

    /// Has the watchdog allow `patience` of real time for a step.
    pub fn watch(&self, patience: Option<Duration>) {
        let millis = patience.map_or(0, |p| p.as_millis().clamp(1, u128::from(u64::MAX)) as u64);
        self.patience_ms.store(millis, Ordering::Relaxed);
    }

    /// Has the watchdog tell of polls that use more than `budget` of processor time.
    pub fn limit(&self, budget: Option<Duration>) {
        let millis = budget.map_or(0, |d| d.as_millis().clamp(1, u128::from(u64::MAX)) as u64);
        self.budget_ms.store(millis, Ordering::Relaxed);
    }
}

/// A poll that used more than its budget of processor time, as the watchdog saw it.
pub(crate) struct LongPoll {
    /// The run it was seen in: a beacon serves many, and the watchdog may be late.
    pub serial: u64,
    pub step: u64,
    pub site: u32,
    /// Where it was when it was seen: return addresses, innermost first.
    pub stack: Vec<usize>,
}

/// What the watchdog tells of a run besides its numbers.
#[derive(Default, Clone)]
pub(crate) struct Story {
    pub scenario: String,
    pub replay: Replay,
}

/// A wake that came from a thread outside the world.
pub(crate) struct ForeignWake {
    /// Whom it woke, and where that was spawned, if it is no thread.
    pub key: Key,
    pub site: Option<SiteId>,
    /// The name of the thread that did.
    pub thread: String,
    /// The woken task, which only the loop may run or drop.
    pub woken: Box<dyn Send>,
}

/// All beacons of this process; there are as many as worlds were ever in use at once.
static ALL: Mutex<Vec<&'static Beacon>> = Mutex::new(Vec::new());
/// How many they are.
static COUNT: AtomicUsize = AtomicUsize::new(0);

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A beacon for a new world; it lives as long as the process, as worlds do.
pub(crate) fn light(locked: &'static Locked) -> &'static Beacon {
    let beacon: &'static Beacon = Box::leak(Box::new(Beacon {
        pulse: Pulse::default(),
        winding: AtomicU64::default(),
        outside: AtomicU64::default(),
        patience_ms: AtomicU64::default(),
        budget_ms: AtomicU64::default(),
        has_long_polls: AtomicBool::default(),
        called: AtomicBool::default(),
        locked,
    }));
    inside(|| {
        let mut all = lock(&ALL);
        all.push(beacon);
        COUNT.store(all.len(), Ordering::Relaxed);
    });
    beacon
}

pub(crate) fn all() -> Vec<&'static Beacon> {
    inside(|| lock(&ALL).clone())
}

/// Keeps other threads from what a process that is forked now will need of this room.
pub(crate) fn hold(beacon: &'static Beacon) -> impl Sized {
    let Locked { foreign, long_polls, story, thread } = beacon.locked;
    (lock(foreign), lock(long_polls), lock(story), lock(thread))
}

/// In a forked process: this is the only world. Those of the process it was forked from go on there, if at all.
pub(crate) fn keep_only(beacon: &'static Beacon) {
    // Where it is so anyway nothing is written, not even to a lock: the process would have to copy a page for it.
    if COUNT.load(Ordering::Relaxed) > 1 {
        inside(|| *lock(&ALL) = vec![beacon]);
        COUNT.store(1, Ordering::Relaxed);
    }
}

/// Tells the world of `serial` that a thread which is not of it woke the task `key`. If that run is over, `woken` is
/// leaked: it belongs to a run that was given up.
#[cold]
pub(crate) fn foreign_wake(serial: u64, key: Key, site: Option<SiteId>, woken: Box<dyn Send>) {
    let thread = std::thread::current().name().unwrap_or("unnamed").to_string();
    for beacon in all() {
        let mut foreign = lock(&beacon.locked.foreign);
        // The end of a run takes the same lock before it gives its serial number up.
        if beacon.serial.load(Ordering::Acquire) == serial {
            foreign.push(ForeignWake { key, site, thread, woken });
            beacon.call();
            return;
        }
    }
    std::mem::forget(woken);
}
