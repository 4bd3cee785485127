//! Where no process can be forked.

use super::{LastWords, Life, Pulse};
use std::io;
use std::panic::Location;

pub(super) fn why_not() -> Option<&'static str> {
    if cfg!(miri) { Some("Miri makes no processes") } else { Some("only done on Linux with glibc so far") }
}

pub(super) fn run<G>(_: G, _: LastWords, _: impl FnOnce() -> Vec<u8>, _: &mut dyn FnMut() -> bool) -> io::Result<Life> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(super) fn share(_: &'static Pulse) {}

pub(super) fn location_at(_: usize) -> Option<&'static Location<'static>> {
    None
}

pub(super) fn signal_name(_: i32) -> Option<&'static str> {
    None
}
