//! A failing run made short: the fewest deviations, the smallest choices, and the schedule beside it that passes.

mod critical;
mod experience;
mod relax;

use crate::deviation::Deviation;
use crate::finding::FindingKind;
use crate::id::Key;
use crate::linearise::Story;
use crate::minimise::{minimise, minimise_from_behind, smallest};
use crate::run::{Lab, RunResult};
use crate::schedule::{Player, Promotion, StrategyKind};
use crate::seed::Seed;
use crate::trace::Trace;
use critical::{add_awaits, awaits_of, critical, play_and_look, tell_awaits, waiting};
use relax::relax;

pub use critical::AwaitSite;
pub(crate) use critical::Critical;

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
    // Where another schedule may be found, most is left for that.
    let told = original.ended.trace.as_ref().filter(|trace| tells_a_story(trace));
    let first = if told.is_some() { (budget / 3).max(2) } else { budget };
    let (mut kept, calls) = minimise(deviations, first, &mut fails)?;
    if kept.len() > FEW {
        let other = told.and_then(|trace| relaxed(lab, seed, trace, &mut reruns, budget, &same));
        kept = other.filter(|other| other.len() < kept.len()).unwrap_or(kept);
    }
    if kept.len() > FEW {
        let left = budget.saturating_sub(reruns);
        let fails = |kept: &[Deviation]| try_again(lab, &mut reruns, |lab| same(&play(lab, seed, kept, false)));
        let from_behind = minimise_from_behind(deviations, left, fails);
        kept = from_behind.map(|(other, _)| other).filter(|other| other.len() < kept.len()).unwrap_or(kept);
    }
    let left = budget.saturating_sub(reruns);
    if calls == first && left > 0 {
        // It was not at its end.
        let fails = |kept: &[Deviation]| try_again(lab, &mut reruns, |lab| same(&play(lab, seed, kept, false)));
        kept = minimise(&kept, left, fails).map_or(kept, |(fewer, _)| fewer);
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
    seed: Seed,
    trace: &Trace,
    reruns: &mut usize,
    budget: usize,
    same: impl Fn(&RunResult) -> bool,
) -> Option<Vec<Deviation>> {
    relax(trace, |deviations| {
        if *reruns >= budget || lab.has_taken_all() {
            return None;
        }
        *reruns += 1;
        let run = play(lab, seed, deviations, true);
        if same(&run) { run.ended.trace } else { None }
    })
}

/// Whether other schedules for what was done in it can be looked for.
fn tells_a_story(trace: &Trace) -> bool {
    trace.deviations.iter().all(is_of_two_steps) && Story::of(trace).is_some()
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

#[cfg(test)]
mod tests {
    use crate::schedule::StrategyKind;
    use crate::sim::Explore;
    use std::sync::{Arc, Mutex};

    /// In a run that is too long for another schedule to be looked for, all reruns are there for leaving out: of some hundreds
    /// of deviations those seven are left that matter, one for each pair of tasks.
    #[test]
    fn a_long_run_is_left_out_of_to_the_end() {
        let search = Explore::new().seeds(0..1_000).strategy(StrategyKind::Random).stop_at_first_failure(true);
        let found = search.shrink_budget(60).run(|| async {
            let begun: Arc<Mutex<Vec<usize>>> = Arc::default();
            let tasks: Vec<_> = (0..14)
                .map(|me| {
                    let begun = begun.clone();
                    crate::spawn(async move {
                        for step in 0..40 {
                            if step == 20 {
                                begun.lock().unwrap().push(me);
                            }
                            crate::yield_now().await;
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await;
            }
            let begun = begun.lock().unwrap();
            let place = |task: usize| begun.iter().position(|&it| it == task);
            assert!((0..7).any(|pair| place(2 * pair) < place(2 * pair + 1)), "all of them the other way round");
        });
        let failure = found.first_failure().expect("one of 128 fails");
        assert!(failure.original().trace().deviations().len() > 250);
        assert_eq!(failure.minimised().len(), 7, "{failure}");
    }
}
