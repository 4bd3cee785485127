//! What runs came to, as values and as text. Pure: nothing here runs or prints.

use crate::boundary::kernel::why_off;
use crate::boundary::threads::Backend;
use crate::coverage::Coverage;
use crate::deviation::Deviation;
use crate::explore::{Explored, Failing, OutcomeSeen};
use crate::finding::Finding;
use crate::id::Key;
use crate::isolation::HINT;
use crate::leak::Leak;
use crate::replay::Replay;
use crate::run::RunResult;
use crate::schedule::StrategyKind;
use crate::seed::Seed;
use crate::shorten::{AwaitSite, Critical, Shortened};
use crate::token::Schedule;
use crate::trace::{Style, Trace};
use std::fmt::{self, Write};
use std::time::Duration;

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

    /// Scopes of [`allow_blocking`](crate::allow_blocking) in which nothing blocked.
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
            self.unused_allowances.iter().try_for_each(|a| write!(f, "\n  nothing blocked in allow_blocking({a})"))?;
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
    /// The line to paste: the seed where that says all, otherwise the schedule.
    fn replay_line(&self) -> String {
        match self.strategy {
            StrategyKind::Replay(_) | StrategyKind::Exhaustive => {
                self.replay.line_of_schedule(&self.schedule().to_string())
            }
            _ => self.replay.line(self.seed),
        }
    }
}

fn write_place(f: &mut impl Write, seed: &str, finding: &Finding, steps: u64) -> fmt::Result {
    write!(f, "  {seed}, step {} of {steps}, at {} virtual", finding.step(), finding.at())?;
    match finding.task() {
        Some(task) => writeln!(f, ", in {task}"),
        None => writeln!(f),
    }
}

/// What is said of threads that outlive their run.
fn tell_outliving(names: &[String]) -> Option<String> {
    let these = names.join(", ");
    let told = || format!("outlives the run: {these}. If a static keeps it, the next run waits for it in vain: {HINT}");
    (!names.is_empty()).then(told)
}

fn write_details(f: &mut impl Write, finding: &Finding, abandoned: &[String], outliving: &[String]) -> fmt::Result {
    for detail in finding.details() {
        detail.lines().try_for_each(|line| writeln!(f, "  {line}"))?;
    }
    if !abandoned.is_empty() {
        writeln!(f, "  given up: {} (it waits for ever, and its thread with it)", abandoned.join(", "))?;
    }
    tell_outliving(outliving).iter().try_for_each(|told| writeln!(f, "  {told}"))?;
    match &finding.hint {
        Some(hint) => writeln!(f, "  what to do: {hint}"),
        None => Ok(()),
    }
}

/// How many lines of an interleaving a failure prints.
const MOST_LINES: usize = 60;

/// Up to how many deviations a failure prints its schedule as one line.
const MOST_ITEMS: usize = 24;

fn write_lanes(f: &mut impl Write, title: &str, trace: &Trace) -> fmt::Result {
    if trace.actors.is_empty() {
        return writeln!(f, "  {title}: none, for the run could not tell it before it ended");
    }
    writeln!(f, "  {title} (* marks a deviation: somebody ran before the one that had been ready for longest):")?;
    let lanes = trace.render(Style { steps: true, most_lines: MOST_LINES });
    lanes.lines().try_for_each(|line| writeln!(f, "    {line}"))
}

fn write_deviations(f: &mut impl Write, trace: &Trace, deviations: &[Deviation]) -> fmt::Result {
    for deviation in deviations {
        let told = tell_deviation(trace, deviation);
        match trace.step_of(deviation) {
            Some(step) => writeln!(f, "    step {step:>3}  {told}")?,
            None => writeln!(f, "    {told}")?,
        }
    }
    Ok(())
}

pub(crate) fn tell_deviation(trace: &Trace, deviation: &Deviation) -> String {
    if let Some(number) = deviation.chosen() {
        return format!("{} chose {number} (its choice number {})", trace.name_of(deviation.who), deviation.step);
    }
    let before = trace.name_of(deviation.before);
    if deviation.who == Key::CLOCK {
        return format!("time passed a deadline before {before} ran");
    }
    format!("{} ran before {before}", trace.name_of(deviation.who))
}

/// A kind of failure that an exploration found, and the run that shows it best.
#[derive(Debug)]
pub struct Failure {
    name: String,
    tried: u64,
    seeds: Option<u64>,
    nth: u64,
    count: u64,
    deviations: u64,
    strategy: StrategyKind,
    /// A portfolio dealt the strategy.
    is_dealt: bool,
    reruns: Option<usize>,
    /// What is left of the deviations.
    kept: Vec<Deviation>,
    /// The run that is shown: minimised, if that worked.
    report: Report<()>,
    /// The failing run itself.
    original: Report<()>,
    critical: Option<Critical>,
    awaits: Option<[AwaitSite; 2]>,
    /// What was covered when it was told.
    coverage: Coverage,
}

impl Failure {
    pub(crate) fn new(
        failing: Failing,
        name: &str,
        tried: u64,
        seeds: Option<u64>,
        explored: &StrategyKind,
        replay: &Replay,
        coverage: &Coverage,
    ) -> Failure {
        let Failing { nth, count, deviations, strategy, is_special, original, minimised } = failing;
        let mut replay = replay.clone();
        let is_told = match replay.command {
            Some(_) => is_special,
            None => strategy != StrategyKind::Random,
        };
        if is_told {
            replay.strategy = Some(strategy.to_string());
        }
        let report = |run| Report::new(name, strategy.clone(), run, replay.clone());
        let original = report(original);
        let (shown, kept, reruns, critical, awaits) = match minimised {
            Some(Shortened { run, deviations, reruns, critical, awaits }) => {
                (report(run), deviations, Some(reruns), critical, awaits)
            }
            None => (original.clone(), original.trace.deviations().to_vec(), None, None, None),
        };
        Failure {
            name: name.into(),
            tried,
            seeds,
            nth,
            count,
            deviations,
            is_dealt: *explored == StrategyKind::Portfolio,
            strategy,
            reruns,
            kept,
            report: shown,
            original,
            critical,
            awaits,
            coverage: coverage.clone(),
        }
    }

    /// The seed that failed.
    pub fn seed(&self) -> Seed {
        self.original.seed
    }

    /// Why it failed.
    pub fn finding(&self) -> Option<&Finding> {
        self.original.finding()
    }

    /// The line that replays it.
    pub fn replay(&self) -> String {
        self.original.replay_line()
    }

    /// How many of the seeds tried failed in this way.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many deviations the failing run had.
    pub fn deviations(&self) -> u64 {
        self.deviations
    }

    /// The fewest deviations found that still fail in this way: the orders that matter. Where somebody has to be held back
    /// for long for one of them, the [run](Failure::report) leaves plain order in more places than these.
    pub fn minimised(&self) -> &[Deviation] {
        &self.kept
    }

    /// The run that shows the failure best: with the fewest deviations.
    pub fn report(&self) -> &Report<()> {
        &self.report
    }

    /// The failing run itself, as its seed has it.
    pub fn original(&self) -> &Report<()> {
        &self.original
    }

    /// The interleaving of the minimised run, as snapshots show it.
    pub fn interleaving(&self) -> String {
        self.report.interleaving()
    }

    /// The strategy that found it; of a portfolio the one that the seed was dealt.
    pub fn strategy(&self) -> &StrategyKind {
        &self.strategy
    }

    /// How many runs it took to minimise; `None` where that was not tried or did not work.
    pub fn reruns(&self) -> Option<usize> {
        self.reruns
    }

    /// The shortest schedule found that fails in this way.
    pub fn schedule(&self) -> Schedule {
        self.report.schedule_of(&self.kept)
    }

    /// The nearest schedule that does not fail in this way: the minimised one without its last decisive deviation.
    pub fn passing_schedule(&self) -> Option<Schedule> {
        Some(self.report.schedule_of(&self.critical.as_ref()?.rest))
    }

    /// The two steps that must not be swapped: the failure needs the first of this deviation before the second, and the
    /// same schedule with them the other way round is [the one that passes](Failure::passing_schedule).
    pub fn critical_pair(&self) -> Option<Deviation> {
        self.critical.as_ref().map(|critical| critical.deviation)
    }

    /// Where the two tasks of the [critical pair](Failure::critical_pair) await before these steps, in its order: the two
    /// await sites that must not be swapped.
    pub fn await_sites(&self) -> Option<&[AwaitSite; 2]> {
        self.awaits.as_ref()
    }

    /// How many tasks, workers and threads take a step in the run that is shown, and how many there are in it.
    pub fn tasks(&self) -> (usize, usize) {
        (self.report.trace().taking_part(), self.report.trace().actors().len())
    }

    fn write_critical(&self, f: &mut impl Write) -> fmt::Result {
        let Some(Critical { deviation, passes, .. }) = &self.critical else { return Ok(()) };
        let trace = self.report.trace();
        let told = tell_deviation(trace, deviation);
        let place = |key, step| trace.tell_step(key, step);
        let otherwise = if *passes { "it passes" } else { "it fails in another way" };
        match deviation.who {
            Key::CLOCK => writeln!(f, "  decisive: {told}; without that {otherwise}"),
            who => {
                let pair = (place(who, deviation.step), place(deviation.before, deviation.before_step));
                writeln!(f, "  decisive: {} before {}; the other way round {otherwise}", pair.0, pair.1)?;
                self.awaits.iter().flatten().try_for_each(|site| writeln!(f, "    {site}"))
            }
        }
    }

    /// The failure's text, with the whole trace of the failing run if `full`.
    pub(crate) fn text(&self, full: bool) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text, full);
        text
    }

    fn write(&self, f: &mut impl Write, full: bool) -> fmt::Result {
        let Some(finding) = &self.report.finding else { return Ok(()) };
        writeln!(f, "{} failed: {finding}", self.name)?;
        let tried = match self.seeds {
            Some(seeds) if seeds > 1 => format!(" ({} of {seeds} seeds tried)", self.nth),
            _ => String::new(),
        };
        let dealt = if self.is_dealt { " of the portfolio" } else { "" };
        let seed = format!("seed {}{tried}, strategy {}{dealt}", self.seed(), self.strategy);
        let own = self.original.finding.as_ref().unwrap_or(finding);
        write_place(f, &seed, own, self.original.steps)?;
        if self.count > 1 {
            writeln!(f, "  {} of {} seeds fail in this way", self.count, self.tried)?;
        }
        if let Some(reruns) = self.reruns {
            let count = self.minimised().len();
            let plural = if count == 1 { "" } else { "s" };
            let again = if reruns == 1 { "rerun" } else { "reruns" };
            write!(f, "  minimised: {count} deviation{plural} (was {}), by {reruns} {again}", self.deviations)?;
            match self.tasks() {
                (some, all) if some < all => writeln!(f, "; {some} of {all} tasks take part")?,
                _ => writeln!(f)?,
            }
            if count == 0 {
                writeln!(f, "    it fails in plain order, too: first in, first out")?;
            }
            write_deviations(f, self.report.trace(), &self.kept)?;
            self.write_critical(f)?;
        }
        write_details(f, finding, &self.report.abandoned, &self.report.outliving)?;
        write_lanes(f, "interleaving", self.report.trace())?;
        if full {
            writeln!(f, "  the failing run itself, all of it:")?;
            let lanes = self.original.trace().render(Style { steps: true, most_lines: usize::MAX });
            lanes.lines().try_for_each(|line| writeln!(f, "    {line}"))?;
        }
        if let Some(why) = self.report.boundary_off {
            writeln!(f, "  boundary: off ({why})")?;
        }
        let schedule = self.schedule();
        if self.coverage.runs() > 1 {
            let tried = self.seeds.map_or(String::new(), |seeds| format!(" of {seeds} seeds"));
            writeln!(f, "  covered: {}", self.coverage.in_short(&tried))?;
        }
        if self.reruns.is_some() && schedule.deviations().len() <= MOST_ITEMS {
            writeln!(f, "  schedule: {schedule}")?;
        }
        write!(f, "  replay: {}", self.replay())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, false)
    }
}

/// A distinct result of a scenario.
#[derive(Clone, Debug)]
pub struct OutcomeCount {
    text: String,
    count: u64,
    seed: Seed,
    shortest: Option<(Trace, Vec<Deviation>)>,
}

impl OutcomeCount {
    /// The result's `Debug` text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How many runs came to it.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The seed that came to it with the fewest deviations.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// The run with the shortest schedule found that leads to it; known if there is more than one outcome.
    pub fn trace(&self) -> Option<&Trace> {
        self.shortest.as_ref().map(|(trace, _)| trace)
    }

    /// The shortest schedule found that leads to it; known if there is more than one outcome.
    pub fn schedule(&self) -> Option<Schedule> {
        let (trace, deviations) = self.shortest.as_ref()?;
        Some(Schedule::new(self.seed, deviations, |key| trace.path_of(key)))
    }
}

/// What an exploration found. Its [`Display`](fmt::Display) text is a summary, with the text of every failure.
#[derive(Debug)]
pub struct Found {
    name: String,
    runs: u64,
    steps: u64,
    digest: Digest,
    coverage: Coverage,
    unused_allowances: Vec<String>,
    long_polls: Vec<String>,
    strategy: StrategyKind,
    failures: Vec<Failure>,
    outcomes: Vec<OutcomeCount>,
}

impl Found {
    pub(crate) fn new(explored: Explored, name: &str, seeds: Option<u64>, replay: &Replay) -> Found {
        let Explored { runs, steps, strategy, failures, outcomes, digest, coverage, .. } = explored;
        let unused_allowances = explored.unused_allowances;
        let long_polls = explored.long_polls.iter().map(ToString::to_string).collect();
        let failure = |failing| Failure::new(failing, name, runs, seeds, &strategy, replay, &coverage);
        let failures = failures.into_iter().map(failure).collect();
        let outcome = |seen: OutcomeSeen| {
            let OutcomeSeen { text, count, seed, shortest, .. } = seen;
            OutcomeCount { text: text.unwrap_or_else(|| "()".into()), count, seed, shortest }
        };
        let mut outcomes: Vec<OutcomeCount> = outcomes.into_iter().map(outcome).collect();
        outcomes.sort_by(|a, b| a.text.cmp(&b.text));
        let digest = Digest(digest);
        let name = name.into();
        Found { name, runs, steps, digest, coverage, unused_allowances, long_polls, strategy, failures, outcomes }
    }

    /// How many seeds were run.
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// How many steps all runs took together.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The digests of all runs, in order, in one: the same for the same seeds, in every process.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// How many distinct interleavings were seen, by digest.
    pub fn interleavings(&self) -> u64 {
        self.coverage.interleavings()
    }

    /// Scopes of [`allow_blocking`](crate::allow_blocking) in which nothing blocked under any seed.
    pub fn unused_allowances(&self) -> &[String] {
        &self.unused_allowances
    }

    /// Polls on the loop that used more processor time than they should (`cpu_budget`), each task and function once: the
    /// task, the step, and where it stood when it was seen. An advisory, which no seed can repeat.
    pub fn long_polls(&self) -> &[String] {
        &self.long_polls
    }

    /// Whether system calls were seen: `on`, or `off` with the reason.
    pub fn boundary(&self) -> String {
        match why_off() {
            None => "on".into(),
            Some(why) => format!("off ({why})"),
        }
    }

    /// The most decisions in any one run.
    pub fn most_decisions(&self) -> u64 {
        self.coverage.most_decisions()
    }

    /// What was seen, and what may have been missed.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// The strategy, with what was measured for it filled in.
    pub fn strategy(&self) -> &StrategyKind {
        &self.strategy
    }

    /// Whether nothing was found.
    pub fn is_ok(&self) -> bool {
        self.failures.is_empty()
    }

    /// The failures, one for each kind and place, in the order in which they were found.
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// The first failure that was found.
    pub fn first_failure(&self) -> Option<&Failure> {
        self.failures.first()
    }

    /// The distinct results of the runs that did not fail, by their text.
    pub fn outcomes(&self) -> &[OutcomeCount] {
        &self.outcomes
    }

    /// The outcomes as text, as [`assert_outcomes!`](crate::assert_outcomes) snapshots them: each with the shortest
    /// schedule that leads to it. Counts are left out: they change with the number of seeds.
    pub fn outcome_set(&self) -> String {
        let mut text = String::new();
        for failure in &self.failures {
            let finding = failure.report.finding.as_ref();
            let what = finding.map_or(String::new(), |f| format!("{}: {}", f.kind().name(), f.message()));
            write_outcome(&mut text, &what, Some((failure.report.trace(), failure.kept.as_slice())));
        }
        for outcome in &self.outcomes {
            write_outcome(
                &mut text,
                &outcome.text,
                outcome.shortest.as_ref().map(|(trace, kept)| (trace, kept.as_slice())),
            );
        }
        text
    }

    /// Nothing if all went well.
    ///
    /// # Panics
    /// With the first failure's text.
    #[track_caller]
    pub fn unwrap(self) {
        if let Some(failure) = self.failures.first() {
            panic!("{failure}");
        }
    }

    /// What the scenario is called.
    pub fn name(&self) -> &str {
        &self.name
    }
}

fn write_outcome(text: &mut String, what: &str, shortest: Option<(&Trace, &[Deviation])>) {
    text.push_str(what);
    text.push('\n');
    match shortest {
        None => {}
        Some((_, [])) => text.push_str("  in plain order, the oldest first\n"),
        Some((trace, deviations)) => {
            deviations.iter().for_each(|d| *text += &format!("  * {}\n", tell_deviation(trace, d)));
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = match self.failures.len() {
            0 => "nothing was found".to_string(),
            1 => "1 kind of failure".into(),
            n => format!("{n} kinds of failure"),
        };
        write!(f, "{}: strategy {}: {kinds}\n  {}", self.name, self.strategy, self.coverage)?;
        if self.coverage.strategies().len() > 1 && !self.failures.is_empty() {
            let failed = self.coverage.strategies().iter().filter(|share| share.failed > 0);
            let told: Vec<_> = failed.map(|s| format!("{} {} of {}", s.strategy, s.failed, s.runs)).collect();
            write!(f, "\n  what failed was found by {}", told.join(", "))?;
        }
        self.unused_allowances.iter().try_for_each(|a| write!(f, "\n  nothing blocked in allow_blocking({a})"))?;
        self.long_polls.iter().try_for_each(|poll| write!(f, "\n  advisory: {}", poll.replace('\n', "\n  ")))?;
        if let (Some(why), []) = (why_off(), &self.failures[..]) {
            write!(f, "\n  boundary: off ({why})")?;
        }
        self.failures.iter().try_for_each(|failure| write!(f, "\n\n{failure}"))
    }
}
