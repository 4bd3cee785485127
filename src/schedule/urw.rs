//! A random walk that samples interleavings, not choices, uniformly.

use super::bag::{Bag, HEAVIEST, Set};
use super::follow::{Follow, Follows};
use super::profile::{Met, Profile};
use super::{Back, BuiltIn, Candidate, View};
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
    /// What the one in each place has left.
    weights: Bag,
    tasks: Tasks,
}

/// What each live task has left, by its place in the registry.
#[derive(Default)]
struct Tasks {
    by_slot: Vec<Left>,
    /// Those that were met, by their places in the registry.
    met: Met,
    /// Where among the candidates those stand whose children were met since they were looked at.
    outdated: Set,
}

/// What one task has left, with those that it is still to spawn. Less than one step is as good as one: that which it is about
/// to take.
#[derive(Clone, Copy)]
struct Left {
    key: Key,
    /// Before the first of its own steps.
    in_all: i64,
    /// Where among the candidates it stood last.
    place: u32,
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
        let left = self.tasks.left(place, candidates, &self.profile);
        self.weights.set(place, left);
    }

    #[inline(always)]
    fn is_back(&mut self, place: usize, _: Back, candidates: &impl View) {
        if self.tasks.outdated.contains(place) {
            return self.look(place, candidates);
        }
        self.weights.lessen(place);
    }

    fn forget(&mut self, place: usize) {
        self.weights.set(place, 0);
        self.tasks.outdated.remove(place);
    }
}

impl Tasks {
    /// The steps that the one in `place` has left, this one included.
    #[inline(never)]
    fn left(&mut self, place: usize, candidates: &impl View, profile: &Profile) -> u32 {
        let Candidate { slot, key, step, .. } = candidates.who(place);
        let slot = slot as usize;
        if self.by_slot.get(slot).is_none_or(|left| left.key != key) {
            self.meet(slot, key, candidates, profile);
        }
        self.outdated.remove(place);
        let left = &mut self.by_slot[slot];
        left.place = place as u32;
        (left.in_all - i64::from(step)).max(1) as u32
    }

    /// A task that was not there before: what is its own is no longer its parent's.
    #[cold]
    #[inline(never)]
    fn meet(&mut self, slot: usize, key: Key, candidates: &impl View, profile: &Profile) {
        if slot >= self.by_slot.len() {
            self.by_slot.resize(slot + 1, Left { key: Key::CLOCK, in_all: 0, place: 0 });
        }
        let (measured, parent) = self.met.meet(profile, key, slot as u32);
        let in_all = measured.map_or(1, |measured| measured.events()).min(HEAVIEST.into()) as i64;
        self.by_slot[slot] = Left { key, in_all, place: 0 };
        let Some((parent, slot)) = parent else { return };
        let left = &mut self.by_slot[slot as usize];
        if left.key == parent {
            left.in_all -= in_all;
            let place = left.place as usize;
            if place < candidates.len() && candidates.seat(place).1 == parent {
                self.outdated.insert(place);
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
