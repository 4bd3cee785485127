//! Calls that wait until they have received as much as they have room for, and not only what is there: with `MSG_WAITALL`, or
//! `recvmmsg`.

use super::arch::raw;
use super::call::Call;
use super::memory::{peek_words, poke};

/// How long `struct mmsghdr` is, which is a header and a length.
const HEADERS: usize = 64;

/// Where in a header are the length of the name, that of what comes beside the bytes, and the flags.
const NAMED: usize = 8;
const BESIDE: usize = 40;
const FLAGS: usize = 48;

/// Not in a message with more pieces.
const MOST: usize = 64;

/// `MSG_WAITFORONE` of linux/socket.h.
const WAIT_FOR_ONE: i64 = 0x1_0000;

/// Whether a call that receives waits for more than what is there.
pub fn wants_all(call: &Call) -> bool {
    let flags = match call.number {
        libc::SYS_recvmmsg => return call.args[2] > 1,
        libc::SYS_recvfrom => call.args[3],
        libc::SYS_recvmsg => call.args[2],
        _ => return false,
    };
    let wants =
        flags & i64::from(libc::MSG_WAITALL) != 0 && flags & i64::from(libc::MSG_PEEK | libc::MSG_DONTWAIT) == 0;
    wants && is_stream(call.args[0]) && (call.number == libc::SYS_recvfrom || Message::of(call).is_some())
}

fn is_stream(fd: i64) -> bool {
    let (mut sort, mut length) = (0i32, 4u32);
    let places = ((&raw mut sort) as i64, (&raw mut length) as i64);
    let args = [fd, libc::SOL_SOCKET.into(), libc::SO_TYPE.into(), places.0, places.1, 0];
    raw(libc::SYS_getsockopt, args) == 0 && sort == libc::SOCK_STREAM
}

/// A message's pieces: where each is, and how long.
struct Message {
    pieces: [[usize; 2]; MOST],
    count: usize,
}

impl Message {
    /// `None` for one that has room for more than bytes, or too many pieces.
    fn of(call: &Call) -> Option<Message> {
        // The name and its length, the pieces and how many they are, what comes beside the bytes.
        let [_, _, place, count, beside] = peek_words(call.args[1] as usize)?;
        let count = count as usize;
        if beside != 0 || count > MOST {
            return None;
        }
        let mut message = Message { pieces: [[0; 2]; MOST], count };
        for (index, piece) in message.pieces.iter_mut().take(count).enumerate() {
            *piece = peek_words(place as usize + 16 * index)?.map(|word| word as usize);
        }
        Some(message)
    }

    fn length(&self) -> usize {
        self.pieces[..self.count].iter().fold(0, |all, piece| all.saturating_add(piece[1]))
    }

    /// Where byte `at` of it is to be put, and how many bytes there are there.
    fn place(&self, mut at: usize) -> Option<[usize; 2]> {
        self.pieces[..self.count].iter().find_map(|&[place, length]| match at < length {
            true => Some([place + at, length - at]),
            false => {
                at -= length;
                None
            }
        })
    }
}

/// Carries out as much of such a call as goes without waiting, after `done` bytes or messages: how many more, and whether that
/// is all there will be.
pub fn receive_part(call: &Call, done: usize) -> Result<(usize, bool), i64> {
    let [fd, buffer, length, flags, ..] = call.args;
    let now = |flags: i64| flags & !i64::from(libc::MSG_WAITALL) | i64::from(libc::MSG_DONTWAIT);
    let receive = |place: usize, length: usize, flags: i64| {
        raw(libc::SYS_recvfrom, [fd, place as i64, length as i64, now(flags), 0, 0])
    };
    let (result, left) = match call.number {
        libc::SYS_recvmmsg => {
            let left = (length as u32 as usize).saturating_sub(done);
            let place = buffer + (HEADERS * done) as i64;
            let result = raw(libc::SYS_recvmmsg, [fd, place, left as i64, now(flags), 0, 0]);
            (result, if flags & WAIT_FOR_ONE != 0 { 1 } else { left })
        }
        libc::SYS_recvfrom => {
            let left = (length as usize).saturating_sub(done);
            let [.., address, size] = call.args;
            match done {
                // Whose it is, if that is asked for.
                0 => (raw(libc::SYS_recvfrom, [fd, buffer, length, now(flags), address, size]), left),
                _ => (receive(buffer as usize + done, left, flags), left),
            }
        }
        _ => {
            let Some(message) = Message::of(call) else { return Err(-i64::from(libc::EFAULT)) };
            let Some([place, room]) = message.place(done) else { return Ok((0, true)) };
            let result = receive(place, room, length);
            if done == 0 && result >= 0 {
                // No name, nothing beside the bytes, no flags.
                poke(buffer as usize + NAMED, &[0; 4]);
                poke(buffer as usize + BESIDE, &[0; 8]);
                poke(buffer as usize + FLAGS, &[0; 4]);
            }
            (result, message.length().saturating_sub(done))
        }
    };
    match result {
        0.. => Ok((result as usize, result == 0 || result as usize >= left)),
        error => Err(error),
    }
}
