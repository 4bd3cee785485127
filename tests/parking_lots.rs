//! Locks that are not std's: parking_lot's, and C's. In jobs they are waits in the world, in an order that the seed decides;
//! on the loop they are leaks, and it is told who had them.

#![cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]

mod common;

use parking_lot::{Condvar, Mutex, RwLock, RwLockUpgradableReadGuard};
use raddle::{Check, Class, Explore, Sim};
use std::cell::UnsafeCell;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

/// A lock of C's on the heap, as a C library has one: its waits are instructions within libc.
struct CMutex(UnsafeCell<libc::pthread_mutex_t>);

// SAFETY: it is there to be used by several threads.
unsafe impl Sync for CMutex {}

impl CMutex {
    fn new() -> Box<CMutex> {
        Box::new(CMutex(UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER)))
    }

    /// Holds it while `f` runs.
    fn with<R>(&self, f: impl FnOnce() -> R) -> R {
        // SAFETY: initialised, and in one place as long as it is shared.
        assert_eq!(unsafe { libc::pthread_mutex_lock(self.0.get()) }, 0);
        let result = f();
        // SAFETY: this thread has it.
        assert_eq!(unsafe { libc::pthread_mutex_unlock(self.0.get()) }, 0);
        result
    }
}

// ---- in jobs

/// Three jobs of 10 ms each with `shared`, which one after the other has: in more orders than one, the same for the same
/// seed, and in virtual time.
#[track_caller]
fn one_after_the_other<S: Send + Sync + 'static>(shared: fn() -> S, holds: fn(&S, &dyn Fn())) {
    let explore = Explore::new().seeds(0..16).require_boundary(true).check(Check::All).shrink_budget(0);
    let found = explore.run(move || async move {
        let (shared, order) = (Arc::new(shared()), Arc::new(std::sync::Mutex::new(Vec::new())));
        let before = raddle::now();
        let jobs = [0, 1, 2].map(|n| {
            let (shared, order) = (shared.clone(), order.clone());
            raddle::unblock(move || {
                holds(&shared, &|| {
                    thread::sleep(10 * MS);
                    order.lock().unwrap().push(n);
                })
            })
        });
        for job in jobs {
            job.await;
        }
        assert_eq!(raddle::now() - before, 30 * MS);
        order.lock().unwrap().clone()
    });
    assert!(found.is_ok(), "{found}");
    let orders: BTreeSet<&str> = found.outcomes().iter().map(|outcome| outcome.text()).collect();
    assert!(orders.len() > 1, "the seed decides: {found}");
}

#[test]
fn jobs_contend_for_a_mutex() {
    one_after_the_other(
        || Mutex::new(()),
        |mutex, f| {
            let _guard = mutex.lock();
            f();
        },
    );
}

#[test]
fn jobs_contend_for_a_lock_of_c() {
    one_after_the_other(CMutex::new, |mutex, f| mutex.with(f));
}

#[test]
fn jobs_contend_to_write() {
    one_after_the_other(
        || RwLock::new(()),
        |lock, f| {
            let guard = lock.upgradable_read();
            let _guard = RwLockUpgradableReadGuard::upgrade(guard);
            f();
        },
    );
}

/// What `job` gives on a worker, whatever the seed.
#[track_caller]
fn always<T: Debug + Send + 'static>(wanted: &str, job: fn() -> T) {
    let explore = Explore::new().seeds(0..16).require_boundary(true).check(Check::All).shrink_budget(0);
    let found = explore.run(move || raddle::unblock(job));
    assert!(found.is_ok(), "{found}");
    assert_eq!(found.outcomes().iter().map(|outcome| outcome.text()).collect::<Vec<_>>(), [wanted]);
}

#[test]
fn readers_read_at_once() {
    always("10ms", || {
        let lock = RwLock::new(());
        let before = std::time::Instant::now();
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let _guard = lock.read();
                    thread::sleep(10 * MS);
                });
            }
        });
        before.elapsed()
    });
}

#[test]
fn a_condition_is_waited_for_and_told() {
    always("(true, 3, 20ms)", || {
        let shared = (Mutex::new(0), Condvar::new());
        let before = std::time::Instant::now();
        let timed_out = shared.1.wait_for(&mut shared.0.lock(), 10 * MS).timed_out();
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    thread::sleep(10 * MS);
                    *shared.0.lock() += 1;
                    shared.1.notify_all();
                });
            }
            let mut count = shared.0.lock();
            shared.1.wait_while(&mut count, |count| *count < 3);
            (timed_out, *count, before.elapsed())
        })
    });
}

/// Three jobs that have a lock three times each: who gets it next.
async fn again_and_again() -> Vec<i32> {
    let shared = Arc::new(Mutex::new(Vec::new()));
    let jobs = [0, 1, 2].map(|n| {
        let shared = shared.clone();
        raddle::unblock(move || {
            for _ in 0..3 {
                let mut order = shared.lock();
                thread::sleep(MS);
                order.push(n);
            }
        })
    });
    for job in jobs {
        job.await;
    }
    shared.lock().clone()
}

/// parking_lot hands a lock over now and then instead of letting it go: by the clock, and by a moment that is kept for the
/// whole process. It is not to matter what an earlier run left there.
#[test]
fn no_run_is_fair_for_the_sake_of_another() {
    let explore = Explore::new().seeds(0..16).require_boundary(true).check(Check::All).shrink_budget(0);
    let found = explore.run(again_and_again);
    assert!(found.is_ok(), "{found}");
    assert!(found.outcomes().len() > 1, "the seed decides: {found}");
}

/// What is known of parking_lot is read once a process. By then a run is not to have been fair.
#[test]
#[ignore = "a victim"]
fn runs_twice() {
    if !common::is_victim() {
        return;
    }
    let run = || {
        let report = Sim::new().require_boundary(true).run(|| async {
            raddle::unblock(|| {
                let shared = (Mutex::new((0, Vec::new())), Condvar::new());
                thread::scope(|scope| {
                    let (mutex, condition) = &shared;
                    for n in [1, 2] {
                        scope.spawn(move || {
                            let mut order = mutex.lock();
                            order.0 += 1;
                            condition.wait_for(&mut order, 1000 * MS);
                            order.1.push(n);
                        });
                    }
                    while mutex.lock().0 < 2 {
                        thread::sleep(MS);
                    }
                    // They wait for the lock from here on, without having asked for it; it is handed over if that is fair.
                    let order = mutex.lock();
                    condition.notify_all();
                    drop(order);
                    mutex.lock().1.push(0);
                });
                shared.0.into_inner().1
            })
            .await
        });
        assert!(report.is_ok(), "{report}");
        (report.digest(), report.steps(), report.unwrap())
    };
    let first = run();
    println!("{}", if run() == first { "the same" } else { "another way" });
}

#[test]
fn the_first_run_of_a_process_is_as_any_other() {
    common::run(&mut common::command("runs_twice")).says(&["the same"]);
}

/// parking_lot has one table for the whole process, with a lock for each of its rows: that others wait for those at the same
/// time is nothing that a run is to show.
#[test]
fn threads_outside_the_world_wait_in_the_same_table() {
    let is_over = AtomicBool::new(false);
    let found = thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let conditions: Vec<Condvar> = (0..64).map(|_| Condvar::new()).collect();
                let mutex = Mutex::new(());
                while !is_over.load(Ordering::Relaxed) {
                    conditions.iter().for_each(|condition| {
                        // Queued, and out of the queue at once.
                        condition.wait_until(&mut mutex.lock(), std::time::Instant::now());
                    });
                }
            });
        }
        let explore = Explore::new().seeds(0..16).require_boundary(true).check(Check::All).shrink_budget(0);
        let found = explore.run(again_and_again);
        is_over.store(true, Ordering::Relaxed);
        found
    });
    assert!(found.is_ok(), "{found}");
}

// ---- on the loop

/// Runs `holds` in a job named "holder" for 40 ms, and `waits` on the loop 1 ms later: that is the one leak, and the job is
/// who had it.
#[track_caller]
fn is_told<S: Send + Sync + 'static>(shared: fn() -> S, holds: fn(&S), waits: fn(&S)) {
    let report = Sim::new().require_boundary(true).run(move || async move {
        let shared = Arc::new(shared());
        let theirs = shared.clone();
        let job = raddle::task("holder").unblock(move || holds(&theirs));
        raddle::sleep(MS).await;
        waits(&shared);
        job.await;
    });
    let [leak] = report.leaks() else { panic!("one leak: {report}") };
    assert_eq!((leak.class(), leak.is_for_ever(), leak.stood_still()), (Class::Lock, false, 39 * MS), "{leak}");
    assert_eq!(leak.holder(), Some("worker-1's job holder"), "{leak}");
    assert!(leak.to_string().contains(" at tests/parking_lots.rs:"), "{leak}");
}

#[test]
fn the_loop_waits_for_a_mutex() {
    let holds = |mutex: &Mutex<()>| {
        let _guard = mutex.lock();
        thread::sleep(40 * MS);
    };
    is_told(|| Mutex::new(()), holds, |mutex| drop(mutex.lock()));
}

#[test]
fn the_loop_waits_for_a_lock_of_c() {
    is_told(CMutex::new, |mutex| mutex.with(|| thread::sleep(40 * MS)), |mutex| mutex.with(|| ()));
}

#[test]
fn the_loop_waits_to_read_and_to_write() {
    let writes = |lock: &RwLock<()>| {
        let _guard = lock.write();
        thread::sleep(40 * MS);
    };
    let reads = |lock: &RwLock<()>| {
        let _guard = lock.read();
        thread::sleep(40 * MS);
    };
    is_told(|| RwLock::new(()), writes, |lock| drop(lock.read()));
    is_told(|| RwLock::new(()), reads, |lock| drop(lock.write()));
}

#[test]
fn the_loop_waits_for_a_condition() {
    is_told(
        || (Mutex::new(false), Condvar::new()),
        |(done, changed)| {
            thread::sleep(40 * MS);
            *done.lock() = true;
            changed.notify_one();
        },
        |(done, changed)| changed.wait_while(&mut done.lock(), |done| !*done),
    );
}

#[test]
fn nobody_waits_for_what_is_free() {
    let report = Sim::new().require_boundary(true).run(|| async {
        let shared = (Mutex::new(1), RwLock::new(1), Condvar::new(), CMutex::new());
        *shared.0.lock() += *shared.1.read();
        *shared.1.write() += 1;
        shared.2.notify_all();
        shared.3.with(|| assert!(shared.0.try_lock().is_some()));
    });
    assert!(report.is_ok() && report.leaks().is_empty(), "{report}");
}
