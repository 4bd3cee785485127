//! What the threads of running worlds have opened that has another end: pipes, FIFOs, sockets, terminals.
//!
//! A process that is forked has a copy of every descriptor of this one. As long as it is there, what is at the other end
//! does not learn that a descriptor was closed here: no end of a pipe, no hang-up, no address that is free again. For those
//! of the forking thread's own world that is what a fork means. But worlds run beside each other, in the threads of one test
//! process, and what one has opened is none of the business of what another forks: a run would go this way or that with what
//! runs beside it. So
//! 1. it is noted which descriptors a world's threads have opened, from the call that opens one to the one that closes it, or
//!    to the end of the run: what is left then (in a static, or given away) is like any other of this process;
//! 2. a process that is forked by anybody else closes them before it does anything ([`forked`]);
//! 3. nobody opens or closes one, by a call that is seen, between a fork and that: both are done inside of
//!    [`fork_lock`](super::super::fork_lock), which is closed from before the fork until the child has closed them. So where
//!    a descriptor has been closed, no other process has it. The same holds from before a program is started until it has
//!    begun, and has what is closed on exec no more ([`spawned`]).
//!
//! Whoever forks with the lock closed waits for libc's locks (the allocator's, those of stdio's and of NSS's tables). So nobody
//! may hold one of these and wait to go inside: calls of the loader's are left alone, as are files, which are all that libc
//! opens and closes with such a lock held.
//!
//! Files, epoll, events and timers are not noted: nobody waits for their other end. A static may have them (a log, a
//! reactor), and a child goes on with it.
//!
//! Not covered: programs started by `system`, `wordexp`, `vfork` and `clone`, for as long as it takes until they have begun; descriptors
//! that are not closed on exec, of which a program started beside the run has copies; those that come by a message
//! (`SCM_RIGHTS`); and what was opened outside of runs.

use super::super::fork_lock::{closed_unless_inside, inside};
use super::arch::raw;
use super::call::Call;
use super::{SELECTOR, Selector};
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, AtomicU64, Ordering};

/// Descriptors with a higher number are not noted.
const MOST: usize = 4096;

/// Whose each descriptor is: the owner, and the lower half of the number that the kernel has for what is behind it, so that
/// one which was closed unseen, and opened again by others, is not taken for it. 0: nobody's.
static OPEN: [AtomicU64; MOST] = [const { AtomicU64::new(0) }; MOST];

/// Set in [`OPEN`] for one that was made with its other end, so that both are this world's.
const PAIRED: u64 = 1 << 63;

/// How many there are in [`OPEN`].
static COUNT: AtomicU32 = AtomicU32::new(0);

/// No higher number has ever been noted.
static HIGHEST: AtomicU32 = AtomicU32::new(0);

/// Who notes what it opens: the threads of one world, which have a selector, or several with this number in common.
pub(super) fn new_owner() -> u32 {
    static LAST: AtomicU32 = AtomicU32::new(0);
    // The highest bit is not its own.
    (LAST.fetch_add(1, Ordering::Relaxed) + 1) & (u32::MAX >> 1)
}

/// The calling thread's; 0 if it is of no world.
fn this_owner() -> u32 {
    SELECTOR.get().map_or(0, owner_of)
}

fn owner_of(selector: Selector) -> u32 {
    selector.owner.load(Ordering::Relaxed)
}

fn place(fd: i64) -> Option<&'static AtomicU64> {
    usize::try_from(fd).ok().and_then(|fd| OPEN.get(fd))
}

/// Whose what is noted as `word` is.
fn noted_for(word: u64) -> u32 {
    ((word & !PAIRED) >> 32) as u32
}

/// Whether `fd` is noted for `owner`.
fn is_noted(owner: u32, fd: i64) -> bool {
    place(fd).is_some_and(|place| noted_for(place.load(Ordering::Relaxed)) == owner)
}

/// Whether `fd` is noted for the calling thread's world.
pub(super) fn is_own(fd: i64) -> bool {
    is_noted(this_owner(), fd)
}

/// Whether `fd` is an end of what has both in the calling thread's world, as far as it has started no process.
pub(super) fn is_paired(fd: i64) -> bool {
    is_noted(this_owner(), fd) && place(fd).is_some_and(|place| place.load(Ordering::Relaxed) & PAIRED != 0)
}

/// Takes away what is there, if that is `owner`'s.
fn clear(owner: u32, place: &AtomicU64) {
    let before = place.load(Ordering::Relaxed);
    let is_owners = before != 0 && noted_for(before) == owner;
    if is_owners && place.compare_exchange(before, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
        COUNT.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The lower half of the number of what is behind `fd`, if that has another end.
fn thing(fd: i64) -> Option<u32> {
    const TERMINALS: std::ops::RangeInclusive<u32> = 136..=143;
    const MASTER: libc::dev_t = libc::makedev(5, 2);
    let mut stat = mem::MaybeUninit::<libc::stat>::zeroed();
    if raw(libc::SYS_fstat, [fd, stat.as_mut_ptr() as i64, 0, 0, 0, 0]) != 0 {
        return None;
    }
    // SAFETY: zeroed, which is a valid value of integers, and filled by the kernel.
    let stat = unsafe { stat.assume_init() };
    let has_another_end = match stat.st_mode & libc::S_IFMT {
        libc::S_IFIFO | libc::S_IFSOCK => true,
        libc::S_IFCHR => stat.st_rdev == MASTER || TERMINALS.contains(&libc::major(stat.st_rdev)),
        _ => false,
    };
    has_another_end.then_some(stat.st_ino as u32)
}

/// Whether `fd` is to be closed inside of the lock: not if it is a file, which libc closes here and there with a lock held
/// that is wanted for a fork. Of what was opened outside of runs a process that was forked beside this one may have a copy,
/// but none that is about to run a program.
fn has_another_end(owner: u32, fd: i64) -> bool {
    is_noted(owner, fd) || thing(fd).is_some()
}

/// Notes `fd` for `owner`, if it has another end. Inside of the lock, with what has opened it.
fn note(owner: u32, fd: i64) {
    if fd >= 0
        && let Some(thing) = thing(fd)
    {
        note_as(owner, fd, thing, false);
    }
}

fn note_as(owner: u32, fd: i64, thing: u32, is_paired: bool) {
    let Some(place) = place(fd) else { return };
    if HIGHEST.load(Ordering::Relaxed) < fd as u32 {
        HIGHEST.fetch_max(fd as u32, Ordering::Relaxed);
    }
    let paired = if is_paired { PAIRED } else { 0 };
    if place.swap(u64::from(owner) << 32 | u64::from(thing) | paired, Ordering::Relaxed) == 0 {
        COUNT.fetch_add(1, Ordering::Relaxed);
    }
}

/// Forgets `fd`, if it is noted for `owner`.
fn forget(owner: u32, fd: i64) {
    if let Some(place) = place(fd) {
        clear(owner, place);
    }
}

/// Notes for the calling thread's world what was opened for it without being seen.
pub fn owns(fd: i32) {
    let owner = this_owner();
    if owner != 0 {
        opening(|| note(owner, fd.into()));
    }
}

/// The same for an end of what has both in this world.
pub fn owns_end(fd: i32) {
    let owner = this_owner();
    if owner != 0
        && let Some(thing) = thing(fd.into())
    {
        opening(|| note_as(owner, fd.into(), thing, true));
    }
}

/// Closes a descriptor of the calling thread's world.
pub fn close(fd: i32) {
    let call = || raw(libc::SYS_close, [fd.into(), 0, 0, 0, 0, 0]);
    opening(|| {
        forget(this_owner(), fd.into());
        call()
    });
}

/// Does what opens descriptors for this world without being seen; nobody else forks before they are [noted](owns) in it.
pub fn opening<R>(open: impl FnOnce() -> R) -> R {
    // What it waits for is no lock of the run's.
    let _quiet = super::quiet();
    inside(open)
}

/// The same for what starts a program as well.
#[cfg(feature = "smol")]
pub fn starting<R>(start: impl FnOnce() -> R) -> R {
    let _quiet = super::quiet();
    let _closed = closed_unless_inside();
    start()
}

/// The run of the calling thread's world is over: what it has not closed is like any other descriptor from here on.
#[inline]
pub fn forget_all() {
    if COUNT.load(Ordering::Relaxed) != 0 {
        forget_those_of(this_owner());
    }
}

#[inline(never)]
fn forget_those_of(owner: u32) {
    noted(|it| it == owner).for_each(|(_, place)| clear(owner, place));
}

/// All that are noted for those of whom `whose` says so.
fn noted(whose: impl Fn(u32) -> bool) -> impl Iterator<Item = (i32, &'static AtomicU64)> {
    let highest = HIGHEST.load(Ordering::Relaxed) as usize;
    let all = OPEN.iter().enumerate().take(highest + 1);
    all.filter(move |(_, place)| {
        let owner = noted_for(place.load(Ordering::Relaxed));
        owner != 0 && whose(owner)
    })
    .map(|(fd, place)| (fd as i32, place))
}

/// Carries a call out, and notes what it opens or closes.
#[inline]
pub fn carry_out(call: &Call) -> i64 {
    let is_other = |command: i64| !matches!(command as i32, libc::F_DUPFD | libc::F_DUPFD_CLOEXEC);
    match call.number {
        libc::SYS_fcntl if is_other(call.args[1]) => raw(call.number, call.args),
        // Its caller may hold a lock that is wanted for a fork.
        _ if call.is_libcs => raw(call.number, call.args),
        libc::SYS_pipe
        | libc::SYS_pipe2
        | libc::SYS_socket
        | libc::SYS_socketpair
        | libc::SYS_accept
        | libc::SYS_accept4
        | libc::SYS_open
        | libc::SYS_openat
        | libc::SYS_dup
        | libc::SYS_dup2
        | libc::SYS_dup3
        | libc::SYS_fcntl
        | libc::SYS_close
        | libc::SYS_close_range => match this_owner() {
            0 => raw(call.number, call.args),
            owner => open_or_close(owner, call.number, call.args),
        },
        _ => raw(call.number, call.args),
    }
}

#[inline(never)]
fn open_or_close(owner: u32, number: i64, args: [i64; 6]) -> i64 {
    let [a, b, c, d, ..] = args;
    let perform = || raw(number, args);
    match number {
        libc::SYS_pipe | libc::SYS_pipe2 => both(owner, perform, a, true),
        libc::SYS_socketpair => both(owner, perform, d, false),
        libc::SYS_socket => one(owner, perform),
        // One that waits is none to be inside for.
        libc::SYS_accept | libc::SYS_accept4
            if !super::is_ready(a as i32, false) && !super::is_nonblocking(a as i32) =>
        {
            let fd = perform();
            inside(|| note(owner, fd));
            fd
        }
        libc::SYS_accept | libc::SYS_accept4 => one(owner, perform),
        libc::SYS_open | libc::SYS_openat => {
            let flags = if number == libc::SYS_open { b } else { c };
            if may_have_another_end(flags as i32) { one(owner, perform) } else { perform() }
        }
        libc::SYS_dup | libc::SYS_dup2 | libc::SYS_dup3 | libc::SYS_fcntl => {
            // Those two close what they put it in the place of.
            let closes = matches!(number, libc::SYS_dup2 | libc::SYS_dup3) && has_another_end(owner, b);
            if !closes && !is_noted(owner, a) {
                return perform();
            }
            inside(|| {
                let fd = perform();
                if fd >= 0 && fd != a {
                    forget(owner, fd);
                    if is_noted(owner, a)
                        && let Some(thing) = thing(fd)
                    {
                        note_as(owner, fd, thing, is_paired(a));
                    }
                }
                fd
            })
        }
        libc::SYS_close if has_another_end(owner, a) => inside(|| {
            forget(owner, a);
            perform()
        }),
        libc::SYS_close_range if c & i64::from(libc::CLOSE_RANGE_CLOEXEC) == 0 => inside(|| {
            let result = perform();
            if result == 0 {
                let (first, last) = (a as u32, b as u32);
                let gone = noted(|it| it == owner).filter(|(fd, _)| (first..=last).contains(&(*fd as u32)));
                gone.for_each(|(_, place)| clear(owner, place));
            }
            result
        }),
        _ => perform(),
    }
}

/// Does what opens a descriptor, without waiting.
pub(super) fn one(owner: u32, open: impl FnOnce() -> i64) -> i64 {
    inside(|| {
        let fd = open();
        note(owner, fd);
        fd
    })
}

/// The same for what opens two, whose numbers are put at an address, and which may be ends of the same thing.
fn both(owner: u32, open: impl FnOnce() -> i64, at: i64, are_one: bool) -> i64 {
    inside(|| {
        let result = open();
        let mut bytes = [0; 8];
        if result == 0 && super::peek(at as usize, &mut bytes) == bytes.len() {
            let [a, b, c, d, e, f, g, h] = bytes;
            let ends = [[a, b, c, d], [e, f, g, h]].map(|end| i64::from(i32::from_ne_bytes(end)));
            match thing(ends[0]).filter(|_| are_one) {
                Some(thing) => ends.iter().for_each(|&fd| note_as(owner, fd, thing, true)),
                None => ends.iter().for_each(|&fd| {
                    if let Some(thing) = thing(fd) {
                        note_as(owner, fd, thing, true);
                    }
                }),
            }
        }
        result
    })
}

/// Does what opens a FIFO for the calling thread's world, without waiting.
pub(super) fn opened(open: impl FnOnce() -> i64) -> i64 {
    match this_owner() {
        0 => open(),
        owner => one(owner, open),
    }
}

/// Whether something with another end may be opened with these flags, and is without waiting: FIFOs that are opened to read
/// or to write and wait have a way of their own, and files are left alone.
fn may_have_another_end(flags: i32) -> bool {
    let waits = flags & libc::O_NONBLOCK == 0 && flags & libc::O_ACCMODE != libc::O_RDWR;
    !waits && flags & (libc::O_PATH | libc::O_DIRECTORY) == 0
}

/// A number, one higher for each fork, and once more when its child has closed what is not its own: on a page that the two
/// share. Null in a process that has not made one. Changed while the lock is closed, and in a child.
static SIGN: AtomicPtr<AtomicI32> = AtomicPtr::new(ptr::null_mut());

/// Makes a process with a copy of this one's memory, by `fork`: when it comes back, in either, the child has no descriptor
/// that belongs to another world than the calling thread's.
#[inline]
pub(in super::super) fn forked(fork: impl FnOnce() -> i64) -> i64 {
    let _closed = closed_unless_inside();
    let owner = this_owner();
    if COUNT.load(Ordering::Relaxed) == 0 || noted(|it| it != owner).next().is_none() {
        return fork();
    }
    forked_beside(owner, &mut Some(fork))
}

#[inline(never)]
fn forked_beside(owner: u32, fork: &mut Option<impl FnOnce() -> i64>) -> i64 {
    let sign = sign();
    let number = sign.map_or(0, |sign| sign.fetch_add(1, Ordering::Relaxed).wrapping_add(1));
    let child = fork.take().map_or(-1, |fork| fork());
    match child {
        0 => {
            close_others(owner);
            // It is the parent's.
            SIGN.store(ptr::null_mut(), Ordering::Relaxed);
            if let Some(sign) = sign {
                // Not if its parent has given it up: then that may be at another fork.
                let _ = sign.compare_exchange(number, number.wrapping_add(1), Ordering::Release, Ordering::Relaxed);
                let (word, all) = (sign.as_ptr() as i64, i32::MAX.into());
                raw(libc::SYS_futex, [word, libc::FUTEX_WAKE.into(), all, 0, 0, 0]);
            }
        }
        1.. => {
            if let Some(sign) = sign {
                wait_for(sign, number, child);
            }
        }
        _ => {}
    }
    child
}

/// The page's word, made at its first use.
fn sign() -> Option<&'static AtomicI32> {
    let mut place = SIGN.load(Ordering::Relaxed);
    if place.is_null() {
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        let page = raw(libc::SYS_mmap, [0, 4096, protection.into(), flags.into(), -1, 0]);
        if page < 0 {
            return None;
        }
        place = page as *mut AtomicI32;
        SIGN.store(place, Ordering::Relaxed);
    }
    // SAFETY: null is ruled out; else a page that was mapped here, of zeros at first, which is never unmapped.
    unsafe { place.as_ref() }
}

/// Waits until the child has closed what is not its own, or is gone.
fn wait_for(sign: &AtomicI32, number: i32, child: i64) {
    /// After so many moments it is stopped, or worse.
    const MOMENTS: u32 = 500;
    let moment = [0, 2_000_000i64];
    for _ in 0..MOMENTS {
        if sign.load(Ordering::Acquire) != number {
            return;
        }
        let word = sign.as_ptr() as i64;
        raw(libc::SYS_futex, [word, libc::FUTEX_WAIT.into(), number.into(), moment.as_ptr() as i64, 0, 0]);
        let mut info = [0u64; 16];
        let flags = i64::from(libc::WEXITED | libc::WNOHANG | libc::WNOWAIT);
        let result = raw(libc::SYS_waitid, [libc::P_PID.into(), child, info.as_mut_ptr() as i64, flags, 0, 0]);
        if result != 0 || info[0] != 0 {
            return;
        }
    }
}

/// In a child: closes what belongs to another world than `owner`, and forgets it. Neither allocates nor locks.
fn close_others(owner: u32) {
    for (fd, place) in noted(|it| it != owner) {
        let it_was = place.swap(0, Ordering::Relaxed) as u32;
        if thing(fd.into()) != Some(it_was) {
            continue;
        }
        if fd > 2 {
            raw(libc::SYS_close, [fd.into(), 0, 0, 0, 0, 0]);
            continue;
        }
        // Code under test takes it that these three are open.
        let (path, flags) = (c"/dev/null".as_ptr() as i64, i64::from(libc::O_RDWR));
        let null = raw(libc::SYS_openat, [libc::AT_FDCWD.into(), path, flags, 0, 0, 0]);
        raw(libc::SYS_dup2, [null, fd.into(), 0, 0, 0, 0]);
        raw(libc::SYS_close, [null, 0, 0, 0, 0, 0]);
    }
    COUNT.store(noted(|_| true).count() as u32, Ordering::Relaxed);
}

/// Starts a program by `start`, which comes back when it has begun: then it has none of the descriptors that are closed on
/// exec.
pub(in super::super) fn spawned<R>(start: impl FnOnce() -> R) -> R {
    let _closed = closed_unless_inside();
    let _last = (COUNT.load(Ordering::Relaxed) != 0).then(Last::open);
    start()
}

/// A pipe with an end that a new program closes last of all. (The parent goes on when the child has memory of its own, which
/// is a little before descriptors are closed, in the order of their numbers.)
struct Last {
    reader: i64,
    writer: i64,
}

impl Last {
    fn open() -> Last {
        let mut ends = [-1i32; 2];
        if raw(libc::SYS_pipe2, [ends.as_mut_ptr() as i64, libc::O_CLOEXEC.into(), 0, 0, 0, 0]) != 0 {
            return Last { reader: -1, writer: -1 };
        }
        let [reader, low] = ends.map(i64::from);
        let behind = i64::from(HIGHEST.load(Ordering::Relaxed)) + 1;
        let writer = raw(libc::SYS_fcntl, [low, libc::F_DUPFD_CLOEXEC.into(), behind, 0, 0, 0]);
        raw(libc::SYS_close, [low, 0, 0, 0, 0, 0]);
        Last { reader, writer }
    }
}

impl Drop for Last {
    /// Waits until the program has closed its own.
    fn drop(&mut self) {
        const MOST_MILLIS: i64 = 500;
        if self.writer >= 0 {
            raw(libc::SYS_close, [self.writer, 0, 0, 0, 0, 0]);
            // Nothing is ever written to it: it is ready when it is at its end.
            let mut poll = libc::pollfd { fd: self.reader as i32, events: libc::POLLIN, revents: 0 };
            raw(libc::SYS_poll, [ptr::from_mut(&mut poll) as i64, 1, MOST_MILLIS, 0, 0, 0]);
        }
        if self.reader >= 0 {
            raw(libc::SYS_close, [self.reader, 0, 0, 0, 0, 0]);
        }
    }
}
