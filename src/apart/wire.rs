//! What a run came to, as bytes: the fields of a report that matter, one after the other.

use crate::boundary::kernel;
use crate::boundary::threads::Backend;
use crate::boundary::zygote;
use crate::deviation::Deviation;
use crate::finding::{Finding, FindingKind};
use crate::id::Key;
use crate::instant::Instant;
use crate::leak::{Leak, LongPoll};
use crate::operation::{Access, Operation};
use crate::parcel::{Parcel, Reader, Sink, parcel_struct, parcel_words};
use crate::schedule::Candidate;
use crate::sentinel::Class;
use crate::world::{Ended, Returned};
use std::panic::Location;
use std::time::Duration;

impl Parcel for Key {
    fn put(&self, sink: &mut dyn Sink) {
        self.get().put(sink);
    }

    fn take(from: &mut Reader<'_>) -> Option<Key> {
        u64::take(from).map(Key::from_raw)
    }
}

impl Parcel for Instant {
    fn put(&self, sink: &mut dyn Sink) {
        self.as_nanos().put(sink);
    }

    fn take(from: &mut Reader<'_>) -> Option<Instant> {
        u64::take(from).map(Instant::from_nanos)
    }
}

impl Parcel for Duration {
    fn put(&self, sink: &mut dyn Sink) {
        (self.as_secs(), self.subsec_nanos()).put(sink);
    }

    fn take(from: &mut Reader<'_>) -> Option<Duration> {
        let (seconds, nanos): (u64, u32) = Parcel::take(from)?;
        (nanos < 1_000_000_000).then(|| Duration::new(seconds, nanos))
    }
}

/// A place in the code goes by its address: both processes have the same code at the same place. One that was loaded by the
/// run itself is not told.
impl Parcel for &'static Location<'static> {
    fn put(&self, sink: &mut dyn Sink) {
        let at: *const Location<'static> = *self;
        (at as usize).put(sink);
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        let address = usize::take(from)?;
        Some(zygote::location_at(address).unwrap_or(Location::caller()))
    }
}

parcel_struct!(Deviation { who, step, before, before_step });
parcel_words!(Access, [Access::Read, Access::Write]);
parcel_struct!(Operation { resource, access, announced });
parcel_struct!(Candidate { key, step, slot, operation });
parcel_words!(FindingKind, FindingKind::ALL);
parcel_struct!(Finding { kind, message, shape, place, task, step, at, details, hint });
parcel_words!(Class, Class::ALL);
parcel_struct!(Leak {
    class,
    denied,
    call,
    holder,
    for_ever,
    task,
    spawned_at,
    frames,
    place,
    own,
    step,
    at,
    count,
    stood,
    ready,
    late
});
parcel_struct!(LongPoll { task, budget_ms, step, frames });
parcel_struct!(Returned { text, error, stack });

impl Parcel for Ended {
    #[inline]
    fn put(&self, sink: &mut dyn Sink) {
        let Ended {
            finding,
            steps,
            digest,
            decisions,
            deviations,
            elapsed,
            pending_names,
            abandoned,
            outliving: _,
            trace,
            threads: _,
            leaks,
            unused_allowances,
            used_allowances,
            long_polls,
            draws_nothing,
            started_children,
            boundary_off: _,
        } = self;
        finding.put(sink);
        [steps, digest, decisions, deviations].into_iter().for_each(|number| number.put(sink));
        elapsed.put(sink);
        [pending_names, abandoned].into_iter().for_each(|names| names.put(sink));
        trace.put(sink);
        leaks.put(sink);
        [unused_allowances, used_allowances].into_iter().for_each(|texts| texts.put(sink));
        long_polls.put(sink);
        [draws_nothing, started_children].into_iter().for_each(|is_so| is_so.put(sink));
    }

    #[inline]
    fn take(from: &mut Reader<'_>) -> Option<Ended> {
        Some(Ended {
            finding: Parcel::take(from)?,
            steps: Parcel::take(from)?,
            digest: Parcel::take(from)?,
            decisions: Parcel::take(from)?,
            deviations: Parcel::take(from)?,
            elapsed: Parcel::take(from)?,
            pending_names: Parcel::take(from)?,
            abandoned: Parcel::take(from)?,
            // Nothing outlives a process.
            outliving: Vec::new(),
            trace: Parcel::take(from)?,
            // The same in both processes; whoever takes it knows.
            threads: (Backend::Baton, None),
            leaks: Parcel::take(from)?,
            unused_allowances: Parcel::take(from)?,
            used_allowances: Parcel::take(from)?,
            long_polls: Parcel::take(from)?,
            draws_nothing: Parcel::take(from)?,
            started_children: Parcel::take(from)?,
            boundary_off: kernel::why_off(),
        })
    }
}
