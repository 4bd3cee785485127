//! A random walk that samples interleavings, not choices, uniformly.

use super::bag::{Bag, HEAVIEST};
use super::follow::{Follow, Follows};
use super::profile::Profile;
use super::{Back, BuiltIn, Candidate, View};
use crate::hash::HashMap;
use crate::id::Key;
use crate::prng::Stream;
use std::sync::Arc;

/// URW (Zhao, Wolff, Mathur, Roychoudhury: *Selectively Uniform Concurrency Testing*, ASPLOS 2025).
///
/// A candidate is as likely as the steps that it has left are many, with those of the tasks that it is still to spawn.
/// If the numbers are right, every interleaving is equally likely; a walk that gives each candidate the same chance
/// prefers those in which short tasks are done early. The numbers are a [`Profile`]'s.
pub(crate) struct Urw {
    stream: Stream,
    profile: Arc<Profile>,
    follow: Follow,
    weights: Bag,
    tasks: Tasks,
}

/// What each live task has left, by its place in the registry.
#[derive(Default)]
struct Tasks {
    by_slot: Vec<Left>,
    /// The places of those that spawn others.
    parents: HashMap<Key, u32>,
}

/// What one task has left, with those that it is still to spawn. Less than nothing is as good as nothing.
#[derive(Clone, Copy)]
struct Left {
    key: Key,
    /// Before the first of its own steps.
    in_all: i64,
    /// Now.
    now: i64,
}

impl Left {
    /// At least the step that it is about to take.
    #[inline(always)]
    fn weight(&self) -> u64 {
        self.now.max(1) as u64
    }
}

impl Urw {
    pub fn new(stream: Stream, profile: Arc<Profile>) -> Urw {
        Urw { stream, profile, follow: Follow::default(), weights: Bag::default(), tasks: Tasks::default() }
    }
}

impl Follows for Urw {
    #[inline(always)]
    fn follow(&mut self) -> &mut Follow {
        &mut self.follow
    }

    #[inline(always)]
    fn look(&mut self, place: usize, candidates: &impl View) {
        let Candidate { slot, key, step, .. } = candidates.who(place);
        self.weights.set(place, self.tasks.left(slot, key, step, &self.profile));
    }

    #[inline(always)]
    fn is_back(&mut self, place: usize, back: Back, candidates: &impl View) {
        match self.tasks.takes_one(back.slot) {
            Some(left) => self.weights.set(place, left),
            None => self.look(place, candidates),
        }
    }

    fn forget(&mut self, place: usize) {
        self.weights.set(place, 0);
    }
}

impl Tasks {
    /// The steps that the task has left, this one included.
    #[inline(always)]
    fn left(&mut self, slot: u32, key: Key, step: u32, profile: &Profile) -> u64 {
        let slot = slot as usize;
        if self.by_slot.get(slot).is_none_or(|left| left.key != key) {
            self.meet(slot, key, profile);
        }
        let left = &mut self.by_slot[slot];
        left.now = left.in_all - i64::from(step);
        left.weight()
    }

    /// The same of the one that is known to be in `slot`, and has taken one step since.
    #[inline(always)]
    fn takes_one(&mut self, slot: u32) -> Option<u64> {
        let left = self.by_slot.get_mut(slot as usize)?;
        left.now -= 1;
        Some(left.weight())
    }

    /// A task that was not there before: what is its own is no longer its parent's.
    #[cold]
    #[inline(never)]
    fn meet(&mut self, slot: usize, key: Key, profile: &Profile) {
        if slot >= self.by_slot.len() {
            self.by_slot.resize(slot + 1, Left { key: Key::CLOCK, in_all: 0, now: 0 });
        }
        let measured = profile.task(key);
        let in_all = measured.map_or(1, |measured| measured.events()).min(HEAVIEST) as i64;
        self.by_slot[slot] = Left { key, in_all, now: in_all };
        if measured.is_some_and(|measured| measured.is_parent()) {
            self.parents.insert(key, slot as u32);
        }
        let parent = measured.and_then(|measured| measured.parent());
        if let Some((parent, &slot)) = parent.and_then(|parent| Some((parent, self.parents.get(&parent)?))) {
            let left = &mut self.by_slot[slot as usize];
            if left.key == parent {
                left.in_all -= in_all;
                left.now -= in_all;
            }
        }
    }
}

impl BuiltIn for Urw {
    fn lose(&mut self) {
        self.follow.lose();
    }

    #[inline(always)]
    fn pick(&mut self, candidates: &impl View, back: Option<Back>) -> usize {
        self.catch_up(candidates, back);
        let index = self.weights.draw(&mut self.stream, candidates.len());
        self.follow.took(index);
        index
    }

    fn slip(&mut self, count: usize) -> bool {
        self.follow.slips(&mut self.stream, count)
    }
}
