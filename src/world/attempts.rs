//! Waits that only the call itself can find the end of: it is tried whenever others have done something, and what it gives is
//! kept for whoever waits.

use super::World;
use crate::boundary::kernel::{self, Call};

/// A wait for a signal, a semaphore or a message.
pub(super) struct Attempt {
    id: u64,
    call: Call,
    result: Option<i64>,
}

impl World {
    /// A thread waits by `call`. Gives the wait's number.
    pub fn attempts(&self, call: &Call) -> u64 {
        let id = self.next_attempt.get();
        self.next_attempt.set(id + 1);
        self.attempts.borrow_mut().push(Attempt { id, call: *call, result: None });
        id
    }

    /// Whether the wait `id` is over.
    pub fn attempt_is_over(&self, id: u64) -> bool {
        let mut attempts = self.attempts.borrow_mut();
        let Some(attempt) = attempts.iter_mut().find(|attempt| attempt.id == id) else { return true };
        if attempt.result.is_none() {
            attempt.result = kernel::attempt(&attempt.call);
        }
        attempt.result.is_some()
    }

    /// Nobody waits any more by `id`: what the call has given, if the wait is over.
    pub fn attempted(&self, id: u64) -> Option<i64> {
        let mut attempts = self.attempts.borrow_mut();
        let place = attempts.iter().position(|attempt| attempt.id == id)?;
        attempts.remove(place).result
    }
}
