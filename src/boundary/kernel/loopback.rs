//! TCP between two sockets of one process, whose stack has clocks of its own: a small piece waits for the acknowledgement of
//! the one before, and that is held back for 40 ms of real time or more. Nor is it the seed's how much such a connection takes
//! at a time: the kernel has its buffers grow by what it measures in real time.
//!
//! So a connection between two threads of a world is a *line*: a pair of local sockets, which take what they take at once and
//! by the byte, stands where the two sockets of TCP were, and those are kept behind them, for whoever asks for addresses or
//! options.

use super::Call;
use super::arch::raw;
use super::memory::peek;
use super::opened::{close, opening, owns, owns_end};
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

impl Ends {
    /// Whether this is a connection to the socket that listens at these addresses.
    pub fn are_to(&self, listening: &Ends) -> bool {
        let (to, at) = (&self.peer, &listening.own);
        let address = match to[0] {
            INET => 4..8,
            _ => 8..24,
        };
        // An address of another machine may have the same port.
        if to[0] == INET && to[4] != 127 || to[0] != INET && to[8..24] != LOCALHOST {
            return false;
        }
        let is_any = at[address.clone()].iter().all(|&byte| byte == 0);
        // The same family and port. (A listener of IPv6 that takes IPv4 as well is left to the kernel.)
        to[..4] == at[..4] && (is_any || to[address.clone()] == at[address])
    }
}

impl Ends {
    /// Whether this is a connection to a local socket.
    pub fn are_local(&self) -> bool {
        u16::from_ne_bytes([self.peer[0], self.peer[1]]) == libc::AF_UNIX as u16
    }
}

/// Whether a socket of TCP that listens takes a further connection before one is accepted.
pub fn takes_another(fd: i32) -> bool {
    // The beginning of `struct tcp_info`: eight bytes, four words, and of one that listens how many wait, and how many may.
    let mut info = [[0; 4]; 8];
    let mut length = size_of_val(&info) as u32;
    let (place, size) = (info.as_mut_ptr() as i64, ptr::from_mut(&mut length) as i64);
    let args = [fd.into(), libc::IPPROTO_TCP.into(), libc::TCP_INFO.into(), place, size, 0];
    let result = raw(libc::SYS_getsockopt, args);
    let [.., waiting, most] = info.map(u32::from_ne_bytes);
    result != 0 || waiting <= most
}

/// `AF_INET`, as an address begins.
const INET: u8 = 2;
/// `::1`.
const LOCALHOST: [u8; 16] = 1u128.to_be_bytes();

/// Whom a socket is about to be connected to: the address there.
pub fn ends_to(address: usize, length: usize) -> Ends {
    let mut peer = [0; 28];
    let most = length.min(peer.len());
    peek(address, &mut peer[..most]);
    Ends { own: [0; 28], peer }
}

/// Waits until a socket that does not block is connected, for a moment; whether it is.
pub fn is_connected(fd: i32) -> bool {
    let mut poll = libc::pollfd { fd, events: libc::POLLOUT, revents: 0 };
    raw(libc::SYS_poll, [ptr::from_mut(&mut poll) as i64, 1, 100, 0, 0, 0]);
    ends_of(fd).is_some()
}

/// Puts one end of a pair of local sockets in the place of `fd`. What was there, and the other end of the pair.
pub fn divert(fd: i32) -> Option<(i32, i32)> {
    opening(|| {
        let behind = move_away(fd)?;
        let mut pair = [0i32; 2];
        let kind = i64::from(libc::SOCK_STREAM | libc::SOCK_CLOEXEC);
        if raw(libc::SYS_socketpair, [libc::AF_UNIX.into(), kind, 0, pair.as_mut_ptr() as i64, 0, 0]) != 0 {
            close(behind);
            return None;
        }
        replace(fd, pair[0]);
        owns_end(pair[1]);
        Some((behind, pair[1]))
    })
}

/// Puts `end` in the place of `fd`. What was there.
pub fn join(fd: i32, end: i32) -> Option<i32> {
    opening(|| {
        let behind = move_away(fd)?;
        replace(fd, end);
        Some(behind)
    })
}

/// Another descriptor for the same thing.
fn move_away(fd: i32) -> Option<i32> {
    let behind = raw(libc::SYS_fcntl, [fd.into(), libc::F_DUPFD_CLOEXEC.into(), 0, 0, 0, 0]);
    (behind >= 0).then(|| {
        owns(behind as i32);
        behind as i32
    })
}

/// `end` becomes `fd`, and blocks and closes as that did.
fn replace(fd: i32, end: i32) {
    let ask = |command: i32| raw(libc::SYS_fcntl, [fd.into(), command.into(), 0, 0, 0, 0]);
    let (flags, closes) = (ask(libc::F_GETFL), ask(libc::F_GETFD));
    raw(libc::SYS_fcntl, [end.into(), libc::F_SETFL.into(), flags & i64::from(libc::O_NONBLOCK), 0, 0, 0]);
    let closes = if closes & i64::from(libc::FD_CLOEXEC) == 0 { 0 } else { i64::from(libc::O_CLOEXEC) };
    raw(libc::SYS_dup3, [end.into(), fd.into(), closes, 0, 0, 0]);
    owns_end(fd);
    close(end);
}

/// Carries a call out on another descriptor than it names.
pub fn perform_at(call: &Call, fd: i32) -> i64 {
    let mut args = call.args;
    args[0] = fd.into();
    raw(call.number, args)
}

/// Whether an option is the state of the very descriptor that is asked: the error of what was done to it.
pub fn is_own_option(call: &Call) -> bool {
    (call.args[1] as i32, call.args[2] as i32) == (libc::SOL_SOCKET, libc::SO_ERROR)
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

/// The address of a socket that listens; it has no other.
pub fn place_of(fd: i32) -> Option<Ends> {
    let own = address(fd, libc::SYS_getsockname)?;
    Some(Ends { own, peer: [0; 28] })
}

/// The addresses of a socket that is connected.
pub fn ends_of(fd: i32) -> Option<Ends> {
    Some(Ends { own: address(fd, libc::SYS_getsockname)?, peer: address(fd, libc::SYS_getpeername)? })
}

fn address(fd: i32, number: i64) -> Option<[u8; 28]> {
    let (mut bytes, mut length) = ([0u8; 28], 28u32);
    let args = [fd.into(), bytes.as_mut_ptr() as i64, ptr::from_mut(&mut length) as i64, 0, 0, 0];
    (raw(number, args) == 0).then_some(bytes)
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
