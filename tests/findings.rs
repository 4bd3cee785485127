//! A canary for each finding: it must be caught, and told so that one can act on it.

mod common;

use common::in_order;
use common::scenarios::ms;
use futures_lite::future;
use raddle::{Check, Explore, Finding, FindingKind, Report, Sim, StrategyKind};
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::task::{Context, Poll, Waker};

/// The finding of a fifo run, whose text must hold `wanted`, in order, and end in the line that replays it.
#[track_caller]
fn caught<Fut, T>(sim: Sim, wanted: &[&str], scenario: impl Fn() -> Fut + Send) -> Finding
where
    Fut: Future<Output = T> + 'static,
    T: Debug + Send + 'static,
{
    let report = sim.name("canary").strategy(StrategyKind::Fifo).run(scenario);
    told(&report, wanted);
    report.finding().cloned().expect("it was told")
}

#[track_caller]
fn told<T>(report: &Report<T>, wanted: &[&str]) {
    let text = report.to_string();
    assert!(report.finding().is_some(), "nothing was found: {text}");
    in_order(&text, wanted);
    let last = text.lines().last().unwrap();
    assert!(last.starts_with("  replay: raddle::Sim::new().seed(0x"), "{text}");
    assert_eq!(text.matches("replay:").count(), 1, "{text}");
}

#[test]
fn a_panic_in_a_task() {
    let finding = caught(
        Sim::new().seed(0x2f),
        &[
            "canary failed: panicked at tests/findings.rs:",
            ": no money left",
            "seed 0x2f, step 2 of 2, at 0 ns virtual, in transfer",
            "interleaving",
            "transfer: panicked",
        ],
        || async {
            raddle::task("transfer").spawn(async { panic!("no money left") }).detach();
            future::pending::<()>().await;
        },
    );
    assert_eq!(
        (finding.kind(), finding.message(), finding.task()),
        (FindingKind::Panic, "no money left", Some("transfer"))
    );
}

#[test]
fn a_panic_before_the_first_poll_and_one_that_is_no_text() {
    let finding = caught(Sim::new(), &["too early"], || {
        assert!(raddle::in_run());
        if raddle::in_run() {
            panic!("too early");
        }
        async {}
    });
    assert_eq!(finding.kind(), FindingKind::Panic);
    let finding = caught(Sim::new(), &["a value that is no text"], || async { std::panic::panic_any(17u32) });
    assert_eq!(finding.kind(), FindingKind::Panic);
}

/// The panic hook hears nothing of it: what it says is known to whoever catches it.
#[test]
fn a_panic_that_is_resumed_says_what_it_was() {
    fn resumed() {
        std::panic::resume_unwind(Box::new("once more"));
    }
    let message = |sim: Sim, scenario: fn() -> Pin<Box<dyn Future<Output = ()>>>| {
        caught(sim, &["once more"], scenario).message().to_string()
    };
    assert_eq!(message(Sim::new(), || Box::pin(async { resumed() })), "once more");
    assert_eq!(message(Sim::new(), || Box::pin(async { raddle::spawn(async { resumed() }).await })), "once more");
    assert_eq!(message(Sim::new(), || Box::pin(async { raddle::unblock(resumed).await })), "once more");
    let left_to_who_awaits = || Sim::new().allow_panics(true);
    let awaited = || -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(async { raddle::spawn(async { raddle::spawn(async { resumed() }).await }).await })
    };
    assert_eq!(message(left_to_who_awaits(), awaited), "once more");
    let unheard = left_to_who_awaits().run(|| async { raddle::spawn(async { resumed() }).fallible().detach() });
    assert!(unheard.is_ok());
}

#[test]
fn a_future_that_panics_and_whose_destructor_panics_too() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("the second");
        }
    }
    // Not dropped while the poll is unwound, which would abort, but with the future.
    let scenario = || async {
        let bomb = Bomb;
        let broken = std::future::poll_fn::<(), _>(move |_| {
            let _ = &bomb;
            panic!("the first")
        });
        raddle::spawn(broken).await
    };
    let finding = caught(Sim::new(), &["the first"], scenario);
    assert_eq!((finding.kind(), finding.message()), (FindingKind::Panic, "the first"));
    let found = Explore::new().seeds(0..4).run(scenario);
    assert_eq!(found.failures().len(), 1, "{found}");
    assert!(found.to_string().contains("the first"), "{found}");
}

#[test]
fn an_err_of_the_scenario() {
    let finding = caught(Sim::new(), &["canary failed: returned Err(\"no such account\")", "in scenario"], || async {
        Err::<(), _>("no such account")
    });
    assert_eq!(finding.kind(), FindingKind::Error);
    // Only the scenario's own: an `Err` in a task is a value.
    let inner = Sim::new().run(|| async { raddle::spawn(async { Err::<(), _>(1) }).await.is_err() });
    assert!(inner.unwrap());
    let error = Sim::new().run(|| async { Err::<u8, u8>(3) });
    assert_eq!(error.value(), Some(&Err(3)), "the value is there as well");
}

#[test]
fn an_error_type_that_looks_like_one_is_none() {
    #[derive(Debug)]
    #[allow(dead_code)]
    struct Err(u8);
    assert!(Sim::new().run(|| async { Err(3) }).is_ok());
    assert!(Sim::new().run(|| async { Some(Result::<u8, u8>::Err(3)) }).is_ok());
}

/// As anyhow and eyre write an error where `RUST_BACKTRACE` is set. A backtrace says, too, on which thread and below which
/// of raddle's functions the scenario was polled, and that is not the same in every run.
#[test]
fn the_backtrace_of_an_error_does_not_tell_runs_apart() {
    struct Traced(Backtrace);
    impl Debug for Traced {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            static NTH: AtomicU32 = AtomicU32::new(0);
            let nth = NTH.fetch_add(1, SeqCst);
            write!(f, "no such account\n\nStack backtrace:\n{}   99: raddle::run::{nth}\n", self.0)
        }
    }
    async fn withdraw() -> Result<(), Traced> {
        Err(Traced(Backtrace::force_capture()))
    }
    let found = Explore::new().seeds(0..4).check(Check::All).run(withdraw);
    let finding = found.failures()[0].finding().unwrap();
    assert_eq!((finding.kind(), finding.message()), (FindingKind::Error, "Err(no such account)"), "{found}");
    in_order(&found.to_string(), &["returned Err(no such account)", "stack:", "findings::", "withdraw", "replay:"]);
}

/// Two tasks that wait for each other's message.
async fn cycle() {
    let (to_left, from_right) = async_channel::bounded::<()>(1);
    let (to_right, from_left) = async_channel::bounded::<()>(1);
    let left = raddle::task("left").spawn(async move {
        from_right.recv().await.ok();
        to_right.send(()).await.ok();
    });
    raddle::sleep(ms(3)).await;
    let right = raddle::task("right").spawn(async move {
        raddle::yield_now().await;
        from_left.recv().await.ok();
        to_left.send(()).await.ok();
    });
    left.await;
    right.await;
}

#[test]
fn a_cycle() {
    let finding = caught(
        Sim::new(),
        &[
            "canary failed: deadlock: nothing can run, and 3 wait for ever",
            "at 3 ms virtual",
            "waiting:",
            "scenario (spawned at tests/findings.rs:",
            "): last polled at step 3, 3 ms, woken by the clock",
            "left (spawned at tests/findings.rs:",
            "): last polled at step 2, 0 ns, woken by its spawning",
            "right (spawned at tests/findings.rs:",
            "): last polled at step 5, 3 ms, woken by right",
        ],
        cycle,
    );
    assert_eq!(finding.kind(), FindingKind::Deadlock);
    assert!(!finding.details().concat().contains("nobody holds its waker"), "{finding:?}");
}

/// A future that keeps the waker of its first poll only, as a careless one does.
struct KeepsTheFirst(Rc<RefCell<Option<Waker>>>, bool);
impl Future for KeepsTheFirst {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.1, true) && self.0.borrow().is_none() {
            return Poll::Ready(());
        }
        let mut waker = self.0.borrow_mut();
        waker.get_or_insert_with(|| cx.waker().clone());
        Poll::Pending
    }
}

#[test]
fn a_lost_wakeup_is_no_cycle() {
    let finding = caught(
        Sim::new(),
        &[
            "canary failed: deadlock: lost wakeup: second can never be woken, nobody holds its waker any more",
            "waiting:",
            "scenario (",
            "second (",
            "; nobody holds its waker",
            "what to do: a future that returns `Pending` must keep the newest waker",
        ],
        || async {
            let shared = Rc::new(RefCell::new(None));
            let theirs = KeepsTheFirst(shared.clone(), false);
            // Polled once by the first task, then moved to the second.
            let moved = Rc::new(RefCell::new(Some(Box::pin(theirs))));
            let (one, two) = (moved.clone(), moved);
            raddle::task("first")
                .spawn_local(async move {
                    let mut future = one.borrow_mut().take().unwrap();
                    future::poll_once(&mut future).await;
                    *one.borrow_mut() = Some(future);
                })
                .await;
            let second = raddle::task("second").spawn_local(async move {
                let future = two.borrow_mut().take().unwrap();
                future.await;
            });
            raddle::yield_now().await;
            let waker: Option<Waker> = shared.borrow_mut().take();
            waker.unwrap().wake();
            second.await;
        },
    );
    assert_eq!(finding.kind(), FindingKind::Deadlock);
}

#[test]
fn a_task_that_spins() {
    let finding = caught(
        Sim::new().max_steps(500),
        &[
            "canary failed: livelock: still running after 500 steps, at 0 ns virtual",
            "step 500 of 500",
            "the busiest tasks:",
            "spinner (spawned at tests/findings.rs:",
            "): 499 polls",
            "what to do: a task that waits in a loop must wait for something",
        ],
        || async {
            raddle::task("spinner")
                .spawn(async {
                    loop {
                        raddle::yield_now().await;
                    }
                })
                .await;
        },
    );
    assert_eq!(finding.kind(), FindingKind::Livelock);
    // The limit holds where it applies.
    let exact = |limit| Sim::new().max_steps(limit).run(|| async { raddle::yield_now().await }).is_ok();
    assert_eq!((exact(1), exact(2)), (false, true));
}

#[test]
fn a_scenario_that_spawns_for_ever() {
    fn breed() -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async {
            raddle::spawn(breed()).detach();
            raddle::spawn(breed()).detach();
            raddle::yield_now().await;
        })
    }
    let scenario = || async {
        breed().await;
        future::pending::<()>().await;
    };
    let finding = caught(Sim::new().max_steps(3_000), &["livelock: still running after 3000 steps"], scenario);
    assert_eq!(finding.kind(), FindingKind::Livelock);
}

struct PanicsWhenDropped(&'static str);
impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic!("{}", self.0);
    }
}

#[test]
fn a_panic_in_a_destructor() {
    let at_the_end = caught(
        Sim::new(),
        &["canary failed: panicked in a destructor at tests/findings.rs:", "dropped with the run"],
        || async {
            let held = PanicsWhenDropped("dropped with the run");
            raddle::task("holder")
                .spawn(async move {
                    future::pending::<()>().await;
                    drop(held);
                })
                .detach();
            raddle::yield_now().await;
        },
    );
    assert_eq!(at_the_end.kind(), FindingKind::DropPanic);
    let cancelled = caught(Sim::new(), &["panicked in a destructor", "dropped half-way"], || async {
        let held = PanicsWhenDropped("dropped half-way");
        let task = raddle::task("holder").spawn(async move {
            future::pending::<()>().await;
            drop(held);
        });
        raddle::yield_now().await;
        task.cancel().await;
        future::pending::<()>().await;
    });
    assert_eq!(cancelled.kind(), FindingKind::DropPanic);
    let done = caught(Sim::new(), &["panicked", "dropped when done"], || async {
        let held = PanicsWhenDropped("dropped when done");
        raddle::spawn(async move {
            let _held = &held;
        })
        .await;
    });
    assert_eq!(done.kind(), FindingKind::Panic, "while it was polled");
}

#[test]
fn destructors_that_panic_one_after_the_other() {
    let report = Sim::new().run(|| async {
        for text in ["one", "two", "three"] {
            let held = PanicsWhenDropped(text);
            raddle::spawn(async move {
                future::pending::<()>().await;
                drop(held);
            })
            .detach();
        }
        raddle::sleep(ms(1)).await;
    });
    assert_eq!(report.finding().unwrap().kind(), FindingKind::DropPanic, "{report}");
}

/// After a panic the other tasks are not dropped: on a poisoned lock theirs would be the second panic at once.
#[test]
fn a_panic_poisons_a_lock_that_destructors_use() {
    struct Unlocks(Arc<Mutex<u32>>);
    impl Drop for Unlocks {
        fn drop(&mut self) {
            *self.0.lock().unwrap() += 1;
        }
    }
    let finding = caught(Sim::new(), &["panicked at", "while holding the lock"], || async {
        let lock = Arc::new(Mutex::new(0));
        for _ in 0..3 {
            let unlocks = Unlocks(lock.clone());
            raddle::spawn(async move {
                future::pending::<()>().await;
                drop(unlocks);
            })
            .detach();
        }
        raddle::yield_now().await;
        let _held = lock.lock().unwrap();
        panic!("while holding the lock");
    });
    assert_eq!(finding.kind(), FindingKind::Panic);
}

#[test]
fn tasks_that_are_still_pending() {
    let scenario = || async {
        raddle::task("heartbeat").spawn(future::pending::<()>()).detach();
        raddle::unblock(|| ()).await;
        raddle::task("writer").unblock(|| raddle::thread::sleep(ms(1))).detach();
        raddle::yield_now().await;
    };
    let report = Sim::new().strategy(StrategyKind::Fifo).run(scenario);
    assert!(report.is_ok() && report.pending() == ["heartbeat", "writer"], "{:?}", report.pending());
    let finding = caught(
        Sim::new().deny_pending(true),
        &[
            "canary failed: pending tasks: 2 still alive when the scenario returned: heartbeat, writer",
            "still alive:",
            "heartbeat (spawned at tests/findings.rs:",
            "writer (spawned at tests/findings.rs:",
            "what to do: await or cancel every task",
        ],
        scenario,
    );
    assert_eq!(finding.kind(), FindingKind::Pending);
    assert!(
        Sim::new().deny_pending(true).run(|| async { raddle::unblock(|| ()).await }).is_ok(),
        "idle workers do not count"
    );
}

type Deed = Box<dyn FnOnce() + Send>;

/// A thread outside every world: to be called before the run first.
fn intruder() -> &'static Mutex<mpsc::Sender<Deed>> {
    static SENDER: OnceLock<Mutex<mpsc::Sender<Deed>>> = OnceLock::new();
    SENDER.get_or_init(|| {
        let (sender, receiver) = mpsc::channel::<Deed>();
        let work = move || receiver.iter().for_each(|deed| deed());
        std::thread::Builder::new().name("intruder".into()).spawn(work).unwrap();
        Mutex::new(sender)
    })
}

/// A task that waits for a thread outside the world, which sends when it is told to.
async fn waits_for_a_thread() {
    let (sender, receiver) = async_channel::bounded(1);
    raddle::task("waiter").spawn(async move { receiver.recv().await }).detach();
    raddle::yield_now().await;
    let done = Arc::new(AtomicBool::new(false));
    let told = done.clone();
    let deed = move || {
        sender.try_send(()).unwrap();
        told.store(true, SeqCst);
    };
    intruder().lock().unwrap().send(Box::new(deed)).unwrap();
    while !done.load(SeqCst) {
        std::hint::spin_loop();
    }
    future::pending::<()>().await;
}

const FOREIGN: &[&str] = &[
    "canary failed: foreign wake: waiter was woken by thread \"intruder\", which is not part of this world",
    "in waiter",
    "what to do: the order of such a wake is up to the operating system",
    "start the thread's work with `raddle::unblock`",
];

#[test]
fn a_wake_from_outside() {
    intruder();
    let finding = caught(Sim::new(), FOREIGN, waits_for_a_thread);
    assert_eq!(finding.kind(), FindingKind::ForeignWake);
}

#[test]
fn a_wake_from_outside_in_an_exploration() {
    intruder();
    let found = Explore::new().name("canary").seeds(0..1).strategy(StrategyKind::Fifo).run(waits_for_a_thread);
    told(found.first_failure().expect("it is found").report(), FOREIGN);
}

/// Nothing can run when the thread is about to wake somebody. Untraced, that is a deadlock; told in full, it is not.
#[test]
fn a_wake_from_outside_that_comes_late() {
    /// For so long, in microseconds, a run that is told in full surely waits: it does for 50 ms from when nothing can run.
    const IN_TIME: u32 = 45_000;
    intruder();
    let took = Arc::new(AtomicU32::new(0));
    let scenario = || {
        let took = took.clone();
        async move {
            let (sender, receiver) = async_channel::bounded(1);
            let waiter = raddle::task("waiter").spawn(async move { receiver.recv().await });
            raddle::yield_now().await;
            let runs = Arc::new(AtomicBool::new(false));
            let it_runs = runs.clone();
            let deed = move || {
                let start = std::time::Instant::now();
                it_runs.store(true, SeqCst);
                // After the loop has come to rest, most likely; either way it is the same finding. It does not give its
                // processor away meanwhile: on a loaded machine it might be long until it has one again.
                while start.elapsed() < std::time::Duration::from_micros(200) {
                    std::hint::spin_loop();
                }
                let _ = sender.try_send(());
                took.fetch_max(start.elapsed().as_micros() as u32, SeqCst);
            };
            intruder().lock().unwrap().send(Box::new(deed)).unwrap();
            // On a loaded machine it may be long until it has a processor, longer than a run waits for such a wake.
            while !runs.load(SeqCst) {
                std::hint::spin_loop();
            }
            waiter.await.unwrap();
        }
    };
    // It may lose its processor all the same, and be too late: that run says nothing.
    let mut in_time = 0;
    for _ in 0..100 {
        took.store(0, SeqCst);
        let found =
            Explore::new().name("canary").seeds(0..1).check(Check::Off).strategy(StrategyKind::Fifo).run(scenario);
        while Arc::strong_count(&took) > 1 {
            std::thread::yield_now();
        }
        if took.load(SeqCst) < IN_TIME {
            told(found.first_failure().expect("it is found").report(), FOREIGN);
            in_time += 1;
        }
        if in_time == 5 {
            return;
        }
    }
    panic!("{in_time} of 100 in time");
}

#[test]
fn a_static_that_counts_on_is_a_divergence() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let found = Explore::new().name("canary").seeds(0..10).run(|| async {
        raddle::task("steady").spawn(async {}).await;
        if RUNS.fetch_add(1, SeqCst).is_multiple_of(2) {
            raddle::task("odd").spawn(async {}).await;
        }
    });
    let failure = found.first_failure().expect("the first seed goes two ways");
    assert_eq!(failure.finding().unwrap().kind(), FindingKind::Divergence);
    let text = failure.to_string();
    in_order(
        &text,
        &[
            "canary failed: divergence: the same seed went two ways",
            "the first difference, at step ",
            "one run:   scenario spawns odd",
            "the other: nothing more",
            "what to do: something outside the seed decides: an address, the wall clock",
            "isolation = \"process\"",
            "replay: raddle::Explore::new().seeds(0x0..0x1).check(raddle::Check::All).run(…)",
        ],
    );
    assert_eq!(found.runs(), 1, "nothing found later could be replayed");
}

/// Where child processes have a part in it, they come first.
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
#[test]
fn a_divergence_beside_child_processes_names_them() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    for isolation in [raddle::Isolation::Thread, raddle::Isolation::Process] {
        let grows = folder.join(format!("a_child_has_counted_{}_{isolation:?}", std::process::id()));
        let found = Explore::new().name("canary").isolation(isolation).seeds(0..10).run(|| {
            let grows = grows.clone();
            raddle::unblock(move || {
                let script = "echo x >> \"$1\"; wc -c < \"$1\"";
                std::process::Command::new("sh").args(["-c", script, "sh"]).arg(grows).output().unwrap().stdout
            })
        });
        std::fs::remove_file(&grows).unwrap();
        in_order(
            &found.to_string(),
            &["the same seed went two ways", "what to do: child processes of the run decide", "try_wait", "an address"],
        );
    }
}

#[test]
fn a_result_alone_may_diverge() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let explore = |check| Explore::new().seeds(0..10).check(check).run(|| async { RUNS.fetch_add(1, SeqCst) });
    let found = explore(Check::First);
    in_order(
        &found.to_string(),
        &["divergence", "the events are the same, what was returned is not", "one run:   ", "the other: "],
    );
    assert!(explore(Check::Off).is_ok(), "unless nobody looks");
}

#[test]
fn a_failure_that_does_not_come_back() {
    static FAILED: AtomicBool = AtomicBool::new(false);
    let found = Explore::new().seeds(0..10).check(Check::Off).run(|| async {
        assert!(FAILED.swap(true, SeqCst), "only the first time");
    });
    in_order(
        &found.to_string(),
        &[
            "divergence: the failure did not come back when its seed was run again",
            "one run:   panicked at tests/findings.rs",
            "only the first time",
            "the other: it passed",
        ],
    );
}

#[test]
fn calls_outside_a_run_say_so() {
    #[track_caller]
    fn says(wanted: &str, call: impl FnOnce() + std::panic::UnwindSafe) {
        let payload = std::panic::catch_unwind(call).expect_err(wanted);
        let text = payload.downcast_ref::<String>().unwrap();
        in_order(text, &[wanted, "outside a run"]);
    }
    says("raddle::spawn was called", || drop(raddle::spawn(async {})));
    says("raddle::spawn_local was called", || drop(raddle::spawn_local(async {})));
    says("raddle::unblock was called", || drop(raddle::unblock(|| ())));
    says("raddle::task(…).spawn was called", || drop(raddle::task("a").spawn(async {})));
    says("raddle::now was called", || {
        let _ = raddle::now();
    });
    says("raddle::now was called", || drop(raddle::sleep(ms(1))));
    says("raddle::rng was called", || {
        raddle::rng();
    });
    says("raddle::sleep was called", || future::block_on(raddle::sleep_until(raddle::Instant::START)));
    says("raddle::thread::yield_now was called", raddle::thread::yield_now);
    says("raddle::thread::sleep was called", || raddle::thread::sleep(ms(1)));
    says("raddle::thread::block_on was called", || raddle::thread::block_on(async {}));
    raddle::note!("a note does nothing there");
}

#[test]
fn calls_on_the_wrong_thread_say_so() {
    let on_the_loop =
        caught(Sim::new(), &["raddle::thread::block_on was called on the loop", "await instead"], || async {
            raddle::thread::block_on(async {});
        });
    assert_eq!(on_the_loop.kind(), FindingKind::Panic);
    let on_a_worker = caught(Sim::new(), &["raddle::spawn_local was called on a worker"], || async {
        raddle::unblock(|| raddle::spawn_local(async {}).detach()).await;
    });
    assert_eq!(on_a_worker.kind(), FindingKind::Panic);
}

#[test]
fn a_run_within_a_run() {
    let inner = || Sim::new().run(|| async { 1 });
    let in_a_task =
        Sim::new().run(move || async move { inner().finding().map(|f| (f.kind(), f.message().to_string())) });
    let wanted = Some((FindingKind::Setup, "a run cannot be started within a run".to_string()));
    assert_eq!(in_a_task.unwrap(), wanted);
    let in_a_job = Sim::new().run(|| async {
        raddle::unblock(|| Explore::new().run(|| async {}).first_failure().unwrap().to_string()).await
    });
    in_order(
        &in_a_job.unwrap(),
        &[
            "setup: a run cannot be started within a run",
            "what to do: call `Sim::run` and `Explore::run` from an ordinary test",
        ],
    );
    // A thread of the run's own is of its world, where system calls are seen.
    let beside = Sim::new().run(|| async {
        raddle::unblock(|| std::thread::spawn(|| Sim::new().run(|| async {}).is_ok()).join().unwrap()).await
    });
    assert_eq!(*beside.value().unwrap(), beside.boundary() != "on");
}

#[test]
fn minimising_keeps_the_failure_it_began_with() {
    // Two ways to fail. The second, in plain order, would be the simpler one.
    let scenario = || async {
        let order = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = (0..4)
            .map(|n| {
                let order = order.clone();
                raddle::spawn(async move { order.lock().unwrap().push(n) })
            })
            .collect();
        for task in tasks {
            task.await;
        }
        let order = order.lock().unwrap().clone();
        assert_ne!(order[0], 3, "the last came first");
        assert!(order[0] != 0 || order[1] != 1, "in plain order");
    };
    let found = Explore::new().seeds(0..200).run(scenario);
    assert_eq!(found.failures().len(), 2, "{found}");
    for failure in found.failures() {
        let (own, shown) = (failure.finding().unwrap(), failure.report().finding().unwrap());
        assert_eq!(own.fingerprint(), shown.fingerprint());
        let needed = usize::from(own.message().contains("the last came first"));
        assert_eq!(failure.minimised().len(), needed, "{failure}");
        assert!(failure.count() > 1 && failure.count() < 200, "{failure}");
        assert_eq!(failure.report().digest(), {
            let replay = StrategyKind::Replay(failure.minimised().to_vec());
            Sim::new().seed(failure.seed()).strategy(replay).run(scenario).digest()
        });
    }
}

/// One that is to come after a step which waits for it is held until nobody else can run: it fails, and that step comes later
/// all the same. What is kept is what happened, so that the schedule fits.
#[test]
fn a_minimised_schedule_fits() {
    let scenario = || async {
        let is_late = Rc::new(Cell::new(false));
        let theirs = is_late.clone();
        let first = raddle::spawn(async {});
        let other = raddle::spawn_local(async move { assert!(!theirs.get(), "late") });
        raddle::yield_now().await;
        is_late.set(true);
        first.await;
        other.await;
    };
    let mut longer = 0;
    for seed in 0..200 {
        let explore = Explore::new().seeds(seed..seed + 1).strategy(StrategyKind::Random).allow_panics(true);
        let found = explore.run(scenario);
        let Some(failure) = found.first_failure() else { continue };
        longer += u32::from(failure.deviations() > 1);
        assert_eq!(failure.minimised().len(), 1, "{failure}");
        let again = Sim::new().schedule(failure.schedule()).allow_panics(true).run(scenario);
        assert_eq!(again.misfits(&failure.schedule()), [""; 0], "{failure}");
        assert_eq!(again.digest(), failure.report().digest(), "{failure}");
    }
    assert!(longer > 10, "{longer} were made shorter");
}

#[test]
fn fingerprints_leave_digits_out_and_places_in() {
    let print = |message: &'static str| {
        let report = Sim::new().run(move || async move { Err::<(), _>(message) });
        report.finding().unwrap().fingerprint()
    };
    assert_eq!(print("lost 1 of 20"), print("lost 17 of 20"));
    assert_ne!(print("lost 1"), print("found 1"));
    let panics = |first: bool| {
        let report = Sim::new().run(move || async move {
            if first {
                panic!("here");
            }
            panic!("here");
        });
        report.finding().unwrap().fingerprint()
    };
    assert_ne!(panics(true), panics(false));
}

/// A rerun in which somebody spins for ever says no more than that it ends otherwise, and takes no more than that is worth: the
/// schedule is made as short as where nobody spins.
#[test]
fn a_spinning_rerun_does_not_end_the_search() {
    let scenario = || async {
        let (is_open, is_closed) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
        let theirs = (is_open.clone(), is_closed.clone());
        let closer = raddle::spawn_local(async move { is_closed.set(true) });
        let opener = raddle::spawn_local(async move { theirs.0.set(!theirs.1.get()) });
        let others = [(); 3].map(|()| {
            raddle::spawn_local(async {
                for _ in 0..6 {
                    raddle::yield_now().await;
                }
            })
        });
        while !is_open.get() {
            raddle::yield_now().await;
        }
        for other in others {
            other.await;
        }
        closer.await;
        opener.await;
        panic!("opened before it was closed");
    };
    let fails = |seed: &u64| {
        let report = Sim::new().seed(*seed).max_steps(2_000).run(scenario);
        report.finding().is_some_and(|finding| finding.kind() == FindingKind::Panic) && report.deviations() > 8
    };
    let seed = (0..100).find(fails).unwrap();
    let found = Explore::new().seeds(seed..seed + 1).strategy(StrategyKind::Random).run(scenario);
    assert_eq!(found.failures()[0].minimised().len(), 1, "{found}");
}
