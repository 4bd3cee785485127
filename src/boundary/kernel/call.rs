//! What a thread asks of the kernel, whatever the architecture.

/// Until when a call is ready to wait, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// For ever.
    Never,
    /// From now on.
    In(u64),
    /// As `CLOCK_MONOTONIC` shows it.
    Monotonic(u64),
    /// As `CLOCK_REALTIME` shows it.
    Realtime(u64),
}

/// What sort of thing a descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file, a folder or a disk.
    File,
    /// A pipe or a FIFO.
    Pipe,
    /// A socket.
    Socket,
    /// The kernel's source of random bytes: `/dev/urandom`.
    Random,
    /// A terminal, an event, a timer, …
    Other,
    /// No descriptor, or a file that the kernel makes up (`/proc`, `/sys`).
    None,
}

/// What is waited for that is neither a word nor a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// A signal that is blocked.
    Signal,
    /// Semaphores of System V.
    Semaphore,
    /// A message in a queue, or room for one.
    Message,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Sleep(Timeout),
    /// Wait until woken, if `word` holds `value`.
    FutexWait {
        word: usize,
        value: u32,
        until: Timeout,
    },
    /// Wake so many of those who wait for `word`.
    FutexWake {
        word: usize,
        count: u32,
    },
    /// Open the file whose name is at this address.
    Open {
        path: usize,
    },
    /// Look at, or change, names and folders. 0: told by a descriptor.
    Name {
        call: &'static str,
        path: usize,
    },
    Read {
        call: &'static str,
        fd: i32,
    },
    Write {
        call: &'static str,
        fd: i32,
    },
    /// A call on a file that waits for the disk. -1: on no single one.
    Disk {
        call: &'static str,
        fd: i32,
    },
    Connect {
        fd: i32,
        address: usize,
        length: usize,
    },
    Accept {
        fd: i32,
    },
    /// `dont_wait`: with `MSG_DONTWAIT`.
    Receive {
        fd: i32,
        dont_wait: bool,
    },
    Send {
        fd: i32,
        dont_wait: bool,
    },
    /// Wait until one of several descriptors is ready.
    Poll {
        call: &'static str,
        until: Timeout,
    },
    /// Move bytes from one descriptor to another within the kernel; -1 for memory.
    Move {
        call: &'static str,
        from: i32,
        to: i32,
        /// With `SPLICE_F_NONBLOCK`.
        dont_wait: bool,
    },
    /// Wait for something that only this call itself can find out.
    Attempt {
        sort: Sort,
        until: Timeout,
    },
    /// Wait until something is completed that a ring (io_uring) has been given to do; -1 if the descriptor is not told.
    Ring {
        fd: i32,
        until: Timeout,
    },
    /// Wait for a child process.
    WaitChild {
        hang: bool,
    },
    /// A child process is started.
    Process,
    /// A thread is made, or a process with the same memory, by the call itself: nobody hears of it but here.
    Thread,
    /// One that was started is over, and has been waited for.
    ProcessOver,
    Close {
        fd: i32,
    },
    /// So many random bytes for this address.
    Random {
        buffer: usize,
        length: usize,
    },
    /// A file is to be locked, by a call that waits.
    Lock {
        call: &'static str,
        fd: i32,
    },
    /// A timer that is a descriptor is set, and then to run out every so many nanoseconds.
    SetTimer {
        fd: i32,
        until: Timeout,
        every: u64,
    },
    /// Which address a socket has, or the one that it is connected to: to be put there, and its length.
    SocketAddress {
        fd: i32,
        of_peer: bool,
        address: usize,
        length: usize,
    },
    /// An option of a socket is asked for, or set.
    SocketOption {
        fd: i32,
    },
    /// A socket begins to listen.
    Listen {
        fd: i32,
    },
    /// A descriptor is registered with epoll.
    Watch {
        fd: i32,
    },
    /// Another descriptor for the same thing.
    Duplicate {
        fd: i32,
    },
    /// On which processors a thread may run: a set of so many bytes, to be put at this address.
    Processors {
        set: usize,
        size: usize,
    },
    /// A thread is to run on these only.
    Pin {
        set: usize,
        size: usize,
    },
    /// Let others run.
    Yield,
    /// The calling thread names itself: the text is at this address.
    Rename {
        name: usize,
    },
    /// Something that does not wait.
    Other,
}

/// Who has one of libc's locks, by its own account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The thread that the kernel knows by this number.
    Thread(i32),
    /// It is just being taken, or let go.
    Nobody,
    /// Threads that read, who are counted only; or it is just being handed over.
    Readers,
}

/// A call with its arguments, as the kernel would get them.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    pub op: Op,
    /// libc's own business, as far as can be told: a wait for one of its locks (the allocator's, stdio's) or the wake-up of
    /// one who waits, or whatever the loader asks for. Its caller may hold such a lock: nobody else may run before it goes
    /// on, unless it waits.
    pub is_libcs: bool,
    pub(super) number: i64,
    pub(super) args: [i64; 6],
    /// Where the instruction stands; 0 if it came by a function that is hooked.
    pub(super) at: usize,
    /// And the stack pointer there.
    pub(super) stack: usize,
}

impl Call {
    /// One that is not libc's own business, and came by a function that is hooked.
    #[inline(always)]
    pub fn new(op: Op, number: i64, args: [i64; 6]) -> Call {
        Call { op, is_libcs: false, number, args, at: 0, stack: 0 }
    }

    /// The second argument: where a call that reads is to put what it reads.
    pub fn buffer(&self) -> usize {
        self.args[1] as usize
    }

    /// The third: how much of that there is.
    pub fn length(&self) -> usize {
        self.args[2] as usize
    }
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The kernel carries it out.
    Pass,
    /// This is its result: a number, or a negative error.
    Return(i64),
}

impl Op {
    /// Whether it reads or writes at a position that it is given.
    #[inline]
    pub fn is_at_position(self) -> bool {
        matches!(self, Op::Read { call: "pread", .. } | Op::Write { call: "pwrite", .. })
    }
}
