//! A schedule as text: short, versioned, to be read and edited by hand.

use crate::deviation::Deviation;
use crate::error::Error;
use crate::id::Key;
use crate::seed::Seed;
use std::fmt;
use std::str::FromStr;

/// A schedule: first in, first out, except at its deviations. As text it is what a failure prints, and what
/// `RADDLE_SCHEDULE` and [`Sim::schedule`](crate::Sim::schedule) play.
///
/// `v1,seed=0x2f,2@3/1@0,1:0=2` reads: under seed 0x2f (which decides everything but the order), task 2 took its step 3
/// before task 1 took its step 0, and the first choice that task 1 made itself came to 2. Steps and choices count from 0;
/// task 2 is the second that the scenario `s` spawned, task 2.1 the first that task 2 did, `w1` the pool's first worker,
/// `clock` the clock. A last item `anyway` plays a schedule as far as it goes where it does not fit the code any more.
///
/// ```
/// let schedule: raddle::Schedule = "v1,seed=0x2f,2@3/1@0".parse()?;
/// assert_eq!(schedule.seed(), raddle::Seed::from(0x2f));
/// assert_eq!(schedule.to_string(), "v1,seed=0x2f,2@3/1@0");
/// # Ok::<(), raddle::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Schedule {
    seed: Seed,
    deviations: Vec<Deviation>,
    /// The items as they are written.
    items: Vec<String>,
    anyway: bool,
}

impl Schedule {
    /// The schedule of `seed` with these deviations; `path` writes an identity down.
    pub(crate) fn new(seed: Seed, deviations: &[Deviation], path: impl Fn(Key) -> String) -> Schedule {
        let item = |d: &Deviation| match d.chosen() {
            Some(number) => format!("{}:{}={number}", path(d.who), d.step),
            None => format!("{}@{}/{}@{}", path(d.who), d.step, path(d.before), d.before_step),
        };
        Schedule { seed, deviations: deviations.to_vec(), items: deviations.iter().map(item).collect(), anyway: false }
    }

    /// What decides everything but the order.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// Where it leaves the plain order.
    pub fn deviations(&self) -> &[Deviation] {
        &self.deviations
    }

    /// Its items as they are written, one for each deviation.
    pub fn items(&self) -> &[String] {
        &self.items
    }

    /// Whether it is to be played even if it does not fit.
    pub fn is_anyway(&self) -> bool {
        self.anyway
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v1,seed={}", self.seed)?;
        self.items.iter().try_for_each(|item| write!(f, ",{item}"))?;
        f.write_str(if self.anyway { ",anyway" } else { "" })
    }
}

const EXPECTED: &str = "v1,seed=SEED and then WHO@STEP/BEFORE@STEP or WHO:CHOICE=NUMBER, with commas between (WHO is s, \
                        2.1, w1 or clock)";

impl FromStr for Schedule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Schedule, Error> {
        let wrong = |part: &str| Error::new("schedule", part, EXPECTED);
        let mut parts = text.trim().split(',');
        if parts.next() != Some("v1") {
            return Err(wrong(text));
        }
        let seed = parts.next().and_then(|part| part.strip_prefix("seed=")).ok_or_else(|| wrong(text))?;
        let mut schedule = Schedule { seed: seed.parse()?, ..Schedule::default() };
        for part in parts {
            if part == "anyway" {
                schedule.anyway = true;
                continue;
            }
            schedule.deviations.push(read_item(part).ok_or_else(|| wrong(part))?);
            schedule.items.push(part.into());
        }
        Ok(schedule)
    }
}

fn read_item(text: &str) -> Option<Deviation> {
    let number = |text: &str| text.parse::<u32>().ok().filter(|_| !text.starts_with('+'));
    if let Some((who, choice)) = text.split_once(':') {
        let (nth, chosen) = choice.split_once('=')?;
        let (step, before_step) = (number(nth)?, number(chosen)?);
        return Some(Deviation { who: read_who(who)?, step, before: Key::CHOICE, before_step });
    }
    let step = |text: &str| {
        let (who, step) = text.split_once('@')?;
        Some((read_who(who)?, number(step)?))
    };
    let (one, other) = text.split_once('/')?;
    let ((who, step), (before, before_step)) = (step(one)?, step(other)?);
    Some(Deviation { who, step, before, before_step })
}

fn read_who(text: &str) -> Option<Key> {
    let nth = |text: &str| text.parse::<u32>().ok().filter(|n| *n >= 1 && !text.starts_with('+')).map(|n| n - 1);
    match text {
        "s" => Some(Key::ROOT),
        "clock" => Some(Key::CLOCK),
        _ => match (text.strip_prefix('w'), text.strip_prefix('x')) {
            (Some(worker), _) => Some(Key::worker(nth(worker)?)),
            (_, Some(raw)) => u64::from_str_radix(raw, 16).ok().map(Key::from_raw),
            _ => text.split('.').try_fold(Key::ROOT, |key, part| Some(key.child(nth(part)?))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let [one, two] = [0, 1].map(|n| Key::ROOT.child(n));
        let deviations = [
            Deviation { who: two.child(2), step: 3, before: one, before_step: 0 },
            Deviation { who: Key::CLOCK, step: 0, before: Key::worker(1), before_step: 4 },
            Deviation { who: Key::ROOT, step: 1, before: Key::CHOICE, before_step: 7 },
        ];
        let path = |key: Key| match key {
            Key::CLOCK => "clock".into(),
            Key::ROOT => "s".into(),
            k if k == one => "1".into(),
            k if k == two.child(2) => "2.3".into(),
            k if k == Key::worker(1) => "w2".into(),
            k => format!("x{:016x}", k.get()),
        };
        let text = Schedule::new(Seed::from(47), &deviations, path).to_string();
        assert_eq!(text, "v1,seed=0x2f,2.3@3/1@0,clock@0/w2@4,s:1=7");
        assert_eq!(text.parse::<Schedule>().unwrap().deviations(), deviations);
        let strange = Schedule::new(Seed::from(1), &deviations[..1], |key| format!("x{:016x}", key.get()));
        assert_eq!(strange.to_string().parse::<Schedule>().unwrap().deviations(), &deviations[..1]);
        let anyway: Schedule = format!("{text},anyway").parse().unwrap();
        assert!(anyway.is_anyway() && anyway.to_string().ends_with(",anyway"));
    }

    #[test]
    fn refuses_what_is_no_schedule() {
        let bad =
            ["", "v2,seed=1", "v1", "v1,2@3/1@0", "v1,seed=x", "v1,seed=1,", "v1,seed=1,2@3", "v1,seed=1,0@3/1@0"];
        for text in
            bad.into_iter().chain(["v1,seed=1,2@+3/1@0", "v1,seed=1,2.@3/1@0", "v1,seed=1,2:=3", "v1,seed=1,w0@1/1@1"])
        {
            assert!(text.parse::<Schedule>().is_err(), "{text}");
        }
        let error = "v1,seed=1,2@3".parse::<Schedule>().unwrap_err().to_string();
        assert!(error.starts_with("schedule \"2@3\": expected v1,seed=SEED"), "{error}");
    }
}
