//! How much an exploration distrusts itself.

/// Which seeds are run twice, to see whether they go the same way both times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Check {
    /// None.
    Off,
    /// The first one.
    #[default]
    First,
    /// Every one.
    All,
}
