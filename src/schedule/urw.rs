//! A random walk that samples interleavings, not choices, uniformly.

use super::bag::Bag;
use super::follow::{Follow, Follows};
use super::profile::Profile;
use super::{BuiltIn, Candidate, View};
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
    by_slot: Vec<(Key, u64)>,
    /// The places of those that spawn others.
    parents: HashMap<Key, u32>,
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
        let left = self.tasks.left(&candidates.who(place), &self.profile);
        self.weights.set(place, left);
    }

    fn forget(&mut self, place: usize) {
        self.weights.set(place, 0);
    }
}

impl Tasks {
    /// The steps that the candidate has left, this one included.
    #[inline(always)]
    fn left(&mut self, candidate: &Candidate, profile: &Profile) -> u64 {
        let events = match self.by_slot.get(candidate.slot as usize) {
            Some(&(key, events)) if key == candidate.key => events,
            _ => self.meet(candidate, profile),
        };
        events.saturating_sub(u64::from(candidate.step)).max(1)
    }

    /// A task that was not there before: what is its own is no longer its parent's.
    #[cold]
    fn meet(&mut self, candidate: &Candidate, profile: &Profile) -> u64 {
        let place = candidate.slot as usize;
        if place >= self.by_slot.len() {
            self.by_slot.resize(place + 1, (Key::CLOCK, 0));
        }
        let measured = profile.task(candidate.key);
        let events = measured.map_or(1, |measured| measured.events());
        self.by_slot[place] = (candidate.key, events);
        if measured.is_some_and(|measured| measured.is_parent()) {
            self.parents.insert(candidate.key, candidate.slot);
        }
        let parent = measured.and_then(|measured| measured.parent());
        if let Some((parent, &slot)) = parent.and_then(|parent| Some((parent, self.parents.get(&parent)?))) {
            let entry = &mut self.by_slot[slot as usize];
            if entry.0 == parent {
                entry.1 = entry.1.saturating_sub(events);
            }
        }
        events
    }
}

impl BuiltIn for Urw {
    fn lose(&mut self) {
        self.follow.lose();
    }

    #[inline(always)]
    fn pick(&mut self, candidates: &impl View) -> usize {
        self.catch_up(candidates);
        let index = self.weights.draw(&mut self.stream, candidates.len());
        self.follow.took(index);
        index
    }

    fn slip(&mut self, count: usize) -> bool {
        self.follow.slips(&mut self.stream, count)
    }
}
