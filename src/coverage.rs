//! What an exploration has seen, and what it may have missed.

use crate::hash::Census;
use std::fmt;

/// How much of a scenario an exploration covered. Its [`Display`](fmt::Display) text is a few short lines.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    runs: u64,
    interleavings: u64,
    /// Interleavings seen in one run only.
    once: u64,
    outcomes: u64,
    decisions: u64,
    most_decisions: u64,
    most_deviations: u64,
    strategies: Vec<Share>,
    pct: Vec<Pct>,
    complete: Option<Complete>,
    draws_nothing: bool,
}

/// What one of the strategies of a portfolio contributed.
#[derive(Clone, Debug)]
pub struct Share {
    /// The strategy, as it is written.
    pub strategy: String,
    /// How many runs it was dealt.
    pub runs: u64,
    /// How many of them showed an interleaving that no run before had shown.
    pub new: u64,
    /// How many of them failed.
    pub failed: u64,
}

/// How far an exhaustive search came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Complete {
    /// Whether there is no schedule left.
    pub finished: bool,
    /// Whether orders of steps that do not race by what tasks [announced](crate::announce) were counted as one.
    pub reduced: bool,
    /// Whether messages on the run's network took as long as the seed has it, in all runs: other times were not searched.
    pub one_latency: bool,
    /// Distinct schedules (classes of them, where `reduced`) among the runs.
    pub schedules: u64,
}

/// Runs of PCT with the same numbers.
#[derive(Clone, Copy, Debug)]
struct Pct {
    depth: u32,
    length: u64,
    tasks: u64,
    runs: u64,
}

impl Coverage {
    /// How many runs there were.
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// Distinct interleavings, by digest.
    pub fn interleavings(&self) -> u64 {
        self.interleavings
    }

    /// Distinct results and kinds of failure.
    pub fn outcomes(&self) -> u64 {
        self.outcomes
    }

    /// Decisions with two or more candidates, in all runs together.
    pub fn decisions(&self) -> u64 {
        self.decisions
    }

    /// The most decisions in any one run.
    pub fn most_decisions(&self) -> u64 {
        self.most_decisions
    }

    /// The most deviations from plain order in any one run: how deep the search went.
    pub fn most_deviations(&self) -> u64 {
        self.most_deviations
    }

    /// How likely the next run is to show an interleaving that none has shown: the share of those seen once only (Good
    /// 1953, after Turing). With 0.001, another thousand runs would show about one new interleaving.
    pub fn rate_of_new(&self) -> f64 {
        if self.runs == 0 { 1.0 } else { self.once as f64 / self.runs as f64 }
    }

    /// What the runs of PCT promise: with which probability, at most, a bug of `depth` ordering constraints would have
    /// been missed by all of them. `None` where none of them was for bugs so deep.
    pub fn missed_by_pct(&self, depth: u32) -> Option<f64> {
        let runs = self.pct.iter().filter(|pct| pct.depth >= depth);
        let missed = |pct: &Pct| {
            let hit = 1.0 / (pct.tasks.max(1) as f64 * (pct.length.max(1) as f64).powi(pct.depth as i32 - 1));
            (1.0 - hit).powf(pct.runs as f64)
        };
        runs.map(missed).reduce(|a, b| a * b)
    }

    /// What each strategy of a portfolio contributed, most runs first; one entry for any other strategy.
    pub fn strategies(&self) -> &[Share] {
        &self.strategies
    }

    /// How far an exhaustive search came; `None` for other strategies.
    pub fn complete(&self) -> Option<Complete> {
        self.complete
    }

    /// Whether the exploration ended before its last seed, since a run drew nothing from its seed: nobody was chosen among two,
    /// no random number asked for, no time drawn, and no thread ran but the loop and workers of the pool. All further runs
    /// would have been the same.
    /// (With [`Check::All`](crate::Check::All) all seeds are run all the same.)
    ///
    /// ```
    /// let found = raddle::Explore::new().seeds(0..1_000).run(|| async { raddle::yield_now().await });
    /// # if found.boundary() == "on" {
    /// assert!(found.coverage().draws_nothing() && found.runs() == 1);
    /// # }
    /// let found = raddle::Explore::new().seeds(0..1_000).run(|| async { raddle::rng().below(6) });
    /// assert!(!found.coverage().draws_nothing() && found.runs() == 1_000);
    /// ```
    pub fn draws_nothing(&self) -> bool {
        self.draws_nothing
    }
}

impl Coverage {
    /// The same, its runs being so many `of` all that there would have been.
    pub(crate) fn in_short(&self, of: &str) -> String {
        let text = self.to_string();
        match text.split_once(", ").filter(|_| !of.is_empty()) {
            Some((_, rest)) => format!("{}{of} tried, {rest}", self.runs),
            None => text,
        }
    }
}

fn plural(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (runs, seen) = (plural(self.runs, "run"), plural(self.interleavings, "distinct interleaving"));
        write!(f, "{runs}, {seen}, at most {} and ", plural(self.most_decisions, "decision"))?;
        write!(f, "{} in one", plural(self.most_deviations, "deviation"))?;
        if self.draws_nothing {
            return f.write_str("; the run draws nothing from its seed: one schedule is all there is");
        }
        match self.complete {
            Some(Complete { finished: true, reduced, one_latency, schedules }) => {
                let are = if schedules == 1 { "is" } else { "are" };
                let state = if reduced { " modulo untracked state" } else { "" };
                let times = if one_latency { ", with the latencies of one seed" } else { "" };
                let differ = if reduced { " that differ" } else { "" };
                let schedules = plural(schedules, "schedule");
                return write!(f, "; exhaustive{state}{times}: there {are} {schedules}{differ}");
            }
            Some(Complete { finished: false, .. }) => write!(f, "; not exhaustive: there are more schedules")?,
            None => {}
        }
        match self.rate_of_new() {
            _ if self.runs < 20 => {}
            rate if rate >= 0.0005 => write!(f, "; {:.1} % of further runs would show a new one", 100.0 * rate)?,
            _ => write!(f, "; another {} would show few new ones", plural(self.runs, "run"))?,
        }
        // What nobody would rely on is not told.
        let promised = |depth: u32| self.missed_by_pct(depth).filter(|&missed| missed <= 0.5).map(|p| (depth, p));
        let deepest = self.pct.iter().map(|pct| pct.depth).max().unwrap_or(0);
        match (1..=deepest).rev().find_map(promised) {
            // Never rounded down to nothing.
            Some((depth, missed)) => {
                let percent = (100.0 * missed).max(0.01);
                write!(f, "; pct missed a bug of depth {depth} with a probability of at most {percent:.2} %")
            }
            None => Ok(()),
        }
    }
}

/// A coverage in the making.
pub(crate) struct Count<K> {
    coverage: Coverage,
    /// The strategies, in the order of their shares.
    kinds: Vec<K>,
    seen: Census,
    /// The digests of runs that `seen` does not know of yet, and the strategies that dealt them.
    waiting: Vec<(u64, usize)>,
}

/// How many runs may wait.
const WAITING: usize = 64;

/// A run, as far as its coverage is concerned.
pub(crate) struct Covered<'a, K> {
    pub digest: u64,
    pub decisions: u64,
    pub deviations: u64,
    pub strategy: &'a K,
    pub failed: bool,
    /// Depth, length and tasks, if PCT answered.
    pub pct: Option<(u32, u64, u64)>,
}

impl<K> Default for Count<K> {
    fn default() -> Count<K> {
        Count { coverage: Coverage::default(), kinds: Vec::new(), seen: Census::default(), waiting: Vec::new() }
    }
}

impl<K: PartialEq + Clone + ToString> Count<K> {
    pub fn add(&mut self, run: Covered<'_, K>) {
        let coverage = &mut self.coverage;
        coverage.runs += 1;
        coverage.decisions += run.decisions;
        coverage.most_decisions = coverage.most_decisions.max(run.decisions);
        coverage.most_deviations = coverage.most_deviations.max(run.deviations);
        let place = self.kinds.iter().position(|kind| kind == run.strategy).unwrap_or_else(|| {
            self.kinds.push(run.strategy.clone());
            coverage.strategies.push(Share { strategy: run.strategy.to_string(), runs: 0, new: 0, failed: 0 });
            coverage.strategies.len() - 1
        });
        let share = &mut coverage.strategies[place];
        share.runs += 1;
        share.failed += u64::from(run.failed);
        if let Some((depth, length, tasks)) = run.pct {
            let same = |p: &&mut Pct| (p.depth, p.length, p.tasks) == (depth, length, tasks);
            match coverage.pct.iter_mut().find(same) {
                Some(pct) => pct.runs += 1,
                None => coverage.pct.push(Pct { depth, length, tasks, runs: 1 }),
            }
        }
        self.waiting.push((run.digest, place));
        if self.waiting.len() == WAITING {
            self.look_at_those_waiting();
        }
    }

    fn look_at_those_waiting(&mut self) {
        for (digest, place) in self.waiting.drain(..) {
            match self.seen.count(digest) {
                1 => {
                    self.coverage.once += 1;
                    self.coverage.strategies[place].new += 1;
                }
                2 => self.coverage.once -= 1,
                _ => {}
            }
        }
    }

    /// The digests of distinct interleavings.
    pub fn digests(&mut self) -> Vec<u64> {
        self.look_at_those_waiting();
        self.seen.words().collect()
    }

    pub fn finish(mut self, outcomes: u64, complete: Option<Complete>, draws_nothing: bool) -> Coverage {
        self.look_at_those_waiting();
        self.coverage.interleavings = self.seen.len() as u64;
        self.coverage.outcomes = outcomes;
        self.coverage.complete = complete;
        self.coverage.draws_nothing = draws_nothing;
        self.coverage.strategies.sort_by_key(|share| std::cmp::Reverse(share.runs));
        self.coverage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(digests: &[u64]) -> Coverage {
        let mut count = Count::default();
        for &digest in digests {
            let pct = (digest % 2 == 0).then_some((2, 10, 3));
            count.add(Covered { digest, decisions: 4, deviations: digest, strategy: &"random", failed: false, pct });
        }
        count.finish(1, None, false)
    }

    #[test]
    fn what_was_seen_once_tells_how_much_is_left() {
        let coverage = of(&[1, 1, 2, 3, 3, 3, 4, 5]);
        assert_eq!((coverage.runs(), coverage.interleavings(), coverage.decisions()), (8, 5, 32));
        assert_eq!(coverage.rate_of_new(), 3.0 / 8.0);
        assert_eq!(coverage.most_deviations(), 5);
        assert_eq!(coverage.strategies()[0].new, 5);
    }

    #[test]
    fn pct_promises_what_the_paper_does() {
        let coverage = of(&[2, 2, 2, 1]);
        // Three runs, each of which hits with 1 / (3 tasks · 10 decisions).
        let missed = coverage.missed_by_pct(2).unwrap();
        assert!((missed - (29.0f64 / 30.0).powi(3)).abs() < 1e-9, "{missed}");
        assert_eq!(coverage.missed_by_pct(3), None);
        assert!(!coverage.to_string().contains("pct"), "nobody would rely on that: {coverage}");
        let text = of(&[2; 200]).to_string();
        assert!(text.ends_with("; pct missed a bug of depth 2 with a probability of at most 0.11 %"), "{text}");
    }
}
