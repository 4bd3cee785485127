//! `smol::process::unix`: what only Unix has.

use super::Command;
use super::command::Kind;
use ::smol::process::unix::CommandExt as RealExt;
use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt as StdExt;

/// Nobody else implements the trait below.
mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Command {}
}

/// What only Unix has for a [`Command`].
pub trait CommandExt: sealed::Sealed {
    /// The user that the child is run as.
    fn uid(&mut self, id: u32) -> &mut Command;
    /// The group that the child is run as.
    fn gid(&mut self, id: u32) -> &mut Command;
    /// Runs the command in place of this process. Comes back only if that fails.
    fn exec(&mut self) -> io::Error;
    /// The first argument that the child finds, in place of its program's name.
    fn arg0<S>(&mut self, arg: S) -> &mut Command
    where
        S: AsRef<OsStr>;
}

impl CommandExt for Command {
    fn uid(&mut self, id: u32) -> &mut Command {
        match &mut self.0 {
            Kind::Real(real) => drop(RealExt::uid(real, id)),
            Kind::Simulated(plan) => drop(StdExt::uid(&mut plan.command, id)),
        }
        self
    }

    fn gid(&mut self, id: u32) -> &mut Command {
        match &mut self.0 {
            Kind::Real(real) => drop(RealExt::gid(real, id)),
            Kind::Simulated(plan) => drop(StdExt::gid(&mut plan.command, id)),
        }
        self
    }

    fn exec(&mut self) -> io::Error {
        match &mut self.0 {
            Kind::Real(real) => RealExt::exec(real),
            Kind::Simulated(plan) => StdExt::exec(&mut plan.command),
        }
    }

    fn arg0<S>(&mut self, arg: S) -> &mut Command
    where
        S: AsRef<OsStr>,
    {
        match &mut self.0 {
            Kind::Real(real) => drop(RealExt::arg0(real, arg)),
            Kind::Simulated(plan) => drop(StdExt::arg0(&mut plan.command, arg)),
        }
        self
    }
}
