//! Many seeds: run, look at what differs, minimise what fails.

use crate::deviation::Deviation;
use crate::finding::{Finding, FindingKind};
use crate::hash::{HashMap, HashSet};
use crate::id::mix;
use crate::minimise::minimise;
use crate::recheck::Check;
use crate::run::{self, Lab, RunResult, Setup};
use crate::schedule::StrategyKind;
use crate::seed::Seed;
use crate::trace::{Event, PollEnd, Trace, What};
use std::collections::BTreeSet;

/// What to explore, and how.
pub(crate) struct Plan<'a> {
    pub strategy: StrategyKind,
    pub seeds: Box<dyn Iterator<Item = Seed> + Send + 'a>,
    /// The seed from whose neighbourhood PCT's length is measured.
    pub base: Seed,
    pub check: Check,
    /// Stop at the first failure instead of going through all seeds.
    pub first_only: bool,
    /// At most this many reruns to minimise one failure; 0 shows it as it is.
    pub shrink_budget: usize,
    /// How many distinct outcomes get a minimised trace as well.
    pub outcomes_traced: usize,
}

/// A kind of failure, with one seed that shows it.
pub(crate) struct Failing {
    /// Which of the seeds tried it was, from 1.
    pub nth: u64,
    /// How many seeds failed this way.
    pub count: u64,
    /// Deviations of the failing run.
    pub deviations: u64,
    /// The failing run, with its trace.
    pub original: RunResult,
    /// The run with the fewest deviations that fails the same way, and how many reruns it took to find.
    pub minimised: Option<(RunResult, usize)>,
}

/// A distinct outcome.
pub(crate) struct OutcomeSeen {
    /// `None` for a scenario that returns `()`.
    pub text: Option<String>,
    pub count: u64,
    /// The seed that led to it with the fewest deviations.
    pub seed: Seed,
    pub deviations: u64,
    /// The shortest schedule found that leads to it.
    pub trace: Option<Trace>,
}

/// What came of a [`Plan`].
pub(crate) struct Explored {
    pub runs: u64,
    pub steps: u64,
    /// With what was measured filled in.
    pub strategy: StrategyKind,
    pub failures: Vec<Failing>,
    pub outcomes: Vec<OutcomeSeen>,
    /// The digests of all runs, in order, in one.
    pub digest: u64,
    /// Distinct interleavings, by digest.
    pub interleavings: u64,
    /// The digests of those.
    pub digests: HashSet<u64>,
    pub most_decisions: u64,
    /// Scopes of `allow_blocking` in which nothing blocked under any seed.
    pub unused_allowances: Vec<String>,
}

/// Goes through the plan.
pub(crate) fn explore(setup: Setup<'_>, plan: Plan<'_>) -> Explored {
    run::in_lab(setup, |lab| explore_in(lab, plan))
}

/// Goes through the plan in a lab that is there.
pub(crate) fn explore_in(lab: &mut Lab<'_>, plan: Plan<'_>) -> Explored {
    let strategy = resolve(lab, plan.base, &plan.strategy);
    let mut search =
        Search { lab, strategy, found: HashMap::default(), outcomes: HashMap::default(), seen: HashSet::default() };
    search.go(plan)
}

/// Gives PCT the length it needs: the most decisions that three random runs of seeds from `base` on make. The same for
/// the same scenario and base.
pub(crate) fn resolve(lab: &mut Lab<'_>, base: Seed, strategy: &StrategyKind) -> StrategyKind {
    let StrategyKind::Pct { depth, length: None } = *strategy else { return strategy.clone() };
    let decisions = (0..3).map(|n| lab.run(base.nth(n), &StrategyKind::Random, false).ended.decisions).max();
    StrategyKind::Pct { depth, length: Some(decisions.unwrap_or(1).max(1)) }
}

struct Search<'l, 'a> {
    lab: &'l mut Lab<'a>,
    strategy: StrategyKind,
    /// Failures by fingerprint, outcomes by text: places in the result.
    found: HashMap<String, usize>,
    outcomes: HashMap<Option<String>, usize>,
    seen: HashSet<u64>,
}

impl Search<'_, '_> {
    fn go(&mut self, plan: Plan<'_>) -> Explored {
        let mut replay = self.lab.replay().clone();
        if replay.command.is_none() && self.strategy != StrategyKind::Random {
            replay.strategy = Some(self.strategy.to_string());
            self.lab.set_replay(replay);
        }
        let mut explored = Explored {
            runs: 0,
            steps: 0,
            strategy: self.strategy.clone(),
            failures: Vec::new(),
            outcomes: Vec::new(),
            digest: 0,
            interleavings: 0,
            digests: HashSet::default(),
            most_decisions: 0,
            unused_allowances: Vec::new(),
        };
        let (mut used, mut unused) = (BTreeSet::new(), BTreeSet::new());
        for seed in plan.seeds {
            let result = self.lab.run(seed, &self.strategy, false);
            explored.runs += 1;
            explored.steps += result.ended.steps;
            explored.most_decisions = explored.most_decisions.max(result.ended.decisions);
            self.seen.insert(result.ended.digest);
            used.extend(result.ended.used_allowances.iter().cloned());
            unused.extend(result.ended.unused_allowances.iter().cloned());
            explored.digest = mix(explored.digest.rotate_left(1) ^ result.ended.digest);
            let is_checked = plan.check == Check::All || plan.check == Check::First && explored.runs == 1;
            let divergence = if is_checked { self.divergence(&result) } else { None };
            if let Some(mut diverging) = divergence {
                (diverging.nth, diverging.count) = (explored.runs, 1);
                explored.failures.push(diverging);
                // Nothing that is found from here on could be replayed.
                break;
            }
            match result.fingerprint() {
                None => self.count_outcome(&mut explored, &result),
                Some(fingerprint) => {
                    let known = self.found.get(&fingerprint).copied();
                    match known {
                        Some(place) => explored.failures[place].count += 1,
                        None => {
                            let nth = explored.runs;
                            let failing = self.look_into(&result, &fingerprint, nth, plan.shrink_budget);
                            self.found.insert(fingerprint, explored.failures.len());
                            explored.failures.push(failing);
                        }
                    }
                    if plan.first_only {
                        break;
                    }
                }
            }
        }
        explored.interleavings = self.seen.len() as u64;
        explored.unused_allowances = unused.difference(&used).cloned().collect();
        explored.digests = std::mem::take(&mut self.seen);
        if explored.outcomes.len() > 1 {
            for outcome in explored.outcomes.iter_mut().take(plan.outcomes_traced) {
                outcome.trace = self.shortest_to(outcome, plan.shrink_budget);
            }
        }
        explored
    }

    fn count_outcome(&mut self, explored: &mut Explored, result: &RunResult) {
        let text = result.returned.as_ref().and_then(|r| r.text.clone());
        let place = match self.outcomes.get(&text) {
            Some(&place) => place,
            None => {
                self.outcomes.insert(text.clone(), explored.outcomes.len());
                let deviations = result.ended.deviations;
                explored.outcomes.push(OutcomeSeen { text, count: 0, seed: result.seed, deviations, trace: None });
                explored.outcomes.len() - 1
            }
        };
        let outcome = &mut explored.outcomes[place];
        outcome.count += 1;
        if result.ended.deviations < outcome.deviations {
            (outcome.seed, outcome.deviations) = (result.seed, result.ended.deviations);
        }
    }

    /// Runs the same seed again: it must go the same way.
    fn divergence(&mut self, first: &RunResult) -> Option<Failing> {
        let second = self.lab.run(first.seed, &self.strategy, false);
        if second.ended.digest == first.ended.digest {
            return None;
        }
        let [a, b] = [(); 2].map(|()| self.lab.run(first.seed, &self.strategy, true));
        let original = match [&a, &b].map(is_foreign_wake) {
            // That is why.
            [true, _] => a,
            [_, true] => b,
            _ => {
                let finding = tell_divergence(&a, &b);
                let mut original = a;
                original.ended.finding = Some(finding);
                original
            }
        };
        Some(Failing { nth: 0, count: 1, deviations: first.ended.deviations, original, minimised: None })
    }

    /// Runs a failing seed again with its trace, and looks for the fewest deviations that fail the same way.
    fn look_into(&mut self, failed: &RunResult, fingerprint: &str, nth: u64, budget: usize) -> Failing {
        let mut original = self.lab.run(failed.seed, &self.strategy, true);
        if is_foreign_wake(failed) || is_foreign_wake(&original) {
            // Nothing about it can be relied on to come again; but it is told better by a run with a trace.
            if !is_foreign_wake(&original) {
                original.ended.finding = failed.ended.finding.clone();
            }
            return Failing { nth, count: 1, deviations: failed.ended.deviations, original, minimised: None };
        }
        if original.fingerprint().as_deref() != Some(fingerprint) {
            let finding = tell_another_end(failed, &original);
            original.ended.finding = Some(finding);
        }
        let same = |result: &RunResult| result.fingerprint().as_deref() == Some(fingerprint);
        let minimised = self.shorten(&original, budget, same);
        Failing { nth, count: 1, deviations: failed.ended.deviations, original, minimised }
    }

    fn shorten(
        &mut self,
        original: &RunResult,
        budget: usize,
        same: impl Fn(&RunResult) -> bool,
    ) -> Option<(RunResult, usize)> {
        let deviations = original.ended.trace.as_ref().map(|t| t.deviations.clone()).filter(|_| budget > 0)?;
        let play = |kept: &[Deviation]| StrategyKind::Replay(kept.to_vec());
        let (kept, reruns) =
            minimise(&deviations, budget, |kept| same(&self.lab.run(original.seed, &play(kept), false)))?;
        let run = self.lab.run(original.seed, &play(&kept), true);
        same(&run).then_some((run, reruns))
    }

    fn shortest_to(&mut self, outcome: &OutcomeSeen, budget: usize) -> Option<Trace> {
        let original = self.lab.run(outcome.seed, &self.strategy, true);
        let text = |result: &RunResult| result.returned.as_ref().and_then(|r| r.text.clone());
        let same = |result: &RunResult| result.ended.finding.is_none() && text(result) == outcome.text;
        match self.shorten(&original, budget, same) {
            Some((run, _)) => run.ended.trace,
            None => original.ended.trace,
        }
    }
}

fn is_foreign_wake(result: &RunResult) -> bool {
    result.ended.finding.as_ref().is_some_and(|finding| finding.kind == FindingKind::ForeignWake)
}

/// The first event at which two runs of the same seed differ.
fn tell_divergence(a: &RunResult, b: &RunResult) -> Finding {
    let hint = "something outside the seed decides: an address, the wall clock, a thread of its own, hash order, a \
                static that an earlier run changed";
    let mut finding = Finding::new(FindingKind::Divergence, "the same seed went two ways").hint(hint);
    let (Some(one), Some(two)) = (&a.ended.trace, &b.ended.trace) else { return finding };
    // A poll's event stands where it began: what came of it shows better in what follows, if anything does.
    let begun = |event: &Event| match event.what {
        What::Polled { actor, woken, before, .. } => What::Polled { actor, woken, before, end: PollEnd::Open },
        ref other => other.clone(),
    };
    let pairs = || one.events.iter().zip(&two.events);
    let place = pairs().position(|(x, y)| (x.step, x.at, x.worker, begun(x)) != (y.step, y.at, y.worker, begun(y)));
    let place = place.or_else(|| pairs().position(|(x, y)| x != y && one.events.len() == two.events.len()));
    let place = place.or((one.events.len() != two.events.len()).then(|| one.events.len().min(two.events.len())));
    match place {
        Some(place) => {
            let event = |trace: &Trace| match trace.events.get(place) {
                Some(event) => trace.tell(event),
                None => "nothing more".to_string(),
            };
            let (step, at) =
                one.events.get(place).or(two.events.get(place)).map(|e| (e.step, e.at)).unwrap_or_default();
            (finding.step, finding.at) = (step, at);
            finding.details.push(format!(
                "the first difference, at step {step}, {at} virtual:\n  one run:   {}\n  the other: {}",
                event(one),
                event(two)
            ));
        }
        None if a.returned.as_ref().map(|r| &r.text) != b.returned.as_ref().map(|r| &r.text) => {
            let text = |r: &RunResult| r.returned.as_ref().and_then(|r| r.text.clone()).unwrap_or_default();
            finding.details.push(format!(
                "the events are the same, what was returned is not:\n  one run:   {}\n  the other: {}",
                text(a),
                text(b)
            ));
        }
        None => finding.details.push("two more runs with a full trace went the same way as each other".into()),
    }
    finding
}

/// A failure that did not come back when its seed was run again.
fn tell_another_end(failed: &RunResult, again: &RunResult) -> Finding {
    let say = |result: &RunResult| match &result.ended.finding {
        Some(finding) => finding.to_string(),
        None => "it passed".into(),
    };
    let mut finding =
        Finding::new(FindingKind::Divergence, "the failure did not come back when its seed was run again");
    finding.details.push(format!("  one run:   {}\n  the other: {}", say(failed), say(again)));
    finding.hint(
        "something outside the seed decides: an address, the wall clock, a thread of its own, hash order, a static that \
         an earlier run changed",
    )
}

/// What an exploration comes to whose first run could not take place.
pub(crate) fn refused(strategy: StrategyKind, run: RunResult) -> Explored {
    let failing = Failing { nth: 0, count: 1, deviations: 0, original: run, minimised: None };
    Explored {
        runs: 0,
        steps: 0,
        strategy,
        failures: vec![failing],
        outcomes: Vec::new(),
        digest: 0,
        interleavings: 0,
        digests: HashSet::default(),
        most_decisions: 0,
        unused_allowances: Vec::new(),
    }
}
