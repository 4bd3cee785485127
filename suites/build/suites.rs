//! The table of suites: whose tests, and what in them is changed.

/// One crate's suite.
pub struct Suite {
    /// The crate's name.
    pub package: &'static str,
    /// What its name is in text, where another part of the same crate has that name already.
    pub shown: &'static str,
    /// Its test files, or folders of them.
    pub files: &'static [&'static str],
    /// Whether the examples in its documentation are tests as well.
    pub documentation: bool,
    /// Imports, and the runner: each is replaced by the other wherever it stands.
    pub edits: &'static [(&'static str, &'static str)],
    /// Tests, by how their names begin, that change a static, and so have each seed in a process of its own.
    pub own_process: &'static [&'static str],
}

/// What a crate says, and what smol calls the same.
const CHANNEL: (&str, &str) = ("async_channel::", "smol::channel::");
const LOCK: (&str, &str) = ("async_lock::", "smol::lock::");
const EXECUTOR: (&str, &str) = ("async_executor::", "smol::");
const TIMER: (&str, &str) = ("async_io::", "smol::");
const BLOCKING: (&str, &str) = ("blocking::", "smol::");
const LITE: (&str, &str) = ("futures_lite::", "smol::");
/// What an example begins with is called from outside.
const MAIN: (&str, &str) = ("fn main() {", "pub fn main() {");
const MAIN_STD: (&str, &str) = ("fn main() -> std::io::Result", "pub fn main() -> std::io::Result");
/// Spins on one processor, where nothing else would have its turn.
const SPIN: (&str, &str) = ("spin_on::spin_on(", "smol::block_on(");

pub const SUITES: &[Suite] = &[
    Suite {
        package: "async-channel",
        shown: "async-channel",
        files: &["tests"],
        documentation: true,
        edits: &[CHANNEL, LITE],
        own_process: &[],
    },
    Suite {
        package: "async-lock",
        shown: "async-lock",
        files: &["tests"],
        documentation: true,
        edits: &[LOCK, LITE],
        own_process: &["semaphore::add_permits"],
    },
    Suite {
        package: "event-listener",
        shown: "event-listener",
        files: &["tests"],
        documentation: true,
        edits: &[],
        own_process: &[],
    },
    Suite {
        package: "futures-lite",
        shown: "futures-lite",
        // It publishes no other tests than the examples in its documentation.
        files: &[],
        documentation: true,
        edits: &[SPIN],
        own_process: &[],
    },
    Suite {
        package: "async-broadcast",
        shown: "async-broadcast",
        files: &["tests"],
        documentation: true,
        edits: &[LITE],
        own_process: &[],
    },
    Suite {
        package: "blocking",
        shown: "blocking",
        files: &["tests"],
        documentation: true,
        edits: &[BLOCKING, LITE],
        own_process: &[],
    },
    Suite {
        package: "async-executor",
        shown: "async-executor",
        files: &["tests"],
        documentation: true,
        edits: &[EXECUTOR, CHANNEL, TIMER, LITE],
        own_process: &["drop::"],
    },
    Suite {
        package: "async-task",
        shown: "async-task",
        files: &["tests"],
        documentation: true,
        edits: &[],
        own_process: &["basic::", "cancel::", "join::", "metadata::", "panic::", "ready::", "waker_", "doc::runnable"],
    },
    Suite {
        package: "async-io",
        // Its reactor is a thread in a static.
        shown: "async-io",
        files: &["tests"],
        documentation: true,
        edits: &[],
        own_process: &[""],
    },
    Suite {
        package: "async-io",
        shown: "async-io-by-smol",
        files: &["tests"],
        documentation: true,
        edits: &[TIMER],
        own_process: &[],
    },
    Suite {
        package: "smol",
        shown: "smol",
        // `src/examples.rs` says who plays the other part.
        files: &["examples"],
        documentation: false,
        edits: &[("fn main() -> io::Result", "pub fn main() -> io::Result"), MAIN_STD, MAIN, CHANNEL],
        own_process: &[],
    },
];
