//! Each test in a process of its own, so that one which ends its process ends no other.

use crate::args::Args;
use crate::test::Test;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::{env, fs, thread};

/// What the examples that read their input are given.
const INPUT: &str = "hello\nand good bye\n";

/// What became of each of `tests`, in their order.
pub fn run(tests: &[&'static Test], args: &Args, tell: impl Fn(&Test, &Result<String, String>) + Sync) -> Vec<Outcome> {
    let Args::Run { seeds, jobs, .. } = *args else { unreachable!("called to run tests") };
    let folder = env::current_exe().expect("a program is a file").with_file_name("suites");
    fs::create_dir_all(&folder).expect("a folder beside the program");
    let input = folder.join("input");
    fs::write(&input, INPUT).expect("a file can be written");
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for job in 0..jobs {
            let of_job = |what: &str| folder.join(format!("{what}-{job}"));
            let place = Place {
                result: of_job("result"),
                output: of_job("output"),
                folder: of_job("folder"),
                input: input.clone(),
            };
            let (next, outcomes, tell) = (&next, &outcomes, &tell);
            scope.spawn(move || {
                while let Some(&test) = tests.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = place.run(test, seeds);
                    tell(test, &result);
                    outcomes.lock().unwrap_or_else(PoisonError::into_inner).push(Outcome { test, result });
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    outcomes.sort_by_key(|outcome| tests.iter().position(|test| std::ptr::eq(*test, outcome.test)));
    outcomes
}

/// What became of a test.
pub struct Outcome {
    pub test: &'static Test,
    pub result: Result<String, String>,
}

/// Where one child at a time leaves its result.
struct Place {
    result: PathBuf,
    /// What it printed.
    output: PathBuf,
    /// The folder that it begins in.
    folder: PathBuf,
    input: PathBuf,
}

impl Place {
    fn run(&self, test: &'static Test, seeds: u64) -> Result<String, String> {
        if !test.own_process {
            return self.child(test, 0, seeds);
        }
        for seed in 0..seeds {
            let (one, two) = (self.child(test, seed, 1)?, self.child(test, seed, 1)?);
            if one != two {
                return Err(format!(
                    "{} failed: divergence: two processes went two ways: {one}, and {two}\n  replay: cargo run --release \
                     -- --replay {} {seed}",
                    test.id(),
                    test.id()
                ));
            }
        }
        Ok(String::new())
    }

    /// What a child tells, and what it printed if that counts.
    fn child(&self, test: &Test, first: u64, count: u64) -> Result<String, String> {
        let told = |error: std::io::Error| error.to_string();
        let _ = fs::remove_file(&self.result);
        let _ = fs::remove_dir_all(&self.folder);
        fs::create_dir_all(&self.folder).map_err(told)?;
        let input = fs::File::open(&self.input).map_err(told)?;
        let printed = fs::File::create(&self.output).map_err(told)?;
        let mut command = Command::new(env::current_exe().map_err(told)?);
        command.args(["--child", &test.id(), &first.to_string(), &count.to_string()]).arg(&self.result);
        command.current_dir(&self.folder).stdin(input).stdout(printed).stderr(Stdio::piped());
        let output = command.output().map_err(told)?;
        let printed = fs::read(&self.output).map_err(told)?;
        let printed = String::from_utf8_lossy(&printed);
        match fs::read_to_string(&self.result) {
            Ok(text) if output.status.success() => match test.says.iter().find(|line| !printed.contains(**line)) {
                Some(line) => Err(format!("{} failed: seed {first}: no {line:?} in:\n{printed}", test.id())),
                None if test.says.is_empty() => Ok(text),
                None => Ok(text + "\n" + &printed),
            },
            Ok(text) if !text.is_empty() => Err(text),
            _ => {
                let said = String::from_utf8_lossy(&output.stderr);
                Err(format!("{} failed: its process ended with {}:\n{said}", test.id(), output.status))
            }
        }
    }
}

/// What a child does: its result goes into the file.
pub fn be(test: &'static Test, first: u64, count: u64, to: &Path) -> bool {
    let result = crate::run::explore(test, first, count);
    let (Ok(text) | Err(text)) = &result;
    fs::write(to, text).expect("the parent made a folder");
    result.is_ok()
}
