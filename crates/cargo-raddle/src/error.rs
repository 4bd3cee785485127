//! How a command ends other than well, and the exit codes.

use std::fmt;

/// The exit code when something was found.
pub const FOUND: u8 = 1;

/// Why a command could not do what it was asked.
#[derive(Debug)]
pub enum Error {
    /// What was asked makes no sense: exit code 2.
    Usage(String),
    /// It makes sense, but it did not work: exit code 3.
    Internal(String),
    /// The user broke it off before there was anything to show: exit code 130, as shells have it.
    Interrupted,
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub fn usage(text: impl Into<String>) -> Error {
        Error::Usage(text.into())
    }

    pub fn internal(text: impl Into<String>) -> Error {
        Error::Internal(text.into())
    }

    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Usage(_) => 2,
            Error::Internal(_) => 3,
            Error::Interrupted => 130,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Usage(text) | Error::Internal(text) => f.write_str(text),
            Error::Interrupted => f.write_str("interrupted"),
        }
    }
}
