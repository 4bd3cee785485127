//! Memory: a step allocates nothing, and neither spawns that have been joined nor timers that are polled again leave
//! anything behind.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// Counts what this thread has asked for, and how much of it is still in use.
struct Counting;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
    static IN_USE: Cell<i64> = const { Cell::new(0) };
}

// SAFETY: everything is passed on to the system's allocator as it came; counting touches only thread-locals that need
// neither initialisation nor a destructor, so it does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.set(CALLS.get() + 1);
        IN_USE.set(IN_USE.get() + layout.size() as i64);
        // SAFETY: the caller's promise about `layout`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.set(IN_USE.get() - layout.size() as i64);
        // SAFETY: the caller's promise that `pointer` came from `alloc` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn calls() -> u64 {
    CALLS.get()
}

fn in_use() -> i64 {
    IN_USE.get()
}

/// One run without a trace, which is what exploring does.
fn explore<F, Fut, T>(scenario: F) -> String
where
    F: Fn() -> Fut + Send,
    Fut: Future<Output = T> + 'static,
    T: std::fmt::Debug + 'static,
{
    let explore = raddle::Explore::new().seeds(0..1).max_steps(u64::MAX).check(raddle::Check::Off);
    let found = explore.run(scenario);
    assert!(found.is_ok(), "{found}");
    found.outcomes()[0].text().to_string()
}

#[test]
fn the_counter_counts() {
    let (before, used) = (calls(), in_use());
    let kept = std::hint::black_box(vec![0u8; 1000]);
    assert_eq!((calls() - before, in_use() - used), (1, 1000));
    drop(kept);
    assert_eq!(in_use(), used);
}

#[test]
fn a_step_allocates_nothing() {
    let allocations = explore(|| async {
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                raddle::spawn(async {
                    for _ in 0..2_000 {
                        raddle::yield_now().await;
                    }
                })
            })
            .collect();
        // Once around, so that what grows has grown.
        for _ in 0..100 {
            raddle::yield_now().await;
        }
        let before = calls();
        for _ in 0..1_000 {
            raddle::yield_now().await;
        }
        let after = calls();
        for task in tasks {
            task.await;
        }
        after - before
    });
    assert_eq!(allocations, "0", "in some 100,000 steps");
}

#[test]
fn timers_allocate_at_most_a_place_for_each_bit_of_time() {
    let allocations = explore(|| async {
        let nap = async || {
            for n in 1..=2_000 {
                raddle::sleep(Duration::from_millis(n % 7 + 1)).await;
            }
        };
        nap().await;
        let before = calls();
        nap().await;
        calls() - before
    });
    let allocations: u64 = allocations.parse().unwrap();
    assert!(allocations <= 64, "{allocations} in 2,000 sleeps");
}

#[test]
fn a_million_spawns_joined_one_after_the_other_leave_nothing() {
    let growth = explore(|| async {
        let join = async |n: u32| {
            for i in 0..n {
                assert_eq!(raddle::spawn(async move { i }).await, i);
            }
        };
        join(1_000).await;
        let before = in_use();
        join(1_000_000).await;
        in_use() - before
    });
    assert_eq!(growth, "0", "bytes");
}

#[test]
fn a_million_polls_of_one_timer_leave_nothing() {
    let growth = explore(|| async {
        let poll = async |times: u32| {
            let mut sleep = pin!(raddle::sleep(Duration::from_secs(60)));
            for _ in 0..times {
                let is_pending = std::future::poll_fn(|cx| Poll::Ready(sleep.as_mut().poll(cx).is_pending())).await;
                assert!(is_pending);
                raddle::yield_now().await;
            }
        };
        poll(1_000).await;
        let before = in_use();
        poll(1_000_000).await;
        in_use() - before
    });
    assert_eq!(growth, "0", "bytes");
}

#[test]
fn a_million_timeouts_dropped_before_their_time_leave_little() {
    let growth = explore(|| async {
        let pass = async |times: u32| {
            for _ in 0..times {
                raddle::timeout(Duration::from_secs(60), raddle::yield_now()).await.unwrap();
            }
        };
        pass(1_000).await;
        let before = in_use();
        pass(1_000_000).await;
        in_use() - before
    });
    // Entries of cancelled timers go when there are some dozens of them.
    let growth: i64 = growth.parse().unwrap();
    assert!(growth.abs() < 10_000, "{growth} bytes");
}
