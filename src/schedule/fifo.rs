//! First in, first out.

use super::{Candidates, Pick, Strategy};

/// Always the plain choice. What most executors do, so what most tests have only ever seen.
pub(crate) struct Fifo;

impl Strategy for Fifo {
    #[inline]
    fn pick(&mut self, candidates: &Candidates<'_>) -> Pick {
        Pick::Candidate(candidates.oldest())
    }
}
