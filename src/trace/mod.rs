//! The record of a run: its events, and who took part.

mod event;
mod log;
mod render;
mod wire;

pub use event::{Actor, ActorKind, Event, PollEnd, Source, What};
pub(crate) use log::Log;
pub use log::Trace;
pub(crate) use render::{MOST_COLUMNS, Style};
