//! An account behind an async mutex. One booking holds the lock for ten milliseconds; another waits
//! for it, but not longer than its deadline, which is ten milliseconds as well.
//!
//! What tokio's `Mutex` promises: a `lock()` that is dropped while it waits was never there. In 0.2.3
//! it stays in the queue: when the holder unlocks, the lock goes to the one that has left, and
//! everybody after it waits for ever. The two deadlines fall on one instant; which is served first is
//! the whole difference.
//!
//! Fixed in 0.2.4: tokio-rs/tokio issue 1898, pull request 1902 (it was found in a service behind
//! hyper, whose clients hung up).

use super::tokio::sync::Mutex;
use raddle::{Explore, Found};
use std::sync::Arc;
use std::time::Duration;

pub fn explore(seeds: Explore) -> Found {
    seeds.run(scenario)
}

const TEN_MS: Duration = Duration::from_millis(10);

pub async fn scenario() -> String {
    let balance = Arc::new(Mutex::new(100));

    let slow = raddle::task("slow").spawn({
        let balance = balance.clone();
        async move {
            let mut balance = balance.lock().await;
            raddle::sleep(TEN_MS).await;
            *balance -= 30;
            raddle::note!("unlocks");
        }
    });
    let hasty = raddle::task("hasty").spawn({
        let balance = balance.clone();
        async move {
            let booked = raddle::timeout(TEN_MS, async { *balance.lock().await -= 50 }).await;
            raddle::note!("booked: {}", booked.is_ok());
            booked.is_ok()
        }
    });

    slow.await;
    let booked = hasty.await;
    let left = *balance.lock().await;
    assert_eq!(left, if booked { 20 } else { 70 });
    format!("booked in time: {booked}")
}
