//! How fast exploring is: two processes beside one, and one beside the explorer within a test. It measures and asserts
//! nothing; where a machine is busy, the processor's time says more than the clock's:
//!
//! `cargo test --release -p cargo-raddle --test cli -- --ignored --nocapture how_fast`

use crate::run::{finish, raddle, results, shell};
use crate::yard::{own_package, write};
use std::fs;
use std::path::Path;

/// A run takes some 100 µs in a release build.
const RUNS: &str = r#"
#[raddle::test(strategy = "random", regressions = false)]
async fn runs() {
    let tasks: Vec<_> = (0..60)
        .map(|_| {
            raddle::spawn(async {
                for _ in 0..50 {
                    raddle::yield_now().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await;
    }
}
"#;

const SEEDS: u64 = 20_000;
const ROUNDS: usize = 5;

/// Seconds by the clock and by the processor that a script takes, its children's included.
fn measure(dir: &Path, script: &str) -> [f64; 2] {
    let begun = std::time::Instant::now();
    let told = finish(&mut shell(dir, &format!("{script}; times")));
    let wall = begun.elapsed().as_secs_f64();
    // The last line: of the children, in user mode and in the kernel, as `0m1.234s`.
    let seconds = |text: &str| {
        let (minutes, seconds) = text.trim_end_matches('s').split_once('m')?;
        Some(minutes.parse::<f64>().ok()? * 60.0 + seconds.parse::<f64>().ok()?)
    };
    let line = told.out.lines().last().unwrap_or_default();
    let cpu: Option<f64> = line.split(' ').map(seconds).sum();
    [wall, cpu.unwrap_or_else(|| panic!("{told:?}"))]
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[test]
#[ignore = "measures, and wants a machine that does nothing else"]
fn how_fast() {
    let package = own_package("speed");
    write(&package.join("tests/runs.rs"), RUNS);
    let list = ["list", "--release", "--test", "runs", "--message-format", "json"];
    raddle(&package, &list).ends(0);
    let build = "cargo test --release --test runs --no-run --message-format json 2> /dev/null";
    let built = finish(&mut shell(&package, build)).out;
    let binary = built.lines().filter_map(|line| line.split("\"executable\":\"").nth(1)?.split('"').next()).next_back();
    let binary = binary.expect("it is built");
    let dir = results();
    let explore = |jobs: u64, seeds: u64| {
        let words =
            format!("explore --release --test runs -q -n {seeds} -j {jobs} --results '{}'", dir.path().display());
        format!("cargo raddle {words}")
    };
    let within = |seeds: u64| format!("RADDLE_SEEDS={seeds} '{binary}' -q > /dev/null");
    // What is not exploring (cargo looks whether all is built, a process starts) is measured by a few seeds, and left out.
    let ways = [
        ("in the test", within(SEEDS), within(1)),
        ("one process", explore(1, SEEDS), explore(1, 1)),
        ("two processes", explore(2, SEEDS), explore(2, 1)),
    ];
    let mut measured = vec![[Vec::new(), Vec::new()]; ways.len()];
    for _ in 0..ROUNDS {
        for ((_, all, one), into) in ways.iter().zip(&mut measured) {
            let ([wall, cpu], [wall_one, cpu_one]) = (measure(&package, all), measure(&package, one));
            into[0].push(wall - wall_one);
            into[1].push(cpu - cpu_one);
        }
    }
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("{SEEDS} seeds, medians of {ROUNDS} rounds taken by turns; load {}", load.trim());
    let medians: Vec<[f64; 2]> = measured.into_iter().map(|both| both.map(median)).collect();
    for ((name, ..), [wall, cpu]) in ways.iter().zip(&medians) {
        let micros = |seconds: &f64| seconds * 1e6 / SEEDS as f64;
        println!(
            "{name:<14} {wall:>7.3} s, {:>6.1} µs a run; processor {cpu:>7.3} s, {:>6.1} µs a run",
            micros(wall),
            micros(cpu)
        );
    }
    let [within, one, two] = [&medians[0], &medians[1], &medians[2]];
    println!("two beside one: {:.2} times as many seeds a second", one[0] / two[0]);
    println!(
        "one beside the test: {:+.1} % by the clock, {:+.1} % by the processor",
        percent(one[0], within[0]),
        percent(one[1], within[1])
    );
    println!("two beside the test: {:+.1} % by the processor", percent(two[1], within[1]));
}

fn percent(one: f64, base: f64) -> f64 {
    (one / base - 1.0) * 100.0
}
