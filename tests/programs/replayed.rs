//! Runs played again by their schedules, failures made short, and deadlocks told.

use super::env::scenario;
use super::program::{Kind, Program};
use super::{STRATEGIES, explore, holds, nobody, numbers, sim, strategy};
use raddle::{FindingKind, Report, Schedule};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

fn fingerprint<T>(report: &Report<T>) -> Option<String> {
    report.finding().map(|finding| finding.fingerprint())
}

fn read(schedule: &Schedule) -> Schedule {
    schedule.to_string().parse().unwrap()
}

fn played_again(program: &Program, name: &str, seed: u64) -> Option<String> {
    let scenario = scenario(program, false, &nobody());
    let run = sim(program).seed(seed).strategy(strategy(name)).run(&scenario);
    let schedule = read(&run.schedule());
    let again = sim(program).schedule(schedule.clone()).run(&scenario);
    let told = |report: &Report<String>| {
        format!("{} {:?} {:?}\n{}", report.digest(), report.returned(), fingerprint(report), report.interleaving())
    };
    let (one, two) = (told(&run), told(&again));
    let misfits = again.misfits(&schedule);
    (one != two || !misfits.is_empty())
        .then(|| format!("{name} {seed}, {schedule}: {misfits:?}\n{one}\n--- played: ---\n{two}"))
}

#[test]
fn a_schedule_is_played_as_it_was() {
    for number in numbers(15) {
        let name = STRATEGIES[number as usize % STRATEGIES.len()];
        holds(Kind::ALL, number, |program| played_again(program, name, number));
        holds(Kind::TASKS, number, |program| played_again(program, name, number));
        holds(Kind::MORE, number, |program| played_again(program, name, number));
        holds(Kind::FACADE, number, |program| played_again(program, name, number));
    }
}

const FAILING: Kind = Kind { size: 16, ..Kind::ALL };

fn made_short(program: &Program, name: &str) -> Option<String> {
    let scenario = scenario(program, false, &nobody());
    let found = explore(program).seeds(0..12).strategy(strategy(name)).shrink_budget(60).run(&scenario);
    found.failures().iter().find_map(|failure| {
        let kind = failure.finding().unwrap().kind();
        let say = |what: &str| Some(format!("{name}: {what}:\n{failure}"));
        if kind == FindingKind::Divergence {
            return say("goes two ways");
        }
        if failure.minimised().len() as u64 > failure.deviations() {
            return say("was made longer");
        }
        let schedule = read(&failure.schedule());
        let again = sim(program).schedule(schedule.clone()).run(&scenario);
        if fingerprint(&again) != failure.finding().map(|finding| finding.fingerprint()) {
            return say(&format!("played again it ends otherwise: {again}"));
        }
        if fingerprint(failure.original()) != fingerprint(&again) {
            return say("the failing run has another fingerprint");
        }
        if again.digest() != failure.report().digest() || !again.misfits(&schedule).is_empty() {
            return say("played again it goes another way");
        }
        let passing = sim(program).schedule(read(&failure.passing_schedule()?)).run(&scenario);
        if fingerprint(&passing) == fingerprint(&again) {
            return say(&format!("what is said not to fail in this way does: {passing}"));
        }
        None
    })
}

#[test]
fn a_failure_is_made_short_and_stays_what_it_was() {
    for number in numbers(4) {
        let name = STRATEGIES[number as usize % STRATEGIES.len()];
        holds(FAILING, number, |program| made_short(program, name));
        holds(Kind { jobs: false, threads: false, ..FAILING }, number, |program| made_short(program, name));
        holds(Kind { more: 4, ..FAILING }, number, |program| made_short(program, name));
        holds(Kind { more: 2, facade: 4, ..FAILING }, number, |program| made_short(program, name));
    }
}

/// Of a deadlock, those who are told to wait, as far as they are tasks and jobs; the last letter of a thread is an `h`.
fn waiting(report: &Report<String>) -> BTreeSet<String> {
    let details = report.finding().unwrap().details().first().cloned().unwrap_or_default();
    let names = details.lines().filter_map(|line| line.strip_prefix("  ")?.split_once(" (spawned at"));
    let last = |name: &str| name.chars().rfind(|c| c.is_alphabetic());
    let is_ours = |name: &str| name.starts_with('m') && last(name) != Some('h');
    names.map(|(name, _)| name.to_string()).filter(|name| is_ours(name)).collect()
}

fn told_as_it_is(program: &Program, name: &str, seed: u64) -> Option<String> {
    let alive = Arc::new(Mutex::new(BTreeSet::new()));
    let report = sim(program).seed(seed).strategy(strategy(name)).run(scenario(program, false, &alive));
    if report.finding()?.kind() != FindingKind::Deadlock {
        return None;
    }
    let (told, alive) = (waiting(&report), alive.lock().unwrap().clone());
    (told != alive).then(|| format!("{name} {seed}: told {told:?}, alive {alive:?}\n{report}"))
}

#[test]
fn a_deadlock_names_who_waits() {
    let kind = Kind { cancels: false, panics: false, leaks: false, ..Kind::ALL };
    for number in numbers(15) {
        let name = STRATEGIES[number as usize % STRATEGIES.len()];
        let waits = |program: &Program| {
            let program = Program { rescued: false, ..program.clone() };
            told_as_it_is(&program, name, number)
        };
        holds(kind, number, waits);
        holds(Kind { more: 4, ..kind }, number, waits);
    }
}
