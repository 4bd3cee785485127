//! What an executor has to offer to be measured.

use std::future::Future;
use std::time::Duration;

/// An executor, as the workloads see it. A value is a handle that the root future of a run holds.
pub trait Peer: Clone + 'static {
    /// Whether its runs have to be short, because it keeps every task of a run and looks at all of them in each step.
    const SHORT_RUNS: bool = false;

    /// Whether a blocking job runs on a thread of its own, with its own `ThreadId` and thread-locals.
    const OWN_THREADS: bool;

    /// Asks for a random number, where one run that asks for none is enough for all that were to be made.
    fn draws() {}

    /// What awaits a task.
    type Handle<T: Send + 'static>: Future<Output = T>;

    /// Makes `count` runs, each with all that belongs to one: set up, polled to its end, torn down.
    fn runs<F, Fut>(count: u64, scenario: F)
    where
        F: Fn(Self) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + 'static;

    /// Starts a task.
    fn spawn<F>(&self, future: F) -> Self::Handle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;

    /// Gives way once, in the way that is usual with this peer.
    fn yield_now() -> impl Future<Output = ()> + Send {
        futures_lite::future::yield_now()
    }

    /// Waits in virtual time, if the peer has any.
    fn sleep(_: Duration) -> impl Future<Output = ()> + Send {
        async { panic!("this peer has no clock") }
    }

    /// Starts to measure virtual time, if the peer has any.
    fn stopwatch() -> impl Fn() -> Duration {
        || panic!("this peer has no clock")
    }

    /// Lets the measurement itself call the system from within a run.
    fn aside<T>(look: impl FnOnce() -> T) -> T {
        look()
    }

    /// Runs blocking work where this peer has it run.
    fn job<T, F>(closure: F) -> impl Future<Output = T> + Send
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static;
}
