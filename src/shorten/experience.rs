//! What reruns have shown of changes to a story: which of them matter.

use crate::hash::HashMap;
use crate::linearise::Change;
use crate::operation::Access;

/// How likely each change is to leave the end of a run as it is. Each change is thought to matter or not, whatever else
/// changes: so a rerun with several of them that ends in the same way says that none of them matters, and one that ends
/// otherwise says that one of them does, more likely one that was more likely to. (Group testing, Dorfman: *The Detection of
/// Defective Members of Large Populations*, 1943, with the probabilities of each after each test by Bayes' theorem.)
#[derive(Default)]
pub(super) struct Experience {
    harmless: HashMap<Change, f64>,
}

/// What is thought of a change that was not tried. Of orders that are turned round alone one of three does not matter in
/// failures of `safe_stack`; to think less of them, and so to try fewer at a time, made its schedules shorter (of 0.15 to
/// 0.45, over the first failures of 98 campaigns).
const TURNED: f64 = 0.2;
const LEFT_OUT_READ: f64 = 0.9;
const LEFT_OUT_WRITE: f64 = 0.5;

/// What is thought at most, since a change that did not matter may do so together with others.
const MOST: f64 = 0.95;
const LEAST: f64 = 0.001;

impl Experience {
    /// How likely this change is not to matter.
    pub fn harmless(&self, change: Change) -> f64 {
        self.harmless.get(&change).copied().unwrap_or(match change {
            Change::Turned(..) => TURNED,
            Change::LeftOut((_, Some(operation), _)) if operation.access == Access::Write => LEFT_OUT_WRITE,
            Change::LeftOut(_) => LEFT_OUT_READ,
        })
    }

    /// How likely none of these matters.
    pub fn all_harmless(&self, changes: &[Change]) -> f64 {
        changes.iter().map(|&change| self.harmless(change)).product()
    }

    /// None of these matters.
    pub fn learn_harmless(&mut self, changes: &[Change]) {
        for &change in changes {
            self.harmless.insert(change, MOST);
            if let Change::Turned(first, then) = change {
                self.harmless.insert(Change::Turned(then, first), MOST);
            }
        }
    }

    /// One of these matters.
    pub fn learn_harmful(&mut self, changes: &[Change]) {
        let all = self.all_harmless(changes);
        for &change in changes {
            let harmless = (self.harmless(change) - all) / (1.0 - all);
            self.harmless.insert(change, harmless.max(LEAST));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Key;

    fn turned(one: usize, other: usize) -> Change {
        Change::Turned((Key::ROOT, None, one), (Key::ROOT, None, other))
    }

    #[test]
    fn what_was_tried_alone_is_known() {
        let mut experience = Experience::default();
        experience.learn_harmful(&[turned(0, 1)]);
        experience.learn_harmless(&[turned(2, 3)]);
        assert_eq!(experience.harmless(turned(0, 1)), LEAST);
        assert_eq!(experience.harmless(turned(2, 3)), MOST);
        // To turn it back would be as harmless.
        assert_eq!(experience.harmless(turned(3, 2)), MOST);
        assert_eq!(experience.harmless(turned(4, 5)), TURNED);
    }

    #[test]
    fn the_others_are_to_blame_more_if_some_are_known_to_be_harmless() {
        let (known, one, other) = (turned(0, 1), turned(2, 3), turned(4, 5));
        let mut experience = Experience::default();
        experience.learn_harmless(&[known]);
        experience.learn_harmful(&[known, one]);
        assert!(experience.harmless(one) < 0.05 && experience.harmless(known) > 0.9);
        // Of two of which nothing is known each may have been it.
        let mut experience = Experience::default();
        experience.learn_harmful(&[one, other]);
        assert_eq!(experience.harmless(one), experience.harmless(other));
        assert!(experience.harmless(one) > TURNED / 2.0 && experience.harmless(one) < TURNED);
        // Until one of them turns out not to matter, and both fail once more.
        experience.learn_harmless(&[one]);
        experience.learn_harmful(&[one, other]);
        assert!(experience.harmless(other) < 0.05);
    }

    /// Reruns that are wrong about what was thought harmless leave probabilities.
    #[test]
    fn what_is_thought_stays_a_probability() {
        let all: Vec<Change> = (0..4).map(|n| turned(n, n + 1)).collect();
        let mut experience = Experience::default();
        for round in 0..50 {
            if round % 7 == 0 {
                experience.learn_harmless(&all[..2])
            } else {
                experience.learn_harmful(&all[round % 3..])
            }
            assert!(all.iter().all(|&change| (LEAST..=MOST).contains(&experience.harmless(change))));
        }
    }
}
