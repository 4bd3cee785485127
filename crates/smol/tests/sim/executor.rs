//! `Executor` and `LocalExecutor`.

use raddle::{FindingKind, Sim};
use smol::{Executor, LocalExecutor, Task, Timer, future};
use std::cell::RefCell;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[track_caller]
fn passes<F: Future<Output = ()> + 'static>(scenario: impl Fn() -> F + Send + 'static) {
    let report = Sim::new().run(scenario);
    assert!(report.is_ok(), "{report}");
}

#[test]
fn tasks_run_only_while_somebody_runs_the_executor() {
    passes(|| async {
        let log = Mutex::new(Vec::new());
        let executor = Executor::new();
        assert!(executor.is_empty());
        let task = executor.spawn(async { log.lock().unwrap().push("ran") });
        Timer::after(Duration::from_secs(1)).await;
        assert!(log.lock().unwrap().is_empty() && !executor.is_empty());
        executor.run(Timer::after(Duration::from_secs(1))).await;
        assert!(task.is_finished() && executor.is_empty());
        assert_eq!(*log.lock().unwrap(), ["ran"]);
    });
}

#[test]
fn one_tick_is_one_poll() {
    passes(|| async {
        let polls = Mutex::new(0);
        let executor = Executor::new();
        assert!(!executor.try_tick());
        let task = executor.spawn(async {
            for _ in 0..3 {
                *polls.lock().unwrap() += 1;
                future::yield_now().await;
            }
        });
        for n in 1..=3 {
            assert!(executor.try_tick());
            assert_eq!(*polls.lock().unwrap(), n);
        }
        assert!(executor.try_tick() && !executor.try_tick());
        assert!(task.is_finished());
        let later = executor.spawn(Timer::after(Duration::from_secs(1)));
        executor.tick().await;
        assert!(!later.is_finished());
        executor.tick().await;
        assert!(later.is_finished(), "tick waits for a task to be ready");
    });
}

/// Borrowed, shared, local, nested: all the ways smol-macros hands executors out.
#[test]
fn runs_by_reference_and_shared() {
    passes(|| async {
        let numbers = [1, 2, 3];
        let executor = Executor::new();
        let borrowed = executor.spawn(async { numbers.iter().sum::<i32>() });
        assert_eq!(executor.run(borrowed).await, 6);

        let shared = Arc::new(Executor::new());
        let inner = shared.clone();
        let task = shared.spawn(async move { inner.spawn(async { 5 }).await });
        assert_eq!(shared.run(task).await, 5);

        let local = Rc::new(LocalExecutor::new());
        let log = Rc::new(RefCell::new(Vec::new()));
        let mut handles: Vec<Task<()>> = Vec::new();
        let futures = (0..3).map(|n| {
            let log = log.clone();
            async move { log.borrow_mut().push(n) }
        });
        local.spawn_many(futures, &mut handles);
        local
            .run(async {
                for handle in handles {
                    handle.await;
                }
            })
            .await;
        assert_eq!(log.borrow().len(), 3);
        let mut handles: Vec<Task<i32>> = Vec::new();
        executor.spawn_many((0..3).map(|n| async move { n }), &mut handles);
        assert_eq!(executor.run(handles.pop().unwrap()).await, 2);

        let outer = LocalExecutor::new();
        let nested = outer.spawn(async {
            let inner = LocalExecutor::new();
            inner.run(inner.spawn(async { 9 })).await
        });
        assert_eq!(outer.run(nested).await, 9);
    });
}

static EXECUTOR: Executor<'static> = Executor::new();

#[test]
fn static_executors_serve_many_runs() {
    for seed in 0..20 {
        let report = Sim::new().seed(seed).run(|| async {
            EXECUTOR.spawn(future::pending::<()>()).detach();
            let task = EXECUTOR.spawn(async { Timer::after(Duration::from_secs(1)).await });
            EXECUTOR.run(task).await;
            assert!(!EXECUTOR.is_empty());
        });
        assert!(report.is_ok(), "{report}");
        assert_eq!(report.elapsed(), Duration::from_secs(1));
    }
}

#[test]
fn the_seed_decides_who_is_polled_next() {
    let outcomes = super::explore(|| async {
        let log = Mutex::new(Vec::new());
        let executor = LocalExecutor::new();
        let step = |n| {
            let log = &log;
            async move {
                for _ in 0..2 {
                    log.lock().unwrap().push(n);
                    future::yield_now().await;
                }
            }
        };
        let (a, b) = (executor.spawn(step(1)), executor.spawn(step(2)));
        executor.run(future::zip(a, b)).await;
        drop(executor);
        log.into_inner().unwrap()
    });
    assert_eq!(outcomes, 6, "all orders of two times two steps");
}

/// A bug that needs one order of an executor's tasks is found, minimised, and told by their names.
#[test]
fn a_race_within_an_executor_is_found_and_told() {
    async fn reader(slot: Arc<Mutex<Option<u32>>>) {
        assert!(slot.lock().unwrap().is_some(), "read before it was written");
    }
    async fn writer(slot: Arc<Mutex<Option<u32>>>) {
        *slot.lock().unwrap() = Some(1);
    }
    let found = raddle::Explore::new().seeds(0..64).run(|| async {
        let executor = Executor::new();
        let slot = Arc::new(Mutex::new(None));
        let (written, read) = (executor.spawn(writer(slot.clone())), executor.spawn(reader(slot)));
        executor.run(future::zip(written, read)).await;
    });
    let failure = found.first_failure().expect("some seed reads first");
    assert_eq!(failure.minimised().len(), 1, "{failure}");
    let text = failure.to_string();
    assert!(text.contains("reader#1") && text.contains("before writer#1"), "{text}");
}

#[test]
fn a_task_that_is_dropped_is_cancelled_and_panics_are_told() {
    passes(|| async {
        let executor = Executor::new();
        let held = Arc::new(());
        let theirs = held.clone();
        let task = executor.spawn(async move {
            future::pending::<()>().await;
            drop(theirs);
        });
        executor.run(future::yield_now()).await;
        drop(task);
        executor.run(future::yield_now()).await;
        assert_eq!(Arc::strong_count(&held), 1);
        assert!(executor.is_empty());
        let theirs = held.clone();
        executor
            .spawn(async move {
                future::pending::<()>().await;
                drop(theirs);
            })
            .detach();
        executor.run(future::yield_now()).await;
        drop(executor);
        assert_eq!(Arc::strong_count(&held), 1, "the executor takes its tasks along");
    });
    let report = Sim::new().run(|| async {
        let executor = Executor::new();
        executor.run(executor.spawn(async { panic!("within the executor") })).await;
    });
    assert_eq!(report.finding().map(|f| f.kind()), Some(FindingKind::Panic));
    assert!(report.to_string().contains("within the executor"), "{report}");
}

/// Threads that run an executor, as `easy_parallel` has it: here they are jobs of the pool.
#[test]
fn several_threads_run_one_executor() {
    let outcomes = super::explore(|| async {
        let executor = Arc::new(Executor::new());
        let (stop, stopped) = smol::channel::bounded::<()>(1);
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (executor, stopped) = (executor.clone(), stopped.clone());
                smol::unblock(move || smol::block_on(executor.run(stopped.recv())))
            })
            .collect();
        let tasks: Vec<Task<String>> = (0..4)
            .map(|_| executor.spawn(async { std::thread::current().name().unwrap_or_default().to_string() }))
            .collect();
        let mut by = Vec::new();
        for task in tasks {
            by.push(task.await);
        }
        drop(stop);
        for thread in threads {
            assert!(thread.await.is_err());
        }
        by
    });
    assert!(outcomes > 3, "{outcomes}: which thread runs which task is open");
}

#[test]
fn has_the_traits_of_smols() {
    fn is<T: Send + Sync + UnwindSafe + RefUnwindSafe + std::fmt::Debug + Default>() {}
    fn is_local<T: UnwindSafe + RefUnwindSafe + std::fmt::Debug + Default>() {}
    is::<Executor<'static>>();
    is_local::<LocalExecutor<'static>>();
}
