//! What an exhaustive search says of a program, held against a plain one by brute force and against the other strategies.

use super::env::scenario;
use super::program::{Kind, Program};
use super::{STRATEGIES, common, explore, holds, nobody, numbers, strategy};
use raddle::{Candidates, Check, Complete, Found, Isolation, Key, Pick, Seed, Strategy, StrategyKind};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

/// A program with more schedules than that is none to try.
const MOST: u64 = 500;

const SMALL: Kind = Kind { size: 8, draws: false, leaks: false, ..Kind::ALL };
const SMALL_TASKS: Kind = Kind { jobs: false, threads: false, ..SMALL };
const SMALL_MORE: Kind = Kind { more: 4, ..SMALL };
/// Without the run's network: a search that is exhaustive leaves it as the seed has it.
const SMALL_FACADE: Kind = Kind { facade: 4, more: 2, timed: false, ..SMALL };
const ANNOUNCED: Kind = Kind { size: 6, announced: true, cancels: false, panics: false, ..SMALL_TASKS };
const ALONE: Kind = Kind { size: 6, forks: false, ..Kind::ALL };

/// Depth first through the answers to all decisions, without a thought.
#[derive(Default)]
struct Brute {
    /// Of each decision on the way, which answer it was given, of how many.
    way: Vec<(usize, usize)>,
    depth: usize,
    of: Option<Seed>,
    runs: u64,
    is_over: bool,
    is_aside: bool,
}

impl Brute {
    /// A run of `seed` begins: the next one, unless it is the last one again. One of an earlier seed is for the telling.
    fn begins(&mut self, seed: Seed) {
        self.is_aside = self.of.is_some_and(|of| seed < of);
        if self.is_aside {
            return;
        }
        if self.of.is_some() && self.of != Some(seed) && !self.is_over {
            self.way.truncate(self.depth);
            while self.way.pop_if(|(at, of)| *at + 1 == *of).is_some() {}
            match self.way.last_mut() {
                Some((at, _)) => *at += 1,
                None => self.is_over = true,
            }
        }
        if self.of != Some(seed) && !self.is_over {
            self.runs += 1;
        }
        (self.of, self.depth) = (Some(seed), 0);
    }

    fn answer(&mut self, of: usize) -> usize {
        if self.is_over || self.is_aside {
            return 0;
        }
        if self.depth == self.way.len() {
            self.way.push((0, of));
        }
        self.depth += 1;
        assert_eq!(self.way[self.depth - 1].1, of, "the same way leads to the same place");
        self.way[self.depth - 1].0
    }
}

struct Walker(Arc<Mutex<Brute>>);

impl Strategy for Walker {
    fn pick(&mut self, candidates: &Candidates<'_>) -> Pick {
        let answer = self.0.lock().unwrap().answer(candidates.len());
        Pick::Candidate(candidates.by_age().nth(answer).unwrap())
    }

    fn choose(&mut self, _who: Key, _nth: u32, n: u32) -> Option<u32> {
        Some(self.0.lock().unwrap().answer(n as usize) as u32)
    }
}

/// All that runs came to, failures by what tells them apart.
fn outcomes(found: &Found) -> BTreeSet<String> {
    let failures = found.failures().iter().map(|failure| failure.finding().unwrap().fingerprint());
    found.outcomes().iter().map(|outcome| outcome.text().to_string()).chain(failures).collect()
}

/// What there is by brute force, and in how many schedules; `None` if they are too many.
fn by_force(program: &Program, announced: bool) -> Option<(BTreeSet<String>, u64)> {
    let (brute, mut all) = (Arc::new(Mutex::new(Brute::default())), BTreeSet::new());
    let mut from = 0;
    while from < MOST {
        let theirs = brute.clone();
        let walk = move |seed| {
            theirs.lock().unwrap().begins(seed);
            Box::new(Walker(theirs.clone())) as Box<dyn Strategy>
        };
        let search = explore(program).seeds(from..from + 100).check(Check::Off).shrink_budget(0);
        let found = search.custom_strategy(walk).run(scenario(program, announced, &nobody()));
        all.extend(outcomes(&found));
        from += 100;
        let brute = brute.lock().unwrap();
        if brute.is_over {
            return Some((all, brute.runs));
        }
    }
    None
}

fn exhaust(program: &Program, announced: bool, isolation: Isolation) -> Option<(Found, Complete)> {
    exhaust_within(MOST, program, announced, isolation)
}

fn exhaust_within(most: u64, program: &Program, announced: bool, isolation: Isolation) -> Option<(Found, Complete)> {
    let search = explore(program).seeds(0..most).strategy(StrategyKind::Exhaustive).shrink_budget(0);
    let search = search.isolation(isolation).check(Check::Off);
    let found = search.run(scenario(program, announced, &nobody()));
    let complete = found.coverage().complete().unwrap();
    complete.finished.then_some((found, complete))
}

fn differ(what: &str, one: &BTreeSet<String>, other: &BTreeSet<String>) -> Option<String> {
    let only = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect::<Vec<_>>();
    (one != other)
        .then(|| format!("{what}: only the first has {:#?}, only the other {:#?}", only(one, other), only(other, one)))
}

/// Whether there was anything to compare, and how it differs.
fn against_brute_force(program: &Program, announced: bool) -> Option<String> {
    let (found, complete) = exhaust(program, announced, Isolation::Thread)?;
    let seen = outcomes(&found);
    let Some((all, schedules)) = by_force(program, announced) else {
        return (!complete.reduced).then(|| format!("{} schedules, but by brute force more", complete.schedules));
    };
    if let Some(told) = differ("exhaustive and brute force", &seen, &all) {
        return Some(told);
    }
    if complete.reduced {
        return (complete.schedules > schedules).then(|| format!("{complete:?} of {schedules}"));
    }
    let counted = (complete.schedules, found.runs(), found.interleavings());
    (counted != (schedules, schedules, schedules)).then(|| format!("{counted:?} of {schedules}"))
}

#[test]
fn an_exhaustive_search_finds_what_brute_force_does() {
    let mut finished = 0;
    for number in numbers(2) {
        for kind in [SMALL, SMALL_TASKS, SMALL_MORE, SMALL_FACADE] {
            finished += u64::from(exhaust(&Program::new(kind, number), false, Isolation::Thread).is_some());
            holds(kind, number, |program| against_brute_force(program, false));
        }
    }
    assert!(finished > numbers(2).count() as u64, "{finished}: most are small enough");
}

#[test]
fn what_is_announced_not_to_race_makes_no_other_outcome() {
    let mut reduced = 0;
    for number in numbers(10) {
        let complete = exhaust(&Program::new(ANNOUNCED, number), true, Isolation::Thread);
        reduced += u64::from(complete.is_some_and(|(_, complete)| complete.reduced));
        holds(ANNOUNCED, number, |program| against_brute_force(program, true));
    }
    assert!(reduced > numbers(10).count() as u64 / 5, "{reduced}: some have steps that do not race");
}

/// What a search has seen all of is all that any strategy sees: so is whether it may deadlock, or panic.
fn by_other_strategies(program: &Program, announced: bool, most: u64, seeds: u64) -> Option<String> {
    let (found, _) = exhaust_within(most, program, announced, Isolation::Thread)?;
    let all = outcomes(&found);
    STRATEGIES.iter().find_map(|name| {
        let search = explore(program).seeds(0..seeds).strategy(strategy(name)).check(Check::Off).shrink_budget(0);
        let seen = outcomes(&search.run(scenario(program, announced, &nobody())));
        let more: Vec<_> = seen.difference(&all).collect();
        (!more.is_empty()).then(|| format!("{name} sees what an exhaustive search does not: {more:#?} of {all:#?}"))
    })
}

#[test]
fn no_strategy_sees_more_than_an_exhaustive_search() {
    for number in numbers(2) {
        for kind in [SMALL, SMALL_TASKS, SMALL_MORE, SMALL_FACADE] {
            holds(kind, number, |program| by_other_strategies(program, false, MOST, 30));
        }
    }
}

/// Of programs too large for brute force, where most schedules are left out since they come to the same.
#[test]
fn no_strategy_sees_more_of_what_is_announced() {
    let larger = Kind { size: 14, ..ANNOUNCED };
    for number in numbers(2) {
        holds(larger, number, |program| by_other_strategies(program, true, 4 * MOST, 40));
    }
}

/// While such a process lives it has its own end of each pipe of another test, which is not at its end before: they are
/// made where no other test is.
#[test]
fn a_search_in_processes_of_their_own_is_the_same() {
    let told = common::run(&mut common::command("exhausted::searches_in_processes_of_their_own"));
    assert_eq!(told.code, Some(0), "{}", told.all());
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn searches_in_processes_of_their_own() {
    if !common::is_victim() {
        return;
    }
    let kind = Kind { size: 5, ..SMALL };
    for number in numbers(4) {
        holds(kind, number, |program| {
            let (one, counted) = exhaust(program, false, Isolation::Thread).filter(|(found, _)| found.runs() < 50)?;
            let Some((other, same)) = exhaust(program, false, Isolation::Process) else {
                return Some("it comes to no end in processes of their own".into());
            };
            let counts = (counted != same).then(|| format!("{counted:?} and {same:?}"));
            counts.or_else(|| differ("in a thread and in processes", &outcomes(&one), &outcomes(&other))).or_else(
                || (one.digest() != other.digest()).then(|| format!("{} and {}", one.digest(), other.digest())),
            )
        });
    }
}

fn draws_nothing_but(program: &Program) -> Option<String> {
    let scenario = scenario(program, false, &nobody());
    let short = explore(program).seeds(0..8).shrink_budget(0).run(&scenario);
    if !short.coverage().draws_nothing() {
        return None;
    }
    let expected = outcomes(&short);
    STRATEGIES.iter().find_map(|name| {
        let search = explore(program).seeds(0..8).strategy(strategy(name)).check(Check::All).shrink_budget(0);
        let found = search.run(&scenario);
        let is_one = found.interleavings() == 1;
        differ(name, &expected, &outcomes(&found)).or_else(|| (!is_one).then(|| format!("{name}: {found}")))
    })
}

#[test]
fn what_draws_nothing_has_one_outcome() {
    let mut drawing_nothing = 0;
    for number in numbers(16) {
        let program = Program::new(ALONE, number);
        let found = explore(&program).seeds(0..2).shrink_budget(0).run(scenario(&program, false, &nobody()));
        drawing_nothing += u64::from(found.coverage().draws_nothing());
        holds(ALONE, number, draws_nothing_but);
    }
    assert!(drawing_nothing * 8 > numbers(16).count() as u64, "{drawing_nothing}: some draw nothing");
}
