//! The same program under the same seed goes the same way, whatever else is different.

use super::env::scenario;
use super::program::{Kind, Program};
use super::{STRATEGIES, common, explore, holds, is_deadlock, nobody, numbers, sim, strategy, told};
use raddle::{Check, Isolation};
use std::fmt::Write;

const SEEDS: u64 = 6;

/// As raddle's own: the digest of an exploration is made of those of its runs.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn after(all: u64, digest: &str) -> u64 {
    mix(all.rotate_left(1) ^ u64::from_str_radix(digest, 16).unwrap())
}

/// With a trace on a fresh thread, or without one as one of many.
fn first_and_later_runs(program: &Program, name: &str) -> Option<String> {
    let kind = strategy(name);
    let scenario = scenario(program, false, &nobody());
    let mut all = 0;
    if ["reversal", "urw", "surw", "pct:3", "delay:2", "portfolio"].contains(&name) {
        let measured = sim(program).seed(0).strategy(strategy("fifo")).run(&scenario);
        all = after(all, &measured.digest().to_string());
    }
    let measures = all != 0;
    for seed in 0..SEEDS - u64::from(measures) {
        let run = || sim(program).seed(seed).strategy(kind.clone()).run(&scenario);
        let first = run();
        let one = told(&first);
        // A deadlock is looked at for a while in real time.
        let two = if is_deadlock(&first) { one.clone() } else { told(&run()) };
        if one != two {
            return Some(format!("seed {seed}, {name}, with a trace twice:\n{one}\n--- and ---\n{two}"));
        }
        all = after(all, &one[..16]);
    }
    let found = explore(program).seeds(0..SEEDS).strategy(kind).check(Check::All).shrink_budget(0).run(&scenario);
    let divergence = found.failures().iter().find(|f| f.finding().unwrap().kind() == raddle::FindingKind::Divergence);
    if let Some(divergence) = divergence {
        return Some(format!("{name}:\n{divergence}"));
    }
    (found.digest().to_string() != format!("{all:016x}")).then(|| format!("{name}: explored, its digest is another"))
}

/// Programs of each kind, each number under another strategy.
fn first_and_later_runs_of(kinds: [Kind; 2]) {
    for number in numbers(10) {
        for (kind, place) in kinds.into_iter().zip([number, number / 2]) {
            let name = STRATEGIES[place as usize % STRATEGIES.len()];
            holds(kind, number, |program| first_and_later_runs(program, name));
        }
    }
}

#[test]
fn first_and_later_runs_with_and_without_a_trace() {
    first_and_later_runs_of([Kind::ALL, Kind::TASKS]);
}

#[test]
fn first_and_later_runs_of_all_that_there_is() {
    first_and_later_runs_of([Kind::MORE, Kind::FACADE]);
}

/// What each of the programs comes to, one a line.
fn digests(isolation: Isolation, usually: u64) -> String {
    let mut text = String::new();
    for (number, kind) in numbers(usually).flat_map(|number| EVERY_KIND.map(|kind| (number, kind))) {
        let program = Program::new(kind, number);
        let name = STRATEGIES[number as usize % STRATEGIES.len()];
        let sim = sim(&program).seed(number).strategy(strategy(name)).isolation(isolation);
        let report = sim.run(scenario(&program, false, &nobody()));
        let told = told(&report);
        let hash = told.bytes().fold(0u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        writeln!(text, "program {number}: {hash:016x} {}", report.digest()).unwrap();
        if std::env::var_os("PROGRAMS_TELL").is_some() {
            println!("{}{}", text.lines().last().unwrap_or_default(), told);
        }
    }
    text
}

#[test]
#[ignore = "run by the test below, in processes of its own"]
fn tells_digests() {
    if common::is_victim() {
        println!("\n{}", digests(Isolation::Thread, EVERYWHERE));
    }
}

const EVERYWHERE: u64 = 10;

const EVERY_KIND: [Kind; 3] =
    [Kind::ALL, Kind { children: true, ..Kind::MORE }, Kind { children: true, ..Kind::FACADE }];

#[test]
fn in_every_process_and_however_threads_take_turns() {
    let long = "x".repeat(10_000);
    let environments: [&[(&str, &str)]; 4] = [
        &[],
        &[("RADDLE_THREADS", "baton")],
        &[("RUST_BACKTRACE", "1"), ("SOMETHING_LONG", &long), ("MALLOC_ARENA_MAX", "1")],
        &[("RADDLE_ISOLATION", "process")],
    ];
    let children = environments.map(|variables| {
        let mut command = common::command("same::tells_digests");
        command.envs(variables.iter().copied());
        std::thread::spawn(move || common::run(&mut command))
    });
    let ours = digests(Isolation::Thread, EVERYWHERE);
    for (child, variables) in children.into_iter().zip(environments) {
        let told = child.join().unwrap();
        let theirs: Vec<&str> = told.out.lines().filter(|line| line.starts_with("program ")).collect();
        let ours: Vec<&str> = ours.lines().filter(|line| line.starts_with("program ")).collect();
        let others: Vec<_> = ours.iter().zip(&theirs).filter(|(a, b)| a != b).collect();
        assert!(others.is_empty(), "with {variables:.100?}: {others:#?}; it said: {}", told.err);
        assert_eq!(ours.len(), theirs.len(), "with {variables:.100?}; it said: {}", told.err);
    }
}
