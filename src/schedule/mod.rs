//! Scheduling: who runs next.
//!
//! Words, as everywhere in raddle: a **candidate** is a task or a worker that could run now; a **decision** is the
//! moment at which one of two or more candidates is chosen (one candidate alone is no decision); choosing any but the
//! oldest is a **deviation**. A [`Strategy`] answers decisions. It sees [`Candidates`], a plain view, and never a task:
//! the rules know nothing of the engine.

mod announced;
mod candidates;
mod delay;
mod exhaustive;
mod fifo;
mod follow;
mod kind;
mod pct;
mod player;
mod portfolio;
mod pos;
mod profile;
mod promote;
mod races;
mod random;
mod replay;
mod reversal;
mod surw;
mod tree;
mod urw;

#[cfg(test)]
pub(crate) use candidates::Stub;
pub use candidates::{Candidate, Candidates};
pub(crate) use candidates::{Payload, Ready};
use delay::Delay;
use exhaustive::Exhaustive;
pub(crate) use exhaustive::Tree;
pub(crate) use fifo::Fifo;
pub use kind::StrategyKind;
use pct::Pct;
pub(crate) use player::Player;
use pos::Pos;
pub(crate) use profile::Profile;
use promote::Promote;
pub(crate) use promote::Promotion;
pub(crate) use random::Random;
use replay::Replay;
use reversal::Reversal;
use surw::Surw;
use urw::Urw;

use crate::id::Key;

/// What answers the decisions of a run. One value serves one run.
///
/// ```
/// use raddle::{Candidates, Pick, Strategy};
///
/// /// Last in, first out.
/// struct Newest;
/// impl Strategy for Newest {
///     fn pick(&mut self, candidates: &Candidates<'_>) -> Pick {
///         Pick::Candidate(candidates.by_age().last().expect("there are at least two"))
///     }
/// }
///
/// let report = raddle::Sim::new().custom_strategy(|_seed| Box::new(Newest)).run(|| async {
///     let order = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
///     let tasks: Vec<_> = (0..3).map(|n| {
///         let order = order.clone();
///         raddle::spawn(async move { order.lock().unwrap().push(n) })
///     }).collect();
///     for task in tasks { task.await }
///     order.lock().unwrap().clone()
/// });
/// assert_eq!(report.unwrap(), [2, 1, 0]);
/// ```
pub trait Strategy: Send {
    /// Chooses one of `candidates`, of which there are at least two.
    fn pick(&mut self, candidates: &Candidates<'_>) -> Pick;

    /// Whether the clock may run before any candidate does, when a stall is allowed and a deadline is near enough.
    /// Asked before each step of such a run, one candidate or many. The default never lets it.
    fn slip(&mut self, candidates: &Candidates<'_>) -> bool {
        let _ = candidates;
        false
    }

    /// Whether candidates are to say what they are about to do (see [`Candidate::operation`]). Asked once a run; the
    /// default does not want to know.
    fn wants_operations(&self) -> bool {
        false
    }

    /// One candidate alone is about to run. Told only where [operations](Strategy::wants_operations) are wanted.
    fn alone(&mut self, candidates: &Candidates<'_>) {
        let _ = candidates;
    }

    /// Answers [`raddle::choose`](crate::choose): the `nth` choice (from 0) of the task `who`, one of `n`. By default it
    /// is drawn from a stream of the run's own.
    fn choose(&mut self, who: Key, nth: u32, n: u32) -> Option<u32> {
        let _ = (who, nth, n);
        None
    }
}

/// The answer to a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// The candidate at this index of [`Candidates`]. An index past the end counts as the oldest.
    Candidate(usize),
}

/// The built-in strategies without a virtual call for the two that are used most.
pub(crate) enum Active {
    Random(Random),
    Fifo(Fifo),
    Other(Box<dyn Strategy>),
}

impl Active {
    /// Chooses one of the `count` candidates in `ready`, at least two; `oldest` is the plain choice.
    #[inline(always)]
    pub fn pick<T: Payload>(&mut self, ready: &Ready<T>, count: usize, oldest: usize) -> usize {
        if let Active::Random(random) = self {
            return random.below(count);
        }
        self.pick_otherwise(ready, count, oldest)
    }

    #[inline(never)]
    fn pick_otherwise<T: Payload>(&mut self, ready: &Ready<T>, count: usize, oldest: usize) -> usize {
        match self {
            Active::Other(other) => {
                let Pick::Candidate(index) = other.pick(&ready.view());
                if index < count { index } else { oldest }
            }
            _ => oldest,
        }
    }

    pub fn wants_operations(&self) -> bool {
        match self {
            Active::Fifo(_) | Active::Random(_) => false,
            Active::Other(other) => other.wants_operations(),
        }
    }

    pub fn choose(&mut self, who: Key, nth: u32, n: u32) -> Option<u32> {
        match self {
            // Choice 0 is the plain one.
            Active::Fifo(_) => Some(0),
            Active::Random(_) => None,
            Active::Other(other) => other.choose(who, nth, n),
        }
    }

    #[cold]
    pub fn alone<T: Payload>(&mut self, ready: &Ready<T>) {
        if let Active::Other(other) = self
            && other.wants_operations()
        {
            other.alone(&ready.view());
        }
    }

    pub fn slip(&mut self, candidates: &Candidates<'_>) -> bool {
        match self {
            Active::Fifo(fifo) => fifo.slip(candidates),
            Active::Random(random) => random.slip(candidates),
            Active::Other(other) => other.slip(candidates),
        }
    }
}
