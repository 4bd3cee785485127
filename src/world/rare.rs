//! State that few runs use.

use crate::boundary::word::Word;
use std::cell::{Ref, RefCell, RefMut};

/// A `RefCell` that knows whether anybody may have changed what is in it. Where nobody has, a run has nothing to clear: in a
/// build without optimisation that is most of what a run's beginning and end would do otherwise.
pub(crate) struct Rare<T> {
    is_used: Word<bool>,
    /// Whether that is so of any with the same mark.
    is_any_used: Mark,
    value: RefCell<T>,
}

/// What says of many [`Rare`]s at once whether anybody may have changed any of them: where nobody has, that is all that a run's
/// beginning has to look at. Whoever has reset all of them clears it.
pub(crate) type Mark = &'static Word<bool>;

/// A new mark, for as long as the process lasts.
pub(crate) fn mark() -> Mark {
    Box::leak(Box::new(Word::new(false)))
}

impl<T> Rare<T> {
    pub fn new(is_any_used: Mark, value: T) -> Rare<T> {
        Rare { is_used: Word::new(false), is_any_used, value: RefCell::new(value) }
    }

    /// Whether anybody may have changed it since the last [`reset`](Rare::reset).
    #[inline(always)]
    pub fn is_used(&self) -> bool {
        self.is_used.get()
    }

    pub fn borrow(&self) -> Ref<'_, T> {
        self.value.borrow()
    }

    /// `None` if somebody is at work on it.
    pub fn try_borrow(&self) -> Option<Ref<'_, T>> {
        self.value.try_borrow().ok()
    }

    pub fn borrow_mut(&self) -> RefMut<'_, T> {
        self.is_used.set(true);
        self.is_any_used.set(true);
        self.value.borrow_mut()
    }

    /// Whether somebody is at work on it, further down the stack.
    pub fn is_busy(&self) -> bool {
        self.value.try_borrow_mut().is_err()
    }

    /// Has `clear` make it what it was at first, if anybody may have changed it.
    #[inline(always)]
    pub fn reset(&self, clear: impl FnOnce(&mut T)) {
        if self.is_used.get() {
            self.reset_used(clear);
        }
    }

    #[inline(never)]
    fn reset_used(&self, clear: impl FnOnce(&mut T)) {
        clear(&mut self.value.borrow_mut());
        self.is_used.set(false);
    }
}

impl<T: Default> Rare<T> {
    /// What is in it, which is the default value from then on.
    pub fn take(&self) -> T {
        self.value.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_used_is_cleared() {
        let mark = mark();
        let (rare, other) = (Rare::new(mark, vec![1]), Rare::new(mark, ()));
        rare.reset(|_| panic!("nobody has used it"));
        assert!(!rare.is_used() && !rare.is_busy() && rare.borrow().len() == 1 && !mark.get());
        rare.borrow_mut().push(2);
        assert!(rare.is_used() && mark.get() && !other.is_used());
        rare.reset(Vec::clear);
        assert_eq!((rare.borrow().len(), rare.is_used()), (0, false));
        let somebody = rare.borrow_mut();
        assert!(rare.is_busy() && rare.try_borrow().is_none());
        drop(somebody);
        assert_eq!((rare.take(), rare.is_used()), (Vec::<i32>::new(), true));
    }
}
