//! Bad input: one line that says what was given and what was expected.

use std::fmt;

/// Something raddle was given and cannot read: a seed, a strategy, an environment variable, a seed file.
///
/// ```
/// let error = "pct:zero".parse::<raddle::StrategyKind>().unwrap_err();
/// assert_eq!(error.to_string(), r#"strategy "pct:zero": expected portfolio, random, reversal, urw, surw, pos, late-writes, pct:DEPTH (DEPTH from 1 to 64), delay:DELAYS (0 to 64), exhaustive or fifo"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    what: String,
    given: String,
    expected: String,
}

impl Error {
    pub(crate) fn new(what: impl Into<String>, given: impl Into<String>, expected: impl Into<String>) -> Error {
        Error { what: what.into(), given: given.into(), expected: expected.into() }
    }

    /// The same complaint, with something more to say of what was expected.
    pub(crate) fn and(self, more: &str) -> Error {
        Error { expected: self.expected + more, ..self }
    }

    /// The same complaint about `what`, when a caller knows better where the text came from.
    pub(crate) fn of(self, what: impl Into<String>) -> Error {
        Error { what: what.into(), ..self }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}: expected {}", self.what, self.given, self.expected)
    }
}

impl std::error::Error for Error {}

/// The result of a [`timeout`](crate::timeout) that ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed(pub(crate) ());

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the deadline passed first")
    }
}

impl std::error::Error for Elapsed {}
