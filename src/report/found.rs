//! What an exploration came to.

use super::{Digest, Failure, tell_deviation};
use crate::boundary::kernel::why_off;
use crate::coverage::Coverage;
use crate::deviation::Deviation;
use crate::explore::{Explored, OutcomeSeen};
use crate::replay::Replay;
use crate::schedule::StrategyKind;
use crate::seed::Seed;
use crate::token::Schedule;
use crate::trace::Trace;
use std::borrow::Cow;
use std::fmt;

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
    /// What that is called.
    called: Cow<'static, str>,
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
        let (name, called) = (name.into(), replay.called(&strategy));
        Found {
            name,
            runs,
            steps,
            digest,
            coverage,
            unused_allowances,
            long_polls,
            strategy,
            called,
            failures,
            outcomes,
        }
    }

    /// What its strategy is called, which may be the user's own.
    #[cfg(feature = "insta")]
    pub(crate) fn strategy_called(&self) -> &str {
        &self.called
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

    /// Allowances that nothing needed under any seed: scopes of [`allow_blocking`](crate::allow_blocking), functions of
    /// [`allow_blocking_in`](crate::allow_blocking_in), and what the test's own options allow.
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
            let finding = failure.report().finding();
            let what = finding.map_or(String::new(), |f| format!("{}: {}", f.kind().name(), f.message()));
            write_outcome(&mut text, &what, Some((failure.report().trace(), failure.kept())));
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
        write!(f, "{}: strategy {}: {kinds}\n  {}", self.name, self.called, self.coverage)?;
        if self.coverage.strategies().len() > 1 && !self.failures.is_empty() {
            let failed = self.coverage.strategies().iter().filter(|share| share.failed > 0);
            let told: Vec<_> = failed.map(|s| format!("{} {} of {}", s.strategy, s.failed, s.runs)).collect();
            write!(f, "\n  what failed was found by {}", told.join(", "))?;
        }
        self.unused_allowances.iter().try_for_each(|a| write!(f, "\n  an allowance that nothing needs: {a}"))?;
        self.long_polls.iter().try_for_each(|poll| write!(f, "\n  advisory: {}", poll.replace('\n', "\n  ")))?;
        if let (Some(why), []) = (why_off(), &self.failures[..]) {
            write!(f, "\n  boundary: off ({why})")?;
        }
        self.failures.iter().try_for_each(|failure| write!(f, "\n\n{failure}"))
    }
}
