//! What stands on the command line, read: numbers, times, seeds, schedules, shards.

use crate::protocol::Seed;
use std::time::Duration;

/// Which run of a scenario is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    Seed(Seed),
    /// A schedule, which the test reads; and the seed that stands in it.
    Schedule(String, Seed),
}

impl Which {
    pub fn seed(&self) -> Seed {
        match self {
            Which::Seed(seed) | Which::Schedule(_, seed) => *seed,
        }
    }
}

impl std::fmt::Display for Which {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Which::Seed(seed) => write!(f, "seed {seed}"),
            Which::Schedule(text, _) => write!(f, "schedule {text}"),
        }
    }
}

/// Machine number `k` (from 1) of `n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    pub k: u64,
    pub n: u64,
}

pub fn count(text: &str) -> Result<u64, String> {
    let number = text.replace('_', "").parse::<u64>().ok().filter(|&n| n >= 1);
    number.ok_or_else(|| "expected a number from 1 up".into())
}

pub fn jobs(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| (1..=1024).contains(n)).ok_or_else(|| "expected a number from 1 to 1024".into())
}

pub fn seed(text: &str) -> Result<u64, String> {
    text.parse().map(|Seed(number)| number)
}

/// A strategy is read by the test as well; but what it cannot be is said before anything is built, and once.
pub fn strategy(text: &str) -> Result<String, String> {
    const PLAIN: [&str; 9] =
        ["portfolio", "random", "reversal", "urw", "surw", "pos", "late-writes", "exhaustive", "fifo"];
    let is_one = match text.split_once(':') {
        None => PLAIN.contains(&text),
        Some((name, numbers)) => {
            let (number, length) = numbers.split_once('@').unwrap_or((numbers, "1"));
            let in_range = |least| number.parse::<u32>().is_ok_and(|n| (least..=64).contains(&n));
            let has_number = name == "pct" && in_range(1) || name == "delay" && in_range(0);
            has_number && length.parse::<u64>().is_ok_and(|n| n >= 1)
        }
    };
    let expected = format!("expected {}, pct:DEPTH or delay:DELAYS (up to 64)", PLAIN.join(", "));
    is_one.then(|| text.into()).ok_or(expected)
}

/// A schedule is read by the test, which is the one that knows how: here only its seed is.
pub fn which(text: &str) -> Result<Which, String> {
    if !text.starts_with("v1,") {
        return match seed(text) {
            Ok(number) => Ok(Which::Seed(Seed(number))),
            Err(error) => Err(format!("{error}; or a schedule, v1,seed=…")),
        };
    }
    let is_plain = |c: char| c.is_ascii_graphic();
    let number = text.split(',').nth(1).and_then(|part| part.strip_prefix("seed=")).and_then(|text| seed(text).ok());
    match number {
        Some(number) if text.chars().all(is_plain) => Ok(Which::Schedule(text.into(), Seed(number))),
        _ => Err("expected a schedule as a failure prints it: v1,seed=0x2f,2@3/1@0".into()),
    }
}

pub fn shard(text: &str) -> Result<Shard, String> {
    let read = || {
        let (k, n) = text.split_once('/')?;
        let (k, n) = (k.parse().ok()?, n.parse().ok()?);
        (1 <= k && k <= n).then_some(Shard { k, n })
    };
    read().ok_or_else(|| "expected K/N with K from 1 to N, as in 2/8".into())
}

pub fn duration(text: &str) -> Result<Duration, String> {
    let read = || {
        let at = text.find(|c: char| !c.is_ascii_digit())?;
        let (digits, unit) = text.split_at(at);
        let number: u64 = digits.parse().ok().filter(|&n| n >= 1)?;
        let millis = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        number.checked_mul(millis).map(Duration::from_millis)
    };
    read().ok_or_else(|| "expected a number and ms, s, m or h, as in 10m".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_read() {
        assert_eq!(duration("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(shard("2/8"), Ok(Shard { k: 2, n: 8 }));
        assert_eq!(seed("0x2f"), Ok(47));
        assert_eq!(count("10_000"), Ok(10_000));
        for text in ["portfolio", "late-writes", "pct:3", "pct:64@1000", "delay:0", "delay:2@7"] {
            assert_eq!(strategy(text), Ok(text.into()));
        }
        assert_eq!(which("0x2f"), Ok(Which::Seed(Seed(47))));
        let schedule = "v1,seed=0x2f,2@3/1@0,s:1=7,anyway";
        assert_eq!(which(schedule), Ok(Which::Schedule(schedule.into(), Seed(47))));
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for text in ["", "10", "m", "0s", "1.5h", "-1s", "99999999999999999999h"] {
            assert!(duration(text).is_err(), "{text}");
        }
        for text in ["", "v1", "v1,", "v1,2@3/1@0", "v1,seed=x", "v1,seed=1,2@3 1@0", "v2,seed=1"] {
            assert!(which(text).is_err(), "{text}");
        }
        for text in ["", "dfs", "pct", "pct:", "pct:0", "pct:65", "pct:3@0", "delay:x", "fifo:1", "replay"] {
            assert!(strategy(text).is_err(), "{text}");
        }
        for text in ["", "1", "0/2", "3/2", "a/b", "1/0"] {
            assert!(shard(text).is_err(), "{text}");
        }
        for text in ["", "0x", "0x+1", "+1", "-1", "18446744073709551616"] {
            assert!(seed(text).is_err(), "{text}");
        }
    }
}
