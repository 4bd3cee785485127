//! Where a schedule leaves the plain order.

use crate::id::Key;

/// A choice other than the plain one: `who` ran its step number `step` although `before` (at its own step number
/// `before_step`) had been ready for longer.
///
/// A choice that a task made itself, by [`choose`](crate::choose), stands here as well if it came to another number than
/// 0: then `step` counts the choices of that task, `before` is [`Key::CHOICE`], and `before_step` is the number.
///
/// Keyed by identities and their own steps, so that removing one deviation does not shift the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Deviation {
    /// Who ran out of turn; [`Key::CLOCK`] if time passed a deadline.
    pub who: Key,
    /// Which of its own steps (from 0) that was.
    pub step: u32,
    /// Who had been ready for longest, and would have run.
    pub before: Key,
    /// Which of its own steps the latter was about to take.
    pub before_step: u32,
}

impl Deviation {
    /// The number that was chosen, if this is a choice of the task's own.
    pub fn chosen(&self) -> Option<u32> {
        (self.before == Key::CHOICE).then_some(self.before_step)
    }
}
