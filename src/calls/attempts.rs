//! Waits that only the call itself can find the end of, and those for a ring of io_uring.

use super::transfers::{Wait, and_look};
use super::{Stood, deadline};
use crate::boundary::kernel::{self, Answer, Call, Sort, Timeout};
use crate::context;
use crate::sentinel::Touch;
use crate::world::{Probe, World};

/// What a ring gives when time has run out.
const OUT_OF_TIME: i64 = -62;

/// What a wait touches that is not over at once.
pub(super) fn touch(sort: Sort) -> Touch {
    match sort {
        Sort::Signal => Touch::Poll { zero: false },
        Sort::Semaphore => Touch::Wait { is_over: false },
        Sort::Message => Touch::Pipe { nonblocking: false, ready: false },
    }
}

/// What is waited for, in words.
pub(super) fn in_words(sort: Sort) -> &'static str {
    match sort {
        Sort::Signal => "a signal",
        Sort::Semaphore => "a semaphore",
        Sort::Message => "a message queue",
    }
}

/// Carries a wait out; `wait` is asked to wait if it is not over at once.
pub(super) fn carry_out(world: &World, call: &Call, until: Timeout, wait: &mut Wait<'_>) -> Answer {
    if let Some(result) = kernel::attempt(call) {
        return and_look(world, result);
    }
    if until == Timeout::In(0) {
        return Answer::Return(kernel::out_of_time(call));
    }
    let id = world.attempts(call);
    let is_over = || context::try_with(|world| world.attempt_is_over(id)).unwrap_or(true);
    let stood = wait(Probe::Attempt(id), deadline(world, until), &is_over);
    match (world.attempted(id), stood) {
        (Some(result), _) => and_look(world, result),
        (None, Stood::Never) => Answer::Pass,
        (None, _) => Answer::Return(kernel::out_of_time(call)),
    }
}

/// Carries out a call that waits for a ring.
pub(super) fn enter_ring(world: &World, call: &Call, fd: i32, until: Timeout, wait: &mut Wait<'_>) -> Answer {
    if fd < 0 {
        return Answer::Pass;
    }
    let begun = kernel::submit_to_ring(call);
    if begun < 0 {
        return Answer::Return(begun);
    }
    let is_ready = || kernel::is_ready(fd, false);
    let stood = if is_ready() {
        Stood::Done
    } else {
        wait(Probe::Descriptor { fd, write: false }, deadline(world, until), &is_ready)
    };
    let result = if stood == Stood::TimedOut { OUT_OF_TIME } else { kernel::enter_ring(call) };
    and_look(world, if begun > 0 { begun } else { result })
}
