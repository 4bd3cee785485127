//! Where there are no native threads.

use super::super::threads::Start;

/// Nothing is kept.
pub(in super::super) struct Kept;

impl Kept {
    pub(in super::super) fn new(_: Start) -> Kept {
        Kept
    }

    pub(in super::super) fn run(self) {}
}

pub(super) fn when_std_has_begun(_: fn()) {}
