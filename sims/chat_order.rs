//! A chat window, one task, reads two channels: the friend's lines and the "is typing" signs.
//!
//! What flume promises: messages of one sender come out in the order they went in. In 0.10.10 a
//! `recv_async` that is polled again before it has anything (here because a typing sign woke the task)
//! queues itself a second time. Two lines are then handed to the same receiver's two places in the
//! queue, and each is put at the *front* of the messages: the second line is shown before the first.
//!
//! Fixed in 0.10.11: zesterer/flume issue 98, pull request 99.

use super::flume::bounded;
use futures_lite::future::zip;
use raddle::{Explore, Found};

pub fn explore(seeds: Explore) -> Found {
    seeds.run(scenario)
}

pub async fn scenario() {
    let (say, lines) = bounded(4);
    let (press, keys) = bounded(4);

    let friend = raddle::task("friend").spawn(async move {
        for line in ["are you there?", "never mind"] {
            raddle::note!("says {line:?}");
            say.send_async(line).await.unwrap();
        }
    });
    let keyboard = raddle::task("keyboard").spawn(async move {
        press.send_async("typing").await.unwrap();
    });
    let window = raddle::task("window").spawn(async move {
        let mut shown = Vec::new();
        let show_lines = async {
            while let Ok(line) = lines.recv_async().await {
                raddle::note!("shows {line:?}");
                shown.push(line);
            }
        };
        let show_typing = async { while keys.recv_async().await.is_ok() {} };
        zip(show_lines, show_typing).await;
        shown
    });

    friend.await;
    keyboard.await;
    assert_eq!(window.await, ["are you there?", "never mind"], "lines shown out of order");
}
