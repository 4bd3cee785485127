//! A blocking call on the loop, as it is told.

use crate::instant::{Instant, nanos_to_text};
use crate::sentinel::Class;
use std::fmt;
use std::panic::Location;
use std::time::Duration;

/// A blocking call on the loop, told in full.
#[derive(Clone, Debug)]
pub struct Leak {
    pub(crate) class: Class,
    pub(crate) denied: bool,
    pub(crate) call: String,
    pub(crate) holder: Option<String>,
    pub(crate) for_ever: bool,
    pub(crate) task: String,
    pub(crate) spawned_at: Option<&'static Location<'static>>,
    /// `function at file:line`, innermost first.
    pub(crate) frames: Vec<String>,
    /// `file:line` of the first.
    pub(crate) place: Option<String>,
    pub(crate) step: u64,
    pub(crate) at: Instant,
    pub(crate) count: u32,
    pub(crate) stood: Duration,
    pub(crate) ready: Vec<String>,
    pub(crate) late: Vec<String>,
}

/// A poll on the loop that used more processor time than it should, as the watchdog saw it.
#[derive(Clone, Debug)]
pub(crate) struct LongPoll {
    /// The task, and where it was spawned.
    pub task: String,
    pub budget_ms: u64,
    pub step: u64,
    /// Where it was when it was seen: the user's own frames.
    pub frames: Vec<String>,
}

impl LongPoll {
    /// Whether it is the same task: where in it the processor was when somebody looked is chance.
    pub fn is_like(&self, other: &LongPoll) -> bool {
        self.task == other.task
    }
}

impl fmt::Display for LongPoll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LongPoll { task, budget_ms, step, frames } = self;
        write!(f, "{task} used the processor for more than {budget_ms} ms in step {step}")?;
        frames.iter().try_for_each(|frame| write!(f, "\n    {frame}"))
    }
}

impl Leak {
    /// What sort of blocking call it is.
    pub fn class(&self) -> Class {
        self.class
    }

    /// The call in words, with its arguments.
    pub fn call(&self) -> &str {
        &self.call
    }

    /// Who had what the loop waited for, or woke it: `worker-2's job parse#1`. `None` if it was no such wait, or if that could
    /// not be known. Where it stood [for ever](Leak::is_for_ever), it is whose end would have let it go on.
    pub fn holder(&self) -> Option<&str> {
        self.holder.as_deref()
    }

    /// Whether the loop could never have gone on: the run ended at this call, and the task that made it was given up.
    pub fn is_for_ever(&self) -> bool {
        self.for_ever
    }

    /// Who made it.
    pub fn task(&self) -> &str {
        &self.task
    }

    /// Where that task was spawned.
    pub fn spawned_at(&self) -> Option<&'static Location<'static>> {
        self.spawned_at
    }

    /// The user's own frames, innermost first: `function at file:line`.
    pub fn frames(&self) -> &[String] {
        &self.frames
    }

    /// `file:line` of the innermost of the user's frames.
    pub fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }

    /// The step of its first occurrence.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The virtual moment of its first occurrence.
    pub fn at(&self) -> Instant {
        self.at
    }

    /// How often it happened in this run.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The virtual time for which the loop stood still.
    pub fn stood_still(&self) -> Duration {
        self.stood
    }

    /// Tasks that were ready meanwhile.
    pub fn kept_waiting(&self) -> &[String] {
        &self.ready
    }

    /// Tasks whose timers fired late.
    pub fn late(&self) -> &[String] {
        &self.late
    }
}

impl Leak {
    /// The call, and who held what it waited for: `lock of a Mutex held by worker-1's job parse#1`.
    pub(crate) fn call_and_holder(&self) -> String {
        match (self.call.strip_suffix(HELD), &self.holder) {
            (Some(lock), Some(holder)) => format!("{lock} held by {holder}"),
            _ => self.call.clone(),
        }
    }

    /// What it does, in a line.
    pub(crate) fn headline(&self) -> String {
        format!("{} blocks the loop{}", self.call_and_holder(), if self.for_ever { " for ever" } else { "" })
    }

    /// The call without anything that only a run with a trace could tell.
    pub(crate) fn shape(&self) -> String {
        format!("{} {}", self.call, self.for_ever)
    }

    /// The same call once more, at the same line of code.
    pub(crate) fn seen_again(&mut self, other: &Leak) {
        // A look-up of a host makes many calls.
        self.count = if self.class == Class::Dns { self.count.max(other.count) } else { self.count + other.count };
        self.stood += other.stood;
        self.for_ever |= other.for_ever;
        if self.holder.is_none() {
            self.holder.clone_from(&other.holder);
        }
        // Who was kept waiting is seen when the last of them is over.
        let is_new = |names: &[String], name: &&String| !names.contains(name);
        let ready: Vec<_> = other.ready.iter().filter(|name| is_new(&self.ready, name)).cloned().collect();
        let late: Vec<_> = other.late.iter().filter(|name| is_new(&self.late, name)).cloned().collect();
        self.ready.extend(ready);
        self.late.extend(late);
    }

    /// What can be said about whom it waited for, besides the call.
    fn waited_for(&self) -> Option<String> {
        let is_lock = self.call.ends_with(HELD);
        match (&self.holder, self.for_ever, is_lock) {
            (Some(holder), true, true) => {
                Some(format!("the run ends here: {holder} cannot go on while the loop waits"))
            }
            (Some(holder), true, false) => Some(format!("the run ends here: it waits for {holder}, who waits, too")),
            (Some(holder), false, false) => Some(format!("woken by {holder}")),
            (Some(_), false, true) => None,
            (None, true, true) => {
                Some("the run ends here: nobody else has the lock, so that this task may itself".into())
            }
            (None, true, false) => Some("the run ends here: nobody who is left could wake it".into()),
            (None, false, _) => None,
        }
    }
}

/// How a call ends that waits for a lock, whoever has it.
const HELD: &str = " that is held";

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline())?;
        if self.count > 1 {
            write!(f, ", {} times", self.count)?;
        }
        write!(f, " ({}), in {}", self.class.name(), self.task)?;
        if let Some(at) = self.spawned_at {
            write!(f, " (spawned at {at})")?;
        }
        write!(f, ", step {}, at {} virtual", self.step, self.at)?;
        self.frames.iter().try_for_each(|frame| write!(f, "\n    {frame}"))?;
        if let Some(told) = self.waited_for() {
            write!(f, "\n    {told}")?;
        }
        if !self.stood.is_zero() {
            let stood = nanos_to_text(self.stood.as_nanos() as u64);
            write!(f, "\n    the loop stood still for {stood} virtual")?;
        }
        if !self.ready.is_empty() {
            write!(f, "\n    ready meanwhile: {}", self.ready.join(", "))?;
        }
        if !self.late.is_empty() {
            write!(f, "\n    fired late: the timers of {}", self.late.join(", "))?;
        }
        write!(f, "\n    instead: {}", self.class.advice())
    }
}
