//! Child processes of a run: waited for in real time until they are at rest, and where somebody asks for one by turns.

use super::World;
use crate::boundary::kernel;
use std::time::Duration;

/// For how many microseconds of real time a run waits for its child processes to come to rest, all in all: one that computes
/// for long would hold up every look at a descriptor.
pub(super) const MOST_PATIENCE: u32 = 2_000_000;

/// For how many milliseconds of real time a run waits for child processes that have been asked for, all in all. Who has a
/// child that outlives a time limit pays that in each run; and a child that sleeps for longer is asked for as often as it
/// happens to be.
pub(super) const MOST_FOR_ASKED: u32 = 250;

impl World {
    /// Waits in real time until child processes of this run have ended or wait for something, so that what they have done is
    /// not up to luck.
    pub fn settle_children(&self) {
        if self.has_started_children.get() {
            self.patience.set(kernel::settle_children(self.patience.get()));
        }
    }

    /// Somebody asks whether a child has ended, without waiting for it. How often it is asked for would be a matter of luck,
    /// since the clock runs ahead of one that sleeps: it is waited for before the clock moves, and here if it has not moved
    /// since it was asked for the last time.
    pub fn asks_for_child(&self, call: &kernel::Call) {
        if kernel::is_over(call) {
            return self.asks_no_more_for_child(call);
        }
        let is_known = {
            let mut asked = self.asked.borrow_mut();
            let is_known = asked.iter().any(|other| kernel::child_of(other) == kernel::child_of(call));
            if !is_known {
                asked.push(*call);
            }
            is_known
        };
        if is_known {
            self.wait_for_asked();
        }
    }

    /// Who asked for it has it, or waits for it as others do.
    pub fn asks_no_more_for_child(&self, call: &kernel::Call) {
        if self.asked.is_used() {
            self.asked.borrow_mut().retain(|other| kernel::child_of(other) != kernel::child_of(call));
        }
    }

    /// Whether that is so of any, since the clock moved.
    #[inline(always)]
    pub(super) fn is_any_child_asked_for(&self) -> bool {
        self.asked.is_used() && !self.asked.borrow().is_empty()
    }

    /// Waits in real time until all children have ended that have been asked for since the clock moved, as long as the run may.
    /// Whether there were any.
    pub(super) fn wait_for_asked(&self) -> bool {
        let asked = self.asked.take();
        let is_any_alive = || !asked.iter().all(kernel::is_over);
        let mut left = self.patience_with_asked.get();
        while left > 0 && is_any_alive() {
            std::thread::sleep(Duration::from_millis(1));
            left -= 1;
        }
        self.patience_with_asked.set(left);
        self.settle_children();
        !asked.is_empty()
    }
}
