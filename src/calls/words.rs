//! What a call touches, and how it is told.

use crate::boundary::kernel::{self, Kind, Op};
use crate::sentinel::{Detail, Touch};
use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// `AF_INET` and `AF_INET6`, as an address begins.
const INET: u16 = 2;
const INET6: u16 = 10;

/// What a call touches, and how it is told.
pub(super) fn touch(op: Op) -> (Option<Touch>, &'static str, Detail) {
    let on = |fd: i32| {
        let mut words = Detail::new();
        let _ = write!(words, "descriptor {fd}");
        words
    };
    let socket = |fd, dont_wait: bool| Touch::Socket { nonblocking: dont_wait || kernel::is_nonblocking(fd) };
    let stream = |fd, write: bool| match kernel::kind_of(fd) {
        _ if write && (fd == 1 || fd == 2) => Some(Touch::Output),
        Kind::File => Some(Touch::FileData),
        Kind::Socket => Some(socket(fd, false)),
        Kind::Pipe | Kind::Other => {
            Some(Touch::Pipe { nonblocking: kernel::is_nonblocking(fd), ready: kernel::is_ready(fd, write) })
        }
        Kind::None => None,
    };
    let named = |call, path| {
        let words = text_at(path);
        // No disk is behind these.
        let is_made_up = ["\"/proc/", "\"/sys/", "\"/dev/"].iter().any(|folder| words.as_str().starts_with(folder));
        ((!is_made_up).then_some(Touch::FileName), call, words)
    };
    match op {
        Op::Open { path } => named("open", path),
        Op::Name { call, path } => named(call, path),
        Op::Read { call, fd } => (stream(fd, false), call, on(fd)),
        Op::Write { call, fd } => (stream(fd, true), call, on(fd)),
        Op::Disk { call, fd } | Op::Lock { call, fd } => (Some(Touch::FileData), call, on(fd)),
        Op::Connect { fd, address, length } => (Some(socket(fd, false)), "connect", address_at(address, length)),
        Op::Accept { fd } => (Some(socket(fd, false)), "accept", on(fd)),
        Op::Receive { fd, dont_wait } => (Some(socket(fd, dont_wait)), "receive", on(fd)),
        Op::Send { fd, dont_wait } => (Some(socket(fd, dont_wait)), "send", on(fd)),
        Op::WaitChild { hang } => (Some(Touch::Child { hang }), "wait for a child process", Detail::new()),
        Op::Process => (Some(Touch::Process), "start of a child process", Detail::new()),
        Op::Close { fd } => (Some(Touch::Close), "close", on(fd)),
        _ => (None, "", Detail::new()),
    }
}

/// The text at an address, in quotes; nothing for a null pointer.
fn text_at(address: usize) -> Detail {
    let mut bytes = [0; 94];
    let mut words = Detail::new();
    if address == 0 {
        return words;
    }
    let read = kernel::peek(address, &mut bytes);
    let bytes = bytes[..read].split(|&b| b == 0).next().unwrap_or_default();
    let text = std::str::from_utf8(bytes).unwrap_or("?");
    let _ = write!(words, "\"{text}\"");
    words
}

/// A socket's address as the kernel writes it (`sockaddr_in`, `sockaddr_in6`), and its length.
pub(super) fn socket_address(address: SocketAddr) -> ([u8; 28], usize) {
    let mut bytes = [0; 28];
    bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
    match address {
        SocketAddr::V4(address) => {
            bytes[..2].copy_from_slice(&INET.to_ne_bytes());
            bytes[4..8].copy_from_slice(&address.ip().octets());
            (bytes, 16)
        }
        SocketAddr::V6(address) => {
            bytes[..2].copy_from_slice(&INET6.to_ne_bytes());
            bytes[4..8].copy_from_slice(&address.flowinfo().to_ne_bytes());
            bytes[8..24].copy_from_slice(&address.ip().octets());
            bytes[24..].copy_from_slice(&address.scope_id().to_ne_bytes());
            (bytes, 28)
        }
    }
}

/// A socket's address in words.
fn address_at(address: usize, length: usize) -> Detail {
    let mut words = Detail::new();
    let mut bytes = [0; 28];
    let most = length.min(bytes.len());
    if kernel::peek(address, &mut bytes[..most]) < 8 {
        return words;
    }
    let port = u16::from_be_bytes([bytes[2], bytes[3]]);
    let told = match u16::from_ne_bytes([bytes[0], bytes[1]]) {
        INET => SocketAddr::from((Ipv4Addr::new(bytes[4], bytes[5], bytes[6], bytes[7]), port)),
        INET6 => {
            let mut octets = [0; 16];
            octets.copy_from_slice(&bytes[8..24]);
            SocketAddr::from((Ipv6Addr::from(octets), port))
        }
        _ => {
            let _ = words.write_str("a local socket");
            return words;
        }
    };
    let _ = write!(words, "{told}");
    words
}
