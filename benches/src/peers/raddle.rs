//! raddle: each run is a seed of one exploration, as in `#[raddle::test]`. The strategy is the default one, `random`;
//! digest and deviations are kept, and the kernel boundary is armed where there is one. `raddle-baton` is the same with
//! `RADDLE_THREADS=baton` in its environment.

use raddle::{Check, Explore};
use raddle_bench_work::{Call, Peer, bytes::Counting};
use std::future::Future;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[derive(Clone)]
struct Raddle;

impl Peer for Raddle {
    const OWN_THREADS: bool = true;
    type Handle<T: Send + 'static> = raddle::Task<T>;

    fn runs<F, Fut>(count: u64, scenario: F)
    where
        F: Fn(Self) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        // W4 takes more than the million steps that are the limit by default. The first seed is not run twice, which a test
        // does once in 256 runs, since a run may be long here.
        let explore = Explore::new().name("a workload").seeds(0..count).max_steps(u64::MAX).check(Check::Off);
        let found = explore.run(move || scenario(Raddle));
        assert!(found.is_ok(), "{found}");
    }

    fn draws() {
        raddle::choose(2);
    }

    fn spawn<F>(&self, future: F) -> Self::Handle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        raddle::spawn(future)
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send {
        raddle::sleep(duration)
    }

    fn stopwatch() -> impl Fn() -> Duration {
        let start = raddle::now();
        move || raddle::now() - start
    }

    fn aside<T>(look: impl FnOnce() -> T) -> T {
        raddle::allow_blocking("the measurement reads /proc", look)
    }

    fn job<T, F>(closure: F) -> impl Future<Output = T> + Send
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        raddle::unblock(closure)
    }
}

fn main() {
    let call = Call::from_args();
    match call.peer.as_str() {
        "raddle" | "raddle-baton" => call.measure::<Raddle>(),
        other => panic!("{other} is no peer of this program"),
    }
}
