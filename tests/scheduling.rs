//! Which order things run in: what each strategy does, that deviations replay a run, and that the same seed goes the
//! same way whatever ran before or runs beside it.

mod common;

use common::scenarios::{self, Diary, ms};
use raddle::{Candidates, Check, Deviation, Explore, Key, Pick, Report, Seed, Sim, Strategy, StrategyKind};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

/// `tasks` tasks that write their number `steps` times, giving way in between.
async fn rounds(tasks: u32, steps: u32) -> String {
    let diary = Diary::default();
    let spawned: Vec<_> = (0..tasks)
        .map(|n| {
            let diary = diary.clone();
            raddle::spawn(async move {
                for step in 0..steps {
                    if step > 0 {
                        raddle::yield_now().await;
                    }
                    diary.note(n.to_string());
                }
            })
        })
        .collect();
    for task in spawned {
        task.await;
    }
    diary.read()
}

#[test]
fn fifo_is_first_in_first_out() {
    let report = Sim::new().strategy(StrategyKind::Fifo).run(|| rounds(3, 3));
    assert_eq!((report.deviations(), report.value().unwrap().as_str()), (0, "0 1 2 0 1 2 0 1 2"));
    assert!(report.decisions() > 0);
    let another = Sim::new().seed(99).strategy(StrategyKind::Fifo).run(|| rounds(3, 3));
    assert_eq!(another.digest(), report.digest(), "the seed has no say");
}

#[test]
fn a_woken_task_queues_behind_those_that_are_ready() {
    let scenario = || async {
        let diary = Diary::default();
        let (sender, receiver) = async_channel::bounded::<()>(1);
        let waiting = diary.clone();
        let waiter = raddle::spawn(async move {
            receiver.recv().await.unwrap();
            waiting.note("woken");
        });
        raddle::yield_now().await;
        sender.send(()).await.unwrap();
        let before = diary.clone();
        raddle::spawn(async move { before.note("spawned after") }).await;
        waiter.await;
        diary.read()
    };
    assert_eq!(Sim::new().strategy(StrategyKind::Fifo).run(scenario).unwrap(), "woken spawned after");
}

#[test]
fn random_reaches_every_order_of_three() {
    let found = Explore::new().seeds(0..200).run(|| rounds(3, 1));
    let orders: Vec<&str> = found.outcomes().iter().map(|outcome| outcome.text()).collect();
    assert_eq!(orders, ["\"0 1 2\"", "\"0 2 1\"", "\"1 0 2\"", "\"1 2 0\"", "\"2 0 1\"", "\"2 1 0\""]);
    assert_eq!(found.outcomes().iter().map(|outcome| outcome.count()).sum::<u64>(), 200);
    assert!(found.is_ok());
}

/// What two tasks make of a counter that each reads, and after a pause writes one higher, `times` times.
async fn lost_updates(times: u32) -> u32 {
    let counter = Arc::new(AtomicU32::new(0));
    let tasks = [(); 2].map(|()| {
        let counter = counter.clone();
        raddle::spawn(async move {
            for _ in 0..times {
                let read = counter.load(SeqCst);
                raddle::yield_now().await;
                counter.store(read + 1, SeqCst);
            }
        })
    });
    for task in tasks {
        task.await;
    }
    counter.load(SeqCst)
}

/// The same by brute force: all results, from here on, of two tasks of which each has done so many of its blocks.
fn model(times: u32, done: [u32; 2], read: [u32; 2], counter: u32, results: &mut BTreeSet<u32>) {
    for task in 0..2 {
        if done[task] > times {
            continue;
        }
        let (mut done, mut read, mut counter) = (done, read, counter);
        if done[task] > 0 {
            counter = read[task] + 1;
        }
        read[task] = counter;
        done[task] += 1;
        model(times, done, read, counter, results);
    }
    if done == [times + 1; 2] {
        results.insert(counter);
    }
}

#[test]
fn random_reaches_every_result_of_a_small_race() {
    for times in 1..=3 {
        let mut possible = BTreeSet::new();
        model(times, [0; 2], [0; 2], 0, &mut possible);
        let found = Explore::new().seeds(0..2_000).shrink_budget(0).run(move || lost_updates(times));
        let seen: BTreeSet<u32> = found.outcomes().iter().map(|o| o.text().parse().unwrap()).collect();
        assert_eq!(seen, possible, "{times} times");
        assert!(seen.len() > 1);
    }
}

fn deviations<T>(report: &Report<T>) -> Vec<Deviation> {
    report.trace().deviations().to_vec()
}

/// The run of `seed`, with these deviations instead of its strategy.
fn replayed(seed: u64, scenario: scenarios::Scenario, deviations: &[Deviation]) -> Report<String> {
    scenarios::sim(seed).strategy(StrategyKind::Replay(deviations.to_vec())).run(scenario)
}

#[track_caller]
fn assert_same(one: &Report<String>, other: &Report<String>, what: &str) {
    for (a, b) in one.trace().events().iter().zip(other.trace().events()) {
        assert_eq!(
            a,
            b,
            "{what}: the first event that differs, of\n{}\nand\n{}",
            one.interleaving(),
            other.interleaving()
        );
    }
    assert_eq!(one.trace().events().len(), other.trace().events().len(), "{what}");
    assert_eq!((one.digest(), one.value()), (other.digest(), other.value()), "{what}");
    assert_eq!((one.steps(), one.elapsed()), (other.steps(), other.elapsed()), "{what}");
}

#[test]
fn deviations_replay_a_run() {
    for (name, scenario) in scenarios::ALL {
        for strategy in ["random", "pct:3@40"] {
            for seed in 0..40 {
                let report = scenarios::sim(seed).strategy(strategy.parse().unwrap()).run(scenario);
                let replay = replayed(seed, *scenario, &deviations(&report));
                assert_same(&report, &replay, &format!("{name}, {strategy}, seed {seed}"));
                assert_eq!(deviations(&report), deviations(&replay), "{name}, seed {seed}");
                assert_eq!(report.deviations(), replay.deviations(), "{name}, seed {seed}");
            }
        }
    }
}

#[test]
fn fewer_deviations_make_a_run_that_is_as_certain() {
    for (name, scenario) in scenarios::ALL {
        for seed in 0..8 {
            let all = deviations(&scenarios::sim(seed).run(scenario));
            let without = |leave: &dyn Fn(usize) -> bool| -> Vec<Deviation> {
                all.iter().enumerate().filter(|&(n, _)| !leave(n)).map(|(_, d)| *d).collect()
            };
            let seed_of_choice = seed as usize;
            for kept in [
                vec![],
                without(&|n| n % 2 == 0),
                without(&|n| n % 3 == seed_of_choice % 3),
                without(&|n| n < all.len() / 2),
            ] {
                let what = format!("{name}, seed {seed}, {} of {} deviations", kept.len(), all.len());
                let one = replayed(seed, *scenario, &kept);
                assert_same(&one, &replayed(seed, *scenario, &kept), &what);
                // All that it deviates in makes the same run again, and it did what it tells of itself.
                let played = deviations(&one);
                assert_eq!(one.misfits(&one.schedule()), Vec::<String>::new(), "{what}");
                assert_same(&one, &replayed(seed, *scenario, &played), &what);
            }
        }
    }
}

/// Last in, first out; of every second decision it makes nonsense.
struct Newest {
    decisions: u32,
    nonsense: bool,
}

impl Strategy for Newest {
    fn pick(&mut self, candidates: &Candidates<'_>) -> Pick {
        assert!(candidates.len() >= 2, "one candidate is no decision");
        let by_age: Vec<usize> = candidates.by_age().collect();
        assert_eq!((by_age.len(), by_age[0]), (candidates.len(), candidates.oldest()));
        self.decisions += 1;
        match self.nonsense {
            true => Pick::Candidate(candidates.len() + 7),
            false => Pick::Candidate(by_age[by_age.len() - 1]),
        }
    }
}

#[test]
fn a_strategy_of_ones_own() {
    let run = |nonsense| {
        let make = move |_: Seed| -> Box<dyn Strategy> { Box::new(Newest { decisions: 0, nonsense }) };
        Sim::new().custom_strategy(make).run(|| rounds(3, 2))
    };
    assert_eq!(run(false).unwrap(), "2 2 1 1 0 0");
    let report = run(true);
    assert_eq!((report.deviations(), report.unwrap().as_str()), (0, "0 1 2 0 1 2"), "past the end is the oldest");
    let found = Explore::new()
        .seeds(0..3)
        .check(Check::All)
        .custom_strategy(|_| Box::new(Newest { decisions: 0, nonsense: false }));
    let found = found.run(|| async { assert_ne!(rounds(3, 2).await, "2 2 1 1 0 0") });
    let failure = found.first_failure().expect("it fails in every run");
    assert_eq!((failure.count(), failure.deviations() as usize), (3, failure.original().trace().deviations().len()));
    assert!(
        failure.minimised().len() as u64 <= failure.deviations(),
        "a strategy of one's own is minimised as any other"
    );
    common::in_order(&failure.to_string(), &["seed 0x0 (1 of 3 seeds tried), strategy custom, ", "minimised: "]);
    assert!(found.to_string().contains(": strategy custom: 1 kind of failure"), "{found}");
    let failing = Sim::new().custom_strategy(|_| Box::new(Newest { decisions: 0, nonsense: false }));
    let text = failing.run(|| async { rounds(3, 2).await.parse::<u32>() }).to_string();
    assert!(text.ends_with("replay: raddle::Sim::new().seed(0x0).custom_strategy(…).run(…)"), "{text}");
}

#[test]
fn a_strategy_that_panics_is_told_of() {
    struct Broken;
    impl Strategy for Broken {
        fn pick(&mut self, _: &Candidates<'_>) -> Pick {
            panic!("no idea whom to pick")
        }
    }
    let run = || Sim::new().custom_strategy(|_| Box::new(Broken)).run(|| rounds(2, 1));
    let payload = std::panic::catch_unwind(run).expect_err("nothing else can be done");
    common::in_order(
        payload.downcast_ref::<String>().expect("a text"),
        &["in a strategy", "no idea whom to pick", "tests/scheduling.rs"],
    );
    assert!(Sim::new().run(|| rounds(2, 1)).is_ok(), "the next run has another world");
}

/// Fails only if the first task has been held back after its first step while `others` ran from start to end.
async fn reorder(others: u32) {
    let (flag, done) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let tasks: Vec<_> = (0..others)
        .map(|_| {
            let (flag, done) = (flag.clone(), done.clone());
            raddle::spawn(async move {
                let seen = flag.load(SeqCst);
                for _ in 0..8 {
                    raddle::yield_now().await;
                }
                done.fetch_add(seen, SeqCst);
            })
        })
        .collect();
    let held = raddle::spawn(async move {
        flag.store(1, SeqCst);
        raddle::yield_now().await;
        assert_ne!(done.load(SeqCst), others, "overtaken by all {others}");
    });
    held.await;
    for task in tasks {
        task.await;
    }
}

/// PCT as it is often written: whoever yields drops below all others.
struct Demoting {
    priorities: HashMap<Key, i64>,
    rng: fastrand_like::Lcg,
    last: Option<Key>,
    lowest: i64,
}

mod fastrand_like {
    /// Enough randomness for a strategy of a test.
    pub struct Lcg(pub u64);
    impl Lcg {
        pub fn next(&mut self) -> i64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as i64 + 1
        }
    }
}

impl Strategy for Demoting {
    fn pick(&mut self, candidates: &Candidates<'_>) -> Pick {
        let all: Vec<raddle::Candidate> = candidates.iter().collect();
        for candidate in &all {
            let fresh = self.rng.next();
            self.priorities.entry(candidate.key()).or_insert(fresh);
        }
        if let Some(last) = self.last.filter(|last| all.iter().any(|c| c.key() == *last)) {
            self.lowest -= 1;
            self.priorities.insert(last, self.lowest);
        }
        let best = (0..all.len()).max_by_key(|&i| self.priorities[&all[i].key()]).expect("at least two");
        self.last = Some(all[best].key());
        Pick::Candidate(best)
    }
}

#[test]
fn pct_finds_what_has_to_be_held_back_for_long() {
    let explore = || Explore::new().seeds(0..4_000).check(Check::Off).stop_at_first_failure(true);
    let found = explore().strategy("pct:2".parse().unwrap()).run(|| reorder(10));
    let failure = found.first_failure().expect("pct:2 finds it");
    let finding = failure.finding().unwrap();
    assert!(finding.message().contains("overtaken by all 10"), "{finding}");
    assert!(
        matches!(found.strategy(), StrategyKind::Pct { depth: 2, length: Some(60..=120) }),
        "{:?}",
        found.strategy()
    );
    assert!(explore().run(|| reorder(10)).is_ok(), "a random walk is not expected to");
    let demoting = |seed: Seed| -> Box<dyn Strategy> {
        let rng = fastrand_like::Lcg(seed.get().wrapping_mul(0x9e37_79b9_7f4a_7c15));
        Box::new(Demoting { priorities: HashMap::new(), rng, last: None, lowest: 0 })
    };
    assert!(explore().custom_strategy(demoting).run(|| reorder(10)).is_ok(), "nor one that demotes who yields");
}

/// All digests of `scenario`, with what its runs returned.
fn digests(scenario: scenarios::Scenario) -> Vec<String> {
    let tell = |seed| {
        let report = scenarios::sim(seed).run(scenario);
        format!("{} {:?}", report.digest(), report.value())
    };
    (0..12).map(tell).collect()
}

#[test]
fn the_same_beside_other_tests() {
    let alone: Vec<_> = scenarios::ALL.iter().map(|(_, scenario)| digests(*scenario)).collect();
    let beside = std::thread::scope(|scope| {
        let other = |skip| {
            move || scenarios::ALL.iter().cycle().skip(skip).take(10).map(|(_, s)| digests(*s)).collect::<Vec<_>>()
        };
        let threads = [0, 3, 7].map(|skip| (skip, scope.spawn(other(skip))));
        threads.map(|(skip, thread)| (skip, thread.join().unwrap()))
    });
    for (skip, all) in beside {
        for (n, theirs) in all.iter().enumerate() {
            let place = (n + skip) % scenarios::ALL.len();
            assert_eq!(theirs, &alone[place], "{}", scenarios::ALL[place].0);
        }
    }
}

/// Each scenario after each other one, in one exploration: what it comes to must not depend on what ran before.
#[test]
fn the_same_whatever_ran_before_on_this_thread() {
    for (name, scenario) in scenarios::ALL {
        for (before, other) in scenarios::ALL {
            let alone = scenarios::sim(1).run(scenario);
            // The first seed runs the one, the second the other, on the same thread and workers where that is allowed.
            let turn = Arc::new(AtomicU32::new(0));
            let both = Explore::new().seeds(0..2).check(Check::Off).shrink_budget(0);
            let both = both.stall_up_to(ms(3)).pool_threads(3).allow_panics(false);
            let found = both.run(move || {
                let second = turn.fetch_add(1, SeqCst) % 2 == 1;
                let (scenario, other) = (*scenario, *other);
                async move { if second { scenario().await } else { format!("first {}", other().await.len()) } }
            });
            let outcomes: Vec<&str> =
                found.outcomes().iter().map(|o| o.text()).filter(|t| !t.starts_with("\"first")).collect();
            match alone.value() {
                Some(value) if found.is_ok() => assert_eq!(outcomes, [format!("{value:?}")], "{name} after {before}"),
                // The failure of either is run again, so that the runs are not those two any more.
                _ => assert!(*before == "failing" || *name == "failing", "{name} after {before}: {found}"),
            }
        }
    }
}

/// Every seed twice in a row on the same thread, with panics and lock-ups among them; and once more, traced.
#[test]
fn the_same_twice_in_one_exploration() {
    for (name, scenario) in scenarios::ALL {
        let explore = || Explore::new().stall_up_to(ms(3)).pool_threads(3).shrink_budget(0).check(Check::All);
        let found = explore().seeds(0..40).run(scenario);
        let divergence =
            found.failures().iter().find(|f| f.finding().unwrap().kind() == raddle::FindingKind::Divergence);
        assert!(divergence.is_none(), "{name}: {}", divergence.unwrap());
        assert_eq!(found.runs(), 40, "{name}");
        for seed in 0..10 {
            let found = explore().seeds(seed..seed + 1).run(scenario);
            let (untraced, traced) =
                (found.outcomes().first().map(|o| o.text().to_string()), scenarios::sim(seed).run(scenario));
            assert_eq!(
                untraced,
                traced.value().map(|v| format!("{v:?}")),
                "{name}, seed {seed}: a trace changes nothing"
            );
        }
    }
}
