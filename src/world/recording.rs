//! The part of a world that writes the trace. Nothing here may change the schedule.

use super::{NOBODY, World};
use crate::boundary::kernel;
use crate::boundary::waker::{self, Hears};
use crate::deviation::Deviation;
use crate::executor::Host;
use crate::finding::{Finding, FindingKind};
use crate::hash::{HashMap, HashSet};
use crate::id::Key;
use crate::schedule::Candidate;
use crate::sites::Site;
use crate::trace::{ActorKind, Log, PollEnd, Source, Trace, What};
use std::any::Any;

use std::sync::Arc;
use std::task::Waker;

/// What a task is made of, besides its future.
pub(crate) struct Birth<'a> {
    pub kind: ActorKind,
    pub site: Site,
    pub name: Option<&'a str>,
    /// `None`: the next child of whoever is running.
    pub key: Option<Key>,
}

/// For each live task of a traced run, by its place in the registry: its key, and a waker whose clones can be counted.
pub(crate) type CountedWakers = HashMap<u32, (Key, Option<Arc<Counted>>)>;

/// A waker that does as the one within, and tells by its reference count whether somebody else still has it.
pub(crate) struct Counted {
    waker: Waker,
    key: Key,
}

impl Hears for Counted {
    fn is_cloned(&self) {
        World::with(|world| world.saw_await(self.key));
    }

    fn wakes(&self) {
        // One that gives way wakes itself.
        World::with(|world| world.saw_await(self.key));
        self.waker.wake_by_ref();
    }
}

/// How deep the stack of an await is looked at.
const DEEPEST: usize = 96;

impl World {
    /// Lets `f` write to the trace, if there is one.
    #[inline]
    pub fn record(&self, f: impl FnOnce(&mut Log)) {
        if !self.traced.get() {
            return;
        }
        if let Some(log) = self.log.borrow_mut().as_mut() {
            f(log);
        }
    }

    #[cold]
    pub fn record_birth(&self, slot: u32, key: Key, birth: &Birth<'_>) {
        let parent = self.running.get();
        self.counted.borrow_mut().insert(slot, (key, None));
        self.record(|log| {
            let parent = (parent.slot() != NOBODY.slot() && birth.kind != ActorKind::Worker).then_some(parent.key);
            let name = birth.name.unwrap_or_else(|| birth.site.name());
            let actor = log.actor(key, birth.kind, name, birth.name.is_some(), birth.site.at, parent);
            let by = parent.and_then(|p| log.index(p));
            if !matches!(birth.kind, ActorKind::Scenario | ActorKind::Worker) {
                log.event(What::Spawned { actor, by });
            }
        });
    }

    #[cold]
    pub(super) fn record_wake(&self, key: Key) {
        let by = self.running.get();
        self.record(|log| {
            let source = match by.key {
                Key::CLOCK => Some(Source::Clock),
                other if by.slot() != NOBODY.slot() => log.index(other).map(Source::Actor),
                _ => None,
            };
            log.readied(key);
            if let Some(actor) = log.actor_mut(key) {
                // A spawned task is ready by its spawning.
                let first = actor.polls == 0 && actor.woken_by == Some(Source::Spawn);
                if !first {
                    actor.woken_by = source;
                }
            }
        });
    }

    #[cold]
    pub(super) fn record_step(&self, chosen: Candidate, front: Candidate) {
        let step = self.steps() + 1;
        let now = self.now();
        self.record(|log| {
            log.step = step;
            log.now = now;
            let overtaken = (chosen.key() != front.key()).then(|| front.key());
            if let Some(before) = overtaken {
                let (who, step) = (chosen.key(), chosen.step());
                log.deviation(Deviation { who, step, before, before_step: front.step() });
            }
            if let Some(operation) = chosen.operation() {
                log.operation(chosen.key(), chosen.step(), operation);
            }
            log.poll_begins(chosen.key(), overtaken);
        });
    }

    /// The future of the running task was polled, and this came of it.
    #[cold]
    pub fn poll_ended(&self, end: PollEnd) {
        self.record(|log| log.poll_ended = Some(end));
    }

    #[cold]
    pub(super) fn record_step_end(&self) {
        self.record(|log| {
            // A runnable whose task was cancelled never reaches its future.
            let end = log.poll_ended.take().unwrap_or(PollEnd::Cancelled);
            log.poll_ends(end);
        });
    }

    /// The waker to poll the task in `slot` with.
    pub fn counted_waker(&self, slot: u32, plain: &Waker) -> Waker {
        let mut counted = self.counted.borrow_mut();
        let (key, waker) = counted.entry(slot).or_insert((Key::ROOT, None));
        let make = || Arc::new(Counted { waker: plain.clone(), key: *key });
        waker::waker(waker.get_or_insert_with(make).clone())
    }

    /// Somebody keeps the waker of the task `key`, which awaits something if it is the one that runs.
    #[inline]
    pub fn saw_await(&self, key: Key) {
        if !self.traced.get() || self.running.get().key != key {
            return;
        }
        if self.log.is_busy() {
            return;
        }
        let mut log = self.log.borrow_mut();
        // What is dropped at the end wakes, too, but awaits nothing.
        if let Some(log) = log.as_mut().filter(|log| !log.closing && log.wants_await(key)) {
            let _quiet = kernel::quiet();
            let mut stack = vec![0; DEEPEST];
            let depth = kernel::backtrace(&mut stack);
            stack.truncate(depth);
            log.awaits(key, stack);
        }
    }

    /// A task's future is gone: it was done, or `dropped` before that.
    pub fn task_gone(&self, slot: u32, dropped: bool) {
        let waker = self.registry.borrow_mut().release(slot);
        if self.traced.get() {
            self.record_gone(slot, dropped);
        }
        drop(waker);
    }

    #[cold]
    fn record_gone(&self, slot: u32, dropped: bool) {
        let gone = self.counted.borrow_mut().remove(&slot);
        let Some((key, waker)) = gone else { return };
        self.record(|log| {
            let index = log.index(key);
            if let Some(actor) = log.actor_mut(key) {
                actor.ended = true;
            }
            let is_news = dropped && !log.closing && log.poll_ended != Some(PollEnd::Panicked);
            if let (true, Some(actor)) = (is_news, index) {
                log.event(What::Dropped { actor });
            }
        });
        drop(waker);
    }

    /// A task's future panicked while it was dropped.
    #[cold]
    pub fn drop_panicked(&self, payload: &(dyn Any + Send)) {
        let seen = self.panic.take();
        let mut finding = match seen {
            Some(seen) => seen.into_finding(FindingKind::DropPanic),
            None => Finding::new(FindingKind::DropPanic, super::payload_text(payload)),
        };
        finding.task = Some(self.running_name());
        self.find_even_at_the_end(finding);
    }

    /// The name of the task that runs, where a trace is kept; otherwise that of its spawn site.
    pub fn running_name(&self) -> String {
        self.name_of(self.running.get().key)
    }

    pub(super) fn name_of(&self, key: Key) -> String {
        self.known_name(key).unwrap_or_else(|| "a task".into())
    }

    /// The same, if it is known.
    pub(super) fn known_name(&self, key: Key) -> Option<String> {
        if key == Key::ROOT {
            return Some("scenario".into());
        }
        let log = self.log.borrow();
        let log = log.as_ref()?;
        Some(log.actors()[log.index(key)? as usize].name.clone())
    }

    /// The keys of all live tasks and jobs.
    pub(super) fn counted_keys(&self) -> HashSet<Key> {
        self.counted.borrow().values().map(|(key, _)| *key).collect()
    }

    /// For each live task, whether somebody could still wake it; the registry's own waker aside.
    pub(super) fn live_wakers(&self) -> HashMap<Key, usize> {
        let counted = self.counted.borrow();
        let others = |waker: &Option<Arc<Counted>>| waker.as_ref().map_or(0, |w| Arc::strong_count(w) - 1);
        counted.values().map(|(key, waker)| (*key, others(waker))).collect()
    }

    pub(super) fn take_trace(&self) -> Option<Trace> {
        if !self.traced.get() {
            return None;
        }
        let counted = self.counted.take();
        drop(counted);
        self.log.take().map(Log::finish)
    }
}
