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

    fn point(what: u32, access: Access) -> impl Future<Output = ()> + Send {
        let _ = (what, access);
        raddle::yield_now()
    }
}

/// How many schedules until the first bug, in campaign number `campaign`; `None` if there was none in `cap`.
pub fn campaign(program: &Program, strategy: &StrategyKind, campaign: u64, cap: u64) -> Option<u64> {
    let first = campaign * 100_000_000;
    let found = Explore::new()
        .seeds(first..first + cap)
        .strategy(strategy.clone())
        .check(raddle::Check::Off)
        .stop_at_first_failure(true)
        .shrink_budget(0)
        .run(program.start);
    (!found.is_ok()).then_some(found.runs())
}
