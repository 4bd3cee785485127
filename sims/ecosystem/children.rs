//! async-process: starting a child waits until it has begun. In a task it has all others wait, which raddle says.

use crate::{explored, outcomes};
use async_process::{Command, Stdio};
use futures_lite::{AsyncReadExt, AsyncWriteExt};

#[test]
fn starting_a_child_in_a_task_blocks() {
    let found = explored(4, || async { Command::new("true").status().await.unwrap().success() });
    let told = found.to_string();
    assert!(told.contains("start of a child process"), "{told}");
    assert!(told.contains("instead: async-process starts a child on the thread that asks for it"), "{told}");
}

/// It has ended when it is first asked for, or a while later: which of the two is not left to luck.
#[test]
fn a_child_that_is_soon_over() {
    let found = explored(8, || async {
        let start = || Command::new("sh").args(["-c", "exit 3"]).spawn();
        let mut child = raddle::allow_blocking("a test may wait for its child to begin", start).unwrap();
        child.status().await.unwrap().code()
    });
    assert_eq!(outcomes(&found), ["Some(3)"]);
}

#[test]
fn a_child_that_is_talked_to() {
    let found = explored(8, || async {
        let start = || Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = raddle::allow_blocking("a test may wait for its child to begin", start).unwrap();
        let (mut to, mut from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        to.write_all(b"hello").await.unwrap();
        let mut answer = [0; 5];
        from.read_exact(&mut answer).await.unwrap();
        drop(to);
        assert!(child.status().await.unwrap().success());
        String::from_utf8_lossy(&answer).into_owned()
    });
    assert_eq!(outcomes(&found), ["\"hello\""]);
}
