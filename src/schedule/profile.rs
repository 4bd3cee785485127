//! What a program does, measured: how many steps each task takes, and what on.

use super::races::Races;
use crate::hash::{HashMap, HashSet};
use crate::id::Key;
use crate::trace::Trace;

/// Steps and operations by task, from a few runs. A task is known by its spawn path, so what was measured of it holds
/// whatever other tasks come and go.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    /// In the order in which they were first seen: whoever spawns before whom it spawns.
    tasks: Vec<Measured>,
    /// Where among them.
    numbers: HashMap<Key, u32>,
    /// Resources that more than one task was about to touch, in a fixed order.
    shared: Vec<u64>,
    steps: u64,
    /// Steps that race.
    races: Races,
}

/// What was measured of one task.
#[derive(Debug)]
pub(crate) struct Measured {
    key: Key,
    parent: Option<u32>,
    is_parent: bool,
    /// Its own steps, with those of the tasks that it spawns, and so on down.
    events: u64,
    /// How often it touches what, its descendants with it.
    touches: HashMap<u64, u64>,
}

impl Profile {
    /// The most that any of `runs` shows, task by task.
    pub fn of(runs: &[&Trace]) -> Profile {
        let mut profile = Profile { races: Races::of(runs), ..Profile::default() };
        let mut users: HashMap<u64, HashSet<Key>> = HashMap::default();
        for trace in runs {
            let mut steps = 0;
            let mut touches: HashMap<Key, HashMap<u64, u64>> = HashMap::default();
            for (key, _, operation) in &trace.operations {
                *touches.entry(*key).or_default().entry(operation.resource).or_default() += 1;
                users.entry(operation.resource).or_default().insert(*key);
            }
            for actor in &trace.actors {
                steps += u64::from(actor.polls);
                let parent = actor.parent.map(|parent| trace.actors[parent as usize].key);
                let parent = parent.and_then(|parent| profile.numbers.get(&parent).copied());
                let task = profile.see(actor.key);
                task.parent = parent;
                task.events = task.events.max(u64::from(actor.polls));
                for (resource, count) in touches.remove(&actor.key).unwrap_or_default() {
                    let most = task.touches.entry(resource).or_default();
                    *most = count.max(*most);
                }
            }
            profile.steps = profile.steps.max(steps);
        }
        profile.shared = users.into_iter().filter(|(_, by)| by.len() > 1).map(|(resource, _)| resource).collect();
        profile.shared.sort_unstable();
        for number in (1..profile.tasks.len()).rev() {
            let (before, [task, ..]) = profile.tasks.split_at_mut(number) else { break };
            let Some(parent) = task.parent.and_then(|parent| before.get_mut(parent as usize)) else { continue };
            parent.is_parent = true;
            parent.events += task.events;
            task.touches.iter().for_each(|(&resource, n)| *parent.touches.entry(resource).or_default() += n);
        }
        profile
    }

    /// What is measured of the task, of which nothing may be known so far.
    fn see(&mut self, key: Key) -> &mut Measured {
        let number = *self.numbers.entry(key).or_insert(self.tasks.len() as u32) as usize;
        if number == self.tasks.len() {
            self.tasks.push(Measured { key, parent: None, is_parent: false, events: 0, touches: HashMap::default() });
        }
        &mut self.tasks[number]
    }

    /// The steps of the longest run.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// How many tasks and workers there were.
    pub fn tasks(&self) -> u64 {
        self.tasks.len() as u64
    }

    /// Steps that race, and which way round they went.
    pub fn races(&self) -> &Races {
        &self.races
    }

    /// Resources that more than one task touches.
    pub fn shared(&self) -> &[u64] {
        &self.shared
    }
}

impl Measured {
    /// How many steps the task and all that come of it take.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// How often the task, and all that come of it, touch `resource`.
    pub fn touches(&self, resource: u64) -> u64 {
        self.touches.get(&resource).copied().unwrap_or(0)
    }
}

/// The tasks of a profile that a run has met, each with a number of the strategy's own.
#[derive(Default)]
pub(crate) struct Met {
    /// By the profile's number one more than the strategy's, of those that spawn others.
    parents: Vec<u32>,
    /// Who comes next, if tasks come in the order in which they came when they were measured.
    next: u32,
}

impl Met {
    /// The task is there, and its number is `own`: what was measured of it, if it was seen, and who spawns it, with that
    /// one's number, if it was met.
    pub fn meet<'a>(&mut self, profile: &'a Profile, key: Key, own: u32) -> (Option<&'a Measured>, Option<(Key, u32)>) {
        let is_next = profile.tasks.get(self.next as usize).is_some_and(|task| task.key == key);
        let number = if is_next { Some(self.next) } else { profile.numbers.get(&key).copied() };
        let Some(number) = number else { return (None, None) };
        self.next = number + 1;
        let task = &profile.tasks[number as usize];
        if task.is_parent {
            self.parents.resize(profile.tasks.len(), 0);
            self.parents[number as usize] = own + 1;
        }
        let parent = task.parent.map(|parent| parent as usize);
        let number = parent.and_then(|parent| self.parents.get(parent)?.checked_sub(1));
        (Some(task), parent.map(|parent| profile.tasks[parent].key).zip(number))
    }
}
