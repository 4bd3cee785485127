//! A uniform random walk.

use crate::boundary::word::Word;
use crate::prng::{BLOCK, Stream, StreamId};
use std::cell::RefCell;

/// At every decision each candidate is as likely as any other. Finds shallow bugs fast; a bug that needs one task to be
/// held back through many decisions is better sought with [`Pct`](super::Pct).
pub(crate) struct Random {
    /// Words drawn ahead, from the one at `next` on.
    words: Word<[u32; BLOCK]>,
    next: Word<usize>,
    /// Whose stream they are from.
    seed: Word<u64>,
    /// That stream, once a word was wanted.
    stream: RefCell<Option<Stream>>,
}

impl Random {
    /// One that is to be [restarted](Random::restart) before it is asked.
    pub fn new() -> Random {
        Random { words: Word::new([0; BLOCK]), next: Word::new(BLOCK), seed: Word::new(0), stream: RefCell::new(None) }
    }

    /// Draws from the stream of `seed` from now on.
    pub fn restart(&self, seed: u64) {
        self.next.set(BLOCK);
        self.seed.set(seed);
        *self.stream.borrow_mut() = None;
    }

    /// A number below `n` (at least 1): [`Stream::below`].
    #[inline(always)]
    pub fn below(&self, n: usize) -> usize {
        let mut next = self.next.get();
        if next >= BLOCK {
            self.draw_ahead();
            next = 0;
        }
        self.next.set(next + 1);
        Stream::word_below(self.words.at(next), n as u32) as usize
    }

    #[cold]
    #[inline(never)]
    fn draw_ahead(&self) {
        let mut stream = self.stream.borrow_mut();
        let stream = stream.get_or_insert_with(|| Stream::new(self.seed.get(), StreamId::Schedule as u64));
        self.words.set(stream.block());
    }

    /// Whether the clock runs next, where `n` candidates could: it is one more candidate.
    pub fn slips(&self, n: usize) -> bool {
        self.below(n + 1) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
