//! A schedule run again: first in, first out, except at given deviations.

use super::{Candidates, Pick, Strategy};
use crate::deviation::Deviation;
use crate::hash::HashMap;
use crate::id::Key;

/// Plays deviations back: each says that one step comes before another, and has no other effect.
///
/// They are grouped by whom they overtook. Whenever that one is the oldest candidate at that step of its own, those listed
/// for it run first, in their order; one that has not come so far takes its steps up to there at once. If the next of them
/// is not ready, the one that it is to overtake is held back, and the oldest of the others runs. All that a run deviated in, played back, is that run, since
/// nobody has to be held; and of a few of these, each still means what it says.
///
/// One that has come too late is passed over, and whoever is held runs when nobody else can.
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

    /// The candidate that has to run before the one at `place` may: itself if there is none, nobody if that is not ready.
    fn first_before(&mut self, place: usize, candidates: &Candidates<'_>) -> Option<usize> {
        let candidate = candidates.get(place);
        let Some(list) = self.by_front.get_mut(&(candidate.key(), candidate.step())) else { return Some(place) };
        while let Some(&(who, step)) = list.last() {
            match candidates.iter().position(|c| c.key() == who) {
                Some(index) if candidates.get(index).step() == step => {
                    list.pop();
                    return Some(index);
                }
                Some(index) if candidates.get(index).step() < step => return Some(index),
                // Past it already.
                Some(_) => drop(list.pop()),
                None if who == Key::CLOCK => drop(list.pop()),
                None => return None,
            }
        }
        Some(place)
    }
}

impl Strategy for Replay {
    fn pick(&mut self, candidates: &Candidates<'_>) -> Pick {
        let oldest = candidates.oldest();
        if self.by_front.is_empty() {
            return Pick::Candidate(oldest);
        }
        let found = candidates.by_age().find_map(|place| self.first_before(place, candidates));
        Pick::Candidate(found.unwrap_or(oldest))
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
        let ready = Ready::new();
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
    fn plays_in_order_and_passes_over_what_comes_too_late() {
        let fits = [deviation(2, 0, 0, 0), deviation(2, 1, 0, 0)];
        assert_eq!(order_with(&fits), [2, 2, 0, 1, 0, 1]);
        let late = [deviation(2, 0, 0, 1), deviation(1, 1, 0, 1)];
        assert_eq!(order_with(&late), [0, 1, 2, 1, 0, 2]);
    }

    #[test]
    fn one_step_before_another_takes_those_on_the_way_to_it() {
        assert_eq!(order_with(&[deviation(2, 1, 0, 0)]), [2, 2, 0, 1, 0, 1]);
        // Nobody comes so far: the other is held until all are done.
        assert_eq!(order_with(&[deviation(2, 7, 0, 0)]), [2, 2, 1, 1, 0, 0]);
    }

    #[test]
    fn removing_one_does_not_shift_the_others() {
        let both = [deviation(2, 0, 0, 0), deviation(1, 1, 0, 1)];
        assert_eq!(order_with(&both), [2, 0, 1, 2, 1, 0]);
        assert_eq!(order_with(&both[1..]), [0, 1, 2, 1, 0, 2]);
    }
}
