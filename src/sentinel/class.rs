//! Which calls block, and what a test may say to each class of them.

/// What sort of blocking call it is: what a test allows or denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Class {
    /// `std::thread::sleep` and its kin.
    Sleep,
    /// A lock that is held, a condition variable, a channel, a semaphore, `park`, `block_on`.
    Lock,
    /// Waiting for a thread to end.
    Join,
    /// Starting a child process, or waiting for one.
    Process,
    /// Files and folders: data, durability, names.
    File,
    /// A socket without `O_NONBLOCK`.
    Socket,
    /// `poll`, `select` and `epoll_wait` with a timeout other than zero; waiting for a signal, or for io_uring.
    Readiness,
    /// Resolving a host's name.
    Dns,
    /// An empty (or full) pipe, a terminal, a message queue.
    Pipe,
    /// Writing to standard output or error. Allowed by default.
    Output,
    /// Closing a file. Allowed by default.
    Close,
}

impl Class {
    /// All of them.
    pub const ALL: [Class; 11] = [
        Class::Sleep,
        Class::Lock,
        Class::Join,
        Class::Process,
        Class::File,
        Class::Socket,
        Class::Readiness,
        Class::Dns,
        Class::Pipe,
        Class::Output,
        Class::Close,
    ];

    /// The class in a word or two.
    pub fn name(self) -> &'static str {
        match self {
            Class::Sleep => "sleep",
            Class::Lock => "lock",
            Class::Join => "join",
            Class::Process => "process",
            Class::File => "file",
            Class::Socket => "socket",
            Class::Readiness => "readiness",
            Class::Dns => "DNS",
            Class::Pipe => "pipe",
            Class::Output => "output",
            Class::Close => "close",
        }
    }

    /// What to do instead.
    pub fn advice(self) -> &'static str {
        match self {
            Class::Sleep => "await a timer (`raddle::sleep`, `smol::Timer`), or move the work into `unblock`",
            Class::Lock => {
                "use a lock or channel that is awaited (`async_lock::Mutex`, `async_channel`), and do not hold a \
                 `std::sync::MutexGuard` across an await; `block_on` belongs into `unblock`"
            }
            Class::Join => "join the thread within `unblock`, or have it send its result through an async channel",
            Class::Process => "use `smol::process`, or run the command within `unblock`",
            Class::File => "use `smol::fs`, or move the work into `unblock`",
            Class::Socket => "use `smol::net` or `smol::Async`, or set the socket nonblocking",
            Class::Readiness => "let the reactor wait (`smol::Async`), or move the wait into `unblock`",
            Class::Dns => "use `smol::net::resolve`, or move the look-up into `unblock`",
            Class::Pipe => "use `smol::Unblock` for it, or move the reading into `unblock`",
            Class::Output | Class::Close => "move it into `unblock`",
        }
    }
}

/// What a test says to a class of blocking calls on the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The run fails.
    Deny,
    /// It is told in the report, and the run goes on.
    Report,
    /// Nothing is said.
    Allow,
}

/// What a call touches, as far as that decides whether it blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    Sleep {
        nanos: u64,
    },
    /// A wait that has not come true already.
    Wait {
        is_over: bool,
    },
    /// The end of a thread.
    Join {
        is_over: bool,
    },
    Process,
    /// A child: `hang` without `WNOHANG`.
    Child {
        hang: bool,
    },
    FileData,
    FileName,
    Socket {
        nonblocking: bool,
    },
    /// A pipe, a terminal, an event.
    Pipe {
        nonblocking: bool,
        ready: bool,
    },
    Output,
    Poll {
        zero: bool,
    },
    Close,
}

/// The class under which a call blocks; `None` if it does not.
pub fn verdict(touch: Touch) -> Option<Class> {
    match touch {
        Touch::Sleep { nanos } => (nanos > 0).then_some(Class::Sleep),
        Touch::Wait { is_over } => (!is_over).then_some(Class::Lock),
        Touch::Join { is_over } => (!is_over).then_some(Class::Join),
        Touch::Process => Some(Class::Process),
        Touch::Child { hang } => hang.then_some(Class::Process),
        Touch::FileData | Touch::FileName => Some(Class::File),
        Touch::Socket { nonblocking } => (!nonblocking).then_some(Class::Socket),
        Touch::Pipe { nonblocking, ready } => (!nonblocking && !ready).then_some(Class::Pipe),
        Touch::Output => Some(Class::Output),
        Touch::Poll { zero } => (!zero).then_some(Class::Readiness),
        Touch::Close => Some(Class::Close),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_decide_whether_a_call_blocks() {
        for (touch, class) in [
            (Touch::Sleep { nanos: 1 }, Some(Class::Sleep)),
            (Touch::Sleep { nanos: 0 }, None),
            (Touch::Wait { is_over: false }, Some(Class::Lock)),
            (Touch::Wait { is_over: true }, None),
            (Touch::Join { is_over: false }, Some(Class::Join)),
            (Touch::Join { is_over: true }, None),
            (Touch::Socket { nonblocking: false }, Some(Class::Socket)),
            (Touch::Socket { nonblocking: true }, None),
            (Touch::Pipe { nonblocking: false, ready: false }, Some(Class::Pipe)),
            (Touch::Pipe { nonblocking: false, ready: true }, None),
            (Touch::Pipe { nonblocking: true, ready: false }, None),
            (Touch::Poll { zero: true }, None),
            (Touch::Poll { zero: false }, Some(Class::Readiness)),
            (Touch::Child { hang: false }, None),
            (Touch::Child { hang: true }, Some(Class::Process)),
        ] {
            assert_eq!(verdict(touch), class, "{touch:?}");
        }
    }
}
