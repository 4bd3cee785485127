//! A publisher broadcasts prices. A chart reads one and is closed; an audit log holds a receiver too,
//! paused (async-broadcast calls it inactive), and is closed as well.
//!
//! What async-broadcast promises: when the last receiver is gone the channel is closed, and a sender
//! that waits for room gets an error. In 0.3.2 only the drop of an *active* receiver counts. If the
//! paused one goes last, nobody closes the channel, and the publisher waits for room for ever (or, if it
//! comes to look once more, runs into an assertion of the crate's own).
//!
//! Fixed in 0.3.3: smol-rs/async-broadcast pull request 15, "Close channel if the last receiver to
//! drop is inactive".

use super::async_broadcast::broadcast;
use raddle::{Explore, Found};

pub fn explore(seeds: Explore) -> Found {
    seeds.run(scenario)
}

pub async fn scenario() {
    let (feed, mut prices) = broadcast(1);
    let paused = prices.clone().deactivate();

    let publisher = raddle::task("publisher").spawn(async move {
        let mut price = 100;
        while feed.broadcast(price).await.is_ok() {
            price += 1;
        }
    });
    let audit = raddle::task("audit").spawn(async move {
        drop(paused);
        raddle::note!("closed");
    });
    let chart = raddle::task("chart").spawn(async move {
        let price = prices.recv().await.unwrap();
        assert_eq!(price, 100);
        drop(prices);
        raddle::note!("closed");
    });

    audit.await;
    chart.await;
    publisher.await;
}
