//! The command line.

use lexopt::{Arg, Parser, ValueExt};
use std::path::PathBuf;

/// What `--help` says.
pub const HELP: &str = "\
What a run does is its own, whatever other threads of its process do meanwhile.

Usage: cargo test --release -- [OPTIONS] [FILTER]

  FILTER       only what has it in its name
  --runs N     how often each is run beside others; 20 by default
  --others N   how many threads are beside; 2 by default
  --limit N    seconds that each has; 60 by default
  --apart      each run in a process of its own, forked beside the others
  --first      what the first run of a process comes to, with nobody beside it, and those after it
  --show       of runs that differ, what they did
  --list       what there is
  --help       this
";

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Args {
    /// Try what the filter names.
    Try { filter: String, how: How },
    /// One trial in this process; what became of it goes into the file.
    Child { trial: String, how: How, to: PathBuf },
    /// The names.
    List,
    /// The usage.
    Help,
}

/// How each is tried.
#[derive(Clone, Debug, PartialEq)]
pub struct How {
    /// Runs beside others.
    pub runs: u64,
    /// Threads beside.
    pub others: u64,
    /// In seconds.
    pub limit: u64,
    /// Whether runs that differ are shown.
    pub show: bool,
    /// Whether each run is in a process of its own.
    pub apart: bool,
    /// Whether a process's first run is looked at.
    pub first: bool,
    /// Where that is, in a child: the name of a place.
    pub place: Option<String>,
}

/// The process's own command line.
pub fn read() -> Result<Args, String> {
    parse(Parser::from_env())
}

fn parse(mut parser: Parser) -> Result<Args, String> {
    let told = |error: lexopt::Error| error.to_string();
    let (mut filter, mut child) = (String::new(), None);
    let mut how = How { runs: 20, others: 2, limit: 60, show: false, apart: false, first: false, place: None };
    while let Some(arg) = parser.next().map_err(told)? {
        match arg {
            Arg::Long("help") | Arg::Short('h') => return Ok(Args::Help),
            Arg::Long("list") => return Ok(Args::List),
            Arg::Long("show") => how.show = true,
            Arg::Long("apart") => how.apart = true,
            Arg::Long("first") => how.first = true,
            Arg::Long("place") => how.place = Some(parser.value().and_then(|place| place.string()).map_err(told)?),
            Arg::Long("runs") => how.runs = number(&mut parser, "--runs", 1)?,
            Arg::Long("others") => how.others = number(&mut parser, "--others", 0)?,
            Arg::Long("limit") => how.limit = number(&mut parser, "--limit", 1)?,
            Arg::Long("child") => child = Some(parser.value().map_err(told)?.into()),
            Arg::Value(value) if filter.is_empty() => filter = value.string().map_err(told)?,
            other => return Err(format!("{}; --help tells what there is", other.unexpected())),
        }
    }
    Ok(match child {
        Some(to) => Args::Child { trial: filter, how, to },
        None => Args::Try { filter, how },
    })
}

fn number(parser: &mut Parser, option: &str, least: u64) -> Result<u64, String> {
    let given = parser.value().and_then(|value| value.string()).map_err(|error| error.to_string())?;
    let read = given.parse().ok().filter(|&number| number >= least);
    read.ok_or(format!("{option} {given:?}, expected a number from {least} up"))
}
