//! Who does what: seeds are dealt from here to the workers, and their records are put together here.

use super::dealer::Dealer;
use super::record::{Record, Tally};
use crate::interrupt;
use crate::protocol::Seed;
use crate::scenario::Scenario;
use crate::seedfile::Kept;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::time::{Duration, Instant};

/// A stretch of seeds is to take about so long.
const STRETCH: Duration = Duration::from_millis(100);
/// Where time is what there is to share out, a worker stays with a scenario for so long.
const SLICE: Duration = Duration::from_millis(500);

/// A scenario and how far it is.
pub struct Slot {
    pub scenario: Scenario,
    pub dealer: Dealer,
    pub tally: Tally,
    /// What comes before all seeds, as long as it has not been dealt.
    first: First,
    /// Stretches in the order in which they were dealt, with their records once those are there.
    pending: BTreeMap<Place, Option<Vec<Record>>>,
    /// Known once one of its processes has called.
    pub about: Option<About>,
    /// Why it cannot be explored.
    pub broken: Option<String>,
    /// Seconds that a run takes.
    pace: Option<f64>,
    spent: Duration,
    at_work: usize,
    /// Nothing more is dealt.
    closed: bool,
}

/// Where records belong: what comes first (`None`) before the stretch that begins with a number.
pub type Place = Option<u64>;

/// What comes before the seeds.
#[derive(Clone, Debug, Default)]
pub struct First {
    /// Whether a run in plain order is to fail as well: the portfolio has none of its own.
    pub in_plain_order: bool,
    /// Seeds that failed before.
    pub kept: Vec<Kept>,
}

impl First {
    fn is_empty(&self) -> bool {
        !self.in_plain_order && self.kept.is_empty()
    }
}

/// What a test says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct About {
    pub first: Seed,
    pub strategy: String,
    pub raddle: String,
    pub schedule: u64,
}

impl Slot {
    pub fn new(scenario: Scenario, first: First, dealer: Dealer, tally: Tally) -> Slot {
        let closed = tally.is_over;
        Slot {
            scenario,
            dealer,
            tally,
            first,
            pending: BTreeMap::new(),
            about: None,
            broken: None,
            pace: None,
            spent: Duration::ZERO,
            at_work: 0,
            closed,
        }
    }

    fn is_open(&mut self) -> bool {
        !self.closed && (!self.first.is_empty() || !self.dealer.is_empty())
    }

    /// Whether nothing more will come of it.
    pub fn is_done(&mut self) -> bool {
        !self.is_open() && self.at_work == 0
    }

    fn stretch(&self, jobs: usize) -> u64 {
        let by_time = match self.pace {
            None => 8,
            Some(pace) => (STRETCH.as_secs_f64() / pace.max(1e-9)) as u64,
        };
        // Towards the end in smaller pieces, so that all are done at the same time.
        let fair = (self.dealer.left() / (2 * jobs as u64)).max(16);
        by_time.clamp(1, fair.min(1 << 16))
    }
}

/// What a worker is to do.
pub enum Task {
    /// What comes before the seeds.
    Begin {
        slot: usize,
        first: First,
    },
    Explore {
        slot: usize,
        range: Range<u64>,
    },
    Look {
        slot: usize,
        failure: usize,
    },
}

pub struct Board {
    pub slots: Vec<Slot>,
    jobs: usize,
    deadline: Option<Instant>,
    looks: VecDeque<(usize, usize)>,
}

/// What has become known by a stretch that came back.
#[derive(Debug, Default)]
pub struct News {
    /// Places of new failures in the slot's tally.
    pub failures: Vec<usize>,
    pub is_done: bool,
}

impl Board {
    pub fn new(slots: Vec<Slot>, jobs: usize, deadline: Option<Instant>) -> Board {
        Board { slots, jobs, deadline, looks: VecDeque::new() }
    }

    pub fn time_is_up(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// The next task for a worker that has last worked for `mine`, since `since`.
    pub fn deal(&mut self, mine: Option<(usize, Instant)>) -> Option<Task> {
        if interrupt::is_set() {
            return None;
        }
        if let Some((slot, failure)) = self.looks.pop_front() {
            return Some(Task::Look { slot, failure });
        }
        if self.time_is_up() {
            return None;
        }
        let stays = |since: Instant| self.deadline.is_none() || since.elapsed() < SLICE;
        let stay = mine.filter(|&(_, since)| stays(since)).map(|(slot, _)| slot);
        let slot = match stay.filter(|&slot| self.slots[slot].is_open()) {
            Some(slot) => slot,
            None => {
                let open: Vec<usize> = (0..self.slots.len()).filter(|&slot| self.slots[slot].is_open()).collect();
                let rank = |slot: &usize| {
                    let Slot { at_work, spent, .. } = &self.slots[*slot];
                    if self.deadline.is_some() { (0, *spent) } else { (*at_work, Duration::ZERO) }
                };
                open.into_iter().min_by_key(rank)?
            }
        };
        let jobs = self.jobs;
        let entry = &mut self.slots[slot];
        let task = match std::mem::take(&mut entry.first) {
            first if first.is_empty() => Task::Explore { slot, range: entry.dealer.deal(entry.stretch(jobs))? },
            first => Task::Begin { slot, first },
        };
        entry.at_work += 1;
        entry.pending.insert(if let Task::Explore { range, .. } = &task { Some(range.start) } else { None }, None);
        Some(task)
    }

    /// A stretch has come back.
    pub fn give(&mut self, slot: usize, place: Place, records: Vec<Record>, took: Duration) -> News {
        let entry = &mut self.slots[slot];
        entry.at_work -= 1;
        entry.spent += took;
        let runs: u64 = records.iter().map(|record| record.runs).sum();
        if runs > 0 && records.iter().all(|record| record.findings.is_empty()) {
            entry.pace = Some(took.as_secs_f64() / runs as f64);
        }
        // No need to deal what comes behind a failure; what is in work before it goes on.
        entry.closed |= records.iter().any(|record| record.stops);
        entry.pending.insert(place, Some(records));
        let mut news = News::default();
        while let Some(first) = entry.pending.first_entry() {
            if first.get().is_none() {
                break;
            }
            for record in first.remove().unwrap_or_default() {
                if !entry.tally.is_over {
                    news.failures.extend(entry.tally.add(record));
                }
            }
        }
        news.is_done = entry.is_done();
        self.looks.extend(news.failures.iter().map(|&failure| (slot, failure)));
        news
    }

    /// A stretch did not come back: the user broke it off, or the test cannot be run at all.
    pub fn give_up(&mut self, slot: usize, why: Option<String>) -> bool {
        let entry = &mut self.slots[slot];
        entry.at_work -= 1;
        entry.closed |= why.is_some();
        let is_news = why.is_some() && entry.broken.is_none();
        entry.broken = entry.broken.take().or(why);
        is_news
    }

    /// Everything has stopped: what came back behind a stretch that did not counts as well.
    pub fn close(&mut self) -> Vec<(usize, Vec<usize>)> {
        let mut news = Vec::new();
        for (slot, entry) in self.slots.iter_mut().enumerate() {
            let mut new = Vec::new();
            for record in std::mem::take(&mut entry.pending).into_values().flatten().flatten() {
                if !entry.tally.is_over {
                    new.extend(entry.tally.add(record));
                }
            }
            news.push((slot, new));
        }
        news
    }
}
