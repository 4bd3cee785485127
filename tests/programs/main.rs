//! Small random programs, and what has to hold of each: made from numbers, so that a number tells a program again.
//!
//! `PROGRAMS=10000` tries so many programs of each kind instead of a few hundred, `PROGRAMS_FROM=5000` begins with another
//! number: `PROGRAMS=3000 PROGRAMS_FROM=20000 cargo test --release --test programs -- --test-threads=1`. What a test finds it
//! makes smaller, and prints; `prints` prints the program `PROGRAMS_FROM` as it was made, and `PROGRAMS_TELL=1` has
//! `same::tells_digests` tell all of each run.

#![cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]

mod beside;
#[path = "../common/mod.rs"]
mod common;
mod descriptors;
mod env;
mod exhausted;
#[cfg(feature = "smol")]
mod facade;
mod jobs;
mod left;
mod maker;
mod more;
mod program;
mod replayed;
mod same;
mod shrink;
mod system;
mod tasks;

use program::{Kind, Program};
use raddle::{Class, Explore, FindingKind, Policy, Report, Sim, StrategyKind};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Every strategy, as it is written.
pub const STRATEGIES: [&str; 10] =
    ["fifo", "random", "reversal", "urw", "surw", "pos", "late-writes", "pct:3", "delay:2", "portfolio"];

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable}={text:?}: a number")))
}

/// The numbers of the programs to try, `usually` so many.
pub fn numbers(usually: u64) -> Range<u64> {
    let from = number("PROGRAMS_FROM").unwrap_or(0);
    from..from + number("PROGRAMS").unwrap_or(usually)
}

pub fn strategy(text: &str) -> StrategyKind {
    text.parse().unwrap()
}

macro_rules! with_options {
    ($of:expr, $program:expr) => {{
        let program: &Program = $program;
        let of = $of
            .name("program")
            .max_steps(20_000)
            .cpu_budget(Duration::ZERO)
            .allow_panics(program.allow_panics)
            .stall_up_to(Duration::from_millis(u64::from(program.stall)))
            .pool_threads(usize::from(program.pool_threads))
            .blocking(Class::Sleep, Policy::Allow);
        match program.retires {
            true => of.pool_keep_alive(Duration::from_millis(1)),
            false => of,
        }
    }};
}

pub fn sim(program: &Program) -> Sim {
    with_options!(Sim::new(), program)
}

pub fn explore(program: &Program) -> Explore {
    with_options!(Explore::new(), program)
}

/// What a run came to, all of it that is told; but for the stack of a panic, which is there where `RUST_BACKTRACE` is, and
/// for what its process has seen in earlier runs.
pub fn told<T>(report: &Report<T>) -> String {
    let mut text =
        format!("{} {:?} {} steps, {:?}", report.digest(), report.returned(), report.steps(), report.elapsed());
    if let Some(finding) = report.finding() {
        text += &format!("\n{finding}, step {}, {}, in {:?}", finding.step(), finding.at(), finding.task());
        let of_others = ["stack:", "an earlier run of this process "];
        let details = finding.details().iter().filter(|detail| !of_others.iter().any(|o| detail.starts_with(o)));
        details.for_each(|detail| text += &format!("\n{detail}"));
    }
    report.leaks().iter().for_each(|leak| text += &format!("\n{leak}"));
    text + &format!("\nleft: {:?} {:?}\n{}", report.pending(), report.abandoned(), report.interleaving())
}

pub fn is_deadlock<T>(report: &Report<T>) -> bool {
    report.finding().is_some_and(|finding| finding.kind() == FindingKind::Deadlock)
}

/// Fails with the smallest program that `differs` still says something of, and what that is.
#[track_caller]
pub fn holds(kind: Kind, number: u64, differs: impl Fn(&Program) -> Option<String>) {
    let program = Program::new(kind, number);
    let Some(first) = differs(&program) else { return };
    let smallest = shrink::shrink(&program, |program| differs(program).is_some());
    let what = differs(&smallest).unwrap_or(first);
    panic!("program {number} of {kind:?} does not hold:\n{what}\nits smallest is\n{smallest:#?}");
}

/// Who is alive, where nobody wants to know.
pub fn nobody() -> Arc<Mutex<BTreeSet<String>>> {
    Arc::default()
}

#[test]
#[ignore = "prints a program"]
fn prints() {
    println!("{:#?}", Program::new(Kind::ALL, number("PROGRAMS_FROM").unwrap_or(0)));
}
