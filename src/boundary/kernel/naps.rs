//! For how long a child process sleeps: what the kernel tells of the calls that its threads are in.

use super::arch::{decode, raw};
use super::call::{Op, Timeout};
use super::memory::Process;
use super::settled::{is_any_of, is_any_of_own, read};
use std::time::Duration;

/// For how long a thread sleeps by itself.
#[derive(Debug, PartialEq, Eq)]
enum Sleep {
    For(Duration),
    /// It waits for others.
    ForEver,
    Unknown,
}

/// Whether a child goes on by itself: it, or a child of it, runs, or sleeps for `most` at most. Where it cannot be known for how
/// long, it may be. `None` for any child of this thread.
pub fn naps(child: Option<u32>, most: Duration) -> bool {
    let of = |pid| {
        is_any_of(pid, &mut |pid, thread, letter| match letter {
            b'R' | b'D' => true,
            b'S' => match sleep_of(pid, thread) {
                Sleep::For(span) => span <= most,
                Sleep::ForEver => false,
                Sleep::Unknown => true,
            },
            _ => false,
        })
    };
    let look = || child.map_or_else(|| is_any_of_own(of), of);
    // Who waits for a child of its own is looked at first, and may go on before that one is.
    look() || look()
}

/// For how long a thread of a process sleeps, all in all; from now on, if it does so until a moment.
fn sleep_of(pid: u32, thread: u32) -> Sleep {
    let mut text = [0; 512];
    let text = read(&mut text, format_args!("/proc/{pid}/task/{thread}/syscall\0"));
    let until = match call_of(text) {
        // It has been interrupted in a call that has a time, or is in none.
        None | Some((libc::SYS_restart_syscall, _)) => return Sleep::Unknown,
        Some((number, args)) => match decode(Process::Other(pid), number, args) {
            Op::Sleep(until) | Op::FutexWait { until, .. } | Op::Poll { until, .. } | Op::Attempt { until, .. } => {
                until
            }
            Op::Ring { .. } => return Sleep::Unknown,
            _ => Timeout::Never,
        },
    };
    match until {
        Timeout::Never => Sleep::ForEver,
        Timeout::In(nanos) => Sleep::For(Duration::from_nanos(nanos)),
        Timeout::Monotonic(nanos) => Sleep::For(left(nanos, libc::CLOCK_MONOTONIC)),
        Timeout::Realtime(nanos) => Sleep::For(left(nanos, libc::CLOCK_REALTIME)),
    }
}

/// How long it is until a clock shows so many nanoseconds.
fn left(nanos: u64, clock: libc::clockid_t) -> Duration {
    let mut now = [0u64; 2];
    raw(libc::SYS_clock_gettime, [clock.into(), now.as_mut_ptr() as i64, 0, 0, 0, 0]);
    Duration::from_nanos(nanos).saturating_sub(Duration::new(now[0], now[1] as u32))
}

/// The call that a thread is in, and its arguments; nothing if it is in none, or runs.
fn call_of(text: &[u8]) -> Option<(i64, [i64; 6])> {
    let mut fields = std::str::from_utf8(text).ok()?.split_ascii_whitespace();
    let number = fields.next()?.parse::<u32>().ok()?;
    let mut args = [0; 6];
    for arg in &mut args {
        *arg = u64::from_str_radix(fields.next()?.strip_prefix("0x")?, 16).ok()?.cast_signed();
    }
    Some((number.into(), args))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boundary::kernel::settle_children;
    use std::process::{Command, Stdio};
    use std::ptr;
    use std::sync::mpsc;
    use std::thread;

    /// Has a thread of this process wait, and looks until it `is` told of it what is to be, for ten seconds at most: until it waits it
    /// may be in other calls. What was told last.
    fn told(waits: fn(), is: impl Fn(&Sleep) -> bool) -> Sleep {
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            sender.send(raw(libc::SYS_gettid, [0; 6]) as u32).unwrap();
            waits();
        });
        let thread = receiver.recv().unwrap();
        let mut looks = (0..5_000).map(|_| {
            thread::sleep(Duration::from_millis(2));
            sleep_of(std::process::id(), thread)
        });
        looks.find(is).unwrap_or_else(|| sleep_of(std::process::id(), thread))
    }

    const LONG: Duration = Duration::from_secs(100);

    #[test]
    fn of_each_call_it_is_known_for_how_long_it_sleeps() {
        const SPAN: libc::timespec = libc::timespec { tv_sec: 100, tv_nsec: 0 };
        let limited: [(&str, fn()); 10] = [
            ("clock_nanosleep", || thread::sleep(LONG)),
            ("nanosleep", || _ = raw(libc::SYS_nanosleep, [ptr::from_ref(&SPAN) as i64, 0, 0, 0, 0, 0])),
            ("futex", || thread::park_timeout(LONG)),
            ("a channel", || _ = mpsc::channel::<()>().1.recv_timeout(LONG)),
            ("poll", || _ = raw(libc::SYS_poll, [0, 0, 100_000, 0, 0, 0])),
            ("ppoll", || _ = raw(libc::SYS_ppoll, [0, 0, ptr::from_ref(&SPAN) as i64, 0, 0, 0])),
            ("select", || {
                let span = libc::timeval { tv_sec: 100, tv_usec: 0 };
                raw(libc::SYS_select, [0, 0, 0, 0, ptr::from_ref(&span) as i64, 0]);
            }),
            ("pselect6", || {
                let span = SPAN;
                raw(libc::SYS_pselect6, [0, 0, 0, 0, ptr::from_ref(&span) as i64, 0]);
            }),
            ("epoll_wait", || {
                let (queue, mut room) = (raw(libc::SYS_epoll_create1, [0; 6]), [0u64; 2]);
                raw(libc::SYS_epoll_wait, [queue, room.as_mut_ptr() as i64, 1, 100_000, 0, 0]);
            }),
            ("a futex of the clock on the wall", || {
                let mut now = [0i64; 2];
                raw(libc::SYS_clock_gettime, [libc::CLOCK_REALTIME.into(), now.as_mut_ptr() as i64, 0, 0, 0, 0]);
                let (word, moment) = (0u32, [now[0] + 100, now[1]]);
                let op = libc::FUTEX_WAIT_BITSET | libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME;
                let address = ptr::from_ref(&word) as i64;
                raw(libc::SYS_futex, [address, op.into(), 0, moment.as_ptr() as i64, 0, u32::MAX.into()]);
            }),
        ];
        for (call, waits) in limited {
            let is = |told: &Sleep| matches!(told, Sleep::For(span) if *span <= LONG && *span > LONG / 2);
            let told = told(waits, is);
            assert!(is(&told), "{call}: {told:?}");
        }
        let endless: [(&str, fn()); 3] = [
            ("futex", || thread::park()),
            ("poll", || _ = raw(libc::SYS_poll, [0, 0, -1, 0, 0, 0])),
            ("read", || {
                let (mut reader, _writer) = std::io::pipe().unwrap();
                _ = std::io::Read::read(&mut reader, &mut [0]);
            }),
        ];
        for (call, waits) in endless {
            assert_eq!(told(waits, |told| *told == Sleep::ForEver), Sleep::ForEver, "{call}");
        }
    }

    #[test]
    fn a_child_naps_if_it_goes_on_by_itself_and_soon() {
        let is_nap = |program: &str, args: &[&str]| {
            let mut child = Command::new(program).args(args).stdin(Stdio::piped()).spawn().unwrap();
            // It runs at first.
            assert_ne!(settle_children(10_000_000), 0);
            let is_nap = naps(Some(child.id()), LONG / 2);
            child.kill().unwrap();
            child.wait().unwrap();
            assert!(!naps(Some(child.id()), LONG), "it has ended");
            is_nap
        };
        assert!(is_nap("sleep", &["20"]));
        assert!(is_nap("sh", &["-c", "sleep 20; true"]));
        assert!(!is_nap("sleep", &["1000"]));
        assert!(!is_nap("cat", &[]));
    }
}
