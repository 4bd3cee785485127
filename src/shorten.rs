//! A failing run made short: the fewest deviations, the smallest choices, and the schedule beside it that passes.

use crate::deviation::Deviation;
use crate::id::Key;
use crate::minimise::{minimise, smallest};
use crate::run::{Lab, RunResult};
use crate::schedule::{Player, Promotion, StrategyKind};
use crate::seed::Seed;

/// The shortest run found that ends in the same way.
pub(crate) struct Shortened {
    pub run: RunResult,
    /// What is left of its deviations: the orders that matter. Played alone they make the run, which leaves plain order in
    /// more places if somebody has to be held back for long.
    pub deviations: Vec<Deviation>,
    /// How many reruns it took to find.
    pub reruns: usize,
    pub critical: Option<Critical>,
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

/// Looks for the shortest schedule of `original`'s seed that is still the `same`, by at most `budget` reruns.
pub(crate) fn shorten(
    lab: &mut Lab<'_>,
    original: &RunResult,
    budget: usize,
    same: impl Fn(&RunResult) -> bool,
) -> Option<Shortened> {
    let deviations = original.ended.trace.as_ref().map(|t| t.deviations.clone()).filter(|_| budget > 0)?;
    let seed = original.seed;
    let mut fails = |kept: &[Deviation]| same(&play(lab, seed, kept, false));
    let (mut kept, mut reruns) = minimise(&deviations, budget, &mut fails)?;
    let (smaller, more) = smallest(&kept, budget - reruns, &mut fails);
    (kept, reruns) = (smaller, reruns + more);
    reruns += promote(lab, seed, &mut kept, budget - reruns, &same);
    let run = play(lab, seed, &kept, true);
    if !same(&run) {
        return None;
    }
    let critical = critical(lab, seed, &kept, &same);
    Some(Shortened { run, deviations: kept, reruns, critical })
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
    let mut goes_on = kept.len() > 1 && kept.iter().all(|d| d.chosen().is_none() && d.who != Key::CLOCK);
    while goes_on {
        goes_on = false;
        for promotions in attempts(kept) {
            if spent + 1 >= budget {
                return spent;
            }
            spent += 1;
            let run = lab.run(seed, &Player::promoting(promotions), true);
            let trace = run.ended.trace.as_ref().filter(|trace| same(&run) && trace.deviations.len() < 2 * kept.len());
            let Some(deviations) = trace.map(|trace| trace.deviations.clone()) else { continue };
            let fails = |kept: &[Deviation]| same(&play(lab, seed, kept, false));
            let Some((fewer, more)) = minimise(&deviations, budget - spent, fails) else { continue };
            spent += more;
            if fewer.len() < kept.len() {
                *kept = fewer;
                goes_on = kept.len() > 1;
                break;
            }
        }
    }
    spent
}

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
