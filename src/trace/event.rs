//! What can happen in a run.

use crate::id::Key;
use crate::instant::Instant;
use std::panic::Location;
use std::time::Duration;

/// What sort of participant an [`Actor`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActorKind {
    /// The scenario itself.
    Scenario,
    /// A task on the loop.
    Task,
    /// A closure handed to the blocking pool.
    Job,
    /// A thread of the pool.
    Worker,
    /// A thread that the code under test started itself.
    Thread,
}

impl ActorKind {
    /// Whether it has a lane of its own.
    pub(crate) fn is_thread(self) -> bool {
        matches!(self, ActorKind::Worker | ActorKind::Thread)
    }
}

/// A task, a job or a worker of a run.
#[derive(Clone, Debug)]
pub struct Actor {
    pub(crate) key: Key,
    pub(crate) kind: ActorKind,
    pub(crate) name: String,
    pub(crate) spawned_at: &'static Location<'static>,
    pub(crate) parent: Option<u32>,
    pub(crate) polls: u32,
    pub(crate) last_poll: Option<(u64, Instant)>,
    /// Who made it ready for the poll to come.
    pub(crate) woken_by: Option<Source>,
    /// Who had made it ready for its last poll.
    pub(crate) last_woken_by: Option<Source>,
    pub(crate) ended: bool,
}

impl Actor {
    /// Its name: the one given by `raddle::task(name)`, or the spawning function's and a number.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What sort of participant it is.
    pub fn kind(&self) -> ActorKind {
        self.kind
    }

    /// Where it was spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.spawned_at
    }

    /// Who spawned it, as an index into the trace's actors.
    pub fn parent(&self) -> Option<u32> {
        self.parent
    }

    /// Its spawn path's identity.
    pub fn key(&self) -> Key {
        self.key
    }
}

/// Who made a task ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// It was spawned.
    Spawn,
    /// The actor with this index.
    Actor(u32),
    /// A deadline came.
    Clock,
    /// A thread outside the world.
    Outside,
}

/// How a poll (or a worker's turn) ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollEnd {
    /// It is still going on: the run stopped in its midst.
    Open,
    /// `Poll::Pending`; of a worker: it waits.
    Pending,
    /// `Poll::Ready`; of a worker: its thread ended.
    Done,
    /// It panicked.
    Panicked,
    /// It had been cancelled: its future was dropped instead of polled.
    Cancelled,
}

/// One event: at which step, when in virtual time, what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The step it belongs to, from 1; 0 before the first.
    pub step: u64,
    /// Virtual time.
    pub at: Instant,
    /// The worker on whose thread it happened, as an actor's index; `None` for the loop.
    pub worker: Option<u32>,
    /// What happened.
    pub what: What,
}

/// What happened. The numbers are indices into [`Trace::actors`](super::Trace::actors).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// `actor` was spawned (a job: queued) by `by`.
    Spawned {
        /// The new one.
        actor: u32,
        /// Who spawned it; `None` for the scenario and for workers.
        by: Option<u32>,
    },
    /// A step: `actor` was polled, or given the turn if it is a worker.
    Polled {
        /// Who ran.
        actor: u32,
        /// Who had made it ready.
        woken: Option<Source>,
        /// Whom it overtook, if this was a deviation.
        before: Option<u32>,
        /// How it ended.
        end: PollEnd,
    },
    /// A worker began a job.
    JobBegan {
        /// The job.
        job: u32,
    },
    /// A worker ended a job.
    JobEnded {
        /// The job.
        job: u32,
        /// How.
        end: PollEnd,
    },
    /// The clock moved.
    TimeMoved {
        /// What it showed before.
        from: Instant,
        /// Whom that overtook, if tasks were ready (a stall).
        before: Option<u32>,
    },
    /// A future was dropped before it was done.
    Dropped {
        /// Whose.
        actor: u32,
    },
    /// A choice came to another number than the plain one, 0: the scenario's own, or how long something is under way.
    Chose {
        /// Who made it.
        by: u32,
        /// Which of its choices, from 0.
        nth: u32,
        /// The number.
        number: u32,
        /// How long what was sent is under way, if that was chosen.
        latency: Option<Duration>,
    },
    /// A blocking call on the loop, at its first occurrence.
    Blocked {
        /// Who made it.
        by: Option<u32>,
        /// The call and its arguments.
        call: String,
    },
    /// The user's own line, by [`note!`](crate::note).
    Note {
        /// Who wrote it.
        by: Option<u32>,
        /// The line.
        text: String,
    },
}
