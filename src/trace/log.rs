//! Writing a trace while a run goes on, and the trace itself.

use super::event::{Actor, ActorKind, Event, PollEnd, Source, What};
use crate::deviation::Deviation;
use crate::hash::HashMap;
use crate::id::Key;
use crate::instant::Instant;
use crate::operation::Operation;
use std::collections::VecDeque;
use std::panic::Location;
use std::time::Duration;

/// Everything that happened in one run.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    pub(crate) actors: Vec<Actor>,
    pub(crate) events: Vec<Event>,
    /// Events left out between the first and the last ones that are kept: (place in `events`, how many).
    pub(crate) gap: Option<(usize, u64)>,
    pub(crate) deviations: Vec<Deviation>,
    /// What was known of the steps before they were taken, in order.
    pub(crate) operations: Vec<(Key, u32, Operation)>,
    /// Who became ready, and in which step of the run, in order: as often as each took a step, and once more if it was ready
    /// at the end.
    pub(crate) readied: Vec<(Key, u64)>,
    /// Of the polls that were asked for: who, which of its own, and the stack that it awaited something with.
    pub(crate) awaits: Vec<(Key, u32, Vec<usize>)>,
}

impl Trace {
    /// Who took part, in the order of their spawning; the scenario first.
    pub fn actors(&self) -> &[Actor] {
        &self.actors
    }

    /// What happened, in order. Of a very long run the first and the last events are kept.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Where the schedule left the plain order.
    pub fn deviations(&self) -> &[Deviation] {
        &self.deviations
    }

    /// The step at which `deviation` was made; `None` if its event was not kept.
    pub(crate) fn step_of(&self, deviation: &Deviation) -> Option<u64> {
        if deviation.chosen().is_some() {
            return self.choice(deviation).map(|(event, _)| event.step);
        }
        if deviation.who != Key::CLOCK {
            return self.step_number(deviation.who, deviation.step);
        }
        let is_it = |what: &What| match *what {
            What::TimeMoved { before: Some(before), .. } => self.actors[before as usize].key == deviation.before,
            _ => false,
        };
        // The same may be overtaken more than once: as often as it stands before this in the list.
        let same = |d: &&Deviation| (d.who, d.before) == (deviation.who, deviation.before);
        let nth = self.deviations.iter().take_while(|d| *d != deviation).filter(same).count();
        self.events.iter().filter(|event| is_it(&event.what)).nth(nth).map(|event| event.step)
    }

    /// The event of a choice, and the latency that was chosen if it was one.
    pub(crate) fn choice(&self, deviation: &Deviation) -> Option<(&Event, Option<Duration>)> {
        self.events.iter().find_map(|event| match event.what {
            What::Chose { by, nth, latency, .. } if nth == deviation.step => {
                (self.actors[by as usize].key == deviation.who).then_some((event, latency))
            }
            _ => None,
        })
    }

    /// How many have taken a step.
    pub(crate) fn taking_part(&self) -> usize {
        self.actors.iter().filter(|actor| actor.polls > 0).count()
    }

    /// Who made the task `key` ready for its own step `own`, taken or not.
    pub(crate) fn woken_by(&self, key: Key, own: u32) -> Option<Source> {
        let actor = self.actors.iter().find(|actor| actor.key == key)?;
        if actor.polls == own {
            return actor.woken_by;
        }
        let polls = self.events.iter().filter_map(|event| match event.what {
            What::Polled { actor, woken, .. } if self.actors[actor as usize].key == key => Some(woken),
            _ => None,
        });
        polls.take(if self.gap.is_some() { 0 } else { usize::MAX }).nth(own as usize).flatten()
    }

    /// Whether this run did what `deviation` says.
    pub(crate) fn kept_to(&self, deviation: &Deviation) -> bool {
        let Deviation { who, step, before, before_step } = *deviation;
        if self.deviations.contains(deviation) {
            return true;
        }
        if who == Key::CLOCK || deviation.chosen().is_some() || self.gap.is_some() {
            return false;
        }
        match (self.step_number(who, step), self.step_number(before, before_step)) {
            (Some(one), Some(other)) => one < other,
            (Some(_), None) => self.actors.iter().any(|actor| actor.key == before),
            (None, _) => false,
        }
    }

    /// A task and which of its own steps, with the step of the run if it came to that.
    pub(crate) fn tell_step(&self, key: Key, own: u32) -> String {
        let at = self.step_number(key, own).map_or(String::new(), |step| format!(" (step {step})"));
        format!("{}'s step {own}{at}", self.name_of(key))
    }

    /// The step of the run that was step `own` (from 0) of the task `key`.
    fn step_number(&self, key: Key, own: u32) -> Option<u64> {
        if self.gap.is_some() {
            return None;
        }
        let mut polls = self.events.iter().filter(|event| match event.what {
            What::Polled { actor, .. } => self.actors[actor as usize].key == key,
            _ => false,
        });
        polls.nth(own as usize).map(|event| event.step)
    }

    /// Why `deviation` could not be made in this run; `who` and `before` as they are written, for those who are not in it.
    pub(crate) fn why_not(&self, deviation: &Deviation, written: [&str; 2]) -> String {
        let actor = |key: Key| self.actors.iter().find(|actor| actor.key == key);
        let Deviation { who, step, before, before_step } = *deviation;
        let missing = |key: Key, own: u32| match actor(key) {
            _ if key == Key::CLOCK => None,
            None => Some(format!("there is no task {}", written[usize::from(key != who)])),
            Some(actor) if actor.polls <= own => {
                Some(format!("{} takes {} steps, and has no step {own}", actor.name, actor.polls))
            }
            Some(_) => None,
        };
        if deviation.chosen().is_some() {
            let name = self.name_of(who);
            return missing(who, 0).unwrap_or(format!("{name} makes no choice number {step}, or one of fewer numbers"));
        }
        if let Some(why) = missing(who, step).or_else(|| missing(before, before_step)) {
            return why;
        }
        let (one, other) = (self.tell_step(who, step), self.tell_step(before, before_step));
        format!("{one} could not run before {other}, since it was not ready or had run already")
    }

    /// The identity as its spawn path: `2.1` for the first child of the scenario's second; as a bare number where that is
    /// not known.
    pub(crate) fn path_of(&self, key: Key) -> String {
        match key {
            Key::ROOT => return "s".into(),
            Key::CLOCK => return "clock".into(),
            _ => {}
        }
        let most = self.actors.len() as u32;
        let nth_of = |make: &dyn Fn(u32) -> Key| (0..most).find(|&n| make(n) == key).map(|n| n + 1);
        let actor = self.actors.iter().find(|actor| actor.key == key);
        let known = match actor.map(|actor| (actor.kind, actor.parent)) {
            Some((ActorKind::Worker, _)) => nth_of(&Key::worker).map(|n| format!("w{n}")),
            Some((_, Some(parent))) => {
                let parent = self.actors[parent as usize].key;
                let prefix = if parent == Key::ROOT { String::new() } else { self.path_of(parent) + "." };
                nth_of(&|n| parent.child(n)).map(|n| format!("{prefix}{n}"))
            }
            _ => None,
        };
        known.unwrap_or_else(|| format!("x{:016x}", key.get()))
    }

    pub(crate) fn name_of(&self, key: Key) -> String {
        match self.actors.iter().find(|a| a.key == key) {
            Some(actor) => actor.name.clone(),
            None if key == Key::CLOCK => "the clock".into(),
            None => format!("{key:?}"),
        }
    }
}

/// A step of a run with a trace begins. Does nothing: debuggers stop here (`cargo raddle replay --break`).
#[inline(never)]
fn reached(step: u64) {
    std::hint::black_box(step);
}

/// How many events are kept from the beginning of a run, and how many from its end.
const KEPT: usize = 20_000;

/// A trace in the making.
pub(crate) struct Log {
    trace: Trace,
    by_key: HashMap<Key, u32>,
    numbers: HashMap<String, u32>,
    tail: VecDeque<Event>,
    left_out: u64,
    /// The step and the moment that events are written for, and the worker on whose thread they happen.
    pub step: u64,
    pub now: Instant,
    pub worker: Option<u32>,
    /// How the poll that goes on ended, once its future has returned.
    pub poll_ended: Option<PollEnd>,
    /// The polls whose awaits are looked at: who, and which of its own.
    pub wanted: Vec<(Key, u32)>,
    /// From this step on those of all are, and the last of each is kept: the run is about to be given up.
    late_from: u64,
    /// The run is being wound up: what is dropped now is not news.
    pub closing: bool,
}

impl Log {
    pub fn new() -> Log {
        Log {
            trace: Trace::default(),
            by_key: HashMap::default(),
            numbers: HashMap::default(),
            tail: VecDeque::new(),
            left_out: 0,
            step: 0,
            now: Instant::START,
            worker: None,
            poll_ended: None,
            wanted: Vec::new(),
            late_from: u64::MAX,
            closing: false,
        }
    }

    /// The same of a run that is given up after so many steps.
    pub fn of_at_most(max_steps: u64) -> Log {
        /// So many steps before its end it is looked where everybody awaits: more than there are tasks that spin.
        const LATE: u64 = 256;
        Log { late_from: max_steps.saturating_sub(LATE).max(LATE), ..Log::new() }
    }

    /// Adds an actor. Its name gets a number, unless it was `given` and is the first of that name.
    pub fn actor(
        &mut self,
        key: Key,
        kind: ActorKind,
        name: &str,
        given: bool,
        spawned_at: &'static Location<'static>,
        parent: Option<Key>,
    ) -> u32 {
        let number = self.numbers.entry(name.to_string()).or_insert(0);
        *number += 1;
        let name = if given && *number == 1 { name.to_string() } else { format!("{name}#{number}") };
        let index = self.trace.actors.len() as u32;
        let parent = parent.and_then(|p| self.index(p));
        self.trace.actors.push(Actor {
            key,
            kind,
            name,
            spawned_at,
            parent,
            polls: 0,
            last_poll: None,
            woken_by: Some(Source::Spawn),
            last_woken_by: None,
            ended: false,
        });
        self.by_key.insert(key, index);
        index
    }

    /// The actor has got a name of its own.
    pub fn rename(&mut self, key: Key, name: &str) {
        let number = self.numbers.entry(name.to_string()).or_insert(0);
        *number += 1;
        let name = if *number == 1 { name.to_string() } else { format!("{name}#{number}") };
        if let Some(actor) = self.actor_mut(key) {
            actor.name = name;
        }
    }

    pub fn index(&self, key: Key) -> Option<u32> {
        self.by_key.get(&key).copied()
    }

    pub fn actor_mut(&mut self, key: Key) -> Option<&mut Actor> {
        let index = self.index(key)?;
        self.trace.actors.get_mut(index as usize)
    }

    pub fn actors(&self) -> &[Actor] {
        &self.trace.actors
    }

    pub fn event(&mut self, what: What) {
        let event = Event { step: self.step, at: self.now, worker: self.worker, what };
        if self.trace.events.len() < KEPT {
            self.trace.events.push(event);
            return;
        }
        if self.tail.len() == KEPT {
            self.tail.pop_front();
            self.left_out += 1;
        }
        self.tail.push_back(event);
    }

    /// The step's poll begins.
    pub fn poll_begins(&mut self, key: Key, before: Option<Key>) {
        let Some(actor) = self.index(key) else { return };
        let before = before.and_then(|b| self.index(b));
        let entry = &mut self.trace.actors[actor as usize];
        entry.polls += 1;
        entry.last_poll = Some((self.step, self.now));
        let woken = entry.woken_by.take();
        entry.last_woken_by = woken;
        if entry.kind.is_thread() {
            self.worker = Some(actor);
        }
        reached(self.step);
        self.event(What::Polled { actor, woken, before, end: PollEnd::Open });
    }

    /// The step's poll ends: its event, which may be some way back, is told how. Of steps within a step the inner one
    /// ends first.
    pub fn poll_ends(&mut self, how: PollEnd) {
        for event in self.tail.iter_mut().rev().chain(self.trace.events.iter_mut().rev()) {
            if let What::Polled { actor, end: end @ PollEnd::Open, .. } = &mut event.what {
                *end = how;
                if self.worker == Some(*actor) {
                    self.worker = None;
                }
                return;
            }
        }
        self.worker = None;
    }

    /// The future that is polled panicked.
    pub fn panicked(&mut self) {
        self.poll_ended = Some(PollEnd::Panicked);
    }

    /// The last event, a move of the clock, overtook `front`.
    pub fn overtook(&mut self, front: Key) {
        let front = self.index(front);
        let last = self.tail.back_mut().or(self.trace.events.last_mut());
        if let Some(Event { what: What::TimeMoved { before, .. }, .. }) = last {
            *before = front;
        }
    }

    /// Blocking calls are told in other words, now that they are known: who, the call as it was written, and the words; in
    /// none, if it is none of its own. In the order in which they were written.
    pub fn tell_blocking(&mut self, told: &[(Key, String, Option<String>)]) {
        let mut told: Vec<_> = told.iter().map(|(who, call, words)| (self.index(*who), call, words)).collect();
        let mut keep = |event: &mut Event| {
            let What::Blocked { by, call } = &mut event.what else { return true };
            let Some(place) = told.iter().position(|(who, known, _)| who == by && *known == call) else { return true };
            let words = told[place].2;
            told.drain(..=place);
            words.as_ref().inspect(|words| call.clone_from(words)).is_some()
        };
        self.trace.events.retain_mut(&mut keep);
        self.tail.retain_mut(&mut keep);
    }

    pub fn deviation(&mut self, deviation: Deviation) {
        self.trace.deviations.push(deviation);
    }

    pub fn operation(&mut self, who: Key, step: u32, operation: Operation) {
        self.trace.operations.push((who, step, operation));
    }

    /// The task `key` becomes ready in this step.
    pub fn readied(&mut self, key: Key) {
        // As far as all events are kept.
        if self.left_out == 0 && !self.closing {
            self.trace.readied.push((key, self.step));
        }
    }

    /// Whether it is asked for where the task `key` awaits in the poll that goes on.
    pub fn wants_await(&self, key: Key) -> bool {
        let poll = |index| self.trace.actors.get(index as usize).map(|actor: &Actor| actor.polls.wrapping_sub(1));
        if self.step >= self.late_from {
            return true;
        }
        !self.wanted.is_empty() && self.index(key).and_then(poll).is_some_and(|poll| self.wanted.contains(&(key, poll)))
    }

    /// The task `key` awaits something, with `stack`: what it does last is what it awaits.
    pub fn awaits(&mut self, key: Key, stack: Vec<usize>) {
        let poll = self.index(key).map_or(0, |index| self.trace.actors[index as usize].polls.wrapping_sub(1));
        let is_asked_for = |of: u32| self.wanted.contains(&(key, of));
        self.trace.awaits.retain(|&(who, of, _)| who != key || of != poll && is_asked_for(of));
        self.trace.awaits.push((key, poll, stack));
    }

    /// What there is of the trace so far: its beginning, the events behind it, and how many were left out in between.
    pub fn so_far(&self) -> (&Trace, impl ExactSizeIterator<Item = &Event>, u64) {
        (&self.trace, self.tail.iter(), self.left_out)
    }

    pub fn finish(mut self) -> Trace {
        if self.left_out > 0 {
            self.trace.gap = Some((self.trace.events.len(), self.left_out));
        }
        self.trace.events.extend(self.tail);
        self.trace
    }
}
