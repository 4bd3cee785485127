//! For how long a thread of a child process sleeps: what the kernel tells of the call that it is in.

use super::arch::raw;
use super::settled::read;
use std::mem;
use std::ptr;
use std::time::Duration;

/// Where a call has the time for which it sleeps.
enum Time {
    /// At an address, as seconds and nanoseconds; 0 for ever.
    Nanos(u64),
    /// As seconds and microseconds.
    Micros(u64),
    /// In milliseconds; for ever if that is negative.
    Millis(u64),
    /// A moment of this clock, at an address; 0 for ever.
    Moment(i32, u64),
    Never,
}

/// For how long a thread sleeps by itself, all in all.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sleep {
    For(Duration),
    /// It waits for others.
    ForEver,
    Unknown,
}

/// For how long a thread of a process sleeps.
pub(super) fn sleep_of(pid: u32, thread: u32) -> Sleep {
    let mut text = [0; 512];
    let text = read(&mut text, format_args!("/proc/{pid}/task/{thread}/syscall\0"));
    match call_of(text).and_then(|(number, args)| time_of(number, args)) {
        Some(time) => time.of(pid),
        None => Sleep::Unknown,
    }
}

/// The call that a thread is in, and its arguments; nothing if it is in none, or runs.
fn call_of(text: &[u8]) -> Option<(i64, [u64; 6])> {
    let mut fields = std::str::from_utf8(text).ok()?.split_ascii_whitespace();
    let number = fields.next()?.parse::<u32>().ok()?;
    let mut args = [0; 6];
    for arg in &mut args {
        *arg = u64::from_str_radix(fields.next()?.strip_prefix("0x")?, 16).ok()?;
    }
    Some((number.into(), args))
}

/// Where a call has its time; nothing if it cannot be told.
fn time_of(number: i64, [a, b, c, d, e, _]: [u64; 6]) -> Option<Time> {
    Some(match number {
        libc::SYS_nanosleep => Time::Nanos(a),
        libc::SYS_clock_nanosleep if b as i32 & libc::TIMER_ABSTIME != 0 => Time::Moment(a as i32, c),
        libc::SYS_clock_nanosleep | libc::SYS_ppoll | libc::SYS_rt_sigtimedwait => Time::Nanos(c),
        libc::SYS_poll => Time::Millis(c),
        libc::SYS_epoll_wait | libc::SYS_epoll_pwait => Time::Millis(d),
        libc::SYS_epoll_pwait2 => Time::Nanos(d),
        libc::SYS_select => Time::Micros(e),
        libc::SYS_pselect6 => Time::Nanos(e),
        libc::SYS_futex => match b as i32 & !(libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME) {
            libc::FUTEX_WAIT => Time::Nanos(d),
            libc::FUTEX_WAIT_BITSET if b as i32 & libc::FUTEX_CLOCK_REALTIME == 0 => {
                Time::Moment(libc::CLOCK_MONOTONIC, d)
            }
            _ => Time::Moment(libc::CLOCK_REALTIME, d),
        },
        // It has been interrupted in one of them.
        libc::SYS_restart_syscall => return None,
        _ => Time::Never,
    })
}

impl Time {
    fn of(self, pid: u32) -> Sleep {
        let at = |address, of_a_second| of_process(pid, address).map(|words| span(words, of_a_second));
        let span = match self {
            Time::Never | Time::Nanos(0) | Time::Micros(0) | Time::Moment(_, 0) => return Sleep::ForEver,
            Time::Millis(millis) if (millis as i32) < 0 => return Sleep::ForEver,
            Time::Millis(millis) => Some(Duration::from_millis(u64::from(millis as u32))),
            Time::Nanos(address) => at(address, NANOS),
            Time::Micros(address) => at(address, 1_000_000),
            Time::Moment(clock, address) => {
                let mut now = [0; 2];
                match raw(libc::SYS_clock_gettime, [clock.into(), now.as_mut_ptr() as i64, 0, 0, 0, 0]) {
                    0 => at(address, NANOS).map(|moment| moment.saturating_sub(span(now, NANOS))),
                    _ => None,
                }
            }
        };
        span.map_or(Sleep::Unknown, Sleep::For)
    }
}

const NANOS: u64 = 1_000_000_000;

/// Seconds, and parts of one.
fn span([seconds, parts]: [u64; 2], of_a_second: u64) -> Duration {
    // Whatever another process has there.
    let nanos = parts.min(of_a_second) * (NANOS / of_a_second);
    Duration::from_secs(seconds.min(u32::MAX.into())) + Duration::from_nanos(nanos)
}

/// Two words of the memory of another process.
fn of_process(pid: u32, address: u64) -> Option<[u64; 2]> {
    let mut words = [0u64; 2];
    let size = mem::size_of_val(&words);
    let local = libc::iovec { iov_base: words.as_mut_ptr().cast(), iov_len: size };
    let remote = libc::iovec { iov_base: ptr::without_provenance_mut(address as usize), iov_len: size };
    let (local, remote) = (ptr::from_ref(&local) as i64, ptr::from_ref(&remote) as i64);
    // The kernel writes to `words` only.
    let read = raw(libc::SYS_process_vm_readv, [pid.into(), local, 1, remote, 1, 0]);
    (read == size as i64).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boundary::kernel::{naps, settle_children};
    use std::process::{Command, Stdio};
    use std::sync::mpsc;
    use std::thread;

    /// What is told of a thread of this process once it sleeps in `waits`.
    fn told(waits: fn()) -> Sleep {
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            sender.send(raw(libc::SYS_gettid, [0; 6]) as u32).unwrap();
            waits();
        });
        let thread = receiver.recv().unwrap();
        loop {
            match sleep_of(std::process::id(), thread) {
                Sleep::Unknown => thread::yield_now(),
                told => return told,
            }
        }
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
            let told = told(waits);
            assert!(matches!(told, Sleep::For(span) if span <= LONG && span > LONG / 2), "{call}: {told:?}");
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
            assert_eq!(told(waits), Sleep::ForEver, "{call}");
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
