//! Threads that open one end of a FIFO, and wait for somebody at the other.

use super::World;
use crate::boundary::kernel::{self, Call};

/// An opening that waits.
pub(super) struct Opening {
    id: u64,
    call: Call,
    /// What the call gives, once it is over; of one that reads, as soon as it waits.
    result: Option<i64>,
    writes: bool,
}

impl World {
    /// A thread opens a FIFO, to write to it or to read. Gives the opening's number.
    pub fn opens_fifo(&self, call: &Call, writes: bool) -> u64 {
        let id = self.next_opening.get();
        self.next_opening.set(id + 1);
        // Whoever reads is there from now on, so that others need not wait for it.
        let result = if writes { None } else { kernel::open_fifo(call) };
        self.openings.borrow_mut().push(Opening { id, call: *call, result, writes });
        id
    }

    /// Whether the opening `id` need not wait (any longer).
    pub fn fifo_is_open(&self, id: u64) -> bool {
        let mut openings = self.openings.borrow_mut();
        let Some(opening) = openings.iter_mut().find(|opening| opening.id == id) else { return true };
        if opening.writes && opening.result.is_none() {
            opening.result = kernel::open_fifo(&opening.call);
        }
        opening.result.is_some_and(|result| result < 0 || opening.writes || kernel::has_writer(result as i32))
    }

    /// The opening `id` has waited: what its call gives.
    pub fn fifo_opened(&self, id: u64) -> Option<i64> {
        let mut openings = self.openings.borrow_mut();
        let place = openings.iter().position(|opening| opening.id == id)?;
        let result = openings.remove(place).result?;
        if result >= 0 {
            kernel::have_wait(result as i32);
        }
        Some(result)
    }

    /// The run is over, and with it every wait.
    #[inline(always)]
    pub(super) fn forget_openings(&self) {
        if self.openings.is_used() {
            self.forget_used_openings();
        }
    }

    fn forget_used_openings(&self) {
        let descriptors = self.openings.take().into_iter().filter_map(|opening| opening.result);
        descriptors.filter(|&fd| fd >= 0).for_each(|fd| kernel::close(fd as i32));
    }
}
