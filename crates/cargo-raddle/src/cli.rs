//! The command line: what can be asked for, and the help that teaches it.

use crate::protocol::Seed;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

const AFTER: &str = "\
Exit codes: 0 nothing found, 1 something found, 2 bad usage, 3 internal failure (a build that fails is one).

Examples:
  cargo raddle list                          every scenario of the workspace
  cargo raddle explore                       look for failures in all of them
  cargo raddle explore bank --for 10m        in those whose name has `bank`, for ten minutes
  cargo raddle replay no_money_is_lost 0x2f  one run, as lanes
  cargo raddle timeline no_money_is_lost 0x2f -o bank.html";

/// Explore, replay and look at the `#[raddle::test]`s of a workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo raddle", bin_name = "cargo raddle", version, after_help = AFTER, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub verb: Verb,
    #[command(flatten)]
    pub global: Global,
}

/// What goes with every verb.
#[derive(Args, Clone, Debug)]
pub struct Global {
    /// Say only what was found.
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// How to print: for people, or one JSON object a line (see the schema in the README of cargo-raddle).
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub message_format: Format,
    /// Whether to use colours; `auto` follows the terminal, NO_COLOR and CLICOLOR.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    #[default]
    Human,
    Json,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List every scenario: where it is, its strategy, its kept seeds.
    List(List),
    /// Run scenarios under many seeds and show what fails, minimised.
    Explore(Explore),
    /// Run one seed or one schedule of a scenario and print its interleaving.
    Replay(Replay),
    /// Look for the shortest interleaving that still fails as this seed does.
    Shrink(Shrink),
    /// Show the first point where the interleavings of two runs part.
    Diff(Diff),
    /// List the kept seeds, run them again, drop those that pass now.
    Seeds(Seeds),
    /// Draw one run as an HTML page, or for ui.perfetto.dev.
    Timeline(Timeline),
    /// Put the results of several machines together.
    Merge(Merge),
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff).
    Man,
}

/// Which test binaries to build, and how; passed on to `cargo test --no-run`.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Which packages and targets, and how to build them")]
pub struct Build {
    /// Only these packages [default: the whole workspace].
    #[arg(short, long, value_name = "SPEC")]
    pub package: Vec<String>,
    /// Only the test target of this name.
    #[arg(long, value_name = "NAME")]
    pub test: Vec<String>,
    /// Only the library's unit tests.
    #[arg(long)]
    pub lib: bool,
    /// Only the test target `sims`, where a package keeps its simulations.
    #[arg(long)]
    pub sims: bool,
    /// Build in release mode.
    #[arg(short, long)]
    pub release: bool,
    /// Build with this profile.
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Activate these features.
    #[arg(short = 'F', long, value_name = "FEATURES")]
    pub features: Vec<String>,
    /// Activate all features.
    #[arg(long)]
    pub all_features: bool,
    /// Leave the default features out.
    #[arg(long)]
    pub no_default_features: bool,
    /// Path of the Cargo.toml.
    #[arg(long, value_name = "PATH")]
    pub manifest_path: Option<PathBuf>,
    /// Keep Cargo.lock as it is.
    #[arg(long)]
    pub locked: bool,
    /// Use no network.
    #[arg(long)]
    pub offline: bool,
}

/// Which scenarios of what was built.
#[derive(Args, Clone, Debug, Default)]
pub struct Filter {
    /// Only scenarios whose name has one of these in it.
    #[arg(value_name = "FILTER")]
    pub words: Vec<String>,
    /// The whole name must be one of the filters.
    #[arg(long)]
    pub exact: bool,
    /// Leave out scenarios whose name has this in it.
    #[arg(long, value_name = "WORD")]
    pub skip: Vec<String>,
    /// Those with `#[ignore]` as well.
    #[arg(long)]
    pub include_ignored: bool,
}

#[derive(Args, Debug)]
pub struct List {
    #[command(flatten)]
    pub filter: Filter,
    #[command(flatten)]
    pub build: Build,
}

#[derive(Args, Debug)]
pub struct Explore {
    #[command(flatten)]
    pub filter: Filter,
    /// How many seeds to try in each scenario.
    #[arg(short = 'n', long, value_name = "N", value_parser = count, default_value = "10000", conflicts_with = "time")]
    pub seeds: u64,
    /// Go on for so long instead, all scenarios together: 90s, 10m, 2h.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub time: Option<Duration>,
    /// How many processes at once [default: one a core].
    #[arg(short, long, value_name = "N", value_parser = jobs)]
    pub jobs: Option<usize>,
    /// What answers the decisions, instead of what each scenario says: random, fifo, pct:DEPTH.
    #[arg(long, value_name = "STRATEGY")]
    pub strategy: Option<String>,
    /// Go on with a scenario after its first failure, to find others.
    #[arg(short, long)]
    pub keep_going: bool,
    /// Run every seed twice, and report when it does not go the same way.
    #[arg(long)]
    pub check: bool,
    /// Go on where the last exploration stopped, with the scenarios whose binaries are the same.
    #[arg(long)]
    pub resume: bool,
    /// Deal the seeds over N machines, of which this is number K (from 1).
    #[arg(long, value_name = "K/N", value_parser = shard)]
    pub shard: Option<Shard>,
    /// Where results are kept for --resume and merge [default: raddle/ in the target directory].
    #[arg(long, value_name = "DIR")]
    pub results: Option<PathBuf>,
    /// Do not write failing seeds into the seed files beside the tests.
    #[arg(long)]
    pub no_keep: bool,
    /// At most so many reruns to minimise a failure.
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub shrink: u64,
    /// End a process whose run does not come on for so long, and report it as a hang.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "60s")]
    pub patience: Duration,
    /// Write the results as JUnit XML.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    #[command(flatten)]
    pub build: Build,
}

/// One scenario, one run.
#[derive(Args, Debug)]
pub struct One {
    /// The scenario's name, or a part of it that no other has.
    #[arg(value_name = "TEST")]
    pub scenario: String,
    /// The seed, decimal or hexadecimal with 0x; or a schedule as a failure prints it: v1,seed=0x2f,2@3/1@0.
    #[arg(value_name = "SEED|SCHEDULE", value_parser = which)]
    pub which: Which,
    #[command(flatten)]
    pub how: How,
}

/// Which run of a scenario is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    Seed(Seed),
    /// A schedule, which the test reads; and the seed that stands in it.
    Schedule(String, Seed),
}

impl Which {
    pub fn seed(&self) -> Seed {
        match self {
            Which::Seed(seed) | Which::Schedule(_, seed) => *seed,
        }
    }
}

impl std::fmt::Display for Which {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Which::Seed(seed) => write!(f, "seed {seed}"),
            Which::Schedule(text, _) => write!(f, "schedule {text}"),
        }
    }
}

/// How single runs are made.
#[derive(Args, Debug)]
pub struct How {
    /// What answers the decisions, instead of what the seed file or the scenario says.
    #[arg(long, value_name = "STRATEGY")]
    pub strategy: Option<String>,
    /// End a process whose run does not come on for so long.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "60s")]
    pub patience: Duration,
    #[command(flatten)]
    pub build: Build,
}

#[derive(Args, Debug)]
pub struct Replay {
    #[command(flatten)]
    pub one: One,
    /// Print every event, and what each was woken by.
    #[arg(long)]
    pub trace: bool,
    /// Run it under gdb or lldb and stop at this step.
    #[arg(long = "break", value_name = "STEP", value_parser = count)]
    pub break_at: Option<u64>,
}

#[derive(Args, Debug)]
pub struct Shrink {
    /// The scenario's name, or a part of it that no other has.
    #[arg(value_name = "TEST")]
    pub scenario: String,
    /// The seed: decimal or hexadecimal with 0x.
    #[arg(value_parser = seed)]
    pub seed: u64,
    #[command(flatten)]
    pub how: How,
    /// At most so many reruns.
    #[arg(long, value_name = "N", default_value_t = 2000)]
    pub budget: u64,
}

#[derive(Args, Debug)]
pub struct Diff {
    /// The scenario's name, or a part of it that no other has.
    #[arg(value_name = "TEST")]
    pub scenario: String,
    /// One run: its seed, or a schedule as a failure prints it.
    #[arg(value_name = "SEED|SCHEDULE", value_parser = which)]
    pub one: Which,
    /// Another.
    #[arg(value_name = "SEED|SCHEDULE", value_parser = which)]
    pub other: Which,
    /// How many events to show before the two part, and after.
    #[arg(short = 'U', long, value_name = "N", default_value_t = 8)]
    pub context: usize,
    #[command(flatten)]
    pub how: How,
}

#[derive(Args, Debug)]
pub struct Seeds {
    #[command(flatten)]
    pub filter: Filter,
    /// Run each kept seed again.
    #[arg(long)]
    pub check: bool,
    /// Run each again, and drop those that pass now (asks first).
    #[arg(long)]
    pub prune: bool,
    /// Do not ask.
    #[arg(short, long, requires = "prune")]
    pub yes: bool,
    /// End a process whose run does not come on for so long.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "60s")]
    pub patience: Duration,
    #[command(flatten)]
    pub build: Build,
}

#[derive(Args, Debug)]
pub struct Timeline {
    #[command(flatten)]
    pub one: One,
    /// Where to write the page [default: TEST-SEED.html].
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write the trace for ui.perfetto.dev (Chrome's trace format) instead of a page.
    #[arg(long, value_name = "FILE", conflicts_with = "output")]
    pub perfetto: Option<PathBuf>,
    /// Draw the minimised run instead of the seed's own.
    #[arg(long)]
    pub minimised: bool,
}

#[derive(Args, Debug)]
pub struct Merge {
    /// Directories of results, one from each machine.
    #[arg(required = true, value_name = "DIR")]
    pub dirs: Vec<PathBuf>,
    /// Write the merged results here, in the same form.
    #[arg(long, value_name = "DIR")]
    pub results: Option<PathBuf>,
    /// Write the results as JUnit XML.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}

/// Machine number `k` (from 1) of `n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    pub k: u64,
    pub n: u64,
}

fn count(text: &str) -> Result<u64, String> {
    let number = text.replace('_', "").parse::<u64>().ok().filter(|&n| n >= 1);
    number.ok_or_else(|| "expected a number from 1 up".into())
}

fn jobs(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| (1..=1024).contains(n)).ok_or_else(|| "expected a number from 1 to 1024".into())
}

pub fn seed(text: &str) -> Result<u64, String> {
    let digits = text.replace('_', "");
    let number = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) if !hex.starts_with('+') => u64::from_str_radix(hex, 16).ok(),
        None if !digits.starts_with('+') => digits.parse().ok(),
        _ => None,
    };
    number.ok_or_else(|| "expected a number below 2^64, decimal or hexadecimal with 0x".into())
}

/// A schedule is read by the test, which is the one that knows how: here only its seed is.
fn which(text: &str) -> Result<Which, String> {
    if !text.starts_with("v1,") {
        return match seed(text) {
            Ok(number) => Ok(Which::Seed(Seed(number))),
            Err(error) => Err(format!("{error}; or a schedule, v1,seed=…")),
        };
    }
    let is_plain = |c: char| c.is_ascii_graphic();
    let number = text.split(',').nth(1).and_then(|part| part.strip_prefix("seed=")).and_then(|text| seed(text).ok());
    match number {
        Some(number) if text.chars().all(is_plain) => Ok(Which::Schedule(text.into(), Seed(number))),
        _ => Err("expected a schedule as a failure prints it: v1,seed=0x2f,2@3/1@0".into()),
    }
}

fn shard(text: &str) -> Result<Shard, String> {
    let read = || {
        let (k, n) = text.split_once('/')?;
        let (k, n) = (k.parse().ok()?, n.parse().ok()?);
        (1 <= k && k <= n).then_some(Shard { k, n })
    };
    read().ok_or_else(|| "expected K/N with K from 1 to N, as in 2/8".into())
}

fn duration(text: &str) -> Result<Duration, String> {
    let read = || {
        let at = text.find(|c: char| !c.is_ascii_digit())?;
        let (digits, unit) = text.split_at(at);
        let number: u64 = digits.parse().ok().filter(|&n| n >= 1)?;
        let millis = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        number.checked_mul(millis).map(Duration::from_millis)
    };
    read().ok_or_else(|| "expected a number and ms, s, m or h, as in 10m".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_is_typed_is_read() {
        assert_eq!(duration("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(shard("2/8"), Ok(Shard { k: 2, n: 8 }));
        assert_eq!(seed("0x2f"), Ok(47));
        assert_eq!(count("10_000"), Ok(10_000));
        assert_eq!(which("0x2f"), Ok(Which::Seed(Seed(47))));
        let schedule = "v1,seed=0x2f,2@3/1@0,s:1=7,anyway";
        assert_eq!(which(schedule), Ok(Which::Schedule(schedule.into(), Seed(47))));
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for text in ["", "10", "m", "0s", "1.5h", "-1s", "99999999999999999999h"] {
            assert!(duration(text).is_err(), "{text}");
        }
        for text in ["", "v1", "v1,", "v1,2@3/1@0", "v1,seed=x", "v1,seed=1,2@3 1@0", "v2,seed=1"] {
            assert!(which(text).is_err(), "{text}");
        }
        for text in ["", "1", "0/2", "3/2", "a/b", "1/0"] {
            assert!(shard(text).is_err(), "{text}");
        }
        for text in ["", "0x", "0x+1", "+1", "-1", "18446744073709551616"] {
            assert!(seed(text).is_err(), "{text}");
        }
    }
}
