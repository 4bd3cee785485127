//! How far a run is: a page of its own, so that it can be shared with the process that the run takes place in.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};

/// The numbers of a run that others look at. One page, and nothing else on it.
#[derive(Default)]
#[repr(C, align(4096))]
pub struct Pulse {
    /// The run's serial number in its process; 0 while no run goes on.
    pub serial: AtomicU64,
    /// Steps taken in this run.
    pub steps: AtomicU64,
    /// At this step the loop looks up: the most a run may take, or 0 if it is to do so at once.
    pub look_up_at: AtomicU64,
    /// Virtual now, in nanoseconds.
    pub now: AtomicU64,
    pub seed: AtomicU64,
    /// The spawn site of the task that runs.
    pub site: AtomicU32,
    /// Processes forked from now on share the page.
    pub(super) shared: AtomicBool,
}

impl Pulse {
    /// Has processes that are forked from now on share the page with this one, in both directions. Where that is
    /// impossible they have a copy.
    pub fn share(&'static self) {
        super::imp::share(self);
    }
}
