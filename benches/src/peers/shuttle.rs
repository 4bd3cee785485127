//! shuttle with its random scheduler. Its tasks are coroutines with stacks of their own, and it keeps them all until the
//! end of a run, so its runs are short. It has no timers; a job is one of its threads.

use raddle_bench_work::{Call, Peer, bytes::Counting};
use shuttle::future::JoinHandle;
use shuttle::scheduler::RandomScheduler;
use shuttle::{Config, MaxSteps, Runner};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[derive(Clone)]
struct Shuttle;

struct Joined<T>(JoinHandle<T>);

impl<T> Future for Joined<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.0).poll(cx).map(|joined| joined.expect("a task has ended"))
    }
}

impl Peer for Shuttle {
    const SHORT_RUNS: bool = true;
    /// Its threads are coroutines on the loop's.
    const OWN_THREADS: bool = false;
    type Handle<T: Send + 'static> = Joined<T>;

    fn runs<F, Fut>(count: u64, scenario: F)
    where
        F: Fn(Self) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        let mut config = Config::new();
        config.max_steps = MaxSteps::None;
        config.silence_warnings = true;
        let scheduler = RandomScheduler::new_from_seed(0, count as usize);
        Runner::new(scheduler, config).run(move || shuttle::future::block_on(scenario(Shuttle)));
    }

    fn spawn<F>(&self, future: F) -> Self::Handle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Joined(shuttle::future::spawn(future))
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        shuttle::future::yield_now()
    }

    async fn job<T, F>(closure: F) -> T
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        shuttle::thread::spawn(closure).join().expect("a job has ended")
    }
}

fn main() {
    let call = Call::from_args();
    match call.peer.as_str() {
        "shuttle" => call.measure::<Shuttle>(),
        other => panic!("{other} is no peer of this program"),
    }
}
