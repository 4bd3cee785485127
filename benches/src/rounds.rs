//! One row: how many runs each peer makes, and then all peers by turns, round after round.

use crate::args::{Args, Clock};
use crate::builds::Builds;
use crate::catalogue::{Goal, OURS, Peer, Row};
use crate::child;
use crate::stats::Spread;
use raddle_bench_work::{Sample, Workload};
use std::time::Duration;

/// A row that has been measured.
pub struct Measured {
    pub row: Row,
    /// The runs that one measurement of each peer is.
    pub runs: Vec<u64>,
    /// The samples of each peer, round by round.
    pub samples: Vec<Vec<Sample>>,
}

/// Measures a row.
pub fn measure(row: &Row, builds: &Builds, args: &Args) -> Result<Measured, String> {
    let one = |peer: &Peer, runs: u64| -> Result<Sample, String> {
        let mut command = child::command(builds.program(row, peer), &[], row, peer, runs);
        child::sample(&child::output(&mut command, row, peer)?, row, peer)
    };
    let mut runs = Vec::new();
    for peer in &row.peers {
        runs.push(calibrate(row.workload, args.length(), |runs| one(peer, runs))?);
    }
    let mut samples = vec![Vec::new(); row.peers.len()];
    for _ in 0..args.rounds {
        for (at, peer) in row.peers.iter().enumerate() {
            samples[at].push(one(peer, runs[at])?);
        }
    }
    Ok(Measured { row: row.clone(), runs, samples })
}

/// How many runs take about as long as a measurement is to take.
fn calibrate(
    workload: Workload,
    length: Duration,
    mut one: impl FnMut(u64) -> Result<Sample, String>,
) -> Result<u64, String> {
    let mut runs: u64 = if workload == Workload::Run { 200 } else { 1 };
    if workload == Workload::Parked {
        return Ok(1);
    }
    let length = length.as_nanos() as f64;
    loop {
        let sample = one(runs)?;
        let taken = sample.cpu.max(sample.wall).max(1) as f64;
        let share = length / taken;
        if share < 10.0 {
            return Ok(((runs as f64 * share).round() as u64).max(1));
        }
        runs = (runs as f64 * (share / 2.0).min(20.0)) as u64;
    }
}

/// A goal, and what came of it.
pub struct Verdict {
    pub goal: Goal,
    pub found: Spread,
    pub is_reached: bool,
}

impl Measured {
    /// What this peer takes for a unit, round by round: nanoseconds, or bytes.
    pub fn costs(&self, name: &str, clock: Clock) -> Option<Vec<f64>> {
        let at = self.row.peers.iter().position(|peer| peer.name == name)?;
        let cost = |sample: &Sample| {
            let whole = match (self.row.workload, clock) {
                (Workload::Parked, _) => sample.bytes,
                (_, Clock::Cpu) => sample.cpu,
                (_, Clock::Wall) => sample.wall,
            };
            whole as f64 / sample.units as f64
        };
        Some(self.samples[at].iter().map(cost).collect())
    }

    /// What this peer takes in units of what another takes in the same round.
    pub fn ratios(&self, name: &str, to: &str, clock: Clock) -> Option<Vec<f64>> {
        let (costs, base) = (self.costs(name, clock)?, self.costs(to, clock)?);
        Some(costs.iter().zip(base).map(|(cost, base)| cost / base).collect())
    }

    /// The goals of this row of whose peers all were measured.
    pub fn verdicts(&self, clock: Clock) -> Vec<Verdict> {
        let found = |goal: &Goal| match *goal {
            Goal::Ratio { to, .. } => self.ratios(OURS, to, clock),
            Goal::Bytes { .. } => self.costs(OURS, clock),
        };
        let verdict = |goal: &Goal| {
            let found = Spread::of(found(goal)?);
            let (Goal::Ratio { at_most, .. } | Goal::Bytes { at_most }) = *goal;
            Some(Verdict { goal: *goal, is_reached: found.median <= at_most, found })
        };
        self.row.goals.iter().filter_map(verdict).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    /// A row of W1 in which raddle takes 40, 45 and 90 ns while local takes 100, 100 and 300.
    fn measured() -> Measured {
        let mut row = catalogue::rows().remove(0);
        row.peers.truncate(2);
        let samples = |costs: [u64; 3]| costs.map(|cpu| Sample { units: 1, cpu, wall: 2 * cpu, ..Sample::default() });
        let samples = vec![samples([40, 45, 90]).to_vec(), samples([100, 100, 300]).to_vec()];
        Measured { row, runs: vec![1, 1], samples }
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let measured = measured();
        assert_eq!(measured.ratios("raddle", "local", Clock::Cpu), Some(vec![0.4, 0.45, 0.3]));
        assert_eq!(measured.costs("local", Clock::Wall), Some(vec![200.0, 200.0, 600.0]));
        assert_eq!(measured.ratios("raddle", "tokio", Clock::Cpu), None, "tokio was not asked for");
    }

    #[test]
    fn a_goal_that_is_missed_is_seen() {
        let mut measured = measured();
        let reached = |measured: &Measured| measured.verdicts(Clock::Cpu)[0].is_reached;
        assert!(reached(&measured));
        measured.row.goals = vec![Goal::Ratio { to: "local", at_most: 0.39 }];
        assert!(!reached(&measured));
    }

    #[test]
    fn calibration_ends_near_the_length() {
        for cost in [1, 1_000, 3_000_000, 700_000_000] {
            let sample = |runs: u64| Ok(Sample { units: runs, cpu: runs * cost, wall: 0, ..Sample::default() });
            let runs = calibrate(Workload::Step, Duration::from_millis(500), sample).unwrap();
            let taken = runs * cost;
            assert!(runs == 1 || (400_000_000..=600_000_000).contains(&taken), "{cost}: {runs}");
        }
    }
}
