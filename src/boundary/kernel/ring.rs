//! Rings of io_uring: what they have been given to do the kernel does, in real time; who waits for it does so in the world.

use super::arch::raw;
use super::call::{Call, Op, Timeout};
use super::memory::peek_words;
use std::ptr;

/// Flags of `io_uring_enter`, from linux/io_uring.h: to wait; with more arguments; by a number that is no descriptor; until a
/// moment and not for a while.
pub(super) const GET_EVENTS: i64 = 1;
const MORE_ARGUMENTS: i64 = 1 << 3;
const REGISTERED: i64 = 1 << 4;
const ABSOLUTE: i64 = 1 << 5;

/// For how many milliseconds of real time a disk is waited for before anybody else has a turn: whether it is quick is no seed's.
const DISK: i64 = 20;

/// What a call that waits asks for.
pub(super) fn op(args: [i64; 6]) -> Op {
    let [fd, _, _, flags, more, size] = args;
    let fd = if flags & REGISTERED != 0 { -1 } else { fd as i32 };
    // A mask, its length, and where the time is.
    let place = match peek_words(more as usize) {
        Some([_, _, place]) if flags & MORE_ARGUMENTS != 0 && size >= 24 && place != 0 => Some(place as usize),
        _ => None,
    };
    let until = match place.and_then(peek_words) {
        None => Timeout::Never,
        Some([seconds, nanos]) => {
            let nanos = seconds.saturating_mul(1_000_000_000).saturating_add(nanos);
            if flags & ABSOLUTE != 0 { Timeout::Monotonic(nanos) } else { Timeout::In(nanos) }
        }
    };
    Op::Ring { fd, until }
}

/// Has the ring begin what it has been given: how much that was, or an error. What a disk does at once is waited for.
pub fn submit_to_ring(call: &Call) -> i64 {
    let [fd, count, _, flags, ..] = call.args;
    let result = match count {
        0 => 0,
        _ => raw(call.number, [fd, count, 0, flags & !(GET_EVENTS | MORE_ARGUMENTS), 0, 0]),
    };
    if result >= 0 {
        let mut poll = libc::pollfd { fd: fd as i32, events: libc::POLLIN, revents: 0 };
        raw(libc::SYS_poll, [ptr::from_mut(&mut poll) as i64, 1, DISK, 0, 0, 0]);
    }
    result
}

/// Has the completions come in that the call waits for, of which there is one.
pub fn enter_ring(call: &Call) -> i64 {
    let [fd, _, wanted, flags, more, size] = call.args;
    raw(call.number, [fd, 0, wanted, flags, more, size])
}
