//! What each task is about to do: announced, or guessed from who woke it.

use crate::boundary::word::Word;
use crate::id::{Key, mix};
use crate::operation::{Access, Operation};
use std::cell::RefCell;

/// The next operations of all tasks, by their places in the registry.
///
/// Of most tasks nothing is known at most steps; then a look at one byte is all that it costs.
pub(crate) struct Operations {
    next: RefCell<Vec<(Key, Option<Operation>)>>,
    /// For each of the first places, whether something may be known of who is there.
    known: Word<[bool; FIRST]>,
    /// Who runs, and so wakes: their place and key.
    running: Word<(u32, Key)>,
}

/// The place of nobody. (The clock has one of its own.)
const NOBODY: u32 = u32::MAX - 1;

/// How many places have a byte to look at; the others are looked up.
const FIRST: usize = 1_024;

impl Default for Operations {
    fn default() -> Operations {
        Operations {
            next: RefCell::default(),
            known: Word::new([false; FIRST]),
            running: Word::new((NOBODY, Key::ROOT)),
        }
    }
}

impl Operations {
    /// Forgets everything, for a run that begins.
    pub fn clear(&self) {
        self.next.borrow_mut().clear();
        self.known.set([false; FIRST]);
        self.running.set((NOBODY, Key::ROOT));
    }

    /// Whether somebody is at work on it, further down the stack.
    pub fn is_busy(&self) -> bool {
        self.next.try_borrow_mut().is_err()
    }

    /// Whether something may be known of who is in `slot`; for certain nothing is, if it is false.
    #[inline(always)]
    pub fn may_be_known(&self, slot: u32) -> bool {
        slot as usize >= FIRST || self.known.at(slot as usize)
    }

    #[inline(always)]
    pub fn of(&self, slot: u32, key: Key) -> Option<Operation> {
        if self.may_be_known(slot) { self.look_up(slot, key) } else { None }
    }

    #[inline(never)]
    fn look_up(&self, slot: u32, key: Key) -> Option<Operation> {
        let next = self.next.borrow();
        next.get(slot as usize).filter(|(owner, _)| *owner == key).and_then(|(_, operation)| *operation)
    }

    pub fn announce(&self, slot: u32, key: Key, operation: Operation) {
        self.set(slot, key, operation);
    }

    /// The one in `slot` begins a step: what it had announced is that step.
    #[inline(always)]
    pub fn runs(&self, slot: u32, key: Key) {
        self.running.set((slot, key));
        if self.may_be_known(slot) {
            self.forget(slot);
        }
    }

    #[inline(never)]
    fn forget(&self, slot: u32) {
        if let Some((_, operation)) = self.next.borrow_mut().get_mut(slot as usize) {
            *operation = None;
        }
        if (slot as usize) < FIRST {
            self.known.set_at(slot as usize, false);
        }
    }

    /// Whether another than the one in `slot` runs, or nobody.
    #[inline(always)]
    pub fn is_by_another(&self, slot: u32) -> bool {
        self.running.get().0 != slot
    }

    /// Whoever runs wakes the one in `slot`, [another](Operations::is_by_another). Unless that has said what it will do, it is
    /// taken to be about what the two have in common, which is told apart by the waker.
    pub fn is_woken(&self, slot: u32, key: Key) {
        let (by, waker) = self.running.get();
        if by != NOBODY && self.of(slot, key).is_none() {
            let resource = mix(waker.get() ^ 0x7761_6b65);
            self.set(slot, key, Operation { resource, access: Access::Write, announced: false });
        }
    }

    fn set(&self, slot: u32, key: Key, operation: Operation) {
        let (mut next, place) = (self.next.borrow_mut(), slot as usize);
        if place >= next.len() {
            next.resize(place + 1, (Key::ROOT, None));
        }
        next[place] = (key, Some(operation));
        if place < FIRST {
            self.known.set_at(place, true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(resource: u64) -> Operation {
        Operation { resource, access: Access::Write, announced: true }
    }

    fn wakes(operations: &Operations, slot: u32, key: Key) {
        if operations.is_by_another(slot) {
            operations.is_woken(slot, key);
        }
    }

    #[test]
    fn what_is_announced_holds_for_one_step_of_that_task() {
        let (a, b) = (Key::ROOT.child(0), Key::ROOT.child(1));
        let operations = Operations::default();
        operations.runs(0, a);
        operations.announce(0, a, write(7));
        wakes(&operations, 0, a);
        assert_eq!(operations.of(0, a), Some(write(7)));
        assert_eq!(operations.of(0, b), None, "the place is another's now");
        operations.runs(0, a);
        wakes(&operations, 0, a);
        assert_eq!(operations.of(0, a), None);
    }

    #[test]
    fn a_wake_stands_for_what_nobody_announced() {
        let [a, b, c] = [0, 1, 2].map(|n| Key::ROOT.child(n));
        let operations = Operations::default();
        operations.runs(0, a);
        wakes(&operations, 1, b);
        wakes(&operations, 2, c);
        let (one, other) = (operations.of(1, b).unwrap(), operations.of(2, c).unwrap());
        assert!(one.races_with(&other) && !one.announced);
        operations.announce(1, b, write(7));
        wakes(&operations, 1, b);
        assert_eq!(operations.of(1, b), Some(write(7)), "a guess does not replace what was said");
    }

    #[test]
    fn two_that_look_do_not_race() {
        let read = Operation { access: Access::Read, ..write(7) };
        assert!(!read.races_with(&read) && read.races_with(&write(7)) && !read.races_with(&write(8)));
    }
}
