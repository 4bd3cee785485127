//! Partial order sampling.

use super::follow::Follow;
use super::tree::Priorities;
use super::{Candidate, Candidates, Pick, Strategy};
use crate::hash::HashMap;
use crate::id::{Key, mix};
use crate::operation::Operation;
use crate::prng::Stream;

/// POS (Yuan, Yang, Gu: *Partial Order Aware Concurrency Sampling*, CAV 2018).
///
/// Each step has a random priority; the highest of those that could come next does. Then every step that races with it
/// gets a new priority, so that its order against what follows is drawn afresh; steps that touch something else keep
/// theirs. Steps of which nobody knows what they touch race with none.
pub(crate) struct Pos {
    secret: u64,
    /// How often priorities were drawn anew.
    drawn: u64,
    follow: Follow,
    priorities: Priorities,
    /// Who stood in each place when it was last looked at.
    places: Vec<(Key, u32, Option<Operation>)>,
    /// The places of those about to touch a resource, with some that have moved on.
    by_resource: HashMap<u64, Vec<u32>>,
}

impl Pos {
    pub fn new(mut stream: Stream) -> Pos {
        Pos {
            secret: stream.next_u64(),
            drawn: 0,
            follow: Follow::default(),
            priorities: Priorities::default(),
            places: Vec::new(),
            by_resource: HashMap::default(),
        }
    }

    /// Looks who stands in `place` now: somebody new, or who stood in the place `last` before.
    fn look(&mut self, place: usize, last: usize, candidate: &Candidate) {
        let now = (candidate.key, candidate.step, candidate.operation);
        if place >= self.places.len() {
            self.places.resize(place + 1, (Key::CLOCK, u32::MAX, None));
        }
        if self.places[place] == now && self.priorities.get(place) > 0 {
            return;
        }
        let moved = self.places.get(last).is_some_and(|before| *before == now) && self.priorities.get(last) > 0;
        self.places[place] = now;
        if moved {
            self.priorities.set(place, self.priorities.get(last));
            return self.list(place, candidate);
        }
        let own =
            mix(self.secret ^ candidate.key.get() ^ u64::from(candidate.step).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        self.priorities.set(place, own | 1);
        self.list(place, candidate);
    }

    fn list(&mut self, place: usize, candidate: &Candidate) {
        if let Some(operation) = candidate.operation {
            self.by_resource.entry(operation.resource).or_default().push(place as u32);
        }
    }

    /// New priorities for all that race with `operation`, which the one in `chosen` is about to do.
    fn draw_anew(&mut self, chosen: usize, operation: Operation, len: usize) {
        let Some(mut places) = self.by_resource.remove(&operation.resource) else { return };
        places.sort_unstable();
        places.dedup();
        places.retain(|&place| {
            let place = place as usize;
            let Some((_, _, Some(other))) = self.places.get(place).filter(|_| place < len && place != chosen) else {
                return false;
            };
            if other.races_with(&operation) {
                self.drawn += 1;
                self.priorities.set(place, mix(self.secret ^ mix(self.drawn)) | 1);
            }
            other.resource == operation.resource
        });
        self.by_resource.insert(operation.resource, places);
    }
}

impl Strategy for Pos {
    fn wants_operations(&self) -> bool {
        true
    }

    fn pick(&mut self, candidates: &Candidates<'_>) -> Pick {
        let len = candidates.len();
        let last = self.follow.last();
        let changes = self.follow.changes(len);
        if let Some(place) = changes.one {
            self.look(place, last, &candidates.get(place));
        }
        changes.new.for_each(|place| self.look(place, last, &candidates.get(place)));
        changes.gone.for_each(|place| self.priorities.set(place, 0));
        let index = self.priorities.highest();
        if let Some((_, _, Some(operation))) = self.places.get(index).copied() {
            self.draw_anew(index, operation, len);
        }
        self.follow.took(index);
        Pick::Candidate(index)
    }
}
