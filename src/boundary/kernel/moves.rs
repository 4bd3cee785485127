//! Bytes that are moved from one descriptor to another within the kernel: `splice`, `tee`, `vmsplice`, `sendfile`. (What
//! `std::io::copy` does where it can.)

use super::arch::raw;
use super::call::Call;
use super::waits::PAGE;

/// Carries out as much of such a call as goes without waiting, from byte `done` on, where both ends are ready: how many bytes,
/// and whether it comes back with that. `in_pieces`: it writes to a socket that waits, which has room for a piece.
pub fn move_part(call: &Call, done: usize, in_pieces: bool) -> Result<(usize, bool), i64> {
    let mut args = call.args;
    let dont_wait = i64::from(libc::SPLICE_F_NONBLOCK);
    let piece = |length: i64| (length as usize).saturating_sub(done).min(PAGE) as i64;
    // Positions, where they are told by an address, are moved on by the kernel.
    match call.number {
        // To a pipe in pieces as well: there is no flag that would say not to wait for it.
        libc::SYS_sendfile => args[3] = piece(args[3]),
        libc::SYS_splice => {
            args[4] = if in_pieces { piece(args[4]) } else { args[4] };
            args[5] |= dont_wait;
        }
        libc::SYS_tee | libc::SYS_vmsplice => args[3] |= dont_wait,
        _ => {}
    }
    let result = raw(call.number, args);
    if result < 0 {
        return Err(result);
    }
    let moved = result as usize;
    // What is in a pipe is moved as far as it goes, and a file as a whole.
    let is_whole = call.number == libc::SYS_sendfile;
    Ok((moved, !is_whole || moved == 0 || done + moved >= call.args[3] as usize))
}
