//! A uniform random walk.

use crate::prng::{BLOCK, Stream};
use std::cell::{Cell, RefCell};

/// At every decision each candidate is as likely as any other. Finds shallow bugs fast; a bug that needs one task to be
/// held back through many decisions is better sought with [`Pct`](super::Pct).
pub(crate) struct Random {
    /// Words drawn ahead, from the one at `next` on.
    words: [Cell<u32>; BLOCK],
    next: Cell<usize>,
    stream: RefCell<Option<Stream>>,
}

impl Random {
    /// One that is to be [restarted](Random::restart) before it is asked.
    pub fn new() -> Random {
        Random { words: [const { Cell::new(0) }; BLOCK], next: Cell::new(BLOCK), stream: RefCell::new(None) }
    }

    /// Draws from `stream` from now on.
    pub fn restart(&self, stream: Stream) {
        self.next.set(BLOCK);
        self.stream.replace(Some(stream));
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
        Stream::word_below(self.words[next].get(), n as u32) as usize
    }

    #[cold]
    #[inline(never)]
    fn draw_ahead(&self) {
        if let Some(stream) = &mut *self.stream.borrow_mut() {
            stream.block().into_iter().zip(&self.words).for_each(|(drawn, word)| word.set(drawn));
        }
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
            random.restart(Stream::new(seed, 0));
            let mut stream = Stream::new(seed, 0);
            for n in (1..300).chain([u32::MAX]) {
                assert_eq!(random.below(n as usize), stream.below(n) as usize);
            }
        }
    }
}
