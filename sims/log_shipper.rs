//! A service ships its log lines through a small channel. It waits for room in one await, with a look at something else
//! first: the future of its `send` is polled once, then handed to a task that does nothing but wait for it.
//!
//! What every future promises is that the waker of the *latest* poll is woken. In kanal 0.1.1 a `send` that is polled
//! again with another waker says `Pending` and keeps the first one: when there is room it is the service that is woken, and
//! the task that waits never. If the reader is quick there is room at once, which is what a test sees.
//!
//! 0.1.0-pre8 kept the latest; kanal's commit b18607d (March 2025, in 0.1.1) left out the line that does. It is the newest
//! release; the sources have been written anew since then.

use super::kanal;
use futures_lite::future::poll_once;
use raddle::{Explore, Found};

pub fn explore(seeds: Explore) -> Found {
    seeds.run(scenario)
}

pub async fn scenario() -> &'static str {
    let (lines, log) = kanal::bounded_async(1);
    lines.send("started").await.unwrap();

    let reader = raddle::task("reader").spawn(async move {
        let mut read = Vec::new();
        while let Ok(line) = log.recv().await {
            read.push(line);
        }
        read
    });

    raddle::yield_now().await;
    let shipper = raddle::task("service").spawn(async move {
        let mut sending = Box::pin(async move { lines.send("request served").await });
        match poll_once(&mut sending).await {
            Some(sent) => {
                sent.unwrap();
                "at once"
            }
            None => {
                raddle::note!("no room yet: hands over");
                raddle::task("background").spawn(sending).await.unwrap();
                "in the background"
            }
        }
    });
    let shipped = shipper.await;
    assert_eq!(reader.await, ["started", "request served"]);
    shipped
}
