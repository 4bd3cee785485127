//! What can be set for a run.

use crate::isolation::Isolation;
use crate::pool::PoolOptions;
use crate::sentinel::Policies;
use std::time::Duration;

/// As many as a `cpu_set_t` has room for.
pub const MOST_CPUS: u32 = 1024;

/// The options of a run, the same for `Sim`, `Explore` and `#[raddle::test]`.
#[derive(Clone, Debug)]
pub struct Options {
    pub max_steps: u64,
    pub pool: PoolOptions,
    /// How many processors there are for what asks, from 1 to [`MOST_CPUS`].
    pub cpus: u32,
    pub stall_up_to: Option<Duration>,
    pub deny_pending: bool,
    pub allow_panics: bool,
    pub watchdog: Option<Duration>,
    /// How much processor time a poll may use before it is told; `None`: any.
    pub cpu_budget: Option<Duration>,
    /// What is said to blocking calls on the loop.
    pub policies: Policies,
    /// Whether a run without the kernel boundary is a failure.
    pub needs_boundary: bool,
    /// Where the runs take place.
    pub isolation: Isolation,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            max_steps: 1_000_000,
            pool: PoolOptions::default(),
            cpus: 4,
            stall_up_to: None,
            deny_pending: false,
            allow_panics: false,
            watchdog: Some(Duration::from_secs(10)),
            cpu_budget: Some(Duration::from_millis(100)),
            policies: Policies::default(),
            needs_boundary: false,
            isolation: Isolation::Thread,
        }
    }
}
