//! What a call touches, and how it is told.

use super::{attempts, moves};
use crate::boundary::kernel::{self, Kind, Op};
use crate::sentinel::{Detail, Touch, verdict};
use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// `AF_INET` and `AF_INET6`, as an address begins.
const INET: u16 = 2;
const INET6: u16 = 10;

/// What a call touches.
pub(super) fn touch(op: Op) -> Option<Touch> {
    let socket = |fd, dont_wait: bool| Touch::Socket { nonblocking: dont_wait || kernel::is_nonblocking(fd) };
    let stream = |fd, write: bool| match kernel::kind_of(fd) {
        _ if write && (fd == 1 || fd == 2) => Some(Touch::Output),
        Kind::File => Some(Touch::FileData),
        Kind::Socket => Some(socket(fd, false)),
        Kind::Pipe | Kind::Other => {
            Some(Touch::Pipe { nonblocking: kernel::is_nonblocking(fd), ready: kernel::is_ready(fd, write) })
        }
        Kind::Random | Kind::None => None,
    };
    match op {
        Op::Open { path } | Op::Name { path, .. } => {
            // No disk is behind these.
            let words = text_at(path);
            let is_made_up = ["\"/proc/", "\"/sys/", "\"/dev/"].iter().any(|folder| words.as_str().starts_with(folder));
            (!is_made_up).then_some(Touch::FileName)
        }
        Op::Read { fd, .. } => stream(fd, false),
        Op::Write { fd, .. } => stream(fd, true),
        Op::Disk { .. } | Op::Lock { .. } => Some(Touch::FileData),
        Op::Move { from, to, dont_wait, .. } => {
            let touches = moves::touches(from, to, dont_wait).into_iter().flatten();
            touches.max_by_key(|&touch| (verdict(touch).is_some(), touch == Touch::FileData))
        }
        Op::Attempt { sort, .. } => Some(attempts::touch(sort)),
        Op::Ring { .. } => Some(Touch::Poll { zero: false }),
        Op::Connect { fd, .. } | Op::Accept { fd } => Some(socket(fd, false)),
        Op::Receive { fd, dont_wait } | Op::Send { fd, dont_wait } => Some(socket(fd, dont_wait)),
        Op::WaitChild { hang } => Some(Touch::Child { hang }),
        Op::Process => Some(Touch::Process),
        Op::Close { .. } => Some(Touch::Close),
        _ => None,
    }
}

/// Whether a call touches something that others may touch, too. Closing touches nothing, nor do files that the kernel makes
/// up: libc's allocator reads one to count processors, once a process and in the midst of its work.
pub(super) fn is_shared(op: Op, kind: Option<Kind>) -> bool {
    match op {
        Op::Close { .. } => false,
        // Not all that `touch` asks: this is on the way of every such call in a job.
        Op::Read { .. } => !matches!(kind, Some(Kind::Random | Kind::None)),
        Op::Write { fd, .. } => fd == 1 || fd == 2 || !matches!(kind, Some(Kind::Random | Kind::None)),
        Op::Connect { .. } | Op::Accept { .. } | Op::Receive { .. } | Op::Send { .. } => true,
        Op::Move { .. } | Op::Attempt { .. } | Op::Ring { .. } => true,
        op => touch(op).is_some(),
    }
}

/// How a call is told: in a word, and with its arguments. Numbers of descriptors are left out, since they depend on what
/// else the process has open.
pub(super) fn in_words(op: Op) -> (&'static str, Detail) {
    match op {
        Op::Open { path } => ("open", text_at(path)),
        Op::Name { call, path } => (call, text_at(path)),
        Op::Disk { call, fd: -1 } => (call, Detail::new()),
        Op::Read { call, fd } | Op::Write { call, fd } | Op::Disk { call, fd } | Op::Lock { call, fd } => {
            (call, file(fd))
        }
        Op::Move { call, from, to, .. } => (call, moved(from, to)),
        Op::Attempt { sort, .. } => ("wait for", Detail::of(attempts::in_words(sort))),
        Op::Ring { .. } => ("wait for", Detail::of("io_uring")),
        Op::Connect { address, length, .. } => ("connect", address_at(address, length)),
        Op::Accept { fd } => ("accept on", file(fd)),
        Op::Receive { fd, .. } => ("receive from", file(fd)),
        Op::Send { fd, .. } => ("send to", file(fd)),
        Op::WaitChild { .. } => ("wait for a child process", Detail::new()),
        Op::Process => ("start of a child process", Detail::new()),
        Op::Close { fd } => ("close", file(fd)),
        _ => ("", Detail::new()),
    }
}

/// What is moved to what; of a file, which one: that is what a test may allow.
fn moved(from: i32, to: i32) -> Detail {
    match [from, to].into_iter().find(|&fd| fd >= 0 && kernel::kind_of(fd) == Kind::File) {
        Some(fd) => file(fd),
        None => {
            let name = |fd| if fd < 0 { Detail::of("memory") } else { file(fd) };
            let mut words = name(from);
            let _ = write!(words, " to {}", name(to).as_str());
            words
        }
    }
}

/// What is behind a descriptor: `"/etc/hosts"`, `a socket`.
fn file(fd: i32) -> Detail {
    let mut bytes = [0; Detail::PATH];
    let mut words = Detail::new();
    let length = kernel::name_of(fd, &mut bytes);
    let name = text(&bytes[..length]);
    let _ = match name.split_once(':') {
        _ if name.starts_with('/') => write!(words, "\"{name}\""),
        Some(("anon_inode", kind)) => write!(words, "{}", kind.trim_matches(['[', ']'])),
        Some((kind, _)) => write!(words, "a {kind}"),
        None => write!(words, "descriptor {fd}"),
    };
    words
}

/// The text at an address, in quotes; nothing for a null pointer.
fn text_at(address: usize) -> Detail {
    let mut bytes = [0; Detail::PATH];
    let mut words = Detail::new();
    if address == 0 {
        return words;
    }
    let read = kernel::peek(address, &mut bytes);
    let bytes = bytes[..read].split(|&b| b == 0).next().unwrap_or_default();
    let _ = write!(words, "\"{}\"", text(bytes));
    words
}

/// As much of it as is text: a long path may have been cut within a letter.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_else(|e| std::str::from_utf8(&bytes[..e.valid_up_to()]).unwrap_or("?"))
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
