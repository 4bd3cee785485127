//! `smol::process`: child processes.
//!
//! They are real ones, in a run as well. There, waiting for a child and for what it writes is the business of the pool's
//! workers, and takes no virtual time: the run goes on when the child has done something (see
//! [`smol::process`](::smol::process) for each item).

mod child;
mod command;
mod streams;
pub mod unix;

pub use ::smol::process::driver;
pub use child::Child;
pub use command::Command;
pub use std::process::{ExitStatus, Output, Stdio};
pub use streams::{ChildStderr, ChildStdin, ChildStdout};
