//! The programs under raddle.

use crate::host::{Access, BoxFuture, Host};
use crate::programs::Program;
use raddle::{Explore, StrategyKind};
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

/// How many schedules until the first bug, in campaign number `campaign`; `None` if there was none in `cap`.
pub fn campaign(program: &Program, strategy: &StrategyKind, campaign: u64, cap: u64) -> Option<u64> {
    let first = campaign << 32;
    let found = Explore::new()
        .seeds(first..first + cap)
        .strategy(strategy.clone())
        .check(raddle::Check::Off)
        .stop_at_first_failure(true)
        .shrink_budget(0)
        .run(program.start);
    let kind = found.first_failure()?.finding()?.kind();
    // A strategy that lets a task spin for ever has found nothing.
    (kind != raddle::FindingKind::Livelock).then_some(found.runs())
}

/// Of the first failure of a campaign: how many deviations are left of it, after how many reruns.
pub fn shrink(program: &Program, campaign: u64, cap: u64) -> Option<(usize, usize)> {
    let first = campaign << 32;
    let explore = Explore::new().seeds(first..first + cap).strategy(StrategyKind::Portfolio);
    let found = explore.check(raddle::Check::Off).stop_at_first_failure(true).run(program.start);
    let failure = found.first_failure()?;
    Some((failure.minimised().len(), failure.reruns()?))
}

/// How many of `runs` seeds fail under `strategy`, and whether each of the runs made to measure does.
pub fn rate(program: &Program, strategy: &StrategyKind, runs: u64) -> u64 {
    let first = 1 << 48;
    let found = Explore::new()
        .seeds(first..first + runs)
        .strategy(strategy.clone())
        .check(raddle::Check::Off)
        .shrink_budget(0)
        .run(program.start);
    let counts = |kind| kind != raddle::FindingKind::Livelock;
    let failures = found.failures().iter().filter(|failure| failure.finding().is_some_and(|f| counts(f.kind())));
    failures.map(|failure| failure.count()).sum()
}
