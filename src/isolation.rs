//! How much runs have to do with one another.

/// The line to add where threads outlive a run.
pub(crate) const HINT: &str = "give each run a process of its own: `#[raddle::test(isolation = \"process\")]`, or \
                               `.isolation(raddle::Isolation::Process)`";

/// What comes first where it is smol's own reactor, pool or threads that a run waits for.
pub(crate) const SMOL: &str = "have smol simulated: `smol = { package = \"raddle-smol\", version = \"0.1\" }` in \
                               Cargo.toml, and under [dev-dependencies] the same with `features = [\"sim\"]` (async-io's \
                               Timer and Async, too, by the names that smol has for them)";

/// Whether a thread or a path of this name is smol's.
pub(crate) fn is_of_smol(name: &str) -> bool {
    ["async-io", "async_io::", "blocking-", "blocking::", "smol-", "smol::"].iter().any(|start| name.starts_with(start))
}

/// Where the runs of an exploration take place.
///
/// With [`Process`](Isolation::Process) each run has a process of its own, forked for it, and starts from the same state:
/// - Statics do not outlive a run, nor do threads that a crate keeps in one (a reactor, a pool). So code that uses
///   `async-io`, `blocking` or `rayon`'s global pool as they are can be run under many seeds.
/// - A crash, an abort, a stack overflow, a call of `exit` and a poll that does not come back are findings of their seed
///   ([`FindingKind::Crash`](crate::FindingKind::Crash), [`FindingKind::Hang`](crate::FindingKind::Hang)), and the
///   exploration goes on.
///
/// Schedules and digests are the same either way. What differs: changes that a scenario makes to memory it shares with the
/// test do not come back, nor does its value ([`Report::value`](crate::Report::value)), of which
/// [`Report::returned`](crate::Report::returned) gives the text; and what it prints is lost where the test harness captures
/// it (`--nocapture` shows it).
///
/// On Linux only; elsewhere such a run is refused, with the reason ([`FindingKind::Setup`](crate::FindingKind::Setup)).
///
/// ```
/// use raddle::{Explore, FindingKind, Isolation};
/// # if !cfg!(target_os = "linux") { return }
///
/// let found = Explore::new().seeds(0..4).isolation(Isolation::Process).run(|| async {
///     if raddle::chance(1, 2) {
///         std::process::abort();
///     }
/// });
/// assert_eq!(found.runs(), 4);
/// assert_eq!(found.failures()[0].finding().unwrap().kind(), FindingKind::Crash);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Isolation {
    /// On a thread of this process.
    #[default]
    Thread,
    /// In a process of its own.
    Process,
}
