//! Where nobody can look at another thread.

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Thread;

pub(super) fn this_thread() -> Thread {
    Thread
}

pub(super) fn number(_: Thread) -> Option<i32> {
    None
}

pub(super) fn processor_time(_: Thread) -> Option<std::time::Duration> {
    None
}

pub(super) fn sample_stack(_: Thread, _: std::time::Duration, _: &mut [usize]) -> usize {
    0
}
