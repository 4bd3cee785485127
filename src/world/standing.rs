//! A loop that stands still, and threads that wait: what the system calls of a world's threads do to it.

use super::World;
use super::telling::in_short;
use crate::boundary::kernel;
use crate::boundary::threads::Backend;
use crate::id::Key;
use crate::instant::Instant;
use crate::sentinel::{Class, Detail, Incident, NAMED};
use crate::trace::What;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How it is found out whether something outside the world has happened.
#[derive(Clone, Copy)]
pub(crate) enum Probe {
    /// A descriptor can be read, or written to.
    Descriptor { fd: i32, write: bool },
    /// One of those that the call is about is ready.
    Call(kernel::Call),
    /// The other end of the FIFO of this opening has been opened.
    Opening(u64),
    /// Both of two descriptors, one to be read and one to be written to; -1 for none.
    Ends { read: i32, write: i32 },
    /// The attempt of this number gives something.
    Attempt(u64),
    /// The server of this world that a connection goes to takes one more.
    Server(kernel::Ends),
}

/// A thread that waits for what is outside.
pub(crate) struct Waiting {
    pub index: u32,
    probe: Probe,
    /// In real time. Not asked for before there have been child processes.
    since: Option<Duration>,
    /// Its wait was not over when another's was, nor after as long again.
    pub(super) outlasts: bool,
}

impl Waiting {
    pub(super) fn is_over(&self, world: &World) -> bool {
        self.probe.is_ready(world)
    }

    /// See [`Probe::is_of_the_world`].
    pub(super) fn is_of_the_world(&self, alone: bool) -> bool {
        self.probe.is_of_the_world(alone)
    }

    /// How long it has waited so far, in real time.
    pub(super) fn passed(&self) -> Duration {
        self.since.map_or(Duration::ZERO, |since| kernel::real_time().saturating_sub(since))
    }
}

impl Probe {
    pub fn is_ready(self, world: &World) -> bool {
        match self {
            Probe::Descriptor { fd, write } => kernel::is_ready(fd, write),
            Probe::Call(call) => kernel::is_over(&call),
            Probe::Opening(id) => world.fifo_is_open(id),
            Probe::Ends { .. } => self.ends().all(Probe::is_a_ready_end),
            Probe::Attempt(id) => world.attempt_is_over(id),
            Probe::Server(to) => world.takes_another(&to),
        }
    }

    /// Those of two that are waited for.
    fn ends(self) -> impl Iterator<Item = (i32, bool)> {
        let (read, write) = if let Probe::Ends { read, write } = self { (read, write) } else { (-1, -1) };
        [(read, false), (write, true)].into_iter().filter(|&(fd, _)| fd >= 0)
    }

    fn is_a_ready_end((fd, write): (i32, bool)) -> bool {
        kernel::is_ready(fd, write)
    }

    /// Whether nobody outside the world can have it happen, as long as this has started no process.
    pub fn is_of_the_world(self, alone: bool) -> bool {
        match self {
            Probe::Descriptor { fd, .. } => kernel::is_ours(fd, alone),
            Probe::Call(call) => kernel::waits_for_ours(&call, alone),
            Probe::Ends { .. } => self.ends().any(|end| !Probe::is_a_ready_end(end) && kernel::is_ours(end.0, alone)),
            Probe::Opening(_) => false,
            // Another process could end an attempt, whom nobody would have told of it.
            Probe::Attempt(_) | Probe::Server(_) => true,
        }
    }
}

impl World {
    /// Sim thread `index` waits from now on.
    pub fn waiting(&self, index: u32, probe: Probe) -> Waiting {
        let since = self.has_started_children.get().then(kernel::real_time);
        Waiting { index, probe, since, outlasts: false }
    }

    /// Whether anybody could run.
    pub fn is_anybody_ready(&self) -> bool {
        self.ready.len() > 0
    }

    /// Whether the run has taken as many steps as it may.
    pub fn is_out_of_steps(&self) -> bool {
        self.steps() >= self.max_steps.get()
    }

    /// Whether the call comes from within the harness itself, which holds something borrowed.
    pub fn is_busy(&self) -> bool {
        self.sentinel.is_busy()
            || self.log.is_busy()
            || self.ready.is_busy()
            || self.strategy.is_deciding()
            || self.clock.try_borrow_mut().is_err()
            || self.registry.try_borrow_mut().is_err()
            || self.workers.is_busy()
            || self.natives.is_busy()
            || self.pool.is_busy()
            || self.futexes.is_busy()
    }

    /// The running task made a blocking call. Gives the incident's place, if it is kept.
    pub fn saw_blocking(&self, class: Class, verb: &'static str, detail: Detail) -> Option<usize> {
        let mut sentinel = self.sentinel.borrow_mut();
        if !sentinel.is_news(class) {
            return None;
        }
        let incident = self.incident(class, verb, detail);
        let index = sentinel.add(incident)?;
        let count = sentinel.incident(index).count;
        drop(sentinel);
        if count == 1 && class != Class::Output && class != Class::Close {
            self.record_blocking(&incident);
        }
        Some(index)
    }

    /// The call that the running task made will never come back: that is told, whatever a test allows.
    pub fn saw_standstill(&self, seen: Option<usize>, class: Class, verb: &'static str, detail: Detail) -> usize {
        let index = seen.unwrap_or_else(|| {
            let incident = self.incident(class, verb, detail);
            let mut sentinel = self.sentinel.borrow_mut();
            sentinel.make_room();
            let index = sentinel.add(incident).unwrap_or(0);
            drop(sentinel);
            self.record_blocking(&incident);
            index
        });
        self.sentinel.borrow_mut().incident(index).for_ever = true;
        index
    }

    fn incident(&self, class: Class, verb: &'static str, detail: Detail) -> Incident {
        let mut incident = Incident {
            class,
            verb,
            detail,
            frames: [0; crate::sentinel::DEPTH],
            depth: 0,
            who: self.dropped.get().unwrap_or(self.running.get().key),
            site: self.beacon.site(),
            step: self.steps(),
            at: self.now(),
            count: 1,
            stood: 0,
            ready: [Key::ROOT; NAMED],
            ready_count: 0,
            late: [Key::ROOT; NAMED],
            late_count: 0,
            holder: None,
            for_ever: false,
        };
        incident.depth = kernel::backtrace(&mut incident.frames);
        incident
    }

    fn record_blocking(&self, incident: &Incident) {
        self.record(|log| {
            let by = log.index(incident.who);
            log.event(What::Blocked { by, call: in_short(incident) });
        });
    }

    /// The loop does nothing for so long: time moves, and nobody runs.
    pub fn stand_still(&self, nanos: u64, incident: Option<usize>) {
        let now = Instant::from_nanos(self.now().as_nanos().saturating_add(nanos));
        self.beacon.now.store(now.as_nanos(), Ordering::Relaxed);
        self.tally.mix(now.as_nanos() ^ 0x0073_7469_6c6c);
        self.record(|log| log.now = now);
        if let Some(index) = incident {
            self.ready.settle();
            let view = self.ready.view();
            let mut sentinel = self.sentinel.borrow_mut();
            let incident = sentinel.incident(index);
            incident.stood = incident.stood.saturating_add(nanos);
            if incident.ready_count == 0 {
                incident.ready_count = view.len();
                let keys = view.by_age().map(|i| view.get(i).key());
                incident.ready.iter_mut().zip(keys).for_each(|(place, key)| *place = key);
            }
        }
        self.stood.set(true);
        self.stood_for.set(incident);
        self.beacon.call();
    }

    /// Fires the timers that time has passed while the loop stood still.
    pub fn catch_up(&self) {
        let before = self.ready.len();
        let own = self.running.get();
        loop {
            let next = self.clock.borrow_mut().next();
            if next.is_none_or(|next| next > self.now().as_nanos()) || !self.advance() {
                break;
            }
        }
        self.running.set(own);
        let Some(index) = self.stood_for.get() else { return };
        self.ready.settle();
        let view = self.ready.view();
        let mut sentinel = self.sentinel.borrow_mut();
        let incident = sentinel.incident(index);
        for place in view.by_age().skip(before) {
            if let Some(late) = incident.late.get_mut(incident.late_count) {
                *late = view.get(place).key();
                incident.late_count += 1;
            }
        }
    }

    /// The next deadline of the world.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.clock.borrow_mut().next().map(Instant::from_nanos)
    }

    /// Gives the oldest ready worker a turn, within another step. False if none is ready.
    pub fn step_a_worker(&self) -> bool {
        let taken = {
            self.ready.settle();
            let view = self.ready.view();
            let place = view.by_age().find(|&i| self.thread_of(view.get(i).key()).is_some());
            place.map(|place| self.ready.take(place))
        };
        let Some(runnable) = taken else { return false };
        // The loop is to look up: others stand elsewhere than it left them.
        self.beacon.look_up_at.store(0, Ordering::Relaxed);
        self.count_step(self.beacon);
        let meta = runnable.metadata();
        meta.count_step();
        self.tally.mix(meta.key.get());
        self.give_turn_between(runnable);
        true
    }

    // ---- arming

    /// On a worker's thread: its calls are to be seen as the loop's are.
    pub fn arm_worker(&self) -> Option<kernel::Armed> {
        let selector = self.selector.get();
        match self.threads.backend() {
            Backend::Borrowed => {
                kernel::adopt(Some(selector));
                None
            }
            Backend::Baton => kernel::arm_like(selector),
        }
    }
}
