//! Programs leave neither threads nor memory behind.

use super::env::scenario;
use super::program::{Kind, Program};
use super::{common, explore, nobody, numbers, sim};

const PASSES: usize = 5;

/// The test's two threads, and the watchdog.
const OWN: u64 = 3;

/// The number that this process's status has under `name`.
fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// How many threads there are, when those that have been joined are gone: the kernel counts such a one for a moment still.
fn threads() -> u64 {
    let began = std::time::Instant::now();
    loop {
        let now = status("Threads");
        if now <= OWN || began.elapsed() > std::time::Duration::from_secs(10) {
            return now;
        }
        std::thread::yield_now();
    }
}

/// Whether what is documented to stay does not: tasks of a run that panicked, threads that wait for ever.
fn ends_well(program: &Program) -> bool {
    (0..4).all(|seed| {
        let report = sim(program).seed(seed).run(scenario(program, false, &nobody()));
        report.is_ok() && report.abandoned().is_empty()
    })
}

#[test]
#[ignore = "run by the test below, in a process of its own"]
fn tells_what_is_left() {
    if !common::is_victim() {
        return;
    }
    let of = |number| {
        let kind = [Kind::ALL, Kind::MORE, Kind::FACADE][number as usize % 3];
        Program::new(Kind { panics: false, leaks: false, children: true, ..kind }, number)
    };
    let programs: Vec<Program> = numbers(6).map(of).filter(ends_well).collect();
    println!("\n{} programs", programs.len());
    for _ in 0..PASSES {
        for program in &programs {
            explore(program).seeds(0..4).shrink_budget(20).run(scenario(program, false, &nobody()));
        }
        println!("left: {} {}", threads(), status("VmRSS"));
    }
}

#[test]
fn no_thread_is_left_and_memory_does_not_grow() {
    let told = common::run(&mut common::command("left::tells_what_is_left"));
    let lines = told.out.lines().filter_map(|line| line.strip_prefix("left: ")?.split_once(' '));
    let left: Vec<(u64, u64)> = lines.map(|(a, b)| (a.parse().unwrap(), b.parse().unwrap())).collect();
    assert_eq!(left.len(), PASSES, "{}", told.all());
    assert!(left.iter().all(|&(threads, _)| threads == OWN), "{left:?} {}", told.out);
    // In KiB, from when all has been used once.
    assert!(left[PASSES - 1].1 < left[1].1 + 4_096, "{left:?}");
}
