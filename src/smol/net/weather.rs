//! What a network does to what is sent over it: the one room that everything on the way passes through.
//!
//! Today the weather is fair. Whatever is sent arrives, in order, unchanged and once, after a delay from 50 µs to 1 ms, as
//! between machines of one hall. The delay is a choice of the run, like one of [`raddle::choose`](crate::choose): drawn from
//! its latency stream, in a third of all runs from 20 lengths only, so that things meet, in another from those in steps of a
//! microsecond, and in the last third always the shortest; 50 µs in plain order; played again by a schedule, and as short as it can be
//! in one that was minimised. Loss, doubles, delays without end and parted networks are decided here once there are faults,
//! and nowhere else.

use crate::instant::Instant;
use crate::world::World;
use std::time::Duration;

/// Microseconds.
const SHORTEST: u32 = 50;
const LONGEST: u32 = 1_000;

/// The weather of a run.
#[derive(Default)]
pub(super) struct Weather;

impl Weather {
    /// How long something is under way that whoever runs sends now.
    pub fn delay(&self, world: &World) -> Duration {
        world.latency(SHORTEST, LONGEST)
    }

    /// When something arrives that is sent now, behind what arrives at `before`.
    pub fn arrival(&self, world: &World, before: Instant) -> Instant {
        (world.now() + self.delay(world)).max(before)
    }
}
