//! Virtual time.

use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::time::Duration;

/// A moment of a run's virtual time: nanoseconds since the run began.
///
/// Got from [`raddle::now()`](crate::now). It moves only when nothing can run (or when a stall lets it slip), never
/// because real time passes.
///
/// ```
/// use std::time::Duration;
/// let report = raddle::Sim::new().run(|| async {
///     let before = raddle::now();
///     raddle::sleep(Duration::from_secs(3600)).await;
///     raddle::now() - before
/// });
/// assert_eq!(report.unwrap(), Duration::from_secs(3600));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    /// The moment a run begins.
    pub const START: Instant = Instant(0);

    pub(crate) const fn from_nanos(nanos: u64) -> Instant {
        Instant(nanos)
    }

    /// Nanoseconds since the run began.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was; zero if it is yet to come.
    pub const fn duration_since(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// `self + duration`, or the last representable moment (584 years in).
    pub fn saturating_add(self, duration: Duration) -> Instant {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Instant(self.0.saturating_add(nanos))
    }

    /// `self + duration`, or `None` beyond the last representable moment.
    pub fn checked_add(self, duration: Duration) -> Option<Instant> {
        let nanos = u64::try_from(duration.as_nanos()).ok()?;
        self.0.checked_add(nanos).map(Instant)
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;
    fn add(self, duration: Duration) -> Instant {
        self.saturating_add(duration)
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;
    fn sub(self, duration: Duration) -> Instant {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Instant(self.0.saturating_sub(nanos))
    }
}

impl SubAssign<Duration> for Instant {
    fn sub_assign(&mut self, duration: Duration) {
        *self = *self - duration;
    }
}

impl Sub<Instant> for Instant {
    type Output = Duration;
    fn sub(self, earlier: Instant) -> Duration {
        self.duration_since(earlier)
    }
}

/// The largest unit that shows the moment exactly or with three decimals: `0 ns`, `250 us`, `12 ms`, `1.5 s`.
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&nanos_to_text(self.0))
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A number of nanoseconds as a person would write it.
pub fn nanos_to_text(nanos: u64) -> String {
    let (unit, name) = match nanos {
        0..1_000 => return format!("{nanos} ns"),
        1_000..1_000_000 => (1_000, "us"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    let (whole, thousandths) = (nanos / unit, nanos % unit / (unit / 1_000));
    match thousandths {
        0 => format!("{whole} {name}"),
        _ => {
            let decimals = format!("{thousandths:03}");
            format!("{whole}.{} {name}", decimals.trim_end_matches('0'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_like_a_person_wrote_it() {
        let cases = [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1 us"),
            (1_500_000, "1.5 ms"),
            (12_000_000, "12 ms"),
            (1_002_000_000, "1.002 s"),
            (3_600_000_000_000, "3600 s"),
        ];
        for (nanos, text) in cases {
            assert_eq!(nanos_to_text(nanos), text);
        }
    }

    #[test]
    fn arithmetic_saturates() {
        let late = Instant::from_nanos(u64::MAX - 1);
        assert_eq!(late + Duration::from_secs(1), Instant::from_nanos(u64::MAX));
        assert_eq!(Instant::START - Duration::from_secs(1), Instant::START);
        assert_eq!(Instant::START - late, Duration::ZERO);
        assert_eq!(late.checked_add(Duration::from_secs(1)), None);
    }
}
