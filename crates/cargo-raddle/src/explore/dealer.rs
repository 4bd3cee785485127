//! Which seeds are next: those of this machine's share that nobody has run yet, from the first on.

use crate::cli::Shard;
use std::ops::Range;

/// Shards are dealt blocks of so many seeds, in turn.
const BLOCK: u64 = 256;

/// Deals the numbers of seeds.
#[derive(Clone, Debug)]
pub struct Dealer {
    next: u64,
    end: u64,
    shard: Option<Shard>,
    /// Done before, in order.
    done: Vec<Range<u64>>,
}

impl Dealer {
    pub fn new(end: u64, shard: Option<Shard>, mut done: Vec<Range<u64>>) -> Dealer {
        done.sort_by_key(|range| range.start);
        Dealer { next: 0, end, shard, done }
    }

    /// At most `most` seeds in a row.
    pub fn deal(&mut self, most: u64) -> Option<Range<u64>> {
        self.skip();
        if self.next >= self.end {
            return None;
        }
        let mut end = self.end.min(self.next.saturating_add(most.max(1)));
        if self.shard.is_some() {
            end = end.min((self.next / BLOCK + 1) * BLOCK);
        }
        if let Some(done) = self.done.iter().find(|done| done.start > self.next) {
            end = end.min(done.start);
        }
        let range = self.next..end;
        self.next = end;
        Some(range)
    }

    pub fn is_empty(&mut self) -> bool {
        self.skip();
        self.next >= self.end
    }

    /// How many seeds there are at most to deal yet.
    pub fn left(&self) -> u64 {
        let left = self.end.saturating_sub(self.next);
        self.shard.map_or(left, |shard| left.div_ceil(shard.n))
    }

    /// Goes to the next seed that is to be run.
    fn skip(&mut self) {
        while self.next < self.end {
            if let Some(done) = self.done.iter().find(|done| done.contains(&self.next)) {
                self.next = done.end;
            } else if let Some(shard) = self.shard
                && (self.next / BLOCK) % shard.n != shard.k - 1
            {
                self.next = (self.next / BLOCK + 1) * BLOCK;
            } else {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut dealer: Dealer, most: u64) -> Vec<Range<u64>> {
        std::iter::from_fn(|| dealer.deal(most)).collect()
    }

    #[test]
    fn in_order_and_to_the_end() {
        assert_eq!(all(Dealer::new(10, None, vec![]), 4), [0..4, 4..8, 8..10]);
        assert_eq!(all(Dealer::new(0, None, vec![]), 4), []);
        assert_eq!(all(Dealer::new(2, None, vec![]), 0), [0..1, 1..2], "one at least");
    }

    #[test]
    fn what_is_done_is_left_out() {
        let done = vec![6..7, 0..3];
        assert_eq!(all(Dealer::new(10, None, done.clone()), 100), [3..6, 7..10]);
        assert!(Dealer::new(7, None, vec![0..7]).is_empty());
        assert_eq!(all(Dealer::new(8, None, done), 2), [3..5, 5..6, 7..8]);
    }

    #[test]
    fn shards_share_everything_and_nothing_twice() {
        let end = 5_000;
        for n in [1, 2, 3, 7] {
            let mut dealt = vec![0; end as usize];
            for k in 1..=n {
                for range in all(Dealer::new(end, Some(Shard { k, n }), vec![300..400]), 100) {
                    range.for_each(|seed| dealt[seed as usize] += 1);
                }
            }
            let expected = |seed| u32::from(!(300..400).contains(&seed));
            assert!((0..end).all(|seed| dealt[seed as usize] == expected(seed)), "{n} shards");
        }
    }
}
