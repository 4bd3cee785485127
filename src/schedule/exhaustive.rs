//! Every schedule, one after the other.

use super::{Candidate, Candidates, Pick, Strategy};
use crate::id::Key;
use crate::operation::Operation;
use crate::parcel::{Parcel, Reader, Sink, parcel_struct};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Depth-first search over all answers to all decisions, with sleep sets (Godefroid: *Partial-Order Methods for the
/// Verification of Concurrent Systems*, 1996).
///
/// Where two steps are known not to race ([announced](crate::announce) operations on different resources, or two that
/// only look), their two orders count as one, and a run that would show the second is left out. A step of which nothing
/// is known races with all.
#[derive(Default)]
pub(crate) struct Tree {
    /// The decisions on the way to where the search is.
    frames: Vec<Frame>,
    /// How many of them the run that goes on has come past.
    depth: usize,
    /// What may not come next, since an equal run has been made.
    asleep: Vec<Step>,
    /// The step that goes on, and what came before it: known to be over at the next question.
    going: Option<Going>,
    /// The run that goes on shows nothing new.
    redundant: bool,
    /// Two orders were counted as one by what tasks announced.
    reduced: bool,
    /// Some message took as long as the seed has it, and no other time was tried.
    one_latency: bool,
    finished: bool,
}

/// A step, and what it does.
#[derive(Clone, Copy, Debug)]
struct Step {
    who: (Key, u32),
    does: Does,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Does {
    /// Nobody knows.
    Something,
    Only(Operation),
    /// A task's way from its beginning, or from its last operation, to the first that it announces.
    Nothing,
}

struct Going {
    who: (Key, u32),
    operation: Option<Operation>,
    /// Steps that sleep unless they race with it.
    sleepers: Vec<Step>,
    /// The frame whose answer it is, if it was a decision.
    frame: Option<usize>,
}

enum Frame {
    Steps { candidates: Vec<Candidate>, at: usize, asleep: Vec<Step>, done: Vec<Step> },
    Choice { n: u32, at: u32 },
}

impl Tree {
    /// Whether every schedule has been run.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// Whether messages took as long as the seed has it, and no other times were tried.
    pub fn has_one_latency(&self) -> bool {
        self.one_latency
    }

    /// Whether orders were left out that only matter for state that nobody announced.
    pub fn is_reduced(&self) -> bool {
        self.reduced
    }

    /// Whether the last run showed nothing that another had not.
    pub fn was_redundant(&self) -> bool {
        self.redundant
    }

    /// A run begins.
    fn begin(&mut self) {
        self.depth = 0;
        self.asleep.clear();
        self.going = None;
        self.redundant = false;
    }

    /// The run is over: goes to the next schedule.
    pub fn advance(&mut self) {
        self.frames.truncate(self.depth);
        while let Some(frame) = self.frames.last_mut() {
            let more = match frame {
                Frame::Choice { n, at } => {
                    *at += 1;
                    *at < *n
                }
                Frame::Steps { candidates, at, asleep, done } => {
                    let last = candidates[*at];
                    let who = (last.key, last.step);
                    if !done.iter().any(|step| step.who == who) {
                        // Nothing came after it.
                        let announced = last.operation.filter(|operation| operation.announced);
                        done.push(Step { who, does: announced.map_or(Does::Something, Does::Only) });
                    }
                    let sleeps = |c: &Candidate, set: &[Step]| set.iter().any(|s| s.who == (c.key, c.step));
                    let next = (0..candidates.len())
                        .find(|&i| !sleeps(&candidates[i], asleep) && !sleeps(&candidates[i], done));
                    *at = next.unwrap_or(*at);
                    next.is_some()
                }
            };
            if more {
                return;
            }
            self.frames.pop();
        }
        self.finished = true;
    }

    /// The step that went on is over, and `next` says what could come now: what it did is known, so what sleeps is.
    fn settle(&mut self, next: &Candidates<'_>) {
        let Some(going) = self.going.take() else { return };
        let after = next.iter().find(|c| c.key == going.who.0 && c.step == going.who.1 + 1);
        let announces = after.and_then(|c| c.operation).is_some_and(|operation| operation.announced);
        let does = match going.operation.filter(|operation| operation.announced) {
            Some(operation) => Does::Only(operation),
            None if announces => Does::Nothing,
            None => Does::Something,
        };
        self.asleep = going.sleepers.into_iter().filter(|sleeper| !races(sleeper.does, does)).collect();
        self.reduced |= !self.asleep.is_empty();
        if let Some(Frame::Steps { done, .. }) = going.frame.and_then(|frame| self.frames.get_mut(frame)) {
            match done.iter_mut().find(|step| step.who == going.who) {
                Some(step) => step.does = does,
                None => done.push(Step { who: going.who, does }),
            }
        }
    }

    fn pick(&mut self, candidates: &Candidates<'_>) -> usize {
        self.settle(candidates);
        if self.redundant {
            self.going = None;
            return candidates.oldest();
        }
        if self.depth == self.frames.len() {
            let ages: Vec<Candidate> = candidates.by_age().map(|index| candidates.get(index)).collect();
            let awake = |c: &Candidate| !self.asleep.iter().any(|s| s.who == (c.key, c.step));
            let Some(at) = ages.iter().position(awake) else {
                self.redundant = true;
                return candidates.oldest();
            };
            self.frames.push(Frame::Steps { candidates: ages, at, asleep: self.asleep.clone(), done: Vec::new() });
        }
        let frame = self.depth;
        self.depth += 1;
        let Frame::Steps { candidates: ages, at, asleep, done } = &self.frames[frame] else {
            // The scenario does not do the same again: not a tree. The rest is played plainly.
            self.redundant = true;
            return candidates.oldest();
        };
        let chosen = ages[*at];
        let who = (chosen.key, chosen.step);
        let sleepers = asleep.iter().chain(done.iter().filter(|step| step.who != who)).copied().collect();
        self.going = Some(Going { who, operation: chosen.operation, sleepers, frame: Some(frame) });
        let place = candidates.iter().position(|c| (c.key, c.step) == who);
        place.unwrap_or(candidates.oldest())
    }

    fn alone(&mut self, candidates: &Candidates<'_>) {
        self.settle(candidates);
        let only = candidates.get(candidates.oldest());
        let who = (only.key, only.step);
        if self.redundant || self.asleep.iter().any(|s| s.who == who) {
            self.redundant = true;
            return;
        }
        let sleepers = std::mem::take(&mut self.asleep);
        self.going = Some(Going { who, operation: only.operation, sleepers, frame: None });
    }

    fn choose(&mut self, n: u32) -> u32 {
        if self.redundant {
            return 0;
        }
        if self.depth == self.frames.len() {
            self.frames.push(Frame::Choice { n, at: 0 });
        }
        self.depth += 1;
        match self.frames[self.depth - 1] {
            Frame::Choice { at, .. } => at.min(n - 1),
            Frame::Steps { .. } => 0,
        }
    }
}

// A run in a process of its own hands its part of the search back. What is asleep, and the step that goes on, are made anew
// when the next one begins.
impl Parcel for Tree {
    fn put(&self, sink: &mut dyn Sink) {
        self.frames.put(sink);
        self.depth.put(sink);
        self.redundant.put(sink);
        self.reduced.put(sink);
        self.one_latency.put(sink);
        self.finished.put(sink);
    }

    fn take(from: &mut Reader<'_>) -> Option<Tree> {
        let (frames, depth) = (Parcel::take(from)?, Parcel::take(from)?);
        let (redundant, reduced) = (Parcel::take(from)?, Parcel::take(from)?);
        let (one_latency, finished) = (Parcel::take(from)?, Parcel::take(from)?);
        Some(Tree { frames, depth, redundant, reduced, one_latency, finished, ..Tree::default() })
    }
}

impl Parcel for Frame {
    fn put(&self, sink: &mut dyn Sink) {
        match self {
            Frame::Choice { n, at } => {
                false.put(sink);
                (*n, *at).put(sink);
            }
            Frame::Steps { candidates, at, asleep, done } => {
                true.put(sink);
                candidates.put(sink);
                at.put(sink);
                asleep.put(sink);
                done.put(sink);
            }
        }
    }

    fn take(from: &mut Reader<'_>) -> Option<Frame> {
        if !bool::take(from)? {
            let (n, at) = Parcel::take(from)?;
            return Some(Frame::Choice { n, at });
        }
        let (candidates, at) = (Vec::take(from)?, usize::take(from)?);
        let (asleep, done) = (Parcel::take(from)?, Parcel::take(from)?);
        (at < candidates.len()).then_some(Frame::Steps { candidates, at, asleep, done })
    }
}

parcel_struct!(Step { who, does });

impl Parcel for Does {
    fn put(&self, sink: &mut dyn Sink) {
        let only = match self {
            Does::Only(operation) => Some(*operation),
            Does::Something | Does::Nothing => None,
        };
        (*self == Does::Nothing, only).put(sink);
    }

    fn take(from: &mut Reader<'_>) -> Option<Does> {
        Some(match Parcel::take(from)? {
            (_, Some(operation)) => Does::Only(operation),
            (true, None) => Does::Nothing,
            (false, None) => Does::Something,
        })
    }
}

fn races(one: Does, other: Does) -> bool {
    match (one, other) {
        (Does::Nothing, _) | (_, Does::Nothing) => false,
        (Does::Only(one), Does::Only(other)) => one.races_with(&other),
        _ => true,
    }
}

/// What answers the decisions of one run of the search.
pub(crate) struct Exhaustive(Arc<Mutex<Tree>>);

impl Exhaustive {
    pub fn new(tree: Arc<Mutex<Tree>>) -> Exhaustive {
        let search = Exhaustive(tree);
        search.tree().begin();
        search
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Strategy for Exhaustive {
    fn wants_operations(&self) -> bool {
        true
    }

    fn pick(&mut self, candidates: &Candidates<'_>) -> Pick {
        Pick::Candidate(self.tree().pick(candidates))
    }

    fn alone(&mut self, candidates: &Candidates<'_>) {
        self.tree().alone(candidates);
    }

    fn choose(&mut self, _who: Key, _nth: u32, n: u32) -> Option<u32> {
        Some(self.tree().choose(n))
    }

    /// They are the seed's, the same in all runs: a search through hundreds of times for each message comes to no end.
    fn latency(&mut self, _who: Key, _nth: u32, _n: u32) -> Option<u32> {
        self.tree().one_latency = true;
        None
    }
}
