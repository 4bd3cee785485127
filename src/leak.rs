//! A blocking call on the loop, as it is told.

use crate::instant::{Instant, nanos_to_text};
use crate::place::At;
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
    /// `file:line` of the first that is no library's.
    pub(crate) own: Option<String>,
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

    /// The call without anything that only a run with a trace could tell, and without the names of files: those of
    /// temporary ones are another in each run, and what is to be mended is the line of code.
    pub(crate) fn shape(&self) -> String {
        let unquoted: Vec<&str> = self.call.split('"').step_by(2).collect();
        format!("{} {}", unquoted.join(""), self.for_ever)
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

/// How many groups of leaks a failure tells with their stacks.
const MOST_IN_FULL: usize = 6;

/// How many further calls of a group, and how many further groups, it names.
const MOST_NAMED: usize = 8;

/// Leaks in the order in which a failure tells them: what ended the run, then what tasks did, then what the scenario
/// itself did, which may be no more than to prepare the test.
pub(crate) fn in_order(leaks: &[Leak]) -> Vec<&Leak> {
    let mut denied: Vec<&Leak> = leaks.iter().filter(|leak| leak.denied).collect();
    denied.sort_by_key(|leak| (!leak.for_ever, leak.task == ROOT));
    denied
}

/// What a run's own future is called.
const ROOT: &str = "scenario";

/// Paragraphs that tell of leaks: those at one line of the user's code together, with one stack, and what to do about each
/// class once.
pub(crate) fn tell_all(leaks: &[&Leak]) -> Vec<String> {
    let mut groups: Vec<Vec<&Leak>> = Vec::new();
    for &leak in leaks {
        let is_near = |group: &&mut Vec<&Leak>| {
            let first = group[0];
            leak.own.is_some() && (&first.own, &first.task, first.class) == (&leak.own, &leak.task, leak.class)
        };
        match groups.iter_mut().find(is_near) {
            Some(group) if !leak.for_ever => group.push(leak),
            _ => groups.push(vec![leak]),
        }
    }
    let mut told: Vec<String> = Vec::new();
    for group in groups.iter().take(MOST_IN_FULL) {
        let mut text = group[0].in_full();
        if group.len() > 1 {
            let line = group[0].own.as_deref().unwrap_or_default();
            text += &format!("\n    and from {line}: {}", named(group[1..].iter().map(|leak| leak.in_short())));
        }
        told.push(text);
    }
    if groups.len() > MOST_IN_FULL {
        let others = groups[MOST_IN_FULL..].iter().map(|group| {
            let at = group[0].own.as_ref().or(group[0].place.as_ref());
            let at = at.map_or(String::new(), |at| format!(" at {at}"));
            let more = if group.len() > 1 { format!(" and {} more", group.len() - 1) } else { String::new() };
            format!("{}{more}{at} in {}", group[0].in_short(), group[0].task)
        });
        told.push(format!("and {}", named(others)));
    }
    let classes: std::collections::BTreeSet<Class> = leaks.iter().map(|leak| leak.class).collect();
    let is_one = classes.len() == 1;
    let advice = |class: &Class| match leaks.iter().any(|leak| leak.class == *class && leak.is_of_async_process()) {
        true => ASYNC_PROCESS,
        false => class.advice(),
    };
    let instead = |class: &Class| match is_one {
        true => format!("instead: {}", advice(class)),
        false => format!("instead ({}): {}", class.name(), advice(class)),
    };
    told.extend(classes.iter().map(instead));
    told
}

/// The first few, and how many more there are.
fn named(all: impl ExactSizeIterator<Item = String>) -> String {
    let more = all.len().saturating_sub(MOST_NAMED);
    let text = all.take(MOST_NAMED).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{text}, and {more} more") } else { text }
}

/// What to do about leaks, besides what each class says.
pub(crate) const HINT: &str = "move it off the loop; where it is meant to block, or only prepares the test, say why: \
                               `raddle::allow_blocking(\"why\", || …)` around it, before it \
                               `raddle::allow_blocking_in(\"why\", \"path::of::the_function\")`, or at the head of the test \
                               `blocking(…)` and `allow_path(…)`";

/// What to do where async-process itself blocks: `use smol::process` would send its user round in a circle.
const ASYNC_PROCESS: &str = "async-process starts a child on the thread that asks for it, and waits until it is under way: \
                             have `unblock` call `spawn`, and await the child";

/// How many frames of libraries are shown without any left out.
const MOST_OF_LIBRARIES: usize = 6;

impl Leak {
    fn is_of_async_process(&self) -> bool {
        self.class == Class::Process && self.frames.iter().any(|frame| frame.starts_with("async_process::"))
    }

    fn in_short(&self) -> String {
        match self.count {
            1 => self.call_and_holder(),
            n => format!("{} {n} times", self.call_and_holder()),
        }
    }

    /// All but what to do instead.
    fn in_full(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text);
        text
    }

    /// The frames, without the middle of a long way through libraries.
    fn write_frames(&self, f: &mut impl fmt::Write) -> fmt::Result {
        let is_own = |frame: &String| self.own.as_ref().is_some_and(|own| frame.ends_with(&format!(" at {own}")));
        let own_at = self.frames.iter().position(is_own).unwrap_or(0);
        for (index, frame) in self.frames.iter().enumerate() {
            match index {
                3 if own_at > MOST_OF_LIBRARIES => write!(f, "\n    … {} more of libraries …", own_at - 4)?,
                index if own_at > MOST_OF_LIBRARIES && index > 3 && index < own_at - 1 => {}
                _ => write!(f, "\n    {frame}")?,
            }
        }
        Ok(())
    }

    fn write(&self, f: &mut impl fmt::Write) -> fmt::Result {
        f.write_str(&self.headline())?;
        if self.count > 1 {
            write!(f, ", {} times", self.count)?;
        }
        write!(f, " ({}), in {}", self.class.name(), self.task)?;
        if let Some(at) = self.spawned_at {
            write!(f, " (spawned at {})", At(at))?;
        }
        write!(f, ", step {}, at {} virtual", self.step, self.at)?;
        self.write_frames(f)?;
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
        Ok(())
    }
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)?;
        write!(f, "\n    instead: {}", self.class.advice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leak_is_told_by_the_ends_of_its_way_and_with_what_to_do() {
        let leak = |libraries: usize| {
            let frames = (0..libraries).map(|n| format!("lib::f{n} at lib-1.0.0/src/lib.rs:{n}"));
            let own = ["bank::open at src/bank.rs:7", "bank::main at src/main.rs:3"].map(String::from);
            Leak {
                class: Class::File,
                denied: true,
                call: "stat \"/etc\"".into(),
                holder: None,
                for_ever: false,
                task: "reader".into(),
                spawned_at: None,
                frames: frames.chain(own).collect(),
                place: Some("lib-1.0.0/src/lib.rs:0".into()),
                own: Some("src/bank.rs:7".into()),
                step: 1,
                at: Instant::START,
                count: 1,
                stood: Duration::ZERO,
                ready: Vec::new(),
                late: Vec::new(),
            }
        };
        let told = |libraries| {
            let text = leak(libraries).in_full();
            text.lines().skip(1).map(|line| line.trim().split(" at ").next().unwrap().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(told(6).len(), 8);
        let wanted =
            ["lib::f0", "lib::f1", "lib::f2", "… 15 more of libraries …", "lib::f18", "bank::open", "bank::main"];
        assert_eq!(told(19), wanted);
        assert_eq!(leak(19).frames().len(), 21, "all of them are there");

        let mut of_async_process = leak(1);
        of_async_process.class = Class::Process;
        assert_eq!(tell_all(&[&of_async_process])[1], format!("instead: {}", Class::Process.advice()));
        of_async_process.frames.insert(1, "async_process::Child::new at async-process-2.5.0/src/lib.rs:258".into());
        assert_eq!(tell_all(&[&of_async_process])[1], format!("instead: {ASYNC_PROCESS}"), "not to use async-process");
    }
}
