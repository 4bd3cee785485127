//! What the tests of the harness share: scenarios of many kinds, and running one test in a process of its own.
#![allow(dead_code, unreachable_pub)]

pub mod scenarios;

use std::path::Path;
use std::process::{Command, Output};

/// Tells a victim that it is meant.
const VICTIM: &str = "VICTIM_OF_A_TEST";

/// Does not come back, and does not use the processor: a call that raddle leaves to the kernel.
#[inline(never)]
pub fn waits_for_ever() {
    #[cfg(target_os = "linux")]
    {
        const FUTEX_WAITV: libc::c_long = 449;
        /// A word of 32 bits that no other process has.
        const FLAGS: u64 = 2 | 128;
        let word = 0u32;
        // The value, where the word is, flags.
        let wait = [0, &raw const word as u64, FLAGS];
        loop {
            // SAFETY: waits until the word, which is there, has another value or somebody is woken.
            unsafe { libc::syscall(FUTEX_WAITV, wait.as_ptr(), 1, 0, 0, 0) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    loop {
        std::thread::park();
    }
}

/// A process of `program`, with none of raddle's variables set and without backtraces.
pub fn program(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (variable, _) in std::env::vars_os() {
        let text = variable.to_string_lossy();
        if text.starts_with("RADDLE_") || text.starts_with("INSTA_") || text == "BLOCKING_MAX_THREADS" {
            command.env_remove(variable);
        }
    }
    command.env_remove("RUST_BACKTRACE");
    command
}

/// One that runs the ignored test `name` of this binary and no other.
pub fn command(name: &str) -> Command {
    let mut command = program(&std::env::current_exe().expect("a test is a program"));
    command.args([name, "--exact", "--ignored", "--nocapture", "--test-threads=1"]).env(VICTIM, "1");
    command
}

/// Whether this process was made by [`command`]. A victim does nothing otherwise: `--include-ignored` is harmless.
pub fn is_victim() -> bool {
    std::env::var_os(VICTIM).is_some()
}

/// What a process wrote: both streams, and whether it succeeded.
#[derive(Debug)]
pub struct Told {
    pub out: String,
    pub err: String,
    pub code: Option<i32>,
}

/// Runs `command` to its end.
pub fn run(command: &mut Command) -> Told {
    let Output { status, stdout, stderr } = command.output().expect("this binary can be run again");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Told { out: text(stdout), err: text(stderr), code: status.code() }
}

impl Told {
    /// Everything it wrote.
    pub fn all(&self) -> String {
        format!("{}{}", self.out, self.err)
    }

    /// Asserts that `wanted` occur in what it wrote, in this order.
    #[track_caller]
    pub fn says(&self, wanted: &[&str]) {
        in_order(&self.all(), wanted);
    }
}

/// Asserts that `wanted` occur in `text` in this order.
#[track_caller]
pub fn in_order(text: &str, wanted: &[&str]) {
    let mut rest = text;
    for piece in wanted {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => panic!("expected {piece:?} (in this order: {wanted:?}) in:\n{text}"),
        }
    }
}
