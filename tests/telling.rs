//! What a failure tells beside what went wrong: where each task waits, what was chosen, and no more columns than fit.

mod common;

use async_lock::Mutex;
use common::in_order;
use raddle::{Check, Explore, Finding, FindingKind, Sim, StrategyKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Everything that is told of the only failure there is in plain order, which is of this kind.
fn told<Fut>(kind: FindingKind, explore: Explore, scenario: impl Fn() -> Fut + Send) -> String
where
    Fut: Future<Output = ()> + 'static,
{
    let found = explore.seeds(0..1).strategy(StrategyKind::Fifo).run(scenario);
    let [failure] = found.failures() else { panic!("{found}") };
    assert_eq!(failure.finding().map(Finding::kind), Some(kind), "{failure}");
    failure.to_string()
}

async fn two_locks() {
    let (one, two) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
    let (first, second) = (one.clone(), two.clone());
    let there = raddle::task("there").spawn(async move {
        let _one = first.lock().await;
        raddle::yield_now().await;
        second.lock().await; // there waits
    });
    let back = raddle::task("back").spawn(async move {
        let _two = two.lock().await;
        one.lock().await; // back waits
    });
    there.await; // the scenario waits
    back.await;
}

/// The line of this file that has the words `at` in a comment.
fn line_of(at: &str) -> usize {
    let source = include_str!("telling.rs");
    1 + source.lines().position(|line| line.contains(&format!("// {at}"))).expect("it is there")
}

/// That `task` is told to await at the line that says so, and what.
fn awaits(text: &str, task: &str, comment: &str, what: &str) {
    let mut after = text.lines().skip_while(|line| !line.trim_start().starts_with(&format!("{task} (spawned at ")));
    let line = after.nth(1).map(str::trim);
    assert_eq!(line, Some(&*format!("awaits at tests/telling.rs:{}{what}", line_of(comment))), "{text}");
}

#[test]
fn a_deadlock_tells_where_each_task_waits() {
    let text = told(FindingKind::Deadlock, Explore::new(), two_locks);
    awaits(&text, "scenario", "the scenario waits", "");
    awaits(&text, "there", "there waits", " (async_lock::mutex::Lock)");
    awaits(&text, "back", "back waits", " (async_lock::mutex::Lock)");
}

#[test]
fn so_do_a_livelock_and_tasks_that_are_left_behind() {
    let spins = || async {
        raddle::task("spinner")
            .spawn(async {
                loop {
                    futures_lite::future::yield_now().await; // spins
                }
            })
            .await;
    };
    let text = told(FindingKind::Livelock, Explore::new().max_steps(200), spins);
    awaits(&text, "spinner", "spins", " (futures_lite::future::YieldNow)");

    let leaves = || async {
        let (sender, receiver) = async_channel::bounded::<u8>(1);
        let consumer = raddle::task("consumer").spawn(async move {
            let _kept = sender;
            receiver.recv().await // is left
        });
        consumer.detach();
        raddle::yield_now().await;
    };
    let text = told(FindingKind::Pending, Explore::new().deny_pending(true), leaves);
    awaits(&text, "consumer", "is left", " (async_channel::Recv)");
}

#[test]
fn a_choice_stands_where_it_was_made() {
    let scenario = || async {
        raddle::yield_now().await;
        assert_ne!(raddle::choose(3), 2);
    };
    let found = Explore::new().strategy(StrategyKind::Random).run(scenario);
    let [failure] = found.failures() else { panic!("{found}") };
    let text = failure.to_string();
    assert!(text.contains("\n    step   2  scenario chose 2 (its choice number 0)\n"), "{text}");
    assert!(text.contains("       2       * scenario chooses 2\n"), "{text}");
    assert!(text.contains(", or a choice was not the plain one):\n"), "{text}");
}

#[test]
fn lanes_that_do_not_fit_are_one() {
    let jobs = |count: usize| {
        let report = Sim::new().strategy(StrategyKind::Fifo).pool_threads(count).run(move || async move {
            let job =
                || raddle::task("a-job-of-some-length").unblock(|| raddle::thread::sleep(Duration::from_millis(1)));
            let jobs: Vec<_> = (0..count).map(|_| job()).collect();
            for job in jobs {
                job.await;
            }
            panic!("to be told");
        });
        report.to_string()
    };
    let few = jobs(2);
    assert!(few.contains("| worker-1 ") && few.contains("| worker-2\n"), "{few}");
    let many = jobs(9);
    assert!(many.contains("| threads\n"), "{many}");
    assert!(many.contains("| worker-9: a-job-of-some-length#9 begins\n"), "{many}");
    assert!(many.lines().all(|line| line.chars().count() <= 136), "{many}");
}

/// What a failure prints of a run of many thousands of events: the beginning, the end, and where the order was not plain.
#[test]
fn of_many_that_do_the_same_the_first_and_the_last_are_told() {
    let scenario = || async {
        let tasks: Vec<_> = (0..2_000).map(|_| raddle::task("client").spawn(raddle::yield_now())).collect();
        for task in tasks {
            task.await;
        }
        panic!("a failure");
    };
    let plain = Sim::new().strategy(StrategyKind::Fifo).run(scenario).to_string();
    in_order(
        &plain,
        &[
            "scenario spawns client\n",
            "scenario spawns client#2\n",
            "… 1997 more of the kind …\n",
            "scenario spawns client#2000\n",
            " client#2: pending\n",
            "… 1997 more of the kind …\n",
            " client#2000: pending\n",
            " client#2: done, woken by itself\n",
            " client#2000: done, woken by itself\n",
            "scenario: panicked",
        ],
    );
    assert!(plain.lines().count() < 30, "{plain}");
    assert!(!plain.contains("left out"), "{plain}");
    // One that is out of turn in the middle is seen, and who is near it.
    let played = Sim::new().schedule("v1,seed=7,1000@1/900@1".parse().unwrap()).run(scenario).to_string();
    in_order(
        &played,
        &["scenario spawns client#2000\n", "client#899: done", "* client#1000: ", ", before client#900\n", "panicked"],
    );
    assert!(played.lines().count() < 80, "{played}");
    // A snapshot has all of it.
    let report = Sim::new().strategy(StrategyKind::Fifo).run(scenario);
    assert!(report.interleaving().lines().count() > 6_000);
}

/// One order may take a task several steps out of turn.
#[test]
fn the_steps_that_lead_to_a_deviation_are_told() {
    let found = Explore::new().seeds(0..200).stop_at_first_failure(true).run(|| async {
        let written = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let read = written.clone();
        let writer =
            raddle::task("writer").spawn(async move { written.store(true, std::sync::atomic::Ordering::SeqCst) });
        let reader = raddle::task("reader").spawn(async move {
            raddle::yield_now().await;
            raddle::yield_now().await;
            assert!(read.load(std::sync::atomic::Ordering::SeqCst), "not yet");
        });
        writer.await;
        reader.await;
    });
    let wanted =
        ["minimised: 1 deviation ", "reader ran before writer", "with those that lead there, 3 steps are out of turn"];
    in_order(&found.to_string(), &wanted);
}

/// How many times the tasks of this are polled, whatever is done with it: a livelock is long, and each rerun of it as well.
static SPINS: AtomicU64 = AtomicU64::new(0);

async fn spins() {
    loop {
        SPINS.fetch_add(1, Relaxed);
        raddle::yield_now().await; // it spins
    }
}

/// Run, checked, and told with where it waits, by no more runs than two.
#[test]
fn a_long_livelock_is_not_run_over_and_over() {
    const STEPS: u64 = 150_000;
    let explore = Explore::new().seeds(0..256).strategy(StrategyKind::Portfolio).stop_at_first_failure(true);
    let found = explore.max_steps(STEPS).run(spins);
    let text = found.first_failure().unwrap().to_string();
    in_order(
        &text,
        &["still running after 150000 steps", "by 0 reruns", "the busiest tasks:\n    scenario (spawned at "],
    );
    assert!(text.contains(&format!("awaits at tests/telling.rs:{}", line_of("it spins"))), "{text}");
    assert_eq!(SPINS.load(Relaxed), 2 * STEPS);
}

/// What comes over and over again is shown the first time and the last.
#[test]
fn rounds_are_told_once() {
    let two = || async {
        raddle::task("other")
            .spawn(async {
                loop {
                    raddle::yield_now().await;
                }
            })
            .detach();
        loop {
            raddle::yield_now().await;
        }
    };
    let text = told(FindingKind::Livelock, Explore::new().max_steps(3_000), two);
    let lanes =
        ["scenario spawns other", "other: pending", "scenario: pending", "… these 2 lines 149", " times more …"];
    in_order(&text, &lanes);
    in_order(&text, &["times more …", "2999", "3000", "schedule: "]);
    assert!(text.lines().count() < 30, "{text}");
}

/// One that takes another order: what reruns may take together is counted in their steps, and said.
#[test]
fn reruns_that_are_long_are_few() {
    const STEPS: u64 = 300_000;
    let turned = || async {
        let order = Arc::new(std::sync::Mutex::new(Vec::new()));
        let tasks: Vec<_> = (0..12)
            .map(|n| {
                let order = order.clone();
                raddle::task("runner").spawn(async move {
                    for _ in 0..4 {
                        raddle::yield_now().await;
                    }
                    order.lock().unwrap().push(n);
                })
            })
            .collect();
        for task in tasks {
            task.await;
        }
        let order = order.lock().unwrap().clone();
        let pairs = (0..12).flat_map(|i| (0..i).map(move |j| (j, i)));
        let turned = pairs.filter(|&(j, i)| order[j] > order[i]).count();
        if turned > 20 {
            loop {
                raddle::yield_now().await;
            }
        }
    };
    let runs = Arc::new(AtomicU64::new(0));
    let counted = runs.clone();
    let explore = Explore::new().seeds(3..4).max_steps(STEPS).check(Check::Off);
    let found = explore.run(move || {
        counted.fetch_add(1, Relaxed);
        turned()
    });
    let failure = found.first_failure().unwrap();
    let text = failure.to_string();
    assert_eq!(failure.finding().map(Finding::kind), Some(FindingKind::Livelock), "{text}");
    in_order(&text, &["minimised: ", "there may be a shorter one: each rerun is long, and no more of them were made"]);
    in_order(&text, &["the busiest tasks:", "awaits at tests/telling.rs:", "interleaving", "schedule: v1,"]);
    // 2,000,000 steps to minimise, as many for the critical pair, and a few that are made in any case.
    assert!(runs.load(Relaxed) < 40, "{} runs: {text}", runs.load(Relaxed));
    assert!(failure.minimised().len() as u64 <= failure.deviations());
}

/// Whoever unpacked it, and wherever: what a dependency's place says is the crate, the version, the file and the line.
#[test]
fn a_place_in_a_dependency_has_no_folders_of_this_machine() {
    let text = told(FindingKind::Panic, Explore::new(), || async {
        async_channel::bounded::<u8>(0);
    });
    let headline = text.lines().next().unwrap();
    assert!(headline.contains("panicked at async-channel-2."), "{headline}");
    assert!(headline.contains("/src/lib.rs:"), "{headline}");
    assert!(!text.contains("/registry/"), "{text}");
    let found = Explore::new().seeds(0..1).run(|| async { drop(async_channel::bounded::<u8>(0)) });
    let finding = found.failures()[0].finding().unwrap();
    assert!(finding.fingerprint().starts_with("panic async-channel-2."), "{}", finding.fingerprint());
    // The compiler names a function of the standard library where it was built.
    let text = told(FindingKind::Panic, Explore::new(), || async {
        let _ = Vec::<u8>::new().split_off(std::hint::black_box(1));
    });
    assert!(!text.contains("/rustc/") && !text.contains("rustlib"), "{text}");
}

#[test]
fn where_tokios_runtime_is_missing_it_is_said_what_to_do() {
    let text = told(FindingKind::Panic, Explore::new(), || async {
        // As `tokio::time::sleep` does.
        panic!("there is no reactor running, must be called from the context of a Tokio 1.x runtime");
    });
    assert!(text.contains("what to do: raddle is the executor here: use `raddle::spawn`, "), "{text}");
    let text = told(FindingKind::Panic, Explore::new(), || async { panic!("no reactor") });
    assert!(!text.contains("what to do"), "{text}");
}
