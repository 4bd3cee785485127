//! The command line.

use lexopt::{Arg, Parser, ValueExt};
use std::path::PathBuf;

/// What `--help` says.
pub const HELP: &str = "\
Other people's published tests under simulation.

Usage: cargo run --release -- [OPTIONS] [FILTER]

  FILTER             only tests whose SUITE/NAME contains it
  --seeds N          how many seeds each test is run for; 100 by default
  --jobs N           how many processes at a time; as many as there are processors by default
  --replay TEST SEED one run of one test, with its interleaving
  --list             the tests, and what is left out
  --verbose          a line for each test
  --help             this
";

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Args {
    /// Run what the filter names.
    Run { filter: String, seeds: u64, jobs: usize, verbose: bool },
    /// One test in this process; what became of it goes into the file.
    Child { test: String, first: u64, count: u64, to: PathBuf },
    /// One run, shown.
    Replay { test: String, seed: u64 },
    /// The tests.
    List,
    /// The usage.
    Help,
}

/// The process's own command line.
pub fn read() -> Result<Args, String> {
    parse(Parser::from_env())
}

fn parse(mut parser: Parser) -> Result<Args, String> {
    let told = |error: lexopt::Error| error.to_string();
    let (mut filter, mut seeds, mut verbose) = (String::new(), 100, false);
    let mut jobs = std::thread::available_parallelism().map_or(1, usize::from);
    while let Some(arg) = parser.next().map_err(told)? {
        match arg {
            Arg::Long("help") | Arg::Short('h') => return Ok(Args::Help),
            Arg::Long("list") => return Ok(Args::List),
            Arg::Long("verbose") => verbose = true,
            Arg::Long("seeds") => seeds = number(&mut parser, "--seeds", 1)?,
            Arg::Long("jobs") => jobs = number(&mut parser, "--jobs", 1)? as usize,
            Arg::Long("replay") => {
                let test = text(&mut parser)?;
                return Ok(Args::Replay { test, seed: number(&mut parser, "--replay TEST", 0)? });
            }
            Arg::Long("child") => {
                let test = text(&mut parser)?;
                let first = number(&mut parser, "--child TEST", 0)?;
                let count = number(&mut parser, "--child TEST FIRST", 1)?;
                return Ok(Args::Child { test, first, count, to: text(&mut parser)?.into() });
            }
            Arg::Value(value) if filter.is_empty() => filter = value.string().map_err(told)?,
            other => return Err(format!("{}; --help tells what there is", other.unexpected())),
        }
    }
    Ok(Args::Run { filter, seeds, jobs, verbose })
}

fn text(parser: &mut Parser) -> Result<String, String> {
    parser.value().and_then(|value| value.string()).map_err(|error| error.to_string())
}

/// A number, decimal or as `0x2f`.
fn number(parser: &mut Parser, option: &str, least: u64) -> Result<u64, String> {
    let given = text(parser)?;
    let read = match given.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => given.parse(),
    };
    let read = read.ok().filter(|&number| number >= least);
    read.ok_or(format!("{option} {given:?}, expected a number from {least} up"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(words: &[&str]) -> Result<Args, String> {
        parse(Parser::from_args(words))
    }

    #[test]
    fn options_are_read() {
        let args = given(&["--seeds", "7", "async-lock", "--jobs=1"]).unwrap();
        assert_eq!(args, Args::Run { filter: "async-lock".into(), seeds: 7, jobs: 1, verbose: false });
        let args = given(&["--replay", "a/b", "0x2f"]).unwrap();
        assert_eq!(args, Args::Replay { test: "a/b".into(), seed: 47 });
        assert_eq!(given(&["--help"]), Ok(Args::Help));
    }

    #[test]
    fn what_cannot_be_read_is_told_in_one_line() {
        for (words, expected) in [
            (&["--seeds", "0"][..], "a number from 1 up"),
            (&["--replay", "a/b", "x"], "a number from 0 up"),
            (&["--fast"], "--help"),
            (&["a", "b"], "--help"),
        ] {
            let why = given(words).unwrap_err();
            assert!(why.contains(expected) && !why.contains('\n'), "{words:?}: {why}");
        }
    }
}
