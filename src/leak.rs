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

impl Leak {
    /// What sort of blocking call it is.
    pub fn class(&self) -> Class {
        self.class
    }

    /// The call in words, with its arguments.
    pub fn call(&self) -> &str {
        &self.call
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

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} blocks the loop", self.call)?;
        if self.count > 1 {
            write!(f, ", {} times", self.count)?;
        }
        write!(f, " ({}), in {}", self.class.name(), self.task)?;
        if let Some(at) = self.spawned_at {
            write!(f, " (spawned at {at})")?;
        }
        write!(f, ", step {}, at {} virtual", self.step, self.at)?;
        self.frames.iter().try_for_each(|frame| write!(f, "\n    {frame}"))?;
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
