//! A test run under simulation, in this process.

use crate::test::Test;
use raddle::{Check, Explore, Found, Sim, StrategyKind};
use std::future::Future;
use std::ops::Range;
use std::time::Duration;

/// Some tests pass 200,000 messages through a channel for one.
const MAX_STEPS: u64 = 50_000_000;
/// Real time for one poll, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// The test as a scenario: on a thread of the world, where it may block, as it is written to.
fn scenario(test: &'static Test) -> impl Future<Output = ()> {
    let body = test.body;
    async move {
        if let Err(why) = raddle::unblock(body).await {
            panic!("it returned {why}");
        }
    }
}

/// Strategies that measure run a test before its first seed, which one that changes a static does not stand.
fn strategy(test: &Test) -> StrategyKind {
    if test.own_process { StrategyKind::Random } else { StrategyKind::Portfolio }
}

/// Runs it for so many seeds. A text that tells the steps and the digest of all runs, or what was found.
///
/// The first ten seeds are run twice each, to see whether they go the same way, and the others, too, if that is cheap.
pub fn explore(test: &'static Test, first: u64, count: u64) -> Result<String, String> {
    // A second run in the same process would see what the first has left; the parent compares two processes.
    let all = if test.own_process { Check::Off } else { Check::All };
    let end = first + count;
    let some = end.min(first + 10);
    let found = seeds(test, first..some, all)?;
    let mut text = format!("{} steps, digest {}", found.steps(), found.digest());
    if some < end {
        let is_cheap = found.steps() / found.runs() < 2_000;
        let others = seeds(test, some..end, if is_cheap { all } else { Check::Off })?;
        text += &format!(", {} steps, digest {}", others.steps(), others.digest());
    }
    Ok(text)
}

fn seeds(test: &'static Test, seeds: Range<u64>, check: Check) -> Result<Found, String> {
    let command = format!("cargo run --release -- --replay {} {{seed}}", test.id());
    let found = Explore::new()
        .name(&test.id())
        .replay_with(&command)
        .strategy(strategy(test))
        .seeds(seeds)
        .check(check)
        .stop_at_first_failure(true)
        .shrink_budget(0)
        .max_steps(MAX_STEPS)
        .watchdog(PATIENCE)
        .require_boundary(true)
        // As under libtest: what a thread or task panics with is its test's own business.
        .allow_panics(true)
        .run(|| scenario(test));
    if found.is_ok() { Ok(found) } else { Err(found.to_string()) }
}

/// One run, as text; whether it passed.
pub fn replay(test: &'static Test, seed: u64) -> (bool, String) {
    let sim = Sim::new().name(&test.id()).strategy(strategy(test)).seed(seed).max_steps(MAX_STEPS).watchdog(PATIENCE);
    let report = sim.allow_panics(true).run(|| scenario(test));
    let text = if report.is_ok() { report.interleaving() } else { report.to_string() };
    (report.is_ok(), text)
}
