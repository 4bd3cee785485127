//! The programs under shuttle.

use crate::host::{Access, BoxFuture, Host};
use crate::programs::Program;
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler, UrwRandomScheduler};
use shuttle::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

#[derive(Clone, Copy)]
pub struct Shuttle;

impl Host for Shuttle {
    fn spawn(task: impl Future<Output = ()> + Send + 'static) -> BoxFuture {
        let handle = shuttle::future::spawn(task);
        Box::pin(async move { handle.await.expect("the task was not cancelled") })
    }

    /// An atomic access, before which shuttle lets others run. (Its `yield_now` is a hint as well, by which PCT lowers
    /// the task.)
    async fn point(_what: u32, _access: Access) {
        AtomicUsize::new(0).load(SeqCst);
    }
}

/// The schedulers by name.
pub const SCHEDULERS: &[&str] = &["random", "pct:2", "pct:3", "urw"];

/// How many schedules until the first bug, in campaign number `campaign`; `None` if there was none in `cap`.
pub fn campaign(program: &Program, scheduler: &str, campaign: u64, cap: u64) -> Option<u64> {
    let seed = campaign * 100_000_000;
    let cap = cap as usize;
    match scheduler {
        "random" => run(program, RandomScheduler::new_from_seed(seed, cap)),
        "pct:2" => run(program, PctScheduler::new_from_seed(seed, 2, cap)),
        "pct:3" => run(program, PctScheduler::new_from_seed(seed, 3, cap)),
        "urw" => run(program, UrwRandomScheduler::new_from_seed(seed, cap)),
        other => unreachable!("{other} is none of SCHEDULERS"),
    }
}

fn run(program: &Program, scheduler: impl Scheduler + 'static) -> Option<u64> {
    let mut config = Config::new();
    config.failure_persistence = FailurePersistence::None;
    config.max_steps = MaxSteps::ContinueAfter(20_000);
    let runs = Arc::new(AtomicU64::new(0));
    let (counter, start) = (runs.clone(), program.start);
    let runner = Runner::new(scheduler, config);
    let all = AssertUnwindSafe(|| {
        runner.run(move || {
            counter.fetch_add(1, Relaxed);
            shuttle::future::block_on(start());
        })
    });
    catch_unwind(all).is_err().then(|| runs.load(Relaxed))
}
