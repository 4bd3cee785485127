//! The command line.

use crate::catalogue::{self, PEERS, Row};
use lexopt::{Arg, Parser, ValueExt};
use std::path::PathBuf;
use std::time::Duration;

/// Which time the tables are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Time on a processor, of all threads of a process: what else the machine does matters less.
    Cpu,
    /// Time on the wall.
    Wall,
}

/// What is to be measured, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Args {
    pub only: Vec<String>,
    pub peers: Vec<String>,
    pub rounds: usize,
    pub quick: bool,
    pub json: Option<PathBuf>,
    pub instructions: bool,
    pub clock: Clock,
    pub profile: String,
}

/// How long a measurement is to take.
const LENGTH: Duration = Duration::from_millis(500);
const QUICK_LENGTH: Duration = Duration::from_millis(20);

impl Args {
    /// How long one measurement is to take.
    pub fn length(&self) -> Duration {
        if self.quick { QUICK_LENGTH } else { LENGTH }
    }

    /// The row with the peers that were asked for; its base is always among them.
    pub fn choose(&self, mut row: Row) -> Option<Row> {
        let is_asked_for = match self.only.as_slice() {
            // Building for the debug rows takes longer than a minute.
            [] => !self.quick || row.build == catalogue::Build::Release,
            only => only.iter().any(|name| name.eq_ignore_ascii_case(&row.name)),
        };
        if !self.peers.is_empty() {
            row.peers.retain(|peer| peer.name == row.base || self.peers.iter().any(|name| name == peer.name));
        }
        is_asked_for.then_some(row)
    }
}

/// What `--help` says.
pub fn help() -> String {
    let rows: Vec<String> = catalogue::rows()
        .iter()
        .map(|row| format!("  {:12} {} ({})\n", row.name, row.workload.what(), row.build.profile("release")))
        .collect();
    format!(
        "raddle beside its peers: medians, ratios, and what raddle must reach.

Usage: cargo run --release -- [OPTIONS]

  --only W1,W3       only these rows
  --peers raddle,…   only these peers, and what the ratios are to
  --rounds N         how often each is measured; 9 by default
  --clock cpu|wall   which time counts; cpu by default
  --profile NAME     the profile of the rows that are not debug builds: release by default, or thin
  --instructions     instructions a unit, counted by valgrind's callgrind, in place of times
  --json FILE        every sample, for other programs
  --quick            two short rounds: whether every peer works, not how fast it is
  --help             this

Peers: {}
Rows:
{}",
        PEERS.join(", "),
        rows.concat()
    )
}

/// The process's own command line; `None` if it asks for help.
pub fn read() -> Result<Option<Args>, String> {
    parse(Parser::from_env())
}

fn parse(mut parser: Parser) -> Result<Option<Args>, String> {
    let mut args = Args {
        only: Vec::new(),
        peers: Vec::new(),
        rounds: 0,
        quick: false,
        json: None,
        instructions: false,
        clock: Clock::Cpu,
        profile: "release".into(),
    };
    let told = |error: lexopt::Error| error.to_string();
    while let Some(arg) = parser.next().map_err(told)? {
        match arg {
            Arg::Long("help") | Arg::Short('h') => return Ok(None),
            Arg::Long("quick") => args.quick = true,
            Arg::Long("instructions") => args.instructions = true,
            Arg::Long("json") => args.json = Some(parser.value().map_err(told)?.into()),
            Arg::Long("profile") => args.profile = text(&mut parser)?,
            Arg::Long("rounds") => {
                let given = text(&mut parser)?;
                let rounds = given.parse().ok().filter(|&rounds| rounds > 0);
                args.rounds = rounds.ok_or(format!("--rounds {given:?}, expected a number from 1 up"))?;
            }
            Arg::Long("clock") => {
                args.clock = match text(&mut parser)?.as_str() {
                    "cpu" => Clock::Cpu,
                    "wall" => Clock::Wall,
                    other => return Err(format!("--clock {other:?}, expected cpu or wall")),
                }
            }
            Arg::Long("only") => {
                let rows: Vec<String> = catalogue::rows().into_iter().map(|row| row.name).collect();
                let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
                args.only = list("--only", &text(&mut parser)?, &rows)?;
            }
            Arg::Long("peers") => args.peers = list("--peers", &text(&mut parser)?, &PEERS)?,
            other => return Err(format!("{}; --help tells what there is", other.unexpected())),
        }
    }
    if args.rounds == 0 {
        args.rounds = if args.quick { 2 } else { 9 };
    }
    Ok(Some(args))
}

fn text(parser: &mut Parser) -> Result<String, String> {
    parser.value().and_then(|value| value.string()).map_err(|error| error.to_string())
}

/// Names between commas, each of which is to be one of `known`.
fn list(option: &str, given: &str, known: &[&str]) -> Result<Vec<String>, String> {
    let names = given.split(',').map(str::trim);
    let one = |name: &str| match known.iter().find(|known| known.eq_ignore_ascii_case(name)) {
        Some(known) => Ok(known.to_string()),
        None => Err(format!("{option} {name:?}, expected some of {}", known.join(", "))),
    };
    names.map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(words: &[&str]) -> Result<Option<Args>, String> {
        parse(Parser::from_args(words))
    }

    #[test]
    fn options_are_read() {
        let args = given(&["--only", "w1,W3b", "--peers=raddle,local", "--rounds", "3", "--json", "out.json"]);
        let args = args.unwrap().unwrap();
        assert_eq!((args.only, args.peers), (vec!["W1".into(), "W3b".into()], vec!["raddle".into(), "local".into()]));
        assert_eq!((args.rounds, args.clock, args.json), (3, Clock::Cpu, Some("out.json".into())));
        let args = given(&[]).unwrap().unwrap();
        assert_eq!((args.rounds, args.quick, args.only.len()), (9, false, 0));
        assert_eq!(given(&["--quick"]).unwrap().unwrap().rounds, 2);
        assert_eq!(given(&["--help"]), Ok(None));
    }

    #[test]
    fn what_cannot_be_read_is_told_in_one_line() {
        for (words, expected) in [
            (&["--only", "W9"][..], "W1, W2"),
            (&["--peers", "smol"], "raddle, raddle-baton"),
            (&["--rounds", "0"], "a number from 1 up"),
            (&["--clock", "sun"], "cpu or wall"),
            (&["--fast"], "--help"),
            (&["W1"], "--help"),
            (&["--json"], "--json"),
        ] {
            let why = given(words).unwrap_err();
            assert!(why.contains(expected) && !why.contains('\n'), "{words:?}: {why}");
        }
    }

    #[test]
    fn the_base_is_always_measured() {
        let args = given(&["--peers", "raddle", "--only", "W1"]).unwrap().unwrap();
        let rows: Vec<Row> = catalogue::rows().into_iter().filter_map(|row| args.choose(row)).collect();
        let peers: Vec<&str> = rows.iter().flat_map(|row| &row.peers).map(|peer| peer.name).collect();
        assert_eq!(peers, ["raddle", "local"]);
    }
}
