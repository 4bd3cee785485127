//! What a program does, measured: how many steps each task takes, and what on.

use super::races::Races;
use crate::hash::{HashMap, HashSet};
use crate::id::Key;
use crate::trace::Trace;

/// Steps and operations by task, from a few runs. A task is known by its spawn path, so what was measured of it holds
/// whatever other tasks come and go.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    tasks: HashMap<Key, Measured>,
    /// Resources that more than one task was about to touch, in a fixed order.
    shared: Vec<u64>,
    steps: u64,
    /// Steps that race.
    races: Races,
}

/// What was measured of one task.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    parent: Option<Key>,
    is_parent: bool,
    /// Its own steps.
    own: u64,
    /// Those of the tasks that it spawns, and so on down, with its own.
    events: u64,
    /// How often it touches what, its descendants with it.
    touches: HashMap<u64, u64>,
}

impl Profile {
    /// The most that any of `runs` shows, task by task.
    pub fn of(runs: &[&Trace]) -> Profile {
        let mut profile = Profile { races: Races::of(runs), ..Profile::default() };
        let mut users: HashMap<u64, HashSet<Key>> = HashMap::default();
        let mut order = Vec::new();
        for trace in runs {
            let mut steps = 0;
            let mut touches: HashMap<Key, HashMap<u64, u64>> = HashMap::default();
            for (key, _, operation) in &trace.operations {
                *touches.entry(*key).or_default().entry(operation.resource).or_default() += 1;
                users.entry(operation.resource).or_default().insert(*key);
            }
            for actor in &trace.actors {
                steps += u64::from(actor.polls);
                if !profile.tasks.contains_key(&actor.key) {
                    order.push(actor.key);
                }
                let task = profile.tasks.entry(actor.key).or_default();
                task.parent = actor.parent.map(|parent| trace.actors[parent as usize].key);
                task.own = task.own.max(u64::from(actor.polls));
                for (resource, count) in touches.remove(&actor.key).unwrap_or_default() {
                    let most = task.touches.entry(resource).or_default();
                    *most = count.max(*most);
                }
            }
            profile.steps = profile.steps.max(steps);
        }
        profile.shared = users.into_iter().filter(|(_, by)| by.len() > 1).map(|(resource, _)| resource).collect();
        profile.shared.sort_unstable();
        // Whoever spawns stands before whom it spawns.
        for key in order.iter().rev() {
            let Some(task) = profile.tasks.get_mut(key) else { continue };
            task.events += task.own;
            let (events, touches, parent) = (task.events, task.touches.clone(), task.parent);
            if let Some(parent) = parent.and_then(|parent| profile.tasks.get_mut(&parent)) {
                parent.is_parent = true;
                parent.events += events;
                touches.into_iter().for_each(|(resource, n)| *parent.touches.entry(resource).or_default() += n);
            }
        }
        profile
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

    /// What was measured of the task, if it was seen.
    pub fn task(&self, key: Key) -> Option<&Measured> {
        self.tasks.get(&key)
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

    /// Who spawns the task.
    pub fn parent(&self) -> Option<Key> {
        self.parent
    }

    /// Whether it spawns others.
    pub fn is_parent(&self) -> bool {
        self.is_parent
    }
}
