//! What ends the process, and what a test prints and writes when it fails: seen from another process.

#[path = "../common/mod.rs"]
mod common;
mod project;

use common::{Told, command, in_order, is_victim, run, waits_for_ever};
use raddle::{FindingKind, Sim};
use std::time::Duration;

// ---- victims, in this binary

#[test]
#[ignore = "a victim"]
fn panics_while_panicking() {
    struct Again;
    impl Drop for Again {
        fn drop(&mut self) {
            panic!("the second one");
        }
    }
    if is_victim() {
        let report = Sim::new().name("twice").seed(0x2f).run(|| async {
            let _again = Again;
            raddle::yield_now().await;
            panic!("the first one");
        });
        println!("came back: {report}");
    }
}

#[test]
#[ignore = "a victim"]
fn spins_on_the_loop() {
    if is_victim() {
        let sim = Sim::new().name("spin").seed(0x2f).watchdog(Duration::from_secs(1));
        let report = sim.run(|| async {
            raddle::sleep(Duration::from_millis(3)).await;
            raddle::task("spinner").spawn(async { never_comes_back() }).await;
        });
        println!("came back: {report}");
    }
}

fn in_a_job(name: &str, job: fn()) {
    if is_victim() {
        let report = Sim::new().name(name).seed(0x2f).run(|| raddle::unblock(job));
        println!("came back: {report}");
    }
}

#[test]
#[ignore = "a victim"]
fn spins_in_a_job() {
    in_a_job("spin", never_comes_back);
}

#[test]
#[ignore = "a victim"]
fn waits_in_a_job() {
    in_a_job("wait", waits_for_ever);
}

/// The scenario has returned, and the job is brought to its end.
#[test]
#[ignore = "a victim"]
fn spins_when_the_run_is_over() {
    if is_victim() {
        let report = Sim::new().name("spin").seed(0x2f).watchdog(Duration::from_secs(1)).run(|| async {
            raddle::task("spinner")
                .unblock(|| {
                    raddle::thread::sleep(Duration::from_millis(1));
                    waits_for_ever();
                })
                .detach();
            raddle::timeout(Duration::from_micros(500), std::future::pending::<()>()).await.unwrap_err();
        });
        println!("came back: {report}");
    }
}

#[inline(never)]
fn never_comes_back() {
    loop {
        std::hint::spin_loop();
    }
}

#[test]
#[ignore = "a victim"]
fn says_where_it_stands() {
    if is_victim() {
        let report = Sim::new().run(|| async {
            let jobs = [(); 3].map(|()| raddle::unblock(std::thread::current));
            let mut ids = std::collections::HashSet::new();
            for job in jobs {
                ids.insert(job.await.id());
            }
            ids.len()
        });
        match report.finding() {
            Some(finding) => println!("\nrefused: {finding}"),
            None => println!("went well on {}", report.threads()),
        }
    }
}

#[test]
#[ignore = "a victim"]
fn uses_as_many_threads_as_it_may() {
    if is_victim() {
        let report = Sim::new().run(|| async {
            let wait = || raddle::thread::sleep(Duration::from_millis(1));
            for job in [(); 12].map(|()| raddle::unblock(wait)) {
                job.await;
            }
        });
        let workers = report.trace().actors().iter().filter(|a| a.kind() == raddle::ActorKind::Worker);
        println!("workers: {}", workers.count());
    }
}

// ---- what is seen of them

fn victim(name: &str, variables: &[(&str, &str)]) -> Told {
    run(command(name).envs(variables.iter().copied()))
}

#[test]
fn two_panics_at_once_are_told_before_the_abort() {
    let told = victim("panics_while_panicking", &[]);
    assert_eq!(told.code, None, "ended by a signal: {told:?}");
    in_order(
        &told.err,
        &[
            "twice: panic in a destructor during cleanup",
            "in scenario (step 2, at 0 ns virtual)",
            "two panics at once cannot be caught",
            "seed 0x2f",
            "replay: raddle::Sim::new().seed(0x2f)",
        ],
    );
}

#[test]
fn a_poll_that_never_returns() {
    let told = victim("spins_on_the_loop", &[]);
    assert_eq!(told.code, Some(101), "{told:?}");
    in_order(
        &told.err,
        &[
            "spin failed: a poll that does not come back: spinner (spawned at tests/process/main.rs:",
            "of real time",
            "seed 0x2f, step 3, at 3 ms virtual",
            "stack:",
            "process::never_comes_back at ",
            "tests/process/main.rs:",
            "replay: raddle::Sim::new().seed(0x2f).run",
        ],
    );
    assert!(!told.err.contains("raddle::executor"), "the user's own frames alone: {}", told.err);
    assert_eq!(
        told.err.trim_end().lines().last().map(|l| l.trim_start().starts_with("replay: ")),
        Some(true),
        "{}",
        told.err
    );
}

#[test]
fn a_job_that_never_returns() {
    for (threads, name, function) in [("borrowed", "spin", "never_comes_back"), ("baton", "wait", "waits_for_ever")] {
        let told = victim(&format!("{name}s_in_a_job"), &[("RADDLE_WATCHDOG", "1"), ("RADDLE_THREADS", threads)]);
        assert_eq!(told.code, Some(101), "{told:?}");
        let failed = format!("{name} failed: a poll that does not come back");
        in_order(&told.err, &[&failed, "seed 0x2f", "nobody else runs meanwhile", "yield_now", "stack:", "replay: "]);
        if threads == "borrowed" && cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            in_order(&told.err, &["stack:", &format!("process::{function}")]);
        }
    }
}

#[test]
fn a_job_that_never_returns_when_the_run_is_over() {
    let told = victim("spins_when_the_run_is_over", &[]);
    assert_eq!(told.code, Some(101), "{told:?}");
    in_order(&told.err, &["spin failed: a poll that does not come back", "while the run, which is over, is wound up"]);
}

#[test]
fn every_variable_refuses_nonsense_in_one_line() {
    for variable in raddle::__private::TABLE {
        for value in ["nonsense", "-1"] {
            let told = victim("says_where_it_stands", &[(variable.name, value)]);
            let line =
                told.out.lines().find(|line| line.starts_with("refused: ")).unwrap_or_else(|| panic!("{told:?}"));
            in_order(line, &[&format!("refused: setup: {} {value:?}: expected ", variable.name)]);
        }
    }
    let told = victim("says_where_it_stands", &[("RADDLE_THREADS", "baton")]);
    told.says(&["went well on baton (the baton was asked for)"]);
    victim("says_where_it_stands", &[]).says(&["went well on "]);
    victim("says_where_it_stands", &[("RADDLE_MAX_STEPS", "1")])
        .says(&["refused: livelock: still running after 1 step"]);
}

#[test]
fn the_pools_limit_is_that_of_blocking() {
    for (value, workers) in [("3", 3), ("0", 1), ("many", 12), ("10001", 12)] {
        victim("uses_as_many_threads_as_it_may", &[("BLOCKING_MAX_THREADS", value)])
            .says(&[&format!("workers: {workers}\n")]);
    }
}

#[test]
fn victims_are_harmless_otherwise() {
    assert!(!is_victim());
    let report = Sim::new().run(|| async { Err::<(), _>(1) });
    assert_eq!(report.finding().map(|f| f.kind()), Some(FindingKind::Error));
}
