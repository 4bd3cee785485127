//! What became of the suites, as text.

use crate::children::Outcome;
use crate::left_out::{self, LeftOut};
use crate::suites::UNCOMPILED;
use crate::test::Test;
use std::fmt::Write as _;

/// The table, and whether it is as it has to be.
pub struct Told {
    pub text: String,
    pub is_as_expected: bool,
}

/// Each suite's row, what is left out and why, and what is not as expected.
pub fn of(outcomes: &[Outcome], left_out: &[LeftOut], is_all: bool) -> Told {
    let mut text = String::from("| suite | version | tests | passed | left out |\n|---|---|---|---|---|\n");
    let mut wrong = String::new();
    let mut suites: Vec<&str> = outcomes.iter().map(|outcome| outcome.test.suite).collect();
    suites.dedup();
    let entry = |test: &Test| left_out.iter().find(|entry| entry.id == test.id());
    for suite in suites {
        let of_suite: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.test.suite == suite).collect();
        let counted = of_suite.iter().filter(|outcome| entry(outcome.test).is_none());
        let passed = counted.filter(|outcome| outcome.result.is_ok()).count();
        let out = of_suite.iter().filter(|outcome| entry(outcome.test).is_some()).count();
        let (version, tests) = (of_suite[0].test.version, of_suite.len());
        let _ = writeln!(text, "| {suite} | {version} | {tests} | {passed} | {out} |");
    }
    for Outcome { test, result } in outcomes {
        match (result, entry(test)) {
            (Err(why), None) => {
                let _ = writeln!(wrong, "\n{why}");
            }
            (Ok(_), Some(_)) => {
                let _ = writeln!(wrong, "\n{} passes: take it out of left-out.txt", test.id());
            }
            _ => {}
        }
    }
    let is_known = |id: &str| crate::tests().any(|test| test.id() == id) || UNCOMPILED.contains(&id);
    for entry in left_out.iter().filter(|entry| is_all && !is_known(&entry.id)) {
        let _ = writeln!(wrong, "\nleft-out.txt names {}, which does not exist", entry.id);
    }
    let is_shown = |entry: &&LeftOut| is_all || outcomes.iter().any(|outcome| outcome.test.id() == entry.id);
    text += &reasons(&left_out.iter().filter(is_shown).collect::<Vec<_>>());
    text += &wrong;
    Told { text, is_as_expected: wrong.is_empty() }
}

fn reasons(left_out: &[&LeftOut]) -> String {
    if left_out.is_empty() {
        return String::new();
    }
    let rows = left_out.iter().map(|entry| format!("| `{}` | {} |\n", entry.id, entry.reason));
    format!("\n| left out | why |\n|---|---|\n{}", rows.collect::<String>())
}

/// Every test, and what is left out.
pub fn list() -> String {
    let tests = crate::tests().map(|test| test.id() + "\n").collect::<String>();
    tests + &reasons(&left_out::list().iter().collect::<Vec<_>>())
}
