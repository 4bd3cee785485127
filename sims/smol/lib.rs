//! Programs written for smol: a web server, a chat, a pool of connections, a queue of jobs on disk.
//!
//! Nothing in here knows of raddle: the one trace of it is in `Cargo.toml`, where `smol` is `raddle-smol`. `tests/programs.rs`
//! explores each of them, and runs each under the real smol as well.

pub mod chat;
pub mod pool;
pub mod queue;
pub mod web;
