//! A test of a suite, as the build script lists it.

use std::fmt::Debug;

/// One published test.
pub struct Test {
    /// Whose it is.
    pub suite: &'static str,
    /// The release of that crate.
    pub version: &'static str,
    /// `file::function`, or `doc::file:line`.
    pub name: &'static str,
    /// It changes a static: each seed has a process of its own.
    pub own_process: bool,
    /// What it has to print.
    pub says: &'static [&'static str],
    /// The test itself.
    pub body: fn() -> Result<(), String>,
}

impl Test {
    /// How it is called on the command line, and in the list of what is left out.
    pub fn id(&self) -> String {
        format!("{}/{}", self.suite, self.name)
    }
}

/// What a test returns.
pub trait Told {
    /// What went wrong, if it is told by the result.
    fn told(self) -> Result<(), String>;
}

impl Told for () {
    fn told(self) -> Result<(), String> {
        Ok(())
    }
}

impl<T, E: Debug> Told for Result<T, E> {
    fn told(self) -> Result<(), String> {
        self.map(drop).map_err(|error| format!("{error:?}"))
    }
}
