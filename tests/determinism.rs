//! The same seed goes the same way, in every process and however threads take turns.

mod common;

use common::scenarios;

const SEEDS: u64 = 100;

/// One line a scenario: what its runs over all seeds came to.
fn digests() -> String {
    let mut text = String::new();
    for (name, scenario) in scenarios::ALL {
        let mut all = 0u64;
        for seed in 0..SEEDS {
            let report = scenarios::sim(seed).run(scenario);
            let said = format!("{} {:?} {}", report.digest(), report.value(), report.interleaving());
            all = said.bytes().fold(all, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        }
        text += &format!("digest of {name}: {all:016x}\n");
    }
    text
}

#[test]
#[ignore = "run by the test below, in processes of its own"]
fn tells_digests() {
    if common::is_victim() {
        println!("\n{}", digests());
    }
}

/// Environments that move the stack, the heap and what the loader does, and both ways in which threads take turns.
#[test]
fn the_same_in_every_process() {
    let long = "x".repeat(10_000);
    let environments: [&[(&str, &str)]; 3] = [
        &[],
        &[("RADDLE_THREADS", "baton")],
        &[("RUST_BACKTRACE", "1"), ("SOMETHING_LONG", &long), ("MALLOC_ARENA_MAX", "1")],
    ];
    let children = environments.map(|variables| {
        let mut command = common::command("tells_digests");
        command.envs(variables.iter().copied());
        std::thread::spawn(move || common::run(&mut command))
    });
    let ours = digests();
    for (child, variables) in children.into_iter().zip(environments) {
        let told = child.join().unwrap();
        let theirs: Vec<&str> = told.out.lines().filter(|line| line.starts_with("digest of ")).collect();
        assert_eq!(theirs, ours.lines().collect::<Vec<_>>(), "with {variables:.100?}; it said: {}", told.err);
    }
}

#[test]
fn scenarios_are_worth_it() {
    // A digest that never changes would be the same in every process, too.
    for (name, scenario) in scenarios::ALL {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..20 {
            seen.insert(scenarios::sim(seed).run(scenario).digest());
        }
        assert!(seen.len() > 5, "{name}: {} distinct digests", seen.len());
    }
}
