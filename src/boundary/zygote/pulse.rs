//! How far a run is, and what it came to: a page of its own, so that it can be shared with the process that the run takes
//! place in.

use crate::boundary::shown;
use crate::boundary::turn::Labelled;
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64};

/// The numbers of a run that others look at, and room for its answer. One page, and nothing else on it.
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
    /// How many bytes the answer has, and one more; 0 while there is none.
    pub(super) answered: AtomicU64,
    /// The spawn site of the task that runs: half of the label that it is the number of.
    pub label: AtomicU32,
    /// The process that the run takes place in, by its own account: what code under test forks from it is another.
    pub(super) process: AtomicI32,
    /// One more than the descriptor that its last words go to; 0 when there are none to say.
    pub(super) line: AtomicI32,
    /// A thread of this run has waited for a word.
    pub has_waited: AtomicBool,
    /// Processes forked from now on share the page.
    pub(super) shared: AtomicBool,
    /// Some [`Lines`](super::Lines) have the room.
    pub(super) lent: AtomicBool,
    /// Where the answer begins. What it is too short for goes through a pipe.
    pub(super) room: Room,
}

const _: () = assert!(size_of::<Pulse>() == 4096);

/// Bytes that a child writes, and its parent reads when the child has ended.
pub(super) struct Room(UnsafeCell<[u8; Room::SIZE]>);

impl Room {
    pub const SIZE: usize = 4024;

    pub fn at(&self) -> *mut u8 {
        self.0.get().cast()
    }
}

// SAFETY: sharing gives a pointer and nothing else. Who uses it argues there.
unsafe impl Sync for Room {}

impl Default for Pulse {
    fn default() -> Pulse {
        Pulse {
            serial: AtomicU64::default(),
            steps: AtomicU64::default(),
            look_up_at: AtomicU64::default(),
            now: AtomicU64::default(),
            seed: AtomicU64::default(),
            answered: AtomicU64::default(),
            label: AtomicU32::default(),
            process: AtomicI32::default(),
            line: AtomicI32::default(),
            has_waited: AtomicBool::default(),
            shared: AtomicBool::default(),
            lent: AtomicBool::default(),
            room: Room(UnsafeCell::new([0; Room::SIZE])),
        }
    }
}

impl Pulse {
    /// The spawn site of the task that runs.
    pub fn site(&self) -> u32 {
        Labelled::<()>::number_in(shown::load_u32(&self.label))
    }

    /// The task that runs was spawned at the site that is the number of `label`.
    #[inline(always)]
    pub fn set_site<M>(&self, label: &Labelled<M>) {
        shown::store_u32(&self.label, label.upper_half());
    }

    /// Has processes that are forked from now on share the page with this one, in both directions. Where that is
    /// impossible they have a copy.
    pub fn share(&'static self) {
        super::imp::share(self);
    }
}
