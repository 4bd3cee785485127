//! The one line that replays a run.

use crate::env::{SCHEDULE, SEED, STRATEGY};
use crate::seed::Seed;

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
}

impl Replay {
    /// The line to paste that plays a schedule, by its text.
    pub fn line_of_schedule(&self, schedule: &str) -> String {
        match &self.command {
            Some(command) if !command.contains(PLACE) => format!("{SCHEDULE}={schedule} {command}"),
            _ => format!("raddle::Sim::new().schedule({schedule:?}.parse()?).run(…)"),
        }
    }

    /// The line to paste.
    pub fn line(&self, seed: Seed) -> String {
        match &self.command {
            Some(command) if command.contains(PLACE) => command.replace(PLACE, &seed.to_string()),
            Some(command) => {
                let strategy = self.strategy.as_ref().map_or(String::new(), |s| format!("{STRATEGY}={s} "));
                format!("{SEED}={seed} {strategy}{command}")
            }
            None => {
                let strategy = self.strategy.as_ref().map_or(String::new(), |s| format!(".strategy({s:?}.parse()?)"));
                format!("raddle::Sim::new().seed({seed}){strategy}.run(…)")
            }
        }
    }
}
