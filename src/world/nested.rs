//! Steps within a step: an executor of the code under test, which the world drives one task at a time.
//!
//! Such an executor has a ready set of its own, which its tasks leave only while somebody runs it. Each of their polls is
//! a step like any other (counted, mixed into the digest, told in the trace), and which of them is polled is a decision.

use super::{Birth, Running, World};
use crate::executor::TaskMeta;
use crate::schedule::{Payload, Ready};
use std::sync::atomic::Ordering;

impl World {
    /// A place in the registry and an identity for a task of such an executor.
    pub fn enrol(&self, birth: &Birth<'_>) -> TaskMeta {
        self.prepare(birth)
    }

    /// The task of `meta` became ready.
    pub fn nested_is_ready(&self, meta: &TaskMeta) {
        if self.traced.get() {
            self.record_wake(meta.key);
        }
    }

    /// Takes who is to run next out of `ready`. `None` if nobody is ready, or the run is over.
    pub fn nested_pick<T: Payload>(&self, ready: &Ready<T>) -> Option<T> {
        let count = ready.settle();
        if count == 0 || self.stop.get() || self.closing.get() {
            return None;
        }
        if self.steps() >= self.max_steps.get() {
            self.found_livelock();
            return None;
        }
        let front = ready.oldest();
        let mut index = front;
        if count > 1 {
            index = self.strategy.pick_nested(ready, count, front);
            self.tally.decided(index == front);
        }
        if self.traced.get() {
            self.record_step(ready.view().get(index), ready.view().get(front));
        }
        Some(ready.take(index))
    }

    /// Takes a step of the task of `meta`, whom [`nested_pick`](World::nested_pick) chose: `poll` polls it.
    pub fn nested_step(&self, meta: &TaskMeta, poll: impl FnOnce()) {
        /// Whose step the outer one is, also when the inner one unwinds.
        struct Back<'a>(&'a World, Running, u32);
        impl Drop for Back<'_> {
            fn drop(&mut self) {
                self.0.running.set(self.1);
                self.0.beacon.label.store(self.2, Ordering::Relaxed);
            }
        }
        let _back = Back(self, self.running.get(), self.beacon.label.load(Ordering::Relaxed));
        self.count_step(self.beacon);
        self.beacon.set_site(meta.label());
        self.running.set(Running::of(meta));
        self.tally.mix(meta.key.get());
        poll();
        if self.traced.get() {
            self.record_step_end();
        }
    }
}
