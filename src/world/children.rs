//! Child processes of a run: waited for in real time until they are at rest, and where somebody asks for one by turns.

use super::World;
use crate::boundary::kernel;
use std::time::Duration;

/// For how many microseconds of real time a run waits for its child processes to come to rest, all in all: one that computes
/// for long would hold up every look at a descriptor.
pub(super) const MOST_PATIENCE: u32 = 2_000_000;

/// For how many milliseconds of real time a child is waited for that has been asked for, and so for how long one may sleep that
/// is waited for. Who sleeps for longer is often there to outlive a time limit, in each run.
const LONGEST_NAP: u32 = 250;

/// A call that has asked for a child that had not ended.
pub(crate) struct Asked {
    call: kernel::Call,
    /// For how many milliseconds the child may still be waited for.
    left: u32,
}

impl Asked {
    fn is_about_the_child_of(&self, call: &kernel::Call) -> bool {
        kernel::child_of(&self.call) == kernel::child_of(call)
    }
}

impl World {
    /// Waits in real time until child processes of this run have ended or wait for something, so that what they have done is
    /// not up to luck.
    pub fn settle_children(&self) {
        if self.has_started_children.get() {
            self.patience.set(kernel::settle_children(self.patience.get()));
        }
    }

    /// Somebody asks whether a child has ended, without waiting for it. How often one is asked for that sleeps would be a matter
    /// of luck, since the clock runs ahead of it: from the second time on it is waited for in real time, if it goes on by
    /// itself and will soon have slept enough.
    pub fn asks_for_child(&self, call: &kernel::Call) {
        const EVERY: Duration = Duration::from_millis(1);
        let nap = Duration::from_millis(LONGEST_NAP.into());
        let known = self.asked.borrow().iter().find(|asked| asked.is_about_the_child_of(call)).map(|asked| asked.left);
        let mut left = known.unwrap_or(0);
        while left > 0 && !kernel::is_over(call) && kernel::naps(kernel::child_of(call), nap) {
            std::thread::sleep(EVERY);
            left -= 1;
            self.settle_children();
        }
        self.asks_no_more_for_child(call);
        if !kernel::is_over(call) {
            let left = if known.is_some() { left } else { LONGEST_NAP };
            self.asked.borrow_mut().push(Asked { call: *call, left });
        }
    }

    /// Who asked for it has it, or waits for it as others do.
    pub fn asks_no_more_for_child(&self, call: &kernel::Call) {
        if self.asked.is_used() {
            self.asked.borrow_mut().retain(|asked| !asked.is_about_the_child_of(call));
        }
    }
}
