//! What a network does to what is sent over it: the one room that everything on the way passes through.
//!
//! Today the weather is fair. Whatever is sent arrives, in order, unchanged and once, after a delay that is drawn from the
//! run's latency stream: evenly from 50 µs to 1 ms, as between machines of one hall. Loss, doubles, delays without end and
//! parted networks are decided here once there are faults, and nowhere else.

use crate::beacon::lock;
use crate::instant::Instant;
use crate::prng::{Stream, StreamId};
use crate::world::World;
use std::sync::Mutex;
use std::time::Duration;

const SHORTEST: u64 = 50_000;
const LONGEST: u64 = 1_000_000;

/// The weather of a run.
#[derive(Default)]
pub(super) struct Weather(Mutex<Option<Stream>>);

impl Weather {
    /// How long something is under way that is sent now.
    pub fn delay(&self, world: &World) -> Duration {
        let mut stream = lock(&self.0);
        let stream = stream.get_or_insert_with(|| Stream::new(world.seed().get(), StreamId::Latency as u64));
        Duration::from_nanos(SHORTEST + u64::from(stream.below((LONGEST - SHORTEST) as u32 + 1)))
    }

    /// When something arrives that is sent now, behind what arrives at `before`.
    pub fn arrival(&self, world: &World, before: Instant) -> Instant {
        (world.now() + self.delay(world)).max(before)
    }
}
