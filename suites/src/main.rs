//! Other people's published tests, and smol's examples, under simulation: each test for 100 seeds. The build script takes
//! their sources from cargo and adapts them (`build/suites.rs` is the table); `docs/suites.md` shows what comes of it.

mod args;
mod children;
mod examples;
mod left_out;
mod run;
mod suites {
    //! The adapted suites.
    use crate::test::{Test, Told};
    include!(concat!(env!("OUT_DIR"), "/suites.rs"));
}
mod table;
mod test;

use args::Args;
use std::process::ExitCode;
use test::Test;

fn main() -> ExitCode {
    let args = match args::read() {
        Ok(args) => args,
        Err(why) => {
            eprintln!("raddle-suites: {why}");
            return ExitCode::FAILURE;
        }
    };
    let passed = match &args {
        Args::Help => {
            print!("{}", args::HELP);
            Ok(true)
        }
        Args::List => {
            print!("{}", table::list());
            Ok(true)
        }
        Args::Replay { test, seed } => find(test).map(|test| {
            let (passed, text) = run::replay(test, *seed);
            println!("{text}");
            passed
        }),
        Args::Child { test, first, count, to } => find(test).map(|test| children::be(test, *first, *count, to)),
        Args::Run { filter, verbose, .. } => all(&args, filter, *verbose),
    };
    match passed {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("raddle-suites: {why}");
            ExitCode::FAILURE
        }
    }
}

/// All tests: those that were published as such, and smol's examples.
fn tests() -> impl Iterator<Item = &'static Test> {
    suites::PUBLISHED.iter().chain(examples::PLAYED)
}

fn find(id: &str) -> Result<&'static Test, String> {
    let test = tests().find(|test| test.id() == id);
    test.ok_or_else(|| format!("there is no test {id}; --list tells what there is"))
}

/// Runs what the filter names and prints the table. Whether all is as the list of what is left out says.
fn all(args: &Args, filter: &str, verbose: bool) -> Result<bool, String> {
    let left_out = left_out::list();
    let is_run = |test: &Test| !left_out.iter().any(|entry| entry.id == test.id() && entry.is_not_run());
    let tests: Vec<&Test> = tests().filter(|test| test.id().contains(filter) && is_run(test)).collect();
    if tests.is_empty() {
        return Err(format!("no test contains {filter:?}; --list tells what there is"));
    }
    let outcomes = children::run(&tests, args, |test, result| {
        if verbose {
            println!("{} {}", if result.is_ok() { "passed" } else { "FAILED" }, test.id());
        }
    });
    let told = table::of(&outcomes, &left_out, filter.is_empty());
    print!("{}", told.text);
    Ok(told.is_as_expected)
}
