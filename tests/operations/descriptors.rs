//! Pipes, and waiting for descriptors.

use super::{MS, Things, c, quiet, table, time};
use raddle::Class;
use rustix::fd::AsFd;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

/// A thread writes to the pipe, once it has a turn.
pub(super) fn give(things: &Things) {
    let mut writer = things.pipe.1.try_clone().unwrap();
    drop(thread::spawn(move || writer.write_all(b"x").unwrap()));
}

/// A thread reads all that is in the pipe, once it has a turn.
pub(super) fn take(things: &Things) {
    let mut reader = things.pipe.0.try_clone().unwrap();
    drop(thread::spawn(move || reader.read(&mut [0; 1 << 20]).unwrap()));
}

/// Not a byte more goes into the pipe.
pub(super) fn fill(things: &Things) {
    rustix::io::ioctl_fionbio(&things.pipe.1, true).unwrap();
    while rustix::io::write(&things.pipe.1, &[0; 4096]).is_ok() {}
    rustix::io::ioctl_fionbio(&things.pipe.1, false).unwrap();
}

#[test]
fn pipes() {
    table(&[
        ("read", Class::Pipe, |t| {
            give(t);
            t.pipe.0.read_exact(&mut [0]).unwrap();
        }),
        ("C's read", Class::Pipe, |t| {
            give(t);
            assert_eq!(c!(libc::read(t.pipe.0.as_raw_fd(), [0u8; 1].as_mut_ptr().cast(), 1)), 1);
        }),
        ("C's readv", Class::Pipe, |t| {
            give(t);
            let mut byte = [0u8];
            let piece = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
            assert_eq!(c!(libc::readv(t.pipe.0.as_raw_fd(), &piece, 1)), 1);
        }),
        ("rustix' read", Class::Pipe, |t| {
            give(t);
            assert_eq!(rustix::io::read(&t.pipe.0, &mut [0; 1]), Ok(1));
        }),
        ("a full one", Class::Pipe, |t| {
            fill(t);
            take(t);
            t.pipe.1.write_all(b"x").unwrap();
        }),
        ("rustix' write to a full one", Class::Pipe, |t| {
            fill(t);
            take(t);
            assert_eq!(rustix::io::write(&t.pipe.1, b"x"), Ok(1));
        }),
    ]);
    quiet(&[
        ("what is there", |t| {
            t.pipe.1.write_all(b"x").unwrap();
            t.pipe.0.read_exact(&mut [0]).unwrap();
        }),
        ("O_NONBLOCK", |t| {
            t.nonblocking();
            assert!(t.pipe.0.read(&mut [0]).is_err());
        }),
        ("O_NONBLOCK, a full one", |t| {
            fill(t);
            rustix::io::ioctl_fionbio(&t.pipe.1, true).unwrap();
            assert!(t.pipe.1.write(b"x").is_err());
        }),
    ]);
}

fn poll(millis: i32) {
    c!(libc::poll(std::ptr::null_mut(), 0, millis));
}

/// The newer one, which counts in nanoseconds.
fn epoll_pwait2(duration: Duration) {
    let epoll = c!(libc::epoll_create1(0));
    let mut event = libc::epoll_event { events: 0, u64: 0 };
    c!(libc::syscall(libc::SYS_epoll_pwait2, epoll, &mut event, 1, &time(duration), std::ptr::null::<u8>(), 0));
    c!(libc::close(epoll));
}

fn epoll_pwait(millis: i32) {
    let epoll = c!(libc::epoll_create1(0));
    let mut event = libc::epoll_event { events: 0, u64: 0 };
    c!(libc::epoll_pwait(epoll, &mut event, 1, millis, std::ptr::null()));
    c!(libc::close(epoll));
}

fn pselect(duration: Duration) {
    let none = std::ptr::null_mut();
    c!(libc::pselect(0, none, none, none, &time(duration), std::ptr::null()));
}

fn epoll(millis: i32) {
    let epoll = c!(libc::epoll_create1(0));
    let mut event = libc::epoll_event { events: 0, u64: 0 };
    c!(libc::epoll_wait(epoll, &mut event, 1, millis));
    c!(libc::close(epoll));
}

fn select(duration: Duration) {
    let none = std::ptr::null_mut();
    let mut time = libc::timeval { tv_sec: 0, tv_usec: duration.subsec_micros().into() };
    c!(libc::select(0, none, none, none, &mut time));
}

#[test]
fn readiness() {
    table(&[
        ("poll", Class::Readiness, |_| poll(1)),
        ("ppoll", Class::Readiness, |_| {
            c!(libc::ppoll(std::ptr::null_mut(), 0, &time(MS), std::ptr::null()));
        }),
        ("select", Class::Readiness, |_| select(MS)),
        ("pselect", Class::Readiness, |_| pselect(MS)),
        ("epoll_wait", Class::Readiness, |_| epoll(1)),
        ("epoll_pwait", Class::Readiness, |_| epoll_pwait(1)),
        ("epoll_pwait2", Class::Readiness, |_| epoll_pwait2(MS)),
        ("rustix' epoll", Class::Readiness, |_| {
            let epoll = rustix::event::epoll::create(rustix::event::epoll::CreateFlags::CLOEXEC).unwrap();
            let time = rustix::event::Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
            let mut events = Vec::with_capacity(1);
            let room = rustix::buffer::spare_capacity(&mut events);
            assert_eq!(rustix::event::epoll::wait(&epoll, room, Some(&time)), Ok(0));
        }),
        ("rustix' poll", Class::Readiness, |t| {
            let mut fds = [rustix::event::PollFd::from_borrowed_fd(t.pipe.0.as_fd(), rustix::event::PollFlags::IN)];
            let time = rustix::event::Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
            assert_eq!(rustix::event::poll(&mut fds, Some(&time)), Ok(0));
        }),
    ]);
    quiet(&[("zero", |_| {
        poll(0);
        epoll(0);
        epoll_pwait(0);
        epoll_pwait2(Duration::ZERO);
        select(Duration::ZERO);
        pselect(Duration::ZERO);
    })]);
}
