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
    pub start: fn() -> BoxFuture,
}

/// All programs, to be run by `H`.
pub fn all<H: Host>() -> Vec<Program> {
    macro_rules! programs {
        ($($name:literal, $future:expr;)*) => {
            vec![$(Program { name: $name, start: || Box::pin($future) }),*]
        };
    }
    programs! {
        "account", races::account::<H>();
        "bluetooth", races::bluetooth::<H>();
        "circular_buffer", locks::circular_buffer::<H>();
        "stack", locks::stack::<H>();
        "token_ring", races::token_ring::<H>();
        "lazy01", locks::lazy01::<H>();
        "deadlock01", locks::deadlock01::<H>();
        "wronglock", locks::wronglock::<H>();
        "stringbuffer", locks::stringbuffer::<H>();
        "twostage_2", locks::twostage::<H>(2);
        "twostage_20", locks::twostage::<H>(20);
        "twostage_50", locks::twostage::<H>(50);
        "twostage_100", locks::twostage::<H>(100);
        "reorder_3", races::reorder::<H>(3);
        "reorder_5", races::reorder::<H>(5);
        "reorder_10", races::reorder::<H>(10);
        "reorder_20", races::reorder::<H>(20);
        "reorder_50", races::reorder::<H>(50);
        "reorder_100", races::reorder::<H>(100);
        "work_stealing", queues::work_stealing::<H>();
        "safe_stack", queues::safe_stack::<H>();
        "phil_5", locks::philosophers::<H>(5);
        "phil_7", locks::philosophers::<H>(7);
        "uneven_25", races::uneven::<H>(25);
        "lost_wakeup", races::lost_wakeup::<H>();
    }
}
