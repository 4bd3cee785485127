//! What runs came to, as values and as text. Pure: nothing here runs or prints.

mod failure;
mod found;
mod text;

use crate::boundary::threads::Backend;
use crate::deviation::Deviation;
use crate::finding::{Finding, FindingKind};
use crate::leak::Leak;
use crate::replay::Replay;
use crate::run::RunResult;
use crate::schedule::StrategyKind;
use crate::seed::Seed;
use crate::token::Schedule;
use crate::trace::Trace;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

pub use failure::Failure;
pub use found::{Found, OutcomeCount};
pub(crate) use text::tell_deviation;
use text::{tell_outliving, write_details, write_lanes, write_place};

/// The rolling hash of a run's schedule, times and result: two runs with the same digest went the same way.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub(crate) u64);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What one run came to. Its [`Display`](fmt::Display) text is what a failing test prints.
#[derive(Clone, Debug)]
pub struct Report<T> {
    value: Option<T>,
    name: String,
    seed: Seed,
    strategy: StrategyKind,
    digest: Digest,
    steps: u64,
    decisions: u64,
    deviations: u64,
    elapsed: Duration,
    pending: Vec<String>,
    abandoned: Vec<String>,
    outliving: Vec<String>,
    returned: Option<String>,
    threads: (Backend, Option<&'static str>),
    leaks: Vec<Leak>,
    unused_allowances: Vec<String>,
    long_polls: Vec<String>,
    boundary_off: Option<&'static str>,
    finding: Option<Finding>,
    trace: Trace,
    replay: Replay,
}

impl Report<()> {
    pub(crate) fn new(name: &str, strategy: StrategyKind, run: RunResult, replay: Replay) -> Report<()> {
        let ended = *run.ended;
        Report {
            value: run.returned.as_ref().map(|_| ()),
            returned: run.returned.map(|returned| returned.text.unwrap_or_else(|| "()".into())),
            name: name.into(),
            seed: run.seed,
            strategy,
            digest: Digest(ended.digest),
            steps: ended.steps,
            decisions: ended.decisions,
            deviations: ended.deviations,
            elapsed: Duration::from_nanos(ended.elapsed.as_nanos()),
            pending: ended.pending_names,
            abandoned: ended.abandoned,
            outliving: ended.outliving,
            threads: ended.threads,
            leaks: ended.leaks,
            unused_allowances: ended.unused_allowances,
            long_polls: ended.long_polls.iter().map(ToString::to_string).collect(),
            boundary_off: ended.boundary_off,
            finding: ended.finding,
            trace: ended.trace.unwrap_or_default(),
            replay,
        }
    }

    /// The same report with what the scenario returned.
    pub(crate) fn with_value<T>(self, value: Option<T>) -> Report<T> {
        Report {
            value: value.filter(|_| self.value.is_some()),
            name: self.name,
            seed: self.seed,
            strategy: self.strategy,
            digest: self.digest,
            steps: self.steps,
            decisions: self.decisions,
            deviations: self.deviations,
            elapsed: self.elapsed,
            pending: self.pending,
            abandoned: self.abandoned,
            outliving: self.outliving,
            returned: self.returned,
            threads: self.threads,
            leaks: self.leaks,
            unused_allowances: self.unused_allowances,
            long_polls: self.long_polls,
            boundary_off: self.boundary_off,
            finding: self.finding,
            trace: self.trace,
            replay: self.replay,
        }
    }
}

impl<T> Report<T> {
    /// The seed of the run.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// The strategy that answered its decisions, with what was measured for it filled in.
    pub fn strategy(&self) -> &StrategyKind {
        &self.strategy
    }

    /// Whether nothing was found.
    pub fn is_ok(&self) -> bool {
        self.finding.is_none()
    }

    /// Why the run failed, if it did.
    pub fn finding(&self) -> Option<&Finding> {
        self.finding.as_ref()
    }

    /// What the scenario returned, if it came to that (an `Err` is a finding as well). `None` of a run in a
    /// [process of its own](crate::Isolation::Process), where the value stays: see [`returned`](Report::returned).
    pub fn value(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// The `Debug` text of what the scenario returned, if it came to that: what [`Explore`](crate::Explore) tells outcomes
    /// apart by.
    pub fn returned(&self) -> Option<&str> {
        self.returned.as_deref()
    }

    /// What the scenario returned.
    ///
    /// # Panics
    /// With the whole report, if the run failed. If it took place in a [process of its own](crate::Isolation::Process):
    /// its value stayed there.
    #[track_caller]
    pub fn unwrap(self) -> T {
        if self.finding.is_some() {
            panic!("{self}");
        }
        match (self.value, self.returned) {
            (Some(value), _) => value,
            (None, text) => panic!(
                "{}: what the scenario returned stayed in the process of the run; its text is {}",
                self.name,
                text.unwrap_or_default()
            ),
        }
    }

    /// The digest of the run.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// How many steps it took.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// How many of its steps were decisions: two or more could have run.
    pub fn decisions(&self) -> u64 {
        self.decisions
    }

    /// At how many decisions somebody else ran than the one that had been ready for longest.
    pub fn deviations(&self) -> u64 {
        self.deviations
    }

    /// The schedule of this run, to be [played](crate::Sim::schedule) again or written down.
    pub fn schedule(&self) -> Schedule {
        self.schedule_of(self.trace.deviations())
    }

    fn schedule_of(&self, deviations: &[Deviation]) -> Schedule {
        Schedule::new(self.seed, deviations, |key| self.trace.path_of(key))
    }

    /// What of `schedule` this run, which was to play it, did not do: each item that did not fit, with the step it was for
    /// and why.
    pub fn misfits(&self, schedule: &Schedule) -> Vec<String> {
        let mut misfits = Vec::new();
        for (deviation, item) in schedule.deviations().iter().zip(schedule.items()) {
            if !self.trace.kept_to(deviation) {
                let written = [item.as_str(), item.rsplit_once('/').map_or("", |(_, before)| before)]
                    .map(|text| text.split(['@', ':']).next().unwrap_or_default());
                misfits.push(format!("{item} does not fit: {}", self.trace.why_not(deviation, written)));
            }
        }
        misfits
    }

    /// Why this run, which was to play `schedule`, does not count; `None` if it does.
    pub(crate) fn refusal(&self, schedule: &Schedule) -> Option<String> {
        let misfits = self.misfits(schedule).join("\n  ");
        let hint = "add `,anyway` at its end to play what fits";
        let text = || format!("this schedule is of other code:\n  {misfits}\n  what to do: {hint}");
        (!misfits.is_empty() && !schedule.is_anyway()).then(text)
    }

    /// How much virtual time it took.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Tasks and jobs that were still alive when the scenario returned.
    pub fn pending(&self) -> &[String] {
        &self.pending
    }

    /// Jobs and threads that waited for ever, and were given up. Where code under test keeps such a thread in a static, its
    /// next run wants a process of its own: see [`Isolation`](crate::Isolation).
    pub fn abandoned(&self) -> &[String] {
        &self.abandoned
    }

    /// How the pool's threads took turns: `borrowed` (run by the loop's own kernel thread), or `baton` (threads that wait
    /// for each other, slower) with the reason. The schedules are the same.
    pub fn threads(&self) -> String {
        match self.threads {
            (Backend::Borrowed, _) => "borrowed".into(),
            (Backend::Baton, None) => "baton".into(),
            (Backend::Baton, Some(why)) => format!("baton ({why})"),
        }
    }

    /// Blocking calls on the loop, each call site once; those that the test allows are left out.
    pub fn leaks(&self) -> &[Leak] {
        &self.leaks
    }

    /// Allowances that nothing needed: scopes of [`allow_blocking`](crate::allow_blocking), functions of
    /// [`allow_blocking_in`](crate::allow_blocking_in), and what the test's own options allow.
    pub fn unused_allowances(&self) -> &[String] {
        &self.unused_allowances
    }

    /// Polls on the loop that used more processor time than they should (`cpu_budget`): the task, the step, and where it
    /// was when it was seen. An advisory: no finding, and no part of digest or snapshot, since no seed can repeat it.
    pub fn long_polls(&self) -> &[String] {
        &self.long_polls
    }

    /// Whether the system calls of this run were seen: `on`, or `off` with the reason.
    pub fn boundary(&self) -> String {
        match self.boundary_off {
            None => "on".into(),
            Some(why) => format!("off ({why})"),
        }
    }

    /// Everything that happened.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// The interleaving as text, as [`assert_interleaving!`](crate::assert_interleaving) snapshots it: how the run ended,
    /// then one event a line in lanes.
    pub fn interleaving(&self) -> String {
        let finding = self.finding.as_ref();
        let end = match finding {
            None => "done".to_string(),
            // Without the place: a snapshot does not change because lines move.
            Some(finding) => format!("{}: {}", finding.kind().name(), finding.message()),
        };
        let elapsed = crate::instant::nanos_to_text(self.elapsed.as_nanos() as u64);
        let stars = match self.trace.deviations().len() {
            0 => "in plain order, the oldest first".to_string(),
            1 => "1 deviation from plain order (*)".into(),
            n => format!("{n} deviations from plain order (*)"),
        };
        let mut text = format!("{end}\nafter {elapsed} virtual; {stars}\n");
        if finding.is_none() && !self.pending.is_empty() {
            text += &format!("still alive: {}\n", self.pending.join(", "));
        }
        text + "\n" + &self.trace.lanes()
    }

    /// What the scenario is called.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl<T> Report<T> {
    /// What [`assert_no_leaks!`](crate::assert_no_leaks) says; `None` if all is well.
    #[doc(hidden)]
    pub fn leaks_text(&self) -> Option<String> {
        if let Some(why) = self.boundary_off {
            return Some(format!("nobody looked for leaks: the boundary is off here ({why})"));
        }
        let told: Vec<String> = self.leaks.iter().map(|leak| leak.to_string()).collect();
        (!told.is_empty()).then(|| format!("{} leaks:\n  {}", self.name, told.join("\n  ")))
    }
}

/// The text of a failure that was not minimised.
impl<T> fmt::Display for Report<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(finding) = &self.finding else {
            let elapsed = crate::instant::nanos_to_text(self.elapsed.as_nanos() as u64);
            write!(f, "{} passed: seed {}, {} steps, {elapsed} virtual", self.name, self.seed, self.steps)?;
            if !self.pending.is_empty() {
                write!(f, "; still alive: {}", self.pending.join(", "))?;
            }
            self.leaks.iter().try_for_each(|leak| write!(f, "\n  {leak}"))?;
            self.unused_allowances.iter().try_for_each(|a| write!(f, "\n  an allowance that nothing needs: {a}"))?;
            self.long_polls.iter().try_for_each(|poll| write!(f, "\n  advisory: {poll}"))?;
            tell_outliving(&self.outliving).iter().try_for_each(|told| write!(f, "\n  {told}"))?;
            return match self.boundary_off {
                None => Ok(()),
                Some(why) => write!(f, "\n  boundary: off ({why})"),
            };
        };
        writeln!(f, "{} failed: {finding}", self.name)?;
        let seed = format!("seed {}", self.seed);
        write_place(f, &seed, finding, self.steps)?;
        write_details(f, finding, &self.abandoned, &self.outliving)?;
        write_lanes(f, "interleaving", &self.trace)?;
        self.long_polls.iter().try_for_each(|poll| writeln!(f, "  advisory: {poll}"))?;
        writeln!(f, "  boundary: {}", self.boundary())?;
        write!(f, "  replay: {}", self.replay_line())
    }
}

impl<T> Report<T> {
    /// The line that has the run again, and shows it whether it fails or not.
    #[cfg(feature = "insta")]
    pub(crate) fn line_that_shows(&self) -> String {
        self.replay.shown(self.replay_line())
    }

    /// What its strategy is called, which may be the user's own.
    pub(crate) fn strategy_called(&self) -> Cow<'static, str> {
        self.replay.called(&self.strategy)
    }

    /// The line to paste: the seed where that says all, otherwise the schedule.
    fn replay_line(&self) -> String {
        match self.strategy {
            StrategyKind::Replay(_) | StrategyKind::Exhaustive => {
                self.replay.line_of_schedule(&self.schedule().to_string())
            }
            _ if self.finding.as_ref().is_some_and(|finding| finding.kind == FindingKind::Divergence) => {
                self.replay.line_of_two(self.seed)
            }
            _ => self.replay.line(self.seed),
        }
    }
}
