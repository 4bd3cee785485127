//! The programs under raddle.

use crate::host::{Access, BoxFuture, Host};
use crate::programs::Program;
use raddle::{Check, Explore, FindingKind, StrategyKind};
use std::future::Future;

#[derive(Clone, Copy)]
pub struct Raddle;

impl Host for Raddle {
    fn spawn(task: impl Future<Output = ()> + Send + 'static) -> BoxFuture {
        Box::pin(raddle::spawn(task))
    }

    /// What comes next is said, as raddle's own locks and channels say it.
    async fn point(what: u32, access: Access) {
        let access = match access {
            Access::Read => raddle::Access::Read,
            Access::Write => raddle::Access::Write,
        };
        raddle::announce(u64::from(what), access);
        raddle::yield_now().await;
    }
}

/// The seed of the first failure of campaign number `campaign`, what to run it again with, and all schedules until then;
/// `None` if there was none in `cap`.
///
/// A strategy that lets a task spin for ever has found nothing, and goes on; what it measures anew counts as well.
fn first(program: &Program, strategy: &StrategyKind, campaign: u64, cap: u64) -> Option<(u64, StrategyKind, u64)> {
    let (mut next, mut runs) = (campaign << 32, 0);
    while runs < cap {
        let explore = Explore::new().seeds(next..next + (cap - runs)).strategy(strategy.clone());
        let found = explore.check(Check::Off).stop_at_first_failure(true).shrink_budget(0).run(program.start);
        runs += found.runs();
        let failure = found.first_failure()?;
        let seed = failure.seed().get();
        if failure.finding()?.kind() != FindingKind::Livelock {
            // The run in plain order, which comes before all seeds, is nobody's.
            let again = if *failure.strategy() == StrategyKind::Fifo { &StrategyKind::Fifo } else { strategy };
            return Some((seed, again.clone(), runs));
        }
        next = seed + 1;
    }
    None
}

/// How many schedules until the first bug, in campaign number `campaign`; `None` if there was none in `cap`.
pub fn campaign(program: &Program, strategy: &StrategyKind, campaign: u64, cap: u64) -> Option<u64> {
    first(program, strategy, campaign, cap).map(|(_, _, runs)| runs)
}

/// Of the first failure of a campaign: how many deviations are left of it, after how many reruns.
pub fn shrink(program: &Program, campaign: u64, cap: u64) -> Option<(usize, usize)> {
    let (seed, strategy, _) = first(program, &StrategyKind::Portfolio, campaign, cap)?;
    let explore = Explore::new().seeds(seed..seed + 1).strategy(strategy).check(Check::Off);
    let found = explore.run(program.start);
    let failure = found.first_failure()?;
    Some((failure.minimised().len(), failure.reruns()?))
}

/// How many of `runs` seeds fail under `strategy`, and whether each of the runs made to measure does.
pub fn rate(program: &Program, strategy: &StrategyKind, runs: u64) -> u64 {
    let first = 1 << 48;
    let found = Explore::new()
        .seeds(first..first + runs)
        .strategy(strategy.clone())
        .check(Check::Off)
        .shrink_budget(0)
        .run(program.start);
    let counts = |kind| kind != FindingKind::Livelock;
    let failures = found.failures().iter().filter(|failure| failure.finding().is_some_and(|f| counts(f.kind())));
    failures.map(|failure| failure.count()).sum()
}
