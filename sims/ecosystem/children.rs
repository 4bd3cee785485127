//! async-process: starting a child waits until it has begun. In a task it has all others wait, which raddle says.

use crate::explored;
use async_process::Command;

#[test]
fn starting_a_child_in_a_task_blocks() {
    let found = explored(4, || async { Command::new("true").status().await.unwrap().success() });
    let told = found.to_string();
    assert!(told.contains("start of a child process"), "{told}");
}
