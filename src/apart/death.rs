//! A process that died before its run was over, told as a finding.

use crate::beacon::Beacon;
use crate::boundary::kernel;
use crate::boundary::threads::Backend;
use crate::boundary::zygote::{End, Life};
use crate::finding::{Finding, FindingKind};
use crate::instant::Instant;
use crate::parcel::{Parcel, Reader};
use crate::stacks;
use crate::trace::Trace;
use crate::watchdog::ALONE;
use crate::world::Ended;
use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What the process could say before it died; less, if it died of that.
#[derive(Default)]
struct LastWords {
    digest: u64,
    decisions: u64,
    deviations: u64,
    task: Option<String>,
    trace: Option<Trace>,
    stack: Vec<usize>,
}

impl LastWords {
    fn read(bytes: &[u8]) -> LastWords {
        let mut words = LastWords::default();
        // As far as it goes.
        let _ = words.read_on(&mut Reader(bytes));
        words
    }

    fn read_on(&mut self, from: &mut Reader<'_>) -> Option<()> {
        self.digest = Parcel::take(from)?;
        self.decisions = Parcel::take(from)?;
        self.deviations = Parcel::take(from)?;
        self.task = Some(String::take(from)?).filter(|name| !name.is_empty());
        self.trace = Parcel::take(from)?;
        self.stack = Parcel::take(from)?;
        Some(())
    }
}

/// SIGKILL, which has the same number wherever runs have processes.
const KILL: i32 = 9;

/// How many lines of what a process said before it died are told.
const MOST_LINES: usize = 20;

/// What is left of a run whose process died.
#[cold]
#[inline(never)]
pub(super) fn tell(life: &Life<'_>, beacon: &Beacon, still_for: Duration) -> Box<Ended> {
    let words = life.last_words.as_deref().map_or_else(LastWords::default, LastWords::read);
    let said = String::from_utf8_lossy(&life.said);
    let (steps, now) = (beacon.steps.load(Ordering::Relaxed), beacon.now.load(Ordering::Relaxed));
    let mut finding = if life.given_up {
        let who = words.task.as_deref().unwrap_or("a task");
        let message = format!("{who} has been running for {} s of real time in one step", still_for.as_secs_f64());
        let hint = format!("its process was ended; `watchdog` sets how long a step may take. {ALONE}");
        Finding::new(FindingKind::Hang, message).hint(hint)
    } else {
        Finding::new(FindingKind::Crash, how(life.end, &said))
    };
    finding.task = words.task;
    (finding.step, finding.at) = (steps, Instant::from_nanos(now));
    if words.trace.is_some() {
        // Looked up only where it is shown: that reads the debug information.
        let frames = stacks::users(&stacks::resolve(&words.stack)).frames;
        finding.details.extend((!frames.is_empty()).then(|| format!("stack:\n{}", tell_frames(&frames))));
    }
    if life.end == End::Signal(KILL) && !life.given_up {
        finding.hint = Some("nobody can say a last word then; the kernel does this where memory has run out".into());
    }
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    if !lines.is_empty() {
        let told = lines[lines.len().saturating_sub(MOST_LINES)..].join("\n  ");
        finding.details.push(format!("the last that its process said:\n  {told}"));
    }
    Box::new(Ended {
        steps,
        digest: words.digest,
        decisions: words.decisions,
        deviations: words.deviations,
        elapsed: Instant::from_nanos(now),
        trace: words.trace,
        ..nothing(finding)
    })
}

/// A line for each frame; one for those of a recursion that follow one another.
fn tell_frames(frames: &[String]) -> String {
    let stretches = frames.chunk_by(|one, next| one == next).map(|same| match same.len() {
        1 => format!("  {}", same[0]),
        times => format!("  {} ({times} times)", same[0]),
    });
    stretches.collect::<Vec<_>>().join("\n")
}

/// A run for which there was no process.
#[cold]
pub(super) fn stillborn(error: &io::Error) -> Box<Ended> {
    Box::new(nothing(Finding::new(FindingKind::Setup, format!("no process could be made for the run: {error}"))))
}

fn nothing(finding: Finding) -> Ended {
    Ended {
        finding: Some(finding),
        steps: 0,
        digest: 0,
        decisions: 0,
        deviations: 0,
        elapsed: Instant::START,
        pending_names: Vec::new(),
        abandoned: Vec::new(),
        outliving: Vec::new(),
        trace: None,
        threads: (Backend::Baton, None),
        leaks: Vec::new(),
        unused_allowances: Vec::new(),
        used_allowances: Vec::new(),
        long_polls: Vec::new(),
        draws_nothing: false,
        started_children: false,
        boundary_off: kernel::why_off(),
    }
}

/// How a process ended, in words: the same for the same death.
fn how(end: End, said: &str) -> String {
    if said.contains("has overflowed its stack") {
        return "stack overflow".into();
    }
    let name = end.to_string();
    match (end, name.as_str()) {
        (End::Exit(_), _) => format!("the process of the run ended with {name}, in the midst of the run"),
        (_, "SIGSEGV" | "SIGBUS") => format!("invalid access to memory ({name})"),
        (_, "SIGABRT") => format!("the process of the run aborted ({name})"),
        (_, "SIGILL" | "SIGTRAP") => format!("the process of the run stopped at an illegal instruction ({name})"),
        (_, "SIGFPE") => format!("invalid arithmetic ({name})"),
        (End::Signal(_), _) => format!("the process of the run was killed from outside ({name})"),
        (End::Unknown, _) => format!("the process of the run came to {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recursion_is_told_once() {
        let frames = ["dig", "dig", "dig", "walk", "dig"].map(String::from);
        assert_eq!(tell_frames(&frames), "  dig (3 times)\n  walk\n  dig");
    }

    #[test]
    fn last_words_count_as_far_as_they_go() {
        let mut bytes = Vec::new();
        [7u64, 2, 1].iter().for_each(|number| number.put(&mut bytes));
        "spinner".to_string().put(&mut bytes);
        Some(Trace::default()).put(&mut bytes);
        let before_the_stack = bytes.len();
        vec![1usize, 2].put(&mut bytes);
        let words = LastWords::read(&bytes);
        assert_eq!((words.digest, words.decisions, words.deviations), (7, 2, 1));
        assert_eq!((words.task.as_deref(), words.stack.as_slice()), (Some("spinner"), [1, 2].as_slice()));
        let words = LastWords::read(&bytes[..before_the_stack + 3]);
        assert_eq!((words.digest, words.trace.is_some(), words.stack.len()), (7, true, 0));
        assert!(LastWords::read(&bytes[..5]).task.is_none());
    }
}
