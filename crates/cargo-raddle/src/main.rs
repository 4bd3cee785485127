//! `cargo raddle`: explore, replay and look at the deterministic simulation tests of a workspace.
#![forbid(unsafe_code)]

mod cargo;
mod cli;
mod debugger;
mod diff;
mod error;
mod explore;
mod github;
mod interrupt;
mod list;
mod merge;
mod one;
mod process;
mod protocol;
mod replay;
mod scenario;
mod seedfile;
mod seeds;
mod shell;
mod stderr;
mod timeline;
mod values;

use clap::{CommandFactory, Parser};
use cli::{Cli, Verb};
use error::{Error, Result};
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut words: Vec<std::ffi::OsString> = std::env::args_os().collect();
    // Called by cargo, the first word is the name of the command.
    if words.get(1).is_some_and(|word| word == "raddle") {
        words.remove(1);
    }
    let cli = match Cli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    match run(&cli) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let bad = shell::BAD;
            let _ = writeln!(anstream::stderr(), "{bad}error{bad:#}: {error}");
            let shell = shell::Shell::new(&cli.global);
            shell.json("error", serde_json::json!({ "text": error.to_string(), "code": error.exit_code() }));
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(cli: &Cli) -> Result<u8> {
    let global = &cli.global;
    match &cli.verb {
        Verb::List(options) => list::run(options, global),
        Verb::Explore(options) => explore::run(options, global),
        Verb::Replay(options) => replay::replay(options, global),
        Verb::Shrink(options) => replay::shrink(options, global),
        Verb::Diff(options) => diff::run(options, global),
        Verb::Seeds(options) => seeds::run(options, global),
        Verb::Timeline(options) => timeline::run(options, global),
        Verb::Merge(options) => merge::run(options, global),
        Verb::Completions { shell } => {
            clap_complete::generate(*shell, &mut program(), "cargo-raddle", &mut std::io::stdout());
            Ok(0)
        }
        Verb::Man { verb } => {
            let mut program = program();
            // The verbs have their names, and the options that go with all of them.
            program.build();
            let page = match verb {
                None => program,
                Some(verb) => match program.find_subcommand(verb) {
                    Some(found) => found.clone(),
                    None => return Err(Error::usage(format!("there is no verb `{verb}`: see cargo raddle --help"))),
                },
            };
            let page = clap_mangen::Man::new(page);
            page.render(&mut std::io::stdout()).map_err(|error| Error::internal(error.to_string()))?;
            Ok(0)
        }
    }
}

/// The command under the name of the program, which has no space in it.
fn program() -> clap::Command {
    Cli::command().name("cargo-raddle").bin_name("cargo-raddle")
}
