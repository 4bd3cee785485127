//! A failing run made short: the fewest deviations, the smallest choices, and the schedule beside it that passes.

mod relax;

use crate::deviation::Deviation;
use crate::finding::FindingKind;
use crate::id::Key;
use crate::isolation;
use crate::minimise::{minimise, minimise_from_behind, smallest};
use crate::place::InShort;
use crate::run::{Lab, RunResult};
use crate::schedule::{Player, Promotion, StrategyKind};
use crate::seed::Seed;
use crate::stacks;
use crate::trace::{Actor, ActorKind, Source, Trace};
use relax::relax;
use std::fmt;

/// The shortest run found that ends in the same way.
pub(crate) struct Shortened {
    pub run: RunResult,
    /// What is left of its deviations: the orders that matter. Played alone they make the run, which leaves plain order in
    /// more places if somebody has to be held back for long.
    pub deviations: Vec<Deviation>,
    /// How many reruns it took to find.
    pub reruns: usize,
    /// There might have been a shorter one, but reruns had taken as many steps as they may.
    pub is_cut: bool,
    pub critical: Option<Critical>,
    /// Where the two sides of the critical pair await.
    pub awaits: Option<[AwaitSite; 2]>,
}

/// The one deviation that decides: without it the same schedule ends otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Critical {
    pub deviation: Deviation,
    /// The others, which do not fail without it.
    pub rest: Vec<Deviation>,
    /// Whether the run with the rest alone found nothing at all.
    pub passes: bool,
}

/// So many steps may be taken by the reruns that minimise a failure: a livelock of a million steps that is tried two hundred
/// times would keep a build without optimisation busy for minutes. Steps and not seconds, so that what is told is the same
/// on every machine.
const MOST_STEPS: u64 = 2_000_000;

/// A run of so many steps takes long enough not to be made again without need.
pub(crate) const LONG: u64 = 100_000;

/// A rerun that takes so many times the steps of the failing run ends in another way.
const LONGER: u64 = 10;

/// And this often the steps of the failing run, if that is more: as many reruns say whether anything comes of it at all.
const FEWEST_RERUNS: u64 = 3;

/// Looks for the shortest schedule of `original`'s seed that is still the `same`, by at most `budget` reruns, and as long as
/// they take no more than [`MOST_STEPS`].
pub(crate) fn shorten(
    lab: &mut Lab<'_>,
    original: &RunResult,
    budget: usize,
    same: impl Fn(&RunResult) -> bool,
) -> Option<Shortened> {
    let trace = original.ended.trace.as_ref().filter(|_| budget > 0)?;
    let seed = original.seed;
    if trace.deviations.is_empty() {
        // There is nothing to leave out, and it is known of whom it is to be told where they await.
        let (mut run, reruns) = match original.ended.steps >= LONG {
            true => (original.clone(), 0),
            false => (play_and_look(lab, seed, &[], waiting(original)), 1),
        };
        if !same(&run) {
            return None;
        }
        let looked = run.ended.trace.take();
        add_awaits(&mut run, looked.as_ref());
        run.ended.trace = looked;
        let deviations = Vec::new();
        return Some(Shortened { run, deviations, reruns, is_cut: false, critical: None, awaits: None });
    }
    lab.allow(Some(MOST_STEPS.max(FEWEST_RERUNS * original.ended.steps)));
    // One that goes on for much longer than the failing run ends otherwise: somebody spins.
    let is_livelock = original.ended.finding.as_ref().is_some_and(|finding| finding.kind == FindingKind::Livelock);
    lab.allow_each((!is_livelock).then_some(LONGER * original.ended.steps + 1_000));
    let shortened = shorten_within(lab, original, &trace.deviations, budget, same);
    lab.allow_each(None);
    lab.allow(None);
    shortened
}

/// The same with at least one deviation, and within what the lab allows.
fn shorten_within(
    lab: &mut Lab<'_>,
    original: &RunResult,
    deviations: &[Deviation],
    budget: usize,
    same: impl Fn(&RunResult) -> bool,
) -> Option<Shortened> {
    let seed = original.seed;
    let minimised = minimised(lab, original, deviations, budget, &same);
    let is_cut = lab.has_taken_all();
    // What tells most is told in any case, the rest if it does not take long.
    lab.allow(None);
    let (mut kept, mut reruns) = minimised?;
    let mut run = play(lab, seed, &kept, true);
    if !same(&run) {
        return None;
    }
    if !fits(&run, &kept) {
        lab.allow(Some(MOST_STEPS));
        let left = budget.saturating_sub(reruns);
        if let Some((fitting, more)) = fitting(lab, &run, &kept, deviations, left, &same) {
            (kept, run) = (fitting, more.0);
            reruns += more.1;
        }
        lab.allow(None);
    }
    tell_awaits(lab, &kept, &mut run);
    lab.allow(Some(MOST_STEPS));
    let critical = critical(lab, seed, &kept, &same);
    let awaits = critical.as_ref().filter(|_| !lab.has_taken_all());
    let awaits = awaits.and_then(|critical| awaits_of(lab, seed, &kept, critical.deviation));
    lab.allow(None);
    Some(Shortened { run, deviations: kept, reruns, is_cut, critical, awaits })
}

/// So many orders are few: a schedule with more of them is looked for from its other end as well.
const FEW: usize = 4;

/// The deviations that are left, and how many reruns it took.
fn minimised(
    lab: &mut Lab<'_>,
    original: &RunResult,
    deviations: &[Deviation],
    budget: usize,
    same: impl Fn(&RunResult) -> bool,
) -> Option<(Vec<Deviation>, usize)> {
    let seed = original.seed;
    let mut reruns = 0;
    let mut fails = |kept: &[Deviation]| try_again(lab, &mut reruns, |lab| same(&play(lab, seed, kept, false)));
    let (mut kept, _) = minimise(deviations, budget, &mut fails)?;
    if kept.len() > FEW {
        let other = relaxed(lab, original, &mut reruns, budget, &same);
        kept = other.filter(|other| other.len() < kept.len()).unwrap_or(kept);
    }
    if kept.len() > FEW {
        let left = budget.saturating_sub(reruns);
        let fails = |kept: &[Deviation]| try_again(lab, &mut reruns, |lab| same(&play(lab, seed, kept, false)));
        let from_behind = minimise_from_behind(deviations, left, fails);
        kept = from_behind.map(|(other, _)| other).filter(|other| other.len() < kept.len()).unwrap_or(kept);
    }
    let left = budget.saturating_sub(reruns);
    let fails = |kept: &[Deviation]| try_again(lab, &mut reruns, |lab| same(&play(lab, seed, kept, false)));
    let (mut kept, _) = smallest(&kept, left, fails);
    reruns += promote(lab, seed, &mut kept, budget.saturating_sub(reruns), &same);
    reruns += with_fewer_tasks(lab, seed, &mut kept, budget.saturating_sub(reruns), &same);
    Some((kept, reruns))
}

/// Whether `run` has done all that it was to deviate in. (Of a trace with a gap nobody can say.)
fn fits(run: &RunResult, deviations: &[Deviation]) -> bool {
    let Some(trace) = &run.ended.trace else { return true };
    trace.gap.is_some() || deviations.iter().all(|deviation| trace.kept_to(deviation))
}

/// Deviations that `run`, which played `kept`, really makes. Where one step is to come before another, that one is held, and
/// goes on all the same when nobody else can: what was held back for so long may be why it fails, and yet the first step
/// never comes before it. Such a schedule would be taken for one of other code. What the run deviated in says what happened
/// instead: of that, in place of each that was not kept to, the last by which the same step was overtaken; or as few as are
/// needed; or else as few of the failing run's own (`all`). With them their run, and how many runs it took.
fn fitting(
    lab: &mut Lab<'_>,
    run: &RunResult,
    kept: &[Deviation],
    all: &[Deviation],
    budget: usize,
    same: impl Fn(&RunResult) -> bool,
) -> Option<(Vec<Deviation>, (RunResult, usize))> {
    let trace = run.ended.trace.as_ref()?;
    let mut reruns = 0;
    let mut keeps = |kept: &[Deviation]| {
        let plays =
            |lab: &mut Lab<'_>| Some(play(lab, run.seed, kept, true)).filter(|run| same(run) && fits(run, kept));
        let mut found = None;
        try_again(lab, &mut reruns, |lab| {
            found = plays(lab);
            found.is_some()
        });
        found
    };
    let mut instead: Vec<Deviation> = Vec::new();
    for deviation in kept {
        let overtakes = |d: &&Deviation| (d.before, d.before_step) == (deviation.before, deviation.before_step);
        let is_kept = trace.kept_to(deviation);
        let other = trace.deviations.iter().rev().find(overtakes).filter(|_| !is_kept).unwrap_or(deviation);
        if !instead.contains(other) {
            instead.push(*other);
        }
    }
    let found = keeps(&instead).map(|run| (instead, run)).or_else(|| {
        let own = Some(&trace.deviations[..]).filter(|own| own.len() <= all.len());
        own.into_iter().chain([all]).find_map(|deviations| {
            let (fewest, _) = minimise(deviations, (budget / 2).max(2), |kept| keeps(kept).is_some())?;
            let run = keeps(&fewest)?;
            Some((fewest, run))
        })
    });
    found.map(|(fewest, run)| (fewest, (run, reruns)))
}

/// Another schedule than leaving out comes to, in the story of which less matters.
fn relaxed(
    lab: &mut Lab<'_>,
    original: &RunResult,
    reruns: &mut usize,
    budget: usize,
    same: impl Fn(&RunResult) -> bool,
) -> Option<Vec<Deviation>> {
    let trace = original.ended.trace.as_ref()?;
    if !trace.deviations.iter().all(is_of_two_steps) {
        return None;
    }
    relax(trace, |deviations| {
        if *reruns >= budget || lab.has_taken_all() {
            return None;
        }
        *reruns += 1;
        let run = play(lab, original.seed, deviations, true);
        if same(&run) { run.ended.trace } else { None }
    })
}

/// Whether it says that one step comes before another, and not that time passes or what a task chooses.
fn is_of_two_steps(deviation: &Deviation) -> bool {
    deviation.chosen().is_none() && deviation.who != Key::CLOCK
}

/// One more rerun, as long as they have not taken all steps that they may.
fn try_again(lab: &mut Lab<'_>, reruns: &mut usize, fails: impl FnOnce(&mut Lab<'_>) -> bool) -> bool {
    if lab.has_taken_all() {
        return false;
    }
    *reruns += 1;
    fails(lab)
}

/// Looks for a schedule with fewer deviations than `kept` that is another one: what deviates is taken as soon as it can be,
/// one step or one task's steps alone, or two of them. Returns how many runs that took.
fn promote(
    lab: &mut Lab<'_>,
    seed: Seed,
    kept: &mut Vec<Deviation>,
    budget: usize,
    same: impl Fn(&RunResult) -> bool,
) -> usize {
    let mut spent = 0;
    let mut goes_on = kept.len() > 1 && kept.iter().all(is_of_two_steps);
    while goes_on {
        goes_on = false;
        for promotions in attempts(kept) {
            if spent + 1 >= budget || lab.has_taken_all() {
                return spent;
            }
            spent += 1;
            let run = lab.run(seed, &Player::promoting(promotions), true);
            let trace = run.ended.trace.as_ref().filter(|trace| same(&run) && trace.deviations.len() < 2 * kept.len());
            let Some(deviations) = trace.map(|trace| trace.deviations.clone()) else { continue };
            let left = budget - spent;
            let fails = |kept: &[Deviation]| try_again(lab, &mut spent, |lab| same(&play(lab, seed, kept, false)));
            let Some((fewer, _)) = minimise(&deviations, left, fails) else { continue };
            if fewer.len() < kept.len() {
                *kept = fewer;
                goes_on = kept.len() > 1;
                break;
            }
        }
    }
    spent
}

/// Looks for a schedule with no more deviations than `kept` in which fewer tasks take a step before it ends: what deviates,
/// or whoever it ends in, goes on as soon as it can, so that others have not begun. Returns how many runs that took.
fn with_fewer_tasks(
    lab: &mut Lab<'_>,
    seed: Seed,
    kept: &mut Vec<Deviation>,
    budget: usize,
    same: impl Fn(&RunResult) -> bool,
) -> usize {
    if kept.is_empty() || !kept.iter().all(is_of_two_steps) || budget < 2 || lab.has_taken_all() {
        return 0;
    }
    let first = play(lab, seed, kept, true);
    let mut spent = 1;
    let Some(trace) = first.ended.trace.as_ref().filter(|_| same(&first)) else { return spent };
    let mut fewest = trace.taking_part();
    // Two make a race, and the scenario waits for them.
    if fewest <= 3 {
        return spent;
    }
    let name = first.ended.finding.as_ref().and_then(|finding| finding.task.as_deref());
    let culprit = trace.actors.iter().find(|actor| Some(actor.name.as_str()) == name).map(|actor| actor.key);
    let mut wanted: Vec<Vec<Promotion>> = Vec::new();
    if let Some(who) = culprit {
        let whole = |who| Promotion { who, from: 0, to: u32::MAX };
        wanted.extend(kept.iter().filter(|d| d.who != who).map(|d| vec![whole(d.who), whole(who)]));
        wanted.push(vec![whole(who)]);
    }
    wanted.extend(attempts(kept));
    for promotions in wanted.into_iter().take(MOST_ATTEMPTS) {
        if spent + 2 >= budget || lab.has_taken_all() {
            break;
        }
        spent += 1;
        let run = lab.run(seed, &Player::promoting(promotions), true);
        let is_better = |run: &RunResult, fewest: usize| {
            same(run) && run.ended.trace.as_ref().is_some_and(|trace| trace.taking_part() < fewest)
        };
        if !is_better(&run, fewest) {
            continue;
        }
        let deviations = run.ended.trace.as_ref().map(|trace| trace.deviations.clone()).unwrap_or_default();
        // To leave one out may have others begin again.
        let left = budget - spent;
        let fails =
            |kept: &[Deviation]| try_again(lab, &mut spent, |lab| is_better(&play(lab, seed, kept, true), fewest));
        let Some((fewer, _)) = minimise(&deviations, left, fails) else { continue };
        if fewer.len() > kept.len() || spent >= budget {
            continue;
        }
        spent += 1;
        let run = play(lab, seed, &fewer, true);
        if is_better(&run, fewest) {
            fewest = run.ended.trace.map_or(fewest, |trace| trace.taking_part());
            *kept = fewer;
        }
    }
    spent
}

/// How many ways are tried to have fewer tasks take part.
const MOST_ATTEMPTS: usize = 12;

/// What to promote, the simplest first.
fn attempts(kept: &[Deviation]) -> Vec<Vec<Promotion>> {
    let mut steps: Vec<Promotion> = Vec::new();
    for deviation in kept.iter().take(12) {
        let Deviation { who, step, .. } = *deviation;
        for (from, to) in [(step, step), (step, u32::MAX), (step.saturating_sub(1), step), (0, step)] {
            let promotion = Promotion { who, from, to };
            if !steps.contains(&promotion) {
                steps.push(promotion);
            }
        }
    }
    let pairs = steps.iter().flat_map(|&one| steps.iter().map(move |&other| vec![one, other]));
    let pairs = pairs.filter(|pair| pair[0].who != pair[1].who || pair[0].to < pair[1].from);
    steps.iter().map(|&one| vec![one]).chain(pairs).collect()
}

fn play(lab: &mut Lab<'_>, seed: Seed, kept: &[Deviation], traced: bool) -> RunResult {
    lab.run(seed, &Player::plain(StrategyKind::Replay(kept.to_vec())), traced)
}

/// The last deviation without which it does not end that way; one whose rest passes goes before one whose rest fails in
/// another way.
fn critical(lab: &mut Lab<'_>, seed: Seed, kept: &[Deviation], same: impl Fn(&RunResult) -> bool) -> Option<Critical> {
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
fn awaits_of(lab: &mut Lab<'_>, seed: Seed, kept: &[Deviation], critical: Deviation) -> Option<[AwaitSite; 2]> {
    let Deviation { who, step, before, before_step } = critical;
    if who == Key::CLOCK || critical.chosen().is_some() {
        return None;
    }
    let sides = [(who, step), (before, before_step)];
    // It awaits since the poll before.
    let awaits = sides.iter().filter(|(_, step)| *step > 0).map(|&(who, step)| (who, step - 1)).collect();
    let player = Player { awaits, ..Player::plain(StrategyKind::Replay(kept.to_vec())) };
    let trace = lab.run(seed, &player, true).ended.trace?;
    Some(sides.map(|(who, step)| site(&trace, who, step)))
}

/// Of how many tasks that wait for ever it is told where.
const MOST_WAITING: usize = 24;

/// Adds to what is told of each task that never goes on where it awaits, by one more run.
fn tell_awaits(lab: &mut Lab<'_>, kept: &[Deviation], run: &mut RunResult) {
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
fn play_and_look(lab: &mut Lab<'_>, seed: Seed, kept: &[Deviation], awaits: Vec<(Key, u32)>) -> RunResult {
    lab.run(seed, &Player { awaits, ..Player::plain(StrategyKind::Replay(kept.to_vec())) }, true)
}

/// The tasks that a run's finding tells of as never going on, and the last poll of each.
fn waiting(run: &RunResult) -> Vec<(Key, u32)> {
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
fn add_awaits(run: &mut RunResult, seen: Option<&Trace>) {
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
