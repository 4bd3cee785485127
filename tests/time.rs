//! Virtual time: what waits, until when, and what is left behind.

mod common;

use common::scenarios::{Diary, ms};
use futures_lite::{StreamExt, future};
use raddle::{Explore, Instant, Sim, StrategyKind, What};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// A fifo run of `scenario`, which has to succeed.
#[track_caller]
fn run<Fut, T>(scenario: impl Fn() -> Fut + Send) -> T
where
    Fut: Future<Output = T> + 'static,
    T: std::fmt::Debug + Send + 'static,
{
    Sim::new().strategy(StrategyKind::Fifo).run(scenario).unwrap()
}

fn now_ms() -> u64 {
    raddle::now().as_nanos() / 1_000_000
}

/// A waker that counts how often it was woken, and by its clones how many hold it.
#[derive(Default)]
struct Counts(AtomicU32);

impl Wake for Counts {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Polls `future` once with `counts` as its waker.
fn poll_with<F: Future>(future: Pin<&mut F>, counts: &Arc<Counts>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(&Waker::from(counts.clone())))
}

#[test]
fn sleeping_moves_the_clock_and_nothing_else_does() {
    let times = run(|| async {
        let mut times = vec![now_ms()];
        raddle::sleep(ms(5)).await;
        times.push(now_ms());
        raddle::sleep_until(Instant::START + ms(7)).await;
        times.push(now_ms());
        for _ in 0..1_000 {
            raddle::yield_now().await;
        }
        raddle::unblock(|| raddle::thread::yield_now()).await;
        times.push(now_ms());
        times
    });
    assert_eq!(times, [0, 5, 7, 7]);
}

#[test]
fn what_has_passed_is_over_at_once() {
    let report = Sim::new().run(|| async {
        raddle::sleep(ms(1)).await;
        raddle::sleep(Duration::ZERO).await;
        raddle::sleep_until(Instant::START).await;
        raddle::sleep_until(raddle::now()).await;
        assert!(raddle::timeout(Duration::ZERO, future::pending::<()>()).await.is_err());
        assert_eq!(raddle::timeout(Duration::ZERO, async { 1 }).await, Ok(1), "what is ready is ready");
    });
    assert_eq!(report.elapsed(), ms(1));
    let polls = report.trace().events().iter().filter(|e| matches!(e.what, What::Polled { .. })).count();
    assert_eq!(polls, 2, "it had to wait once:\n{}", report.interleaving());
    report.unwrap();
}

#[test]
fn a_sleep_counts_from_its_making() {
    let at = run(|| async {
        let early = raddle::sleep(ms(3));
        raddle::sleep(ms(2)).await;
        assert_eq!(early.deadline(), Instant::START + ms(3));
        early.await;
        now_ms()
    });
    assert_eq!(at, 3);
}

#[test]
fn time_stands_still_while_something_can_run() {
    let found = Explore::new().seeds(0..100).run(|| async {
        let other = raddle::spawn(async {
            for _ in 0..50 {
                raddle::yield_now().await;
                assert_eq!(now_ms(), 0);
            }
        });
        raddle::sleep(ms(1)).await;
        assert!(other.is_finished(), "the clock did not wait");
    });
    found.unwrap();
}

#[test]
fn deadlines_come_in_their_order() {
    let report = |seed| {
        Sim::new().seed(seed).run(|| async {
            let diary = Diary::default();
            let sleeps: Vec<_> = [7, 1, 30, 3, 1_000, 2]
                .map(|n| {
                    let diary = diary.clone();
                    raddle::spawn(async move {
                        raddle::sleep(ms(n)).await;
                        assert_eq!(now_ms(), n);
                        diary.note(n.to_string());
                    })
                })
                .into();
            for sleep in sleeps {
                sleep.await;
            }
            diary.read()
        })
    };
    for seed in 0..30 {
        assert_eq!(report(seed).unwrap(), "1 2 3 7 30 1000", "seed {seed}");
    }
}

async fn equal_deadlines() -> String {
    let diary = Diary::default();
    let sleeps: Vec<_> = (0..3)
        .map(|n| {
            let diary = diary.clone();
            raddle::spawn(async move {
                raddle::sleep(ms(1)).await;
                diary.note(n.to_string());
            })
        })
        .collect();
    for sleep in sleeps {
        sleep.await;
    }
    diary.read()
}

#[test]
fn equal_deadlines_are_a_choice() {
    assert_eq!(run(equal_deadlines), "0 1 2", "plainly, in the order in which they were registered");
    let found = Explore::new().seeds(0..300).shrink_budget(0).run(equal_deadlines);
    assert_eq!(found.outcomes().len(), 6, "{:?}", found.outcomes());
}

#[test]
fn a_timeout_drops_what_it_waited_for() {
    run(|| async {
        let held = Arc::new(());
        let theirs = held.clone();
        let slow = async move {
            raddle::sleep(ms(10)).await;
            drop(theirs);
        };
        let late = raddle::timeout(ms(3), slow).await.unwrap_err();
        assert_eq!(late.to_string(), "the deadline passed first");
        assert_eq!((now_ms(), Arc::strong_count(&held)), (3, 1));
        let in_time = raddle::timeout(ms(3), async {
            raddle::sleep(ms(3)).await;
            1
        });
        assert_eq!(in_time.await, Ok(1), "at the same moment the future comes first");
    });
}

#[test]
fn an_interval_ticks_at_multiples() {
    let ticks = run(|| async {
        let mut interval = raddle::interval(ms(10));
        let mut ticks = vec![interval.tick().await];
        raddle::sleep(ms(25)).await;
        // At 35: the tick of 20 is late, that of 30 is not made up for.
        ticks.push(interval.tick().await);
        assert_eq!(now_ms(), 35);
        ticks.push(interval.tick().await);
        ticks.push(interval.next().await.unwrap());
        assert_eq!(now_ms(), 50);
        // A tick that is given up half-way is not lost.
        assert!(raddle::timeout(ms(5), interval.tick()).await.is_err());
        ticks.push(interval.tick().await);
        ticks
    });
    let ms: Vec<u64> = ticks.iter().map(|tick| tick.as_nanos() / 1_000_000).collect();
    assert_eq!(ms, [10, 20, 40, 50, 60]);
    let report = Sim::new().run(|| async { raddle::interval(Duration::ZERO).tick().await });
    assert!(report.finding().unwrap().message().contains("a period of zero"), "{report}");
}

#[test]
fn a_dropped_timer_leaves_nothing() {
    let elapsed = Sim::new().run(|| async {
        let counts = Arc::new(Counts::default());
        let mut sleep = Box::pin(raddle::sleep(ms(1_000)));
        assert!(poll_with(sleep.as_mut(), &counts).is_pending());
        assert_eq!(Arc::strong_count(&counts), 2, "the clock has its waker");
        drop(sleep);
        assert_eq!(Arc::strong_count(&counts), 1, "and gave it back");
        for _ in 0..1_000 {
            let _ = raddle::timeout(ms(500), raddle::sleep(ms(1))).await;
        }
        raddle::sleep(ms(1)).await;
        assert_eq!(counts.0.load(SeqCst), 0);
    });
    assert_eq!(elapsed.elapsed(), ms(1_001), "the clock never went where nobody waits any more");
    elapsed.unwrap();
}

#[test]
fn a_timer_polled_again_wakes_the_newest_waker_alone_and_once() {
    run(|| async {
        let (first, second) = (Arc::new(Counts::default()), Arc::new(Counts::default()));
        let mut sleep = pin!(raddle::sleep(ms(5)));
        for _ in 0..10 {
            assert!(poll_with(sleep.as_mut(), &first).is_pending());
            assert_eq!(Arc::strong_count(&first), 2, "one waker, however often it is polled");
        }
        assert!(poll_with(sleep.as_mut(), &second).is_pending());
        assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (1, 2));
        raddle::sleep(ms(6)).await;
        assert_eq!((first.0.load(SeqCst), second.0.load(SeqCst)), (0, 1));
        assert_eq!(Arc::strong_count(&second), 1, "fired and given back");
        assert!(poll_with(sleep.as_mut(), &first).is_ready());
    });
}

/// A timer that has fired may share its place with a newer one; letting go of the first leaves the second alone.
#[test]
fn a_fired_timer_does_not_take_another_with_it() {
    run(|| async {
        let counts = Arc::new(Counts::default());
        let mut fired = Box::pin(raddle::sleep(ms(1)));
        assert!(poll_with(fired.as_mut(), &counts).is_pending());
        raddle::sleep(ms(1)).await;
        let newer = raddle::spawn(raddle::sleep(ms(5)));
        raddle::yield_now().await;
        drop(fired);
        newer.await;
        assert_eq!((now_ms(), counts.0.load(SeqCst)), (6, 1));
    });
}

#[test]
fn far_deadlines_do_not_overflow() {
    let report = Sim::new().run(|| async {
        let century = Duration::from_secs(100 * 365 * 24 * 3_600);
        raddle::sleep(century).await;
        assert_eq!(raddle::now(), Instant::START + century);
        let never = raddle::timeout(century * 10, raddle::timeout(Duration::MAX, future::pending::<()>())).await;
        assert!(matches!(never, Err(_) | Ok(Err(_))));
        raddle::now()
    });
    assert_eq!(report.unwrap(), Instant::START + Duration::MAX);
    let report = Sim::new().run(|| async {
        raddle::sleep(Duration::MAX).await;
        // The last moment there is: everything that is still to come is over.
        raddle::sleep(Duration::from_secs(1)).await;
        let mut interval = raddle::interval(ms(1));
        interval.tick().await;
    });
    assert!(report.is_ok(), "{report}");
}

/// A task that is busy for a while, without time passing, and a timer that would have to fire in between.
async fn hurry() -> bool {
    let busy = raddle::spawn(async {
        for _ in 0..5 {
            raddle::yield_now().await;
        }
    });
    raddle::sleep(ms(2)).await;
    busy.is_finished()
}

#[test]
fn a_stall_reaches_what_is_otherwise_out_of_reach() {
    let outcomes = |explore: Explore| -> Vec<String> {
        explore.seeds(0..300).run(hurry).outcomes().iter().map(|o| o.text().to_string()).collect()
    };
    assert_eq!(outcomes(Explore::new()), ["true"], "off by default");
    assert_eq!(outcomes(Explore::new().stall_up_to(Duration::ZERO)), ["true"], "zero is off");
    assert_eq!(outcomes(Explore::new().stall_up_to(ms(1))), ["true"], "not as far as that");
    assert_eq!(outcomes(Explore::new().stall_up_to(ms(2))), ["false", "true"]);
    assert_eq!(outcomes(Explore::new().stall_up_to(ms(2)).strategy(StrategyKind::Fifo)), ["true"], "fifo never stalls");
}

#[test]
fn a_stall_is_bounded_in_one_stretch() {
    let found = Explore::new().seeds(0..200).stall_up_to(ms(4)).run(|| async {
        // Always ready, so that time moves by stalls alone.
        let done = Arc::new(AtomicU32::new(0));
        let theirs = done.clone();
        let ticking = raddle::spawn(async move {
            let mut interval = raddle::interval(ms(1));
            while theirs.load(SeqCst) == 0 {
                interval.tick().await;
            }
        });
        for _ in 0..60 {
            raddle::yield_now().await;
            assert!(now_ms() <= 4, "at {}", raddle::now());
        }
        done.store(1, SeqCst);
        let reached = now_ms();
        ticking.await;
        reached
    });
    let reached: Vec<&str> = found.outcomes().iter().map(|o| o.text()).collect();
    assert_eq!(reached.last(), Some(&"4"), "{reached:?} {found}");
    assert!(found.is_ok(), "{found}");
}

#[test]
fn a_stall_is_told_replayed_and_minimised() {
    let found = Explore::new().name("hurry").seeds(0..300).stall_up_to(ms(2)).run(|| async { assert!(hurry().await) });
    let failure = found.first_failure().expect("some seed stalls");
    assert_eq!(failure.minimised().len(), 1, "{failure}");
    assert_eq!(failure.minimised()[0].who, raddle::Key::CLOCK);
    let text = failure.to_string();
    common::in_order(
        &text,
        &["minimised: 1 deviation (was ", "time passed a deadline before ", "* ", "-- time moves by 2 ms, before "],
    );
    let replay = StrategyKind::Replay(failure.minimised().to_vec());
    let sim = Sim::new().seed(failure.seed()).stall_up_to(ms(2));
    let report = sim.strategy(replay).run(|| async { assert!(hurry().await) });
    assert_eq!(report.interleaving(), failure.interleaving());
}
