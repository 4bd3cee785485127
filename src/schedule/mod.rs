//! Scheduling: who runs next.
//!
//! Words, as everywhere in raddle: a **candidate** is a task or a worker that could run now; a **decision** is the
//! moment at which one of two or more candidates is chosen (one candidate alone is no decision); choosing any but the
//! oldest is a **deviation**. A [`Strategy`] answers decisions. It sees [`Candidates`], a plain view, and never a task:
//! the rules know nothing of the engine.

mod candidates;
mod fifo;
mod kind;
mod pct;
mod random;
mod replay;

#[cfg(test)]
pub(crate) use candidates::Stub;
pub use candidates::{Candidate, Candidates};
pub(crate) use candidates::{Payload, Ready};
pub(crate) use fifo::Fifo;
pub use kind::StrategyKind;
pub(crate) use pct::Pct;
pub(crate) use random::Random;
pub(crate) use replay::Replay;

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

    pub fn slip(&mut self, candidates: &Candidates<'_>) -> bool {
        match self {
            Active::Fifo(fifo) => fifo.slip(candidates),
            Active::Random(random) => random.slip(candidates),
            Active::Other(other) => other.slip(candidates),
        }
    }
}
