//! Where a schedule leaves the plain order.

use crate::id::Key;

/// A choice other than the plain one: `who` ran its step number `step` although `before` (at its own step number
/// `before_step`) had been ready for longer.
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
