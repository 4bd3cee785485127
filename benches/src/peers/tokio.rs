//! tokio's current_thread runtime; for W4 with its clock paused, which makes time virtual.

use raddle_bench_work::{Call, Peer, Workload, bytes::Counting};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::task::JoinHandle;
use tokio::time::Instant;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[derive(Clone)]
struct Tokio<const PAUSED: bool>;

struct Joined<T>(JoinHandle<T>);

impl<T> Future for Joined<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.0).poll(cx).map(|joined| joined.expect("a task has ended"))
    }
}

impl<const PAUSED: bool> Peer for Tokio<PAUSED> {
    const OWN_THREADS: bool = true;
    type Handle<T: Send + 'static> = Joined<T>;

    fn runs<F, Fut>(count: u64, scenario: F)
    where
        F: Fn(Self) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        for _ in 0..count {
            let mut builder = Builder::new_current_thread();
            if PAUSED {
                builder.enable_time().start_paused(true);
            }
            let runtime = builder.build().expect("a runtime without a driver of its own");
            runtime.block_on(scenario(Tokio));
        }
    }

    fn spawn<F>(&self, future: F) -> Self::Handle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Joined(tokio::spawn(future))
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        tokio::task::yield_now()
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(duration)
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
        Joined(tokio::task::spawn_blocking(closure))
    }
}

fn main() {
    let call = Call::from_args();
    match (call.peer.as_str(), call.workload) {
        ("tokio", Workload::Timer) => call.measure::<Tokio<true>>(),
        ("tokio", _) => call.measure::<Tokio<false>>(),
        (other, _) => panic!("{other} is no peer of this program"),
    }
}
