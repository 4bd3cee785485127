//! Two reloads of a configuration, the second a moment after the first. Each writes its version under the write lock, then *downgrades* the
//! lock to a read lock and goes on to apply what it wrote, sure that nobody can change it meanwhile.
//!
//! What tokio's `RwLock` promises: `downgrade` keeps all writers out. In 0.3.1 it gives back all
//! permits but one, as it should, and then the write guard's own drop gives all of them back once
//! more. The other reload gets in and changes the value under a read guard. In most services the
//! window is a few microseconds wide.
//!
//! Fixed in 0.3.2: tokio-rs/tokio issue 2941, pull request 2957.

use super::tokio::sync::RwLock;
use raddle::{Explore, Found};
use std::sync::Arc;

pub fn explore(seeds: Explore) -> Found {
    seeds.run(scenario)
}

pub async fn scenario() -> String {
    let config = Arc::new(RwLock::new("v1"));
    let second = raddle::task("reload").spawn(reload(config.clone(), "v2"));
    raddle::yield_now().await;
    let third = raddle::task("reload").spawn(reload(config.clone(), "v3"));
    second.await;
    third.await;
    format!("ends with {}", *config.read().await)
}

async fn reload(config: Arc<RwLock<&'static str>>, version: &'static str) {
    let mut writing = config.write().await;
    *writing = version;
    let reading = writing.downgrade();
    raddle::note!("wrote {version}, applies it");
    raddle::yield_now().await;
    assert_eq!(*reading, version, "the configuration changed under a read lock");
}
