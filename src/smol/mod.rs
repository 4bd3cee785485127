//! All of [smol](https://docs.rs/smol/2), under the same names: inside a raddle run it is simulated, outside it is the
//! real smol.
//!
//! Every item has the path, the signature and the traits it has in smol, and decides when it is called or made whether
//! it is in a run. What does not touch a runtime (channels, locks, streams, …) is smol's own, re-exported.
//!
//! ```
//! use raddle::smol;
//! use std::time::Duration;
//!
//! # raddle::Sim::new().run(|| async {
//! let answer = smol::spawn(async {
//!     smol::Timer::after(Duration::from_secs(3600)).await;
//!     smol::unblock(|| 42).await
//! });
//! assert_eq!(answer.await, 42); // takes no time
//! # }).unwrap();
//! ```

mod block_on;
#[cfg(unix)]
mod descriptor;
mod executor;
#[cfg(unix)]
pub mod fs;
mod nest;
#[cfg(unix)]
pub mod net;
mod pipe;
#[cfg(unix)]
pub mod process;
mod spawn;
mod timer;
mod unblock;

#[cfg(unix)]
pub use crate::boundary::descriptor::Async;
#[cfg(not(unix))]
pub use ::smol::{Async, fs, net, process};
pub use ::smol::{Task, channel, future, io, lock, pin, prelude, ready, stream};
pub use block_on::block_on;
pub use executor::{Executor, LocalExecutor};
pub use spawn::{spawn, unblock};
pub use timer::Timer;
pub use unblock::Unblock;
