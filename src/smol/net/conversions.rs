//! A socket of `smol::net`, real or simulated, and what it can be made from and into.

use crate::boundary::descriptor::Async;
use std::sync::Arc;

/// A socket as `smol::net` has it: the real one, or one over an `Async` of a run.
pub(super) enum Face<R, T> {
    Real(R),
    Simulated(Arc<Async<T>>),
}

impl<R: Clone, T> Clone for Face<R, T> {
    fn clone(&self) -> Self {
        match self {
            Face::Real(real) => Face::Real(real.clone()),
            Face::Simulated(own) => Face::Simulated(own.clone()),
        }
    }
}

impl<R: std::fmt::Debug, T: std::fmt::Debug> std::fmt::Debug for Face<R, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Face::Real(real) => real.fmt(f),
            Face::Simulated(own) => own.fmt(f),
        }
    }
}

/// The conversions that all sockets have.
macro_rules! conversions {
    ($($name:ident, $real:ty, $std:ty;)+) => {$(
        impl From<$crate::boundary::descriptor::Async<$std>> for $name {
            fn from(io: $crate::boundary::descriptor::Async<$std>) -> $name {
                use $crate::boundary::descriptor::Kind;
                let shared = match io.into_real() {
                    Ok(real) => return $name(Face::Real(real.into())),
                    Err(io) => io,
                };
                match &shared.kind {
                    Kind::Simulated { .. } => $name(Face::Simulated(std::sync::Arc::new(shared))),
                    // There are clones of the socket that it was made from: another descriptor for the same.
                    Kind::Real(real) => match (**real).get_ref().try_clone().and_then(::smol::Async::new) {
                        Ok(real) => $name(Face::Real(real.into())),
                        Err(error) => panic!("a shared socket cannot be taken over: {error}"),
                    },
                }
            }
        }

        impl TryFrom<$std> for $name {
            type Error = std::io::Error;

            fn try_from(io: $std) -> std::io::Result<$name> {
                $crate::boundary::descriptor::Async::new(io).map($name::from)
            }
        }

        impl From<$name> for std::sync::Arc<$crate::boundary::descriptor::Async<$std>> {
            fn from(socket: $name) -> Self {
                use $crate::boundary::descriptor::{Async, Kind};
                match socket.into_face() {
                    Face::Real(real) => std::sync::Arc::new(Async { kind: Kind::Real(real.into()) }),
                    Face::Simulated(own) => own,
                }
            }
        }

        impl std::os::fd::AsRawFd for $name {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                match self.face() {
                    Face::Real(real) => real.as_raw_fd(),
                    Face::Simulated(own) => own.as_raw_fd(),
                }
            }
        }

        impl $name {
            fn face(&self) -> &Face<$real, $std> {
                &self.0
            }

            fn into_face(self) -> Face<$real, $std> {
                self.0
            }
        }
    )+};
}

/// Those that all but unix datagrams have.
macro_rules! descriptors {
    ($($name:ident, $std:ty;)+) => {$(
        impl std::os::fd::AsFd for $name {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                match self.face() {
                    Face::Real(real) => real.as_fd(),
                    Face::Simulated(own) => own.get_ref().as_fd(),
                }
            }
        }

        impl TryFrom<std::os::fd::OwnedFd> for $name {
            type Error = std::io::Error;

            fn try_from(value: std::os::fd::OwnedFd) -> Result<$name, Self::Error> {
                $crate::boundary::descriptor::Async::<$std>::try_from(value).map($name::from)
            }
        }
    )+};
}

pub(super) use {conversions, descriptors};
