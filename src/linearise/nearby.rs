//! The stories near to one, and the cheapest schedule of each.

use super::change::{Change, StepName};
use super::{NOBODY, Order, State, Story};
use crate::deviation::Deviation;
use crate::hash::HashMap;
use std::collections::VecDeque;

/// Stories that differ from one in a few orders that are turned round in one place, or in steps that are left out in one.
///
/// All of them are looked for at once, in a graph of [states](State) in layers. In the first nothing is changed yet. From any
/// state there a step may be taken before one that it ought to follow, which leads to a layer for what is turned round by
/// that, until all these have been taken; or steps of a task may be passed over. All that ends in the last layer, in which
/// nothing more is changed. So what is before a change and what is behind it is looked at once, for all changes: forwards by
/// the fewest deviations to each state (Dijkstra, with costs of 0 and 1), and backwards by the fewest from it to the end.
pub(crate) struct Nearby<'s> {
    story: &'s Story,
    order: Order,
    names: Vec<StepName>,
    /// The steps that each step follows and races with.
    races: Vec<Vec<usize>>,
    nodes: Vec<Node>,
    /// The nodes by state and layer.
    places: HashMap<(State, u32), u32>,
    /// What each layer from [`FIRST_SET`] on turns round: the first step, and the one that is taken before it.
    sets: Vec<Set>,
    layers: HashMap<Set, u32>,
    /// How likely each of them is to end as the story does.
    likely: Vec<f64>,
}

type Set = Vec<(usize, usize)>;

/// Another story.
pub(crate) struct Variant {
    pub changes: Vec<Change>,
    /// How many deviations it takes.
    pub cost: usize,
    /// A node on the way in which the change has been begun; if steps are left out, the last before that, and the one behind.
    at: u32,
    then: Option<u32>,
}

struct Node {
    state: State,
    layer: u32,
    /// The fewest deviations to it, the node before it on that way, and who takes a step there: nobody if steps are left out.
    cost: usize,
    before: u32,
    task: u8,
    is_over: bool,
    /// The fewest deviations from it to the end without another change, the next node on that way, and who takes a step.
    rest: usize,
    next: u32,
    next_task: u8,
}

const UNCHANGED: u32 = 0;
const CHANGED: u32 = 1;
const FIRST_SET: u32 = 2;
const NO_NODE: u32 = u32::MAX;

/// Steps of a task that may be left out, from one of its own to before another.
struct Round {
    task: usize,
    from: u8,
    to: u8,
    changes: Vec<Change>,
}

struct Edge {
    from: u32,
    to: u32,
    costs: usize,
    task: u8,
}

impl Story {
    /// The stories near to this one that take at most `most` deviations and are no less likely than `least` to end as it
    /// does, if each change to one leaves its end as it is with the probability that `harmless` says, whatever else changes.
    /// Each state that is looked at is taken from `work`; with too little of that there are none.
    pub fn nearby(
        &self,
        most: usize,
        least: f64,
        harmless: &mut impl FnMut(Change) -> f64,
        work: &mut usize,
    ) -> (Nearby<'_>, Vec<Variant>) {
        let mut nearby = Nearby {
            story: self,
            order: self.order(),
            names: (0..self.taken).map(|step| self.name(step)).collect(),
            races: (0..self.taken).map(|then| (0..then).filter(|&first| self.race(first, then)).collect()).collect(),
            nodes: Vec::new(),
            places: HashMap::default(),
            sets: Vec::new(),
            layers: HashMap::default(),
            likely: Vec::new(),
        };
        let variants = nearby.explore(most, least, harmless, work).unwrap_or_default();
        (nearby, variants)
    }
}

impl Nearby<'_> {
    fn explore(
        &mut self,
        most: usize,
        least: f64,
        harmless: &mut impl FnMut(Change) -> f64,
        work: &mut usize,
    ) -> Option<Vec<Variant>> {
        let story = self.story;
        let rounds = self.rounds(least, harmless);
        let mut edges: Vec<Edge> = Vec::new();
        // A round, the node before it is passed over, and the one behind.
        let mut passed: Vec<(usize, u32, u32)> = Vec::new();
        let mut ends: Vec<u32> = Vec::new();
        let start = self.reach(story.start(), UNCHANGED, (0, NO_NODE, NOBODY));
        let mut queue: VecDeque<u32> = VecDeque::from([start]);
        while let Some(at) = queue.pop_front() {
            let node = &mut self.nodes[at as usize];
            let (state, layer, cost) = (node.state, node.layer, node.cost);
            if std::mem::replace(&mut node.is_over, true) {
                continue;
            }
            if story.is_over(&state, &self.order) {
                ends.push(at);
                continue;
            }
            *work = work.checked_sub(1)?;
            for place in 0..state.count as usize {
                let task = state.ready[place];
                let costs = usize::from(place > 0 && state.runs_early != task);
                if cost + costs > most {
                    continue;
                }
                let Some(within) = self.layer_of_step(&state, place, layer, least, harmless) else { continue };
                let next = story.after(&state, place, &self.order);
                let to = if self.has_taken_all_of(within, &next) { CHANGED } else { within };
                let reached = self.reach(next, to, (cost + costs, at, task));
                if layer != UNCHANGED && within == layer {
                    edges.push(Edge { from: at, to: reached, costs, task });
                }
                if self.is_next(reached, cost + costs) {
                    if costs == 0 { queue.push_front(reached) } else { queue.push_back(reached) }
                }
            }
            for (number, round) in rounds.iter().enumerate().filter(|_| layer == UNCHANGED) {
                if state.done[round.task] == round.from && state.is_ready(round.task) {
                    let next = story.passing_over(&state, round.task, round.to, &self.order);
                    let reached = self.reach(next, CHANGED, (cost, at, NOBODY));
                    passed.push((number, at, reached));
                    if self.is_next(reached, cost) {
                        queue.push_front(reached);
                    }
                }
            }
        }
        self.measure_rest(&ends, &edges);
        Some(self.variants(most, &rounds, &passed))
    }

    /// The layer in which who is at that place may take a step; `None` if nobody may.
    fn layer_of_step(
        &mut self,
        state: &State,
        place: usize,
        layer: u32,
        least: f64,
        harmless: &mut impl FnMut(Change) -> f64,
    ) -> Option<u32> {
        let story = self.story;
        if story.may_run(state, place, &self.order, true) {
            return Some(layer);
        }
        let task = state.ready[place] as usize;
        if layer == CHANGED || state.done[task] >= self.order.taken[task] {
            return None;
        }
        let then = self.order.by_task[task][state.done[task] as usize];
        if story.steps[then].is_late {
            return None;
        }
        let is_to_come = |first: &usize| state.done[story.steps[*first].task] <= self.order.own[*first];
        let overtaken = self.races[then].iter().filter(|first| is_to_come(first));
        let mut set: Set = overtaken.map(|&first| (first, then)).collect();
        if layer >= FIRST_SET {
            set.extend(&self.sets[(layer - FIRST_SET) as usize]);
        }
        set.sort_unstable();
        let (count, names) = (self.sets.len() as u32, &self.names);
        let number = *self.layers.entry(set).or_insert_with_key(|set| {
            let turned = |&(first, then): &(usize, usize)| Change::Turned(names[first], names[then]);
            self.likely.push(set.iter().map(|pair| harmless(turned(pair))).product());
            self.sets.push(set.clone());
            count
        });
        (self.likely[number as usize] >= least).then_some(FIRST_SET + number)
    }

    fn turned(&self, &(first, then): &(usize, usize)) -> Change {
        Change::Turned(self.names[first], self.names[then])
    }

    /// Whether all that was overtaken in this layer has been taken.
    fn has_taken_all_of(&self, layer: u32, state: &State) -> bool {
        let is_taken = |&(first, _): &(usize, usize)| state.done[self.story.steps[first].task] > self.order.own[first];
        layer >= FIRST_SET && self.sets[(layer - FIRST_SET) as usize].iter().all(is_taken)
    }

    /// The node of a state that may be come to in this way.
    fn reach(&mut self, state: State, layer: u32, (cost, before, task): (usize, u32, u8)) -> u32 {
        let count = self.nodes.len() as u32;
        let place = *self.places.entry((state, layer)).or_insert(count);
        if place == count {
            let (rest, next, next_task) = (usize::MAX, NO_NODE, NOBODY);
            self.nodes.push(Node { state, layer, cost, before, task, is_over: false, rest, next, next_task });
        }
        let node = &mut self.nodes[place as usize];
        if cost < node.cost {
            (node.cost, node.before, node.task) = (cost, before, task);
        }
        place
    }

    /// Whether a node is still to be looked at, and this is what it costs.
    fn is_next(&self, place: u32, cost: usize) -> bool {
        let node = &self.nodes[place as usize];
        !node.is_over && node.cost == cost
    }

    fn rounds(&self, least: f64, harmless: &mut impl FnMut(Change) -> f64) -> Vec<Round> {
        let mut rounds = Vec::new();
        for steps in self.story.rounds() {
            let changes: Vec<Change> = steps.iter().map(|&step| Change::LeftOut(self.names[step])).collect();
            if changes.iter().map(|&change| harmless(change)).product::<f64>() >= least {
                let (from, last) = (steps[0], steps[steps.len() - 1]);
                let task = self.story.steps[from].task;
                rounds.push(Round { task, from: self.order.own[from], to: self.order.own[last] + 1, changes });
            }
        }
        rounds
    }

    /// From the ends backwards.
    fn measure_rest(&mut self, ends: &[u32], edges: &[Edge]) {
        let mut into: Vec<Vec<&Edge>> = vec![Vec::new(); self.nodes.len()];
        edges.iter().for_each(|edge| into[edge.to as usize].push(edge));
        ends.iter().for_each(|&end| self.nodes[end as usize].rest = 0);
        let mut queue: VecDeque<(usize, u32)> = ends.iter().map(|&end| (0, end)).collect();
        while let Some((rest, at)) = queue.pop_front() {
            if self.nodes[at as usize].rest < rest {
                continue;
            }
            for edge in &into[at as usize] {
                let from = &mut self.nodes[edge.from as usize];
                if rest + edge.costs < from.rest {
                    (from.rest, from.next, from.next_task) = (rest + edge.costs, at, edge.task);
                    let entry = (from.rest, edge.from);
                    if edge.costs == 0 { queue.push_front(entry) } else { queue.push_back(entry) }
                }
            }
        }
    }

    /// The cheapest way of each set of orders, and of each round.
    fn variants(&self, most: usize, rounds: &[Round], passed: &[(usize, u32, u32)]) -> Vec<Variant> {
        let mut of_sets: Vec<Option<Variant>> = Vec::new();
        of_sets.resize_with(self.sets.len(), || None);
        for (at, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.layer >= FIRST_SET) {
            let cost = node.cost.saturating_add(node.rest);
            let set = (node.layer - FIRST_SET) as usize;
            if of_sets[set].as_ref().map_or(cost <= most, |best| cost < best.cost) {
                let changes = self.sets[set].iter().map(|pair| self.turned(pair)).collect();
                of_sets[set] = Some(Variant { changes, cost, at: at as u32, then: None });
            }
        }
        let mut of_rounds: Vec<Option<Variant>> = Vec::new();
        of_rounds.resize_with(rounds.len(), || None);
        for &(round, at, then) in passed {
            let cost = self.nodes[at as usize].cost.saturating_add(self.nodes[then as usize].rest);
            if of_rounds[round].as_ref().map_or(cost <= most, |best| cost < best.cost) {
                let changes = rounds[round].changes.clone();
                of_rounds[round] = Some(Variant { changes, cost, at, then: Some(then) });
            }
        }
        of_sets.into_iter().chain(of_rounds).flatten().collect()
    }

    /// The deviations of the cheapest schedule that tells it so.
    pub fn schedule(&self, variant: &Variant) -> Vec<Deviation> {
        let mut path = Vec::new();
        let mut at = variant.at as usize;
        while self.nodes[at].before != NO_NODE {
            let Node { before, task, state, .. } = &self.nodes[at];
            at = *before as usize;
            path.push((self.nodes[at].state, *task as usize, state.runs_early));
        }
        path.reverse();
        at = variant.then.unwrap_or(variant.at) as usize;
        while self.nodes[at].next != NO_NODE {
            let Node { next, next_task, state, .. } = &self.nodes[at];
            at = *next as usize;
            path.push((*state, *next_task as usize, self.nodes[at].state.runs_early));
        }
        self.story.deviations(path)
    }
}
