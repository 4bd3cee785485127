//! The calls of workers and native threads: waits in the world, and switch points.

use super::outside::{held_by_others, held_outside, is_at_a_row};
use super::words::is_shared;
use super::{AGAIN, Stood, TIMED_OUT, deadline, wake};
use super::{attempts, transfers};
use crate::boundary::kernel::{self, Answer, Call, Kind, Op, Timeout};
use crate::boundary::threads::Backend;
use crate::context;
use crate::instant::Instant;
use crate::workers;
use crate::world::{Probe, World, is_native};

/// Whether whoever makes `call` shows by it that it goes on after a panic. A wait for one of libc's locks (the allocator's, say),
/// or for one in a static (as std's own are, one of which each thread takes on its way out), shows that others have it, who may
/// be outside the world: whether there is such a wait is no seed's business.
fn is_own_doing(call: &Call) -> bool {
    match call.op {
        Op::FutexWait { word, .. } | Op::FutexWake { word, .. } => !call.is_libcs && !kernel::is_static(word),
        _ => !call.is_libcs,
    }
}

pub(super) fn on_worker(world: &World, index: u32, call: &Call) -> Answer {
    if is_native(index) && !std::thread::panicking() && is_own_doing(call) {
        world.native_goes_on(index);
    }
    match call.op {
        Op::Rename { name } => {
            if is_native(index) {
                let mut bytes = [0; 16];
                let read = kernel::peek(name, &mut bytes);
                let name = bytes[..read].split(|&b| b == 0).next().unwrap_or_default();
                world.rename(&String::from_utf8_lossy(name));
            }
            match world.threads.backend() {
                // The kernel thread is the loop's.
                Backend::Borrowed => Answer::Return(0),
                Backend::Baton => Answer::Pass,
            }
        }
        Op::Sleep(until) => {
            workers::wait_until(index, "the end of its sleep", deadline(world, until), || false);
            Answer::Return(0)
        }
        Op::FutexWait { word, value, until } => {
            if !kernel::word_is(word, value) {
                return AGAIN;
            }
            if let Some(result) = held_outside(world, call, word) {
                return result;
            }
            if let Some(result) = held_by_others(world, call, word, until) {
                return result;
            }
            let end = deadline(world, until);
            if end.is_some_and(|end| end <= world.now()) && world.is_late_again(Some(index)) {
                let next = Instant::from_nanos(world.now().as_nanos() + 1);
                workers::wait_until(index, "the end of its wait", Some(next), || false);
                return TIMED_OUT;
            }
            let place = world.futex_waits(word, value, Some(index));
            let in_time = workers::wait_until(index, "a lock or a wake-up", end, || {
                context::try_with(|world| world.futex_is_woken(place)).unwrap_or(true)
            });
            context::try_with(|world| world.futex_done(place));
            if in_time { Answer::Return(0) } else { TIMED_OUT }
        }
        Op::FutexWake { word, count } => {
            let (answer, is_ours) = wake(world, call, word, count);
            if is_ours {
                world.after_letting_go(index, word, || _ = workers::switch_point(world));
            }
            answer
        }
        Op::Poll { until, .. } => {
            let mut result = kernel::perform_now(call);
            if result == 0 && until != Timeout::In(0) {
                let end = deadline(world, until);
                workers::wait_outside(index, "one of its descriptors", end, Probe::Call(*call), &mut || {
                    result = kernel::perform_now(call);
                    result != 0
                });
            } else {
                workers::switch_point(world);
            }
            if result == 0 {
                kernel::clear_sets(call);
            }
            Answer::Return(result)
        }
        Op::Attempt { sort, until } => {
            may_switch(world, call);
            attempts::carry_out(world, call, until, &mut waiter(index, attempts::in_words(sort)))
        }
        Op::WaitChild { hang } => {
            if hang {
                let probe = Probe::Call(*call);
                workers::wait_outside(index, "a child process", None, probe, &mut || probe.is_ready(world));
            }
            if kernel::reaps(call) {
                world.children.set(world.children.get().saturating_sub(1));
            }
            Answer::Pass
        }
        // Whoever it waits for is none of those that it could give way to.
        Op::Yield if is_at_a_row() => Answer::Pass,
        Op::Yield => {
            workers::give_way();
            Answer::Return(0)
        }
        Op::Open { .. } => {
            may_switch(world, call);
            transfers::open(world, call, &mut |id, is_over| {
                let probe = Probe::Opening(id);
                workers::wait_outside(index, "the other end of a FIFO", None, probe, &mut || is_over())
            })
        }
        Op::Name { .. } | Op::Disk { .. } | Op::Connect { .. } => {
            may_switch(world, call);
            match call.op {
                Op::Connect { fd, address, length } => {
                    let to = kernel::ends_to(address, length);
                    transfers::connect(world, call, fd, to, &mut waiter(index, "a server"))
                }
                _ => Answer::Pass,
            }
        }
        Op::Process => {
            world.children.set(world.children.get() + 1);
            Answer::Pass
        }
        Op::ProcessOver => {
            world.children.set(world.children.get().saturating_sub(1));
            Answer::Pass
        }
        Op::Write { fd: 1 | 2, .. } => Answer::Pass,
        Op::Read { .. } | Op::Write { .. } if call.op.is_at_position() => at_position(world, call),
        _ => {
            let kind = match call.op {
                Op::Read { fd, .. } | Op::Write { fd, .. } => Some(kernel::kind_of(fd)),
                _ => None,
            };
            // Whoever runs meanwhile may close it, and open something else.
            let kind = if may_switch_at(world, call, kind) { None } else { kind };
            let what = match call.op {
                Op::Lock { .. } => "a lock of a file",
                Op::Ring { .. } => "io_uring",
                _ => "a descriptor",
            };
            transfers::transfer(world, call, kind, &mut waiter(index, what))
        }
    }
}

/// Suspends worker `index` while it waits for something.
fn waiter(index: u32, what: &'static str) -> impl FnMut(Probe, Option<Instant>, &dyn Fn() -> bool) -> Stood {
    move |probe, end, is_over| match workers::wait_outside(index, what, end, probe, &mut || is_over()) {
        true => Stood::Done,
        false if end.is_some() => Stood::TimedOut,
        false => Stood::Never,
    }
}

/// A call that reads or writes at a position: what would wait for others has none and refuses, so that this is a file, and
/// nobody asks which.
#[inline]
pub(super) fn at_position(world: &World, call: &Call) -> Answer {
    if !call.is_libcs {
        workers::switch_point(world);
    }
    Answer::Pass
}

/// Others may run before a call that touches something, unless its caller may hold a lock of libc's, or that of symbols.
fn may_switch(world: &World, call: &Call) {
    may_switch_at(world, call, None);
}

/// The same for one that reads or writes something of this `kind`. Whether others have run.
fn may_switch_at(world: &World, call: &Call, kind: Option<Kind>) -> bool {
    !call.is_libcs
        && is_shared(call.op, kind)
        && world.is_anybody_ready()
        && !kernel::is_for_libc(call)
        && !kernel::looks_up_symbols()
        && workers::switch_point(world)
}
