//! Delay-bounded search.

use super::{Back, BuiltIn, Candidate, View};
use crate::id::Key;
use crate::prng::Stream;

/// Delay-bounded scheduling (Emmi, Qadeer, Rakamarić: *Delay-Bounded Scheduling*, POPL 2011), its delays at random.
///
/// Whoever ran last goes on as long as it can; then the oldest candidate runs. At `delays` decisions, drawn among
/// `length`, the one that would run is sent behind all that are ready with it.
pub(crate) struct Delay {
    decision: u64,
    /// Decisions at which there is a delay, the next last.
    at: Vec<u64>,
    /// The next of them.
    next: u64,
    /// Who was delayed, and behind whom: until that one has run.
    delayed: Vec<(Who, Who)>,
    last: Key,
    in_a_row: u64,
    patience: u64,
}

type Who = (Key, u32);

impl Delay {
    pub fn new(mut stream: Stream, delays: u32, length: u64) -> Delay {
        let length = length.max(1);
        let mut at: Vec<u64> = (0..delays).map(|_| stream.below_wide(length)).collect();
        at.sort_unstable_by(|a, b| b.cmp(a));
        let next = at.last().copied().unwrap_or(u64::MAX);
        Delay {
            decision: 0,
            at,
            next,
            delayed: Vec::new(),
            last: Key::CLOCK,
            in_a_row: 0,
            patience: 10 * length + 1_000,
        }
    }

    /// Who runs if there is no delay.
    fn front(&self, candidates: &impl View) -> (usize, Candidate) {
        let is_delayed = |c: &Candidate| self.delayed.iter().any(|(who, _)| *who == (c.key, c.step));
        // One that gives way becomes ready after all that it woke.
        let newest = candidates.newest();
        let candidate = candidates.who(newest);
        if candidate.key == self.last && !is_delayed(&candidate) {
            return (newest, candidate);
        }
        let by_age = candidates.by_age().take(self.delayed.len() + 1);
        let oldest = || (candidates.oldest(), candidates.who(candidates.oldest()));
        by_age.map(|index| (index, candidates.who(index))).find(|(_, c)| !is_delayed(c)).unwrap_or_else(oldest)
    }

    fn delay(&mut self, one: Candidate, candidates: &impl View) {
        let last = candidates.who(candidates.newest());
        if one.key == last.key {
            // It stands behind all others; what held it there was that it ran last.
            self.last = Key::CLOCK;
        } else {
            self.delayed.push(((one.key, one.step), (last.key, last.step)));
        }
    }

    /// The same, with those who are to be delayed now sent behind.
    #[inline(never)]
    fn decide(&mut self, candidates: &impl View) -> usize {
        let (mut index, mut chosen) = self.front(candidates);
        while self.next <= self.decision || self.in_a_row > self.patience {
            self.at.pop();
            self.next = self.at.last().copied().unwrap_or(u64::MAX);
            self.in_a_row = 0;
            self.delay(chosen, candidates);
            (index, chosen) = self.front(candidates);
        }
        self.decision += 1;
        self.in_a_row = if chosen.key == self.last { self.in_a_row + 1 } else { 0 };
        self.last = chosen.key;
        if !self.delayed.is_empty() {
            let step = (chosen.key, chosen.step);
            self.delayed.retain(|(who, behind)| *who != step && *behind != step);
        }
        index
    }
}

impl BuiltIn for Delay {
    const AGES: Option<bool> = Some(true);

    #[inline(always)]
    fn pick(&mut self, candidates: &impl View, back: Option<Back>) -> usize {
        if self.decision < self.next && self.in_a_row <= self.patience && self.delayed.is_empty() {
            // Whoever ran last goes on: that is all there is to most decisions.
            let (newest, (_, key)) = candidates.youngest(back);
            if key == self.last {
                self.decision += 1;
                self.in_a_row += 1;
                return newest;
            }
        }
        self.decide(candidates)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{Ready, Stub};

    /// Three tasks of three steps each, always ready: who ran, in order.
    fn play(seed: u64, delays: u32) -> Vec<u32> {
        let mut delay = Delay::new(Stream::new(seed, 0), delays, 7);
        let ready = Ready::new();
        (0..3).for_each(|t| ready.push(Stub::new(Key::ROOT.child(t), 0, (t, 0))));
        let mut order = Vec::new();
        while ready.len() > 0 {
            ready.settle();
            let index = match ready.len() {
                1 => 0,
                _ => delay.pick(&ready, None),
            };
            let Stub(candidate, (task, step)) = ready.take(index);
            order.push(task);
            if step < 2 {
                ready.push(Stub::new(candidate.key(), step + 1, (task, step + 1)));
            }
        }
        order
    }

    #[test]
    fn without_delays_each_runs_as_far_as_it_can() {
        assert_eq!(play(1, 0), [0, 0, 0, 1, 1, 1, 2, 2, 2]);
    }

    #[test]
    fn a_delay_sends_one_behind_the_others() {
        let orders: std::collections::BTreeSet<Vec<u32>> = (0..300).map(|seed| play(seed, 1)).collect();
        assert!(orders.contains(&vec![1, 1, 1, 2, 2, 2, 0, 0, 0]), "{orders:?}");
        assert!(orders.contains(&vec![0, 0, 1, 1, 1, 2, 2, 2, 0]), "{orders:?}");
        // One for each decision at which it may fall, and no more.
        assert!(orders.len() <= 7, "{orders:?}");
        assert!((0..300).map(|seed| play(seed, 2)).collect::<std::collections::BTreeSet<_>>().len() > 12);
    }
}
