//! The cheapest schedule that keeps to the order of a run.
//!
//! Of a run only the order of steps that touch the same thing matters, and of those only what leads to its end: all orders
//! of its steps in which these come as they did are one trace in the sense of Mazurkiewicz, and end alike. So a shorter
//! schedule may be looked for without a rerun (static trace simplification: Huang, Zhang: *An Efficient Static Trace
//! Simplification Technique for Debugging Concurrent Programs*, SAS 2011, who count context switches where
//! [deviations](Deviation) from plain order are counted here). What it is worth a rerun has to say: what steps touch is
//! known only as far as it was announced or can be guessed.

mod change;
mod nearby;

use crate::deviation::Deviation;
use crate::hash::{HashMap, HashSet};
use crate::id::Key;
use crate::operation::Operation;
use crate::trace::{PollEnd, Source, Trace, What};
use std::collections::VecDeque;

pub(crate) use change::Change;
pub(crate) use nearby::Variant;

/// The most tasks, and steps of them all, of a run that is looked at.
const MOST_TASKS: usize = 16;
const MOST_STEPS: usize = 250;

/// So many states are looked at in search of one schedule.
const MOST_STATES: usize = 30_000;

/// A run as its steps and what each had to wait for.
#[derive(Clone)]
pub(crate) struct Story {
    tasks: Vec<Key>,
    /// In the order in which they were taken. Behind them those that were ready at the end and not taken.
    steps: Vec<Step>,
    taken: usize,
    /// It ends in its last step, whatever else was done; otherwise in all of them.
    ends_in_last: bool,
}

#[derive(Clone, Debug)]
struct Step {
    task: usize,
    operation: Option<Operation>,
    /// The step that made it ready; `None` of the first of all.
    cause: Option<usize>,
    /// Its place among all who became ready.
    since: usize,
    /// The clock made it ready, or somebody outside: all that came before has to.
    is_late: bool,
}

/// How far each task is, who is ready since when, and who runs although another is the oldest.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct State {
    done: [u8; MOST_TASKS],
    /// Tasks, the oldest first.
    ready: [u8; MOST_TASKS],
    count: u8,
    runs_early: u8,
}

const NOBODY: u8 = u8::MAX;

/// The steps of a story by task, and what has to come before each.
struct Order {
    /// Places in [`Story::steps`], those that were ready and not taken among them.
    by_task: Vec<Vec<usize>>,
    /// How many of each task's that are: without those.
    taken: Vec<u8>,
    /// Which of its task's steps each is.
    own: Vec<u8>,
    /// How many steps of each task come before it.
    needs: Vec<[u8; MOST_TASKS]>,
    /// Whom each step makes ready, in their order.
    wakes: Vec<Vec<usize>>,
}

impl Story {
    /// The story of a run; `None` of one that is too long, or of which not all is known.
    pub fn of(run: &Trace) -> Option<Story> {
        if run.gap.is_some() || run.events.len() > 20 * MOST_STEPS {
            return None;
        }
        let polls = || {
            run.events.iter().filter_map(|event| match event.what {
                What::Polled { actor, woken, end, .. } => Some((event.step, actor, woken, end)),
                _ => None,
            })
        };
        let mut tasks: Vec<Key> = Vec::new();
        let mut number = |key: Key| {
            let known = tasks.iter().position(|task| *task == key);
            known.unwrap_or_else(|| {
                tasks.push(key);
                tasks.len() - 1
            })
        };
        let operations: HashMap<(Key, u32), Operation> =
            run.operations.iter().map(|&(who, step, operation)| ((who, step), operation)).collect();
        // Which step made each step ready, by task and its own steps.
        let mut causes: HashMap<(Key, u32), (u64, usize)> = HashMap::default();
        let mut times: HashMap<Key, u32> = HashMap::default();
        let mut ready = Vec::new();
        for (since, &(key, step)) in run.readied.iter().enumerate() {
            let own = times.entry(key).or_default();
            causes.insert((key, *own), (step, since));
            ready.push((key, *own));
            *own += 1;
        }
        let mut places: HashMap<u64, usize> = HashMap::default();
        let mut counts: HashMap<Key, u32> = HashMap::default();
        let mut steps = Vec::new();
        let mut ends_in_last = false;
        for (step, actor, woken, end) in polls() {
            let key = run.actors.get(actor as usize)?.key;
            let own = counts.entry(key).or_default();
            let is_late = matches!(woken, Some(Source::Clock | Source::Outside));
            let &(by, since) = causes.get(&(key, *own))?;
            let cause = if is_late { steps.len().checked_sub(1) } else { places.get(&by).copied() };
            let operation = operations.get(&(key, *own)).copied();
            places.insert(step, steps.len());
            steps.push(Step { task: number(key), operation, cause, since, is_late });
            *own += 1;
            ends_in_last = end == PollEnd::Panicked;
        }
        let taken = steps.len();
        for (since, (key, own)) in ready.into_iter().enumerate() {
            if counts.get(&key).copied().unwrap_or(0) == own {
                let cause = places.get(&causes.get(&(key, own))?.0).copied();
                steps.push(Step { task: number(key), operation: None, cause, since, is_late: false });
            }
        }
        let fits = tasks.len() <= MOST_TASKS && (1..=MOST_STEPS).contains(&taken);
        fits.then_some(Story { tasks, steps, taken, ends_in_last })
    }

    fn race(&self, one: usize, other: usize) -> bool {
        let (one, other) = (&self.steps[one], &self.steps[other]);
        let races = |one: Operation, other: Operation| one.races_with(&other);
        one.task != other.task && one.operation.zip(other.operation).is_some_and(|(one, other)| races(one, other))
    }

    fn order(&self) -> Order {
        let count = self.steps.len();
        let tasks = self.tasks.len();
        let mut order = Order {
            by_task: vec![Vec::new(); tasks],
            taken: vec![0; tasks],
            own: vec![0; count],
            needs: vec![[0; MOST_TASKS]; count],
            wakes: vec![Vec::new(); count],
        };
        for (place, step) in self.steps.iter().enumerate() {
            order.own[place] = order.by_task[step.task].len() as u8;
            order.by_task[step.task].push(place);
            order.taken[step.task] += u8::from(place < self.taken);
            for before in 0..place.min(self.taken) {
                if step.is_late || self.race(before, place) {
                    let needs = &mut order.needs[place][self.steps[before].task];
                    *needs = order.own[before] + 1;
                }
            }
            if let Some(cause) = step.cause {
                order.wakes[cause].push(place);
            }
        }
        order.wakes.iter_mut().for_each(|woken| woken.sort_by_key(|&step| self.steps[step].since));
        order
    }

    /// The deviations, fewer than `fewer_than`, of the cheapest schedule that takes the steps of the story in an order
    /// which is the same where it matters; `None` if there is none, or it is too hard to find. With `goes_on` those who were
    /// ready and did nothing more may go on, whatever it is that they do. Each state that is looked at is taken from `work`.
    ///
    /// Breadth first by deviations: a step of the oldest costs nothing, nor does one more of a task that runs early.
    pub fn cheapest(&self, goes_on: bool, fewer_than: usize, work: &mut usize) -> Option<Vec<Deviation>> {
        let order = self.order();
        let start = self.start();
        // Each state that was met, with the one before it and who took a step there.
        let mut met: Vec<(State, usize, usize)> = vec![(start, 0, 0)];
        let mut best: HashMap<State, usize> = HashMap::default();
        let mut over: HashSet<State> = HashSet::default();
        best.insert(start, 0);
        let mut queue: VecDeque<(usize, usize)> = VecDeque::from([(0, 0)]);
        while let Some((cost, at)) = queue.pop_front() {
            let state = met[at].0;
            if !over.insert(state) {
                continue;
            }
            if self.is_over(&state, &order) {
                return Some(self.deviations(way(&met, at)));
            }
            if over.len() > MOST_STATES || *work == 0 {
                return None;
            }
            *work -= 1;
            for place in 0..state.count as usize {
                let task = state.ready[place] as usize;
                let costs = usize::from(place > 0 && state.runs_early != task as u8);
                if cost + costs >= fewer_than || !self.may_run(&state, place, &order, goes_on) {
                    continue;
                }
                let next = self.after(&state, place, &order);
                if best.get(&next).is_some_and(|&known| known <= cost + costs) {
                    continue;
                }
                best.insert(next, cost + costs);
                met.push((next, at, task));
                let entry = (cost + costs, met.len() - 1);
                if costs == 0 { queue.push_front(entry) } else { queue.push_back(entry) }
            }
        }
        None
    }

    /// Nobody has taken a step.
    fn start(&self) -> State {
        let mut start = State { done: [0; MOST_TASKS], ready: [NOBODY; MOST_TASKS], count: 0, runs_early: NOBODY };
        let mut first: Vec<&Step> = self.steps.iter().filter(|step| step.cause.is_none()).collect();
        first.sort_by_key(|step| step.since);
        first.iter().for_each(|step| start.push(step.task));
        start
    }

    fn is_over(&self, state: &State, order: &Order) -> bool {
        let is_done = |task: usize| state.done[task] >= order.taken[task];
        match self.ends_in_last {
            true => is_done(self.steps[self.taken - 1].task),
            false => (0..self.tasks.len()).all(is_done),
        }
    }

    fn may_run(&self, state: &State, place: usize, order: &Order, goes_on: bool) -> bool {
        let task = state.ready[place] as usize;
        if state.done[task] >= order.taken[task] {
            return goes_on && place == 0;
        }
        let needs = &order.needs[order.by_task[task][state.done[task] as usize]];
        (0..self.tasks.len()).all(|other| other == task || state.done[other] >= needs[other])
    }

    fn after(&self, state: &State, place: usize, order: &Order) -> State {
        let mut next = *state;
        let task = next.take(place);
        next.runs_early = if place > 0 { task as u8 } else { NOBODY };
        if state.done[task] >= order.taken[task] {
            // Nobody knows what it does; it goes on giving way.
            next.push(task);
            return next;
        }
        let step = order.by_task[task][state.done[task] as usize];
        next.done[task] += 1;
        for &woken in &order.wakes[step] {
            let who = self.steps[woken].task;
            if next.done[who] == order.own[woken] {
                next.push(who);
            }
        }
        // What it waits for may be there already.
        if let Some(&then) = order.by_task[task].get(next.done[task] as usize)
            && let Some(cause) = self.steps[then].cause.filter(|&cause| cause != step)
            && next.done[self.steps[cause].task] > order.own[cause]
        {
            next.push(task);
        }
        next
    }

    /// The state in which a task that is ready is to take a later step of its own next.
    fn passing_over(&self, state: &State, task: usize, to: u8, order: &Order) -> State {
        let mut next = *state;
        for own in state.done[task]..to {
            next.done[task] += 1;
            for &woken in &order.wakes[order.by_task[task][own as usize]] {
                let who = self.steps[woken].task;
                if who != task && next.done[who] == order.own[woken] {
                    next.push(who);
                }
            }
        }
        next
    }

    /// The deviations of a way through states: each of them, who takes a step there, and who runs early then.
    fn deviations(&self, path: Vec<(State, usize, u8)>) -> Vec<Deviation> {
        let mut taken = [0; MOST_TASKS];
        let mut found: Vec<Deviation> = Vec::new();
        for (from, task, runs_early) in path {
            if runs_early != NOBODY {
                let front = from.ready[0] as usize;
                let (who, before) = (self.tasks[task], self.tasks[front]);
                let deviation = Deviation { who, step: taken[task], before, before_step: taken[front] };
                if from.runs_early == task as u8 {
                    found.pop();
                }
                found.push(deviation);
            }
            taken[task] += 1;
        }
        found
    }
}

/// The way to the state in that place: each before it, who takes a step there, and who runs early then.
fn way(met: &[(State, usize, usize)], mut at: usize) -> Vec<(State, usize, u8)> {
    let mut path = Vec::new();
    while at != 0 {
        let (state, before, task) = met[at];
        path.push((met[before].0, task, state.runs_early));
        at = before;
    }
    path.reverse();
    path
}

impl State {
    fn is_ready(&self, task: usize) -> bool {
        self.ready[..self.count as usize].contains(&(task as u8))
    }

    fn push(&mut self, task: usize) {
        // It stands there once, whatever was thought of what makes it ready.
        if !self.ready[..self.count as usize].contains(&(task as u8)) {
            self.ready[self.count as usize] = task as u8;
            self.count += 1;
        }
    }

    fn take(&mut self, place: usize) -> usize {
        let task = self.ready[place];
        self.ready.copy_within(place + 1.., place);
        self.ready[MOST_TASKS - 1] = NOBODY;
        self.count -= 1;
        task as usize
    }
}
