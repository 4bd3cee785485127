//! A uniform random walk.

use crate::boundary::word::{Ahead, Drawn, Refill, Word};
use crate::prng::{BLOCK, Blocks, StreamId};
use std::cell::RefCell;

/// At every decision each candidate is as likely as any other. Finds shallow bugs fast; a bug that needs one task to be
/// held back through many decisions is better sought with [`Pct`](super::Pct).
pub(crate) struct Random {
    /// Words drawn ahead.
    ahead: Ahead<BLOCK>,
    /// Whose stream they are from.
    seed: Word<u64>,
    /// What is left of that stream, once a word was wanted.
    blocks: RefCell<Option<Blocks>>,
}

const _: () = assert!(StreamId::Schedule as u64 == 0, "that is the one which comes in blocks");

impl Random {
    /// One that is to be [restarted](Random::restart) before it is asked.
    pub fn new() -> Random {
        Random { ahead: Ahead::new(), seed: Word::new(0), blocks: RefCell::new(None) }
    }

    /// Draws from the stream of `seed` from now on.
    pub fn restart(&self, seed: u64) {
        self.ahead.clear();
        self.seed.set(seed);
        *self.blocks.borrow_mut() = None;
    }

    /// The words that the next numbers are made of.
    #[inline(always)]
    pub fn words(&self) -> &Ahead<BLOCK> {
        &self.ahead
    }

    /// A number below `n` (at least 1): [`Drawn::below`].
    #[inline(always)]
    pub fn below(&self, n: usize) -> usize {
        Drawn(self.ahead.next(self)).below(n)
    }

    /// Whether the clock runs next, where `n` candidates could: it is one more candidate.
    pub fn slips(&self, n: usize) -> bool {
        self.below(n + 1) == 0
    }
}

impl Refill for Random {
    /// Draws a block of words.
    #[cold]
    #[inline(never)]
    fn refill(&self) -> u32 {
        let mut blocks = self.blocks.borrow_mut();
        let blocks = blocks.get_or_insert_with(|| Blocks::new(self.seed.get()));
        self.ahead.fill(|words| blocks.next(words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prng::Stream;

    #[test]
    fn draws_what_its_stream_does() {
        let random = Random::new();
        for seed in 0..3 {
            random.restart(seed);
            let mut stream = Stream::new(seed, StreamId::Schedule as u64);
            for n in (1..300).chain([u32::MAX]) {
                assert_eq!(random.below(n as usize), stream.below(n) as usize);
            }
        }
    }
}
