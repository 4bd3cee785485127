//! What else a process does is nothing to a run: other runs at the same time, threads that are nobody's, and runs before.

use super::env::scenario;
use super::program::{Kind, Program};
use super::{STRATEGIES, explore, holds, nobody, numbers, sim, strategy, told};
use fastrand::Rng;
use raddle::{Candidates, Check, Key, Pick, Report, Seed, Strategy};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

fn once(program: &Program, name: &str, seed: u64) -> String {
    told(&sim(program).seed(seed).strategy(strategy(name)).run(scenario(program, false, &nobody())))
}

/// Does what ordinary tests do until it is told to stop.
fn busy(stop: &AtomicBool) {
    while !stop.load(SeqCst) {
        let (sender, receiver) = mpsc::channel();
        let other = thread::spawn(move || receiver.recv().map(|text: String| text.len()));
        let _ = sender.send(format!("{:?}", std::time::Instant::now()));
        let _ = other.join();
        let lock = Mutex::new(vec![0u8; 10_000]);
        thread::scope(|scope| _ = scope.spawn(|| lock.lock().map(|mut bytes| bytes.fill(1)).is_ok()));
        futures_lite::future::block_on(futures_lite::future::yield_now());
    }
}

/// Each of two programs alone, then both at once beside a thread that is busy.
fn two_at_once(program: &Program, other: &Program, name: &str, seed: u64) -> Option<String> {
    let alone = [once(program, name, seed), once(other, name, seed)];
    let stop = AtomicBool::new(false);
    let both = thread::scope(|scope| {
        scope.spawn(|| busy(&stop));
        let theirs = scope.spawn(|| once(other, name, seed));
        let ours = once(program, name, seed);
        let both = [ours, theirs.join().unwrap()];
        stop.store(true, SeqCst);
        both
    });
    (alone != both)
        .then(|| format!("{name} {seed}, alone:\n{}\n{}\n--- both: ---\n{}\n{}", alone[0], alone[1], both[0], both[1]))
}

#[test]
fn two_worlds_at_once_are_as_they_are_alone() {
    for number in numbers(15) {
        let name = STRATEGIES[number as usize % STRATEGIES.len()];
        let (kind, theirs) =
            ([Kind::ALL, Kind::MORE][number as usize % 2], [Kind::MORE, Kind::FACADE][number as usize / 2 % 2]);
        let other = Program::new(theirs, number + 1_000_000);
        holds(kind, number, |program| two_at_once(program, &other, name, number));
    }
}

/// At random, of a seed.
struct AtRandom(Rng);

impl Strategy for AtRandom {
    fn pick(&mut self, candidates: &Candidates<'_>) -> Pick {
        Pick::Candidate(candidates.by_age().nth(self.0.usize(..candidates.len())).unwrap())
    }

    fn choose(&mut self, _who: Key, _nth: u32, n: u32) -> Option<u32> {
        Some(self.0.u32(..n))
    }
}

/// But for where the scenario was begun.
fn told_anywhere<T>(report: &Report<T>) -> String {
    let text = told(report);
    let pieces = text.split("beside.rs:").map(|piece| piece.trim_start_matches(|c: char| c.is_numeric() || c == ':'));
    pieces.collect()
}

/// Runs of two programs by turns, one after the other in one lab, against each on its own.
fn by_turns(program: &Program, other: &Program) -> Option<String> {
    const SEEDS: u64 = 6;
    let of = Arc::new(AtomicU64::new(0));
    let walk = |of: &Arc<AtomicU64>| {
        let of = of.clone();
        move |seed: Seed| {
            of.store(seed.get(), SeqCst);
            Box::new(AtRandom(Rng::with_seed(seed.get()))) as Box<dyn Strategy>
        }
    };
    let scenarios = [scenario(program, false, &nobody()), scenario(other, false, &nobody())];
    let mut alone = Vec::new();
    for seed in 0..SEEDS {
        let sim = sim(program).seed(seed).custom_strategy(walk(&of));
        let report = sim.run(&scenarios[seed as usize % 2]);
        alone.push((told_anywhere(&report), report.value().cloned()));
    }
    let all = Arc::new(Mutex::new(Vec::new()));
    let (told_by, which) = (all.clone(), of.clone());
    let ours = move || {
        let seed = which.load(SeqCst);
        let future = scenarios[seed as usize % 2]();
        let all = told_by.clone();
        async move {
            let text = future.await;
            all.lock().unwrap().push((seed, text.clone()));
            text
        }
    };
    let search = explore(program).seeds(0..SEEDS).custom_strategy(walk(&of)).check(Check::All).shrink_budget(0);
    let found = search.run(ours);
    for failure in found.failures() {
        let seed = failure.report().seed().get();
        let again = told_anywhere(failure.report());
        let (text, _) = &alone[seed as usize];
        if again != *text {
            return Some(format!("seed {seed}, alone:\n{text}\n--- one of many: ---\n{again}\n{failure}"));
        }
    }
    let all = all.lock().unwrap();
    let other = all.iter().find(|(seed, text)| alone[*seed as usize].1.as_ref() != Some(text));
    other.map(|(seed, text)| format!("seed {seed}, alone:\n{}\n--- one of many: ---\n{text}", alone[*seed as usize].0))
}

#[test]
fn runs_leave_nothing_to_runs_after_them() {
    for number in numbers(15) {
        let kind = [Kind::ALL, Kind::MORE, Kind::FACADE][number as usize % 3];
        let other = Program::new(kind, number + 1_000_000);
        holds(kind, number, |program| by_turns(program, &other));
    }
}
