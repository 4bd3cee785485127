//! `Timer` in all its forms.

use raddle::Sim;
use smol::Timer;
use smol::future::{self, FutureExt};
use smol::stream::StreamExt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

#[track_caller]
fn passes<F: Future<Output = ()> + 'static>(scenario: impl Fn() -> F + Send + 'static) -> Duration {
    let report = Sim::new().run(scenario);
    assert!(report.is_ok(), "{report}");
    report.elapsed()
}

#[test]
fn its_output_is_the_instant_it_was_scheduled_for() {
    let elapsed = passes(|| async {
        let begin = Instant::now();
        assert_eq!(Timer::after(SECOND).await, begin + SECOND);
        assert_eq!(Instant::now(), begin + SECOND);
        assert_eq!(Timer::at(begin).await, begin, "long past");
        let mut timer = Timer::interval_at(begin, SECOND);
        let ticks: Vec<Instant> = (&mut timer).take(4).collect().await;
        assert_eq!(ticks, [begin, begin + SECOND, begin + 2 * SECOND, begin + 3 * SECOND]);
    });
    assert_eq!(elapsed, 3 * SECOND);
}

#[test]
fn an_interval_makes_up_for_the_ticks_nobody_waited_for() {
    passes(|| async {
        let begin = Instant::now();
        let mut timer = Timer::interval(SECOND);
        Timer::after(SECOND * 3 + SECOND / 2).await;
        for n in 1..=4 {
            assert_eq!(timer.next().await, Some(begin + n * SECOND));
        }
        assert_eq!(Instant::now(), begin + 4 * SECOND);
    });
}

#[test]
fn never_is_never_and_can_be_set() {
    passes(|| async {
        let mut timer = Timer::never();
        assert!(!timer.will_fire());
        assert!(future::poll_once(&mut timer).await.is_none());
        timer.set_after(SECOND);
        assert!(timer.will_fire());
        let begin = Instant::now();
        assert_eq!((&mut timer).await, begin + SECOND);
        assert!(!timer.will_fire());
        timer.set_interval(SECOND);
        assert_eq!(timer.next().await, Some(begin + 2 * SECOND));
        assert_eq!(timer.next().await, Some(begin + 3 * SECOND));
        timer.clear();
        assert!(!timer.will_fire());
        let late = async { Timer::after(SECOND * 100).await };
        assert!(FutureExt::or(&mut timer, late).await > begin + 50 * SECOND, "cleared: it does not fire");
    });
    assert!(!Timer::after(Duration::MAX).will_fire(), "as smol's");
    passes(|| async { assert!(!Timer::after(Duration::MAX).will_fire()) });
}

#[test]
fn setting_another_time_wakes_whoever_waits_already() {
    let elapsed = passes(|| async {
        let timer = Arc::new(Mutex::new(Timer::after(1_000 * SECOND)));
        let waiting = {
            let timer = timer.clone();
            smol::spawn(future::poll_fn(move |cx| timer.lock().unwrap().poll(cx)))
        };
        Timer::after(SECOND).await;
        timer.lock().unwrap().set_after(SECOND);
        waiting.await;
        let timer = Arc::new(Mutex::new(Timer::after(1_000 * SECOND)));
        let waiting = {
            let timer = timer.clone();
            smol::spawn(future::poll_fn(move |cx| timer.lock().unwrap().poll(cx)))
        };
        Timer::after(SECOND).await;
        timer.lock().unwrap().set_at(Instant::now() - SECOND);
        waiting.await;
    });
    assert_eq!(elapsed, 3 * SECOND);
}

/// As in async-io: those for the same instant fire in the order of their first pending poll, not of their making.
#[test]
fn ties_are_broken_by_the_order_of_the_first_poll() {
    passes(|| async {
        let at = Instant::now() + SECOND;
        let (mut first_made, mut first_polled) = (Timer::at(at), Timer::at(at));
        assert!(future::poll_once(&mut first_polled).await.is_none());
        assert!(future::poll_once(&mut first_made).await.is_none());
        let log = Arc::new(Mutex::new(Vec::new()));
        let wait = |name, timer: Timer| {
            let log = log.clone();
            async move {
                timer.await;
                log.lock().unwrap().push(name);
            }
        };
        // Polled again by the same task: the wakers stay, and so do their places.
        let (a, b) = (wait("made", first_made), wait("polled", first_polled));
        future::zip(b, a).await;
        assert_eq!(*log.lock().unwrap(), ["polled", "made"]);
    });
}

#[test]
fn a_timer_that_is_dropped_leaves_the_clock() {
    let elapsed = passes(|| async {
        let mut timer = Timer::after(100 * SECOND);
        assert!(future::poll_once(&mut timer).await.is_none());
        drop(timer);
        Timer::after(SECOND).await;
    });
    assert_eq!(elapsed, SECOND);
}
