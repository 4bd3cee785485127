//! What a strategy costs: tasks that do nothing but give way, under each strategy in turn.

use raddle::{Check, Explore, StrategyKind};
use std::process::Command;
use std::time::Instant;

/// How many steps a run takes, whatever the number of its tasks.
const STEPS: u64 = 20_000;

/// How often the strategies take turns.
const ROUNDS: usize = 9;

/// How many runs each time: as many as a test makes by default, of which what a strategy measures before the first is a part.
const RUNS: u64 = 256;

/// What a strategy is to cost at most, in steps of `random`.
const AT_MOST: f64 = 1.5;

/// Runs `runs` seeds of `tasks` tasks. The steps that were taken.
pub fn run(strategy: &StrategyKind, tasks: u64, runs: u64) -> u64 {
    let found = Explore::new().seeds(0..runs).strategy(strategy.clone()).check(Check::Off).run(move || async move {
        let give_way = move || async move {
            for _ in 0..STEPS / tasks {
                raddle::yield_now().await;
            }
        };
        let tasks: Vec<_> = (0..tasks).map(|_| raddle::spawn(give_way())).collect();
        for task in tasks {
            task.await;
        }
    });
    found.steps()
}

/// The table: a step of each strategy in steps of `random`, by instructions or by time.
pub fn table(strategies: &[StrategyKind], instructions: bool) {
    let unit = if instructions { "instructions" } else { "median of the rounds" };
    println!("a step, and what that is of a step of random ({unit}); at most {AT_MOST}");
    for tasks in [10, 1_000] {
        println!("{tasks} tasks");
        let mut all: Vec<Vec<[f64; 2]>> = vec![Vec::new(); strategies.len()];
        for _ in 0..if instructions { 1 } else { ROUNDS } {
            for (strategy, samples) in strategies.iter().zip(&mut all) {
                // Side by side: what else the machine does changes from one tenth of a second to the next.
                let each = |strategy| if instructions { counted(strategy, tasks) } else { timed(strategy, tasks) };
                samples.push([&StrategyKind::Random, strategy].map(each));
            }
        }
        for (strategy, samples) in strategies.iter().zip(all) {
            let [each, ratio] = [|[_, own]: &[f64; 2]| *own, |[random, own]: &[f64; 2]| own / random].map(|of| {
                let mut sorted: Vec<f64> = samples.iter().map(of).collect();
                sorted.sort_by(f64::total_cmp);
                sorted[sorted.len() / 2]
            });
            let missed = if ratio > AT_MOST { "  too much" } else { "" };
            println!("  {:10} {each:>8.1} {ratio:>6.2}{missed}", strategy.to_string());
        }
    }
}

/// Nanoseconds a step.
fn timed(strategy: &StrategyKind, tasks: u64) -> f64 {
    let start = Instant::now();
    let steps = run(strategy, tasks, RUNS);
    start.elapsed().as_nanos() as f64 / steps as f64
}

/// Instructions a step, counted by callgrind at two lengths and taken from each other: so what is paid once does not count, and
/// sixteen seeds do, since what a portfolio deals and which race `reversal` turns round is another matter with each.
fn counted(strategy: &StrategyKind, tasks: u64) -> f64 {
    let this = std::env::current_exe().expect("the path of this program");
    let total = |runs: u64| {
        let mut command = Command::new("valgrind");
        command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(&this);
        command.args(["--steps-of", &strategy.to_string(), &tasks.to_string(), &runs.to_string()]);
        let output = command.output().expect("valgrind is there");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let collected = told.lines().find_map(|line| line.split("Collected :").nth(1)?.trim().parse::<f64>().ok());
        let steps: f64 = String::from_utf8_lossy(&output.stdout).trim().parse().expect("the child tells its steps");
        (steps, collected.unwrap_or_else(|| panic!("callgrind told no count:\n{told}")))
    };
    let (few, many) = (total(2), total(18));
    (many.1 - few.1) / (many.0 - few.0)
}
