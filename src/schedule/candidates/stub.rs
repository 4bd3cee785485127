//! Candidates for tests of strategies.

use super::{Payload, Ready};
use crate::id::Key;
use crate::schedule::view::Candidate;

/// A payload for tests of strategies.
pub(crate) struct Stub<P>(pub Candidate, pub P);

impl<P> Stub<P> {
    pub fn new(key: Key, step: u32, payload: P) -> Stub<P> {
        Stub(Candidate { key, step, slot: step, operation: None }, payload)
    }
}

impl<P> Ready<Stub<P>> {
    /// A set that keeps what is about to be done.
    pub fn of_stubs() -> Ready<Stub<P>> {
        let ready = Ready::new();
        ready.begin(false, true);
        ready
    }

    /// Adds one that says what it does.
    pub fn push_stub(&self, stub: Stub<P>) {
        let Candidate { slot, key, operation, .. } = stub.0;
        operation.into_iter().for_each(|operation| self.announce(slot, key, operation));
        self.push(stub);
    }
}

impl<P> Payload for Stub<P> {
    fn candidate(&self) -> Candidate {
        self.0
    }
}
