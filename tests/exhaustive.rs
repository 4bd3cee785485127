//! Exhaustive search: it runs every schedule once, and with announced operations one of each class.

use raddle::{Access, Complete, Explore, Found, StrategyKind};
use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

fn exhaust<Fut, T>(scenario: impl Fn() -> Fut + Send) -> Found
where
    Fut: Future<Output = T> + 'static,
    T: std::fmt::Debug + 'static,
{
    let found = Explore::new().seeds(0..100_000).strategy(StrategyKind::Exhaustive).run(scenario);
    assert!(found.is_ok(), "{found}");
    found
}

fn schedules(found: &Found, reduced: bool) -> u64 {
    let Some(Complete { finished: true, schedules, reduced: was_reduced, one_latency: false }) =
        found.coverage().complete()
    else {
        panic!("not finished: {found}")
    };
    assert_eq!(was_reduced, reduced, "{found}");
    schedules
}

/// Lets one task wait for the last of `n`, and for no other.
#[derive(Default)]
struct Latch {
    left: AtomicU32,
    waker: Mutex<Option<Waker>>,
}

impl Latch {
    fn of(n: u32) -> Arc<Latch> {
        Arc::new(Latch { left: AtomicU32::new(n), waker: Mutex::default() })
    }

    fn one_less(&self) {
        if self.left.fetch_sub(1, SeqCst) == 1
            && let Some(waker) = self.waker.lock().unwrap().take()
        {
            waker.wake();
        }
    }

    async fn wait(&self) {
        poll_fn(|cx| {
            *self.waker.lock().unwrap() = Some(cx.waker().clone());
            if self.left.load(SeqCst) == 0 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// `tasks` tasks of `steps` steps each; the order in which they went.
async fn side_by_side(tasks: u32, steps: u32) -> String {
    let (latch, order) = (Latch::of(tasks), Arc::new(Mutex::new(String::new())));
    for task in 0..tasks {
        let (latch, order) = (latch.clone(), order.clone());
        raddle::spawn(async move {
            for step in 0..steps {
                order.lock().unwrap().push(char::from(b'a' + task as u8));
                if step + 1 < steps {
                    raddle::yield_now().await;
                }
            }
            latch.one_less();
        })
        .detach();
    }
    latch.wait().await;
    order.lock().unwrap().clone()
}

fn factorial(n: u64) -> u64 {
    (1..=n).product()
}

#[test]
fn runs_every_order_once() {
    for (tasks, steps) in [(2, 1), (2, 2), (2, 3), (2, 5), (2, 6), (3, 1), (3, 2), (3, 3)] {
        let multinomial = factorial(tasks * steps) / factorial(steps).pow(tasks as u32);
        let found = exhaust(move || side_by_side(tasks as u32, steps as u32));
        assert_eq!(schedules(&found, false), multinomial, "{tasks} tasks of {steps} steps");
        assert_eq!(found.outcomes().len() as u64, multinomial);
        assert_eq!((found.runs(), found.interleavings()), (multinomial, multinomial), "none twice");
        let told = found.to_string();
        assert!(told.contains(&format!("exhaustive: there are {multinomial} schedules")), "{told}");
    }
}

/// Each task adds to a counter `times` times, one of its own or one for all, and says so.
async fn increments(tasks: u32, times: u32, shared: bool) -> u32 {
    let latch = Latch::of(tasks);
    let counters: Arc<Vec<AtomicU32>> = Arc::new((0..tasks).map(|_| AtomicU32::new(0)).collect());
    for task in 0..tasks {
        let (latch, counters) = (latch.clone(), counters.clone());
        let own = if shared { 0 } else { task };
        raddle::spawn(async move {
            for _ in 0..times {
                raddle::announce(u64::from(own), Access::Write);
                raddle::yield_now().await;
                counters[own as usize].fetch_add(1, SeqCst);
            }
            latch.one_less();
        })
        .detach();
    }
    latch.wait().await;
    counters.iter().map(|counter| counter.load(SeqCst)).sum()
}

/// The orders of the increments of one shared atomic are the only thing that tells runs apart: (3n)! / n!³ of them.
#[test]
fn runs_one_of_each_class() {
    for (times, classes) in [(1, 6), (2, 90), (3, 1_680)] {
        let found = exhaust(move || increments(3, times, true));
        assert_eq!(schedules(&found, true), classes);
        assert!(found.to_string().contains("exhaustive modulo untracked state"), "{found}");
    }
    for times in 1..=3 {
        let found = exhaust(move || increments(3, times, false));
        assert_eq!(schedules(&found, true), 1, "nothing is shared");
    }
}

#[test]
fn two_that_only_look_are_one_class() {
    let found = exhaust(|| async {
        let latch = Latch::of(2);
        for _ in 0..2 {
            let latch = latch.clone();
            raddle::spawn(async move {
                raddle::announce(0, Access::Read);
                raddle::yield_now().await;
                latch.one_less();
            })
            .detach();
        }
        latch.wait().await;
    });
    assert_eq!(schedules(&found, true), 1);
}

#[test]
fn goes_through_choices_as_well() {
    let found = exhaust(|| async { (raddle::choose(3), raddle::chance(1, 100), raddle::choose(2)) });
    assert_eq!(schedules(&found, false), 12);
    assert_eq!(found.outcomes().len(), 12);
}

/// Each outcome comes with a schedule that leads to it.
#[test]
fn every_outcome_has_its_shortest_schedule() {
    let found = exhaust(|| side_by_side(2, 2));
    assert_eq!(found.outcomes().len(), 6);
    for outcome in found.outcomes() {
        let schedule = outcome.schedule().expect("there are several");
        assert!(schedule.deviations().len() <= 2, "{}: {schedule}", outcome.text());
        let again = raddle::Sim::new().schedule(schedule).run(|| side_by_side(2, 2));
        assert_eq!(format!("{:?}", again.unwrap()), outcome.text());
    }
}

#[test]
fn says_when_there_is_more() {
    let found = Explore::new().seeds(0..10).strategy(StrategyKind::Exhaustive).run(|| side_by_side(3, 3));
    assert_eq!(found.coverage().complete().map(|complete| complete.finished), Some(false));
    assert!(found.to_string().contains("not exhaustive: there are more schedules"), "{found}");
}

/// What it finds is replayed by its schedule, since no seed tells where the search was.
#[test]
fn what_it_finds_can_be_played_again() {
    let scenario = || async { assert_ne!(side_by_side(3, 2).await, "caabcb") };
    let found = Explore::new().seeds(0..1_000).strategy(StrategyKind::Exhaustive).run(scenario);
    let failure = found.first_failure().expect("the search meets every order");
    let replay = failure.replay();
    assert!(replay.starts_with("raddle::Sim::new().schedule(\"v1,seed=0x0,"), "{replay}");
    let again = raddle::Sim::new().schedule(failure.schedule()).run(scenario);
    assert_eq!(again.finding().map(|f| f.fingerprint()), failure.finding().map(|f| f.fingerprint()));
    assert_eq!(again.misfits(&failure.schedule()), Vec::<String>::new());
}
