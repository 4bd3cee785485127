//! What a test process prints: passed on, or its end kept for when the process dies.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{ChildStderr, ChildStdout};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// So much of the end is kept.
const KEPT: usize = 16 << 10;

/// The end of what a process has said on stderr.
pub struct Tail {
    kept: Arc<Mutex<VecDeque<u8>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Tail {
    /// Reads both streams to their ends; `shows` passes them on to this program's stderr.
    pub fn follow(stderr: Option<ChildStderr>, stdout: Option<ChildStdout>, shows: bool) -> Tail {
        let kept = Arc::new(Mutex::new(VecDeque::new()));
        let into = kept.clone();
        let mut readers = Vec::new();
        readers.extend(stdout.map(|stdout| thread::spawn(move || pass_on(stdout))));
        readers.extend(stderr.map(|stderr| thread::spawn(move || read(stderr, &into, shows))));
        Tail { kept, readers }
    }

    /// Waits until all has been read. The process has ended: its pipes do so soon, unless a child of its own holds them.
    pub fn wait(&self) {
        let begun = Instant::now();
        while !self.readers.iter().all(JoinHandle::is_finished) && begun.elapsed() < Duration::from_millis(500) {
            thread::sleep(Duration::from_micros(200));
        }
    }

    /// What was said last.
    pub fn take(&self) -> String {
        self.wait();
        let bytes: Vec<u8> = lock(&self.kept).iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let lines = text.lines().filter(|line| !is_harness(line));
        lines.collect::<Vec<_>>().join("\n").trim().to_string()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read(mut stderr: ChildStderr, into: &Mutex<VecDeque<u8>>, shows: bool) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = stderr.read(&mut buffer) {
        if shows {
            let _ = io::stderr().lock().write_all(&buffer[..length]);
        }
        let mut kept = lock(into);
        kept.extend(&buffer[..length]);
        let surplus = kept.len().saturating_sub(KEPT);
        kept.drain(..surplus);
    }
}

fn pass_on(stdout: ChildStdout) {
    for line in BufReader::new(stdout).split(b'\n') {
        let Ok(line) = line else { return };
        if !is_harness(&String::from_utf8_lossy(&line)) {
            let _ = io::stderr().lock().write_all(&[&line[..], b"\n"].concat());
        }
    }
}

/// Whether a line is the test harness's and not the test's.
fn is_harness(line: &str) -> bool {
    let is_blank = line.trim().is_empty();
    is_blank || line.starts_with("running 1 test") || line.starts_with("test result: ") || line.starts_with("test ")
}
