//! Whose a lock of libc's is: it writes down which thread has it, as no lock of Rust's does.
//!
//! What C libraries lock with (`pthread_mutex_t`, and a `pthread_rwlock_t` for writing) is often one for a whole process: the
//! static mutexes of SQLite, what OpenSSL looks up algorithms under. Whether a thread of the world has it, or one outside, decides
//! whether a wait for it is an event of the run.

use super::super::fork_lock::inside;
use super::arch::raw;
use super::call::{Call, Owner};
use super::libcs_own::frames;
use super::memory::{function, is_in_libc, peek};
use std::ops::Range;
use std::sync::OnceLock;

/// Where the functions are that wait for such a lock.
struct Waiting {
    mutex: Range<usize>,
    rwlock: [Range<usize>; 2],
}

static WAITING: OnceLock<Waiting> = OnceLock::new();

/// Finds out where they are, if nobody has. Not to be told with calls watched.
pub fn learn() {
    let range = |name| function(name).map_or(0..0, |(from, to)| from..to);
    if WAITING.get().is_none() {
        inside(|| {
            WAITING.get_or_init(|| Waiting {
                mutex: range(c"pthread_mutex_lock"),
                rwlock: [c"pthread_rwlock_rdlock", c"pthread_rwlock_wrlock"].map(range),
            })
        });
    }
}

/// glibc's `pthread_mutex_t`: the word that is waited for, a count, and who has it.
const OWNER: usize = 8;

/// glibc's `pthread_rwlock_t`, which is at a multiple of 8: two numbers, two words that are waited for, two numbers, and who has
/// it for writing.
const WORDS: usize = 8;
const WRITER: usize = 24;

/// Who has the lock that the call waits for, which the word is of. `None` if it is none of libc's. Neither allocates nor waits.
pub fn owner_of(call: &Call, word: usize) -> Option<Owner> {
    /// Between the instruction and the function that was called there are one or two others.
    const NEAR: usize = 4;
    let waiting = WAITING.get()?;
    if !is_in_libc(call.at) {
        return None;
    }
    let (mut near, mut place, mut is_rwlock) = (0, None, false);
    let mut look = |at: usize| {
        near += 1;
        if waiting.mutex.contains(&at) {
            place = Some(word + OWNER);
        } else if waiting.rwlock.iter().any(|function| function.contains(&at)) {
            is_rwlock = true;
            place = Some(word / WORDS * WORDS - WORDS + WRITER);
        }
        place.is_none() && near < NEAR && is_in_libc(at)
    };
    if look(call.at) {
        frames(call, |at, _| look(at));
    }
    let mut owner = [0; 4];
    let is_known = peek(place?, &mut owner) == owner.len();
    let owner = match i32::from_ne_bytes(owner) {
        0 if is_rwlock => Owner::Readers,
        0 => Owner::Nobody,
        number => Owner::Thread(number),
    };
    is_known.then_some(owner)
}

/// Whether a thread with this number is in this process.
pub fn is_there(thread: i32) -> bool {
    let process = raw(libc::SYS_getpid, [0; 6]);
    raw(libc::SYS_tgkill, [process, thread.into(), 0, 0, 0, 0]) == 0
}

/// The kernel's number of the calling thread, as it is when it does not run as another one.
pub fn own_number() -> i32 {
    raw(libc::SYS_gettid, [0; 6]) as i32
}
