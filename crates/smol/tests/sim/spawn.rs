//! `spawn`, `unblock`, `Task` and `block_on`.

use raddle::{FindingKind, Sim};
use smol::future::{self, FutureExt};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// Counts how often it is dropped.
#[derive(Clone, Default)]
struct Drops(Arc<AtomicUsize>);

impl Drop for Drops {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn tasks_interleave_as_the_seed_says() {
    let outcomes = super::explore(|| async {
        let log = Arc::new(std::sync::Mutex::new(Vec::new()));
        let task = |n| {
            let log = log.clone();
            smol::spawn(async move {
                for _ in 0..2 {
                    log.lock().unwrap().push(n);
                    future::yield_now().await;
                }
            })
        };
        let (a, b) = (task(1), task(2));
        a.await;
        b.await;
        Arc::into_inner(log).unwrap().into_inner().unwrap()
    });
    assert_eq!(outcomes, 6, "all orders of two times two steps");
}

#[test]
fn a_task_that_is_dropped_is_cancelled_and_its_future_dropped() {
    let report = Sim::new().run(|| async {
        let drops = Drops::default();
        let (held, seen) = (drops.clone(), drops.0.clone());
        let task = smol::spawn(async move {
            let _held = held;
            future::pending::<()>().await;
        });
        future::yield_now().await;
        drop(task);
        for _ in 0..3 {
            future::yield_now().await;
        }
        assert_eq!(seen.load(Relaxed), 1);
        let task = smol::spawn(async { future::pending::<()>().await });
        assert_eq!(task.cancel().await, None);
    });
    assert!(report.is_ok(), "{report}");
    assert!(report.pending().is_empty(), "both tasks are gone");
}

#[test]
fn a_detached_task_that_never_ends_is_dropped_with_its_run() {
    let drops = Drops::default();
    let held = drops.clone();
    let report = Sim::new().run(move || {
        let held = held.clone();
        async move {
            let held = held.clone();
            smol::spawn(async move {
                let _held = held;
                future::pending::<()>().await;
            })
            .detach();
            future::yield_now().await;
            future::yield_now().await;
        }
    });
    assert!(report.is_ok(), "{report}");
    // One clone for each of: the scenario's own, the task's, and the closure's.
    assert_eq!(drops.0.load(Relaxed), 3);
}

#[test]
fn a_panic_in_a_task_is_a_finding_and_told_with_its_place() {
    let report = Sim::new().run(|| async {
        smol::spawn(async { panic!("the task is not well") }).await;
    });
    let finding = report.finding().expect("it panicked");
    assert_eq!(finding.kind(), FindingKind::Panic);
    let text = report.to_string();
    assert!(text.contains("the task is not well") && text.contains("spawn.rs:"), "{text}");
    let report = Sim::new().run(|| async { smol::unblock(|| panic!("nor is the job")).await });
    assert!(report.to_string().contains("nor is the job"), "{report}");
}

#[test]
fn a_task_that_waits_for_ever_is_a_deadlock_told_with_its_name() {
    let report = Sim::new().run(|| async {
        let (sender, receiver) = smol::channel::bounded::<()>(1);
        let waiting = smol::spawn(async move { receiver.recv().await });
        let _ = waiting.await;
        drop(sender);
    });
    assert_eq!(report.finding().map(|f| f.kind()), Some(FindingKind::Deadlock), "{report}");
    let text = report.to_string();
    assert!(text.contains("a_task_that_waits_for_ever"), "{text}");
}

#[test]
fn a_waker_that_is_lost_is_told() {
    let report = Sim::new().run(|| async {
        smol::spawn(async { std::future::poll_fn(|_| std::task::Poll::<()>::Pending).await }).await;
    });
    assert_eq!(report.finding().map(|f| f.kind()), Some(FindingKind::Deadlock));
    assert!(report.to_string().contains("nobody holds its waker"), "{report}");
}

#[test]
fn jobs_run_on_workers_and_queued_ones_can_be_cancelled() {
    let report = Sim::new().pool_threads(1).run(|| async {
        let ran = Arc::new(AtomicUsize::new(0));
        let job = |ran: &Arc<AtomicUsize>| {
            let ran = ran.clone();
            smol::unblock(move || {
                raddle::thread::sleep(Duration::from_secs(1));
                ran.fetch_add(1, Relaxed);
                std::thread::current().name().map(str::to_string)
            })
        };
        let (first, second) = (job(&ran), job(&ran));
        smol::Timer::after(Duration::from_millis(1)).await;
        drop(second);
        assert_eq!(first.await.as_deref(), Some("worker-1"));
        assert_eq!(job(&ran).await.as_deref(), Some("worker-1"));
        assert_eq!(ran.load(Relaxed), 2);
    });
    assert!(report.is_ok(), "{report}");
    assert_eq!(report.elapsed(), Duration::from_secs(2));
}

#[test]
fn block_on_waits_on_a_worker_and_costs_nothing_if_it_need_not_wait() {
    let report = Sim::new().run(|| async {
        assert_eq!(smol::block_on(async { 1 }), 1, "ready at once: no leak");
        assert_eq!(smol::block_on(future::yield_now().or(future::pending())), ());
        let slept = smol::unblock(|| smol::block_on(smol::Timer::after(Duration::from_secs(3))));
        slept.await;
    });
    assert!(report.is_ok(), "{report}");
    assert_eq!(report.elapsed(), Duration::from_secs(3));
}

#[test]
fn block_on_on_the_loop_is_a_leak() {
    let report = Sim::new().run(|| async {
        let job = smol::unblock(|| raddle::thread::sleep(Duration::from_secs(1)));
        smol::block_on(job);
        smol::block_on(smol::Timer::after(Duration::from_secs(1)));
    });
    assert_eq!(report.finding().map(|f| f.kind()), Some(FindingKind::Leak), "{report}");
    assert_eq!(report.elapsed(), Duration::from_secs(2));
    let text = report.to_string();
    assert!(text.contains("block_on") && text.contains("spawn.rs:"), "{text}");
}

#[test]
fn block_on_on_the_loop_for_a_task_would_never_return() {
    let report = Sim::new().run(|| async {
        let task = smol::spawn(async {});
        smol::block_on(task);
    });
    let text = report.to_string();
    assert!(text.contains("all tasks stand still"), "{text}");
}

/// `race` draws from fastrand, which is seeded on each thread of the world.
#[test]
fn race_is_the_seeds() {
    let race = |seed: u64| {
        let report = Sim::new().seed(seed).run(|| async {
            let wins = Cell::new(0_u64);
            for round in 0..64 {
                let a = future::ready(1);
                wins.set(wins.get() | future::race(a, future::ready(0)).await << round);
            }
            wins.get()
        });
        report.unwrap()
    };
    assert_eq!(race(1), race(1));
    assert_ne!(race(1), race(2));
}

/// `async_lock::Mutex` hands itself over to whoever starved for 500 µs of the clock: virtual time, where the boundary
/// owns the clocks.
#[test]
fn fairness_of_the_mutex_is_the_seeds() {
    let digest = || {
        let report = Sim::new().seed(9).run(|| async {
            let mutex = Arc::new(smol::lock::Mutex::new(Vec::new()));
            let tasks: Vec<_> = (0..4)
                .map(|n| {
                    let mutex = mutex.clone();
                    smol::spawn(async move {
                        for _ in 0..20 {
                            let mut guard = mutex.lock().await;
                            guard.push(n);
                            smol::Timer::after(Duration::from_micros(200)).await;
                            // Real time passes as well; it must not count.
                            std::hint::black_box((0..2_000).sum::<u64>());
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await;
            }
            mutex.lock().await.clone()
        });
        (report.digest(), report.unwrap())
    };
    let first = digest();
    (0..5).for_each(|_| assert_eq!(digest(), first));
}
