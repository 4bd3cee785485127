//! The strategies by name.

use super::{Active, Fifo, Pct, Random, Replay};
use crate::deviation::Deviation;
use crate::error::Error;
use crate::prng::{Stream, StreamId};
use crate::seed::Seed;
use std::fmt;
use std::str::FromStr;

/// Which strategy answers the decisions of a run, as written in `#[raddle::test(strategy = "…")]` and
/// `RADDLE_STRATEGY`.
///
/// ```
/// use raddle::StrategyKind;
/// assert_eq!("pct:3".parse(), Ok(StrategyKind::Pct { depth: 3, length: None }));
/// assert_eq!(StrategyKind::Random.to_string(), "random");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum StrategyKind {
    /// `fifo`: the oldest candidate, always.
    Fifo,
    /// `random`: every candidate equally likely, at every decision.
    #[default]
    Random,
    /// `pct:DEPTH`, or `pct:DEPTH@LENGTH` with the number of decisions of a run given instead of measured: priorities
    /// with `DEPTH - 1` points at which they change (Burckhardt et al., ASPLOS 2010).
    Pct {
        /// How many ordering constraints the sought bug needs; 1 to 64.
        depth: u32,
        /// Decisions in a run; measured in three runs of the random strategy where `None`.
        length: Option<u64>,
    },
    /// First in, first out, except at these deviations.
    Replay(Vec<Deviation>),
}

impl StrategyKind {
    /// Puts this strategy in the place of `active`, for a run of `seed`.
    pub(crate) fn take_over(&self, active: &mut Active, seed: Seed) {
        match (self, active) {
            // Some hundred bytes that need not be moved about for each run.
            (StrategyKind::Random, Active::Random(random)) => {
                random.restart(Stream::new(seed.get(), StreamId::Schedule as u64));
            }
            (kind, active) => *active = kind.activate(seed),
        }
    }

    pub(crate) fn activate(&self, seed: Seed) -> Active {
        let stream = || Stream::new(seed.get(), StreamId::Schedule as u64);
        match self {
            StrategyKind::Fifo => Active::Fifo(Fifo),
            StrategyKind::Random => Active::Random(Random::new(stream())),
            StrategyKind::Pct { depth, length } => {
                Active::Other(Box::new(Pct::new(stream(), *depth, length.unwrap_or(100))))
            }
            StrategyKind::Replay(deviations) => Active::Other(Box::new(Replay::new(deviations))),
        }
    }
}

impl FromStr for StrategyKind {
    type Err = Error;
    fn from_str(text: &str) -> Result<StrategyKind, Error> {
        let read = || match text.trim() {
            "fifo" => Some(StrategyKind::Fifo),
            "random" => Some(StrategyKind::Random),
            other => {
                let numbers = other.strip_prefix("pct:").filter(|rest| !rest.contains('+'))?;
                let (depth, length) = match numbers.split_once('@') {
                    Some((depth, length)) => (depth, Some(length.parse().ok().filter(|&l| l >= 1)?)),
                    None => (numbers, None),
                };
                let depth = depth.parse().ok().filter(|d| (1..=64).contains(d))?;
                Some(StrategyKind::Pct { depth, length })
            }
        };
        read().ok_or_else(|| {
            Error::new("strategy", text, "fifo, random, pct:DEPTH (DEPTH from 1 to 64) or pct:DEPTH@LENGTH")
        })
    }
}

impl fmt::Display for StrategyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StrategyKind::Fifo => f.write_str("fifo"),
            StrategyKind::Random => f.write_str("random"),
            StrategyKind::Pct { depth, length: None } => write!(f, "pct:{depth}"),
            StrategyKind::Pct { depth, length: Some(length) } => write!(f, "pct:{depth}@{length}"),
            StrategyKind::Replay(_) => f.write_str("replay"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_can_be_read() {
        for text in ["fifo", "random", "pct:1", "pct:64", "pct:3@120"] {
            assert_eq!(text.parse::<StrategyKind>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn refuses_what_is_no_strategy() {
        for text in ["", "lifo", "pct", "pct:", "pct:0", "pct:65", "pct:+3", "pct:3@", "pct:3@0", "random:1"] {
            let error = text.parse::<StrategyKind>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("strategy {text:?}: expected fifo, random, pct:DEPTH")), "{error}");
        }
    }
}
