//! What a driver may ask for: one line each, a verb and `key=value` words.

use crate::error::Error;
use crate::recheck::Check;
use crate::schedule::StrategyKind;
use crate::seed::Seed;
use crate::token::Schedule;

/// One thing to do.
#[derive(Debug, PartialEq)]
pub(super) enum Command {
    /// Run `count` seeds from `first` on.
    Explore { first: Seed, count: u64, strategy: Option<StrategyKind>, check: Check, first_only: bool },
    /// Run one seed, and tell everything about it.
    Look { seed: Seed, strategy: Option<StrategyKind>, check: Check, shrink: usize, which: Which },
    /// Play one schedule, and tell everything about it.
    Play { schedule: Schedule },
    /// Write a seed into the test's seed file.
    Keep { seed: Seed, strategy: Option<StrategyKind>, comment: String },
}

/// Of which run the events are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum Which {
    /// The one that the seed gives.
    #[default]
    Original,
    /// The one with the fewest deviations, if it fails; else the seed's.
    Minimised,
}

impl Command {
    /// Reads a line.
    ///
    /// # Errors
    /// A line that is no command.
    pub fn read(line: &str) -> Result<Command, Error> {
        // People write schedules: what is wrong with one is told.
        if let Some(schedule) = line.strip_prefix("play schedule=") {
            return Ok(Command::Play { schedule: schedule.parse()? });
        }
        // People write strategies, too.
        let words = line.split_once(" comment=").map_or(line, |(words, _)| words).split_whitespace();
        if let Some(strategy) = words.filter_map(|word| word.strip_prefix("strategy=")).next() {
            strategy.parse::<StrategyKind>()?;
        }
        Command::parse(line)
            .ok_or_else(|| Error::new("command", line, "explore, look, play or keep, with what belongs to it"))
    }

    fn parse(line: &str) -> Option<Command> {
        // A comment runs to the end of the line, whatever is in it.
        let (line, comment) = match line.split_once(" comment=") {
            Some((line, comment)) => (line, comment),
            None => (line, ""),
        };
        let mut words = line.split_whitespace();
        let verb = words.next()?;
        let (mut seed, mut count, mut strategy) = (None, None, None);
        let (mut check, mut first_only, mut shrink, mut which) = (Check::Off, false, 0, Which::Original);
        for word in words {
            let (key, value) = word.split_once('=')?;
            match (key, value) {
                ("first" | "seed", _) => seed = Some(value.parse::<Seed>().ok()?),
                ("count", _) => count = Some(value.parse::<u64>().ok()?),
                ("strategy", _) => strategy = Some(value.parse::<StrategyKind>().ok()?),
                ("check", "off") => check = Check::Off,
                ("check", "first") => check = Check::First,
                ("check", "all") => check = Check::All,
                ("stop", "first") => first_only = true,
                ("stop", "never") => first_only = false,
                ("shrink", _) => shrink = value.parse().ok()?,
                ("which", "original") => which = Which::Original,
                ("which", "minimised") => which = Which::Minimised,
                _ => return None,
            }
        }
        Some(match verb {
            "explore" => Command::Explore { first: seed?, count: count?, strategy, check, first_only },
            "look" => Command::Look { seed: seed?, strategy, check, shrink, which },
            "keep" => Command::Keep { seed: seed?, strategy, comment: comment.into() },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_read() {
        let explore = "explore first=0x2f count=500 strategy=pct:3 check=first stop=first";
        assert_eq!(
            Command::read(explore).unwrap(),
            Command::Explore {
                first: Seed::from(47),
                count: 500,
                strategy: Some(StrategyKind::Pct { depth: 3, length: None }),
                check: Check::First,
                first_only: true,
            }
        );
        assert_eq!(
            Command::read("look seed=1 shrink=200 which=minimised check=all").unwrap(),
            Command::Look {
                seed: Seed::from(1),
                strategy: None,
                check: Check::All,
                shrink: 200,
                which: Which::Minimised
            }
        );
        let schedule = "v1,seed=0x7,2@0/1@0,anyway";
        let play = Command::read(&format!("play schedule={schedule}")).unwrap();
        assert_eq!(play, Command::Play { schedule: schedule.parse().unwrap() });
        assert_eq!(
            Command::read("keep seed=0x1 strategy=random comment=left: 1, right: seed=2").unwrap(),
            Command::Keep {
                seed: Seed::from(1),
                strategy: Some(StrategyKind::Random),
                comment: "left: 1, right: seed=2".into()
            }
        );
    }

    #[test]
    fn what_is_no_command_is_refused_in_one_line() {
        let lines = ["", "explore", "explore first=1", "look seed=x", "keep", "dance seed=1", "look seed=1 what=2"];
        for line in lines {
            let error = Command::read(line).unwrap_err().to_string();
            assert!(error.starts_with(&format!("command {line:?}: expected explore, look, play or keep")), "{error}");
        }
        let error = Command::read("explore first=1 count=2 strategy=pct:0").unwrap_err().to_string();
        assert!(error.starts_with("strategy \"pct:0\": expected "), "{error}");
        let error = Command::read("play schedule=v1,seed=7,2@0").unwrap_err().to_string();
        assert!(error.starts_with("schedule \"2@0\": expected v1,seed=SEED"), "{error}");
    }
}
