//! Stacks that overflow in a run: which run it was is told before the process ends.

#![cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]

mod common;

use common::{command, in_order, is_victim, run};
use raddle::Sim;
use std::fmt::Debug;
use std::future::Future;

// ---- victims, in this binary

#[inline(never)]
#[allow(unconditional_recursion, reason = "the point of it")]
fn recurse(depth: u64) -> u64 {
    let text = std::hint::black_box(vec![depth; 8]);
    1 + recurse(std::hint::black_box(depth + 1)) + text[0]
}

/// The kernel is the first to find no room: for the frame of the signal by which the call is seen.
#[inline(never)]
#[allow(unconditional_recursion, reason = "the point of it")]
fn call_on_and_on(depth: u64) -> u64 {
    let parent = std::os::unix::process::parent_id();
    1 + call_on_and_on(std::hint::black_box(depth + 1)) + u64::from(parent)
}

fn overflow<F, Fut, T>(scenario: F)
where
    F: Fn() -> Fut + Send,
    Fut: Future<Output = T> + 'static,
    T: Debug + Send + 'static,
{
    if is_victim() {
        let report = Sim::new().name("deep").seed(0x2f).run(scenario);
        println!("came back: {report}");
    }
}

#[test]
#[ignore = "a victim"]
fn on_the_loop() {
    overflow(|| raddle::task("digger").spawn(async { recurse(0) }));
}

#[test]
#[ignore = "a victim"]
fn in_a_job() {
    overflow(|| raddle::task("digger").unblock(|| recurse(0)));
}

#[test]
#[ignore = "a victim"]
fn in_a_call() {
    overflow(|| raddle::task("digger").unblock(|| call_on_and_on(0)));
}

#[test]
#[ignore = "a victim"]
fn in_a_call_on_the_loop() {
    overflow(|| raddle::task("digger").spawn(async { call_on_and_on(0) }));
}

#[test]
#[ignore = "a victim"]
fn in_a_thread() {
    overflow(|| async { raddle::unblock(|| std::thread::spawn(|| recurse(0)).join().unwrap()).await });
}

/// A fault that is no overflow is nobody's but std's.
#[test]
#[ignore = "a victim"]
fn wild() {
    overflow(|| async {
        // SAFETY: it is not, which is the point: a victim reads from where nothing is.
        unsafe { std::ptr::without_provenance::<u64>(std::hint::black_box(8)).read_volatile() }
    });
}

/// After a run that left a task behind, which has no less than the one before.
#[test]
#[ignore = "a victim"]
fn after_a_standstill() {
    if is_victim() {
        let stuck = Sim::new().run(|| async {
            let shared = std::sync::Mutex::new(());
            let _guard = shared.lock().unwrap();
            drop(shared.lock());
        });
        assert!(stuck.leaks()[0].is_for_ever());
        overflow(|| async { recurse(0) });
    }
}

// ---- what is seen of them

#[track_caller]
fn told(victim: &str, threads: &str) -> String {
    let told = run(command(victim).env("RADDLE_THREADS", threads));
    assert_eq!(told.code, None, "ended by a signal: {told:?}");
    assert!(!told.out.contains("came back"), "{told:?}");
    told.err
}

#[test]
fn the_run_is_told() {
    for threads in ["borrowed", "baton"] {
        for (victim, task) in [
            ("on_the_loop", "digger"),
            ("in_a_job", "digger"),
            ("in_a_call", "digger"),
            ("in_a_call_on_the_loop", "digger"),
            ("in_a_thread", "thread"),
            ("after_a_standstill", "scenario"),
        ] {
            let of = if task == "thread" { "a thread\n".into() } else { format!("{task} (spawned at ") };
            let task = format!("deep failed: a stack overflow in {of}");
            let parts = ["\n  seed 0x2f, step ", "replay: raddle::Sim::new().seed(0x2f)", "overflowed its stack"];
            let err = told(victim, threads);
            in_order(&err, &[&task[..]]);
            assert_eq!(err.contains("), a job on worker-1\n"), ["in_a_job", "in_a_call"].contains(&victim), "{err}");
            in_order(&err, &parts);
        }
    }
}

#[test]
fn another_fault_is_none() {
    let err = told("wild", "borrowed");
    assert!(!err.contains("overflow"), "{err}");
}
