//! Whether a run has made any use of its seed.

use super::World;
use crate::boundary::kernel;
use crate::prng;

impl World {
    /// Whether the run that is over would have been the same under every seed and every strategy: nothing that either
    /// decides had a part in it. To be asked on the loop's thread, once the run has been wound up.
    ///
    /// Each room that draws is asked whether it was entered in this run; of its own generator (fastrand's) a worker tells when
    /// it ends. Where something cannot be known the answer is no: of the generator of a thread that code under test started,
    /// which is gone with the thread, and of what comes from outside the world, which no seed decides, but which may be
    /// otherwise in the next run all the same. That a job may run beside the loop is a decision wherever the two can change
    /// places.
    pub fn has_drawn_nothing(&self) -> bool {
        // Who runs next, and whether time slips: a strategy is asked of nothing else.
        if self.tally.decisions() != 0 || self.tally.deviations() != 0 || self.stall.get().most != 0 {
            return false;
        }
        // The streams: what is chosen by the user's code, latencies among it; the user's own numbers; `getrandom`.
        let has_drawn = self.choices.is_used() || self.user.is_used() || self.entropy.is_used();
        let is_of_outside = self.outside.is_used() || self.sockets.is_used() || self.has_started_children.get();
        if has_drawn || self.generators.get() != 0 || self.has_company.get() || is_of_outside {
            return false;
        }
        // What `race` and its like draw from; and nobody sees a `getrandom` that is not trapped.
        self.is_generator_as_it_was(0) && kernel::why_off().is_none()
    }

    /// Whether nobody has drawn from the generator of the calling thread, which is that of this number.
    fn is_generator_as_it_was(&self, thread: u64) -> bool {
        fastrand::get_seed() == prng::of_thread(self.seed.get().get(), thread)
    }

    /// The calling thread, a worker, has a generator of its own from now on.
    pub fn generator_begins(&self) {
        self.generators.set(self.generators.get() + 1);
    }

    /// The calling thread, a worker of this number, is about to end.
    pub fn generator_ends(&self, thread: u64) {
        if self.is_generator_as_it_was(thread) {
            self.generators.set(self.generators.get() - 1);
        }
    }
}
