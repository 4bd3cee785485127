//! Two workers take jobs from one queue. One of them looks at the queue, finds it empty, and turns to
//! something else for a while with its `recv` still alive, as any loop around `select!` does.
//!
//! What async-channel promises: a message in the queue wakes somebody who waits for one. In 1.7.1
//! `send` notifies a waiting receiver only if none has been notified already, and leaves it to the
//! notified one to pass the word on once it runs. The worker that is busy elsewhere is notified and
//! does not run, the second message notifies nobody, and the other worker sleeps for ever beside a
//! queue that holds two jobs.
//!
//! Fixed in 1.8.0: smol-rs/async-channel issue 45, pull request 49, "Prevent deadlock if
//! sender/receiver is forgotten".

use super::async_channel::unbounded;
use futures_lite::future::poll_once;
use raddle::{Explore, Found};
use std::pin::pin;

pub fn explore(seeds: Explore) -> Found {
    seeds.run(scenario)
}

pub async fn scenario() -> String {
    let (jobs, queue) = unbounded();
    let (free, helper_is_free) = unbounded();

    let client = raddle::task("client").spawn(async move {
        jobs.send("resize").await.unwrap();
        raddle::yield_now().await;
        jobs.send("mail").await.unwrap();
        jobs
    });
    // Looks for a job; has to wait until the helper is free before it can do one.
    let worker = raddle::task("worker").spawn({
        let queue = queue.clone();
        async move {
            let mut next = pin!(queue.recv());
            let at_once = poll_once(next.as_mut()).await;
            raddle::note!("looked and found {at_once:?}");
            helper_is_free.recv().await.unwrap();
            match at_once {
                Some(job) => job.unwrap(),
                None => next.await.unwrap(),
            }
        }
    });
    let helper = raddle::task("helper").spawn(async move {
        let job = queue.recv().await.unwrap();
        free.send(()).await.unwrap();
        job
    });

    let _queue_stays_open = client.await;
    let helped_with = helper.await;
    format!("worker did {}, helper did {helped_with}", worker.await)
}
