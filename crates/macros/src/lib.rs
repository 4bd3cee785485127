//! The attribute [`#[raddle::test]`](macro@test), re-exported by [`raddle`](https://docs.rs/raddle).
//! Use it from there: what it expands to calls into `raddle`, so this crate is of no use alone.
//!
//! ```ignore
//! #[raddle::test(seeds = 500, strategy = "pct:3")]
//! async fn no_money_is_lost() {
//!     let bank = Bank::open().await;
//!     let a = raddle::spawn(bank.transfer(1, 2, 50));
//!     let b = raddle::spawn(bank.transfer(2, 1, 30));
//!     futures_lite::future::zip(a, b).await;
//!     assert_eq!(bank.total().await, 100);
//! }
//! ```
//!
//! [`test`](macro@test) lists every argument and its default.
#![forbid(unsafe_code)]

mod args;
mod blocking;
mod expand;
mod nearest;
mod scenario;
mod value;

/// Turns an `async fn` into a test that is run under many seeds, each one another order of its tasks, blocking jobs
/// and timers.
///
/// ```ignore
/// #[raddle::test]
/// async fn the_last_message_arrives() {
///     let (sender, receiver) = async_channel::bounded(1);
///     raddle::spawn(async move { sender.send(7).await }).detach();
///     assert_eq!(receiver.recv().await, Ok(7));
/// }
///
/// #[raddle::test(seeds = 2_000, strategy = "pct:3", stall_up_to = "5ms", snapshot)]
/// #[should_panic(expected = "lost")]
/// async fn the_old_release_loses_one() -> Result<(), Box<dyn std::error::Error>> {
///     // …
///     Ok(())
/// }
/// ```
///
/// The function takes no arguments, is neither generic nor `unsafe`, `const` or `extern`, and returns `()` or a
/// `Result<(), E>` whose `E` is `Debug`: an `Err` fails the test as a panic does. `#[ignore]`, `#[should_panic]`,
/// `#[cfg]`, lint levels and doc comments work as on any test. `#[test]` is not to be written as well.
///
/// # Arguments
///
/// All are optional, and each but `allow_path` may be given once. The environment (`RADDLE_SEED`, `RADDLE_SEEDS`, …) wins over them.
///
/// | argument | default | meaning |
/// |---|---|---|
/// | `seeds = 500` | 256 | how many seeds are tried, from 1 up |
/// | `seed = 42`, `seed = "0x2f"` | from the test's path | the first seed: a number, a string with a decimal or `0x` number, or the 40 hex digits of a commit, of which the first 16 count; without `seeds` it is the only one |
/// | `strategy = "surw"` | `"portfolio"` | what answers the choices: `"portfolio"` deals the seeds over the strategies, `"random"`, `"reversal"`, `"urw"`, `"surw"`, `"pos"`, `"late-writes"`, `"pct:DEPTH"` (DEPTH from 1 to 64), `"delay:DELAYS"` (0 to 64), `"exhaustive"` (all of them, as far as `seeds` go) or `"fifo"` (no deviation): see `raddle::StrategyKind`; `"pct:DEPTH@LENGTH"` gives the number of decisions in a run instead of having it measured |
/// | `max_steps = 10_000` | 1,000,000 | steps after which a run counts as a livelock, from 1 up |
/// | `pool_threads = 2` | 500, or `BLOCKING_MAX_THREADS` | most threads of the simulated blocking pool, from 1 to 10,000 |
/// | `cpus = 8` | 4 | how many processors a run has for what asks (`std::thread::available_parallelism`, and so rayon, tokio, …), whatever the machine has, from 1 to 1,024 |
/// | `stall_up_to = "5ms"` | off | how far the clock may pass a deadline while tasks are ready |
/// | `watchdog = "10s"` | `"10s"` | real time after which a poll or call that never returns is reported and the process ended; `"0s"`: never |
/// | `cpu_budget = "50ms"` | `"100ms"` | processor time that a poll on the loop may use before it is told as an advisory, with the stack it had; `"0s"`: any. Never a failure, since no seed can repeat it |
/// | `snapshot` | off | after all seeds have passed, hold the interleaving of the first one against its snapshot, as `assert_interleaving!` does (feature `insta`, on by default) |
/// | `deny_pending` | off | a task still pending at the end is a finding |
/// | `allow_panics` | off | a panic in a spawned task or a job is no finding |
/// | `isolation = "process"` | `"thread"` | each run has a process of its own, forked for it (Linux): for code with statics that outlive a run, and to survive crashes; see `raddle::Isolation` |
/// | `boundary = "required"` | off | where system calls cannot be seen the test fails, with one line that says why |
/// | `blocking(output = "deny", sleep = "report")` | `"allow"` for `output` and `close`, `"deny"` for all others | what is said to blocking calls on the loop, by class: `sleep`, `lock`, `join`, `process`, `file`, `socket`, `readiness`, `dns`, `pipe`, `output`, `close` (see `raddle::Class`). `"deny"` fails the test, `"report"` tells, `"allow"` says nothing |
/// | `allow_path(file = "/etc/app.toml", why = "small, and read once")` | none | blocking calls on the loop that name this path, or what is below it, are allowed: of `file`, `pipe` or `close` a path, absolute or relative to the package, of `socket` an address, with or without its port. May be given more than once |
/// | `check` | first seed only | run every seed twice and compare the digests; `check = false`: none |
/// | `regressions = false` | on | leave the file of failing seeds alone: neither run those first nor add to them |
/// | `crate = my::raddle` | `::raddle` | where `raddle` is found, if renamed or re-exported; a string will do too |
///
/// A time is a whole number and a unit, `ns`, `us`, `ms` or `s`. `snapshot`, `deny_pending`, `allow_panics`, `check` and
/// `regressions` stand alone for `true`, or take `= true` or `= false`.
///
/// # What fails it
///
/// A panic anywhere, an `Err`, a deadlock, a livelock, the same seed going two ways, and a blocking call on the loop, however
/// deep in a dependency it is made: `raddle::allow_blocking` and `raddle::allow_blocking_in` allow what is meant, at its place
/// in the code, `blocking(…)` and `allow_path(…)` for the whole test:
///
/// ```ignore
/// #[raddle::test(
///     blocking(output = "deny", sleep = "report"),
///     allow_path(file = "config", why = "small, and read once at the start")
/// )]
/// async fn starts_with_its_own_config() {
///     let config = Config::read("config/app.toml").unwrap();
///     // …
/// }
/// ```
///
/// What is allowed and nothing needs any more is told, also where the test passes. The failure
/// ends in the line that replays it, and its seed is written to `seeds/` beside the test's source, to be run first from
/// then on. A test that passes prints what was tried (`cargo test -- --show-output`); one in which nothing can happen in another
/// order, and nothing is drawn at random, is run for one seed, and says so.
///
/// An argument that is unknown, given twice or out of its range is a compile error at the place where it is written.
#[proc_macro_attribute]
pub fn test(args: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand::expand(args.into(), item.into()).into()
}
