//! A random walk that samples the orders of a few chosen events uniformly.

use super::bag::Set;
use super::follow::{Follow, Follows};
use super::profile::{Met, Profile};
use super::tree::Weights;
use super::{Back, BuiltIn, Other, Urw, View};
use crate::id::Key;
use crate::operation::Operation;
use crate::prng::Stream;
use std::sync::Arc;

/// SURW (Zhao, Wolff, Mathur, Roychoudhury: *Selectively Uniform Concurrency Testing*, ASPLOS 2025).
///
/// Each run has one resource, drawn among those that more than one task touches; the steps that touch it are the
/// interesting ones. One task is *meant* to take the next of them, drawn by how many each has left; until it does, others
/// walk at random but stop before an interesting step of theirs. So every order of the interesting steps is equally
/// likely, however many uninteresting ones lie between.
///
/// What a step touches is what the task [announces](crate::announce), or a guess from who woke it. Where nothing is known
/// to be shared every step is interesting, which is a [uniform walk](Urw).
pub(crate) struct Surw {
    stream: Stream,
    profile: Arc<Profile>,
    resource: u64,
    follow: Follow,
    /// The places whose candidates may run now.
    free: Set,
    /// Those that may not: their steps are interesting, and another is meant.
    held: Set,
    /// How many interesting steps each task has left, by the order in which they were met: places in the registry are
    /// others in each run.
    left: Weights,
    /// For each task that was met: who, and where among the candidates it stood last.
    tasks: Vec<(Key, u32)>,
    /// Who was met as which: by what was measured of them, and by place in the registry.
    met: Met,
    by_slot: Vec<(Key, u32)>,
    /// For each place who stands there.
    standing: Vec<Standing>,
    meant: Option<u32>,
    /// How many decisions others have been held for the one that is meant, and how many they may be: it may spin, or have
    /// less left than was measured.
    held_for: u64,
    patience: u64,
}

/// Who stands in a place.
#[derive(Clone, Copy)]
struct Standing {
    key: Key,
    task: u32,
    /// Whether its step is interesting.
    is_interesting: bool,
}

const NOBODY: Standing = Standing { key: Key::CLOCK, task: 0, is_interesting: true };

impl Surw {
    /// The strategy for one run, whatever it comes to: uniform over the orders of some events, or of all.
    pub fn choose(mut stream: Stream, profile: Arc<Profile>) -> Other {
        let shared = profile.shared();
        if shared.is_empty() {
            return Urw::new(stream, profile).into();
        }
        let patience = profile.steps() + 100;
        let resource = shared[stream.below(shared.len() as u32) as usize];
        Other::from(Surw {
            stream,
            profile,
            resource,
            follow: Follow::default(),
            free: Set::default(),
            held: Set::default(),
            left: Weights::default(),
            tasks: Vec::new(),
            met: Met::default(),
            by_slot: Vec::new(),
            standing: Vec::new(),
            meant: None,
            held_for: 0,
            patience,
        })
    }

    /// Another than before stands in `place`, or for something else.
    #[inline(never)]
    fn comes(&mut self, place: usize, seat: (u32, Key), operation: Option<Operation>) {
        let is_interesting = operation.is_some_and(|operation| operation.resource == self.resource);
        let task = self.task(seat);
        self.tasks[task as usize].1 = place as u32;
        if place >= self.standing.len() {
            self.standing.resize(place + 1, NOBODY);
        }
        self.standing[place] = Standing { key: seat.1, task, is_interesting };
        if !is_interesting || self.meant == Some(task) {
            self.held.remove(place);
            self.free.insert(place);
        } else {
            self.free.remove(place);
            self.held.insert(place);
        }
    }

    /// As which it was met.
    #[inline]
    fn task(&mut self, (slot, key): (u32, Key)) -> u32 {
        match self.by_slot.get(slot as usize) {
            Some(&(known, task)) if known == key => task,
            _ => self.meet(slot as usize, key),
        }
    }

    /// A task that was not there before: what is its own is no longer its parent's.
    #[cold]
    fn meet(&mut self, slot: usize, key: Key) -> u32 {
        if slot >= self.by_slot.len() {
            self.by_slot.resize(slot + 1, (Key::CLOCK, 0));
        }
        let task = self.tasks.len() as u32;
        self.tasks.push((key, 0));
        self.by_slot[slot] = (key, task);
        let (measured, parent) = self.met.meet(&self.profile, key, task);
        let own = measured.map_or(0, |measured| measured.touches(self.resource));
        self.left.set(task as usize, own);
        if let Some((_, parent)) = parent {
            let rest = self.left.get(parent as usize).saturating_sub(own);
            self.left.set(parent as usize, rest);
            if self.meant == Some(parent) && own > 0 {
                // It may have been meant for this child.
                self.meant = None;
            }
        }
        task
    }

    /// Draws who is meant to take the next interesting step.
    #[inline(never)]
    fn draw(&mut self, candidates: &impl View) {
        let point = self.stream.below_wide(self.left.total());
        self.meant = Some(self.left.find(point) as u32);
        self.let_go(candidates);
    }

    /// Whoever is meant waits for one of those who are held: that one is meant instead.
    #[inline(never)]
    fn give_way(&mut self, candidates: &impl View) {
        self.held_for = 0;
        let place = self.held.draw(&mut self.stream);
        self.meant = Some(self.standing[place].task);
        self.let_go(candidates);
    }

    /// The task takes one of its interesting steps.
    #[inline(never)]
    fn touches(&mut self, task: u32) {
        let task = task as usize;
        self.left.set(task, self.left.get(task).saturating_sub(1));
        self.meant = None;
        self.held_for = 0;
    }

    /// Frees the one that is meant, if it stands among the candidates.
    fn let_go(&mut self, candidates: &impl View) {
        let Some(task) = self.meant else { return };
        let (key, place) = self.tasks[task as usize];
        let place = place as usize;
        if place < candidates.len() && candidates.seat(place).1 == key {
            self.held.remove(place);
            self.free.insert(place);
        }
    }
}

impl Follows for Surw {
    #[inline(always)]
    fn follow(&mut self) -> &mut Follow {
        &mut self.follow
    }

    #[inline(never)]
    fn look(&mut self, place: usize, candidates: &impl View) {
        let seat = candidates.seat(place);
        match (candidates.operation(seat), self.standing.get(place)) {
            // It is free as it was.
            (None, Some(was)) if was.key == seat.1 && !was.is_interesting => {}
            (does, _) => self.comes(place, seat, does),
        }
    }

    #[inline(always)]
    fn is_back(&mut self, place: usize, back: Back, candidates: &impl View) {
        // It does nothing that is known, and is free as it was: that is so of most.
        let was_free = self.standing.get(place).is_some_and(|was| !was.is_interesting);
        if candidates.may_be_known(back.slot) || !was_free {
            self.look(place, candidates);
        }
    }

    fn forget(&mut self, place: usize) {
        self.free.remove(place);
        self.held.remove(place);
        if let Some(standing) = self.standing.get_mut(place) {
            *standing = NOBODY;
        }
    }
}

impl BuiltIn for Surw {
    const OPERATIONS: Option<bool> = Some(true);

    fn lose(&mut self) {
        self.follow.lose();
    }

    #[inline(always)]
    fn pick(&mut self, candidates: &impl View, back: Option<Back>) -> usize {
        self.catch_up(candidates, back);
        if self.meant.is_none() && self.left.total() > 0 {
            self.draw(candidates);
        }
        self.held_for += 1;
        if self.free.len() == 0 || self.held_for > self.patience && self.held.len() > 0 {
            self.give_way(candidates);
        }
        let index = self.free.draw(&mut self.stream);
        if let Standing { task, is_interesting: true, .. } = self.standing[index] {
            self.touches(task);
        }
        self.follow.took(index);
        index
    }

    fn slip(&mut self, count: usize) -> bool {
        self.follow.slips(&mut self.stream, count)
    }
}
