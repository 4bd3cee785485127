//! Deterministic simulation tests for async Rust.
//!
//! A raddle is the comb that keeps every thread of a warp in its order before it is woven. This one keeps async Rust in
//! order: it runs tasks, blocking jobs and time in an order that one seed decides, so that a test that failed once fails
//! again. A failing seed is minimised to the fewest places where the order matters, and shown as an interleaving that
//! `insta` can snapshot.
//!
//! ```
//! #[raddle::test]
//! async fn no_money_is_lost() {
//!     # use std::sync::{Arc, Mutex};
//!     let account = Arc::new(async_lock::Mutex::new(100));
//!     let deposits: Vec<_> = (0..2)
//!         .map(|_| {
//!             let account = account.clone();
//!             raddle::spawn(async move { *account.lock().await += 50 })
//!         })
//!         .collect();
//!     for deposit in deposits {
//!         deposit.await;
//!     }
//!     assert_eq!(*account.lock().await, 200);
//! }
//! ```
//!
//! Under plain `cargo test` this runs 256 schedules (one, where nothing in the test can happen in another order). A failure prints its interleaving and, last, the line that replays it;
//! its seed is written beside the test and run first from then on.
//!
//! | to | see |
//! |---|---|
//! | set how a test is run | the arguments of [`test`](macro@test); the README has the environment variables |
//! | spawn tasks that have names, and wait | [`task`], [`spawn`], [`spawn_local`], [`sleep`], [`timeout`] |
//! | test code that uses smol, `async_io::Timer` or the `blocking` crate | the package `raddle-smol` (README, "Testing code that uses smol"), or [`Isolation`] |
//! | run blocking work | [`unblock`], and in it [`thread`] |
//! | have no blocking call on the loop, but for one | [`allow_blocking`], [`allow_blocking_in`], [`Report::leaks`] |
//! | have a whole test block, by class or by path | `blocking(…)` and `allow_path(…)` of [`test`](macro@test), [`Sim::blocking`], [`Sim::allow_path`] |
//! | look at one run, or play a schedule from a failure | [`Sim`], [`Report`] |
//! | try many, and see every distinct outcome | [`Explore`], [`Found`] |
//! | have interleavings and outcomes reviewed | [`assert_interleaving!`], [`assert_outcomes!`] |
#![deny(unsafe_code)]
#![warn(missing_docs)]

mod apart;
mod beacon;
#[allow(unsafe_code)]
mod boundary;
mod calls;
mod check;
mod clock;
mod context;
mod coverage;
mod deviation;
mod drive;
mod env;
mod error;
mod executor;
mod explore;
mod finding;
mod frames;
mod hash;
mod id;
mod instant;
mod isolation;
mod leak;
mod linearise;
mod minimise;
mod name;
mod natives;
mod nearest;
mod operation;
mod panics;
mod parcel;
mod place;
mod pool;
mod prng;
mod recheck;
mod registry;
mod regressions;
mod replay;
mod report;
mod run;
mod schedule;
mod seed;
mod sentinel;
mod shorten;
mod sim;
mod sites;
#[cfg(feature = "smol")]
pub mod smol;
#[cfg(feature = "insta")]
mod snapshot;
mod spawn;
mod stacks;
mod timers;
mod token;
mod trace;
mod user;
mod watchdog;
mod workers;
mod world;

pub use calls::{allow_blocking, allow_blocking_in};
pub use context::in_run;
pub use coverage::{Complete, Coverage, Share};
pub use deviation::Deviation;
pub use error::{Elapsed, Error};
pub use executor::{FallibleJob, Job, Task, TaskMeta};
pub use finding::{Finding, FindingKind};
pub use id::Key;
pub use instant::Instant;
pub use isolation::Isolation;
pub use leak::Leak;
pub use operation::{Access, Operation};
pub use raddle_macros::test;
pub use recheck::Check;
pub use report::{Digest, Failure, Found, OutcomeCount, Report};
pub use schedule::{Candidate, Candidates, Pick, Strategy, StrategyKind};
pub use seed::{SCHEDULE_VERSION, Seed};
pub use sentinel::{Class, Policy};
pub use shorten::AwaitSite;
pub use sim::{Explore, Sim};
pub use spawn::{TaskBuilder, spawn, spawn_local, task, unblock, yield_now};
pub use timers::{Interval, Sleep, Timeout, interval, now, sleep, sleep_until, timeout};
pub use token::Schedule;
pub use trace::{Actor, ActorKind, Event, PollEnd, Source, Trace, What};
pub use user::{Rng, announce, chance, choose, rng};

/// Panics if blocking calls were seen on the loop of a [`Report`]'s run, or if nobody could look for them.
///
/// ```no_run
/// let report = raddle::Sim::new().run(|| async { raddle::yield_now().await });
/// raddle::assert_no_leaks!(report);
/// ```
#[macro_export]
macro_rules! assert_no_leaks {
    ($report:expr) => {
        if let Some(text) = $report.leaks_text() {
            panic!("{text}");
        }
    };
}

/// What a blocking job may call to wait, in virtual time.
pub mod thread {
    pub use crate::workers::{block_on, sleep, yield_now};
}

#[doc(hidden)]
pub mod __private {
    pub use crate::check::{Options, Site, test};
    pub use crate::env::{TABLE, Variable};
    #[cfg(feature = "insta")]
    pub use crate::snapshot::{insta, of_outcomes, of_report};
    pub use crate::user::note;
}
