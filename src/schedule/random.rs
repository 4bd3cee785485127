//! A uniform random walk.

use super::{Candidates, Pick, Strategy};
use crate::prng::Stream;

/// At every decision each candidate is as likely as any other. Finds shallow bugs fast; a bug that needs one task to be
/// held back through many decisions is better sought with [`Pct`](super::Pct).
pub(crate) struct Random {
    stream: Stream,
}

impl Random {
    pub fn new(stream: Stream) -> Random {
        Random { stream }
    }

    /// As new, in the place where it is.
    pub fn restart(&mut self, stream: Stream) {
        self.stream = stream;
    }

    #[inline(always)]
    pub fn below(&mut self, n: usize) -> usize {
        self.stream.below(n as u32) as usize
    }
}

impl Strategy for Random {
    #[inline]
    fn pick(&mut self, candidates: &Candidates<'_>) -> Pick {
        Pick::Candidate(self.below(candidates.len()))
    }

    /// The clock is one more candidate.
    fn slip(&mut self, candidates: &Candidates<'_>) -> bool {
        self.stream.below(candidates.len() as u32 + 1) == 0
    }
}
