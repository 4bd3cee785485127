//! A request needs the configuration. It looks whether that has been loaded yet; if not, the wait is
//! handed over to a background task, listener and all, so that the request itself can go on.
//!
//! What event-listener promises is what every future promises: the waker of the *latest* poll is the
//! one that is woken. Before 2.2.1 a listener kept the waker of its *first* poll. It was first polled
//! by the request, so it is the request that `notify` wakes; the background task waits for ever. If
//! the loader is quick, the first look succeeds and nothing is wrong, which is what a test sees.
//!
//! Fixed in 2.2.1 ("Always keep the last waker in `EventListener::poll()`"), smol-rs/event-listener
//! commit 490c40d. The range of 1.x has the same bug; 1.2.0 is what runs here.

use super::event_listener::Event;
use futures_lite::future::poll_once;
use raddle::{Explore, Found};
use std::sync::Arc;

pub fn explore(seeds: Explore) -> Found {
    seeds.run(scenario)
}

pub async fn scenario() -> &'static str {
    let loaded = Arc::new(Event::new());
    let mut listener = loaded.listen();

    let loader = raddle::task("loader").spawn(async move {
        for _file in ["defaults", "site"] {
            raddle::yield_now().await;
        }
        raddle::note!("notifies");
        loaded.notify(1);
    });

    raddle::yield_now().await;
    let answered = match poll_once(&mut listener).await {
        Some(()) => "at once",
        None => {
            raddle::note!("not yet: hands over");
            let waiter = raddle::task("background").spawn(async move {
                raddle::yield_now().await;
                listener.await;
            });
            waiter.await;
            "in the background"
        }
    };
    loader.await;
    answered
}
