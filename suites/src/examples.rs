//! smol's own examples: which of them are run together, and who plays the user's part. Each run has a process of its own,
//! in a folder of its own, with two lines of input.

use crate::suites::{VERSIONS, suite_smol as smol_examples};
use crate::test::{Test, Told};
use std::thread;
use std::time::Duration;

/// Long enough, in virtual time, for whatever an example does before it waits for ever.
const A_WHILE: Duration = Duration::from_secs(5);

/// Each with what it has to print.
pub static PLAYED: &[Test] = &[
    Test { body: tcp, says: &["Accepted client: 127.0.0.1:", "\nhello\nand good bye\n"], ..EMPTY }
        .named("tcp-server and tcp-client"),
    Test { body: chat, says: &[" has joined\n", " says: hello\n", "Quit!\n", " has left\n"], ..EMPTY }
        .named("chat-server and chat-client"),
    Test { body: ctrl_c, says: &["Waiting for Ctrl-C...\n", "Done!\n"], ..EMPTY }.named("ctrl-c"),
    Test { body: unix_signal, says: &["Waiting for Ctrl-C...\n", "Done!\n"], ..EMPTY }.named("unix-signal"),
    Test { body: timer, says: &["Woke up after 1s\n"], ..EMPTY }.named("linux-timerfd"),
    Test { body: inotify, says: &["(\"a-file\", EventMask(CREATE))\n"], ..EMPTY }.named("linux-inotify"),
];

const EMPTY: Test = Test { suite: "smol", version: version(), name: "", own_process: true, says: &[], body: || Ok(()) };

impl Test {
    const fn named(mut self, name: &'static str) -> Test {
        self.name = name;
        self
    }
}

/// The release of smol, the last of the suites.
const fn version() -> &'static str {
    VERSIONS[VERSIONS.len() - 1].1
}

fn tcp() -> Result<(), String> {
    both(smol_examples::suite_tcp_server::main, smol_examples::suite_tcp_client::main)
}

fn chat() -> Result<(), String> {
    both(smol_examples::suite_chat_server::main, smol_examples::suite_chat_client::main)
}

/// A server, which never ends, and a client some time later, which may wait for ever.
fn both(server: fn() -> std::io::Result<()>, client: fn() -> std::io::Result<()>) -> Result<(), String> {
    let server = thread::spawn(server);
    thread::sleep(A_WHILE);
    let client = thread::spawn(client);
    thread::sleep(A_WHILE);
    for ended in [server, client].into_iter().filter(|thread| thread.is_finished()) {
        ended.join().map_err(|_| "one of them panicked".to_string())?.told()?;
    }
    Ok(())
}

fn ctrl_c() -> Result<(), String> {
    interrupt(smol_examples::suite_ctrl_c::main)
}

fn unix_signal() -> Result<(), String> {
    interrupt(smol_examples::suite_unix_signal::main)
}

/// Presses Ctrl-C some time after the start.
fn interrupt<T: Told + Send + 'static>(main: fn() -> T) -> Result<(), String> {
    let main = thread::spawn(main);
    thread::sleep(A_WHILE);
    signal_hook::low_level::raise(signal_hook::consts::SIGINT).told()?;
    main.join().map_err(|_| "it panicked".to_string())?.told()
}

fn timer() -> Result<(), String> {
    smol_examples::suite_linux_timerfd::main().told()
}

/// Makes a file in the folder that is watched.
fn inotify() -> Result<(), String> {
    let _watching = thread::spawn(smol_examples::suite_linux_inotify::main);
    thread::sleep(A_WHILE);
    std::fs::write("a-file", "").told()?;
    thread::sleep(A_WHILE);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::PLAYED;
    use crate::suites::EXAMPLES;

    #[test]
    fn every_example_is_played_or_left_out() {
        for example in EXAMPLES {
            assert!(PLAYED.iter().any(|test| test.name.split(" and ").any(|name| name == *example)), "{example}");
        }
        assert!(EXAMPLES.len() >= PLAYED.len());
    }
}
