//! Which peers do which workloads in which build, what the ratios are to, and what raddle must reach.

use raddle_bench_work::Workload;

/// How a peer's program is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Build {
    /// `--release`, or the profile that the command line names.
    Release,
    /// `cargo test`.
    Dev,
    /// `cargo test` with `[profile.dev.package."*"] opt-level = 3`.
    DevFast,
}

impl Build {
    /// The profile of `Cargo.toml`.
    pub fn profile(self, release: &str) -> &str {
        match self {
            Build::Release => release,
            Build::Dev => "dev",
            Build::DevFast => "dev-fast",
        }
    }
}

/// Which package a program is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Package {
    Benches,
    Madsim,
}

/// One of those that are measured side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    pub name: &'static str,
    pub program: &'static str,
    pub package: Package,
    /// What its environment has that others' has not.
    pub env: Option<(&'static str, &'static str)>,
}

/// What raddle must reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// At most so much of what this peer takes.
    Ratio { to: &'static str, at_most: f64 },
    /// At most so many bytes a unit.
    Bytes { at_most: f64 },
}

/// A table: peers that do the same work.
#[derive(Clone, Debug)]
pub struct Row {
    pub name: String,
    pub workload: Workload,
    pub build: Build,
    /// The peer that the ratios are to.
    pub base: &'static str,
    pub peers: Vec<Peer>,
    pub goals: Vec<Goal>,
}

/// What a step must not take more of, in instructions.
pub const INSTRUCTIONS_OF_A_STEP: f64 = 200.0;

/// The peer that has to reach something.
pub const OURS: &str = "raddle";

const fn peer(name: &'static str, program: &'static str) -> Peer {
    Peer { name, program, package: Package::Benches, env: None }
}

const RADDLE: Peer = peer(OURS, "peer-raddle");
const BATON: Peer = Peer { env: Some(("RADDLE_THREADS", "baton")), ..peer("raddle-baton", "peer-raddle") };
const LOCAL: Peer = peer("local", "peer-local");
const INLINE: Peer = peer("local-inline", "peer-local");
const INLINE_BESIDE: Peer = peer("local-inline-beside", "peer-local");
const TOKIO: Peer = peer("tokio", "peer-tokio");
const SHUTTLE: Peer = peer("shuttle", "peer-shuttle");
const MADSIM: Peer = Peer { package: Package::Madsim, ..peer("madsim", "peer-madsim") };
const MADSIM_TEST: Peer = Peer { package: Package::Madsim, ..peer("madsim-test", "peer-madsim") };

/// Every peer's name, for messages.
pub const PEERS: [&str; 9] = [
    "raddle",
    "raddle-baton",
    "local",
    "local-inline",
    "local-inline-beside",
    "tokio",
    "madsim",
    "madsim-test",
    "shuttle",
];

/// What is measured, in the order of the tables.
pub fn rows() -> Vec<Row> {
    let row = |workload: Workload, peers: &[Peer], goals: &[Goal]| {
        // async-executor has no timers.
        let base = if workload == Workload::Timer { "tokio" } else { "local" };
        let (peers, goals) = (peers.to_vec(), goals.to_vec());
        Row { name: workload.name().into(), workload, build: Build::Release, base, peers, goals }
    };
    let local = |at_most| Goal::Ratio { to: "local", at_most };
    let all = [RADDLE, LOCAL, TOKIO, MADSIM, SHUTTLE];
    let runs = [RADDLE, LOCAL, TOKIO, MADSIM, MADSIM_TEST, SHUTTLE];
    let pools = [RADDLE, BATON, LOCAL, INLINE, TOKIO, MADSIM, SHUTTLE];
    // In a process of one thread, and in one with as many as a test has.
    let of_inline = ["local-inline", "local-inline-beside"].map(|to| Goal::Ratio { to, at_most: 3.0 });
    let of_runs = [
        local(0.40),
        Goal::Ratio { to: "madsim-test", at_most: 1.0 / 25.0 },
        Goal::Ratio { to: "shuttle", at_most: 1.0 / 5.0 },
    ];
    let mut rows = vec![
        row(Workload::Step, &all, &[local(0.40)]),
        row(Workload::Hop, &all, &[local(0.80)]),
        row(Workload::Spawn, &all, &[local(0.45)]),
        row(Workload::Batch, &all, &[local(0.60)]),
        row(Workload::Timer, &[RADDLE, TOKIO, MADSIM], &[Goal::Ratio { to: "tokio", at_most: 0.40 }]),
        row(Workload::Job, &pools, &[local(0.05)]),
        row(Workload::Call, &[RADDLE, BATON, LOCAL, INLINE, TOKIO], &[]),
        row(Workload::Read, &[RADDLE, BATON, LOCAL, INLINE, INLINE_BESIDE, TOKIO], &of_inline),
        row(Workload::Nap, &[RADDLE, BATON, LOCAL, TOKIO], &[]),
        row(Workload::Run, &runs, &of_runs),
        row(Workload::Parked, &all, &[Goal::Bytes { at_most: 230.0 }]),
    ];
    for (build, ending) in [(Build::Dev, "dev"), (Build::DevFast, "dev-fast")] {
        for workload in [Workload::Step, Workload::Run] {
            let name = format!("{}-{ending}", workload.name());
            rows.push(Row { name, build, ..row(workload, &all, &[local(0.50)]) });
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_row_has_its_base_and_what_its_goals_are_to() {
        let rows = rows();
        let names: HashSet<_> = rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names.len(), rows.len(), "each row has a name of its own");
        for row in &rows {
            let has = |name| row.peers.iter().any(|peer| peer.name == name);
            assert!(has(row.base) && has(OURS), "{}", row.name);
            for goal in &row.goals {
                assert!(!matches!(goal, Goal::Ratio { to, .. } if !has(to)), "{}: {goal:?}", row.name);
            }
            assert!(row.peers.iter().all(|peer| PEERS.contains(&peer.name)), "{}", row.name);
        }
    }
}
