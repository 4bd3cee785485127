//! `madsim`: a runtime for each run, on this thread. `madsim-test` makes the runs of W6 as `#[madsim::test]` does, with
//! its `Builder`: each on a thread of its own.

use madsim::Config;
use madsim::runtime::{Builder, Runtime};
use madsim::task::JoinHandle;
use madsim::time::Instant;
use raddle_bench_work::{Call, Peer, bytes::Counting};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[derive(Clone)]
struct Madsim;

struct Joined<T>(JoinHandle<T>);

impl<T> Future for Joined<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.0).poll(cx).map(|joined| joined.expect("a task has ended"))
    }
}

impl Peer for Madsim {
    /// A job is a task like any other.
    const OWN_THREADS: bool = false;
    type Handle<T: Send + 'static> = Joined<T>;

    fn runs<F, Fut>(count: u64, scenario: F)
    where
        F: Fn(Self) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        for seed in 0..count {
            Runtime::with_seed_and_config(seed, Config::default()).block_on(scenario(Madsim));
        }
    }

    fn spawn<F>(&self, future: F) -> Self::Handle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Joined(madsim::task::spawn(future))
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send {
        madsim::time::sleep(duration)
    }

    fn stopwatch() -> impl Fn() -> Duration {
        let start = Instant::now();
        move || start.elapsed()
    }

    fn job<T, F>(closure: F) -> impl Future<Output = T> + Send
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        #[allow(deprecated, reason = "it has no other way to run blocking work")]
        Joined(madsim::task::spawn_blocking(closure))
    }
}

fn main() {
    let call = Call::from_args();
    match call.peer.as_str() {
        "madsim" => call.measure::<Madsim>(),
        "madsim-test" => call.measure_runs::<Madsim>(|count| {
            let builder = Builder {
                seed: 0,
                count,
                jobs: 1,
                config: Config::default(),
                time_limit: None,
                check: false,
                allow_system_thread: false,
            };
            builder.run(|| Call::one_run(Madsim));
        }),
        other => panic!("{other} is no peer of this program"),
    }
}
