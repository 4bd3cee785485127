//! The strategies and what deals them, choices, schedules as text, and what is told of coverage.

mod common;

use raddle::{Access, Explore, Failure, Found, Schedule, Sim, StrategyKind};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

const STRATEGIES: [&str; 11] =
    ["portfolio", "random", "reversal", "urw", "surw", "pos", "late-writes", "pct:3", "delay:2", "exhaustive", "fifo"];

fn kind(text: &str) -> StrategyKind {
    text.parse().unwrap()
}

/// `others` tasks set two variables one after the other, and one task looks at both.
async fn torn(others: u32) {
    let pair = Arc::new((AtomicU32::new(0), AtomicU32::new(0)));
    let at = |resource, access| {
        raddle::announce(resource, access);
        raddle::yield_now()
    };
    let mut tasks = Vec::new();
    for _ in 0..others {
        let pair = pair.clone();
        tasks.push(raddle::task("setter").spawn(async move {
            at(0, Access::Write).await;
            pair.0.store(1, SeqCst);
            at(1, Access::Write).await;
            pair.1.store(1, SeqCst);
        }));
    }
    tasks.push(raddle::task("reader").spawn(async move {
        at(0, Access::Read).await;
        let one = pair.0.load(SeqCst);
        at(1, Access::Read).await;
        assert!(one == 0 || pair.1.load(SeqCst) == 1, "torn");
    }));
    for task in tasks {
        task.await;
    }
}

fn explore<Fut: Future<Output = ()> + 'static>(strategy: &str, scenario: impl Fn() -> Fut + Send) -> Found {
    Explore::new().seeds(0..2_000).strategy(kind(strategy)).stop_at_first_failure(true).run(scenario)
}

#[track_caller]
fn failure(found: &Found) -> &Failure {
    found.first_failure().unwrap_or_else(|| panic!("{found}"))
}

#[test]
fn the_same_seeds_go_the_same_way_under_every_strategy() {
    for strategy in STRATEGIES {
        let digest = || Explore::new().seeds(0..40).strategy(kind(strategy)).run(|| torn(3)).digest();
        assert_eq!(digest(), digest(), "{strategy}");
    }
}

/// One task of forty steps, and one of a single step: that comes first in one of forty orders, and in half of the runs of a
/// walk that does not know how many each has left.
#[test]
fn a_uniform_walk_knows_what_each_task_has_left() {
    let early = Arc::new(AtomicU32::new(0));
    let counted = early.clone();
    let found = Explore::new().seeds(0..200).strategy(kind("urw")).check(raddle::Check::Off).run(move || {
        let early = counted.clone();
        async move {
            let begun = Arc::new(AtomicU32::new(0));
            let steps = begun.clone();
            let long = raddle::spawn(async move {
                for _ in 0..40 {
                    steps.fetch_add(1, SeqCst);
                    raddle::yield_now().await;
                }
            });
            let short = raddle::spawn(async move {
                early.fetch_add(u32::from(begun.load(SeqCst) == 0), SeqCst);
            });
            long.await;
            short.await;
        }
    });
    assert!(found.is_ok());
    let early = early.load(SeqCst);
    assert!(early < 30, "{early} of 200");
}

#[test]
fn every_strategy_that_leaves_plain_order_finds_what_is_torn() {
    for strategy in STRATEGIES.into_iter().filter(|s| *s != "fifo" && *s != "delay:2") {
        let found = explore(strategy, || torn(3));
        let failure = failure(&found);
        assert_eq!(failure.finding().unwrap().message(), "torn", "{strategy}");
        assert!(failure.minimised().len() <= 3, "{strategy}: {failure}");
        assert!(failure.reruns().unwrap() <= 200);
    }
    assert!(explore("fifo", || torn(3)).is_ok());
}

/// A seed of a portfolio says which strategy it is dealt, wherever it is run.
#[test]
fn a_seed_is_dealt_the_same_wherever_it_is_run() {
    let dealt = |seed: u64| Sim::new().seed(seed).strategy(StrategyKind::Portfolio).run(|| torn(2));
    let (one, other) = (dealt(5), dealt(16 + 5));
    assert_eq!(one.strategy().to_string(), other.strategy().to_string());
    let alone = dealt(7);
    let among = Explore::new().seeds(7..9).strategy(StrategyKind::Portfolio).check(raddle::Check::Off);
    // The first of two is a run to measure; the second is seed 7.
    let found = among.run(|| torn(2));
    assert_eq!(found.runs(), 2);
    let shares: Vec<_> = found.coverage().strategies().iter().map(|share| share.strategy.clone()).collect();
    assert!(shares.contains(&alone.strategy().to_string()), "{shares:?} without {}", alone.strategy());
    let strategies: std::collections::BTreeSet<String> = (0..16).map(|n| dealt(n).strategy().to_string()).collect();
    assert!(strategies.len() >= 5, "{strategies:?}");
}

#[test]
fn the_failure_of_a_portfolio_says_what_found_it_and_is_replayed_by_it() {
    let found = explore("portfolio", || torn(4));
    let failure = failure(&found);
    let text = failure.to_string();
    assert!(text.contains(&format!("strategy {} of the portfolio", failure.strategy())), "{text}");
    let again = Sim::new().seed(failure.seed()).strategy(failure.strategy().clone()).run(|| torn(4));
    assert_eq!(again.digest(), failure.original().digest());
}

#[test]
fn a_schedule_is_played_as_it_is_written() {
    let found = explore("random", || torn(3));
    let failure = failure(&found);
    let text = failure.to_string();
    let line = text.lines().find_map(|line| line.strip_prefix("  schedule: ")).expect("it is told");
    let schedule: Schedule = line.parse().unwrap();
    assert_eq!(schedule, failure.schedule());
    let again = Sim::new().schedule(schedule.clone()).run(|| torn(3));
    assert_eq!(again.finding().unwrap().message(), "torn");
    assert_eq!(again.schedule(), schedule);
    assert!(again.misfits(&schedule).is_empty());
}

#[test]
fn the_decisive_pair_is_one_swap_away_from_a_run_that_passes() {
    let found = explore("random", || torn(3));
    let failure = failure(&found);
    let pair = failure.critical_pair().expect("there is one");
    assert!(failure.minimised().contains(&pair));
    let passing = failure.passing_schedule().unwrap();
    assert_eq!(passing.deviations().len() + 1, failure.minimised().len());
    assert!(Sim::new().schedule(passing).run(|| torn(3)).is_ok());
    let text = failure.to_string();
    assert!(text.contains("  decisive: reader's step ") && text.contains("the other way round it passes"), "{text}");
}

#[test]
fn what_does_not_fit_is_told_with_its_reason() {
    let misfits = |text: &str| {
        let schedule: Schedule = text.parse().unwrap();
        Sim::new().schedule(schedule.clone()).run(|| torn(2)).misfits(&schedule)
    };
    assert_eq!(misfits("v1,seed=0,3@0/1@0"), Vec::<String>::new());
    assert_eq!(misfits("v1,seed=0,9@0/1@0"), ["9@0/1@0 does not fit: there is no task 9"]);
    let short = misfits("v1,seed=0,3@7/1@0");
    assert_eq!(short, ["3@7/1@0 does not fit: reader takes 3 steps, and has no step 7"]);
    let late = misfits("v1,seed=0,1@0/s@0");
    let why = "setter's step 0 (step 2) could not run before scenario's step 0 (step 1)";
    assert!(late[0].starts_with(&format!("1@0/s@0 does not fit: {why}")), "{late:?}");
    let choice = misfits("v1,seed=0,1:0=2");
    assert!(choice[0].contains("setter makes no choice number 0"), "{choice:?}");
}

/// A fault that is chosen is part of what is minimised, and becomes as small as it can.
#[test]
fn choices_are_minimised_to_the_smallest() {
    let found = explore("random", || async {
        let (needless, needed) = (raddle::choose(10), raddle::choose(100));
        raddle::note!("{needless}");
        assert!(needed < 37, "too much");
    });
    let failure = failure(&found);
    let kept = failure.minimised();
    assert_eq!((kept.len(), kept[0].chosen()), (1, Some(37)), "{failure}");
    assert!(failure.to_string().contains("scenario chose 37 (its choice number 1)"), "{failure}");
    assert_eq!(failure.schedule().to_string(), format!("v1,seed={},s:1=37", failure.seed()));
}

#[test]
fn in_plain_order_choices_are_plain() {
    let found = Explore::new().strategy(StrategyKind::Fifo).run(|| async { (raddle::choose(5), raddle::chance(1, 2)) });
    let results: Vec<_> = found.outcomes().iter().map(|outcome| outcome.text()).collect();
    assert_eq!(results, ["(0, false)"]);
}

#[test]
fn coverage_tells_what_is_left() {
    let found = Explore::new().seeds(0..2_000).run(|| torn(1));
    let coverage = found.coverage();
    assert_eq!((coverage.runs(), coverage.interleavings()), (2_000, found.interleavings()));
    assert!(coverage.rate_of_new() < 0.01, "{coverage}");
    let found = Explore::new().seeds(0..200).run(|| torn(20));
    assert!(found.coverage().rate_of_new() > 0.9, "{}", found.coverage());
    let found = Explore::new().seeds(0..100).strategy(kind("pct:3@20")).run(|| torn(2));
    let missed = found.coverage().missed_by_pct(3).expect("PCT promises something");
    assert!((0.0..1.0).contains(&missed) && found.coverage().missed_by_pct(4).is_none());
}

/// Two tasks await something of their own, and then the order matters.
async fn two_awaits(lines: Arc<[AtomicU32; 2]>) {
    let set = Arc::new(AtomicU32::new(0));
    let (one, line) = (set.clone(), lines.clone());
    let setter = raddle::task("setter").spawn(async move {
        line[0].store(line!() + 1, SeqCst);
        raddle::yield_now().await;
        one.store(1, SeqCst);
    });
    let (tell, told) = async_channel::bounded(1);
    let getter = raddle::task("getter").spawn(async move {
        lines[1].store(line!() + 1, SeqCst);
        told.recv().await.unwrap();
        assert_eq!(set.load(SeqCst), 1, "too early");
    });
    raddle::yield_now().await;
    tell.send(()).await.unwrap();
    setter.await;
    getter.await;
}

#[test]
fn the_two_await_sites_that_must_not_be_swapped_are_told() {
    let lines = Arc::new([const { AtomicU32::new(0) }; 2]);
    let mut both = false;
    for seed in 0..200 {
        let seen = lines.clone();
        let explore = Explore::new().seeds(seed..seed + 1).strategy(StrategyKind::Random);
        let found = explore.run(move || two_awaits(seen.clone()));
        let Some(failure) = found.first_failure() else { continue };
        let text = failure.to_string();
        let (Some(pair), Some([one, other])) = (failure.critical_pair(), failure.await_sites()) else { continue };
        assert!(text.contains(&format!("the other way round it passes\n    {one}\n    {other}\n")), "{text}");
        assert!(!failure.interleaving().contains("portfolio.rs"), "no line of the source goes into a snapshot");
        for (site, step) in [(one, pair.step), (other, pair.before_step)] {
            assert!(site.place().is_some_and(|place| place.starts_with("tests/portfolio.rs:")), "{text}");
            assert_eq!(site.to_string().contains(" begins, spawned at "), step == 0, "{text}");
        }
        if (one.task(), other.task(), pair.step, pair.before_step) == ("getter", "setter", 1, 1) {
            let [setter, getter] = [0, 1].map(|n| format!("tests/portfolio.rs:{}", lines[n].load(SeqCst)));
            assert_eq!((one.place(), other.place()), (Some(&*getter), Some(&*setter)), "{text}");
            assert_eq!((one.woken_by(), other.woken_by()), (Some("scenario"), Some("setter")), "{text}");
            assert!(one.what().is_some_and(|what| what.contains("async_channel") || what.contains("event_listener")));
            both = true;
        }
    }
    assert!(both, "no seed in which both have begun");
}

/// Of two schedules with one deviation the one is told in which fewer tasks run before the failure.
#[test]
fn as_few_tasks_as_can_be_take_part() {
    let scenario = || async {
        let first = Arc::new(AtomicU32::new(0));
        for _ in 0..6 {
            raddle::task("bystander").spawn(async { raddle::yield_now().await }).detach();
        }
        let (one, other) = (first.clone(), first);
        let setter = raddle::task("setter").spawn(async move { one.store(1, SeqCst) });
        let getter = raddle::task("getter").spawn(async move { assert_eq!(other.load(SeqCst), 1, "too early") });
        setter.await;
        getter.await;
    };
    for seed in 0..8 {
        let found = Explore::new().seeds(seed..seed + 100).stop_at_first_failure(true).run(scenario);
        let failure = failure(&found);
        assert_eq!(failure.minimised().len(), 1, "{failure}");
        assert_eq!(failure.tasks(), (2, 9), "the scenario and the getter: {failure}");
        assert!(failure.to_string().contains("; 2 of 9 tasks take part\n"), "{failure}");
        let again = Sim::new().schedule(failure.schedule()).run(scenario);
        assert_eq!(again.finding().map(|finding| finding.fingerprint()), failure.finding().map(|f| f.fingerprint()));
    }
}

#[test]
fn a_failure_says_what_was_covered_and_ends_in_its_replay_line() {
    let found = explore("random", || torn(3));
    let text = failure(&found).to_string();
    let covered = text.lines().rev().nth(2).unwrap_or_default();
    let tried =
        format!("  covered: {} of 2000 seeds tried, {} distinct interleavings, ", found.runs(), found.interleavings());
    assert!(covered.starts_with(&tried), "{covered} instead of {tried}");
    assert!(text.lines().last().is_some_and(|line| line.starts_with("  replay: ")), "{text}");
    let found = Explore::new().seeds(0..400).strategy(kind("pct:2@4")).run(|| torn(1));
    let text = failure(&found).to_string();
    assert!(text.contains("; pct missed a bug of depth "), "{text}");
    let found = Explore::new().seeds(0..2_000).run(|| torn(1));
    let text = found.to_string();
    assert!(text.contains("; another 2000 runs would show few new ones"), "{text}");
    let found = Explore::new().seeds(0..1).strategy(StrategyKind::Fifo).run(|| async { panic!("at once") });
    assert!(!failure(&found).to_string().contains("covered: "), "one run covers nothing");
}

/// The program has been changed since the schedule was written down: one of its awaits is gone.
#[test]
fn a_schedule_of_other_code_says_at_which_step_it_ends() {
    let scenario = |awaits: u32| async move {
        let order = Arc::new(std::sync::Mutex::new(Vec::new()));
        let tasks: Vec<_> = (0..3)
            .map(|n| {
                let order = order.clone();
                raddle::task("worker").spawn(async move {
                    for _ in 0..awaits {
                        raddle::yield_now().await;
                    }
                    order.lock().unwrap().push(n);
                })
            })
            .collect();
        for task in tasks {
            task.await;
        }
        order.lock().unwrap().clone()
    };
    let schedule: Schedule = "v1,seed=0,3@0/1@0,2@2/1@2".parse().unwrap();
    let fits = Sim::new().schedule(schedule.clone()).run(move || scenario(2));
    assert_eq!(fits.misfits(&schedule), Vec::<String>::new());
    assert_eq!(fits.unwrap(), [2, 1, 0]);
    let edited = Sim::new().schedule(schedule.clone()).run(move || scenario(1));
    assert_eq!(edited.misfits(&schedule), ["2@2/1@2 does not fit: worker#2 takes 2 steps, and has no step 2"]);
    assert_eq!(edited.unwrap(), [2, 0, 1], "what fits is played");
}
