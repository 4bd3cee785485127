//! Bytes that are moved from one descriptor to another within the kernel: `splice`, `tee`, `vmsplice`, `sendfile`. (What
//! `std::io::copy` does where it can.)

use super::arch::raw;
use super::call::Call;
use super::waits::PAGE;

/// Carries out as much of such a call as goes without waiting, from byte `done` on, where both ends are ready: how many bytes,
/// or an error. `in_pieces`: it writes to a socket that waits, which has room for a piece.
pub fn move_part(call: &Call, done: usize, in_pieces: bool) -> i64 {
    let mut args = call.args;
    let dont_wait = i64::from(libc::SPLICE_F_NONBLOCK);
    let left = most_moved(call).saturating_sub(done);
    let piece = left.min(PAGE) as i64;
    // Positions, where they are told by an address, are moved on by the kernel.
    match call.number {
        // A pipe as well: there is no flag that would say not to wait for it.
        libc::SYS_sendfile => args[3] = piece,
        libc::SYS_splice => (args[4], args[5]) = (if in_pieces { piece } else { left as i64 }, args[5] | dont_wait),
        // Of what is in the pipe nothing is taken: the same again would be copied again.
        libc::SYS_tee | libc::SYS_vmsplice => args[3] |= dont_wait,
        _ => {}
    }
    raw(call.number, args)
}

/// How many bytes such a call moves at most.
pub fn most_moved(call: &Call) -> usize {
    match call.number {
        libc::SYS_sendfile => call.args[3] as usize,
        libc::SYS_splice => call.args[4] as usize,
        _ => 0,
    }
}

/// Whether it comes back only when that is moved, or when there is no more.
pub fn moves_all(call: &Call) -> bool {
    call.number == libc::SYS_sendfile
}
