//! What people build on smol, as it is published: D-Bus, a database, websockets, HTTP by libcurl, child processes. Each has its
//! reactor, its pool, its executor and its threads, which are threads of the world here: in virtual time, and the same for
//! the same seed.
//!
//! Only where the kernel boundary is on: elsewhere their threads would wait in real time.

#![cfg(all(test, target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]

mod bus;
mod chat;
mod children;
mod database;
mod proxy;
mod web;

use raddle::{Check, Explore, Found, Isolation};
use std::fmt::Debug;
use std::path::PathBuf;

/// Runs the scenario for some seeds, each in a process of its own and each twice, and both have to go the same way.
fn explored<F, Fut, T>(seeds: u64, scenario: F) -> Found
where
    F: Fn() -> Fut + Send,
    Fut: Future<Output = T> + 'static,
    T: Debug + 'static,
{
    let explore = Explore::new().seeds(0..seeds).require_boundary(true).check(Check::All);
    explore.isolation(Isolation::Process).run(scenario)
}

/// What the runs came to, which all have to pass, in order and each once.
#[track_caller]
fn outcomes(found: &Found) -> Vec<&str> {
    assert!(found.is_ok(), "{found}");
    let mut texts: Vec<_> = found.outcomes().iter().map(|outcome| outcome.text()).collect();
    texts.sort_unstable();
    texts
}

/// A folder of this process and this test, which begins empty.
fn folder(test: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("raddle-ecosystem-{test}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    folder
}
