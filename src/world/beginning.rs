//! How a world is made, and how runs begin in it.

use super::Options;
use super::rare::Rare;
use super::{NO_THREAD, NOBODY, Stall, World, children, choices, lines, rare};
use crate::beacon::Beacon;
use crate::boundary::tally::Tally;
use crate::boundary::threads::Threads;
use crate::boundary::word::Word;
use crate::boundary::{kernel, shown};
use crate::clock::Clock;
use crate::env;
use crate::executor::RunTag;
use crate::pool::{Pool, PoolOptions};
use crate::registry::Registry;
use crate::schedule::{Active, Ready};
use crate::seed::Seed;
use crate::sentinel::Sentinel;
use crate::sites::Sites;
use crate::trace::Log;
use std::cell::{Cell, RefCell};
use std::sync::atomic::Ordering;

impl World {
    pub fn new(beacon: &'static Beacon) -> World {
        let mark = rare::mark();
        World {
            beacon,
            is_any_rare_used: mark,
            run_tag: Cell::new(None),
            seed: Cell::new(Seed::default()),
            ready: Ready::new(),
            strategy: Active::new(),
            registry: RefCell::new(Registry::new()),
            sites: Sites::new(),
            clock: RefCell::new(Clock::new()),
            user: Rare::new(mark, None),
            choices: Rare::new(mark, choices::Choices::new()),
            entropy: Rare::new(mark, None),
            pool: Rare::new(mark, Pool::new(&PoolOptions::default())),
            workers: Rare::new(mark, Vec::new()),
            natives: Rare::new(mark, Vec::new()),
            most_workers: Cell::new(0),
            dirty: Rare::new(mark, Vec::new()),
            threads: Threads::new(env::backend()),
            selector: Word::new(&kernel::UNUSED),
            sentinel: Rare::new(mark, Sentinel::new()),
            futexes: Rare::new(mark, Vec::with_capacity(64)),
            next_futex: Cell::new(0),
            last_late: Cell::new(None),
            statics: Default::default(),
            children: Cell::new(0),
            has_started_children: Cell::new(false),
            patience: Cell::new(0),
            asked: Rare::new(mark, Vec::new()),
            timer_fds: Rare::new(mark, Vec::new()),
            openings: Rare::new(mark, Vec::new()),
            next_opening: Cell::new(0),
            attempts: Rare::new(mark, Vec::new()),
            next_attempt: Cell::new(0),
            sockets: Rare::new(mark, Vec::new()),
            lines: Rare::new(mark, Default::default()),
            socket_timeouts: Rare::new(mark, Vec::new()),
            outside: Rare::new(mark, Vec::new()),
            #[cfg(all(unix, feature = "smol"))]
            tasks_outside: Rare::new(mark, Vec::new()),
            has_company: Word::new(false),
            generators: Word::new(0),
            stand_ins: Rare::new(mark, Vec::new()),
            stood: Cell::new(false),
            stood_for: Cell::new(None),
            log: Rare::new(mark, None),
            counted: RefCell::default(),
            running: Word::new(NOBODY),
            turn_of: Word::new(NO_THREAD),
            woken: Word::new(false),
            stand_in: Cell::new(None),
            threads_choose: Word::new(false),
            chosen: Cell::new(None),
            tally: Tally::default(),
            max_steps: Word::new(0),
            cpus: Cell::new(1),
            stall: Word::default(),
            traced: Word::new(false),
            allow_panics: Cell::new(false),
            stop: Word::new(false),
            closing: Word::new(false),
            dropped: Cell::new(None),
            standstill: Cell::new(None),
            finding: Rare::new(mark, None),
            returned: RefCell::new(None),
            panic: Rare::new(mark, None),
            unwinding: Cell::new(false),
            wants_payload: Cell::new(false),
            #[cfg(feature = "smol")]
            kept: RefCell::new(Vec::new()),
        }
    }

    /// The run that has just begun may take so many steps, if it may take as many.
    pub fn take_at_most(&self, steps: u64) {
        let most = self.max_steps.get().min(steps);
        self.max_steps.set(most);
        shown::store(&self.beacon.look_up_at, most);
    }

    /// All runs from now on are to have these options.
    pub fn take_options(&self, options: &Options) {
        self.sentinel.borrow_mut().obey(&options.policies);
        self.pool.borrow_mut().reset(&options.pool);
        self.cpus.set(options.cpus);
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
        if self.is_any_rare_used.get() {
            self.clear_what_is_rare(options);
        }
        if traced {
            *self.log.borrow_mut() = Some(Log::of_at_most(options.max_steps));
        }
        self.selector.set(kernel::selector());
        self.children.set(0);
        self.has_started_children.set(false);
        self.has_company.set(false);
        self.patience.set(children::MOST_PATIENCE);
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
        *self.returned.borrow_mut() = None;
        self.unwinding.set(false);
        self.wants_payload.set(false);
        let beacon = self.beacon;
        shown::store(&beacon.steps, 0);
        shown::store(&beacon.now, 0);
        beacon.has_waited.store(false, Ordering::Relaxed);
        shown::store(&beacon.seed, seed.get());
        if beacon.called.load(Ordering::Relaxed) {
            beacon.called.store(false, Ordering::Relaxed);
        }
        shown::store(&beacon.look_up_at, options.max_steps);
        beacon.serial.store(run.number(), Ordering::Release);
    }

    /// As at first: what few runs use.
    #[inline(never)]
    fn clear_what_is_rare(&self, options: &Options) {
        self.choices.reset(choices::Choices::clear);
        self.user.reset(|stream| *stream = None);
        self.entropy.reset(|stream| *stream = None);
        self.pool.reset(|pool| pool.reset(&options.pool));
        self.generators.set(0);
        self.log.reset(|log| *log = None);
        self.sentinel.reset(Sentinel::reset);
        self.futexes.reset(Vec::clear);
        self.outside.reset(Vec::clear);
        self.asked.reset(Vec::clear);
        self.timer_fds.reset(Vec::clear);
        self.attempts.reset(Vec::clear);
        self.sockets.reset(Vec::clear);
        self.lines.reset(lines::Lines::clear);
        self.socket_timeouts.reset(Vec::clear);
        self.stand_ins.reset(Vec::clear);
        self.finding.reset(|finding| *finding = None);
        self.panic.reset(|panic| *panic = None);
        self.is_any_rare_used.set(false);
    }
}
