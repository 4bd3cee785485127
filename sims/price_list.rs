//! A price list behind an async read-write lock. A clerk writes to it; a visitor who wants to read waits for him, but not
//! for ever; then the clerk has one more price to write.
//!
//! What futures-locks promises is that a future that is dropped before it has the lock was never there (its issue 1, "can
//! result in deadlock"). In 0.7.1 a writer who is done counts all readers who wait, and then wakes them: one who has left is
//! counted as well, and nobody will ever unlock for him. From then on readers get in, and writers wait for ever.
//!
//! Not fixed (the line is the same in the sources of today), and not reported. The same with async-lock's lock is whole.

use raddle::{Explore, Found};
use std::sync::Arc;
use std::time::Duration;

const TEN_MS: Duration = Duration::from_millis(10);

pub fn explore_futures_locks(seeds: Explore) -> Found {
    seeds.run(futures_locks_scenario)
}

pub fn explore_async_lock(seeds: Explore) -> Found {
    seeds.run(async_lock_scenario)
}

macro_rules! scenario {
    ($scenario:ident, $lock:path) => {
        pub async fn $scenario() -> String {
            let prices = Arc::new(<$lock>::new(vec![1]));

            let clerk = raddle::task("clerk").spawn({
                let prices = prices.clone();
                async move {
                    let mut list = prices.write().await;
                    raddle::sleep(TEN_MS).await;
                    list.push(2);
                    raddle::note!("unlocks");
                }
            });
            let visitor = raddle::task("visitor").spawn({
                let prices = prices.clone();
                async move {
                    let seen = raddle::timeout(TEN_MS, async { prices.read().await.len() }).await;
                    raddle::note!("saw {seen:?}");
                    seen.is_ok()
                }
            });

            clerk.await;
            let in_time = visitor.await;
            prices.write().await.push(3);
            assert_eq!(*prices.read().await, [1, 2, 3]);
            format!("visitor in time: {in_time}")
        }
    };
}

scenario!(futures_locks_scenario, futures_locks::RwLock::<Vec<u32>>);
scenario!(async_lock_scenario, async_lock::RwLock::<Vec<u32>>);
