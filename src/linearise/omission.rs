//! What a story may be told without.

use super::{MOST_TASKS, Step, Story};
use crate::id::Key;
use crate::operation::Operation;

/// What a [`Story`] may be told without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Omission {
    /// The first of two steps that race, in their order, need not come before the second.
    Order(usize, usize),
    /// These steps of one task, once round a loop, as it seems: it did the same before the first as behind the last.
    Steps(Vec<usize>),
    /// These steps of one task, one after the other, are taken elsewhere, with all orders that this turns round.
    Place(Vec<usize>, To),
}

/// Where steps of a task are taken that are [moved](Omission::Place).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum To {
    /// Just behind the one before them.
    StepBefore,
    /// Just before the one behind them.
    StepBehind,
}

/// So many steps are moved together.
const MOST_MOVED: usize = 4;

/// What an [`Omission`] is called in other runs as well: its first and its last step, each by what it does and how often its
/// task does that again, and in what way it omits.
pub(crate) type Name = (StepName, StepName, Way);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Way {
    Order,
    Steps,
    Place(To),
}

type StepName = (Key, Option<Operation>, usize);

impl Story {
    /// What it may be told without, each alone.
    pub fn omissions(&self) -> Vec<Omission> {
        let mut found = Vec::new();
        let own: Vec<Vec<usize>> = (0..self.tasks.len()).map(|task| self.steps_of(task)).collect();
        for own in &own {
            for (count, at) in (1..=MOST_MOVED).flat_map(|count| (1..own.len()).map(move |at| (count, at))) {
                let (last, next) = (own[at - 1], own[at]);
                // Behind nothing that races they are where they were.
                let is_overtaken = |&step: &usize| (step + 1..next).any(|other| self.race(step, other));
                let overtakes = |&step: &usize| (last + 1..step).any(|other| self.race(other, step));
                if let Some(steps) = own[..at].get(at.wrapping_sub(count)..)
                    && steps.iter().any(is_overtaken)
                {
                    found.push(Omission::Place(steps.to_vec(), To::StepBehind));
                }
                if let Some(steps) = own.get(at..at + count)
                    && steps.iter().any(overtakes)
                {
                    found.push(Omission::Place(steps.to_vec(), To::StepBefore));
                }
            }
        }
        for own in own {
            for (from, &first) in own.iter().enumerate() {
                let does = |step: usize| self.steps[step].operation;
                let again = (from + 1..own.len()).filter(|&to| does(first).is_some() && does(first) == does(own[to]));
                found.extend(again.map(|to| Omission::Steps(own[from..to].to_vec())));
            }
        }
        for then in 0..self.taken {
            let mut seen = [false; MOST_TASKS];
            for first in (0..then).rev().filter(|&first| self.race(first, then)) {
                if !std::mem::replace(&mut seen[self.steps[first].task], true) {
                    found.push(Omission::Order(first, then));
                }
            }
        }
        found
    }

    /// What an omission is called in other runs as well.
    pub fn name(&self, omission: &Omission) -> Name {
        let name = |step: usize| {
            let Step { task, operation, .. } = self.steps[step];
            let is_same = |other: &&Step| other.task == task && other.operation == operation;
            (self.tasks[task], operation, self.steps[step + 1..self.taken].iter().filter(is_same).count())
        };
        match omission {
            Omission::Order(first, then) => (name(*first), name(*then), Way::Order),
            Omission::Steps(steps) => (name(steps[0]), name(steps[steps.len() - 1]), Way::Steps),
            Omission::Place(steps, to) => (name(steps[0]), name(steps[steps.len() - 1]), Way::Place(*to)),
        }
    }

    fn steps_of(&self, task: usize) -> Vec<usize> {
        (0..self.taken).filter(|&step| self.steps[step].task == task).collect()
    }

    pub(super) fn without(&self, left_out: &[usize]) -> Story {
        let mut places = Vec::new();
        let mut kept = 0;
        for step in 0..self.steps.len() {
            places.push((!left_out.contains(&step)).then_some(kept));
            kept += usize::from(places[step].is_some());
        }
        // What was made ready by one that is left out is so by what made that one ready.
        let cause = |step: &Step| {
            let mut cause = step.cause;
            while let Some(by) = cause.filter(|&by| places[by].is_none()) {
                cause = self.steps[by].cause;
            }
            cause.and_then(|by| places[by])
        };
        let stays = |step: &usize| places[*step].is_some();
        let steps = (0..self.steps.len()).filter(stays).map(|step| &self.steps[step]);
        let steps = steps.map(|step| Step { cause: cause(step), ..step.clone() }).collect();
        Story { tasks: self.tasks.clone(), steps, taken: self.taken - left_out.len(), ends_in_last: self.ends_in_last }
    }

    /// The story with these steps elsewhere; `None` if one of them would come before what makes it ready.
    pub(super) fn moved(&self, moved: &[usize], to: To) -> Option<Story> {
        let (first, last) = (moved[0], moved[moved.len() - 1]);
        let mut order: Vec<usize> = (0..self.steps.len()).filter(|step| !moved.contains(step)).collect();
        let is_own = |step: usize| self.steps[step].task == self.steps[first].task;
        let at = match to {
            To::StepBehind => order.iter().position(|&step| step > last && is_own(step))?,
            To::StepBefore => order.iter().rposition(|&step| step < first && is_own(step))? + 1,
        };
        order.splice(at..at, moved.iter().copied());
        let mut places = vec![0; order.len()];
        order.iter().enumerate().for_each(|(place, &step)| places[step] = place);
        let in_place = |(place, &step): (usize, &usize)| {
            let cause = self.steps[step].cause.map(|cause| places[cause]);
            cause.is_none_or(|cause| cause < place).then(|| Step { cause, ..self.steps[step].clone() })
        };
        let steps = order.iter().enumerate().map(in_place).collect::<Option<Vec<Step>>>()?;
        Some(Story { tasks: self.tasks.clone(), steps, ..*self })
    }
}
