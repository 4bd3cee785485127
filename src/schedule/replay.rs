//! A schedule run again: first in, first out, except at given deviations.

use super::{Candidates, Pick, Strategy};
use crate::deviation::Deviation;
use crate::hash::HashMap;
use crate::id::Key;

/// Plays deviations back.
///
/// They are grouped by whom they overtook: whenever that one is the oldest candidate at that step of its own, those
/// listed for it run first, in their order. One whose candidate is not there at that step is passed over (it belonged to
/// another history), and the rest still apply.
pub(crate) struct Replay {
    /// For each (overtaken, its step): (who, its step), the next to play last.
    by_front: HashMap<(Key, u32), Vec<(Key, u32)>>,
    /// For each task and choice of its own: the number.
    choices: HashMap<(Key, u32), u32>,
}

impl Replay {
    pub fn new(deviations: &[Deviation]) -> Replay {
        let mut by_front: HashMap<_, Vec<_>> = HashMap::default();
        let choices = deviations.iter().filter_map(|d| Some(((d.who, d.step), d.chosen()?))).collect();
        for d in deviations.iter().rev().filter(|d| d.chosen().is_none()) {
            by_front.entry((d.before, d.before_step)).or_default().push((d.who, d.step));
        }
        Replay { by_front, choices }
    }
}

impl Strategy for Replay {
    fn pick(&mut self, candidates: &Candidates<'_>) -> Pick {
        let front = candidates.get(candidates.oldest());
        if let Some(list) = self.by_front.get_mut(&(front.key(), front.step())) {
            while let Some((who, step)) = list.pop() {
                if let Some(index) = candidates.iter().position(|c| c.key() == who && c.step() == step) {
                    return Pick::Candidate(index);
                }
            }
        }
        Pick::Candidate(candidates.oldest())
    }

    fn choose(&mut self, who: Key, nth: u32, n: u32) -> Option<u32> {
        Some(self.choices.get(&(who, nth)).copied().unwrap_or(0).min(n - 1))
    }

    fn slip(&mut self, candidates: &Candidates<'_>) -> bool {
        let front = candidates.get(candidates.oldest());
        let Some(list) = self.by_front.get_mut(&(front.key(), front.step())) else { return false };
        let is_clock = list.last().is_some_and(|&(who, _)| who == Key::CLOCK);
        if is_clock {
            list.pop();
        }
        is_clock
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{Ready, Stub};

    fn order_with(deviations: &[Deviation]) -> Vec<u32> {
        let mut replay = Replay::new(deviations);
        let mut ready = Ready::new();
        (0..3).for_each(|t| ready.push(Stub::new(Key::ROOT.child(t), 0, (t, 0))));
        let mut order = Vec::new();
        while ready.len() > 0 {
            ready.settle();
            let Pick::Candidate(index) = replay.pick(&ready.view());
            let Stub(candidate, (task, step)) = ready.take(index);
            order.push(task);
            if step < 1 {
                ready.push(Stub::new(candidate.key(), step + 1, (task, step + 1)));
            }
        }
        order
    }

    fn deviation(who: u32, step: u32, before: u32, before_step: u32) -> Deviation {
        Deviation { who: Key::ROOT.child(who), step, before: Key::ROOT.child(before), before_step }
    }

    #[test]
    fn none_is_fifo() {
        assert_eq!(order_with(&[]), [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn plays_in_order_and_passes_over_what_does_not_fit() {
        let fits = [deviation(2, 0, 0, 0), deviation(2, 1, 0, 0)];
        assert_eq!(order_with(&fits), [2, 2, 0, 1, 0, 1]);
        let stray = [deviation(2, 7, 0, 0), deviation(1, 0, 0, 0)];
        assert_eq!(order_with(&stray), [1, 0, 2, 1, 0, 2]);
    }

    #[test]
    fn removing_one_does_not_shift_the_others() {
        let both = [deviation(2, 0, 0, 0), deviation(1, 1, 0, 1)];
        assert_eq!(order_with(&both), [2, 0, 1, 2, 1, 0]);
        assert_eq!(order_with(&both[1..]), [0, 1, 2, 1, 0, 2]);
    }
}
