//! The strategy of the run that goes on.

use super::{Back, BuiltIn, Candidates, Follower, Other, Payload, Random, Ready, Strategy};
use crate::id::Key;
use std::cell::{Cell, RefCell};

/// The strategy of the run that goes on. The two built-in ones that are used most need no flag that says somebody is asking
/// them.
pub(crate) struct Active {
    who: Cell<Who>,
    random: Random,
    other: RefCell<Option<Other>>,
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
    pub fn be_other(&self, other: Other) {
        self.be(Who::Other, Some(other));
    }

    #[inline]
    fn be(&self, who: Who, other: Option<Other>) {
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
    fn with_other<R>(&self, f: impl FnOnce(&mut Other) -> R) -> Option<R> {
        if self.who.get() != Who::Other {
            return None;
        }
        self.other.borrow_mut().as_mut().map(f)
    }

    fn with_any<R>(&self, f: impl FnOnce(&mut (dyn Strategy + 'static)) -> R) -> Option<R> {
        self.with_other(|other| other.any().map(f)).flatten()
    }

    /// What has a follower follow the strategy, if that is built in and no walk at random.
    pub fn kind<F: Follower>(&self) -> Option<fn(&F)> {
        self.with_other(|other| other.kind()).flatten()
    }

    /// Chooses one of the `count` candidates in `ready`, at least two; `oldest` is the plain choice.
    #[inline]
    pub fn pick<T: Payload>(&self, ready: &Ready<T>, count: usize, oldest: usize) -> usize {
        if let Some(random) = self.random() {
            return random.below(count);
        }
        let index = self.with_other(|other| other.pick(&ready.view()));
        index.filter(|&index| index < count).unwrap_or(oldest)
    }

    /// The same where it is known which strategy it is.
    #[inline(always)]
    pub fn pick_by<B: BuiltIn, T: Payload>(&self, ready: &Ready<T>, count: usize, back: Option<Back>) -> usize {
        let Some(strategy) = &mut *self.other.borrow_mut() else { return ready.oldest() };
        let Some(strategy) = B::of(strategy) else { return ready.oldest() };
        let index = strategy.pick(ready, back);
        debug_assert!(index < count);
        index
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
            Who::Other => self.with_any(|any| any.choose(who, nth, n)).flatten(),
        }
    }

    #[cfg(all(unix, feature = "smol"))]
    pub fn latency(&self, who: Key, nth: u32, n: u32) -> Option<u32> {
        match self.who.get() {
            Who::Fifo => Some(0),
            Who::Random => None,
            Who::Other => self.with_any(|any| any.latency(who, nth, n)).flatten(),
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
