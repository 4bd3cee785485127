//! Calls carried out by halves: without waiting, or for a while; and what descriptors are like.

use super::super::{watchdog, zygote};
use super::arch::raw;
use super::call::{Call, Kind};
use super::memory::{is_static, peek, peek_words, poke};
use super::opened;
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Carries a call out.
pub fn perform(call: &Call) -> i64 {
    opened::carry_out(call)
}

/// Carries a futex's wait out, for `nanos` of real time at most.
pub fn perform_for(call: &Call, nanos: u64) -> i64 {
    let [word, op, value, ..] = call.args;
    wait_for([word, op, value], nanos)
}

fn wait_for([word, op, value]: [i64; 3], nanos: u64) -> i64 {
    let op = i64::from(libc::FUTEX_WAIT) | (op & i64::from(libc::FUTEX_PRIVATE_FLAG));
    let time = [nanos / 1_000_000_000, nanos % 1_000_000_000];
    raw(libc::SYS_futex, [word, op, value, time.as_ptr() as i64, 0, 0])
}

/// Carries a futex's call out that nobody has to see. A process forked for a run may wait for a lock that was held when it
/// was forked, by a thread that is not there any more: then it starts over.
pub fn futex_unseen(args: [i64; 6]) -> i64 {
    const TIMED_OUT: i64 = -(libc::ETIMEDOUT as i64);
    let is_private = libc::FUTEX_PRIVATE_FLAG;
    let [word, op, value, time, _, set] = args;
    let waits = match op as i32 & !is_private {
        libc::FUTEX_WAIT => true,
        libc::FUTEX_WAIT_BITSET => set as u32 == u32::MAX,
        _ => false,
    };
    note_wanted(word as usize);
    if waits && op as i32 & is_private != 0 && time == 0 && zygote::is_child() {
        while let Some(patience) = patience(word as usize) {
            match wait_for([word, op, value], patience) {
                TIMED_OUT => zygote::start_over(word as usize),
                result => return result,
            }
        }
    }
    raw(libc::SYS_futex, args)
}

/// Words in statics that threads outside of any world have waited for, or woken others with; 0 is none. What finds no room is
/// not noted.
static WANTED_OUTSIDE: [AtomicUsize; 64] = [const { AtomicUsize::new(0) }; 64];

/// Whether a thread outside of any world has been seen to wait for this word in a static, or to wake others with it.
pub fn is_wanted_outside(word: usize) -> bool {
    WANTED_OUTSIDE.iter().map(|place| place.load(Ordering::Relaxed)).take_while(|&noted| noted != 0).any(|w| w == word)
}

/// A thread outside of any world waits for this word, or wakes others with it.
pub fn note_wanted(word: usize) {
    if !is_static(word) {
        return;
    }
    for place in &WANTED_OUTSIDE {
        match place.compare_exchange(0, word, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return,
            Err(noted) if noted == word => return,
            Err(_) => {}
        }
    }
}

/// After so many nanoseconds nobody is taken to hold the lock that this word is of who is there: if the calling thread is this
/// process's only one; if there is nobody else but the watchdog, who holds one for a moment; or if it is a lock in a static, as
/// std's own are, one of which each thread takes when it begins. (What threads wait for that take turns is in no static.)
fn patience(word: usize) -> Option<u64> {
    const ALONE: u64 = 20_000_000;
    const WATCHED: u64 = 300_000_000;
    const AMONG_OTHERS: u64 = 500_000_000;
    let [thread, process] = [libc::SYS_gettid, libc::SYS_getpid].map(|number| raw(number, [0; 6]));
    match kernel_threads() {
        Some(1) => Some(ALONE),
        Some(2) if thread == process && watchdog::is_in(process as u32) => Some(WATCHED),
        _ if is_static(word) => Some(AMONG_OTHERS),
        _ => None,
    }
}

/// How many threads this process has, in the kernel's eyes. No function of libc is asked.
pub fn kernel_threads() -> Option<u64> {
    let mut about = mem::MaybeUninit::<libc::stat>::zeroed();
    let (path, place) = (c"/proc/self/task".as_ptr() as i64, about.as_mut_ptr() as i64);
    let result = raw(libc::SYS_newfstatat, [libc::AT_FDCWD.into(), path, place, 0, 0, 0]);
    // SAFETY: zeros are a valid value of it, and what the kernel has written is one as well; the number of links of this
    // folder is that of the threads, `.` and `..`.
    (result == 0).then(|| unsafe { about.assume_init() }.st_nlink.saturating_sub(2))
}

/// Carries a wait for descriptors, or for a lock of a file, out without waiting: with a timeout of zero. The sets of a
/// `select` are changed only if something is ready.
pub fn perform_now(call: &Call) -> i64 {
    let mut args = call.args;
    let zero = [0u64; 2];
    let zero = zero.as_ptr() as i64;
    match call.number {
        libc::SYS_poll => args[2] = 0,
        libc::SYS_ppoll => args[2] = zero,
        libc::SYS_select | libc::SYS_pselect6 => return Sets::of(call).ask(true),
        libc::SYS_epoll_wait | libc::SYS_epoll_pwait => args[3] = 0,
        libc::SYS_epoll_pwait2 => args[3] = zero,
        libc::SYS_flock => args[1] |= i64::from(libc::LOCK_NB),
        libc::SYS_fcntl if args[1] == i64::from(libc::F_SETLKW) => args[1] = libc::F_SETLK.into(),
        libc::SYS_fcntl => args[1] = libc::F_OFD_SETLK.into(),
        _ => return -i64::from(libc::ENOSYS),
    }
    raw(call.number, args)
}

/// The descriptors of a `select`.
pub(super) struct Sets {
    count: i64,
    /// Where the caller has them, or 0, and copies of them.
    places: [i64; 3],
    copies: [[u8; 128]; 3],
    bytes: usize,
}

impl Sets {
    pub(super) fn of(call: &Call) -> Sets {
        let count = call.args[0].clamp(0, libc::FD_SETSIZE as i64);
        let bytes = (count as usize).div_ceil(64) * 8;
        let mut sets = Sets { count, places: [call.args[1], call.args[2], call.args[3]], copies: [[0; 128]; 3], bytes };
        for (&place, copy) in sets.places.iter().zip(&mut sets.copies).filter(|(place, _)| **place != 0) {
            peek(place as usize, &mut copy[..bytes]);
        }
        sets
    }

    /// Those that are in one of its sets.
    pub(super) fn members(&self) -> impl Iterator<Item = i32> {
        let is_in = |fd: usize| self.copies.iter().any(|set| set[fd / 8] & 1 << (fd % 8) != 0);
        (0..self.count as usize).filter(move |&fd| is_in(fd)).map(|fd| fd as i32)
    }

    /// How many are ready now; if some are and it is to `tell`, the caller's sets say which.
    fn ask(mut self, tell: bool) -> i64 {
        let zero = [0u64; 2];
        let mut args = [self.count, 0, 0, 0, zero.as_ptr() as i64, 0];
        for set in 0..3 {
            args[set + 1] = if self.places[set] == 0 { 0 } else { self.copies[set].as_mut_ptr() as i64 };
        }
        let result = raw(libc::SYS_pselect6, args);
        if tell && result > 0 {
            self.put();
        }
        result
    }

    fn put(&self) {
        let places = self.places.iter().zip(&self.copies).filter(|(place, _)| **place != 0);
        places.for_each(|(&place, copy)| {
            poke(place as usize, &copy[..self.bytes]);
        });
    }
}

/// The time of a `select` has run out: its sets are empty. Nothing for other calls.
pub fn clear_sets(call: &Call) {
    if matches!(call.number, libc::SYS_select | libc::SYS_pselect6) {
        Sets { copies: [[0; 128]; 3], ..Sets::of(call) }.put();
    }
}

/// A pipe or a socket that can be written to has room for so much.
pub(super) const PAGE: usize = 4096;

/// Carries out as much of a call that writes to a pipe or a socket as goes without waiting, from byte `done` on: how many
/// bytes, and whether that was all.
pub fn write_part(call: &Call, done: usize, is_pipe: bool) -> Result<(usize, bool), i64> {
    let dont_wait = i64::from(libc::MSG_DONTWAIT);
    let [fd, buffer, length, flags, ..] = call.args;
    let left = (length as usize).saturating_sub(done);
    let (result, all) = match call.number {
        libc::SYS_write if is_pipe => {
            let part = left.min(PAGE);
            (raw(libc::SYS_write, [fd, buffer + done as i64, part as i64, 0, 0, 0]), left)
        }
        libc::SYS_write => (raw(libc::SYS_sendto, [fd, buffer + done as i64, left as i64, dont_wait, 0, 0]), left),
        libc::SYS_sendto => {
            let [.., address, size] = call.args;
            (raw(libc::SYS_sendto, [fd, buffer + done as i64, left as i64, flags | dont_wait, address, size]), left)
        }
        libc::SYS_sendmsg => (raw(libc::SYS_sendmsg, [fd, buffer, length | dont_wait, 0, 0, 0]), 0),
        libc::SYS_sendmmsg => (raw(libc::SYS_sendmmsg, [fd, buffer, length, flags | dont_wait, 0, 0]), 0),
        libc::SYS_writev => {
            // The first piece: who writes several has to expect that fewer are written.
            let pieces = (0..length).map_while(|n| peek_words(buffer as usize + 16 * n as usize));
            let [base, size] = pieces.into_iter().find(|[_, size]| *size > 0).unwrap_or_default();
            let (base, size) = (base as i64, size as usize);
            match is_pipe {
                true => (raw(libc::SYS_write, [fd, base, size.min(PAGE) as i64, 0, 0, 0]), 0),
                false => (raw(libc::SYS_sendto, [fd, base, size as i64, dont_wait, 0, 0]), 0),
            }
        }
        _ => (raw(call.number, call.args), 0),
    };
    match result {
        0.. => Ok((result as usize, result == 0 || result as usize >= all)),
        error => Err(error),
    }
}

/// Stops a timer that is a descriptor; the call that sets it is answered with that.
pub fn stop_timer(call: &Call) -> i64 {
    let none = [0u64; 4];
    raw(libc::SYS_timerfd_settime, [call.args[0], 0, none.as_ptr() as i64, call.args[3], 0, 0])
}

/// Has such a timer run out, and waits until that can be seen.
pub fn fire_timer(fd: i32) {
    let soon = [0u64, 0, 0, 1];
    raw(libc::SYS_timerfd_settime, [fd.into(), 0, soon.as_ptr() as i64, 0, 0, 0]);
    let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    raw(libc::SYS_poll, [ptr::from_mut(&mut poll) as i64, 1, 100, 0, 0, 0]);
}

/// Whether a wait for descriptors, or for a child, would be over at once. Nothing is taken by asking.
pub fn is_over(call: &Call) -> bool {
    match call.number {
        libc::SYS_poll | libc::SYS_ppoll => perform_now(call) != 0,
        libc::SYS_select | libc::SYS_pselect6 => Sets::of(call).ask(false) != 0,
        // It is the caller's then, and asking again gives the same answer.
        libc::SYS_flock | libc::SYS_fcntl => perform_now(call) != -i64::from(libc::EAGAIN),
        libc::SYS_epoll_wait | libc::SYS_epoll_pwait | libc::SYS_epoll_pwait2 => is_ready(call.args[0] as i32, false),
        libc::SYS_wait4 | libc::SYS_waitid => has_ended(call).unwrap_or(true),
        _ => true,
    }
}

/// Which child a call waits for; nothing if it is any, or told in another way than by its number.
pub fn child_of(call: &Call) -> Option<u32> {
    match which_child(call) {
        (which, id) if which == i64::from(libc::P_PID) => u32::try_from(id).ok(),
        _ => None,
    }
}

/// The same, as the first two arguments of `waitid`.
fn which_child(call: &Call) -> (i64, i64) {
    match (call.number, call.args[0]) {
        (libc::SYS_waitid, which) => (which, call.args[1]),
        (_, pid) if pid as i32 > 0 => (i64::from(libc::P_PID), pid),
        _ => (i64::from(libc::P_ALL), 0),
    }
}

/// Whether a child has ended that a call waits for; an error if there is none. Nothing is taken by asking.
fn has_ended(call: &Call) -> Result<bool, i64> {
    let (which, id) = which_child(call);
    let mut info = [0u64; 16];
    let flags = i64::from(libc::WEXITED | libc::WNOHANG | libc::WNOWAIT);
    match raw(libc::SYS_waitid, [which, id, info.as_mut_ptr() as i64, flags, 0, 0]) {
        // If none has, the information is left as it was: zeros.
        0 => Ok(info[0] != 0),
        error => Err(error),
    }
}

/// Whether a call that waits for a child, performed now, would leave nothing of it.
pub fn reaps(call: &Call) -> bool {
    let takes = match (call.number, call.args[3] as i32) {
        (libc::SYS_waitid, flags) => flags & libc::WEXITED != 0 && flags & libc::WNOWAIT == 0,
        _ => true,
    };
    takes && has_ended(call) == Ok(true)
}

/// `/dev/random` and `/dev/urandom`.
const RANDOM: [libc::dev_t; 2] = [libc::makedev(1, 8), libc::makedev(1, 9)];

/// What sort of thing `fd` is.
pub fn kind_of(fd: i32) -> Kind {
    let mut stat = mem::MaybeUninit::<libc::stat>::zeroed();
    if raw(libc::SYS_fstat, [fd.into(), stat.as_mut_ptr() as i64, 0, 0, 0, 0]) != 0 {
        return Kind::None;
    }
    // SAFETY: zeroed, which is a valid value of integers, and filled by the kernel.
    let stat = unsafe { stat.assume_init() };
    match stat.st_mode & libc::S_IFMT {
        libc::S_IFCHR if RANDOM.contains(&stat.st_rdev) => Kind::Random,
        // What is on a device of its own is not made up; only the others are asked where they come from.
        libc::S_IFREG | libc::S_IFDIR if libc::major(stat.st_dev) == 0 && is_made_up(fd) => Kind::None,
        libc::S_IFREG | libc::S_IFDIR | libc::S_IFBLK => Kind::File,
        libc::S_IFIFO => Kind::Pipe,
        libc::S_IFSOCK => Kind::Socket,
        _ => Kind::Other,
    }
}

/// What `fd` is called: a path, or `kind:[number]`. How many bytes of `out` that takes; 0 if it is not known.
pub fn name_of(fd: i32, out: &mut [u8]) -> usize {
    let mut path = [0u8; 32];
    let mut digits = fd.unsigned_abs();
    let mut at = path.len() - 1;
    loop {
        at -= 1;
        path[at] = b'0' + (digits % 10) as u8;
        digits /= 10;
        if digits == 0 {
            break;
        }
    }
    let folder = b"/proc/self/fd/";
    path[at - folder.len()..at].copy_from_slice(folder);
    let start = path[at - folder.len()..].as_ptr() as i64;
    // The kernel reads a text that ends in NUL, as `path` does, and writes to `out` only.
    let length = raw(libc::SYS_readlink, [start, out.as_mut_ptr() as i64, out.len() as i64, 0, 0, 0]);
    length.max(0) as usize
}

/// Whether the file has no disk behind it: the kernel writes what is read there.
fn is_made_up(fd: i32) -> bool {
    let mut stat = mem::MaybeUninit::<libc::statfs>::zeroed();
    if raw(libc::SYS_fstatfs, [fd.into(), stat.as_mut_ptr() as i64, 0, 0, 0, 0]) != 0 {
        return false;
    }
    // SAFETY: zeroed, which is a valid value of integers, and filled by the kernel.
    let magic = unsafe { stat.assume_init() }.f_type;
    matches!(magic, libc::PROC_SUPER_MAGIC | libc::SYSFS_MAGIC | libc::CGROUP_SUPER_MAGIC | libc::CGROUP2_SUPER_MAGIC)
}

/// Whether `fd` has `O_NONBLOCK`.
pub fn is_nonblocking(fd: i32) -> bool {
    let flags = flags_of(fd);
    flags >= 0 && flags & i64::from(libc::O_NONBLOCK) != 0
}

/// Whether `fd` has been opened to be read and not written to.
pub(super) fn is_to_read(fd: i32) -> bool {
    flags_of(fd) & i64::from(libc::O_ACCMODE) == libc::O_RDONLY.into()
}

fn flags_of(fd: i32) -> i64 {
    raw(libc::SYS_fcntl, [fd.into(), libc::F_GETFL.into(), 0, 0, 0, 0])
}

/// Whether reading (or writing) would not wait.
pub fn is_ready(fd: i32, to_write: bool) -> bool {
    let events = if to_write { libc::POLLOUT } else { libc::POLLIN };
    let mut poll = libc::pollfd { fd, events, revents: 0 };
    raw(libc::SYS_poll, [ptr::from_mut(&mut poll) as i64, 1, 0, 0, 0, 0]) != 0
}
