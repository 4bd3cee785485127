//! Virtual time for tasks: sleeping, deadlines, intervals.

use crate::clock::TimerId;
use crate::context;
use crate::error::Elapsed;
use crate::instant::Instant;
use futures_core::Stream;
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// The virtual time of this run.
///
/// # Panics
/// Outside a run.
#[track_caller]
#[inline]
pub fn now() -> Instant {
    context::with("raddle::now", |world| world.now())
}

/// Waits for `duration` of virtual time, counted from this call. A zero duration is over at once.
///
/// # Panics
/// Outside a run.
///
/// ```
/// use std::time::Duration;
/// # raddle::Sim::new().run(|| async {
/// raddle::sleep(Duration::from_millis(5)).await;
/// assert_eq!(raddle::now().as_nanos(), 5_000_000);
/// # }).unwrap();
/// ```
#[track_caller]
#[inline]
pub fn sleep(duration: Duration) -> Sleep {
    sleep_until(now() + duration)
}

/// Waits until the virtual moment `deadline`; one that has passed is over at once.
#[inline]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep { deadline, timer: None }
}

/// The future of [`sleep`] and [`sleep_until`]. Dropped, it leaves nothing behind in the clock.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Sleep {
    deadline: Instant,
    timer: Option<TimerId>,
}

impl Sleep {
    /// The moment it waits for.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }
}

impl Future for Sleep {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let (deadline, timer) = (self.deadline, self.timer);
        context::with("raddle::sleep", |world| {
            if world.now() >= deadline {
                // A timer that has fired is gone from the clock; not so one that passed while the loop stood still.
                if let Some(timer) = self.timer.take() {
                    world.cancel_timer(timer);
                }
                return Poll::Ready(());
            }
            match timer {
                Some(timer) => world.rearm_timer(timer, cx.waker()),
                None => self.timer = Some(world.insert_timer(deadline, cx.waker().clone())),
            }
            Poll::Pending
        })
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(timer) = self.timer {
            context::try_with(|world| world.cancel_timer(timer));
        }
    }
}

/// Waits for `future`, at most for `duration` of virtual time.
///
/// # Errors
/// [`Elapsed`] if the time ran out first; `future` is dropped then.
///
/// ```
/// use std::time::Duration;
/// # raddle::Sim::new().run(|| async {
/// let never = raddle::timeout(Duration::from_secs(1), std::future::pending::<()>()).await;
/// assert!(never.is_err());
/// assert_eq!(raddle::timeout(Duration::from_secs(1), async { 1 }).await, Ok(1));
/// # }).unwrap();
/// ```
#[track_caller]
pub fn timeout<F: Future>(duration: Duration, future: F) -> Timeout<F> {
    Timeout { future, sleep: sleep(duration) }
}

pin_project! {
    /// The future of [`timeout`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct Timeout<F> {
        #[pin]
        future: F,
        #[pin]
        sleep: Sleep,
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        this.sleep.poll(cx).map(|()| Err(Elapsed(())))
    }
}

/// Ticks every `period` of virtual time, the first time one `period` from now. Ticks that nobody waited for are not
/// made up for all at once: the next one is the next multiple of `period` from the start.
///
/// # Panics
/// If `period` is zero, and outside a run.
///
/// ```
/// use std::time::Duration;
/// # raddle::Sim::new().run(|| async {
/// let mut interval = raddle::interval(Duration::from_secs(1));
/// assert_eq!(interval.tick().await.as_nanos(), 1_000_000_000);
/// assert_eq!(interval.tick().await.as_nanos(), 2_000_000_000);
/// # }).unwrap();
/// ```
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    assert!(!period.is_zero(), "raddle::interval: a period of zero would tick for ever without time moving");
    Interval { period, sleep: sleep(period) }
}

/// What [`interval`] makes: awaited with [`tick`](Interval::tick), or a [`Stream`] of the moments it ticked.
#[derive(Debug)]
pub struct Interval {
    period: Duration,
    sleep: Sleep,
}

impl Interval {
    /// Waits for the next tick, and returns the moment it was due.
    pub async fn tick(&mut self) -> Instant {
        std::future::poll_fn(|cx| self.poll_tick(cx)).await
    }

    fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        let due = self.sleep.deadline;
        if Pin::new(&mut self.sleep).poll(cx).is_pending() {
            return Poll::Pending;
        }
        let period = u64::try_from(self.period.as_nanos()).unwrap_or(u64::MAX);
        let late = (now() - due).as_nanos() as u64;
        let next = due + Duration::from_nanos((late / period + 1).saturating_mul(period));
        self.sleep = sleep_until(next);
        Poll::Ready(due)
    }
}

impl Stream for Interval {
    type Item = Instant;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Instant>> {
        self.poll_tick(cx).map(Some)
    }
}
