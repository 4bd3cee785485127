//! What a peer's program is asked to do, and how it does it.

use crate::bodies;
use crate::bytes;
use crate::meter::Meter;
use crate::peer::Peer;
use crate::proof::{self, Watched};
use crate::sample::Sample;
use crate::workload::{Size, Workload};
use std::fs::File;
use std::future::Future;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// One call of a peer's program: `peer-… NAME WORKLOAD RUNS`.
#[derive(Clone, Debug)]
pub struct Call {
    /// Which of its peers the program is to be.
    pub peer: String,
    pub workload: Workload,
    pub runs: u64,
}

/// How many runs have come to their end.
static ENDED: AtomicU64 = AtomicU64::new(0);

impl Call {
    /// What the command line says.
    ///
    /// # Panics
    /// With one line, if it says something else: the driver is its only author.
    pub fn from_args() -> Call {
        let args: Vec<String> = std::env::args().skip(1).collect();
        let call =
            match args.as_slice() {
                [peer, workload, runs] => Workload::named(workload)
                    .zip(runs.parse().ok())
                    .map(|(workload, runs)| Call { peer: peer.clone(), workload, runs }),
                _ => None,
            };
        call.unwrap_or_else(|| panic!("{args:?}, expected a peer, a workload and a number of runs"))
    }

    /// Proves that `P` does the work, measures it, and prints the sample.
    pub fn measure<P: Peer>(&self) {
        proof::watch::<P>(self.workload, |size| run::<Watched<P>>(self.workload, size, 1));
        // As many runs as are asked for, too.
        run::<P>(self.workload, self.workload.proof_size(), 2);
        let size = self.workload.size(P::SHORT_RUNS);
        self.print(size, || run::<P>(self.workload, size, self.runs));
    }

    /// As [`Call::measure`], where only `runs` knows how the peer makes runs of W6. It calls [`Call::one_run`] in each.
    pub fn measure_runs<P: Peer>(&self, runs: impl Fn(u64)) {
        proof::watch::<P>(self.workload, |size| run::<Watched<P>>(self.workload, size, 1));
        self.print(Workload::Run.size(P::SHORT_RUNS), || counted(self.runs, || runs(self.runs)));
    }

    /// The root future of one run of W6.
    pub async fn one_run<P: Peer>(peer: P) {
        ended(bodies::give_way(peer, Workload::Run.size(P::SHORT_RUNS))).await;
    }

    fn print(&self, size: Size, work: impl FnOnce()) {
        let meter = Meter::start();
        work();
        let (cpu, wall) = meter.spent();
        let (mut bytes, mut resident) = bytes::counted();
        let mut units = self.runs * self.workload.units(size);
        if self.workload == Workload::Parked {
            // Those of the last run, since each counts from nothing.
            units = self.workload.units(size);
        } else {
            (bytes, resident) = (0, 0);
        }
        println!("{}", Sample { units, cpu, wall, bytes, resident });
    }
}

async fn ended(run: impl Future<Output = ()>) {
    run.await;
    ENDED.fetch_add(1, Relaxed);
}

/// The same of a run in which nobody may be chosen among two.
async fn drawn<P: Peer>(run: impl Future<Output = ()>) {
    P::draws();
    ended(run).await;
}

/// Makes runs, and looks whether that many have come to their end.
fn counted(runs: u64, make: impl FnOnce()) {
    let before = ENDED.load(Relaxed);
    make();
    let ended = ENDED.load(Relaxed) - before;
    assert!(ended == runs, "{ended} runs of {runs} came to their end");
}

fn run<P: Peer>(workload: Workload, size: Size, runs: u64) {
    FILE.get_or_init(|| File::open("/proc/self/exe").expect("this program"));
    counted(runs, || match workload {
        Workload::Step | Workload::Run => P::runs(runs, move |peer| ended(bodies::give_way(peer, size))),
        Workload::Hop => P::runs(runs, move |peer| drawn::<P>(bodies::hop(peer, size))),
        Workload::Spawn => P::runs(runs, move |peer| drawn::<P>(bodies::spawn(peer, size))),
        Workload::Batch => P::runs(runs, move |peer| drawn::<P>(bodies::batch(peer, size))),
        Workload::Timer => P::runs(runs, move |peer| drawn::<P>(bodies::timer(peer, size))),
        Workload::Job => P::runs(runs, move |peer| drawn::<P>(bodies::job(peer, size, black_box))),
        Workload::Call => P::runs(runs, move |peer| drawn::<P>(bodies::job(peer, size, system_call))),
        Workload::Read => P::runs(runs, move |peer| drawn::<P>(bodies::job(peer, size, read))),
        Workload::Nap => P::runs(runs, move |peer| drawn::<P>(bodies::job(peer, size, nap))),
        Workload::Parked => P::runs(runs, move |peer| drawn::<P>(bodies::parked(peer, size))),
    });
}

fn system_call(n: u64) -> u64 {
    black_box(std::os::unix::process::parent_id());
    n
}

/// A file that is there wherever this runs, once it has been opened.
static FILE: OnceLock<File> = OnceLock::new();

fn read(n: u64) -> u64 {
    let file = FILE.get().expect("opened before any run");
    let count = file.read_at(&mut [0; 64], 0).expect("it can be read");
    assert_eq!(count, 64, "a program is longer than that");
    n
}

fn nap(n: u64) -> u64 {
    std::thread::sleep(Duration::from_millis(1));
    n
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic;

    /// A peer that drops what it is given, or that polls each future to its end where it stands.
    #[derive(Clone)]
    struct Eager;

    #[derive(Clone)]
    struct Idle;

    impl Peer for Eager {
        const OWN_THREADS: bool = true;
        type Handle<T: Send + 'static> = std::future::Ready<T>;

        fn runs<F, Fut>(count: u64, scenario: F)
        where
            F: Fn(Self) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = ()> + 'static,
        {
            (0..count).for_each(|_| futures_lite::future::block_on(scenario(Eager)));
        }

        fn spawn<F>(&self, future: F) -> Self::Handle<F::Output>
        where
            F: Future + Send + 'static,
            F::Output: Send + 'static,
        {
            std::future::ready(futures_lite::future::block_on(future))
        }

        async fn yield_now() {}

        async fn sleep(_: Duration) {}

        fn stopwatch() -> impl Fn() -> Duration {
            || Duration::ZERO
        }

        async fn job<T, F>(closure: F) -> T
        where
            F: FnOnce() -> T + Send + 'static,
            T: Send + 'static,
        {
            closure()
        }
    }

    impl Peer for Idle {
        const OWN_THREADS: bool = false;
        type Handle<T: Send + 'static> = std::future::Pending<T>;

        fn runs<F, Fut>(_: u64, _: F)
        where
            F: Fn(Self) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = ()> + 'static,
        {
        }

        fn spawn<F>(&self, _: F) -> Self::Handle<F::Output>
        where
            F: Future + Send + 'static,
            F::Output: Send + 'static,
        {
            std::future::pending()
        }

        async fn job<T, F>(closure: F) -> T
        where
            F: FnOnce() -> T + Send + 'static,
            T: Send + 'static,
        {
            closure()
        }
    }

    fn refused<P: Peer>(workload: Workload) -> bool {
        let call = Call { peer: "canary".into(), workload, runs: 1 };
        panic::catch_unwind(|| call.measure::<P>()).is_err()
    }

    /// One test, since what is counted is counted for the process.
    #[test]
    fn a_peer_that_does_not_do_the_work_is_refused() {
        for workload in Workload::ALL {
            assert!(refused::<Idle>(workload), "{} by a peer that makes no runs", workload.name());
        }
        // Not W2 and W7, which such a peer would never come back from.
        use Workload::{Call, Job, Nap, Read, Run, Step, Timer};
        for workload in [Step, Run, Timer, Job, Call, Read, Nap] {
            assert!(refused::<Eager>(workload), "{} by a peer that never gives way", workload.name());
        }
        assert!(!refused::<Eager>(Workload::Spawn), "W3 can be done eagerly");
    }
}
