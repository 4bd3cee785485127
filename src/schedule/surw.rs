//! A random walk that samples the orders of a few chosen events uniformly.

use super::bag::Set;
use super::follow::{Follow, Follows};
use super::profile::Profile;
use super::tree::Weights;
use super::{BuiltIn, Candidate, Other, Urw, View};
use crate::hash::HashMap;
use crate::id::Key;
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
    /// Who was met as which, by key and by place in the registry.
    met: HashMap<Key, u32>,
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
            met: HashMap::default(),
            by_slot: Vec::new(),
            standing: Vec::new(),
            meant: None,
            held_for: 0,
            patience,
        })
    }

    #[inline(never)]
    fn comes(&mut self, place: usize, candidate: &Candidate, is_interesting: bool) {
        let task = self.task(candidate);
        self.tasks[task as usize].1 = place as u32;
        if place >= self.standing.len() {
            self.standing.resize(place + 1, NOBODY);
        }
        self.standing[place] = Standing { key: candidate.key, task, is_interesting };
        if !is_interesting || self.meant == Some(task) {
            self.held.remove(place);
            self.free.insert(place);
        } else {
            self.free.remove(place);
            self.held.insert(place);
        }
    }

    /// As which the candidate was met.
    #[inline]
    fn task(&mut self, candidate: &Candidate) -> u32 {
        match self.by_slot.get(candidate.slot as usize) {
            Some(&(key, task)) if key == candidate.key => task,
            _ => self.meet(candidate),
        }
    }

    /// A task that was not there before: what is its own is no longer its parent's.
    #[cold]
    fn meet(&mut self, candidate: &Candidate) -> u32 {
        let slot = candidate.slot as usize;
        if slot >= self.by_slot.len() {
            self.by_slot.resize(slot + 1, (Key::CLOCK, 0));
        }
        let task = self.tasks.len() as u32;
        self.tasks.push((candidate.key, 0));
        self.by_slot[slot] = (candidate.key, task);
        self.met.insert(candidate.key, task);
        let own = self.profile.touches(candidate.key, self.resource);
        self.left.set(task as usize, own);
        if let Some(&parent) = self.profile.parent(candidate.key).and_then(|parent| self.met.get(&parent)) {
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
        self.meant = match self.left.total() {
            0 => None,
            total => Some(self.left.find(self.stream.below_wide(total)) as u32),
        };
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
        if place < candidates.len() && candidates.who(place).key == key {
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

    #[inline(always)]
    fn look(&mut self, place: usize, candidates: &impl View) {
        let candidate = candidates.candidate(place);
        let is_interesting = candidate.operation.is_some_and(|operation| operation.resource == self.resource);
        match self.standing.get(place) {
            // It is back, and is free as it was: most are.
            Some(was) if was.key == candidate.key && !was.is_interesting && !is_interesting => {}
            _ => self.comes(place, &candidate, is_interesting),
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
    fn wants_operations(&self) -> bool {
        true
    }

    fn lose(&mut self) {
        self.follow.lose();
    }

    #[inline(always)]
    fn pick(&mut self, candidates: &impl View) -> usize {
        self.catch_up(candidates);
        if self.meant.is_none() {
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
