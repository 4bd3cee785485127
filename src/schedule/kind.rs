//! The strategies by name.

use super::{Profile, portfolio};
use crate::deviation::Deviation;
use crate::error::Error;
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
        /// Decisions in a run; where `None`, the steps of a run made to measure.
        length: Option<u64>,
    },
    /// `urw`: every interleaving equally likely, as far as the steps of each task can be told from a run made to
    /// measure (Zhao et al., ASPLOS 2025).
    Urw,
    /// `surw`: every order of the steps on one resource equally likely, another resource in each run (the same paper).
    Surw,
    /// `pos`: partial order sampling, a random order of the steps that race (Yuan et al., CAV 2018).
    Pos,
    /// `late-writes`: a random walk in which whoever is about to change something (see [`announce`](crate::announce)) is
    /// four times less likely than others, so that what tasks have read grows old before they write.
    LateWrites,
    /// `delay:DELAYS`, or `delay:DELAYS@LENGTH`: first in, first out, except that so many times the oldest has to wait
    /// behind the others (Emmi et al., POPL 2011).
    Delay {
        /// How many times; 0 to 64.
        delays: u32,
        /// Decisions in a run; measured as for `pct` where `None`.
        length: Option<u64>,
    },
    /// `reversal`: races that a run made to measure shows go the other way round, one after the other in the first runs, and
    /// then some at random; what else there is to decide is decided in plain order, with few switches, or at random (after
    /// Sen, PLDI 2008). Which runs are the first is told by the low 16 bits of a seed: those whose turn a portfolio gives to
    /// this strategy.
    Reversal,
    /// `exhaustive`: every schedule, one after the other, until there is no more or the seeds are used up. Orders of two
    /// steps that are known not to race (see [`announce`](crate::announce)) count as one.
    Exhaustive,
    /// `portfolio`: deals the seeds over the strategies above, always in the same way.
    Portfolio,
    /// First in, first out, except at these deviations.
    Replay(Vec<Deviation>),
}

/// What can be read as a strategy.
const EXPECTED: &str = "portfolio, random, reversal, urw, surw, pos, late-writes, pct:DEPTH (DEPTH from 1 to 64), \
                        delay:DELAYS (0 to 64), exhaustive or fifo";

impl StrategyKind {
    /// The strategy that answers the run of `seed`: itself, but for a portfolio.
    pub(crate) fn dealt(&self, seed: Seed, profile: Option<&Profile>) -> StrategyKind {
        match self {
            StrategyKind::Portfolio => portfolio::deal(seed, profile),
            other => other.clone(),
        }
    }

    /// Whether it has to know what the program does before its first run.
    pub(crate) fn measures(&self) -> bool {
        match self {
            StrategyKind::Pct { length, .. } | StrategyKind::Delay { length, .. } => length.is_none(),
            StrategyKind::Reversal | StrategyKind::Urw | StrategyKind::Surw | StrategyKind::Portfolio => true,
            _ => false,
        }
    }

    /// The same with what was measured filled in.
    pub(crate) fn measured(&self, profile: &Profile) -> StrategyKind {
        let steps = Some(profile.steps().max(1));
        match *self {
            StrategyKind::Pct { depth, length } => StrategyKind::Pct { depth, length: length.or(steps) },
            StrategyKind::Delay { delays, length } => StrategyKind::Delay { delays, length: length.or(steps) },
            ref other => other.clone(),
        }
    }
}

impl FromStr for StrategyKind {
    type Err = Error;
    fn from_str(text: &str) -> Result<StrategyKind, Error> {
        read(text.trim()).ok_or_else(|| Error::new("strategy", text, EXPECTED))
    }
}

fn read(text: &str) -> Option<StrategyKind> {
    Some(match text {
        "fifo" => StrategyKind::Fifo,
        "random" => StrategyKind::Random,
        "reversal" => StrategyKind::Reversal,
        "urw" => StrategyKind::Urw,
        "surw" => StrategyKind::Surw,
        "pos" => StrategyKind::Pos,
        "late-writes" => StrategyKind::LateWrites,
        "exhaustive" => StrategyKind::Exhaustive,
        "portfolio" => StrategyKind::Portfolio,
        other => {
            let (name, numbers) = other.split_once(':').filter(|(_, rest)| !rest.contains('+'))?;
            let (number, length) = match numbers.split_once('@') {
                Some((number, length)) => (number, Some(length.parse().ok().filter(|&l| l >= 1)?)),
                None => (numbers, None),
            };
            let number: u32 = number.parse().ok().filter(|n| *n <= 64)?;
            match name {
                "pct" if number >= 1 => StrategyKind::Pct { depth: number, length },
                "delay" => StrategyKind::Delay { delays: number, length },
                _ => return None,
            }
        }
    })
}

impl fmt::Display for StrategyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, number, length) = match self {
            StrategyKind::Fifo => return f.write_str("fifo"),
            StrategyKind::Random => return f.write_str("random"),
            StrategyKind::Reversal => return f.write_str("reversal"),
            StrategyKind::Urw => return f.write_str("urw"),
            StrategyKind::Surw => return f.write_str("surw"),
            StrategyKind::Pos => return f.write_str("pos"),
            StrategyKind::LateWrites => return f.write_str("late-writes"),
            StrategyKind::Exhaustive => return f.write_str("exhaustive"),
            StrategyKind::Portfolio => return f.write_str("portfolio"),
            StrategyKind::Replay(_) => return f.write_str("replay"),
            StrategyKind::Pct { depth, length } => ("pct", depth, length),
            StrategyKind::Delay { delays, length } => ("delay", delays, length),
        };
        write!(f, "{name}:{number}")?;
        length.map_or(Ok(()), |length| write!(f, "@{length}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_can_be_read() {
        for text in [
            "fifo",
            "reversal",
            "random",
            "urw",
            "surw",
            "pos",
            "late-writes",
            "exhaustive",
            "portfolio",
            "pct:1",
            "pct:64",
            "pct:3@120",
            "delay:2",
        ] {
            assert_eq!(text.parse::<StrategyKind>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn refuses_what_is_no_strategy() {
        for text in [
            "", "lifo", "pct", "pct:", "pct:0", "pct:65", "pct:+3", "pct:3@", "pct:3@0", "random:1", "delay",
            "delay:65",
        ] {
            let error = text.parse::<StrategyKind>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("strategy {text:?}: expected portfolio, random, ")), "{error}");
        }
    }
}
