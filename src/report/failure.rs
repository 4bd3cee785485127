//! A kind of failure, and the run that shows it best.

use super::text::{MOST_ITEMS, write_details, write_deviations, write_lanes, write_place};
use super::{Report, tell_deviation};
use crate::coverage::Coverage;
use crate::deviation::Deviation;
use crate::explore::Failing;
use crate::finding::Finding;
use crate::id::Key;
use crate::replay::Replay;
use crate::schedule::StrategyKind;
use crate::seed::Seed;
use crate::shorten::{AwaitSite, Critical, Shortened};
use crate::token::Schedule;
use std::fmt::{self, Write};

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
    /// They had taken as many steps as they may.
    is_cut: bool,
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
        let mut is_cut = false;
        let (shown, kept, reruns, critical, awaits) = match minimised {
            Some(Shortened { run, deviations, reruns, is_cut: cut, critical, awaits }) => {
                is_cut = cut;
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
            is_cut,
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

    /// What is left of its deviations.
    pub(super) fn kept(&self) -> &[Deviation] {
        &self.kept
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
        let seed = format!("seed {}{tried}, strategy {}{dealt}", self.seed(), self.report.strategy_called());
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
            if self.is_cut {
                writeln!(f, "    there may be a shorter one: each rerun is long, and no more of them were made")?;
            }
            if count == 0 {
                writeln!(f, "    it fails in plain order, too: first in, first out")?;
            }
            write_deviations(f, self.report.trace(), &self.kept)?;
            let stars = self.report.trace().deviations().len();
            if count > 0 && stars > count {
                writeln!(f, "    with those that lead there, {stars} steps are out of turn (*)")?;
            }
            self.write_critical(f)?;
        }
        write_details(f, finding, &self.report.abandoned, &self.report.outliving)?;
        write_lanes(f, "interleaving", self.report.trace())?;
        if full {
            writeln!(f, "  the failing run itself, all of it:")?;
            let lanes = self.original.trace().lanes_with_steps();
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
