//! `block_on` in a job.

use raddle::{Explore, Sim};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// What a future does that a job blocks on is seen as anything else it does: its sleeps are virtual, its waits let others
/// run, and what wakes it meanwhile is not lost.
#[test]
fn a_future_that_a_job_blocks_on_may_block_itself() {
    let found = Explore::new().seeds(0..50).require_boundary(true).run(|| async {
        let (sender, receiver) = smol::channel::bounded(1);
        let job = raddle::unblock(move || {
            smol::block_on(async {
                let mut receiving = pin!(receiver.recv());
                // It waits for the message, and sleeps until that has long come.
                poll_fn(|cx| {
                    let polled = receiving.as_mut().poll(cx);
                    if polled.is_pending() {
                        std::thread::sleep(Duration::from_secs(3600));
                    }
                    polled
                })
                .await
            })
        });
        raddle::sleep(Duration::from_secs(1)).await;
        sender.send(7).await.unwrap();
        (job.await, raddle::now().as_nanos() / 1_000_000_000)
    });
    assert!(found.is_ok(), "{found}");
    assert_eq!(found.outcomes()[0].text(), "(Ok(7), 3600)");
    assert_eq!(found.outcomes().len(), 1);
}

/// Each `block_on` has a waker of its own, nested or not.
#[test]
fn a_block_on_within_another_is_woken_by_its_own_waker_only() {
    let report = Sim::new().run(|| async {
        raddle::unblock(|| {
            let mut polls = 0;
            smol::block_on(async {
                let outer = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
                smol::block_on(poll_fn(|cx| {
                    polls += 1;
                    assert!(!cx.waker().will_wake(&outer));
                    if polls == 1 {
                        outer.wake_by_ref();
                        let inner = cx.waker().clone();
                        drop(std::thread::spawn(move || {
                            std::thread::sleep(Duration::from_millis(5));
                            inner.wake();
                        }));
                        return Poll::Pending;
                    }
                    Poll::Ready(())
                }));
            });
            polls
        })
        .await
    });
    assert!(report.is_ok(), "{report}");
    assert_eq!((report.value(), report.elapsed()), (Some(&2), Duration::from_millis(5)));
}
