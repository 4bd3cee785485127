//! What each task is about to do: announced, or guessed from who woke it.

use crate::id::{Key, mix};
use crate::operation::{Access, Operation};

/// The next operations of all tasks, by their places in the registry.
#[derive(Default)]
pub(crate) struct Operations {
    next: Vec<(Key, Option<Operation>)>,
    /// Who runs, and so wakes: their place and key.
    running: Option<(u32, Key)>,
}

impl Operations {
    pub fn of(&self, slot: u32, key: Key) -> Option<Operation> {
        self.next.get(slot as usize).filter(|(owner, _)| *owner == key).and_then(|(_, operation)| *operation)
    }

    pub fn announce(&mut self, slot: u32, key: Key, operation: Operation) {
        *self.entry(slot) = (key, Some(operation));
    }

    /// The one in `slot` begins a step: what it had announced is that step.
    pub fn runs(&mut self, slot: u32, key: Key) {
        self.running = Some((slot, key));
        if let Some(entry) = self.next.get_mut(slot as usize) {
            *entry = (key, None);
        }
    }

    /// Whoever runs wakes the one in `slot`. Unless that has said what it will do, it is taken to be about what the two
    /// have in common, which is told apart by the waker.
    #[inline]
    pub fn wakes(&mut self, slot: u32, key: Key) {
        let Some((_, waker)) = self.running.filter(|(by, _)| *by != slot) else { return };
        let entry = self.entry(slot);
        let is_known = entry.0 == key && entry.1.is_some();
        if !is_known {
            let resource = mix(waker.get() ^ 0x7761_6b65);
            *entry = (key, Some(Operation { resource, access: Access::Write, announced: false }));
        }
    }

    fn entry(&mut self, slot: u32) -> &mut (Key, Option<Operation>) {
        let place = slot as usize;
        if place >= self.next.len() {
            self.next.resize(place + 1, (Key::ROOT, None));
        }
        &mut self.next[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(resource: u64) -> Operation {
        Operation { resource, access: Access::Write, announced: true }
    }

    #[test]
    fn what_is_announced_holds_for_one_step_of_that_task() {
        let (a, b) = (Key::ROOT.child(0), Key::ROOT.child(1));
        let mut operations = Operations::default();
        operations.runs(0, a);
        operations.announce(0, a, write(7));
        operations.wakes(0, a);
        assert_eq!(operations.of(0, a), Some(write(7)));
        assert_eq!(operations.of(0, b), None, "the place is another's now");
        operations.runs(0, a);
        operations.wakes(0, a);
        assert_eq!(operations.of(0, a), None);
    }

    #[test]
    fn a_wake_stands_for_what_nobody_announced() {
        let [a, b, c] = [0, 1, 2].map(|n| Key::ROOT.child(n));
        let mut operations = Operations::default();
        operations.runs(0, a);
        operations.wakes(1, b);
        operations.wakes(2, c);
        let (one, other) = (operations.of(1, b).unwrap(), operations.of(2, c).unwrap());
        assert!(one.races_with(&other) && !one.announced);
        operations.announce(1, b, write(7));
        operations.wakes(1, b);
        assert_eq!(operations.of(1, b), Some(write(7)), "a guess does not replace what was said");
    }

    #[test]
    fn two_that_look_do_not_race() {
        let read = Operation { access: Access::Read, ..write(7) };
        assert!(!read.races_with(&read) && read.races_with(&write(7)) && !read.races_with(&write(8)));
    }
}
