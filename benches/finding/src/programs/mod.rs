//! The benchmark programs, as async code. Their logic is that of the literature: the concurrent-software benchmarks and
//! CHESS programs of SCTBench (Thomson, Donaldson, Betts: *Concurrency Testing Using Schedule Bounding*, PPoPP 2014).
//!
//! There is a scheduling point before each access to something shared and before each lock; tasks are spawned in the
//! order in which the originals start their threads.

mod locks;
mod queues;
mod races;

use crate::host::{BoxFuture, Host};

/// A program with a bug.
pub struct Program {
    pub name: &'static str,
    /// How many ordering constraints the bug needs.
    pub depth: u32,
    pub start: fn() -> BoxFuture,
}

/// All programs, to be run by `H`.
pub fn all<H: Host>() -> Vec<Program> {
    macro_rules! programs {
        ($($name:literal, $depth:literal, $future:expr;)*) => {
            vec![$(Program { name: $name, depth: $depth, start: || Box::pin($future) }),*]
        };
    }
    programs! {
        "account", 2, races::account::<H>();
        "bluetooth", 2, races::bluetooth::<H>();
        "circular_buffer", 1, locks::circular_buffer::<H>();
        "stack", 1, locks::stack::<H>();
        "token_ring", 2, races::token_ring::<H>();
        "lazy01", 1, locks::lazy01::<H>();
        "deadlock01", 1, locks::deadlock01::<H>();
        "wronglock", 1, locks::wronglock::<H>();
        "stringbuffer", 2, locks::stringbuffer::<H>();
        "twostage_2", 2, locks::twostage::<H>(2);
        "twostage_20", 2, locks::twostage::<H>(20);
        "twostage_50", 2, locks::twostage::<H>(50);
        "twostage_100", 2, locks::twostage::<H>(100);
        "reorder_3", 2, races::reorder::<H>(3);
        "reorder_5", 2, races::reorder::<H>(5);
        "reorder_10", 2, races::reorder::<H>(10);
        "reorder_20", 2, races::reorder::<H>(20);
        "reorder_50", 2, races::reorder::<H>(50);
        "reorder_100", 2, races::reorder::<H>(100);
        "work_stealing", 2, queues::work_stealing::<H>();
        "safe_stack", 5, queues::safe_stack::<H>();
        "phil_5", 1, locks::philosophers::<H>(5);
        "phil_7", 1, locks::philosophers::<H>(7);
        "uneven_25", 2, races::uneven::<H>(25);
        "lost_wakeup", 2, races::lost_wakeup::<H>();
    }
}
