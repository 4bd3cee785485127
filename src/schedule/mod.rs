//! Scheduling: who runs next.
//!
//! Words, as everywhere in raddle: a **candidate** is a task or a worker that could run now; a **decision** is the
//! moment at which one of two or more candidates is chosen (one candidate alone is no decision); choosing any but the
//! oldest is a **deviation**. A [`Strategy`] answers decisions. It sees [`Candidates`], a plain view, and never a task:
//! the rules know nothing of the engine.

mod announced;
mod bag;
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

#[cfg(test)]
pub(crate) use candidates::Stub;
pub use candidates::{Candidate, Candidates};
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

use crate::id::Key;
use std::cell::{Cell, RefCell};

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

/// The strategy of the run that goes on. The two built-in ones that are used most need no virtual call, and no flag that
/// says somebody is asking them.
pub(crate) struct Active {
    who: Cell<Who>,
    random: Random,
    other: RefCell<Option<Box<dyn Strategy>>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Random,
    Fifo,
    Other,
}

impl Active {
    /// First in, first out.
    pub fn new() -> Active {
        Active { who: Cell::new(Who::Fifo), random: Random::new(), other: RefCell::new(None) }
    }

    /// A run begins that goes first in, first out.
    pub fn be_fifo(&self) {
        self.be(Who::Fifo, None);
    }

    /// A run begins that is the random walk of `seed`.
    pub fn be_random(&self, seed: u64) {
        self.random.restart(seed);
        self.be(Who::Random, None);
    }

    /// A run begins in which `other` decides.
    pub fn be_other(&self, other: Box<dyn Strategy>) {
        self.be(Who::Other, Some(other));
    }

    #[inline]
    fn be(&self, who: Who, other: Option<Box<dyn Strategy>>) {
        let was = self.who.replace(who);
        if was == Who::Other || who == Who::Other {
            let was = self.other.replace(other);
            drop(was);
        }
    }

    /// The random walk, if it is one.
    #[inline]
    pub fn random(&self) -> Option<&Random> {
        (self.who.get() == Who::Random).then_some(&self.random)
    }

    /// Whether it is being asked, further down the stack.
    pub fn is_deciding(&self) -> bool {
        self.other.try_borrow_mut().is_err()
    }

    #[inline(always)]
    fn with_other<R>(&self, f: impl FnOnce(&mut (dyn Strategy + 'static)) -> R) -> Option<R> {
        if self.who.get() != Who::Other {
            return None;
        }
        let mut other = self.other.borrow_mut();
        other.as_deref_mut().map(f)
    }

    /// Chooses one of the `count` candidates in `ready`, at least two; `oldest` is the plain choice.
    #[inline]
    pub fn pick<T: Payload>(&self, ready: &Ready<T>, count: usize, oldest: usize) -> usize {
        if let Some(random) = self.random() {
            return random.below(count);
        }
        self.with_other(|other| {
            let Pick::Candidate(index) = other.pick(&ready.view());
            if index < count { index } else { oldest }
        })
        .unwrap_or(oldest)
    }

    #[cfg(feature = "smol")]
    /// The same for the candidates of an executor within a task.
    pub fn pick_nested<T: Payload>(&self, ready: &Ready<T>, count: usize, oldest: usize) -> usize {
        self.with_other(|other| other.lose());
        let index = self.pick(ready, count, oldest);
        self.with_other(|other| other.lose());
        index
    }

    pub fn wants_operations(&self) -> bool {
        self.with_other(|other| other.wants_operations()).unwrap_or(false)
    }

    pub fn wants_ages(&self) -> bool {
        match self.who.get() {
            Who::Random => false,
            Who::Fifo => true,
            Who::Other => self.with_other(|other| other.wants_ages()).unwrap_or(true),
        }
    }

    pub fn choose(&self, who: Key, nth: u32, n: u32) -> Option<u32> {
        match self.who.get() {
            // Choice 0 is the plain one.
            Who::Fifo => Some(0),
            Who::Random => None,
            Who::Other => self.with_other(|other| other.choose(who, nth, n)).flatten(),
        }
    }

    #[cfg(all(unix, feature = "smol"))]
    pub fn latency(&self, who: Key, nth: u32, n: u32) -> Option<u32> {
        match self.who.get() {
            Who::Fifo => Some(0),
            Who::Random => None,
            Who::Other => self.with_other(|other| other.latency(who, nth, n)).flatten(),
        }
    }

    #[cold]
    pub fn alone<T: Payload>(&self, ready: &Ready<T>) {
        self.with_other(|other| {
            if other.wants_operations() {
                other.alone(&ready.view());
            }
        });
    }

    pub fn slip(&self, candidates: &Candidates<'_>) -> bool {
        match self.who.get() {
            Who::Fifo => false,
            Who::Random => self.random.slips(candidates.len()),
            Who::Other => self.with_other(|other| other.slip(candidates)).unwrap_or(false),
        }
    }
}
