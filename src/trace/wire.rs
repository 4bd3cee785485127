//! Traces as bytes, whole ones and one in the making.

use super::{Actor, ActorKind, Event, Log, PollEnd, Source, Trace, What};
use crate::instant::Instant;
use crate::parcel::{Parcel, Reader, Sink, parcel_struct, parcel_words, put_all};

parcel_struct!(Trace { actors, events, gap, deviations, operations, readied, awaits });

impl Log {
    /// Puts the trace as far as it has come.
    pub fn put(&self, sink: &mut dyn Sink) {
        let (trace, behind, left_out) = self.so_far();
        let gap = (left_out > 0).then_some((trace.events.len(), left_out));
        trace.actors.put(sink);
        put_all(trace.events.len() + behind.len(), trace.events.iter().chain(behind), sink);
        gap.put(sink);
        trace.deviations.put(sink);
        trace.operations.put(sink);
        trace.readied.put(sink);
        trace.awaits.put(sink);
    }
}

parcel_struct!(Actor { key, kind, name, spawned_at, parent, polls, last_poll, woken_by, last_woken_by, ended });

parcel_words!(ActorKind, [ActorKind::Scenario, ActorKind::Task, ActorKind::Job, ActorKind::Worker, ActorKind::Thread]);

parcel_words!(PollEnd, [PollEnd::Open, PollEnd::Pending, PollEnd::Done, PollEnd::Panicked, PollEnd::Cancelled]);

parcel_struct!(Event { step, at, worker, what });

impl Parcel for Source {
    fn put(&self, sink: &mut dyn Sink) {
        let number = match self {
            Source::Spawn => 0,
            Source::Clock => 1,
            Source::Outside => 2,
            Source::Actor(_) => 3,
        };
        u8::put(&number, sink);
        if let Source::Actor(actor) = self {
            actor.put(sink);
        }
    }

    fn take(from: &mut Reader<'_>) -> Option<Source> {
        Some(match u8::take(from)? {
            0 => Source::Spawn,
            1 => Source::Clock,
            2 => Source::Outside,
            3 => Source::Actor(Parcel::take(from)?),
            _ => return None,
        })
    }
}

impl Parcel for What {
    fn put(&self, sink: &mut dyn Sink) {
        let mut kind = |kind: u8| kind.put(sink);
        match self {
            What::Spawned { actor, by } => {
                kind(0);
                actor.put(sink);
                by.put(sink);
            }
            What::Polled { actor, woken, before, end } => {
                kind(1);
                actor.put(sink);
                woken.put(sink);
                before.put(sink);
                end.put(sink);
            }
            What::JobBegan { job } => {
                kind(2);
                job.put(sink);
            }
            What::JobEnded { job, end } => {
                kind(3);
                job.put(sink);
                end.put(sink);
            }
            What::TimeMoved { from, before } => {
                kind(4);
                from.put(sink);
                before.put(sink);
            }
            What::Dropped { actor } => {
                kind(5);
                actor.put(sink);
            }
            What::Blocked { by, call } => {
                kind(6);
                by.put(sink);
                call.put(sink);
            }
            What::Note { by, text } => {
                kind(7);
                by.put(sink);
                text.put(sink);
            }
            What::Chose { by, nth, number, latency } => {
                kind(8);
                by.put(sink);
                nth.put(sink);
                number.put(sink);
                latency.put(sink);
            }
        }
    }

    fn take(from: &mut Reader<'_>) -> Option<What> {
        let kind = u8::take(from)?;
        let from = &mut *from;
        Some(match kind {
            0 => What::Spawned { actor: Parcel::take(from)?, by: Parcel::take(from)? },
            1 => {
                let (actor, woken, before) = (Parcel::take(from)?, Parcel::take(from)?, Parcel::take(from)?);
                What::Polled { actor, woken, before, end: Parcel::take(from)? }
            }
            2 => What::JobBegan { job: Parcel::take(from)? },
            3 => What::JobEnded { job: Parcel::take(from)?, end: Parcel::take(from)? },
            4 => What::TimeMoved { from: Instant::take(from)?, before: Parcel::take(from)? },
            5 => What::Dropped { actor: Parcel::take(from)? },
            6 => What::Blocked { by: Parcel::take(from)?, call: Parcel::take(from)? },
            7 => What::Note { by: Parcel::take(from)?, text: Parcel::take(from)? },
            8 => {
                let (by, nth, number) = (Parcel::take(from)?, Parcel::take(from)?, Parcel::take(from)?);
                What::Chose { by, nth, number, latency: Parcel::take(from)? }
            }
            _ => return None,
        })
    }
}
