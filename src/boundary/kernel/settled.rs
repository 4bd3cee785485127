//! Child processes at rest. They run as fast as they do, whatever the seed: what one has written and whether it has ended is
//! looked at only once it has ended, or waits for something.

use super::arch::raw;
use std::cell::Cell;
use std::fmt::Arguments;
use std::io::{Cursor, Write};
use std::time::Duration;

/// How often children are looked at, in microseconds.
const EVERY: u32 = 100;

/// How many generations are waited for: a child may be a shell.
const DEEPEST: u32 = 3;

/// Waits in real time until the children that this thread has started have ended or wait for something, for `most`
/// microseconds at most. How many of these are left.
pub fn settle_children(most: u32) -> u32 {
    let pause = [0, i64::from(EVERY) * 1_000];
    let mut left = most;
    while left >= EVERY && !are_at_rest() {
        raw(libc::SYS_nanosleep, [pause.as_ptr() as i64, 0, 0, 0, 0, 0]);
        left -= EVERY;
    }
    left
}

/// Whether none of them runs. One may wake another when that has been looked at already, so it takes two looks to know.
fn are_at_rest() -> bool {
    let is_any_there = Cell::new(false);
    let is_any_running = || {
        is_any_of_own(|pid| {
            is_any_there.set(true);
            // It may wait for a disk.
            is_any_of(pid, &mut |_, _, letter| matches!(letter, b'R' | b'D'))
        })
    };
    !(is_any_running() || is_any_there.get() && is_any_running())
}

/// The time of a clock that no run moves.
pub fn real_time() -> Duration {
    let mut time = [0i64; 2];
    raw(libc::SYS_clock_gettime, [libc::CLOCK_MONOTONIC.into(), time.as_mut_ptr() as i64, 0, 0, 0, 0]);
    Duration::new(time[0].unsigned_abs(), time[1].unsigned_abs() as u32)
}

/// Whether one of the children that this thread has started has not ended yet.
pub fn is_any_child_alive() -> bool {
    is_any_of_own(|pid| match State::of(pid, pid) {
        Some(state) => state.threads > 1 || !matches!(state.letter, b'Z' | b'X'),
        None => false,
    })
}

/// Whether it `is` so of one of the children that this thread has started.
pub(super) fn is_any_of_own(is: impl FnMut(u32) -> bool) -> bool {
    is_any(format_args!("/proc/thread-self/children\0"), is)
}

/// Whether it `is` so of a thread of a process, or of one of its children: of its process, its number and what it does, as a
/// letter.
pub(super) fn is_any_of(pid: u32, is: &mut dyn FnMut(u32, u32, u8) -> bool) -> bool {
    is_any_within(pid, DEEPEST, is)
}

/// The same in so many generations.
fn is_any_within(pid: u32, deep: u32, is: &mut dyn FnMut(u32, u32, u8) -> bool) -> bool {
    let Some(first) = State::of(pid, pid) else { return false };
    let mut is_one = |state: State, thread: u32| {
        let children = format_args!("/proc/{pid}/task/{thread}/children\0");
        is(pid, thread, state.letter) || deep > 1 && is_any(children, |child| is_any_within(child, deep - 1, is))
    };
    match first.threads {
        0 | 1 => is_one(first, pid),
        _ => is_any_thread(pid, |thread| State::of(pid, thread).is_some_and(|state| is_one(state, thread))),
    }
}

/// Whether it `is` so of one of the threads of a process.
fn is_any_thread(pid: u32, mut is: impl FnMut(u32) -> bool) -> bool {
    let mut name = [0; 64];
    if Cursor::new(&mut name[..]).write_fmt(format_args!("/proc/{pid}/task\0")).is_err() {
        return false;
    }
    let flags = i64::from(libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC);
    let fd = raw(libc::SYS_openat, [i64::from(libc::AT_FDCWD), name.as_ptr() as i64, flags, 0, 0, 0]);
    if fd < 0 {
        return false;
    }
    let mut entries = [0; 1024];
    let mut is_one = false;
    while !is_one {
        let length = raw(libc::SYS_getdents64, [fd, entries.as_mut_ptr() as i64, entries.len() as i64, 0, 0, 0]);
        let mut rest = &entries[..length.max(0) as usize];
        if rest.is_empty() {
            break;
        }
        // Of each entry: two numbers of eight bytes, its size, its kind, its name.
        while let (Some(size), Some(name)) = (rest.get(16..18), rest.get(19..)) {
            let name = name.split(|&byte| byte == 0).next().and_then(|name| std::str::from_utf8(name).ok());
            is_one |= name.and_then(|name| name.parse().ok()).is_some_and(&mut is);
            rest = rest.get(usize::from(u16::from_ne_bytes([size[0], size[1]])).max(19)..).unwrap_or_default();
        }
    }
    raw(libc::SYS_close, [fd, 0, 0, 0, 0, 0]);
    is_one
}

/// Whether it `is` so of one of the processes that the file lists.
fn is_any(list: Arguments<'_>, is: impl FnMut(u32) -> bool) -> bool {
    let mut text = [0; 512];
    let pids = read(&mut text, list).split(|&byte| byte == b' ').filter_map(|pid| std::str::from_utf8(pid).ok());
    pids.filter_map(|pid| pid.trim().parse::<u32>().ok()).any(is)
}

/// What a thread of a process does.
struct State {
    letter: u8,
    /// How many there are of them in the process.
    threads: u32,
}

impl State {
    /// Nothing if there is no such process, or no such thread.
    fn of(pid: u32, thread: u32) -> Option<State> {
        let mut text = [0; 512];
        let text = read(&mut text, format_args!("/proc/{pid}/task/{thread}/stat\0"));
        // Its name may hold anything: the state is behind the last parenthesis.
        let end = text.iter().rposition(|&byte| byte == b')')?;
        let mut fields = text.get(end + 2..)?.split(|&byte| byte == b' ');
        let letter = *fields.next()?.first()?;
        let threads = fields.nth(16).and_then(|field| std::str::from_utf8(field).ok()?.parse().ok()).unwrap_or(1);
        Some(State { letter, threads })
    }
}

/// The beginning of a file, without an allocation: this may be called in the midst of one. Nothing if it cannot be read.
pub(super) fn read<'a>(text: &'a mut [u8; 512], path: Arguments<'_>) -> &'a [u8] {
    let mut name = [0; 64];
    if Cursor::new(&mut name[..]).write_fmt(path).is_err() {
        return &[];
    }
    let flags = i64::from(libc::O_RDONLY | libc::O_CLOEXEC);
    let fd = raw(libc::SYS_openat, [i64::from(libc::AT_FDCWD), name.as_ptr() as i64, flags, 0, 0, 0]);
    if fd < 0 {
        return &[];
    }
    let length = raw(libc::SYS_read, [fd, text.as_mut_ptr() as i64, text.len() as i64, 0, 0, 0]);
    raw(libc::SYS_close, [fd, 0, 0, 0, 0, 0]);
    &text[..length.max(0) as usize]
}
