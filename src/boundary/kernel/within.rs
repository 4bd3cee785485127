//! Whether anybody outside a world can end what its threads wait for. If not, and nobody in it can go on, they wait for ever:
//! nobody has to look for seconds of real time whether the other end stirs.

use super::arch::raw;
use super::call::Call;
use super::memory::peek;
use super::opened;
use super::waits::{Sets, name_of};

/// Whether nobody outside of the calling thread's world can make `fd` ready, as long as it has started no process: both ends of
/// it are this world's, it is a timer, whose time is virtual, or a server's of this world, to which nobody else is taken to
/// connect. If the world is `alone` in its process, an event as well.
pub fn is_ours(fd: i32, alone: bool) -> bool {
    opened::is_paired(fd.into()) || opened::is_own(fd.into()) && is_listening(fd) || {
        let mut name = [0; 32];
        let length = name_of(fd, &mut name).min(name.len());
        match &name[..length] {
            b"anon_inode:[timerfd]" => true,
            b"anon_inode:[eventfd]" => alone,
            _ => false,
        }
    }
}

fn is_listening(fd: i32) -> bool {
    let (mut value, mut length) = (0i32, 4u32);
    let (socket, accepts) = (libc::SOL_SOCKET.into(), libc::SO_ACCEPTCONN.into());
    let places = ((&raw mut value) as i64, (&raw mut length) as i64);
    raw(libc::SYS_getsockopt, [fd.into(), socket, accepts, places.0, places.1, 0]) == 0 && value != 0
}

/// [`is_ours`] of all descriptors that a call waits for. False for what waits for something else.
pub fn waits_for_ours(call: &Call, alone: bool) -> bool {
    /// Of a `poll`; one with more is not looked at.
    const MOST: i64 = 1024;
    match call.number {
        libc::SYS_poll | libc::SYS_ppoll if call.args[1] <= MOST => (0..call.args[1]).all(|n| {
            let mut fd = [0; 4];
            let is_read = peek((call.args[0] + 8 * n) as usize, &mut fd) == fd.len();
            let fd = i32::from_ne_bytes(fd);
            is_read && (fd < 0 || is_ours(fd, alone))
        }),
        libc::SYS_select | libc::SYS_pselect6 => Sets::of(call).members().all(|fd| is_ours(fd, alone)),
        libc::SYS_epoll_wait | libc::SYS_epoll_pwait | libc::SYS_epoll_pwait2 => {
            is_all_registered(call.args[0] as i32, |fd| is_ours(fd, alone))
        }
        _ => false,
    }
}

/// Whether `f` says so of each descriptor that an epoll has been told of, as the kernel lists them.
fn is_all_registered(epoll: i32, f: impl Fn(i32) -> bool) -> bool {
    const FRONT: &[u8] = b"tfd:";
    let mut path = *b"/proc/self/fdinfo/\0\0\0\0\0\0\0\0\0\0\0";
    let mut digits = [0; 10];
    let (mut rest, mut count) = (epoll.unsigned_abs(), 0);
    while count == 0 || rest > 0 {
        digits[count] = b'0' + (rest % 10) as u8;
        (rest, count) = (rest / 10, count + 1);
    }
    let start = path.iter().position(|&byte| byte == 0).unwrap_or(0);
    digits[..count].iter().rev().zip(&mut path[start..]).for_each(|(digit, place)| *place = *digit);
    let flags = (libc::O_RDONLY | libc::O_CLOEXEC).into();
    let file = raw(libc::SYS_openat, [libc::AT_FDCWD.into(), path.as_ptr() as i64, flags, 0, 0, 0]);
    if file < 0 {
        return false;
    }
    let mut text = [0u8; 8192];
    let mut length = 0;
    while length < text.len() {
        let (place, room) = (text[length..].as_mut_ptr() as i64, (text.len() - length) as i64);
        match raw(libc::SYS_read, [file, place, room, 0, 0, 0]) {
            count @ 1.. => length += count as usize,
            _ => break,
        }
    }
    raw(libc::SYS_close, [file, 0, 0, 0, 0, 0]);
    let registered = text[..length].split(|&byte| byte == b'\n').filter_map(|line| line.strip_prefix(FRONT));
    length < text.len()
        && registered.into_iter().all(|line| {
            let digits = line.iter().skip_while(|byte| !byte.is_ascii_digit()).take_while(|byte| byte.is_ascii_digit());
            f(digits.fold(0, |number: i32, digit| number.saturating_mul(10).saturating_add((digit - b'0').into())))
        })
}

#[cfg(test)]
mod tests {
    use super::super::{Answer, Op, arm, look_away, selector, watch};
    use super::*;
    use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
    use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

    /// What `f` returns, on a thread of a world whose calls the kernel carries out.
    fn in_a_world<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
        let thread = || {
            let _armed = arm(|_| Answer::Pass);
            watch(selector());
            let result = f();
            look_away(selector());
            result
        };
        std::thread::spawn(thread).join().unwrap()
    }

    fn waits(number: i64, args: [i64; 3]) -> bool {
        let [a, b, c] = args;
        waits_for_ours(&Call::new(Op::Other, number, [a, b, c, 0, 0, 0]), false)
    }

    #[test]
    fn both_ends_have_to_be_here() {
        in_a_world(|| {
            let (one, two) = UnixStream::pair().unwrap();
            let (reader, writer) = std::io::pipe().unwrap();
            let copy = one.try_clone().unwrap();
            let ours = [one.as_raw_fd(), two.as_raw_fd(), reader.as_raw_fd(), writer.as_raw_fd(), copy.as_raw_fd()];
            assert!(ours.iter().all(|&fd| is_ours(fd, false)));
            let unbound = UnixDatagram::unbound().unwrap();
            assert!(!is_ours(unbound.as_raw_fd(), true) && !is_ours(0, true) && !is_ours(4000, true));
            // What comes in its place is something else. (At once: other tests open files as well.)
            let number = copy.into_raw_fd();
            // SAFETY: the descriptor is nobody's now, and nobody else has what it makes.
            let again = unsafe { OwnedFd::from_raw_fd(libc::dup2(unbound.as_raw_fd(), number)) };
            assert!(!is_ours(again.as_raw_fd(), true));
        });
        let (one, two) = UnixStream::pair().unwrap();
        in_a_world(move || assert!(!is_ours(one.as_raw_fd(), true) && !is_ours(two.as_raw_fd(), true)));
    }

    #[test]
    fn servers_timers_and_events() {
        let folder = std::env::temp_dir().join(format!("raddle-within-{}", std::process::id()));
        let path = folder.clone();
        in_a_world(move || {
            let server = UnixListener::bind(&path).unwrap();
            assert!(is_ours(server.as_raw_fd(), false));
            // SAFETY: each makes a descriptor that nobody else has.
            let [timer, event] = unsafe {
                [libc::timerfd_create(libc::CLOCK_MONOTONIC, 0), libc::eventfd(0, 0)].map(|fd| OwnedFd::from_raw_fd(fd))
            };
            assert!(is_ours(timer.as_raw_fd(), false));
            assert!(is_ours(event.as_raw_fd(), true) && !is_ours(event.as_raw_fd(), false));
        });
        std::fs::remove_file(folder).unwrap();
    }

    #[test]
    fn all_that_a_call_waits_for() {
        in_a_world(|| {
            let (one, two) = UnixStream::pair().unwrap();
            let other = UnixDatagram::unbound().unwrap();
            let poll = |fd: &dyn AsRawFd| libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
            let mut polls = [poll(&one), poll(&two), libc::pollfd { fd: -1, events: 0, revents: 0 }, poll(&other)];
            let place = polls.as_mut_ptr() as i64;
            assert!(waits(libc::SYS_poll, [place, 3, -1]) && !waits(libc::SYS_poll, [place, 4, -1]));
            assert!(!waits(libc::SYS_poll, [8, 1, -1]), "what cannot be read");

            let mut set = [0u64; 16];
            let mut add = |fd: i32| set[fd as usize / 64] |= 1 << (fd % 64);
            add(one.as_raw_fd());
            let most = i64::from(other.as_raw_fd().max(one.as_raw_fd()) + 1);
            assert!(waits(libc::SYS_select, [most, set.as_ptr() as i64, 0]));
            set[other.as_raw_fd() as usize / 64] |= 1 << (other.as_raw_fd() % 64);
            assert!(!waits(libc::SYS_select, [most, set.as_ptr() as i64, 0]));

            // SAFETY: a descriptor that nobody else has.
            let epoll = unsafe { OwnedFd::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC)) };
            let register = |fd: &dyn AsRawFd| {
                let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: 0 };
                // SAFETY: the event is read only.
                unsafe { libc::epoll_ctl(epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, fd.as_raw_fd(), &raw mut event) }
            };
            let all = || waits(libc::SYS_epoll_wait, [epoll.as_raw_fd().into(), 0, 0]);
            assert!(all(), "none at all");
            assert_eq!(register(&one) + register(&two), 0);
            assert!(all());
            assert_eq!(register(&other), 0);
            assert!(!all());
            assert!(!waits(libc::SYS_wait4, [-1, 0, 0]), "a child");
        });
    }
}
