//! TCP between two sockets of one process, whose stack has clocks of its own: a small piece waits for the acknowledgement of
//! the one before, and that is held back for 40 ms of real time or more.

use super::arch::raw;
use std::mem;
use std::ptr;

/// `SIOCOUTQNSD`: bytes that have been written and not been sent.
const UNSENT: i64 = 0x894b;

/// A socket's two addresses, as the kernel has them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    own: [u8; 28],
    peer: [u8; 28],
}

impl Ends {
    /// Whether the two are ends of one connection.
    pub fn meet(&self, other: &Ends) -> bool {
        self.own == other.peer && self.peer == other.own
    }
}

fn option(fd: i32, level: i32, name: i32) -> Option<i32> {
    let (mut value, mut length) = (0i32, 4u32);
    let (place, size) = (ptr::from_mut(&mut value) as i64, ptr::from_mut(&mut length) as i64);
    let result = raw(libc::SYS_getsockopt, [fd.into(), level.into(), name.into(), place, size, 0]);
    (result == 0).then_some(value)
}

fn set_option(fd: i32, level: i32, name: i32, value: i32) {
    raw(libc::SYS_setsockopt, [fd.into(), level.into(), name.into(), ptr::from_ref(&value) as i64, 4, 0]);
}

/// Whether `fd` is a socket of TCP.
pub fn is_tcp(fd: i32) -> bool {
    option(fd, libc::SOL_SOCKET, libc::SO_PROTOCOL) == Some(libc::IPPROTO_TCP)
}

/// The addresses of a socket that is connected.
pub fn ends_of(fd: i32) -> Option<Ends> {
    let address = |number| {
        let (mut bytes, mut length) = ([0u8; 28], 28u32);
        let args = [fd.into(), bytes.as_mut_ptr() as i64, ptr::from_mut(&mut length) as i64, 0, 0, 0];
        (raw(number, args) == 0).then_some(bytes)
    };
    Some(Ends { own: address(libc::SYS_getsockname)?, peer: address(libc::SYS_getpeername)? })
}

/// Has all arrive that was written at `from` and finds room at the other end.
pub fn settle(from: i32) {
    /// Of these the kernel needs none, hardly ever one.
    const MOST: u32 = 2_000;
    for round in 0..MOST {
        // What is not sent while nothing is under way has no room.
        if unsent(from) == 0 || under_way(from) == 0 {
            return;
        }
        flush(from);
        if round > 0 {
            let moment = [0u64, 50_000];
            raw(libc::SYS_nanosleep, [moment.as_ptr() as i64, 0, 0, 0, 0, 0]);
        }
    }
}

/// Small pieces go out at once, as when the socket has `TCP_NODELAY`.
fn flush(fd: i32) {
    if option(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY) == Some(0) {
        set_option(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1);
        set_option(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, 0);
    }
}

fn unsent(fd: i32) -> i32 {
    let mut count = 0i32;
    raw(libc::SYS_ioctl, [fd.into(), UNSENT, ptr::from_mut(&mut count) as i64, 0, 0, 0]);
    count
}

/// Packets that have been sent and not been acknowledged: `tcpi_unacked`.
fn under_way(fd: i32) -> u32 {
    let mut info = [0u32; 64];
    let mut length = mem::size_of_val(&info) as u32;
    let (place, size) = (info.as_mut_ptr() as i64, ptr::from_mut(&mut length) as i64);
    let (level, name) = (libc::IPPROTO_TCP.into(), libc::TCP_INFO.into());
    raw(libc::SYS_getsockopt, [fd.into(), level, name, place, size, 0]);
    // Eight bytes, then words: rto, ato, snd_mss, rcv_mss, unacked.
    info[2 + 4]
}
