//! A hit counter in a cache whose entries are also written behind to a store, by an eviction listener
//! that awaits. Three visitors count at once.
//!
//! What moka promises: `and_compute_with` on one key is atomic, one caller after the other. In 0.12.13
//! the caller takes its mark off the key *before* it writes the new value. If that write has to wait
//! (for the listener of an earlier one), the next caller computes from the old value, and a hit is
//! lost. (The pull request speaks of a test with eight writers that lost 10 to 15% of its increments.)
//!
//! Fixed in 0.12.14: moka-rs/moka pull request 574. The fix is in the same range of versions as the
//! bug, and cargo takes one version a range: the fixed side runs in `sims/fixed`, a package of its own.

use super::moka::future::{Cache, FutureExt};
use super::moka::ops::compute::Op;
use raddle::{Explore, Found};

pub fn explore(seeds: Explore) -> Found {
    seeds.run(scenario)
}

pub async fn scenario() {
    let hits = Cache::builder()
        .max_capacity(100)
        .async_eviction_listener(|_page, _old_count, _cause| raddle::yield_now().boxed()) // writes it
        .build();
    hits.insert("/home", 0).await;

    let visitors = [1, 2, 3].map(|_| raddle::task("visitor").spawn(visit(hits.clone())));
    for visitor in visitors {
        visitor.await;
    }
    assert_eq!(hits.get("/home").await, Some(3), "hits were lost");
}

async fn visit(hits: Cache<&'static str, u32>) {
    let count = async |entry: Option<super::moka::Entry<_, u32>>| {
        let hits = entry.map_or(0, |entry| entry.into_value());
        raddle::note!("counts {}", hits + 1);
        raddle::yield_now().await;
        Op::Put(hits + 1)
    };
    hits.entry("/home").and_compute_with(count).await;
}
