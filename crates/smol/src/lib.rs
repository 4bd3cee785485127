//! [smol](https://docs.rs/smol) as it is; with the feature `sim` the same names decide at run time: inside a
//! [raddle](https://docs.rs/raddle) run they are simulated, outside they are the real smol.
//!
//! ```toml
//! [dependencies]
//! smol = { package = "raddle-smol", version = "0.1" }
//!
//! [dev-dependencies]
//! smol = { package = "raddle-smol", version = "0.1", features = ["sim"] }
//! ```
//!
//! Cargo's resolver (2 or later) keeps the feature out of what is built without the tests: there this crate is
//! `pub use smol::*` and nothing else.
#![forbid(unsafe_code)]

#[cfg(feature = "sim")]
pub use raddle::smol::*;
#[cfg(not(feature = "sim"))]
pub use smol::*;
