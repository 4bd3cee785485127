//! First in, first out, but for a few steps that are taken as soon as they can be.

use super::{Candidates, Pick, Strategy};
use crate::id::Key;

/// Steps of one task to be taken as soon as they are ready: those from `from` to `to`, its own steps counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Promotion {
    pub who: Key,
    pub from: u32,
    pub to: u32,
}

/// Takes promoted steps first, those of the first promotion before those of the second, and otherwise the oldest.
///
/// What a run of it deviates in is few and close together, whatever the schedule was that the promotions were taken from.
pub(crate) struct Promote(pub Vec<Promotion>);

impl Strategy for Promote {
    fn pick(&mut self, candidates: &Candidates<'_>) -> Pick {
        let promoted = self.0.iter().find_map(|promotion| {
            let is_meant =
                |c: &super::Candidate| c.key() == promotion.who && (promotion.from..=promotion.to).contains(&c.step());
            candidates.iter().position(|candidate| is_meant(&candidate))
        });
        Pick::Candidate(promoted.unwrap_or(candidates.oldest()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{Ready, Stub};

    #[test]
    fn takes_promoted_steps_as_soon_as_they_are_ready() {
        let mut promote = Promote(vec![Promotion { who: Key::ROOT.child(2), from: 1, to: 2 }]);
        let ready = Ready::new();
        (0..3).for_each(|t| ready.push(Stub::new(Key::ROOT.child(t), 0, (t, 0))));
        let mut order = Vec::new();
        while ready.len() > 0 {
            ready.settle();
            let Pick::Candidate(index) = promote.pick(&ready.view());
            let Stub(candidate, (task, step)) = ready.take(index);
            order.push(task);
            if step < 3 {
                ready.push(Stub::new(candidate.key(), step + 1, (task, step + 1)));
            }
        }
        assert_eq!(order, [0, 1, 2, 2, 2, 0, 1, 2, 0, 1, 0, 1]);
    }
}
