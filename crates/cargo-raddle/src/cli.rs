//! The command line: what can be asked for, and the help that teaches it.

pub use crate::values::{Shard, Which, seed};
use crate::values::{count, duration, jobs, shard, strategy, which};
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
    #[arg(short, long, global = true, display_order = 900)]
    pub quiet: bool,
    /// How to print: for people, or one JSON object a line (see the schema in the README of cargo-raddle).
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT", display_order = 901)]
    pub message_format: Format,
    /// Whether to use colours; `auto` follows the terminal, NO_COLOR and CLICOLOR.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN", display_order = 902)]
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
    #[command(after_help = AFTER_LIST)]
    List(List),
    /// Run scenarios under many seeds and show what fails, minimised.
    #[command(after_help = AFTER_EXPLORE)]
    Explore(Explore),
    /// Run one seed or one schedule of a scenario and print its interleaving.
    #[command(after_help = AFTER_REPLAY)]
    Replay(Replay),
    /// Look for the shortest interleaving that still fails as this seed does.
    #[command(after_help = AFTER_SHRINK)]
    Shrink(Shrink),
    /// Show the first point where the interleavings of two runs part.
    #[command(after_help = AFTER_DIFF)]
    Diff(Diff),
    /// List the kept seeds, run them again, drop those that pass now.
    #[command(after_help = AFTER_SEEDS)]
    Seeds(Seeds),
    /// Draw one run as an HTML page, or for ui.perfetto.dev.
    #[command(after_help = AFTER_TIMELINE)]
    Timeline(Timeline),
    /// Put the results of several machines together.
    #[command(after_help = AFTER_MERGE)]
    Merge(Merge),
    /// Print a completion script for a shell.
    #[command(after_help = AFTER_COMPLETIONS)]
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff), or that of a verb.
    #[command(after_help = AFTER_MAN)]
    Man {
        /// Which verb [default: the command as a whole].
        verb: Option<String>,
    },
}

const AFTER_LIST: &str = "\
Examples:
  cargo raddle list                          all of the workspace
  cargo raddle list bank --message-format json | jq -r .scenario";

const AFTER_EXPLORE: &str = "\
Strategies: portfolio (of the others; the default), random, reversal, urw, surw, pos, late-writes,
pct:DEPTH, delay:DELAYS, exhaustive, fifo.

Examples:
  cargo raddle explore                       10,000 seeds of each scenario, a process a core
  cargo raddle explore bank --for 10m        those whose name has `bank`, for ten minutes
  cargo raddle explore -r -n 1000000 -k      many, in a release build, and on after a failure
  cargo raddle explore --resume -n 2000000   as many more, where the last exploration stopped
  cargo raddle explore --strategy pct:3 bank --check
  cargo raddle explore --shard 3/8 --results results/3        the third of eight machines
  cargo raddle explore --message-format json --junit raddle.xml";

const AFTER_REPLAY: &str = "\
Examples:
  cargo raddle replay no_money_is_lost 0x2f
  cargo raddle replay no_money_is_lost 0x2f --all           a long one without its middle left out
  cargo raddle replay no_money_is_lost 0x2f --trace         every event, as a list
  cargo raddle replay no_money_is_lost v1,seed=0x2f,3@0/1@0 a schedule as a failure prints it
  cargo raddle replay no_money_is_lost 0x2f --break 31      under gdb or lldb, at step 31";

const AFTER_SHRINK: &str = "\
Examples:
  cargo raddle shrink no_money_is_lost 0x2f
  cargo raddle shrink no_money_is_lost 0x2f --budget 100000      longer";

const AFTER_DIFF: &str = "\
Examples:
  cargo raddle diff no_money_is_lost 0x2e 0x2f              one that passes beside one that fails
  cargo raddle diff no_money_is_lost 0x2f v1,seed=0x2f -U 20     more before and after";

const AFTER_SEEDS: &str = "\
Examples:
  cargo raddle seeds                         what is kept
  cargo raddle seeds --check                 whether it still fails; exit code 1 if any does
  cargo raddle seeds bank --prune            drop what passes now; asks first";

const AFTER_TIMELINE: &str = "\
Examples:
  cargo raddle timeline no_money_is_lost 0x2f -o bank.html       to open in a browser
  cargo raddle timeline no_money_is_lost 0x2f --minimised       the shortest failing interleaving
  cargo raddle timeline no_money_is_lost 0x2f --perfetto bank.json     for https://ui.perfetto.dev";

const AFTER_MERGE: &str = "\
Examples:
  cargo raddle merge results/*
  cargo raddle merge results/* --junit raddle.xml --results merged";

const AFTER_COMPLETIONS: &str = "\
Examples:
  source <(cargo raddle completions bash)    for `cargo-raddle explore --<TAB>`
  cargo raddle completions zsh > ~/.zfunc/_cargo-raddle
  cargo raddle completions fish > ~/.config/fish/completions/cargo-raddle.fish";

const AFTER_MAN: &str = "\
Examples:
  cargo raddle man | man -l -
  cargo raddle man explore > ~/.local/share/man/man1/cargo-raddle-explore.1";

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
    /// What answers the decisions, instead of what each scenario says (a list is below).
    #[arg(long, value_name = "STRATEGY", value_parser = strategy)]
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
    /// End a process whose run makes no progress for so long, and report it as a hang.
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

/// How single runs are made.
#[derive(Args, Debug)]
pub struct How {
    /// What answers the decisions, instead of what the seed file or the scenario says.
    #[arg(long, value_name = "STRATEGY", value_parser = strategy)]
    pub strategy: Option<String>,
    /// End a process whose run makes no progress for so long.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "60s")]
    pub patience: Duration,
    #[command(flatten)]
    pub build: Build,
}

#[derive(Args, Debug)]
pub struct Replay {
    /// Print all lanes, however long the run is; without it the middle of a long one is left out.
    #[arg(long)]
    pub all: bool,
    /// Print every event on a line of its own instead of lanes.
    #[arg(long, conflicts_with = "all")]
    pub trace: bool,
    /// Run it under gdb or lldb and stop at this step.
    #[arg(long = "break", value_name = "STEP", value_parser = count)]
    pub break_at: Option<u64>,
    // Last, as wherever there is one: what comes behind it would stand under its heading.
    #[command(flatten)]
    pub one: One,
}

#[derive(Args, Debug)]
pub struct Shrink {
    /// The scenario's name, or a part of it that no other has.
    #[arg(value_name = "TEST")]
    pub scenario: String,
    /// The seed: decimal or hexadecimal with 0x.
    #[arg(value_parser = seed)]
    pub seed: u64,
    /// At most so many reruns.
    #[arg(long, value_name = "N", default_value_t = 2000)]
    pub budget: u64,
    #[command(flatten)]
    pub how: How,
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
    /// End a process whose run makes no progress for so long.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "60s")]
    pub patience: Duration,
    #[command(flatten)]
    pub build: Build,
}

#[derive(Args, Debug)]
pub struct Timeline {
    /// Where to write the page [default: TEST-SEED.html].
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write the trace for ui.perfetto.dev (Chrome's trace format) instead of a page.
    #[arg(long, value_name = "FILE", conflicts_with = "output")]
    pub perfetto: Option<PathBuf>,
    /// Draw the minimised run instead of the seed's own.
    #[arg(long)]
    pub minimised: bool,
    #[command(flatten)]
    pub one: One,
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_is_a_verbs_own_stands_before_what_is_cargos() {
        for (verb, own) in [("replay", "--trace"), ("shrink", "--budget"), ("timeline", "--perfetto"), ("diff", "-U")] {
            let help = Cli::command().find_subcommand_mut(verb).unwrap().render_long_help().to_string();
            let at = |text: &str| help.find(text).unwrap_or_else(|| panic!("{text} is not in:\n{help}"));
            assert!(at(own) < at("Which packages and targets"), "{help}");
        }
    }
}
