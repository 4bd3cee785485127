//! What raddle and its peers are measured by: each workload once, generic over the [`Peer`] that runs it.
//!
//! A peer's program has a [`Peer`], the allocator [`Counting`](bytes::Counting) and a `main` that calls
//! [`Call::from_args`] and [`Call::measure`]; `benches/src/` starts such programs and compares what they print.
#![deny(unsafe_code)]

mod bodies;
#[allow(unsafe_code)]
pub mod bytes;
mod call;
mod meter;
mod peer;
mod proof;
mod sample;
mod workload;

pub use call::Call;
pub use peer::Peer;
pub use sample::Sample;
pub use workload::{Size, Workload};
