//! Another schedule that fails in the same way, where of the one that is known nothing can be left out.

use super::FEW;
use super::experience::Experience;
use crate::deviation::Deviation;
use crate::hash::HashSet;
use crate::linearise::{Change, Story, Variant};
use crate::minimise::minimise;
use crate::trace::Trace;

/// So many states of stories are looked at for one failure: with 200 reruns of the benchmark `safe_stack` that took 8 s of
/// processor time in a build without optimisation.
const MOST_WORK: usize = 600_000;

/// A story less likely to end as the last one is not looked for.
const LEAST_LIKELY: f64 = 0.01;

/// Looks for a schedule with few deviations that ends like `run`, by reruns: `play` makes one, and gives its trace if it
/// ends in that way.
///
/// Each schedule that is tried is the cheapest one for a story: for that of the last run that failed, or for one
/// [near](Story::nearby) to it, in which a few steps that race come in another order, or steps of a task are left out. So it
/// may do what leaving out deviations cannot: move a stretch of steps elsewhere (as in Jalbert, Sen: *A Trace Simplification
/// Technique for Effective Debugging of Concurrent Programs*, FSE 2010), and take fewer steps. Of these that one is next which
/// is worth most: for how many deviations fewer, and how likely to fail, by what the reruns before have [shown](Experience) of
/// its changes. One that is as short is worth a little, too, since other stories are near to it. Where none is likely,
/// single deviations are left out.
pub(super) fn relax(run: &Trace, play: impl FnMut(&[Deviation]) -> Option<Trace>) -> Option<Vec<Deviation>> {
    let mut search = Search {
        kept: run.deviations.clone(),
        story: Story::of(run)?,
        play,
        work: MOST_WORK,
        experience: Experience::default(),
        tried: HashSet::default(),
    };
    if !search.straighten() {
        return None;
    }
    while search.kept.len() > FEW && (search.changes() || search.leaves_out()) {
        search.straighten();
    }
    if search.kept.len() <= FEW {
        search.leaves_out();
    }
    Some(search.kept)
}

struct Search<P> {
    /// The shortest schedule so far that fails.
    kept: Vec<Deviation>,
    /// Its story.
    story: Story,
    play: P,
    /// How many more states of stories may be looked at.
    work: usize,
    experience: Experience,
    /// What need not be tried again.
    tried: HashSet<Vec<Deviation>>,
}

/// What a schedule is worth with this many deviations in place of `all`, if it fails.
fn worth(deviations: usize, all: usize) -> f64 {
    if deviations < all { (all - deviations) as f64 } else { 0.1 }
}

/// Where nothing is worth more than this, each deviation is left out once.
const LITTLE: f64 = 0.06;

/// Changes that are this likely not to matter are known not to: a story that is as short is no other by them.
const KNOWN: f64 = 0.9;

impl<P: FnMut(&[Deviation]) -> Option<Trace>> Search<P> {
    /// Whether it fails with these, which are kept then.
    fn takes(&mut self, deviations: Vec<Deviation>) -> bool {
        let Some(story) = (self.play)(&deviations).as_ref().and_then(Story::of) else { return false };
        (self.kept, self.story) = (deviations, story);
        true
    }

    /// Tells the same story by fewer deviations. Whether that went.
    fn straighten(&mut self) -> bool {
        [true, false].into_iter().any(|goes_on| {
            let cheapest = self.story.cheapest(goes_on, self.kept.len(), &mut self.work);
            cheapest.is_some_and(|deviations| self.takes(deviations))
        })
    }

    /// Tells a story near to it by no more deviations. Whether that went.
    fn changes(&mut self) -> bool {
        let all = self.kept.len();
        let story = self.story.clone();
        let experience = &self.experience;
        let mut harmless = |change: Change| experience.harmless(change);
        let (nearby, variants) = story.nearby(all, LEAST_LIKELY, &mut harmless, &mut self.work);
        let likely = |variant: &Variant| self.experience.all_harmless(&variant.changes);
        let mut likely: Vec<(f64, Variant)> = variants.into_iter().map(|variant| (likely(&variant), variant)).collect();
        let is_known = |&(likely, ref variant): &(f64, Variant)| {
            variant.cost == all && likely > KNOWN && matches!(variant.changes[..], [Change::Turned(..), ..])
        };
        let mut has_left_out = false;
        loop {
            likely.retain(|variant| !is_known(variant));
            let value = |(likely, variant): &(f64, Variant)| likely * worth(variant.cost, all);
            let best = (0..likely.len()).max_by(|&one, &other| value(&likely[one]).total_cmp(&value(&likely[other])));
            let Some(best) = best else { return false };
            if value(&likely[best]) < LITTLE && !std::mem::replace(&mut has_left_out, true) && self.leaves_one_out() {
                return true;
            }
            let (_, variant) = likely.swap_remove(best);
            let deviations = nearby.schedule(&variant);
            if !self.tried.insert(deviations.clone()) {
                continue;
            }
            if self.takes(deviations) {
                self.experience.learn_harmless(&variant.changes);
                return true;
            }
            self.experience.learn_harmful(&variant.changes);
            for (likely, variant) in &mut likely {
                *likely = self.experience.all_harmless(&variant.changes);
            }
        }
    }

    /// Leaves one deviation out. Whether that went.
    fn leaves_one_out(&mut self) -> bool {
        (0..self.kept.len()).any(|place| {
            let rest = [&self.kept[..place], &self.kept[place + 1..]].concat();
            self.tried.insert(rest.clone()) && self.takes(rest)
        })
    }

    /// Leaves deviations out. Whether that went.
    fn leaves_out(&mut self) -> bool {
        let (play, all) = (&mut self.play, self.kept.len());
        let kept = minimise(&self.kept, usize::MAX, |kept| {
            // It is known that it fails with all of them, and not in plain order.
            kept.len() == all || !kept.is_empty() && play(kept).is_some()
        })
        .map(|(kept, _)| kept);
        kept.filter(|kept| kept.len() < self.kept.len()).is_some_and(|kept| self.takes(kept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Access;
    use crate::report::Report;
    use crate::schedule::StrategyKind;
    use crate::sim::Sim;
    use std::sync::{Arc, Mutex};

    /// Three tasks write three things by turns, twice each: in which order they wrote each.
    async fn writers() -> Vec<Vec<u32>> {
        let logs: Arc<[Mutex<Vec<u32>>; 3]> = Arc::default();
        let tasks: Vec<_> = (0..3)
            .map(|me| {
                let logs = logs.clone();
                crate::spawn(async move {
                    for step in 0..6 {
                        let what = (step + me) % 3;
                        crate::announce(what.into(), Access::Write);
                        crate::yield_now().await;
                        logs[what as usize].lock().unwrap().push(me);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await;
        }
        logs.iter().map(|log| log.lock().unwrap().clone()).collect()
    }

    type Written = Vec<Vec<u32>>;

    fn random(seed: u64) -> Report<Written> {
        Sim::new().seed(seed).strategy(StrategyKind::Random).run(writers)
    }

    fn replay(deviations: &[Deviation]) -> Report<Written> {
        Sim::new().strategy(StrategyKind::Replay(deviations.to_vec())).run(writers)
    }

    /// Whatever a random walk did is told again by no more deviations, and all that was written comes in the same order.
    #[test]
    fn the_cheapest_schedule_of_a_story_keeps_to_its_order() {
        let (mut before, mut after) = (0, 0);
        for seed in 0..100 {
            let run = random(seed);
            let story = Story::of(run.trace()).unwrap();
            let cheapest = story.cheapest(true, usize::MAX, &mut MOST_WORK.clone()).unwrap();
            assert_eq!(replay(&cheapest).value().unwrap(), run.value().unwrap(), "seed {seed}");
            assert!(cheapest.len() <= run.trace().deviations().len());
            before += run.trace().deviations().len();
            after += cheapest.len();
        }
        assert!(2 * after < before, "{after} of {before}");
    }

    /// Stories near to one that a random walk told take as many deviations as is said, and one order is another in each:
    /// nothing that these tasks do depends on the others.
    #[test]
    fn a_story_near_to_one_is_told_by_the_schedule_for_it() {
        let (mut told, mut shorter, mut differ) = (0, 0, 0);
        for seed in 0..5 {
            let run = random(seed);
            let story = Story::of(run.trace()).unwrap();
            let mut work = MOST_WORK;
            let cheapest = story.cheapest(true, usize::MAX, &mut work).unwrap().len();
            let (nearby, variants) = story.nearby(cheapest, 0.3, &mut |_| 0.5, &mut work);
            for variant in variants {
                // A single order: that alone is likely enough.
                assert_eq!(variant.changes.len(), 1);
                let deviations = nearby.schedule(&variant);
                assert_eq!(deviations.len(), variant.cost);
                assert!(variant.cost <= cheapest);
                let written = replay(&deviations);
                let logs = written.value().unwrap().iter().zip(run.value().unwrap());
                // None, if it was guessed what a step does.
                let changed = logs.filter(|(one, other)| one != other).count();
                assert!(changed <= 1, "seed {seed}: {changed} of the logs have writers in another order");
                differ += changed;
                told += 1;
                shorter += usize::from(variant.cost < cheapest);
            }
        }
        assert!(told > 30 && shorter > 5 && 2 * differ > told, "{told}, {shorter}, {differ}");
    }

    #[test]
    fn no_story_is_looked_for_when_all_work_is_done() {
        let run = random(1);
        let story = Story::of(run.trace()).unwrap();
        assert!(story.nearby(100, 0.3, &mut |_| 0.5, &mut 10).1.is_empty());
    }

    /// Where leaving out is stuck, another schedule has the same outcome by fewer deviations.
    #[test]
    fn it_gets_further_than_leaving_out() {
        let (mut left_out, mut relaxed, mut better) = (0, 0, 0);
        for seed in 0..60 {
            let run = random(seed);
            let wanted = run.value().unwrap();
            let ends_so = |deviations: &[Deviation]| Some(replay(deviations)).filter(|r| r.value().unwrap() == wanted);
            let deviations = run.trace().deviations();
            let (kept, _) = minimise(deviations, usize::MAX, |kept| ends_so(kept).is_some()).unwrap();
            let mut reruns = 0;
            let other = relax(run.trace(), |deviations| {
                reruns += 1;
                ends_so(deviations).map(|report| report.trace().clone())
            });
            let other = other.unwrap_or(kept.clone());
            assert!(ends_so(&other).is_some(), "seed {seed}");
            assert!(reruns <= 200, "seed {seed}: {reruns}");
            left_out += kept.len();
            relaxed += other.len();
            better += usize::from(kept.len() > FEW && other.len() < kept.len());
        }
        assert!(better > 0 && relaxed < left_out, "{relaxed} for {left_out}, {better} times fewer");
    }
}
