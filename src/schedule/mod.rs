//! Scheduling: who runs next.
//!
//! Words, as everywhere in raddle: a **candidate** is a task or a worker that could run now; a **decision** is the
//! moment at which one of two or more candidates is chosen (one candidate alone is no decision); choosing any but the
//! oldest is a **deviation**. A [`Strategy`] answers decisions. It sees [`Candidates`], a plain view, and never a task:
//! the rules know nothing of the engine.

mod active;
mod announced;
mod bag;
mod built_in;
mod candidates;
mod delay;
mod exhaustive;
mod follow;
mod kind;
mod late_writes;
mod pct;
mod player;
mod portfolio;
mod pos;
mod profile;
mod promote;
mod races;
mod random;
mod ranking;
mod replay;
mod reversal;
mod surw;
mod tree;
mod urw;
mod view;

pub(crate) use active::Active;
pub(crate) use built_in::{Back, BuiltIn, Follower, Other};
#[cfg(test)]
pub(crate) use candidates::Stub;
pub(crate) use candidates::{Payload, Ready};
use delay::Delay;
use exhaustive::Exhaustive;
pub(crate) use exhaustive::Tree;
pub use kind::StrategyKind;
use late_writes::LateWrites;
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
pub(crate) use view::View;
pub use view::{Candidate, Candidates};

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

    /// Whether it asks at many decisions who has been ready for how long. Asked once a run. Where a strategy does not want
    /// to know, each step costs less and the question more.
    #[doc(hidden)]
    fn wants_ages(&self) -> bool {
        true
    }

    /// The next candidates may be others altogether than those of the last decision and who has come since: an executor
    /// within a task asks about its own.
    #[doc(hidden)]
    fn lose(&mut self) {}

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

    /// Says how long what the task `who` sends over the run's network is under way: a choice like any other, the `nth` of
    /// that task, one of `n`; 0 is the shortest time. By default it is answered as other choices are.
    fn latency(&mut self, who: Key, nth: u32, n: u32) -> Option<u32> {
        self.choose(who, nth, n)
    }
}

/// The answer to a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// The candidate at this index of [`Candidates`]. An index past the end counts as the oldest.
    Candidate(usize),
}
