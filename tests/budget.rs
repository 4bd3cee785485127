//! Polls that compute for long: told as an advisory, never as a failure.

#![cfg(target_os = "linux")]

use raddle::{Explore, Sim};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

/// Processor time that this kernel thread has used: a clock that stays real.
fn used() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a place for a time.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[inline(never)]
fn computes_for_long() {
    let before = used();
    while used() - before < 300 * MS {
        std::hint::black_box((0..1000).sum::<u64>());
    }
}

/// What `run` gives, once the watchdog has seen the poll as `is_told` says: a machine may stop it for as long as a poll lasts, but
/// not three times.
fn told_at_last<T>(run: impl Fn() -> T, is_told: fn(&T) -> bool) -> T {
    let mut runs = (0..3).map(|_| run());
    let first = runs.next().unwrap();
    if is_told(&first) { first } else { runs.find(is_told).unwrap_or(first) }
}

#[test]
fn a_poll_that_computes_is_an_advisory() {
    let compute = || {
        Sim::new().cpu_budget(20 * MS).watchdog(Duration::ZERO).run(|| async {
            raddle::task("cruncher").spawn(async { computes_for_long() }).await;
        })
    };
    let report = told_at_last(compute, |report| !report.long_polls().is_empty());
    assert!(report.is_ok(), "{report}");
    let [told] = report.long_polls() else { panic!("one poll: {:?}", report.long_polls()) };
    assert!(told.starts_with("cruncher (spawned at tests/budget.rs:") && told.contains("computes_for_long"), "{told}");
    assert!(!report.interleaving().contains("processor") && report.to_string().contains("advisory: cruncher"));
    let report = Sim::new().cpu_budget(20 * MS).watchdog(Duration::ZERO).run(|| raddle::unblock(computes_for_long));
    assert!(report.long_polls().is_empty(), "a job may: {:?}", report.long_polls());
}

#[test]
fn an_exploration_tells_it_once() {
    let explore = || Explore::new().seeds(0..2).check(raddle::Check::Off).cpu_budget(20 * MS).watchdog(Duration::ZERO);
    let compute = || {
        explore().run(|| async {
            raddle::task("cruncher").spawn(async { computes_for_long() }).await;
        })
    };
    let found = told_at_last(compute, |found| !found.long_polls().is_empty());
    assert!(found.is_ok(), "{found}");
    let [told] = found.long_polls() else { panic!("one poll: {:?}", found.long_polls()) };
    assert!(told.starts_with("cruncher (spawned at tests/budget.rs:"), "{told}");
    let text = found.to_string();
    assert!(text.contains("advisory: cruncher") && text.contains("\n      budget::computes_for_long"), "{text}");
}

#[raddle::test(seeds = 1, cpu_budget = "20ms", watchdog = "600s", regressions = false)]
async fn a_test_passes_all_the_same() {
    computes_for_long();
}

/// Does not take the signal that asks where it is until `answers`, and then computes.
#[inline(never)]
fn answers_late(answers: &AtomicBool) {
    let mask = |how| {
        // SAFETY: zeroed, and made an empty set of signals; the rest is added to it.
        unsafe {
            let mut set = std::mem::zeroed();
            libc::sigemptyset(&mut set);
            (libc::SIGRTMIN()..=libc::SIGRTMAX()).for_each(|signal| _ = libc::sigaddset(&mut set, signal));
            assert_eq!(libc::pthread_sigmask(how, &set, std::ptr::null_mut()), 0);
        }
    };
    mask(libc::SIG_BLOCK);
    while !answers.load(SeqCst) {
        std::hint::spin_loop();
    }
    mask(libc::SIG_UNBLOCK);
    computes_for_long();
}

/// It is asked again.
#[test]
fn a_poll_that_answers_late_is_told_with_its_stack() {
    let compute = || {
        let answers = Arc::new(AtomicBool::new(false));
        let tells = answers.clone();
        // In real time, and for longer than an answer is waited for.
        std::thread::spawn(move || {
            std::thread::sleep(400 * MS);
            tells.store(true, SeqCst);
        });
        Sim::new().cpu_budget(20 * MS).watchdog(Duration::ZERO).run(|| {
            let answers = answers.clone();
            async move { raddle::task("cruncher").spawn(async move { answers_late(&answers) }).await }
        })
    };
    let report = told_at_last(compute, |report| !report.long_polls().is_empty());
    let [told] = report.long_polls() else { panic!("one poll: {:?}", report.long_polls()) };
    assert!(told.contains("answers_late"), "{told}");
}
