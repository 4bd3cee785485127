//! What came of seeds, in pieces that can be put together in any order.
//!
//! A record tells of a stretch of seeds without a gap. Where exploring stops at the first failure, a record ends at its
//! first failure, so that of all records those up to the first failing one are just what a single process would have
//! come to, however the seeds were cut up and wherever they were run.

use crate::protocol::{Explored, Finding, Outcome, Seed};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

/// What came of the seeds number `start` up to `start + runs`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Record {
    /// These were kept seeds, by their place in the seed file: they come before all others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
    pub start: u64,
    pub runs: u64,
    pub steps: u64,
    pub most_decisions: u64,
    /// Digests of the interleavings seen here, without those of records before this one; 16 hexadecimal digits each.
    pub digests: Digests,
    pub findings: Vec<Found>,
    pub outcomes: Vec<Outcome>,
    /// Nothing is tried after this one.
    pub stops: bool,
    /// Since the run draws nothing from its seed: all others would be the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub draws_nothing: bool,
}

/// The first seed of a record that fails in a way, and how many do.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Found {
    pub seed: Seed,
    pub count: u64,
    pub finding: Finding,
    /// How the process died, if that was it.
    pub death: Option<String>,
    /// The strategy that a kept seed was kept with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
}

impl Record {
    /// Whether this one and the next can be one.
    fn is_before(&self, next: &Record) -> bool {
        self.kept == next.kept && self.findings.is_empty() && !self.stops && self.start + self.runs == next.start
    }

    pub fn new(start: u64, wanted: u64, explored: Explored, stop_at_first: bool) -> Record {
        let Explored { runs, steps, most_decisions, draws_nothing, digests, findings, outcomes } = explored;
        let findings: Vec<Found> = findings
            .into_iter()
            .map(|f| Found { seed: f.seed, count: f.count, finding: f.finding, death: None, strategy: None })
            .collect();
        let stops = runs < wanted || stop_at_first && !findings.is_empty();
        let digests = Digests::parse(&digests).unwrap_or_default();
        Record { kept: false, start, runs, steps, most_decisions, digests, findings, outcomes, stops, draws_nothing }
    }

    /// One seed whose run took the process with it.
    pub fn of_death(start: u64, found: Found, stop_at_first: bool) -> Record {
        Record { start, runs: 1, findings: vec![found], stops: stop_at_first, ..Record::default() }
    }

    /// The same as one of a seed that was kept with `strategy`, the `nth` in its file.
    pub fn of_kept(mut self, nth: u64, strategy: &str) -> Record {
        self.findings.iter_mut().for_each(|found| found.strategy = Some(strategy.into()));
        Record { kept: true, start: nth, ..self }
    }

    /// Which of the seeds that are dealt these were; none, if they were kept ones.
    pub fn range(&self) -> Range<u64> {
        if self.kept { 0..0 } else { self.start..self.start + self.runs }
    }
}

/// Digests, written as one string.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Digests(pub Vec<u64>);

impl Digests {
    fn parse(text: &str) -> Option<Digests> {
        let chunks = text.as_bytes().chunks(16);
        let number = |chunk: &[u8]| u64::from_str_radix(std::str::from_utf8(chunk).ok()?, 16).ok();
        chunks.map(number).collect::<Option<Vec<u64>>>().map(Digests)
    }
}

impl Serialize for Digests {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text: String = self.0.iter().map(|digest| format!("{digest:016x}")).collect();
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Digests {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Digests, D::Error> {
        let text = String::deserialize(deserializer)?;
        Digests::parse(&text).ok_or_else(|| serde::de::Error::custom("digests are 16 hexadecimal digits each"))
    }
}

/// A way of failing, over all records.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    pub seed: Seed,
    pub count: u64,
    pub finding: Finding,
    pub death: Option<String>,
    #[serde(skip)]
    pub strategy: Option<String>,
    /// The whole text, once somebody has looked into it.
    #[serde(skip)]
    pub text: Option<String>,
}

/// Everything that came of a scenario so far: records in order, and their sum.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub records: Vec<Record>,
    seen: HashSet<u64>,
    pub runs: u64,
    pub steps: u64,
    pub most_decisions: u64,
    pub failures: Vec<Failure>,
    outcomes: BTreeMap<Option<String>, Outcome>,
    /// The last record said so.
    pub is_over: bool,
    /// The last record said why.
    pub draws_nothing: bool,
}

impl Tally {
    /// The sum of `records` from several places: in order, up to the first that stops.
    pub fn of(mut records: Vec<Record>) -> Tally {
        records.sort_by_key(|record| (!record.kept, record.start));
        let mut tally = Tally::default();
        for record in records {
            if tally.is_over {
                break;
            }
            tally.add(record);
        }
        tally
    }

    /// Adds the next record; the places in `failures` of those that are new.
    pub fn add(&mut self, mut record: Record) -> Vec<usize> {
        record.digests.0.retain(|&digest| self.seen.insert(digest));
        self.runs += record.runs;
        self.steps += record.steps;
        self.most_decisions = self.most_decisions.max(record.most_decisions);
        self.is_over |= record.stops;
        self.draws_nothing |= record.draws_nothing;
        let mut new = Vec::new();
        for found in &record.findings {
            let known = self.failures.iter_mut().find(|f| f.finding.fingerprint == found.finding.fingerprint);
            match known {
                Some(failure) => failure.count += found.count,
                None => {
                    let Found { seed, count, finding, death, strategy } = found.clone();
                    new.push(self.failures.len());
                    self.failures.push(Failure { seed, count, finding, death, strategy, text: None });
                }
            }
        }
        for outcome in &record.outcomes {
            match self.outcomes.get_mut(&outcome.text) {
                Some(known) => {
                    known.count += outcome.count;
                    if outcome.deviations < known.deviations {
                        (known.deviations, known.seed) = (outcome.deviations, outcome.seed);
                    }
                }
                None => drop(self.outcomes.insert(outcome.text.clone(), outcome.clone())),
            }
        }
        match self.records.last_mut() {
            Some(last) if last.is_before(&record) => {
                append(last, record);
            }
            _ => self.records.push(record),
        }
        new
    }

    pub fn interleavings(&self) -> u64 {
        self.seen.len() as u64
    }

    /// One number for all interleavings that were seen, in whatever order.
    pub fn digest(&self) -> u64 {
        self.seen.iter().fold(0, |all, digest| all ^ digest)
    }

    pub fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.values()
    }
}

fn append(last: &mut Record, next: Record) {
    last.runs += next.runs;
    last.steps += next.steps;
    last.most_decisions = last.most_decisions.max(next.most_decisions);
    last.digests.0.extend(next.digests.0);
    last.findings = next.findings;
    last.stops = next.stops;
    last.draws_nothing = next.draws_nothing;
    for outcome in next.outcomes {
        match last.outcomes.iter_mut().find(|known| known.text == outcome.text) {
            Some(known) => {
                known.count += outcome.count;
                if outcome.deviations < known.deviations {
                    (known.deviations, known.seed) = (outcome.deviations, outcome.seed);
                }
            }
            None => last.outcomes.push(outcome),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(range: Range<u64>, digests: &[u64], fails: Option<&str>) -> Record {
        let finding = |fingerprint: &str| Finding {
            kind: "panic".into(),
            fingerprint: fingerprint.into(),
            headline: String::new(),
            message: String::new(),
            place: None,
            task: None,
            step: 1,
            at: 0,
            details: Vec::new(),
            hint: None,
        };
        let seed = Seed(range.end - 1);
        let found = |name| Found { seed, count: 1, finding: finding(name), death: None, strategy: None };
        Record {
            start: range.start,
            runs: range.end - range.start,
            digests: Digests(digests.to_vec()),
            findings: fails.map(found).into_iter().collect(),
            stops: fails.is_some(),
            ..Record::default()
        }
    }

    #[test]
    fn any_order_comes_to_the_same() {
        let records = [record(0..4, &[1, 2], None), record(4..7, &[2, 3], Some("a")), record(8..9, &[4], Some("b"))];
        let sum = |order: [usize; 3]| {
            let tally = Tally::of(order.iter().map(|&n| records[n].clone()).collect());
            let seeds: Vec<Seed> = tally.failures.iter().map(|f| f.seed).collect();
            (tally.runs, tally.interleavings(), tally.digest(), seeds)
        };
        let expected = (7, 3, 1 ^ 2 ^ 3, vec![Seed(6)]);
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            assert_eq!(sum(order), expected, "what comes after the first failure does not count");
        }
    }

    #[test]
    fn kept_seeds_come_first_and_are_none_of_those_that_are_dealt() {
        let kept = record(0..1, &[5], Some("a")).of_kept(1, "urw");
        let passing = record(0..1, &[6], None).of_kept(0, "fifo");
        let tally = Tally::of(vec![record(0..4, &[1, 2], None), kept, passing]);
        assert_eq!((tally.runs, tally.interleavings(), tally.is_over), (2, 2, true));
        assert_eq!(tally.failures[0].strategy.as_deref(), Some("urw"));
        assert!(tally.records.iter().all(|record| record.kept && record.range().is_empty()));
    }

    #[test]
    fn neighbours_become_one_record() {
        let tally = Tally::of(vec![record(4..8, &[2, 9], None), record(0..4, &[2], None), record(9..10, &[9], None)]);
        let ranges: Vec<_> = tally.records.iter().map(Record::range).collect();
        assert_eq!(ranges, [0..8, 9..10]);
        assert_eq!(tally.records[0].digests.0, [2, 9]);
        assert!(tally.records[1].digests.0.is_empty(), "seen before");
    }

    #[test]
    fn records_are_read_as_they_were_written() {
        let one = record(3..5, &[7, u64::MAX], Some("a"));
        let text = serde_json::to_string(&one).unwrap();
        assert!(text.contains("\"0000000000000007ffffffffffffffff\""), "{text}");
        let again: Record = serde_json::from_str(&text).unwrap();
        assert_eq!((again.range(), again.digests), (one.range(), one.digests));
        assert!(serde_json::from_str::<Digests>("\"12é\"").is_err());
    }
}
