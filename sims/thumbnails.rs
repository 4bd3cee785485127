//! A gallery: three pictures are scaled down on the blocking pool and go to a page through a bounded
//! queue (async-channel).
//!
//! Nothing is wrong with any crate here; the story shows what *may* happen. Three scalings on threads
//! of their own finish in any of six orders, and raddle sees all six: a page that shows pictures as
//! they arrive is shuffled in five of them. `FuturesOrdered` (futures-util) puts them back
//! in order at no loss of concurrency, and then there is one outcome. `as_they_come` is the first,
//! `in_order` the second.

use async_channel::bounded;
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use raddle::{Explore, Found};
use std::time::Duration;

pub fn as_they_come(seeds: Explore) -> Found {
    seeds.run(as_they_come_scenario)
}

pub async fn as_they_come_scenario() -> String {
    let (done, thumbnails) = bounded(1);
    for picture in ["cat", "dog", "owl"] {
        let done = done.clone();
        raddle::task(picture).spawn(async move { done.send(scale_down(picture).await).await.unwrap() }).detach();
    }
    drop(done);
    thumbnails.collect::<Vec<_>>().await.join(" ")
}

pub fn in_order(seeds: Explore) -> Found {
    seeds.run(in_order_scenario)
}

pub async fn in_order_scenario() -> String {
    let pictures = ["cat", "dog", "owl"];
    let page: FuturesOrdered<_> = pictures.into_iter().map(scale_down).collect();
    page.collect::<Vec<_>>().await.join(" ")
}

async fn scale_down(picture: &'static str) -> &'static str {
    raddle::task("scale")
        .unblock(move || {
            raddle::thread::sleep(Duration::from_millis(30));
            picture
        })
        .await
}
