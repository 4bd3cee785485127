//! `cargo raddle` tried on workspaces as its users have them.

mod disks;
mod explore;
mod machines;
mod misuse;
mod one;
mod readme;
mod run;
mod seeds;
mod shards;
mod speed;
mod stops;
mod terminal;
mod timeline;
mod victims;
mod yard;
