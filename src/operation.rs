//! What a task is about to do, as far as anybody knows.

/// Whether an [announced](crate::announce) operation changes what it touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// It looks; two that look commute.
    Read,
    /// It changes something, or may: also a lock that is taken, a message that is sent.
    Write,
}

/// The next operation of a candidate: on what, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Operation {
    /// What it touches: the same number, the same thing.
    pub resource: u64,
    /// How it touches it.
    pub access: Access,
    /// Whether the task has said so itself. Otherwise it is a guess, from who woke it.
    pub announced: bool,
}

impl Operation {
    /// Whether the order of the two may matter: they touch the same, and not both only look.
    pub fn races_with(&self, other: &Operation) -> bool {
        self.resource == other.resource && (self.access == Access::Write || other.access == Access::Write)
    }
}
