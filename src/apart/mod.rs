//! A run in a process of its own: forked for it, watched, and brought home as bytes.

mod death;
mod wire;

use crate::beacon::{self, Beacon};
use crate::boundary::threads::Backend;
use crate::boundary::watchdog::this_thread;
use crate::boundary::zygote::{self, Answer, Life, Lines, TICK};
use crate::boundary::{fork_lock, kernel, turn::Turned};
use crate::finding::{Finding, FindingKind};
use crate::parcel::{Parcel, Reader};
use crate::schedule::Tree;
use crate::world::{Ended, Options, Returned, World, payload_text};
use crate::{context, panics, stacks, watchdog};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Why runs cannot have processes of their own here, as a finding; nothing if they can.
pub(crate) fn refusal() -> Option<Finding> {
    let why = zygote::why_not()?;
    let message = format!("isolation = \"process\" needs a system on which processes can be forked: {why}");
    Some(Finding::new(FindingKind::Setup, message))
}

/// The runs that one exploration makes in processes of their own.
pub(crate) struct Apart {
    lines: Lines,
    beacon: &'static Beacon,
    threads: (Backend, Option<&'static str>),
    /// The last run took long, or there was none: the next one looks after its own processor time.
    takes_long: bool,
}

impl Apart {
    /// Prepares for runs of `world`.
    pub fn new(world: &'static Turned<World>, beacon: &'static Beacon) -> Apart {
        beacon.pulse.share();
        // What a thread makes at its first use is made once here, not by each process anew.
        fastrand::seed(0);
        zygote::prepare(last_words);
        let threads = world.enter(|world| (world.threads.backend(), world.threads.why_not_borrowed()));
        Apart { lines: Lines::new(&beacon.pulse), beacon, threads, takes_long: true }
    }

    /// Makes one run by `work`, in a process of its own: what it came to, or how its process died. `tree` is what the run
    /// changes, besides.
    ///
    /// # Panics
    /// If `work` does.
    pub fn run(
        &mut self,
        options: &Options,
        tree: Option<&Mutex<Tree>>,
        work: impl FnOnce() -> (Option<Returned>, Box<Ended>),
    ) -> (Option<Returned>, Box<Ended>) {
        let Apart { lines, beacon, threads, takes_long } = self;
        let (beacon, threads) = (*beacon, *threads);
        let known = stacks::known();
        // First of all that nobody tells of a panic: who does may want one of the others.
        let hold = || {
            beacon.serial.store(0, Ordering::Relaxed);
            beacon.steps.store(0, Ordering::Relaxed);
            beacon.now.store(0, Ordering::Relaxed);
            (panics::hold(), beacon::hold(beacon), fork_lock::closed())
        };
        let mut watch = Watch { beacon, patience: options.watchdog, seen: (0, 0), still_for: Duration::ZERO, ticks: 0 };
        let there = |answer: &mut Answer| {
            let mut put = |bytes: &[u8]| answer.put(bytes);
            let answer = &mut Saying(&mut put);
            panics::alone();
            beacon::keep_only(beacon);
            kernel::rearm();
            if *takes_long && options.cpu_budget.is_some() {
                beacon.limit(options.cpu_budget);
                *beacon::lock(&beacon.locked.thread) = Some(this_thread());
                watchdog::start_anew();
            }
            match catch_unwind(AssertUnwindSafe(work)) {
                Ok((returned, ended)) => {
                    true.put(answer);
                    returned.put(answer);
                    ended.put(answer);
                    tree.map(|tree| beacon::lock(tree)).iter().for_each(|tree| tree.put(answer));
                    stacks::news(known).put(answer);
                }
                Err(payload) => {
                    false.put(answer);
                    payload_text(&*payload).put(answer);
                }
            }
        };
        let life = zygote::run(lines, hold, there, &mut || watch.goes_on());
        beacon.serial.store(0, Ordering::Relaxed);
        *takes_long = watch.ticks > 0;
        let (returned, mut ended) = match life {
            Ok(life) => told(&life, tree).unwrap_or_else(|| (None, death::tell(&life, beacon, watch.still_for))),
            Err(error) => (None, death::stillborn(&error)),
        };
        ended.threads = threads;
        (returned, ended)
    }
}

/// What a process that dies of its run says before that.
fn last_words(say: &mut dyn FnMut(&[u8])) {
    context::try_with(|world| world.last_words(&mut Saying(say)));
}

/// What the process handed back. Not a part of its caller: what that has on the stack when it forks is to be little, since
/// this process has to copy each page of it that it goes back to.
#[inline(never)]
fn told(life: &Life<'_>, tree: Option<&Mutex<Tree>>) -> Option<(Option<Returned>, Box<Ended>)> {
    let reader = &mut Reader(life.answer?);
    if !bool::take(reader)? {
        panic!("{}", String::take(reader)?);
    }
    let (returned, ended) = (Parcel::take(reader)?, Box::new(Parcel::take(reader)?));
    if let Some(tree) = tree {
        *beacon::lock(tree) = Parcel::take(reader)?;
    }
    stacks::learn(Parcel::take(reader)?);
    Some((returned, ended))
}

/// Where an answer goes, or last words.
struct Saying<'a>(&'a mut dyn FnMut(&[u8]));

impl crate::parcel::Sink for Saying<'_> {
    fn bytes(&mut self, bytes: &[u8]) {
        (self.0)(bytes);
    }
}

/// Looks whether a run in another process gets on: by its pulse, which is shared.
struct Watch {
    beacon: &'static Beacon,
    /// How long a step may take in real time.
    patience: Option<Duration>,
    /// The run and the step that it was in last time.
    seen: (u64, u64),
    still_for: Duration,
    ticks: u32,
}

impl Watch {
    /// One look. False if a step takes too long.
    fn goes_on(&mut self) -> bool {
        let now = (self.beacon.serial.load(Ordering::Acquire), self.beacon.steps.load(Ordering::Relaxed));
        // Counted in looks, as the watchdog does.
        self.still_for = if now == self.seen { self.still_for + TICK } else { Duration::ZERO };
        self.seen = now;
        self.ticks += 1;
        self.patience.is_none_or(|patience| self.still_for < patience)
    }
}
