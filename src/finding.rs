//! Findings: why a run failed.

use crate::instant::Instant;
use crate::place;
use std::fmt;

/// What sort of failure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FindingKind {
    /// A task or a job panicked.
    Panic,
    /// The scenario returned an `Err`.
    Error,
    /// Nothing can run and no deadline is near: everybody waits for somebody.
    Deadlock,
    /// The step limit was reached.
    Livelock,
    /// A thread outside the world woke a task.
    ForeignWake,
    /// Tasks were still pending when the scenario returned, and the test denies that.
    Pending,
    /// The same seed took another way.
    Divergence,
    /// A future panicked while it was dropped.
    DropPanic,
    /// A blocking call on the loop.
    Leak,
    /// The run could not begin.
    Setup,
    /// The [process of its own](crate::Isolation::Process) that the run took place in died, or ended, before the run did.
    Crash,
    /// The same, but it did not come back, and was ended by raddle.
    Hang,
    /// A thread was made past what raddle sees, by the system call `clone` itself.
    ForeignThread,
}

impl FindingKind {
    pub(crate) const ALL: [FindingKind; 13] = [
        FindingKind::Panic,
        FindingKind::Error,
        FindingKind::Deadlock,
        FindingKind::Livelock,
        FindingKind::ForeignWake,
        FindingKind::Pending,
        FindingKind::Divergence,
        FindingKind::DropPanic,
        FindingKind::Leak,
        FindingKind::Setup,
        FindingKind::Crash,
        FindingKind::Hang,
        FindingKind::ForeignThread,
    ];

    /// The kind in a word or two, as findings print it.
    pub fn name(self) -> &'static str {
        match self {
            FindingKind::Panic => "panic",
            FindingKind::Error => "error",
            FindingKind::Deadlock => "deadlock",
            FindingKind::Livelock => "livelock",
            FindingKind::ForeignWake => "foreign wake",
            FindingKind::Pending => "pending tasks",
            FindingKind::Divergence => "divergence",
            FindingKind::DropPanic => "panic in a destructor",
            FindingKind::Leak => "leak",
            FindingKind::Setup => "setup",
            FindingKind::Crash => "crash",
            FindingKind::Hang => "hang",
            FindingKind::ForeignThread => "foreign thread",
        }
    }
}

/// Why a run failed: the kind, what happened in words, where and when.
#[derive(Clone, Debug)]
pub struct Finding {
    pub(crate) kind: FindingKind,
    pub(crate) message: String,
    /// `file:line:column` of a panic.
    pub(crate) place: Option<String>,
    /// Who was running.
    pub(crate) task: Option<String>,
    pub(crate) step: u64,
    pub(crate) at: Instant,
    /// One paragraph each, for the failure text only: who waits for what, the two events that differ, …
    pub(crate) details: Vec<String>,
    /// What may be done about it.
    pub(crate) hint: Option<String>,
    /// What its message comes to if it names somebody whom only a run with a trace knows.
    pub(crate) shape: Option<String>,
}

impl Finding {
    pub(crate) fn new(kind: FindingKind, message: impl Into<String>) -> Finding {
        let message = message.into();
        Finding {
            kind,
            message,
            place: None,
            task: None,
            step: 0,
            at: Instant::START,
            details: Vec::new(),
            hint: None,
            shape: None,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Finding {
        self.hint = Some(hint.into());
        self
    }

    /// What sort of failure it is.
    pub fn kind(&self) -> FindingKind {
        self.kind
    }

    /// What happened, in words: a panic's message, an error's `Debug` text, …
    pub fn message(&self) -> &str {
        &self.message
    }

    /// `file:line:column` of a panic; in a dependency `crate-1.2.3/src/file.rs:10:5`, wherever it is kept.
    pub fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }

    /// The name of the task or job that was running, where that is known.
    pub fn task(&self) -> Option<&str> {
        self.task.as_deref()
    }

    /// The step at which it was found, counted from 1.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The virtual time at which it was found.
    pub fn at(&self) -> Instant {
        self.at
    }

    /// Further paragraphs: who waits for what, which events differ.
    pub fn details(&self) -> &[String] {
        &self.details
    }

    /// What makes this failure the same as another: its kind, its place (the same on every machine), and the shape of its
    /// message (digits left out, since a lost update may lose one or two). A deadlock is told by its kind alone, and so is
    /// what is named in a run that keeps a trace only.
    pub fn fingerprint(&self) -> String {
        let shape: String = match self.kind {
            FindingKind::Deadlock
            | FindingKind::Livelock
            | FindingKind::Pending
            | FindingKind::ForeignWake
            | FindingKind::Hang => String::new(),
            // Exit codes are not alike.
            FindingKind::Crash => self.message.clone(),
            _ => self.shape.as_ref().unwrap_or(&self.message).chars().filter(|c| !c.is_ascii_digit()).collect(),
        };
        format!("{} {} {shape}", self.kind.name(), self.place.as_deref().map_or("", place::anywhere))
    }
}

/// The headline: `panicked at tests/bank.rs:14:5: left 80, right 100`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = on_one_line(&self.message);
        match (self.kind, &self.place) {
            (FindingKind::Panic, Some(place)) => write!(f, "panicked at {place}: {message}"),
            (FindingKind::Panic, None) => write!(f, "panicked: {message}"),
            (FindingKind::DropPanic, Some(place)) => write!(f, "panicked in a destructor at {place}: {message}"),
            (FindingKind::Leak, Some(place)) => write!(f, "leak at {place}: {message}"),
            (FindingKind::Error, _) => write!(f, "returned {message}"),
            (kind, _) => write!(f, "{}: {message}", kind.name()),
        }
    }
}

/// A short message of a few lines, such as `assert_eq!` makes, on one; a longer one as it is.
fn on_one_line(message: &str) -> String {
    let lines = message.lines().filter(|line| !line.trim().is_empty()).count();
    if lines > 4 || message.len() > 200 {
        return message.to_string();
    }
    let mut lines = message.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut told = lines.next().unwrap_or_default().to_string();
    lines.for_each(|line| told += &format!("{}{line}", if told.ends_with(':') { " " } else { ", " }));
    told
}

#[cfg(test)]
mod tests {
    use super::on_one_line;

    #[test]
    fn a_short_message_is_one_line() {
        for (message, told) in [
            ("", ""),
            ("left\n right", "left, right"),
            ("assertion failed: why\n  left: 1\n right: 2", "assertion failed: why, left: 1, right: 2"),
            ("no such account\n\nCaused by:\n    not found", "no such account, Caused by: not found"),
            ("1\n2\n3\n4\n5", "1\n2\n3\n4\n5"),
        ] {
            assert_eq!(on_one_line(message), told);
        }
    }
}
