//! One worker: keeps a process at work, and outlives it.

use super::board::{About, Board, First, News, Place, Task};
use super::record::{Found, Record};
use crate::error::Error;
use crate::process::{Death, Launch, Process, Silence, indented};
use crate::protocol::{Answer, Finding, Kept, Seed};
use crate::scenario::Scenario;
use crate::seedfile::Kept as KeptSeed;
use std::ops::Range;
use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// How to explore, the same for all.
#[derive(Clone, Debug)]
pub struct Manner {
    pub launch: Launch,
    pub strategy: Option<String>,
    pub keep_going: bool,
    pub check: bool,
    pub keeps: bool,
    pub shrink: u64,
}

/// What is worth telling.
pub enum Happening {
    /// A way of failing that was not known, at this place of the slot's failures.
    Found {
        slot: usize,
        failure: usize,
    },
    /// Somebody has looked into it: its text is there. With what became of the seed.
    Looked {
        slot: usize,
        failure: usize,
        kept: Option<Kept>,
    },
    /// All seeds of a scenario are through, or it has stopped.
    Done {
        slot: usize,
    },
    Broken {
        slot: usize,
    },
}

pub fn lock(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Works until there is nothing more to do.
pub fn work(board: &Mutex<Board>, manner: &Manner, tell: &Sender<Happening>) {
    let mut hand = Hand { board, manner, process: None };
    let mut mine = None;
    loop {
        // Not in the condition, where the lock would be held throughout the body.
        let task = lock(board).deal(mine);
        let Some(task) = task else { return };
        if let Task::Explore { slot, .. } | Task::Begin { slot, .. } = task
            && mine.is_none_or(|(before, _)| before != slot)
        {
            mine = Some((slot, Instant::now()));
        }
        let happenings = match task {
            Task::Begin { slot, first } => hand.work_on(slot, None, |hand| hand.first_records(slot, &first)),
            Task::Explore { slot, range } => {
                hand.work_on(slot, Some(range.start), |hand| hand.records(slot, range.clone()))
            }
            Task::Look { slot, failure } => hand.look(slot, failure),
        };
        // Nobody listens any more once the command is over.
        happenings.into_iter().for_each(|happening| drop(tell.send(happening)));
    }
}

/// The strategy that takes steps in plain order, whatever the seed.
const PLAIN: &str = "fifo";

struct Hand<'a> {
    board: &'a Mutex<Board>,
    manner: &'a Manner,
    process: Option<(usize, Process)>,
}

/// Why there is no record.
enum Failed {
    Interrupted,
    Broken(String),
}

impl Hand<'_> {
    fn work_on(
        &mut self,
        slot: usize,
        place: Place,
        work: impl FnOnce(&mut Self) -> Result<Vec<Record>, Failed>,
    ) -> Vec<Happening> {
        let begun = Instant::now();
        let records = work(self);
        let mut board = lock(self.board);
        match records {
            Ok(records) => {
                let News { failures, is_done } = board.give(slot, place, records, begun.elapsed());
                let found = failures.into_iter().map(|failure| Happening::Found { slot, failure });
                found.chain(is_done.then_some(Happening::Done { slot })).collect()
            }
            Err(Failed::Interrupted) => {
                board.give_up(slot, None);
                Vec::new()
            }
            Err(Failed::Broken(why)) => {
                let is_news = board.give_up(slot, Some(why));
                is_news.then_some(Happening::Broken { slot }).into_iter().collect()
            }
        }
    }

    /// The process at work on `slot`, or a new one.
    fn process(&mut self, slot: usize) -> Result<&mut Process, Failed> {
        if self.process.as_ref().is_none_or(|(of, _)| *of != slot) {
            self.process = None;
            let scenario = lock(self.board).slots[slot].scenario.clone();
            let process = Process::start(&scenario, &self.manner.launch).map_err(|error| match error {
                Error::Interrupted => Failed::Interrupted,
                other => Failed::Broken(other.to_string()),
            })?;
            let mut board = lock(self.board);
            let entry = &mut board.slots[slot];
            if entry.about.is_none() {
                let hello = &process.hello;
                let strategy = self.manner.strategy.clone().unwrap_or_else(|| hello.strategy.clone());
                let (raddle, schedule) = (hello.raddle.clone(), hello.schedule);
                entry.about = Some(About { first: hello.first, strategy, raddle, schedule });
            }
            drop(board);
            self.process = Some((slot, process));
        }
        match &mut self.process {
            Some((_, process)) => Ok(process),
            None => unreachable!("it was started above"),
        }
    }

    fn ask(&mut self, slot: usize, question: impl Fn(Seed) -> String) -> Result<Result<Answer, Death>, Failed> {
        let process = self.process(slot)?;
        let first = process.hello.first;
        match process.ask(&question(first)) {
            Ok(Answer::Error { text }) => Err(Failed::Broken(text)),
            Ok(answer) => Ok(Ok(answer)),
            Err(silence) => {
                self.process = None;
                match silence {
                    Silence::Died(death) => Ok(Err(death)),
                    Silence::Interrupted => Err(Failed::Interrupted),
                    Silence::Nonsense(text) => Err(Failed::Broken(text)),
                }
            }
        }
    }

    fn ask_to_explore(&mut self, slot: usize, range: &Range<u64>) -> Result<Result<Record, (Death, u64)>, Failed> {
        let strategy = self.manner.strategy.as_ref().map_or(String::new(), |s| format!(" strategy={s}"));
        let check = match (self.manner.check, range.start) {
            (true, _) => "all",
            (false, 0) => "first",
            (false, _) => "off",
        };
        let stop = if self.manner.keep_going { "never" } else { "first" };
        let mut first = Seed(0);
        let count = range.end - range.start;
        self.process(slot).map(|process| first = process.hello.first)?;
        let answer = self.ask(slot, |first| {
            let seed = Seed(first.0.wrapping_add(range.start));
            format!("explore first={seed} count={count} check={check} stop={stop}{strategy}")
        })?;
        match answer {
            Ok(Answer::Explored(explored)) => {
                Ok(Ok(Record::new(range.start, count, explored, !self.manner.keep_going)))
            }
            Ok(_) => Err(Failed::Broken("answered something else than it was asked".into())),
            Err(death) => {
                let at = death.seed.map_or(u64::MAX, |seed| seed.0.wrapping_sub(first.0));
                Ok(Err((death, at)))
            }
        }
    }

    /// The records of a stretch, whatever becomes of the processes.
    fn records(&mut self, slot: usize, range: Range<u64>) -> Result<Vec<Record>, Failed> {
        let mut records: Vec<Record> = Vec::new();
        let (mut next, mut idle_deaths) = (range.start, 0);
        while next < range.end {
            let (death, at) = match self.ask_to_explore(slot, &(next..range.end))? {
                Ok(record) => {
                    records.push(record);
                    break;
                }
                Err(died) => died,
            };
            if !(next..range.end).contains(&at) && idle_deaths == 0 {
                // It died before it began: nothing that any of these seeds did. Once more.
                idle_deaths += 1;
                continue;
            }
            let at = if (next..range.end).contains(&at) { at } else { next };
            if at > next {
                // What it had found out until then is lost with it.
                let before = self.records(slot, next..at)?;
                let stops = before.iter().any(|record| record.stops);
                records.extend(before);
                if stops {
                    break;
                }
            }
            let again = self.ask_to_explore(slot, &(at..at + 1))?.is_err();
            let seed = lock(self.board).slots[slot].about.as_ref().map_or(0, |a| a.first.0).wrapping_add(at);
            records.push(Record::of_death(at, of_death(Seed(seed), &death, again), !self.manner.keep_going));
            if !self.manner.keep_going {
                break;
            }
            next = at + 1;
        }
        Ok(records)
    }

    /// The records of seeds that failed before, each under the strategy it was kept with; then of the plain order, if that
    /// is to be tried. That is no seed of those that are counted, so there is none unless it fails.
    fn first_records(&mut self, slot: usize, first: &First) -> Result<Vec<Record>, Failed> {
        let mut records = Vec::new();
        for (nth, KeptSeed { seed, strategy, .. }) in first.kept.iter().enumerate() {
            let record = self.record_of_one(slot, *seed, strategy)?;
            let stops = record.stops;
            records.push(record.of_kept(nth as u64, strategy));
            if stops {
                return Ok(records);
            }
        }
        if first.in_plain_order {
            let record = self.record_of_one(slot, Seed(0), PLAIN)?;
            if !record.findings.is_empty() {
                records.push(record.of_kept(first.kept.len() as u64, PLAIN));
            }
        }
        Ok(records)
    }

    fn record_of_one(&mut self, slot: usize, seed: Seed, strategy: &str) -> Result<Record, Failed> {
        let check = if self.manner.check { "all" } else { "off" };
        let question = |_| format!("explore first={seed} count=1 check={check} stop=first strategy={strategy}");
        Ok(match self.ask(slot, question)? {
            Ok(Answer::Explored(explored)) => Record::new(0, 1, explored, !self.manner.keep_going),
            Ok(_) => return Err(Failed::Broken("answered something else than it was asked".into())),
            Err(death) => {
                let again = self.ask(slot, question)?.is_err();
                Record::of_death(0, of_death(seed, &death, again), !self.manner.keep_going)
            }
        })
    }

    /// Finds out all about a failure, and has its seed kept.
    fn look(&mut self, slot: usize, at: usize) -> Vec<Happening> {
        let (scenario, failure) = {
            let board = lock(self.board);
            let entry = &board.slots[slot];
            (entry.scenario.clone(), entry.tally.failures[at].clone())
        };
        let strategy = failure.strategy.as_ref().or(self.manner.strategy.as_ref());
        let strategy = strategy.map_or(String::new(), |strategy| format!(" strategy={strategy}"));
        let seed = failure.seed;
        let text = match &failure.death {
            Some(said) => death_text(&scenario, seed, &failure.finding, said),
            None => {
                let check = if failure.finding.kind == "divergence" { "all" } else { "off" };
                let shrink = self.manner.shrink;
                let question = |_| format!("look seed={seed} shrink={shrink} check={check} which=minimised{strategy}");
                match self.ask(slot, question) {
                    Ok(Ok(Answer::Looked(looked))) if looked.finding.is_some() => looked.text,
                    Ok(Ok(_)) => {
                        let Finding { headline, .. } = &failure.finding;
                        format!("{} failed: {headline}\n  seed {seed}; it passed when run again", scenario.name)
                    }
                    Ok(Err(death)) => death_text(&scenario, seed, &failure.finding, &indented(&death.said)),
                    Err(_) => return Vec::new(),
                }
            }
        };
        let mut kept = None;
        // A kept seed is run once, and a divergence takes two runs to be seen.
        if self.manner.keeps && failure.finding.kind != "divergence" {
            let comment = failure.finding.headline.replace('\n', " ");
            if let Ok(Ok(Answer::Kept(said))) =
                self.ask(slot, |_| format!("keep seed={seed}{strategy} comment={comment}"))
            {
                kept = Some(said);
            }
        }
        lock(self.board).slots[slot].tally.failures[at].text = Some(text);
        vec![Happening::Looked { slot, failure: at, kept }]
    }
}

/// What is to be said of a process that died at a seed.
fn of_death(seed: Seed, death: &Death, again: bool) -> Found {
    let Death { how, said, .. } = death;
    let telling = ["a poll that does not come back", "has overflowed its stack", "panicked at ", "panic"];
    let line = telling.iter().find_map(|words| said.lines().find(|line| line.contains(words)));
    let line = line.or(said.lines().rfind(|line| !line.trim().is_empty())).unwrap_or_default().trim();
    let kind = match () {
        () if line.contains("overflowed its stack") => "stack overflow",
        () if line.contains("does not come back") || how.starts_with("hung") => "hang",
        () => "crash",
    };
    let headline = match line {
        "" => format!("{kind}: the process {how}"),
        line => format!("{kind}: the process {how}: {line}"),
    };
    let shape: String = headline.chars().filter(|c| !c.is_ascii_digit()).take(200).collect();
    let finding = Finding {
        kind: kind.into(),
        fingerprint: shape,
        message: headline.clone(),
        headline,
        place: None,
        task: None,
        step: 0,
        at: 0,
        details: Vec::new(),
        hint: None,
    };
    let note = match again {
        true => "run again by itself, it died again",
        false => "run again by itself, it did not die: something outside the seed ended it",
    };
    let said = if said.is_empty() { String::new() } else { format!("\nthe last that it said:{}", indented(said)) };
    Found { seed, count: 1, finding, death: Some(format!("{note}{said}")), strategy: None }
}

fn death_text(scenario: &Scenario, seed: Seed, finding: &Finding, said: &str) -> String {
    format!(
        "{} failed: {}\n  seed {seed}{}\n  replay: cargo raddle replay {} {seed}",
        scenario.name,
        finding.headline,
        indented(said),
        scenario.name
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(how: &str, said: &str) -> Found {
        of_death(Seed(7), &Death { how: how.into(), seed: None, said: said.into() }, true)
    }

    #[test]
    fn deaths_are_told_by_their_last_words() {
        let overflow = "\nthread 't' (5) has overflowed its stack\nfatal runtime error: stack overflow, aborting";
        for (how, said, kind) in [
            ("died of signal 6 (SIGABRT)", overflow, "stack overflow"),
            ("ended with exit code 101", "t failed: a poll that does not come back: x\n  seed 0x7", "hang"),
            ("hung: no end of this run within 60 s", "", "hang"),
            ("died of signal 9 (SIGKILL)", "", "crash"),
        ] {
            let found = found(how, said);
            assert_eq!(found.finding.kind, kind);
            assert!(found.finding.headline.starts_with(&format!("{kind}: the process {how}")), "{:?}", found.finding);
        }
    }

    #[test]
    fn deaths_alike_have_one_fingerprint() {
        let one = found("died of signal 6 (SIGABRT)", "thread 't' (51) has overflowed its stack");
        let other = found("died of signal 6 (SIGABRT)", "thread 't' (7) has overflowed its stack");
        assert_eq!(one.finding.fingerprint, other.finding.fingerprint);
        assert_ne!(one.finding.fingerprint, found("died of signal 6 (SIGABRT)", "").finding.fingerprint);
    }
}
