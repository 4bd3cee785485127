//! The one line that replays a run.

#[cfg(feature = "insta")]
use crate::env::TRACE;
use crate::env::{CHECK, SCHEDULE, SEED, STRATEGY};
use crate::schedule::StrategyKind;
use crate::seed::Seed;
use std::borrow::Cow;
use std::fmt;

/// Where the seed goes in a command that takes it as an argument.
const PLACE: &str = "{seed}";

/// How a seed is replayed: what stands before and after `RADDLE_SEED=…` in the line to paste.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replay {
    /// The command, `cargo test --test bank no_money_is_lost`, or one with `{seed}` in it; `None` if the run was not made
    /// by a test.
    pub command: Option<String>,
    /// The strategy, where the seed alone does not tell it.
    pub strategy: Option<String>,
    /// The strategy is the user's own.
    pub is_custom: bool,
}

impl Replay {
    /// What the strategy is called where a run is told of.
    pub fn called(&self, strategy: &StrategyKind) -> Cow<'static, str> {
        if self.is_custom { "custom".into() } else { strategy.to_string().into() }
    }

    /// The line to paste that plays a schedule, by its text.
    pub fn line_of_schedule(&self, schedule: &str) -> String {
        match &self.command {
            Some(command) if !command.contains(PLACE) => format!("{SCHEDULE}={schedule} {command}"),
            _ => format!("raddle::Sim::new().schedule({schedule:?}.parse()?).run(…)"),
        }
    }

    /// The same line for a run that need not fail, so that its interleaving is shown all the same.
    #[cfg(feature = "insta")]
    pub fn shown(&self, line: String) -> String {
        match &self.command {
            Some(command) if !command.contains(PLACE) => format!("{TRACE}=1 {line}"),
            _ => line,
        }
    }

    /// The line to paste.
    pub fn line(&self, seed: Seed) -> String {
        let mut line = String::new();
        let _ = self.write_line(&mut line, seed);
        line
    }

    /// The line to paste that has a seed run twice, to see whether it goes the same way.
    pub fn line_of_two(&self, seed: Seed) -> String {
        let line = self.line(seed);
        match &self.command {
            Some(command) if !command.contains(PLACE) => format!("{CHECK}=all {line}"),
            Some(_) => line,
            None => {
                let end = Seed::from(seed.get().saturating_add(1));
                let seeds = format!("Explore::new().seeds({seed}..{end}).check(raddle::Check::All)");
                line.replace(&format!("Sim::new().seed({seed})"), &seeds)
            }
        }
    }

    /// Writes the line to paste, without an allocation of its own.
    pub fn write_line(&self, out: &mut dyn fmt::Write, seed: Seed) -> fmt::Result {
        match &self.command {
            Some(command) => match command.split_once(PLACE) {
                Some((before, behind)) => write!(out, "{before}{seed}{behind}"),
                None => {
                    write!(out, "{SEED}={seed} ")?;
                    self.strategy.iter().try_for_each(|s| write!(out, "{STRATEGY}={s} "))?;
                    out.write_str(command)
                }
            },
            None => {
                write!(out, "raddle::Sim::new().seed({seed})")?;
                match &self.strategy {
                    _ if self.is_custom => out.write_str(".custom_strategy(…)")?,
                    Some(strategy) => write!(out, ".strategy({strategy:?}.parse()?)")?,
                    None => {}
                }
                out.write_str(".run(…)")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_that_went_two_ways_is_run_twice() {
        let line = |command: Option<&str>| {
            let replay = Replay { command: command.map(String::from), strategy: Some("fifo".into()), is_custom: false };
            replay.line_of_two(Seed::from(7))
        };
        let command = "cargo test -p bank";
        assert_eq!(line(Some(command)), "RADDLE_CHECK=all RADDLE_SEED=0x7 RADDLE_STRATEGY=fifo cargo test -p bank");
        assert_eq!(line(Some("sim --seed {seed}")), "sim --seed 0x7");
        assert_eq!(
            line(None),
            "raddle::Explore::new().seeds(0x7..0x8).check(raddle::Check::All).strategy(\"fifo\".parse()?).run(…)"
        );
    }
}
