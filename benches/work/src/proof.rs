//! Whether a peer does the work at all. Before anything is timed, a small run of the workload is watched: how often its
//! tasks are polled, and on which threads its jobs run.

use crate::peer::Peer;
use crate::workload::{Size, Workload};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

static POLLS: AtomicU64 = AtomicU64::new(0);
static JOBS_HERE: AtomicU64 = AtomicU64::new(0);
static JOBS_ELSEWHERE: AtomicU64 = AtomicU64::new(0);

/// A peer whose tasks and jobs are counted.
#[derive(Clone)]
pub struct Watched<P>(P);

pin_project_lite::pin_project! {
    /// A future whose polls are counted.
    pub struct Polled<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Polled<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        POLLS.fetch_add(1, Relaxed);
        self.project().future.poll(cx)
    }
}

impl<P: Peer> Peer for Watched<P> {
    const SHORT_RUNS: bool = P::SHORT_RUNS;
    const OWN_THREADS: bool = P::OWN_THREADS;
    type Handle<T: Send + 'static> = P::Handle<T>;

    fn runs<F, Fut>(count: u64, scenario: F)
    where
        F: Fn(Self) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        P::runs(count, move |peer| scenario(Watched(peer)));
    }

    fn spawn<F>(&self, future: F) -> Self::Handle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.0.spawn(Polled { future })
    }

    fn draws() {
        P::draws();
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        P::yield_now()
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send {
        P::sleep(duration)
    }

    fn stopwatch() -> impl Fn() -> Duration {
        P::stopwatch()
    }

    fn aside<T>(look: impl FnOnce() -> T) -> T {
        P::aside(look)
    }

    fn job<T, F>(closure: F) -> impl Future<Output = T> + Send
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let home = thread::current().id();
        P::job(move || {
            let counter = if thread::current().id() == home { &JOBS_HERE } else { &JOBS_ELSEWHERE };
            counter.fetch_add(1, Relaxed);
            closure()
        })
    }
}

/// Watches a run of this workload, which `run` makes with the peer it is given.
///
/// # Panics
/// If the peer did not do the work.
pub fn watch<P: Peer>(workload: Workload, run: impl FnOnce(Size)) {
    let size = workload.proof_size();
    for counter in [&POLLS, &JOBS_HERE, &JOBS_ELSEWHERE] {
        counter.store(0, Relaxed);
    }
    run(size);
    let (polls, least) = (POLLS.load(Relaxed), workload.polls(size));
    assert!(polls >= least, "{}: tasks were polled {polls} times, which takes {least}", workload.name());
    if matches!(workload, Workload::Job | Workload::Call | Workload::Read | Workload::Nap) {
        let units = workload.units(size);
        let expected = if P::OWN_THREADS { (0, units) } else { (units, 0) };
        let found = (JOBS_HERE.load(Relaxed), JOBS_ELSEWHERE.load(Relaxed));
        assert_eq!(found, expected, "{}: jobs on the loop's thread, and on others", workload.name());
    }
}
