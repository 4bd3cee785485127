//! Four uploads, at most two at a time (async-lock's `Semaphore`), the blocking writes on the pool; one
//! user presses "cancel".
//!
//! What the crate promises: a permit comes back whenever its holder goes, wherever it was cancelled:
//! before it had the permit, while it was woken for it but had not run yet, or with it in hand. If one
//! were lost, the uploads behind it would wait for ever. All the same, a write that has begun on the
//! pool cannot be cancelled: the upload must keep its permit until the write has ended, which is why
//! the permit travels with the job.

use async_lock::Semaphore;
use raddle::{Explore, Found};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

pub fn explore(seeds: Explore) -> Found {
    seeds.run(scenario)
}

const AT_ONCE: usize = 2;

pub async fn scenario() -> String {
    let limit = Arc::new(Semaphore::new(AT_ONCE));
    let writing = Arc::new(AtomicUsize::new(0));
    let upload = || raddle::task("upload").spawn(upload(limit.clone(), writing.clone()));

    let uploads = [upload(), upload(), upload()];
    let unwanted = upload();
    raddle::sleep(WRITING).await;
    let cancelled = unwanted.cancel().await.is_none();
    for upload in uploads {
        upload.await;
    }
    // Everything came back: all permits can be had at once.
    for _ in 0..AT_ONCE {
        limit.acquire_arc().await.forget();
    }
    format!("cancelled in time: {cancelled}")
}

const WRITING: Duration = Duration::from_millis(10);

async fn upload(limit: Arc<Semaphore>, writing: Arc<AtomicUsize>) {
    let permit = limit.acquire_arc().await;
    raddle::task("write")
        .unblock(move || {
            let at_once = writing.fetch_add(1, Relaxed) + 1;
            assert!(at_once <= AT_ONCE, "{at_once} writes at once");
            raddle::thread::sleep(WRITING);
            writing.fetch_sub(1, Relaxed);
            drop(permit);
        })
        .await;
}
