//! The workloads themselves: what a run's root future does. Each looks whether what it asked for has been done.

use crate::bytes;
use crate::meter;
use crate::peer::Peer;
use crate::workload::Size;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// W1 and W6: tasks that do nothing but give way.
pub async fn give_way<P: Peer>(peer: P, size: Size) {
    let start = || {
        peer.spawn(async move {
            let mut done = 0;
            for _ in 0..size.each {
                P::yield_now().await;
                done += 1;
            }
            done
        })
    };
    let tasks: Vec<_> = (0..size.tasks).map(|_| start()).collect();
    let mut done = 0;
    for task in tasks {
        done += task.await;
    }
    assert_eq!(done, size.tasks * size.each, "tasks gave way as often as they were asked to");
}

/// W2: a ring of tasks with one token.
pub async fn hop<P: Peer>(peer: P, size: Size) {
    let links: Vec<_> = (0..size.tasks).map(|_| async_channel::bounded::<u64>(1)).collect();
    let mut tasks = Vec::with_capacity(links.len());
    for (at, (_, receiver)) in links.iter().enumerate() {
        let (from, to) = (receiver.clone(), links[(at + 1) % links.len()].0.clone());
        tasks.push(peer.spawn(async move {
            for _ in 0..size.each {
                let token = from.recv().await.expect("the ring is closed");
                to.send(token + 1).await.expect("the ring is closed");
            }
        }));
    }
    links[0].0.send(0).await.expect("the ring is closed");
    for task in tasks {
        task.await;
    }
    assert_eq!(links[0].1.try_recv(), Ok(size.tasks * size.each), "the token was in every task's hands each time");
}

/// W3: one task after the other.
pub async fn spawn<P: Peer>(peer: P, size: Size) {
    let mut sum = 0;
    for n in 0..size.each {
        sum += peer.spawn(async move { black_box(n) }).await;
    }
    assert_eq!(sum, size.each * (size.each - 1) / 2, "every task has given its own number");
}

/// W3b: tasks in batches.
pub async fn batch<P: Peer>(peer: P, size: Size) {
    let mut sum = 0;
    let mut tasks = Vec::with_capacity(size.tasks as usize);
    for _ in 0..size.each {
        tasks.extend((0..size.tasks).map(|n| peer.spawn(async move { black_box(n) })));
        for task in tasks.drain(..) {
            sum += task.await;
        }
    }
    assert_eq!(sum, size.each * (size.tasks * (size.tasks - 1) / 2), "every task has given its own number");
}

/// The n-th length of a sleeper's sleeps, from 1 to 1,000 ms (SplitMix64; Steele, Lea, Flood 2014).
fn nap(sleeper: u64, n: u64) -> Duration {
    let mut z = (sleeper << 32 | n).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    Duration::from_millis((z ^ (z >> 31)) % 1_000 + 1)
}

/// W4: many sleepers.
pub async fn timer<P: Peer>(peer: P, size: Size) {
    let watch = P::stopwatch();
    let start = |sleeper| {
        peer.spawn(async move {
            let mut asleep = Duration::ZERO;
            for n in 0..size.each {
                let length = nap(sleeper, n);
                P::sleep(length).await;
                asleep += length;
            }
            asleep
        })
    };
    let tasks: Vec<_> = (0..size.tasks).map(start).collect();
    let mut longest = Duration::ZERO;
    for task in tasks {
        longest = longest.max(task.await);
    }
    let elapsed = watch();
    // Some round each sleep up to a whole millisecond.
    let most = longest + Duration::from_millis(2) * size.each as u32;
    assert!(elapsed >= longest && elapsed <= most, "{elapsed:?} went by in which one slept for {longest:?}");
}

/// W5: blocking jobs, one in flight for each of the tasks. `work` gives back what it is given.
pub async fn job<P: Peer>(peer: P, size: Size, work: fn(u64) -> u64) {
    let start = || {
        peer.spawn(async move {
            let mut sum = 0;
            for n in 0..size.each {
                sum += P::job(move || work(n)).await;
            }
            sum
        })
    };
    let tasks: Vec<_> = (0..size.tasks).map(|_| start()).collect();
    let mut sum = 0;
    for task in tasks {
        sum += task.await;
    }
    assert_eq!(sum, size.tasks * (size.each * (size.each - 1) / 2), "every job has given its own number");
}

/// W7: tasks that wait, and the bytes that they keep meanwhile.
pub async fn parked<P: Peer>(peer: P, size: Size) {
    let (sender, receiver) = async_channel::unbounded::<u64>();
    let waiting = Arc::new(AtomicU64::new(0));
    let mut tasks = Vec::new();
    // Touched now, so that the handles' own room is not counted.
    tasks.resize_with(size.tasks as usize, || None);
    bytes::start();
    let resident = P::aside(meter::resident);
    for task in &mut tasks {
        let (receiver, waiting) = (receiver.clone(), waiting.clone());
        *task = Some(peer.spawn(async move {
            waiting.fetch_add(1, Relaxed);
            let ended = receiver.recv().await.is_err();
            waiting.fetch_sub(1, Relaxed);
            ended
        }));
    }
    while waiting.load(Relaxed) < size.tasks {
        P::yield_now().await;
    }
    bytes::stop(P::aside(meter::resident).saturating_sub(resident));
    drop(sender);
    for task in tasks.into_iter().flatten() {
        assert!(task.await, "a task was woken by something else than the end of its wait");
    }
    assert_eq!(waiting.load(Relaxed), 0, "every task has waited");
}
