//! Probabilistic concurrency testing.

use super::follow::{Follow, Follows};
use super::tree::{LEAST, Priorities};
use super::{Back, BuiltIn, View};
use crate::id::{Key, mix};
use crate::prng::Stream;

/// PCT (Burckhardt, Kothari, Musuvathi, Nagarakatte: *A Randomized Scheduler with Probabilistic Guarantees of Finding
/// Bugs*, ASPLOS 2010).
///
/// Each task has a random priority; the highest runs until, at `depth - 1` decisions chosen at random among `length`,
/// the task that would run drops below all others. A bug that needs `depth` ordering constraints among `n` tasks is hit
/// with probability at least 1 / (n · lengthᵈᵉᵖᵗʰ⁻¹) in each run. Only decisions with two or more candidates count.
///
/// Priorities are a hash of run and spawn path, so that a task keeps its own when others come or go. A scheduling point
/// is no yield hint: a task that yields keeps its priority. To keep a task that spins on `yield_now` from starving what
/// it waits for, one that won `10 · length + 1,000` decisions in a row drops, too.
pub(crate) struct Pct {
    secret: u64,
    decision: u64,
    /// Decisions at which the winner drops, the next last; drawn without replacement where there are enough.
    drops: Vec<u64>,
    /// The next of them.
    next_drop: u64,
    /// Who has dropped, and to which priority: each drop goes below all before it.
    dropped: Vec<(Key, u64)>,
    lowest: u64,
    in_a_row: (Key, u64),
    patience: u64,
    follow: Follow,
    priorities: Priorities,
    /// Who stands in each place: most of those who are taken come back to where they were.
    keys: Vec<Key>,
}

impl Pct {
    pub fn new(mut stream: Stream, depth: u32, length: u64) -> Pct {
        let length = length.max(1);
        let wanted = (u64::from(depth.saturating_sub(1))).min(length) as usize;
        let mut drops: Vec<u64> = Vec::with_capacity(wanted);
        while drops.len() < wanted {
            let at = ((u128::from(stream.next_u64()) * u128::from(length)) >> 64) as u64;
            if !drops.contains(&at) {
                drops.push(at);
            }
        }
        drops.sort_unstable_by(|a, b| b.cmp(a));
        let next_drop = drops.pop().unwrap_or(u64::MAX);
        let secret = stream.next_u64();
        Pct {
            secret,
            decision: 0,
            drops,
            next_drop,
            dropped: Vec::new(),
            lowest: 1 << 62,
            in_a_row: (Key::ROOT, 0),
            patience: 10 * length + 1_000,
            follow: Follow::default(),
            priorities: Priorities::default(),
            keys: Vec::new(),
        }
    }

    /// Somebody else than before stands in `place`.
    #[inline(never)]
    fn stands(&mut self, place: usize, key: Key) {
        if place >= self.keys.len() {
            self.keys.resize(place + 1, Key::CLOCK);
        }
        self.keys[place] = key;
        self.priorities.set(place, priority(self.secret, &self.dropped, key));
    }

    /// The task `key`, which stands in `place`, drops below all others. Who runs then.
    #[cold]
    #[inline(never)]
    fn drops(&mut self, place: usize, key: Key) -> usize {
        while self.next_drop <= self.decision {
            self.next_drop = self.drops.pop().unwrap_or(u64::MAX);
        }
        self.in_a_row.1 = 0;
        self.lowest -= LEAST;
        self.dropped.retain(|(dropped, _)| *dropped != key);
        self.dropped.push((key, self.lowest));
        self.priorities.set(place, self.lowest);
        self.priorities.highest()
    }
}

/// The priority of the task `key`, which is lower the more lately it has dropped.
#[inline]
fn priority(secret: u64, dropped: &[(Key, u64)], key: Key) -> u64 {
    match dropped.iter().rfind(|(dropped, _)| *dropped == key) {
        Some(&(_, priority)) => priority,
        None => mix(secret ^ key.get()) | 1 << 63,
    }
}

impl Follows for Pct {
    #[inline(always)]
    fn follow(&mut self) -> &mut Follow {
        &mut self.follow
    }

    #[inline(always)]
    fn look(&mut self, place: usize, candidates: &impl View) {
        // Most give way, and come back to where they were.
        let (_, key) = candidates.seat(place);
        if self.keys.get(place) != Some(&key) {
            self.stands(place, key);
        }
    }

    #[inline(always)]
    fn is_back(&mut self, _: usize, _: Back, _: &impl View) {}

    fn forget(&mut self, place: usize) {
        self.priorities.set(place, 0);
        self.keys[place] = Key::CLOCK;
    }
}

impl BuiltIn for Pct {
    fn lose(&mut self) {
        self.follow.lose();
    }

    #[inline(always)]
    fn pick(&mut self, candidates: &impl View, back: Option<Back>) -> usize {
        self.catch_up(candidates, back);
        let mut index = self.priorities.highest();
        let key = self.keys[index];
        self.in_a_row = if self.in_a_row.0 == key { (key, self.in_a_row.1 + 1) } else { (key, 1) };
        if self.in_a_row.1 > self.patience || self.decision >= self.next_drop {
            index = self.drops(index, key);
        }
        self.decision += 1;
        self.follow.took(index);
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{Ready, Stub};

    /// `tasks` tasks of `steps` steps each, always ready: who ran, in order.
    fn play(seed: u64, depth: u32, tasks: u32, steps: u32) -> Vec<u32> {
        let mut pct = Pct::new(Stream::new(seed, 0), depth, u64::from(tasks * steps));
        let ready = Ready::new();
        (0..tasks).for_each(|t| ready.push(Stub::new(Key::ROOT.child(t), 0, (t, 0))));
        let mut order = Vec::new();
        while ready.len() > 0 {
            ready.settle();
            let index = match ready.len() {
                1 => 0,
                _ => pct.pick(&ready, None),
            };
            let Stub(candidate, (task, step)) = ready.take(index);
            order.push(task);
            if step + 1 < steps {
                ready.push(Stub::new(candidate.key(), step + 1, (task, step + 1)));
            }
        }
        order
    }

    fn switches(order: &[u32]) -> usize {
        order.windows(2).filter(|w| w[0] != w[1]).count()
    }

    #[test]
    fn depth_one_runs_each_task_to_its_end_in_a_random_order() {
        let mut firsts = [0; 4];
        for seed in 0..400 {
            let order = play(seed, 1, 4, 10);
            assert_eq!(switches(&order), 3, "seed {seed}: {order:?}");
            firsts[order[0] as usize] += 1;
        }
        assert!(firsts.iter().all(|&n| n > 60), "{firsts:?}");
    }

    #[test]
    fn depth_d_preempts_at_most_d_minus_one_times() {
        for seed in 0..400 {
            let most = switches(&play(seed, 3, 4, 10));
            assert!((3..=3 + 2 * 2).contains(&most), "seed {seed}: {most}");
        }
        let preempted = (0..400).filter(|&seed| switches(&play(seed, 3, 4, 10)) > 3).count();
        assert!(preempted > 200, "{preempted}");
    }

    /// Two tasks, n steps: the bug "b runs between a's step i and i+1" has depth 2 and must come up with at least the
    /// probability that the paper promises, 1 / (n k).
    #[test]
    fn keeps_the_promise_of_the_paper() {
        let steps = 10;
        let hits = (0..4_000).filter(|&seed| play(seed, 2, 2, steps)[..6] == [0, 0, 0, 0, 0, 1]).count();
        let promised = 4_000 / (2 * 2 * steps as usize);
        assert!(hits >= promised * 7 / 10, "{hits} of 4,000, promised {promised}");
    }

    #[test]
    fn a_spinning_task_does_not_starve_the_others() {
        let mut pct = Pct::new(Stream::new(3, 0), 2, 5);
        let ready = Ready::new();
        (0..3).for_each(|t| ready.push(Stub::new(Key::ROOT.child(t), 0, t)));
        let mut seen = [false; 3];
        for step in 0..10_000 {
            ready.settle();
            let index = pct.pick(&ready, None);
            let Stub(candidate, task) = ready.take(index);
            seen[task as usize] = true;
            ready.push(Stub::new(candidate.key(), step, task));
        }
        assert_eq!(seen, [true; 3]);
    }
}
