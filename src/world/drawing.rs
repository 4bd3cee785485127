//! Whether a run has made any use of its seed.

use super::World;
use crate::boundary::kernel;
use crate::prng;

impl World {
    /// Whether the run that is over would have been the same under every seed and every strategy: nothing that either
    /// decides had a part in it. To be asked on the loop's thread, once the run has been wound up.
    ///
    /// Each room that draws is asked whether it was entered in this run, and where something cannot be known the answer is
    /// no: of a sim thread's own generator (fastrand's), which is gone with the thread, and of what comes from outside the
    /// world, which no seed decides, but which may be otherwise in the next run all the same.
    pub fn has_drawn_nothing(&self) -> bool {
        // Who runs next, and whether time slips: a strategy is asked of nothing else.
        if self.tally.decisions() != 0 || self.tally.deviations() != 0 || self.stall.get().most != 0 {
            return false;
        }
        // The streams: what is chosen by the user's code, latencies among it; the user's own numbers; `getrandom`.
        let has_drawn = self.choices.is_used() || self.user.is_used() || self.entropy.is_used();
        let has_workers = self.pool.is_used();
        let is_of_outside = self.outside.is_used() || self.sockets.is_used() || self.has_started_children.get();
        if has_drawn || has_workers || self.has_company.get() || is_of_outside {
            return false;
        }
        // What `race` and its like draw from; and nobody sees a `getrandom` that is not trapped.
        fastrand::get_seed() == prng::of_thread(self.seed.get().get(), 0) && kernel::why_off().is_none()
    }
}
