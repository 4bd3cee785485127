//! The critical pair: the schedule beside the failing one, and where those await that must not be swapped.

use super::play;
use crate::deviation::Deviation;
use crate::finding::FindingKind;
use crate::id::Key;
use crate::isolation;
use crate::place::InShort;
use crate::run::{Lab, RunResult};
use crate::schedule::{Player, StrategyKind};
use crate::seed::Seed;
use crate::stacks;
use crate::trace::{Actor, ActorKind, Source, Trace};
use std::fmt;

/// The one deviation that decides: without it the same schedule ends otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Critical {
    pub deviation: Deviation,
    /// The others, which do not fail without it.
    pub rest: Vec<Deviation>,
    /// Whether the run with the rest alone found nothing at all.
    pub passes: bool,
}

/// The last deviation without which it does not end that way; one whose rest passes goes before one whose rest fails in
/// another way.
pub(super) fn critical(
    lab: &mut Lab<'_>,
    seed: Seed,
    kept: &[Deviation],
    same: impl Fn(&RunResult) -> bool,
) -> Option<Critical> {
    let mut found: Option<Critical> = None;
    for place in (0..kept.len()).rev().take(8) {
        if lab.has_taken_all() {
            break;
        }
        let rest = [&kept[..place], &kept[place + 1..]].concat();
        let run = play(lab, seed, &rest, false);
        let passes = run.ended.finding.is_none();
        if same(&run) || kept[place].before == Key::CHOICE || !passes && found.is_some() {
            continue;
        }
        found = Some(Critical { deviation: kept[place], rest, passes });
        if passes {
            break;
        }
    }
    found
}

/// Where a task awaits what it needs for a step, one of the two that must not be swapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwaitSite {
    task: String,
    place: Option<String>,
    what: Option<String>,
    woken_by: Option<String>,
    begins: bool,
}

impl AwaitSite {
    /// The task's name.
    pub fn task(&self) -> &str {
        &self.task
    }

    /// Where it awaits, as `file:line` of the user's own code; of a task that is to take its first step where it was
    /// spawned. `None` where nobody knows: of a thread, or without debug information.
    pub fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }

    /// What it awaits there, if that is of another crate: `async_lock::mutex::Lock`.
    pub fn what(&self) -> Option<&str> {
        self.what.as_deref()
    }

    /// Who made it ready for the step.
    pub fn woken_by(&self) -> Option<&str> {
        self.woken_by.as_deref()
    }
}

impl fmt::Display for AwaitSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.begins, &self.place) {
            (true, Some(place)) => write!(f, "{} begins, spawned at {place}", self.task)?,
            (true, None) => write!(f, "{} begins", self.task)?,
            (false, Some(place)) => write!(f, "{} awaits at {place}", self.task)?,
            (false, None) => write!(f, "{} awaits at a place that is not known", self.task)?,
        }
        self.what.iter().try_for_each(|what| write!(f, " ({what})"))?;
        match self.woken_by() {
            Some(by) if by == self.task => f.write_str(", woken by itself"),
            Some(by) => write!(f, ", woken by {by}"),
            None => Ok(()),
        }
    }
}

/// Where the two of `critical` await, by one more run.
pub(super) fn awaits_of(
    lab: &mut Lab<'_>,
    seed: Seed,
    kept: &[Deviation],
    critical: Deviation,
) -> Option<[AwaitSite; 2]> {
    let Deviation { who, step, before, before_step } = critical;
    if who == Key::CLOCK || critical.chosen().is_some() {
        return None;
    }
    let sides = [(who, step), (before, before_step)];
    // It awaits since the poll before.
    let awaits = sides.iter().filter(|(_, step)| *step > 0).map(|&(who, step)| (who, step - 1)).collect();
    let trace = play_and_look(lab, seed, kept, awaits).ended.trace?;
    Some(sides.map(|(who, step)| site(&trace, who, step)))
}

/// Of how many tasks that wait for ever it is told where.
const MOST_WAITING: usize = 24;

/// Adds to what is told of each task that never goes on where it awaits, by one more run.
pub(super) fn tell_awaits(lab: &mut Lab<'_>, kept: &[Deviation], run: &mut RunResult) {
    let waiting = waiting(run);
    // A run that is given up is looked at before its end.
    let seen = run.ended.trace.take();
    add_awaits(run, seen.as_ref());
    let is_seen = |who: Key| seen.as_ref().is_some_and(|trace| trace.awaits.iter().any(|(key, ..)| *key == who));
    let waiting: Vec<_> = waiting.into_iter().filter(|(who, _)| !is_seen(*who)).collect();
    run.ended.trace = seen;
    if !waiting.is_empty() {
        let again = play_and_look(lab, run.seed, kept, waiting).ended.trace;
        add_awaits(run, again.as_ref());
    }
}

/// A run in which it is looked where these await in these polls of theirs.
pub(super) fn play_and_look(lab: &mut Lab<'_>, seed: Seed, kept: &[Deviation], awaits: Vec<(Key, u32)>) -> RunResult {
    lab.run(seed, &Player { awaits, ..Player::plain(StrategyKind::Replay(kept.to_vec())) }, true)
}

/// The tasks that a run's finding tells of as never going on, and the last poll of each.
pub(super) fn waiting(run: &RunResult) -> Vec<(Key, u32)> {
    let (Some(finding), Some(trace)) = (&run.ended.finding, &run.ended.trace) else { return Vec::new() };
    if !matches!(finding.kind, FindingKind::Deadlock | FindingKind::Livelock | FindingKind::Pending) {
        return Vec::new();
    }
    let is_told = |name: &str, text: &str| text.lines().any(|line| is_about(line, name));
    let waits = |actor: &&Actor| {
        let is_task = matches!(actor.kind, ActorKind::Scenario | ActorKind::Task);
        is_task && actor.polls > 0 && finding.details.iter().any(|text| is_told(&actor.name, text))
    };
    trace.actors.iter().filter(waits).take(MOST_WAITING).map(|actor| (actor.key, actor.polls - 1)).collect()
}

/// Adds to what the finding of `run` tells of each of these tasks where it awaits, as it was seen in a run that is the same.
pub(super) fn add_awaits(run: &mut RunResult, seen: Option<&Trace>) {
    let (Some(finding), Some(seen)) = (&mut run.ended.finding, seen) else { return };
    let mut waits_for_smol = false;
    let told: Vec<(String, String)> = seen
        .awaits
        .iter()
        .filter_map(|(who, _, stack)| {
            let (place, what) = stacks::awaiting(&stacks::resolve(stack));
            waits_for_smol |= what.as_deref().is_some_and(isolation::is_of_smol);
            let what = what.map_or(String::new(), |what| format!(" ({what})"));
            Some((seen.name_of(*who), format!("    awaits at {}{what}", place?)))
        })
        .collect();
    for text in &mut finding.details {
        let with_awaits = text.lines().flat_map(|line| {
            let await_site = told.iter().find(|(name, _)| is_about(line, name)).map(|(_, told)| told.as_str());
            std::iter::once(line).chain(await_site)
        });
        *text = with_awaits.collect::<Vec<_>>().join("\n");
    }
    let hint = finding.hint.as_deref().unwrap_or_default();
    if waits_for_smol && !hint.starts_with(isolation::SMOL) {
        let or = if hint.is_empty() { "" } else { "; or " };
        finding.hint = Some(format!("{}{or}{hint}", isolation::SMOL));
    }
}

/// Whether a line of a finding tells of the task of this name.
fn is_about(line: &str, name: &str) -> bool {
    line.trim_start().strip_prefix(name).is_some_and(|rest| rest.starts_with(" (spawned at "))
}

fn site(trace: &Trace, who: Key, step: u32) -> AwaitSite {
    let woken_by = match trace.woken_by(who, step) {
        Some(Source::Actor(actor)) => Some(trace.actors[actor as usize].name.clone()),
        Some(Source::Clock) => Some("the clock".into()),
        Some(Source::Outside) => Some("a thread outside the run".into()),
        Some(Source::Spawn) | None => None,
    };
    let task = trace.name_of(who);
    if step == 0 {
        let actor = trace.actors.iter().find(|actor| actor.key == who);
        let place = actor.map(|actor| format!("{}:{}", InShort(actor.spawned_at.file()), actor.spawned_at.line()));
        return AwaitSite { task, place, what: None, woken_by: None, begins: true };
    }
    let stack = trace.awaits.iter().find(|(key, poll, _)| (*key, poll + 1) == (who, step));
    let (place, what) = stack.map_or((None, None), |(_, _, stack)| stacks::awaiting(&stacks::resolve(stack)));
    AwaitSite { task, place, what, woken_by, begins: false }
}
