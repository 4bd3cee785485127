//! Many seeds: run, look at what differs, shorten what fails.

mod divergence;

use divergence::{tell_another_end, tell_divergence};

use crate::coverage::{Complete, Count, Coverage, Covered};
use crate::deviation::Deviation;
use crate::finding::FindingKind;
use crate::hash::HashMap;
use crate::id::mix;
use crate::leak::LongPoll;
use crate::recheck::Check;
use crate::replay::Replay;
use crate::run::{self, Lab, RunResult, Setup};
use crate::schedule::{Player, Profile, StrategyKind, Tree};
use crate::seed::Seed;
use crate::shorten::{self, Shortened};
use crate::trace::Trace;
use crate::world::Returned;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// What to explore, and how.
pub(crate) struct Plan<'a> {
    pub strategy: StrategyKind,
    pub seeds: Box<dyn Iterator<Item = Seed> + Send + 'a>,
    /// How many seeds those are.
    pub tries: u64,
    /// Whether the runs that are made to measure the program stand for the last of the seeds, and what they find counts.
    pub measuring_counts: bool,
    pub check: Check,
    /// Stop at the first failure instead of going through all seeds.
    pub first_only: bool,
    /// At most this many reruns to minimise one failure; 0 shows it as it is.
    pub shrink_budget: usize,
    /// How many distinct outcomes get a minimised trace as well.
    pub outcomes_traced: usize,
    /// Whether a run that draws nothing from its seed is the last: all others would be the same.
    pub may_end_early: bool,
}

/// A kind of failure, with one seed that shows it.
pub(crate) struct Failing {
    /// Which of the runs it was, from 1.
    pub nth: u64,
    /// How many runs failed this way.
    pub count: u64,
    /// Deviations of the failing run.
    pub deviations: u64,
    /// What answered its decisions.
    pub strategy: StrategyKind,
    /// Whether seed and exploration together do not tell that strategy.
    pub is_special: bool,
    /// The failing run, with its trace.
    pub original: RunResult,
    /// The shortest schedule found that fails the same way.
    pub minimised: Option<Shortened>,
}

/// A distinct outcome.
pub(crate) struct OutcomeSeen {
    /// `None` for a scenario that returns `()`.
    pub text: Option<String>,
    pub count: u64,
    /// The seed that led to it with the fewest deviations, and what answered it.
    pub seed: Seed,
    pub player: Player,
    pub deviations: u64,
    /// The run with the shortest schedule found that leads to it, and what that schedule deviates in.
    pub shortest: Option<(Trace, Vec<Deviation>)>,
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
    /// The digests of distinct interleavings.
    pub digests: Vec<u64>,
    pub coverage: Coverage,
    /// Scopes of `allow_blocking` in which nothing blocked under any seed.
    pub unused_allowances: Vec<String>,
    /// Polls that used more processor time than they should, each task and place once.
    pub long_polls: Vec<LongPoll>,
}

/// Goes through the plan.
pub(crate) fn explore(setup: Setup<'_>, plan: Plan<'_>) -> Explored {
    run::in_lab(setup, |lab| {
        let (player, measuring) = measure(lab, &plan.strategy);
        explore_in(lab, plan, player, measuring)
    })
}

/// Goes through the plan in a lab that is there, with a strategy that has what it needs to know.
pub(crate) fn explore_in(
    lab: &mut Lab<'_>,
    plan: Plan<'_>,
    player: Player,
    measuring: Vec<(Player, RunResult)>,
) -> Explored {
    let mut search = Search {
        explored: Explored::new(player.kind.clone()),
        lab,
        player,
        found: HashMap::default(),
        outcomes: HashMap::default(),
        last_outcome: 0,
        count: Count::default(),
        draws_nothing: false,
        used_allowances: BTreeSet::new(),
        unused_allowances: BTreeSet::new(),
        schedules: 0,
    };
    search.go(plan, measuring);
    search.explored
}

/// The runs that are made to measure a program: one, in plain order. Always the same, so that what a strategy knows of a
/// program does not depend on the seed it is asked for.
const MEASURING: [(u64, StrategyKind); 1] = [(0, StrategyKind::Fifo)];

/// Gives a strategy what it has to know, and the runs that were made for it.
pub(crate) fn measure(lab: &mut Lab<'_>, strategy: &StrategyKind) -> (Player, Vec<(Player, RunResult)>) {
    let mut player = Player::plain(strategy.clone());
    if *strategy == StrategyKind::Exhaustive {
        player.tree = Some(Arc::default());
    }
    if lab.is_custom() || !strategy.measures() {
        return (player, Vec::new());
    }
    let replay = lab.replay().clone();
    let measure = |(seed, kind): (u64, StrategyKind)| {
        // Should the watchdog have to tell of it.
        lab.set_replay(Replay { strategy: Some(kind.to_string()), ..replay.clone() });
        let plain = Player::plain(kind);
        let result = lab.run(Seed::from(seed), &plain, true);
        (plain, result)
    };
    let runs: Vec<_> = MEASURING.into_iter().map(measure).collect();
    lab.set_replay(replay);
    let traces: Vec<&Trace> = runs.iter().filter_map(|(_, run)| run.ended.trace.as_ref()).collect();
    let profile = Profile::of(&traces);
    player.kind = strategy.measured(&profile);
    player.profile = Some(Arc::new(profile));
    (player, runs)
}

impl Explored {
    pub fn new(strategy: StrategyKind) -> Explored {
        Explored {
            runs: 0,
            steps: 0,
            strategy,
            failures: Vec::new(),
            outcomes: Vec::new(),
            digest: 0,
            digests: Vec::new(),
            coverage: Coverage::default(),
            unused_allowances: Vec::new(),
            long_polls: Vec::new(),
        }
    }
}

impl Explored {
    /// How many long polls are told: they are for people to read.
    const MOST_LONG_POLLS: usize = 16;

    fn add_long_polls(&mut self, result: &RunResult) {
        for poll in &result.ended.long_polls {
            let is_known = self.long_polls.iter().any(|known| known.is_like(poll));
            if !is_known && self.long_polls.len() < Self::MOST_LONG_POLLS {
                self.long_polls.push(poll.clone());
            }
        }
    }
}

struct Search<'l, 'a> {
    lab: &'l mut Lab<'a>,
    player: Player,
    explored: Explored,
    /// Failures by fingerprint, outcomes by text: places in the result.
    found: HashMap<String, usize>,
    outcomes: HashMap<Option<String>, usize>,
    /// The one that was counted last.
    last_outcome: usize,
    count: Count<StrategyKind>,
    /// The last run would have been the same under every other seed.
    draws_nothing: bool,
    used_allowances: BTreeSet<String>,
    unused_allowances: BTreeSet<String>,
    /// Runs of an exhaustive search that showed something new.
    schedules: u64,
}

impl Search<'_, '_> {
    fn go(&mut self, mut plan: Plan<'_>, measuring: Vec<(Player, RunResult)>) {
        let mut replay = self.lab.replay().clone();
        if replay.command.is_none() && self.player.kind != StrategyKind::Random {
            replay.strategy = Some(self.player.kind.to_string());
            self.lab.set_replay(replay);
        }
        let mut goes_on = true;
        let mut left = plan.tries;
        if plan.measuring_counts && left > measuring.len() as u64 {
            left -= measuring.len() as u64;
            for (player, result) in measuring {
                goes_on = goes_on && self.take(&plan, &player, &result, true);
            }
        }
        let tree = self.player.tree.clone();
        let seeds = std::mem::replace(&mut plan.seeds, Box::new(std::iter::empty()));
        let mut seeds = Handfuls { seeds, handful: Vec::new().into_iter() };
        let first = seeds.next();
        let mut next = first;
        let own = self.player.clone();
        while let Some(seed) = next.filter(|_| goes_on && left > 0) {
            left -= 1;
            let dealt = (own.kind == StrategyKind::Portfolio).then(|| own.dealt(seed));
            let player = dealt.as_ref().unwrap_or(&own);
            let result = self.lab.run(seed, player, false);
            goes_on = self.take(&plan, player, &result, false);
            next = seeds.next();
            if let Some(tree) = &tree {
                // The seeds only say how many runs there may be.
                next = next.and(first).filter(|_| !self.advance(tree));
            }
        }
        let complete = tree.as_ref().map(|tree| {
            let tree = tree.lock().unwrap_or_else(PoisonError::into_inner);
            Complete {
                finished: tree.is_finished(),
                reduced: tree.is_reduced(),
                one_latency: tree.has_one_latency(),
                schedules: self.schedules,
            }
        });
        let outcomes = (self.explored.outcomes.len() + self.explored.failures.len()) as u64;
        let mut count = std::mem::take(&mut self.count);
        self.explored.digests = count.digests();
        self.explored.unused_allowances = self.unused_allowances.difference(&self.used_allowances).cloned().collect();
        self.explored.coverage = count.finish(outcomes, complete, self.draws_nothing);
        if outcomes > 1 {
            let mut outcomes = std::mem::take(&mut self.explored.outcomes);
            for outcome in outcomes.iter_mut().take(plan.outcomes_traced) {
                outcome.shortest = self.shortest_to(outcome, plan.shrink_budget);
            }
            self.explored.outcomes = outcomes;
        }
    }

    /// Goes to the next schedule of an exhaustive search. True if there is none.
    fn advance(&mut self, tree: &Mutex<Tree>) -> bool {
        let mut tree = tree.lock().unwrap_or_else(PoisonError::into_inner);
        self.schedules += u64::from(!tree.was_redundant());
        tree.advance();
        tree.is_finished()
    }

    /// Takes a run into account. False if it is to be the last. Not a part of the loop around it, for which see
    /// [`apart`](crate::apart): what is on the stack there while a process is forked is copied.
    #[inline(never)]
    fn take(&mut self, plan: &Plan<'_>, player: &Player, result: &RunResult, is_special: bool) -> bool {
        let explored = &mut self.explored;
        explored.runs += 1;
        explored.steps += result.ended.steps;
        explored.digest = mix(explored.digest.rotate_left(1) ^ result.ended.digest);
        explored.add_long_polls(result);
        if !result.ended.used_allowances.is_empty() || !result.ended.unused_allowances.is_empty() {
            self.used_allowances.extend(result.ended.used_allowances.iter().cloned());
            self.unused_allowances.extend(result.ended.unused_allowances.iter().cloned());
        }
        let fingerprint = result.fingerprint();
        self.count.add(Covered {
            digest: result.ended.digest,
            decisions: result.ended.decisions,
            deviations: result.ended.deviations,
            strategy: &player.kind,
            failed: fingerprint.is_some(),
            pct: match player.kind {
                StrategyKind::Pct { depth, length: Some(length) } => {
                    Some((depth, length, player.profile.as_ref().map_or(1, |profile| profile.tasks())))
                }
                _ => None,
            },
        });
        // One that hangs takes as long as the watchdog waits, every time.
        let hangs = result.ended.finding.as_ref().is_some_and(|finding| finding.kind == FindingKind::Hang);
        let budget = if hangs { 0 } else { plan.shrink_budget };
        let is_checked = plan.check == Check::All || plan.check == Check::First && explored.runs == 1;
        let nth = explored.runs;
        let divergence = if is_checked && !hangs { self.divergence(player, result) } else { None };
        if let Some(diverging) = divergence {
            self.explored.failures.push(Failing { nth, is_special, ..diverging });
            // Nothing that is found from here on could be replayed.
            return false;
        }
        // Who has every seed run twice looks for what no seed decides.
        let is_short = self.explored.runs < plan.tries && plan.check != Check::All;
        let may_end = plan.may_end_early && is_short && self.player.tree.is_none();
        self.draws_nothing = may_end && result.ended.draws_nothing && !self.lab.is_custom();
        let Some(fingerprint) = fingerprint else {
            self.count_outcome(player, result);
            return !self.draws_nothing;
        };
        match self.found.get(&fingerprint) {
            Some(&place) => self.explored.failures[place].count += 1,
            None => {
                let failing = self.look_into(player, result, &fingerprint, budget);
                self.found.insert(fingerprint, self.explored.failures.len());
                self.explored.failures.push(Failing { nth, is_special, ..failing });
            }
        }
        !plan.first_only && !self.draws_nothing
    }

    fn count_outcome(&mut self, player: &Player, result: &RunResult) {
        let text = match &result.returned {
            Some(Returned { text: Some(text), .. }) => Some(text.clone()),
            _ => None,
        };
        let outcomes = &mut self.explored.outcomes;
        let deviations = result.ended.deviations;
        // Most runs come to what the last one did.
        let place = match outcomes.get(self.last_outcome) {
            Some(last) if last.text == text => Some(self.last_outcome),
            _ => self.outcomes.get(&text).copied(),
        };
        let is_shorter = place.is_none_or(|place| deviations < outcomes[place].deviations);
        let place = place.unwrap_or_else(|| {
            let (seed, player) = (result.seed, player.clone());
            self.outcomes.insert(text.clone(), outcomes.len());
            outcomes.push(OutcomeSeen { text, count: 0, seed, player, deviations, shortest: None });
            outcomes.len() - 1
        });
        outcomes[place].count += 1;
        self.last_outcome = place;
        if is_shorter {
            let mut player = player.clone();
            if player.kind == StrategyKind::Exhaustive {
                // The search will have gone on when this run is wanted again.
                let trace = self.lab.run(result.seed, &player, true).ended.trace;
                player = Player::plain(StrategyKind::Replay(trace.map_or(Vec::new(), |trace| trace.deviations)));
            }
            let outcome = &mut self.explored.outcomes[place];
            (outcome.seed, outcome.player, outcome.deviations) = (result.seed, player, deviations);
        }
    }

    /// Runs the same seed again: it must go the same way.
    #[inline(never)]
    fn divergence(&mut self, player: &Player, first: &RunResult) -> Option<Failing> {
        let second = self.lab.run(first.seed, player, false);
        if second.ended.digest == first.ended.digest {
            return None;
        }
        let [a, b] = [(); 2].map(|()| self.lab.run(first.seed, player, true));
        let original = match [&a, &b].map(is_foreign_wake) {
            // That is why.
            [true, _] => a,
            [_, true] => b,
            _ => {
                let finding = self.lab.explain(tell_divergence(&a, &b));
                let mut original = a;
                original.ended.finding = Some(finding);
                original
            }
        };
        Some(Failing::new(player, first.ended.deviations, original))
    }

    /// Runs a failing seed again with its trace, and looks for the shortest schedule that fails the same way.
    #[inline(never)]
    fn look_into(&mut self, player: &Player, failed: &RunResult, fingerprint: &str, budget: usize) -> Failing {
        // One that was made to measure has its trace already. It is made again all the same, unless that takes long.
        let mut original = match failed.ended.trace.is_some() && failed.ended.steps >= shorten::LONG {
            true => failed.clone(),
            false => self.lab.run(failed.seed, player, true),
        };
        if is_foreign_wake(failed) || is_foreign_wake(&original) {
            // Nothing about it can be relied on to come again; but it is told better by a run with a trace.
            if !is_foreign_wake(&original) {
                original.ended.finding = failed.ended.finding.clone();
            }
            return Failing::new(player, failed.ended.deviations, original);
        }
        if original.fingerprint().as_deref() != Some(fingerprint) {
            let finding = self.lab.explain(tell_another_end(failed, &original));
            original.ended.finding = Some(finding);
        }
        let same = |result: &RunResult| result.fingerprint().as_deref() == Some(fingerprint);
        let minimised = shorten::shorten(self.lab, &original, budget, same);
        Failing { minimised, ..Failing::new(player, failed.ended.deviations, original) }
    }

    #[inline(never)]
    fn shortest_to(&mut self, outcome: &OutcomeSeen, budget: usize) -> Option<(Trace, Vec<Deviation>)> {
        let original = self.lab.run(outcome.seed, &outcome.player, true);
        let text = |result: &RunResult| result.returned.as_ref().and_then(|r| r.text.clone());
        let same = |result: &RunResult| result.ended.finding.is_none() && text(result) == outcome.text;
        if let Some(shortened) = shorten::shorten(self.lab, &original, budget, same) {
            return Some((shortened.run.ended.trace?, shortened.deviations));
        }
        let trace = original.ended.trace?;
        let deviations = trace.deviations.clone();
        Some((trace, deviations))
    }
}

/// Seeds, asked for some at a time: who counts them is elsewhere in memory, and where each run has a process of its own this
/// one copies every page that it writes to from one run to the next.
struct Handfuls<'a> {
    seeds: Box<dyn Iterator<Item = Seed> + Send + 'a>,
    handful: std::vec::IntoIter<Seed>,
}

impl Iterator for Handfuls<'_> {
    type Item = Seed;

    fn next(&mut self) -> Option<Seed> {
        self.handful.next().or_else(|| {
            self.handful = self.seeds.by_ref().take(64).collect::<Vec<_>>().into_iter();
            self.handful.next()
        })
    }
}

impl Failing {
    /// A failure of which nothing but the run is known.
    fn new(player: &Player, deviations: u64, original: RunResult) -> Failing {
        Failing {
            nth: 0,
            count: 1,
            deviations,
            strategy: player.kind.clone(),
            is_special: false,
            original,
            minimised: None,
        }
    }
}

fn is_foreign_wake(result: &RunResult) -> bool {
    result.ended.finding.as_ref().is_some_and(|finding| finding.kind == FindingKind::ForeignWake)
}

/// What an exploration comes to whose first run could not take place.
pub(crate) fn refused(strategy: StrategyKind, run: RunResult) -> Explored {
    let player = Player::plain(strategy);
    let mut explored = Explored::new(player.kind.clone());
    explored.failures.push(Failing::new(&player, 0, run));
    explored
}
