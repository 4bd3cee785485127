//! Work in a process of its own, forked from this one for that purpose, and what becomes of it.
//!
//! # Why it is safe to go on after `fork`
//! The child has one thread, the one that forked, and a copy of everything else. What can go wrong is a lock (or a state
//! in the midst of a change) of a thread that is not there any more. This is what the child meets, one by one:
//! 1. *libc.* The allocator's arenas, the list of stdio's files and the cache of thread stacks are brought in order by
//!    glibc's own `fork`: it locks them before and sets them up anew in the child. `_Fork`, which does not, is not used.
//! 2. *std's standard output and error* have a lock each, which other threads of a test process take. They are held
//!    here while the process is forked, so in the child they are its own, and their buffers are empty. libtest's
//!    capture of what a test prints belongs to the thread: it is copied, and so is lost with the child.
//! 3. *This crate's* statics are locked by few lines each, and inside of one lock ([`fork_lock`](super::fork_lock)). Whoever
//!    calls [`run`] keeps them free over the fork, by `hold`: the last to be locked, since those lines wait for no other lock.
//! 4. *Those of others*: the environment (written by nobody who is careful), std's lock of backtraces (held by who tells of a
//!    panic, which is waited for), std's list of threads' stacks (which a thread takes when it begins and ends, and who calls
//!    `exit`), libc's for locales and look-ups, the loader's, a crate's own. Where other tests run in the same process one of these
//!    may be locked by them. Then the child waits in vain; where that is seen (by std's futexes, by waits for libc's, and by the
//!    world's own) it ends, and another is forked in its place ([`start_over`]). That one looks first whether the word that the other
//!    has waited for is zero, as that of a free lock is, and ends as well if it is not. So it has begun with the lock free, and if
//!    it waits for it in vain again, that is the run's own doing. A lock that is not in a static may be of the run itself: there it
//!    is left to luck, three times ([`start_over_in_doubt`]). The loader says by such a word whether its lists are whole. What is not
//!    seen is ended by whoever watches. In a process with a single test, as `cargo raddle` and nextest start them, there is nobody
//!    else.
//! 5. *Threads of a world* do not go on in the child. None exists when it is forked: the run begins after it.
//! 6. *Stacks of others*, where the scenario and what it borrows stand: glibc would give them to the child's own threads. They
//!    are kept, see `left_stacks`.
//! 7. *Descriptors*: it has copies of all. Those that other worlds have open, and that have another end, are closed by `fork`
//!    before it comes back (`kernel/opened.rs`); a world's end of a pipe is not to wait for somebody else's child.
//!
//! Syscall User Dispatch does not come along; [`kernel::rearm`](super::kernel::rearm) says so again. Signals' handlers do.
//!
//! # Nothing is left behind
//! The child is told to die with the thread that forked it (`PR_SET_PDEATHSIG`), is waited for on every way out, and
//! its descriptors are closed on exec. It ends with `_exit`: no destructor of this process's runs there.
//!
//! # What it costs
//! A page that the child is the first to touch costs it a microsecond or two, a page that the parent touches while it is the
//! child's as well nearly as much, and a run of little else: so pipes, signal stack and the shared page are made once, calls
//! go by number where libc's functions are on pages of their own, what is short is put on a page that is touched anyway, a
//! world is on one page with what is locked beside it, and what is seldom done is no part of functions that are on the stack
//! while a process is forked. What code there is on pages far from each other (64 KiB of it come at once) is the linker's
//! business: that makes a few faults more or less in another program. `benches/fork` counts them.

#[cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
mod dying;
#[cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
#[path = "linux.rs"]
mod imp;
#[cfg(not(all(target_os = "linux", target_env = "gnu", not(miri))))]
#[path = "unsupported.rs"]
mod imp;
#[cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
mod lines;
mod pulse;
#[cfg(all(test, target_os = "linux", target_env = "gnu", not(miri)))]
mod tests;

#[cfg(not(all(target_os = "linux", target_env = "gnu", not(miri))))]
pub use imp::{Answer, Lines};
#[cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
pub use lines::{Answer, Lines};
pub use pulse::Pulse;

use std::fmt;
use std::io;
use std::panic::Location;
use std::time::Duration;

/// How often somebody looks after a child that has not come to its end.
pub const TICK: Duration = Duration::from_millis(20);

/// What is written when a process is about to die: bytes, piece by piece. In a signal handler: it must neither allocate
/// nor wait for a lock.
pub type LastWords = fn(&mut dyn FnMut(&[u8]));

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With this code.
    Exit(i32),
    /// By this signal.
    Signal(i32),
    /// Somebody else in this process has taken its status.
    Unknown,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Exit(code) => write!(f, "exit code {code}"),
            End::Signal(number) => match imp::signal_name(*number) {
                Some(name) => f.write_str(name),
                None => write!(f, "signal {number}"),
            },
            End::Unknown => f.write_str("an end that was not seen"),
        }
    }
}

/// A process that has ended.
#[derive(Debug)]
pub struct Life<'a> {
    /// What its work came to, if it came to its end.
    pub answer: Option<&'a [u8]>,
    /// What it could say before it died.
    pub last_words: Option<Vec<u8>>,
    pub end: End,
    /// It was ended from here, because whoever watched it gave it up.
    pub given_up: bool,
    /// The end of what it wrote to descriptor 2.
    pub said: Vec<u8>,
}

/// Why no process can be forked here; `None` if it can.
pub fn why_not() -> Option<&'static str> {
    imp::why_not()
}

/// Whether this process was forked to do [`run`]'s work: its death is told where that was called. For signal handlers, too.
pub fn is_child() -> bool {
    imp::is_child()
}

/// In a process that was forked to do [`run`]'s work: it waits for a lock whose holder is a thread that did not come along,
/// so it ends here, and another is forked to do the work, when the lock of this `word` is free, as far as can be seen. Comes back
/// in all other processes; where that has been done a few times already; where the lock was free when this process was forked,
/// so that whoever has it is here; and where there was nobody else who could have it. For signal handlers, too.
pub fn start_over(word: usize) {
    imp::start_over(word);
}

/// Makes ready for forking, once a process, so that no child has to; `last_words` are those of all children. Without it no
/// child says any.
pub fn prepare(last_words: LastWords) {
    imp::prepare(last_words);
}

/// Runs `work` in a process forked from this one, and waits for its end. `work` puts its answer where it is told, and must
/// not unwind: that would abort the child. What `hold` gives is dropped in both processes, before the work; it is asked anew
/// for each process that is forked, of which there is more than one if the first has to [`start_over`]. `goes_on` is asked
/// every [`TICK`], and ends the process with false.
///
/// # Errors
/// Those of making pipes and a process.
pub fn run<'a, G>(
    lines: &'a mut Lines,
    hold: impl FnMut() -> G,
    work: impl FnOnce(&mut Answer),
    goes_on: &mut dyn FnMut() -> bool,
) -> io::Result<Life<'a>> {
    imp::run(lines, hold, work, goes_on)
}

/// The place in the code that a process forked from this one calls by its address; `None` if nothing was loaded there
/// before it was forked.
pub fn location_at(address: usize) -> Option<&'static Location<'static>> {
    imp::location_at(address)
}
