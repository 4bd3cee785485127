//! Who has what the loop waits for; and what it can never have, which ends the run and nothing else.

// What lints warn of is what these tests are about.
#![allow(clippy::await_holding_lock)]
#![cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]

use raddle::{Class, Explore, FindingKind, Leak, Report, Sim};
use std::fmt::Debug;
use std::future::Future;
use std::sync::{Arc, Condvar, Mutex, Once, RwLock, mpsc};
use std::thread;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

fn run<F, Fut, T>(scenario: F) -> Report<T>
where
    F: Fn() -> Fut + Send,
    Fut: Future<Output = T> + 'static,
    T: Debug + Send + 'static,
{
    Sim::new().require_boundary(true).run(scenario)
}

#[track_caller]
fn one_leak<T: Debug>(report: &Report<T>) -> &Leak {
    let [leak] = report.leaks() else { panic!("one leak: {report}") };
    leak
}

/// Runs `holds` in a job named "holder", and `waits` on the loop 1 ms later: who is told to have had it.
#[track_caller]
fn holder<S: Send + Sync + 'static>(shared: fn() -> S, holds: fn(&S), waits: fn(&S)) -> String {
    let report = run(move || async move {
        let shared = Arc::new(shared());
        let theirs = shared.clone();
        let job = raddle::task("holder").unblock(move || holds(&theirs));
        raddle::sleep(MS).await;
        waits(&shared);
        job.await;
    });
    let leak = one_leak(&report);
    assert_eq!((leak.class(), leak.is_for_ever(), leak.stood_still()), (Class::Lock, false, 39 * MS), "{leak}");
    assert!(report.interleaving().contains("BLOCKS THE LOOP: "), "{report}");
    leak.holder().unwrap_or_else(|| panic!("nobody: {leak}")).to_string()
}

#[test]
fn a_job_that_holds_a_lock() {
    let jobs = "worker-1's job holder";
    assert_eq!(
        holder(
            || Mutex::new(()),
            |m| {
                let _guard = m.lock().unwrap();
                thread::sleep(40 * MS);
            },
            |m| drop(m.lock().unwrap())
        ),
        jobs
    );
    assert_eq!(
        holder(
            || RwLock::new(()),
            |l| {
                let _guard = l.write().unwrap();
                thread::sleep(40 * MS);
            },
            |l| drop(l.read().unwrap())
        ),
        jobs
    );
    assert_eq!(holder(Once::new, |o| o.call_once(|| thread::sleep(40 * MS)), |o| o.call_once(|| ())), jobs);
    assert_eq!(
        holder(
            || (Mutex::new(false), Condvar::new()),
            |(done, changed)| {
                thread::sleep(40 * MS);
                *done.lock().unwrap() = true;
                changed.notify_one();
            },
            |(done, changed)| drop(changed.wait_while(done.lock().unwrap(), |done| !*done).unwrap())
        ),
        jobs
    );
    let channel = || {
        let (sender, receiver) = mpsc::channel();
        (sender, Mutex::new(receiver))
    };
    let send = |c: &(mpsc::Sender<u8>, Mutex<mpsc::Receiver<u8>>)| {
        thread::sleep(40 * MS);
        c.0.send(1).unwrap();
    };
    assert_eq!(holder(channel, send, |c| _ = c.1.lock().unwrap().recv().unwrap()), jobs);
}

#[test]
fn a_thread_that_holds_a_lock() {
    let report = run(|| async {
        let shared = Arc::new(Mutex::new(()));
        let theirs = shared.clone();
        let thread = thread::Builder::new().name("helper".into());
        let thread = thread.spawn(move || {
            let _guard = theirs.lock().unwrap();
            thread::sleep(40 * MS);
        });
        raddle::sleep(MS).await;
        drop(shared.lock().unwrap());
        raddle::sleep(MS).await;
        thread.unwrap().join().unwrap();
    });
    let leak = one_leak(&report);
    assert_eq!((leak.call(), leak.holder()), ("lock of a Mutex that is held", Some("helper")), "{leak}");
    let told = report.finding().unwrap().to_string();
    assert!(told.contains("lock of a Mutex held by helper blocks the loop"), "{told}");
    assert!(report.interleaving().contains("BLOCKS THE LOOP: lock of a Mutex held by helper"), "{report}");
}

// ---- for ever

/// A guard of std's across an await, and another task of the same loop that wants the lock.
async fn guard_across_an_await() {
    let shared = Arc::new(Mutex::new(0));
    let theirs = shared.clone();
    let keeper = raddle::task("keeper").spawn_local(async move {
        let mut guard = theirs.lock().unwrap();
        *guard += 1;
        raddle::sleep(MS).await;
        *guard += 1;
    });
    raddle::task("contender").spawn(async move { *shared.lock().unwrap() += 1 }).await;
    keeper.await;
}

#[test]
fn a_lock_that_a_task_of_the_same_loop_holds() {
    let report = Sim::new().strategy(raddle::StrategyKind::Fifo).require_boundary(true).run(guard_across_an_await);
    let leak = one_leak(&report);
    assert!(leak.is_for_ever(), "{report}");
    assert_eq!((leak.task(), leak.holder()), ("contender", Some("keeper")), "{report}");
    let finding = report.finding().unwrap();
    assert_eq!((finding.kind(), finding.task()), (FindingKind::Leak, Some("contender")));
    let text = report.to_string();
    for part in [
        "lock of a Mutex held by keeper blocks the loop for ever",
        "keeper cannot go on while the loop waits",
        "holders::guard_across_an_await",
        "contender BLOCKS THE LOOP: lock of a Mutex held by keeper, for ever",
    ] {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
    // The process goes on, and so does this thread.
    assert!(run(|| async { raddle::unblock(|| 1).await }).is_ok());
}

#[test]
fn exploring_finds_it_and_goes_on() {
    let failure = Explore::new().seeds(0..20).require_boundary(true).run(guard_across_an_await);
    let failure = failure.failures().first().expect("some seed has the keeper go first");
    let report = failure.report();
    assert!(one_leak(report).is_for_ever(), "{report}");
    let again = Sim::new().schedule(failure.schedule().clone()).run(guard_across_an_await);
    assert_eq!(again.finding().map(|f| f.message()), report.finding().map(|f| f.message()), "{again}");
    assert_eq!(one_leak(&again).holder(), Some("keeper"));
}

#[test]
fn a_lock_that_the_task_itself_holds() {
    let report = run(|| async {
        let shared = Mutex::new(());
        let _guard = shared.lock().unwrap();
        drop(shared.lock());
    });
    let leak = one_leak(&report);
    assert_eq!((leak.is_for_ever(), leak.holder()), (true, None), "{leak}");
    assert!(leak.to_string().contains("nobody else has the lock"), "{leak}");
}

#[test]
fn a_block_on_that_waits_for_a_task() {
    let report = run(|| async {
        let (sender, receiver) = async_channel::bounded::<u8>(1);
        let sender = raddle::task("sender").spawn(async move {
            raddle::sleep(MS).await;
            let _ = sender.send(1).await;
        });
        let _ = futures_lite::future::block_on(receiver.recv());
        sender.await;
    });
    let leak = one_leak(&report);
    assert_eq!((leak.call(), leak.is_for_ever(), leak.holder()), ("block_on", true, Some("sender")), "{leak}");
    assert!(leak.to_string().contains("it waits for sender, who waits, too"), "{leak}");
}

#[test]
fn a_thread_that_never_ends() {
    let report = run(|| async {
        let (sender, receiver) = mpsc::channel::<()>();
        let thread = thread::Builder::new().name("stuck".into()).spawn(move || _ = receiver.recv());
        raddle::yield_now().await;
        thread.unwrap().join().unwrap();
        drop(sender);
    });
    let leak = one_leak(&report);
    assert_eq!((leak.class(), leak.is_for_ever(), leak.call()), (Class::Join, true, "thread::join of stuck"), "{leak}");
}

/// What a test allows is no leak, but a run that cannot go on is a failure all the same.
#[test]
fn an_allowance_does_not_help() {
    let report = run(|| async {
        let shared = Mutex::new(());
        let _guard = shared.lock().unwrap();
        raddle::allow_blocking("on purpose", || drop(shared.lock()));
    });
    assert!(one_leak(&report).is_for_ever(), "{report}");
}

/// A destructor, run as the run is wound up, waits for a lock whose guard is gone for good.
#[test]
fn a_destructor_that_never_comes_back() {
    struct Locks(Arc<Mutex<()>>);
    impl Drop for Locks {
        fn drop(&mut self) {
            drop(self.0.lock());
        }
    }
    let report = run(|| async {
        let shared = Arc::new(Mutex::new(()));
        std::mem::forget(shared.lock().unwrap());
        let locks = Locks(shared);
        raddle::task("late")
            .spawn(async move {
                let _locks = locks;
                std::future::pending::<()>().await;
            })
            .detach();
        raddle::yield_now().await;
        7
    });
    let leak = one_leak(&report);
    assert_eq!((leak.is_for_ever(), leak.task()), (true, "late"), "{report}");
    assert_eq!(report.value(), Some(&7));
    assert!(run(|| async {}).is_ok());
}

/// As whoever writes to a log has its lock, in another test: that is no leak, and nothing of the run's.
#[test]
fn a_lock_in_a_static_that_a_thread_elsewhere_has_for_long() {
    static ELSEWHERE: Mutex<u32> = Mutex::new(0);
    fn scenario(on_the_loop: bool) -> impl Future<Output = ()> {
        let counts = || *ELSEWHERE.lock().unwrap() += 1;
        async move {
            let tasks = (0..3).map(|n| {
                raddle::spawn(async move {
                    for _ in 0..n {
                        raddle::yield_now().await;
                    }
                    if on_the_loop {
                        counts()
                    } else {
                        raddle::unblock(counts).await
                    }
                    raddle::yield_now().await;
                })
            });
            for task in tasks.collect::<Vec<_>>() {
                task.await;
            }
        }
    }
    for on_the_loop in [true, false] {
        let alone = run(|| scenario(on_the_loop));
        let (tell, told) = mpsc::channel();
        let keeper = thread::spawn(move || {
            let _guard = ELSEWHERE.lock().unwrap();
            tell.send(()).unwrap();
            thread::sleep(300 * MS);
        });
        told.recv().unwrap();
        let beside = run(|| scenario(on_the_loop));
        assert!(beside.is_ok() && beside.leaks().is_empty(), "{beside}");
        assert_eq!((beside.digest(), beside.steps()), (alone.digest(), alone.steps()));
        keeper.join().unwrap();
    }
    assert_eq!(*ELSEWHERE.lock().unwrap(), 12);
}

/// The keeper's future is dropped with its run: the lock is free again, for the next run as well.
#[test]
fn a_lock_in_a_static_is_free_again() {
    static SHARED: Mutex<u32> = Mutex::new(0);
    async fn scenario() {
        let keeper = raddle::task("keeper").spawn_local(async {
            let _guard = SHARED.lock().unwrap();
            raddle::sleep(MS).await;
        });
        raddle::yield_now().await;
        *SHARED.lock().unwrap() += 1;
        keeper.await;
    }
    for _ in 0..2 {
        let report = Sim::new().strategy(raddle::StrategyKind::Fifo).require_boundary(true).run(scenario);
        assert_eq!(one_leak(&report).holder(), Some("keeper"), "{report}");
    }
    assert_eq!(*SHARED.lock().unwrap(), 0);
}

/// A lock as C libraries have them, for all threads of a process.
mod of_c {
    use raddle::{Check, Explore, Sim, StrategyKind};
    use std::cell::UnsafeCell;
    use std::future::Future;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
    use std::thread;
    use std::time::{Duration, Instant};

    pub struct Lock<T>(UnsafeCell<T>);

    // SAFETY: a lock of libc's is there to be used by several threads.
    unsafe impl<T> Sync for Lock<T> {}
    // SAFETY: it is not moved while it is in use: those here stay on the heap for ever.
    unsafe impl<T> Send for Lock<T> {}

    /// How it is taken, and let go.
    pub trait Of {
        fn take(&self);
        fn take_to_read(&self);
        fn let_go(&self);
    }

    impl Of for Lock<libc::pthread_mutex_t> {
        fn take(&self) {
            // SAFETY: it is there, and a mutex.
            assert_eq!(unsafe { libc::pthread_mutex_lock(self.0.get()) }, 0);
        }

        fn take_to_read(&self) {
            self.take();
        }

        fn let_go(&self) {
            // SAFETY: as above, and this thread has it.
            assert_eq!(unsafe { libc::pthread_mutex_unlock(self.0.get()) }, 0);
        }
    }

    impl Of for Lock<libc::pthread_rwlock_t> {
        fn take(&self) {
            // SAFETY: it is there, and such a lock.
            assert_eq!(unsafe { libc::pthread_rwlock_wrlock(self.0.get()) }, 0);
        }

        fn take_to_read(&self) {
            // SAFETY: as above.
            assert_eq!(unsafe { libc::pthread_rwlock_rdlock(self.0.get()) }, 0);
        }

        fn let_go(&self) {
            // SAFETY: as above, and this thread has it.
            assert_eq!(unsafe { libc::pthread_rwlock_unlock(self.0.get()) }, 0);
        }
    }

    pub fn on_the_heap<T>(lock: T) -> &'static Lock<T> {
        Box::leak(Box::new(Lock(UnsafeCell::new(lock))))
    }

    async fn take_turns(lock: &'static (impl Of + Sync), sleeps_with_it: bool) {
        let within = Arc::new(AtomicU32::new(0));
        let jobs = (0..3).map(|n| {
            let within = within.clone();
            raddle::unblock(move || {
                for _ in 0..3 {
                    lock.take();
                    assert_eq!(within.fetch_add(1, Ordering::SeqCst), 0, "two at once");
                    if sleeps_with_it {
                        // Others run meanwhile, and want it.
                        thread::sleep(Duration::from_millis(n));
                    }
                    within.fetch_sub(1, Ordering::SeqCst);
                    lock.let_go();
                    thread::sleep(Duration::from_millis(n));
                    lock.take_to_read();
                    lock.let_go();
                }
            })
        });
        for job in jobs.collect::<Vec<_>>() {
            job.await;
        }
        // Nobody of the run has it: the loop waits for others at most.
        lock.take();
        lock.let_go();
    }

    fn goes_the_same_way_beside_others(lock: &'static (impl Of + Sync), sleeps_with_it: bool) {
        let is_over = AtomicBool::new(false);
        let takes_it = || {
            let has_it_for = |time: Duration| {
                let began = Instant::now();
                while began.elapsed() < time {
                    std::hint::spin_loop();
                }
            };
            while !is_over.load(Ordering::Relaxed) {
                lock.take_to_read();
                has_it_for(Duration::from_micros(60));
                lock.let_go();
                lock.take();
                has_it_for(Duration::from_micros(30));
                lock.let_go();
                has_it_for(Duration::from_micros(100));
            }
        };
        let found = thread::scope(|scope| {
            (0..2).for_each(|_| drop(scope.spawn(takes_it)));
            let explore = Explore::new().seeds(0..60).check(Check::All).require_boundary(true);
            let found = explore.run(move || take_turns(lock, sleeps_with_it));
            is_over.store(true, Ordering::Relaxed);
            found
        });
        assert!(found.failures().is_empty(), "{found}");
        assert!(found.to_string().contains("60 runs"), "{found}");
    }

    #[test]
    fn a_mutex_that_threads_elsewhere_take() {
        goes_the_same_way_beside_others(on_the_heap(libc::PTHREAD_MUTEX_INITIALIZER), true);
    }

    /// One that no thread of the run wants while another one has it: who gets it of many is up to glibc.
    #[test]
    fn a_rwlock_that_threads_elsewhere_take() {
        goes_the_same_way_beside_others(on_the_heap(libc::PTHREAD_RWLOCK_INITIALIZER), false);
    }

    fn job_with(lock: &'static (impl Of + Sync)) -> impl Future<Output = ()> {
        raddle::unblock(move || {
            lock.take();
            thread::sleep(Duration::from_secs(5));
            lock.let_go();
        })
    }

    /// Of the run itself it is an event as ever, and a leak on the loop.
    #[test]
    fn a_mutex_that_a_job_has() {
        let lock = on_the_heap(libc::PTHREAD_MUTEX_INITIALIZER);
        let report = Sim::new().strategy(StrategyKind::Fifo).require_boundary(true).run(move || async move {
            let first = raddle::spawn(job_with(lock));
            raddle::sleep(Duration::from_secs(1)).await;
            lock.take();
            lock.let_go();
            assert_eq!(raddle::now().as_nanos(), 5_000_000_000);
            first.await;
            let others = [0, 1].map(|_| raddle::spawn(job_with(lock)));
            for other in others {
                other.await;
            }
        });
        let [leak] = report.leaks() else { panic!("{report}") };
        assert!(leak.holder().is_some_and(|holder| holder.contains("worker")), "{report}");
        assert_eq!(report.elapsed(), Duration::from_secs(15), "{report}");
    }
}
