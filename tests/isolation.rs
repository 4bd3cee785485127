//! Runs in processes of their own: the same as on a thread, and whatever they die of is a finding of their seed.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

mod common;

use common::in_order;
use common::scenarios;
use raddle::{Check, Explore, Finding, FindingKind, Found, Isolation, Report, Sim, StrategyKind};
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

fn apart() -> Sim {
    Sim::new().isolation(Isolation::Process)
}

/// One run that is expected to end its process.
#[track_caller]
fn dies<F, Fut>(scenario: F) -> Report<()>
where
    F: Fn() -> Fut + Send,
    Fut: Future<Output = ()> + 'static,
{
    dies_within(Duration::from_secs(60), scenario)
}

/// One whose step may take so long: as long as that, on a machine that does much else as well, a step that does next to
/// nothing must not.
#[track_caller]
fn dies_within<F, Fut>(patience: Duration, scenario: F) -> Report<()>
where
    F: Fn() -> Fut + Send,
    Fut: Future<Output = ()> + 'static,
{
    let report = apart().name("victim").seed(0x2f).watchdog(patience).run(scenario);
    assert!(!report.is_ok(), "{report}");
    report
}

fn found<T>(report: &Report<T>) -> &Finding {
    report.finding().unwrap_or_else(|| panic!("{report}"))
}

// ---- the same as on a thread

#[track_caller]
fn is_the_same(scenario: scenarios::Scenario) {
    for seed in 0..2 {
        // What a loaded machine adds is not compared.
        let sim = |isolation| scenarios::sim(seed).cpu_budget(Duration::ZERO).isolation(isolation).run(scenario);
        let (here, there) = (sim(Isolation::Thread), sim(Isolation::Process));
        assert_eq!(here.digest(), there.digest(), "{here}\n{there}");
        assert_eq!(here.interleaving(), there.interleaving());
        assert_eq!(here.to_string(), there.to_string());
        assert_eq!(here.returned(), there.returned());
        assert_eq!(here.schedule(), there.schedule());
        assert_eq!((here.steps(), here.decisions()), (there.steps(), there.decisions()));
        assert_eq!(here.trace().events(), there.trace().events());
        let places = |report: &Report<String>| -> Vec<_> {
            report.trace().actors().iter().map(|actor| actor.spawned_at().to_string()).collect()
        };
        assert_eq!(places(&here), places(&there));
    }
    let explore = |isolation| {
        let explore = Explore::new().name("scenario").seeds(0..5).strategy(StrategyKind::Portfolio);
        explore.cpu_budget(Duration::ZERO).shrink_budget(4).isolation(isolation).run(scenario)
    };
    let (here, there) = (explore(Isolation::Thread), explore(Isolation::Process));
    assert_eq!(here.digest(), there.digest());
    assert_eq!(here.to_string(), there.to_string());
    assert_eq!(here.outcome_set(), there.outcome_set());
}

#[test]
fn every_scenario_goes_the_same_way() {
    for (name, scenario) in scenarios::ALL {
        println!("{name}");
        is_the_same(*scenario);
    }
}

#[test]
fn an_exhaustive_search_goes_on_from_process_to_process() {
    let explore = |isolation| {
        let explore = Explore::new().name("scenario").seeds(0..5_000).strategy(StrategyKind::Exhaustive);
        explore.isolation(isolation).run(|| async {
            let order = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
            let tasks: Vec<_> = ["a", "b"]
                .map(|name| {
                    let order = order.clone();
                    raddle::spawn(async move {
                        order.lock().unwrap().push_str(name);
                        raddle::yield_now().await;
                        raddle::announce(7, raddle::Access::Write);
                        raddle::yield_now().await;
                        order.lock().unwrap().push_str(if raddle::choose(2) == 1 { "+" } else { "-" });
                    })
                })
                .into();
            for task in tasks {
                task.await;
            }
            order.lock().unwrap().clone()
        })
    };
    let (here, there) = (explore(Isolation::Thread), explore(Isolation::Process));
    assert!(here.coverage().complete().is_some_and(|complete| complete.finished), "{here}");
    assert_eq!(here.to_string(), there.to_string());
    assert_eq!((here.runs(), here.digest()), (there.runs(), there.digest()));
}

#[test]
fn statics_and_threads_do_not_outlive_a_run() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let explore = Explore::new().seeds(0..20).check(Check::All).isolation(Isolation::Process);
    let found = explore.run(|| async { RUNS.fetch_add(1, Ordering::SeqCst) });
    assert!(found.is_ok(), "{found}");
    assert_eq!(found.outcomes().iter().map(|outcome| outcome.text()).collect::<Vec<_>>(), ["0"]);
    assert_eq!(RUNS.load(Ordering::SeqCst), 0, "not in this process");
}

#[test]
fn a_value_stays_in_its_process_and_its_text_comes_back() {
    let report = apart().run(|| async { vec![1, 2] });
    assert_eq!((report.value(), report.returned()), (None, Some("[1, 2]")));
    let report = apart().run(|| async { Err::<(), _>("no") });
    assert_eq!((found(&report).kind(), found(&report).message()), (FindingKind::Error, "Err(\"no\")"));
    let told = std::panic::catch_unwind(|| apart().name("five").run(|| async { 5 }).unwrap()).unwrap_err();
    in_order(told.downcast_ref::<String>().unwrap(), &["five: ", "stayed in the process of the run", "5"]);
}

// ---- every kind of death

#[inline(never)]
fn writes_to_nowhere() {
    // SAFETY: none; this is what is to be found.
    unsafe { std::hint::black_box(16 as *mut u32).write_volatile(1) }
}

#[test]
fn an_access_to_memory_that_is_not_there() {
    let report = dies(|| async {
        raddle::sleep(3 * MS).await;
        raddle::task("wild").spawn(async { writes_to_nowhere() }).await;
    });
    let finding = found(&report);
    assert_eq!((finding.kind(), finding.message()), (FindingKind::Crash, "invalid access to memory (SIGSEGV)"));
    assert_eq!((finding.task(), finding.step(), finding.at().as_nanos()), (Some("wild"), 3, 3_000_000));
    let replay = ["scenario spawns wild", "wild", "replay: raddle::Sim::new().seed(0x2f)"];
    in_order(&report.to_string(), &["victim failed: crash: invalid access to memory (SIGSEGV)"]);
    in_order(&report.to_string(), &replay);
    if cfg!(target_arch = "x86_64") {
        in_order(&report.to_string(), &["stack:", "isolation::writes_to_nowhere at tests/isolation.rs:"]);
    }
}

#[test]
fn an_abort_tells_what_was_said_before_it() {
    struct Again;
    impl Drop for Again {
        fn drop(&mut self) {
            panic!("the second one");
        }
    }
    let report = dies(|| async {
        let _again = Again;
        panic!("the first one");
    });
    let message = "the process of the run aborted (SIGABRT)";
    assert_eq!((found(&report).kind(), found(&report).message()), (FindingKind::Crash, message));
    in_order(&report.to_string(), &["the last that its process said:", "panic in a destructor during cleanup"]);
}

#[test]
fn exits_with_their_codes() {
    for code in [0, 3] {
        let report = dies(move || async move { std::process::exit(code) });
        let message = format!("the process of the run ended with exit code {code}, in the midst of the run");
        assert_eq!((found(&report).kind(), found(&report).message()), (FindingKind::Crash, message.as_str()));
        assert_eq!(found(&report).step(), 1);
    }
    // One that nobody can see coming.
    // SAFETY: ends the process.
    let report = dies(|| async { unsafe { libc::_exit(0) } });
    assert_eq!(found(&report).kind(), FindingKind::Crash);
    let fingerprints = [0, 3].map(|code| found(&dies(move || async move { std::process::exit(code) })).fingerprint());
    assert_ne!(fingerprints[0], fingerprints[1]);
}

#[allow(unconditional_recursion)]
#[inline(never)]
fn digs(depth: u64) -> u64 {
    let here = std::hint::black_box([depth; 64]);
    digs(depth + 1) + here[depth as usize % 64]
}

#[allow(unconditional_recursion)]
#[inline(never)]
fn calls_on_and_on(depth: u64) -> u64 {
    let parent = std::os::unix::process::parent_id();
    calls_on_and_on(std::hint::black_box(depth + 1)) + u64::from(parent)
}

#[test]
fn a_stack_that_is_used_up() {
    let report = dies(|| async { assert_ne!(digs(0), 0) });
    assert_eq!((found(&report).kind(), found(&report).message()), (FindingKind::Crash, "stack overflow"));
    // The kernel finds no room for the signal by which a call is seen.
    let report = dies(|| async { assert_ne!(raddle::unblock(|| calls_on_and_on(0)).await, 0) });
    assert_eq!((found(&report).kind(), found(&report).message()), (FindingKind::Crash, "stack overflow"));
    // And that of a worker, which is smaller.
    let report = dies(|| async { assert_ne!(raddle::unblock(|| digs(0)).await, 0) });
    assert_eq!((found(&report).kind(), found(&report).message()), (FindingKind::Crash, "stack overflow"));
    let text = report.to_string();
    assert!(text.contains("0 ns virtual, in a_stack_that_is_used_up\n"), "the job: {text}");
    assert!(text.matches("isolation::digs at ").count() <= 3, "a recursion in few lines: {text}");
    assert_eq!(text.matches("replay: ").count(), 1, "{text}");
}

#[test]
fn two_panics_at_once() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("the second");
        }
    }
    let report = dies(|| async {
        let _bomb = Bomb;
        panic!("the first")
    });
    assert_eq!(found(&report).message(), "the process of the run aborted (SIGABRT)");
    let text = report.to_string();
    assert!(text.contains("panic in a destructor during cleanup"), "{text}");
    assert_eq!(text.matches("replay: ").count(), 1, "{text}");
}

#[test]
fn killed_from_outside() {
    // SAFETY: kills this process, which is that of the run.
    let report = dies(|| async { assert_eq!(unsafe { libc::kill(libc::getpid(), libc::SIGKILL) }, 0) });
    let message = "the process of the run was killed from outside (SIGKILL)";
    assert_eq!((found(&report).kind(), found(&report).message()), (FindingKind::Crash, message));
    let text = report.to_string();
    assert!(text.contains("interleaving: none, for the run could not tell it"), "{text}");
    assert!(text.contains("where memory has run out"), "{text}");
}

#[inline(never)]
fn never_comes_back() {
    loop {
        std::hint::spin_loop();
    }
}

/// How long a step may take that is to be ended; none of them does anything before it that would take half as long.
const PATIENCE: Duration = Duration::from_secs(1);

#[test]
fn a_poll_that_does_not_come_back() {
    let report = dies_within(PATIENCE, || async {
        raddle::task("spinner").spawn(async { never_comes_back() }).await;
    });
    let finding = found(&report);
    assert_eq!((finding.kind(), finding.task(), finding.step()), (FindingKind::Hang, Some("spinner"), 2));
    in_order(&report.to_string(), &["hang: spinner has been running for ", "s of real time in one step"]);
    in_order(&report.to_string(), &["its process was ended", "nobody else runs meanwhile", "replay: "]);
    if cfg!(target_arch = "x86_64") {
        in_order(&report.to_string(), &["stack:", "isolation::never_comes_back at tests/isolation.rs:"]);
    }
}

#[test]
fn a_poll_that_does_not_come_back_and_does_not_want_to_be_asked() {
    let report = dies_within(PATIENCE, || async {
        // SAFETY: has this process ignore a signal.
        unsafe { libc::signal(libc::SIGTERM, libc::SIG_IGN) };
        common::waits_for_ever()
    });
    assert_eq!(found(&report).kind(), FindingKind::Hang);
}

#[test]
fn a_poll_that_does_not_come_back_and_says_a_lot() {
    let report = dies_within(PATIENCE, || async {
        loop {
            // SAFETY: five bytes that are there.
            unsafe { libc::write(2, c"more\n".as_ptr().cast(), 5) };
        }
    });
    assert_eq!(found(&report).kind(), FindingKind::Hang);
}

#[test]
fn a_panic_of_raddles_own_comes_through() {
    let sim = apart().custom_strategy(|_| panic!("no strategy today"));
    let run = std::panic::AssertUnwindSafe(|| sim.run(|| async {}));
    let told = std::panic::catch_unwind(run).unwrap_err();
    in_order(told.downcast_ref::<String>().unwrap(), &["outside every task and job", "no strategy today"]);
}

// ---- what is said besides

#[test]
fn a_poll_that_uses_the_processor_is_told_here_as_well() {
    let spin = || async {
        let mut sum = 0u64;
        while raddle::now().as_nanos() == 0 && sum < u64::MAX {
            sum += 1;
            // SAFETY: a place for a clock's time.
            let used = unsafe {
                let mut time = std::mem::zeroed::<libc::timespec>();
                libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time);
                time
            };
            if used.tv_sec > 0 || used.tv_nsec > 400_000_000 {
                break;
            }
        }
    };
    // On a machine that does much else as well this may take long, and has not hung.
    let report = apart().cpu_budget(20 * MS).watchdog(Duration::ZERO).run(spin);
    let [told] = report.long_polls() else { panic!("{report}") };
    in_order(told, &["scenario", "used the processor for more than 20 ms in step 1"]);
}

/// Whoever reads what a process says needs the processor for that, but does not poll.
#[test]
fn reading_what_a_process_says_is_no_poll() {
    let says_a_lot = || async {
        loop {
            // SAFETY: five bytes that are there.
            unsafe { libc::write(2, c"more\n".as_ptr().cast(), 5) };
        }
    };
    let report = apart().cpu_budget(MS).watchdog(500 * MS).run(says_a_lot);
    assert_eq!(found(&report).kind(), FindingKind::Hang);
    // Nor is that told of a run which comes later.
    let report = Sim::new().cpu_budget(Duration::ZERO).run(|| async {});
    assert_eq!(report.long_polls(), <[String; 0]>::default(), "{report}");
}

/// In a process of its own: from then on deadlocks in that process are told with a guess at the reason.
#[test]
#[ignore = "a victim"]
fn starts_a_thread_that_lives_on() {
    if !common::is_victim() || Sim::new().run(|| async {}).boundary() != "on" {
        return;
    }
    let starts = |name: &'static str| {
        move || async move {
            let lives_on = || loop {
                std::thread::park();
            };
            std::thread::Builder::new().name(name.into()).spawn(lives_on).unwrap();
            raddle::yield_now().await;
        }
    };
    let scenario = starts("reactor");
    // Where runs are processes nobody needs to be told.
    let report = apart().run(scenario);
    assert_eq!(report.abandoned(), ["reactor"]);
    assert!(!report.to_string().contains("isolation = "), "{report}");
    let report = Sim::new().run(scenario);
    assert_eq!(report.abandoned(), ["reactor"]);
    in_order(&report.to_string(), &["outlives the run: reactor", "#[raddle::test(isolation = \"process\")]"]);
    let waits = || std::future::pending::<()>();
    in_order(
        &Sim::new().run(waits).to_string(),
        &["deadlock", "that outlived it (reactor)", "isolation = \"process\""],
    );
    assert!(!apart().run(waits).to_string().contains("isolation = "));
    assert!(!Sim::new().run(waits).to_string().contains("raddle-smol"), "it is not known to be smol's");
    let report = Sim::new().run(starts("async-io"));
    in_order(&report.to_string(), &["outlives the run: async-io", "raddle-smol", "isolation = \"process\""]);
    in_order(
        &Sim::new().run(waits).to_string(),
        &["what to do: have smol simulated", "raddle-smol", "; or give each run"],
    );
}

#[test]
fn threads_that_outlive_a_run_are_told_with_the_line_to_add() {
    let told = common::run(&mut common::command("starts_a_thread_that_lives_on"));
    assert_eq!(told.code, Some(0), "{told:?}");
}

#[test]
#[ignore = "a victim"]
fn says_where_its_runs_take_place() {
    if common::is_victim() {
        let report = Sim::new().run(|| async { std::process::id() });
        let is_here = report.returned() == Some(std::process::id().to_string().as_str());
        println!("a run took place {}", if is_here { "here" } else { "elsewhere" });
    }
}

#[test]
fn the_environment_has_the_last_word() {
    for (value, place) in [("thread", "here"), ("process", "elsewhere")] {
        let mut command = common::command("says_where_its_runs_take_place");
        common::run(command.env("RADDLE_ISOLATION", value)).says(&[&format!("a run took place {place}")]);
    }
}

// ---- explorations go on

/// Aborts if the second task comes first.
async fn aborts_when_turned_round() {
    let first = std::sync::Arc::new(AtomicU32::new(0));
    let tasks: Vec<_> = (1..=3)
        .map(|n| {
            let first = first.clone();
            raddle::task("runner").spawn(async move {
                let _ = first.compare_exchange(0, n, Ordering::SeqCst, Ordering::SeqCst);
            })
        })
        .collect();
    for task in tasks {
        task.await;
    }
    if first.load(Ordering::SeqCst) == 2 {
        std::process::abort();
    }
}

#[test]
fn the_exploration_goes_on_and_the_crash_is_minimised() {
    let explore = Explore::new().name("turned").seeds(0..60).isolation(Isolation::Process).check(Check::All);
    let found: Found = explore.run(aborts_when_turned_round);
    assert_eq!(found.runs(), 60);
    let [failure] = found.failures() else { panic!("{found}") };
    assert!((5..40).contains(&failure.count()), "{found}");
    assert_eq!(failure.finding().map(Finding::kind), Some(FindingKind::Crash));
    assert_eq!(failure.minimised().len(), 1, "{failure}");
    in_order(&failure.to_string(), &["aborted (SIGABRT)", "runner#2 ran before runner"]);
    in_order(&failure.to_string(), &["decisive: ", "it passes", "interleaving", "schedule: v1,seed=", "replay: "]);
    let schedule = failure.schedule();
    let again = apart().schedule(schedule.clone()).run(aborts_when_turned_round);
    assert_eq!(again.finding().map(Finding::kind), Some(FindingKind::Crash));
    assert!(again.misfits(&schedule).is_empty());
    assert!(apart().schedule(failure.passing_schedule().unwrap()).run(aborts_when_turned_round).is_ok());
}

#[test]
fn what_differs_from_process_to_process_is_a_divergence() {
    let explore = Explore::new().seeds(0..4).isolation(Isolation::Process);
    let found = explore.run(|| async { std::process::id() });
    assert_eq!(found.first_failure().and_then(|f| f.finding()).map(Finding::kind), Some(FindingKind::Divergence));
}

/// Other tests of the process may be telling of panics of their own, with stacks, which takes locks.
#[test]
#[ignore = "a victim"]
fn panics_beside_others_that_do() {
    if !common::is_victim() {
        return;
    }
    // A run before that: from then on the hook is raddle's.
    assert!(Sim::new().run(|| async {}).is_ok());
    let is_over = std::sync::Arc::new(AtomicU32::new(0));
    let others = [0, 1].map(|_| {
        let is_over = is_over.clone();
        std::thread::spawn(move || {
            while is_over.load(Ordering::Relaxed) == 0 {
                assert!(std::panic::catch_unwind(|| panic!("another")).is_err());
            }
        })
    });
    let kinds = [(); 8].map(|()| {
        let report = dies_within(Duration::from_secs(5), || async { panic!("mine") });
        let kind = found(&report).kind();
        if kind != FindingKind::Panic {
            println!("{report}");
        }
        kind
    });
    is_over.store(1, Ordering::Relaxed);
    others.into_iter().for_each(|other| other.join().unwrap());
    println!("found: {kinds:?}");
}

#[test]
fn panics_are_told_beside_others() {
    let told = common::run(common::command("panics_beside_others_that_do").env("RUST_BACKTRACE", "1"));
    told.says(&[&format!("found: {:?}", [FindingKind::Panic; 8])]);
}

// ---- locks that others hold

/// A thread outside the world has a lock in a static while a process is forked for a run, and for a while after that: it can never
/// go on, and another one is forked in its place when that thread has let go. `make` gets what takes the lock, and gives the run
/// that does.
#[cfg(target_arch = "x86_64")]
#[track_caller]
fn gets_a_lock_that_a_thread_elsewhere_has(
    lock: &'static std::sync::Mutex<()>,
    make: impl FnOnce(std::sync::Arc<dyn Fn() + Send + Sync>) -> Report<()>,
) {
    use std::io::{Read, Write};
    let (mut told, tells) = std::io::pipe().unwrap();
    let (is_held, has_it) = std::sync::mpsc::channel();
    let holder = std::thread::spawn(move || {
        let _held = lock.lock().unwrap();
        is_held.send(()).unwrap();
        told.read_exact(&mut [0]).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        told
    });
    has_it.recv().unwrap();
    let report = make(std::sync::Arc::new(move || {
        (&tells).write_all(b".").unwrap();
        drop(lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }));
    assert!(report.is_ok(), "{report}");
    drop(holder.join().unwrap());
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_lock_that_a_thread_elsewhere_has() {
    static LOCK: std::sync::Mutex<()> = std::sync::Mutex::new(());
    for on_the_loop in [false, true] {
        gets_a_lock_that_a_thread_elsewhere_has(&LOCK, |takes_it| {
            apart().require_boundary(true).run(move || {
                let takes_it = takes_it.clone();
                async move {
                    match on_the_loop {
                        true => raddle::allow_blocking("to wait for a lock", || takes_it()),
                        false => raddle::unblock(move || takes_it()).await,
                    }
                }
            })
        });
    }
}

/// One on the heap, and one of parking_lot, which waits for a word of the thread: it looks as if the run had locked itself out.
#[cfg(target_arch = "x86_64")]
#[test]
fn a_lock_that_is_not_in_a_static_and_a_thread_elsewhere_has() {
    fn gets<L: Sync>(lock: &'static L, takes: fn(&'static L, &mut dyn FnMut())) {
        use std::io::{Read, Write};
        for on_the_loop in [false, true] {
            let (mut told, tells) = std::io::pipe().unwrap();
            let (is_held, has_it) = std::sync::mpsc::channel();
            let hold = move || {
                takes(lock, &mut || {
                    is_held.send(()).unwrap();
                    // Until a process was forked.
                    told.read_exact(&mut [0]).unwrap();
                });
                // The pipe is open until the last has written to it.
                told
            };
            let holder = std::thread::spawn(hold);
            has_it.recv().unwrap();
            let tells = std::sync::Arc::new(tells);
            let report = apart().require_boundary(true).run(|| {
                let tells = tells.clone();
                let takes_it = move || {
                    (&*tells).write_all(b".").unwrap();
                    takes(lock, &mut || ());
                };
                async move {
                    match on_the_loop {
                        true => raddle::allow_blocking("to wait for a lock", takes_it),
                        false => raddle::unblock(takes_it).await,
                    }
                }
            });
            assert!(report.is_ok(), "{report}");
            drop(holder.join().unwrap());
        }
    }
    gets(Box::leak(Box::new(std::sync::Mutex::new(()))), |lock: &std::sync::Mutex<()>, then| {
        let _held = lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        then();
    });
    static OF_PARKING_LOT: parking_lot::Mutex<()> = parking_lot::Mutex::new(());
    gets(&OF_PARKING_LOT, |lock: &parking_lot::Mutex<()>, then| {
        let _held = lock.lock();
        then();
    });
}

/// Nobody sees the wait of what is asked for a strategy: such a process is ended by its own thread, beside the watchdog's.
#[cfg(target_arch = "x86_64")]
#[test]
fn a_lock_that_a_strategy_wants_and_a_thread_elsewhere_has() {
    use raddle::{Candidates, Pick, Strategy};
    struct First;
    impl Strategy for First {
        fn pick(&mut self, _: &Candidates<'_>) -> Pick {
            Pick::Candidate(0)
        }
    }
    static LOCK: std::sync::Mutex<()> = std::sync::Mutex::new(());
    gets_a_lock_that_a_thread_elsewhere_has(&LOCK, |takes_it| {
        let sim = apart().require_boundary(true).watchdog(Duration::from_secs(60)).custom_strategy(move |_| {
            takes_it();
            Box::new(First)
        });
        sim.run(|| async {})
    });
}

/// One that waits for itself, which no other process would change.
#[cfg(target_arch = "x86_64")]
#[test]
fn a_lock_that_is_taken_twice() {
    static LOCK: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let report = apart().require_boundary(true).run(|| {
        raddle::unblock(|| {
            let _held = LOCK.lock().unwrap();
            drop(LOCK.lock());
        })
    });
    assert_eq!(found(&report).kind(), FindingKind::Deadlock, "{report}");
}

// ---- nothing is left behind

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
#[ignore = "a victim"]
fn counts_what_is_left() {
    if !common::is_victim() {
        return;
    }
    let before = descriptors();
    let explore = Explore::new().seeds(0..30).isolation(Isolation::Process);
    let found = explore.run(aborts_when_turned_round);
    assert!(!found.is_ok());
    assert_eq!(descriptors(), before, "descriptors");
    // SAFETY: asks about any child, without waiting.
    let children = unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) };
    assert_eq!(children, -1, "no child is left, dead or alive");
    println!("nothing is left");
}

#[test]
fn neither_descriptors_nor_processes_are_left() {
    common::run(&mut common::command("counts_what_is_left")).says(&["nothing is left"]);
}

#[test]
#[ignore = "a victim"]
fn is_killed_in_the_midst() {
    if common::is_victim() {
        let report = apart().watchdog(Duration::ZERO).run(|| async {
            println!("child {}", std::process::id());
            never_comes_back()
        });
        println!("came back: {report}");
    }
}

#[test]
fn the_process_of_a_run_dies_with_its_parent() {
    use std::io::{BufRead, BufReader};
    let mut command = common::command("is_killed_in_the_midst");
    let mut parent = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(parent.stdout.take().unwrap()).lines();
    let child = lines.map_while(Result::ok).find_map(|line| line.rsplit_once("child ")?.1.parse::<i32>().ok());
    let child = child.expect("it says its number");
    parent.kill().unwrap();
    parent.wait().unwrap();
    // Its parent is not there to take its status: whoever has adopted it does, or it stays as a zombie.
    let is_gone = || {
        let state = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        state.is_empty() || state.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X']))
    };
    while !is_gone() {
        std::thread::sleep(MS);
    }
}

/// The first run of a process starts a thread that a static keeps; later runs find the static.
async fn wakes_a_thread_of_the_first_run() {
    static TICKER: std::sync::OnceLock<std::thread::Thread> = std::sync::OnceLock::new();
    let start = || {
        let lives_on = || loop {
            std::thread::park();
        };
        std::thread::Builder::new().name("ticker".into()).spawn(lives_on).unwrap().thread().clone()
    };
    TICKER.get_or_init(start).unpark();
    raddle::yield_now().await;
    raddle::yield_now().await;
}

#[test]
#[ignore = "a victim"]
fn goes_another_way_the_second_time() {
    if !common::is_victim() {
        return;
    }
    let found = Explore::new().seeds(0..4).check(Check::All).run(wakes_a_thread_of_the_first_run);
    let why = "and threads of an earlier run of this process outlived it (";
    in_order(&found.to_string(), &["divergence: the same seed went two ways", why, "isolation = \"process\""]);
    let found = Explore::new().seeds(0..4).check(Check::All).isolation(Isolation::Process);
    let found = found.run(wakes_a_thread_of_the_first_run);
    assert!(found.is_ok(), "{found}");
}

#[test]
fn a_divergence_says_first_that_threads_outlive_their_run() {
    let told = common::run(&mut common::command("goes_another_way_the_second_time"));
    assert_eq!(told.code, Some(0), "{told:?}");
}
