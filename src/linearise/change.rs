//! What may be otherwise in another story.

use super::{Step, Story};
use crate::id::Key;
use crate::operation::Operation;

/// A step by what it does and how often its task does that again: what it is called in other runs as well.
pub(crate) type StepName = (Key, Option<Operation>, usize);

/// What another story does in another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Change {
    /// The first of two steps that race no longer comes before the second, but behind it.
    Turned(StepName, StepName),
    /// This step is not taken.
    LeftOut(StepName),
}

impl Story {
    pub(super) fn name(&self, step: usize) -> StepName {
        let Step { task, operation, .. } = self.steps[step];
        let is_same = |other: &&Step| other.task == task && other.operation == operation;
        (self.tasks[task], operation, self.steps[step + 1..self.taken].iter().filter(is_same).count())
    }

    /// Steps of one task, once round a loop, as it seems, or more often: it did the same before the first as behind the last.
    pub(super) fn rounds(&self) -> Vec<Vec<usize>> {
        let mut found = Vec::new();
        for task in 0..self.tasks.len() {
            let own: Vec<usize> = (0..self.taken).filter(|&step| self.steps[step].task == task).collect();
            for (from, &first) in own.iter().enumerate() {
                let does = |step: usize| self.steps[step].operation;
                let again = (from + 1..own.len()).filter(|&to| does(first).is_some() && does(first) == does(own[to]));
                found.extend(again.map(|to| own[from..to].to_vec()));
            }
        }
        found
    }
}
