//! What programs do: threads with sockets, and with what only the kernel has.

use super::env::{Env, Who};
use super::jobs::steps;
use super::system::{System, join, start};
use super::tasks::ms;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

fn new_descriptor(fd: RawFd) -> OwnedFd {
    assert!(fd >= 0);
    // SAFETY: just made, and nobody else's.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

fn read_eight(fd: &OwnedFd) -> u64 {
    let mut bytes = [0u8; 8];
    // SAFETY: eight bytes of an array of as many.
    let read = unsafe { libc::read(fd.as_raw_fd(), bytes.as_mut_ptr().cast(), 8) };
    assert_eq!(read, 8);
    u64::from_ne_bytes(bytes)
}

pub fn sockets(env: &Arc<Env>, who: &Arc<Who>, what: System) {
    match what {
        System::Socketpair(mut all) => {
            let (mut ours, mut theirs) = UnixStream::pair().unwrap();
            let inner = all.remove(0);
            let other = start(env, who, move |env, who| {
                let mut text = String::new();
                steps(env, who, inner);
                let wrote = theirs.write_all(b"there").map_err(|error| error.kind());
                let _ = theirs.shutdown(std::net::Shutdown::Write);
                let read = theirs.read_to_string(&mut text).map_err(|error| error.kind());
                env.note(who, format_args!("{wrote:?}{read:?}{text}"));
            });
            let wrote = ours.write_all(b"and back").map_err(|error| error.kind());
            let _ = ours.shutdown(std::net::Shutdown::Write);
            let mut text = String::new();
            let read = ours.read_to_string(&mut text).map_err(|error| error.kind());
            env.note(who, format_args!("{wrote:?}{read:?}{text}"));
            join(env, who, other);
        }
        System::Udp(n, mut all) => {
            let ours = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let address = ours.local_addr().unwrap();
            ours.set_read_timeout(Some(ms(n) + Duration::from_micros(1))).unwrap();
            let inner = all.remove(0);
            let other = start(env, who, move |env, who| {
                steps(env, who, inner);
                let theirs = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
                let sent = theirs.send_to(b"gram", address).map_err(|error| error.kind());
                env.note(who, format_args!("sent{sent:?}"));
            });
            let mut bytes = [0; 8];
            let got = ours.recv(&mut bytes).map_err(|error| error.kind());
            let is_late = got == Err(ErrorKind::WouldBlock);
            env.note(who, format_args!("got{got:?}{is_late}@{}", raddle::now()));
            join(env, who, other);
        }
        System::Stream(n, mut all) => {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let address = listener.local_addr().unwrap();
            let inner = all.remove(0);
            let other = start(env, who, move |env, who| {
                let mut stream = TcpStream::connect(address).unwrap();
                let wrote = (0..=n).try_for_each(|_| stream.write_all(&[1; 60_000])).map_err(|error| error.kind());
                env.note(who, format_args!("wrote{wrote:?}"));
                steps(env, who, inner);
                wrote.is_ok()
            });
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = Vec::new();
            let read = stream.read_to_end(&mut bytes).map_err(|error| error.kind());
            env.note(who, format_args!("read{read:?}"));
            join(env, who, other);
        }
        other => unreachable!("{other:?}"),
    }
}

pub fn kernel(env: &Arc<Env>, who: &Arc<Who>, what: System) {
    match what {
        System::Eventfd(mut all) => {
            // SAFETY: makes a descriptor.
            let ours = Arc::new(new_descriptor(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) }));
            let (theirs, inner) = (ours.clone(), all.remove(0));
            let other = start(env, who, move |env, who| {
                let done = catch_unwind(AssertUnwindSafe(|| steps(env, who, inner))).is_ok();
                let three = 3u64.to_ne_bytes();
                // SAFETY: eight bytes.
                assert_eq!(unsafe { libc::write(theirs.as_raw_fd(), three.as_ptr().cast(), 8) }, 8);
                assert!(done, "the thread's panic");
            });
            env.note(who, format_args!("count{}", read_eight(&ours)));
            join(env, who, other);
        }
        System::Timerfd(n) => {
            // SAFETY: makes a descriptor.
            let timer = new_descriptor(unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC) });
            let first = libc::timespec { tv_sec: 0, tv_nsec: i64::from(n) * 1_000_000 + 1 };
            let times = libc::itimerspec { it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 }, it_value: first };
            // SAFETY: one that lives, and no old value is wanted.
            assert_eq!(unsafe { libc::timerfd_settime(timer.as_raw_fd(), 0, &times, std::ptr::null_mut()) }, 0);
            env.note(who, format_args!("fired{}@{}", read_eight(&timer), raddle::now()));
        }
        System::Poll(n, all) => {
            let pipes: Vec<_> = all.iter().map(|_| std::io::pipe().unwrap()).collect();
            let (readers, writers): (Vec<_>, Vec<_>) = pipes.into_iter().unzip();
            let others = all.into_iter().zip(writers).map(|(inner, mut writer)| {
                start(env, who, move |env, who| {
                    steps(env, who, inner);
                    let _ = writer.write(b"x");
                })
            });
            let others: Vec<_> = others.collect();
            let pollfd = |reader: &std::io::PipeReader| libc::pollfd {
                fd: reader.as_raw_fd(),
                events: libc::POLLIN,
                revents: 0,
            };
            let mut fds: Vec<_> = readers.iter().map(pollfd).collect();
            // SAFETY: as many as are said.
            let ready = unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, i32::from(n)) };
            let which: Vec<_> = fds.iter().map(|fd| fd.revents).collect();
            env.note(who, format_args!("ready{ready}{which:?}@{}", raddle::now()));
            drop(readers);
            others.into_iter().for_each(|other| _ = join(env, who, other));
        }
        System::Fork(code) => {
            // SAFETY: the child ends at once.
            let child = unsafe { libc::fork() };
            if child == 0 {
                // SAFETY: as above.
                unsafe { libc::_exit(i32::from(code)) };
            }
            let mut status = 0;
            // SAFETY: a child of this process, and a place for its status.
            let waited = unsafe { libc::waitpid(child, &mut status, 0) };
            env.note(who, format_args!("child{}{}", waited == child, libc::WEXITSTATUS(status)));
        }
        other => unreachable!("{other:?}"),
    }
}
