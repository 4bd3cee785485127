//! `smol::Timer`.

use crate::clock::TimerId;
use crate::context;
use crate::instant::Instant as Moment;
use crate::world::World;
use futures_core::Stream;
use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// A future or stream that emits timed events: [`smol::Timer`](::smol::Timer).
///
/// One that is made inside a run fires in virtual time. Its output is the instant it was scheduled for; timers for the
/// same instant fire in the order in which they were first polled.
///
/// ```
/// use raddle::smol::{Timer, stream::StreamExt};
/// use std::time::Duration;
/// # raddle::Sim::new().run(|| async {
/// let mut timer = Timer::interval(Duration::from_secs(60));
/// let (first, second) = (timer.next().await.unwrap(), timer.next().await.unwrap());
/// assert_eq!(second - first, Duration::from_secs(60));
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct Timer(Kind);

#[derive(Debug)]
enum Kind {
    Real(::smol::Timer),
    Simulated(Simulated),
}

/// A timer of a run.
#[derive(Debug)]
struct Simulated {
    when: Option<Instant>,
    period: Duration,
    /// Its place in the clock (`None` if it was due when it was set), and whom it wakes.
    entry: Option<(Option<TimerId>, Waker)>,
}

/// The instant that a run began at, as `std::time::Instant` tells it on the run's threads.
#[derive(Default)]
struct Origin(OnceLock<Instant>);

impl Origin {
    /// Where the boundary does not own the clocks, real time goes on while virtual time stands: then an instant stands
    /// for the virtual moment as far from the origin as it is.
    fn of(world: &World) -> Instant {
        let origin = world.kept::<Origin>();
        let begin = || Instant::now().checked_sub(world.now() - Moment::START).unwrap_or_else(Instant::now);
        *origin.0.get_or_init(begin)
    }
}

fn moment_of(world: &World, instant: Instant) -> Moment {
    Moment::START + instant.saturating_duration_since(Origin::of(world))
}

/// Virtual now, as an instant.
fn now(world: &World) -> Instant {
    Origin::of(world) + (world.now() - Moment::START)
}

impl Timer {
    fn simulated(world: &World, start: impl FnOnce(Instant) -> Option<Instant>, period: Duration) -> Timer {
        Timer(Kind::Simulated(Simulated { when: start(now(world)), period, entry: None }))
    }

    /// A timer that never fires.
    pub fn never() -> Timer {
        context::try_with(|world| Timer::simulated(world, |_| None, Duration::MAX))
            .unwrap_or_else(|| Timer(Kind::Real(::smol::Timer::never())))
    }

    /// A timer that fires once, after `duration`.
    pub fn after(duration: Duration) -> Timer {
        context::try_with(|world| Timer::simulated(world, |now| now.checked_add(duration), Duration::MAX))
            .unwrap_or_else(|| Timer(Kind::Real(::smol::Timer::after(duration))))
    }

    /// A timer that fires once, at `instant`.
    pub fn at(instant: Instant) -> Timer {
        context::try_with(|world| Timer::simulated(world, |_| Some(instant), Duration::MAX))
            .unwrap_or_else(|| Timer(Kind::Real(::smol::Timer::at(instant))))
    }

    /// A timer that fires every `period`, the first time one `period` from now.
    pub fn interval(period: Duration) -> Timer {
        context::try_with(|world| Timer::simulated(world, |now| now.checked_add(period), period))
            .unwrap_or_else(|| Timer(Kind::Real(::smol::Timer::interval(period))))
    }

    /// A timer that fires every `period`, the first time at `start`.
    pub fn interval_at(start: Instant, period: Duration) -> Timer {
        context::try_with(|world| Timer::simulated(world, |_| Some(start), period))
            .unwrap_or_else(|| Timer(Kind::Real(::smol::Timer::interval_at(start, period))))
    }

    /// Whether the timer will ever fire.
    pub fn will_fire(&self) -> bool {
        match &self.0 {
            Kind::Real(timer) => timer.will_fire(),
            Kind::Simulated(timer) => timer.when.is_some(),
        }
    }

    /// Has the timer fire once, after `duration`, instead.
    pub fn set_after(&mut self, duration: Duration) {
        match &mut self.0 {
            Kind::Real(timer) => timer.set_after(duration),
            Kind::Simulated(timer) => timer.set(|now| now.checked_add(duration), None),
        }
    }

    /// Has the timer fire once, at `instant`, instead.
    pub fn set_at(&mut self, instant: Instant) {
        match &mut self.0 {
            Kind::Real(timer) => timer.set_at(instant),
            Kind::Simulated(timer) => timer.set(|_| Some(instant), None),
        }
    }

    /// Has the timer fire every `period` instead, the first time one `period` from now.
    pub fn set_interval(&mut self, period: Duration) {
        match &mut self.0 {
            Kind::Real(timer) => timer.set_interval(period),
            Kind::Simulated(timer) => timer.set(|now| now.checked_add(period), Some(period)),
        }
    }

    /// Has the timer fire every `period` instead, the first time at `start`.
    pub fn set_interval_at(&mut self, start: Instant, period: Duration) {
        match &mut self.0 {
            Kind::Real(timer) => timer.set_interval_at(start, period),
            Kind::Simulated(timer) => timer.set(|_| Some(start), Some(period)),
        }
    }

    /// Has the timer never fire, until it is set again.
    pub fn clear(&mut self) {
        match &mut self.0 {
            Kind::Real(timer) => timer.clear(),
            Kind::Simulated(timer) => {
                context::with("smol::Timer::clear", |world| timer.leave_clock(world));
                timer.when = None;
            }
        }
    }
}

impl Simulated {
    /// Sets another time. A period that is not given stays: smol's does, too.
    fn set(&mut self, when: impl FnOnce(Instant) -> Option<Instant>, period: Option<Duration>) {
        context::with("smol::Timer::set", |world| {
            self.leave_clock(world);
            self.when = when(now(world));
            if let (Some(_), Some(period)) = (self.when, period) {
                self.period = period;
            }
            // Somebody waits already.
            if let (Some(when), Some((_, waker))) = (self.when, self.entry.take()) {
                self.enter_clock(world, when, waker);
            }
        });
    }

    fn leave_clock(&mut self, world: &World) {
        if let Some((timer, _)) = &mut self.entry
            && let Some(timer) = timer.take()
        {
            world.cancel_timer(timer);
        }
    }

    fn enter_clock(&mut self, world: &World, when: Instant, waker: Waker) {
        let deadline = moment_of(world, when);
        let timer = if deadline > world.now() {
            Some(world.insert_timer(deadline, waker.clone()))
        } else {
            waker.wake_by_ref();
            None
        };
        self.entry = Some((timer, waker));
    }

    fn poll(&mut self, world: &World, waker: &Waker) -> Poll<Option<Instant>> {
        let Some(when) = self.when else { return Poll::Pending };
        if moment_of(world, when) <= world.now() {
            self.leave_clock(world);
            self.entry = None;
            self.when = when.checked_add(self.period);
            if let Some(next) = self.when {
                self.enter_clock(world, next, waker.clone());
            }
            return Poll::Ready(Some(when));
        }
        if self.entry.as_ref().is_none_or(|(_, known)| !known.will_wake(waker)) {
            self.leave_clock(world);
            self.enter_clock(world, when, waker.clone());
        }
        Poll::Pending
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        context::try_with(|world| self.leave_clock(world));
    }
}

impl Future for Timer {
    type Output = Instant;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.poll_next(cx) {
            Poll::Ready(Some(when)) => Poll::Ready(when),
            Poll::Ready(None) => unreachable!("a timer does not end"),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Stream for Timer {
    type Item = Instant;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.get_mut().0 {
            Kind::Real(timer) => Pin::new(timer).poll_next(cx),
            Kind::Simulated(timer) => context::with("smol::Timer", |world| timer.poll(world, cx.waker())),
        }
    }
}
