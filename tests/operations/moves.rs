//! Bytes that are moved from one descriptor to another within the kernel: what `std::io::copy` does where it can.

use super::children::no_other_children;
use super::descriptors::{fill, give, take};
use super::{Things, c, quiet, table};
use raddle::{Class, Sim};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::thread;

const NONE: *mut i64 = std::ptr::null_mut();

fn splice(from: &impl AsRawFd, to: &impl AsRawFd, length: usize, flags: u32) -> isize {
    c!(libc::splice(from.as_raw_fd(), NONE, to.as_raw_fd(), NONE, length, flags))
}

fn pipe() -> (OwnedFd, OwnedFd) {
    let (reader, writer) = std::io::pipe().unwrap();
    (reader.into(), writer.into())
}

/// A pair of sockets with nothing in it.
fn pair() -> (UnixStream, UnixStream) {
    UnixStream::pair().unwrap()
}

fn set_nonblocking(t: &Things) {
    t.nonblocking();
    rustix::io::ioctl_fionbio(&t.pipe.1, true).unwrap();
}

#[test]
fn what_waits() {
    table(&[
        ("splice from an empty pipe", Class::Pipe, |t| {
            give(t);
            assert_eq!(splice(&t.pipe.0, &pipe().1, 9, 0), 1);
        }),
        ("splice to a full pipe", Class::Pipe, |t| {
            let (reader, mut writer) = std::io::pipe().unwrap();
            writer.write_all(b"x").unwrap();
            fill(t);
            take(t);
            assert_eq!(splice(&reader, &t.pipe.1, 9, 0), 1);
        }),
        ("splice from a socket", Class::Socket, |t| assert_eq!(splice(&t.pair.0, &t.pipe.1, 4, 0), 4)),
        ("splice to a socket", Class::Socket, |t| {
            t.pipe.1.write_all(b"more").unwrap();
            assert_eq!(splice(&t.pipe.0, &t.pair.0, 4, 0), 4);
        }),
        ("splice to a file", Class::File, |t| {
            give(t);
            assert_eq!(splice(&t.pipe.0, &t.other, 9, 0), 1);
        }),
        ("splice from an empty socket", Class::Socket, |t| {
            let (mut one, two) = pair();
            drop(thread::spawn(move || one.write_all(b"x").unwrap()));
            assert_eq!(splice(&two, &t.pipe.1, 9, 0), 1);
        }),
        ("tee", Class::Pipe, |t| {
            give(t);
            assert_eq!(c!(libc::tee(t.pipe.0.as_raw_fd(), pipe().1.as_raw_fd(), 9, 0)), 1);
        }),
        ("vmsplice to a full pipe", Class::Pipe, |t| {
            fill(t);
            take(t);
            let piece = libc::iovec { iov_base: b"x".as_ptr().cast_mut().cast(), iov_len: 1 };
            assert_eq!(c!(libc::vmsplice(t.pipe.1.as_raw_fd(), &piece, 1, 0)), 1);
        }),
        ("vmsplice from an empty pipe", Class::Pipe, |t| {
            give(t);
            let mut byte = [0u8; 4];
            let piece = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 4 };
            assert_eq!(c!(libc::vmsplice(t.pipe.0.as_raw_fd(), &piece, 1, 0)), 1);
            assert_eq!(byte[0], b'x');
        }),
        ("sendfile to a socket", Class::File, |t| {
            assert_eq!(c!(libc::sendfile(t.pair.0.as_raw_fd(), t.file.as_raw_fd(), NONE, 4)), 4);
        }),
        ("io::copy from a pipe", Class::File, |t| {
            let (mut reader, mut writer) = std::io::pipe().unwrap();
            drop(thread::spawn(move || writer.write_all(&[7; 5000]).unwrap()));
            assert_eq!(std::io::copy(&mut reader, &mut t.other).unwrap(), 5000);
        }),
        ("rustix' splice", Class::Pipe, |t| {
            give(t);
            let flags = rustix::pipe::SpliceFlags::empty();
            assert_eq!(rustix::pipe::splice(&t.pipe.0, None, &pipe().1, None, 9, flags), Ok(1));
        }),
    ]);
}

#[test]
fn what_does_not() {
    quiet(&[
        ("what is there", |t| {
            t.pipe.1.write_all(b"x").unwrap();
            assert_eq!(splice(&t.pipe.0, &pipe().1, 9, 0), 1);
        }),
        ("O_NONBLOCK", |t| {
            set_nonblocking(t);
            assert_eq!(splice(&t.pair.0, &t.pipe.1, 9, 0), 5);
            assert_eq!(splice(&t.pair.0, &t.pipe.1, 9, 0), -1);
            assert_eq!(splice(&t.pipe.0, &t.pair.0, 9, 0), 5);
            assert_eq!(splice(&t.pipe.0, &t.pair.0, 9, 0), -1);
        }),
        ("SPLICE_F_NONBLOCK", |t| {
            assert_eq!(splice(&t.pipe.0, &pipe().1, 9, libc::SPLICE_F_NONBLOCK), -1);
            let (reader, writer) = (t.pipe.0.as_raw_fd(), pipe().1);
            assert_eq!(c!(libc::tee(reader, writer.as_raw_fd(), 9, libc::SPLICE_F_NONBLOCK)), -1);
        }),
    ]);
}

/// More than there is room for: a file to whoever reads it bit by bit.
#[test]
fn a_large_file_arrives() {
    const SIZE: usize = 3_000_001;
    let _mine = no_other_children();
    let folder = std::env::temp_dir().join(format!("raddle-moves-{}", std::process::id()));
    let bytes: Vec<u8> = (0..SIZE).map(|n| (n / 7) as u8).collect();
    std::fs::write(&folder, &bytes).unwrap();
    let path = folder.clone();
    let send = |file: &File, to: &dyn Fn() -> i32| {
        let (mut sent, mut place) = (0, 0);
        while sent < SIZE {
            let more = c!(libc::sendfile(to(), file.as_raw_fd(), &mut place, SIZE - sent));
            assert!(more > 0, "{}", std::io::Error::last_os_error());
            sent += more as usize;
        }
        assert_eq!(place, SIZE as i64);
    };
    let scenario = move || {
        let path = path.clone();
        async move {
            let (reader, writer) = std::io::pipe().unwrap();
            let (near, far) = UnixStream::pair().unwrap();
            let received = |mut from: Box<dyn Read + Send>| {
                raddle::unblock(move || {
                    let mut bytes = Vec::new();
                    let mut piece = [0; 1000];
                    while let Ok(more @ 1..) = from.read(&mut piece) {
                        bytes.extend_from_slice(&piece[..more]);
                    }
                    bytes
                })
            };
            let (by_pipe, by_socket) = (received(Box::new(reader)), received(Box::new(far)));
            raddle::unblock(move || {
                let file = File::open(path).unwrap();
                send(&file, &|| writer.as_raw_fd());
                send(&file, &|| near.as_raw_fd());
            })
            .await;
            (by_pipe.await, by_socket.await)
        }
    };
    for seed in 0..3 {
        let report = Sim::new().seed(seed).require_boundary(true).run(scenario.clone());
        let digest = report.digest();
        let (by_pipe, by_socket) = report.unwrap();
        assert!(by_pipe == bytes && by_socket == bytes, "seed {seed}");
        let again = Sim::new().seed(seed).run(scenario.clone());
        assert_eq!(again.digest(), digest, "seed {seed}, the second time: {again}");
    }
    std::fs::remove_file(folder).unwrap();
}

/// A proxy: what comes by a socket goes on through a pipe, without being read.
#[test]
fn a_proxy_moves_what_comes() {
    let _mine = no_other_children();
    let scenario = || async {
        let (mut client, inner) = UnixStream::pair().unwrap();
        let (outer, mut server) = UnixStream::pair().unwrap();
        let proxy = raddle::unblock(move || {
            let (reader, writer) = pipe();
            let mut all = 0;
            loop {
                match splice(&inner, &writer, 1 << 16, 0) {
                    0 => return all,
                    mut left => {
                        assert!(left > 0);
                        while left > 0 {
                            let more = splice(&reader, &outer, left as usize, 0);
                            assert!(more > 0);
                            (left, all) = (left - more, all + more);
                        }
                    }
                }
            }
        });
        let sent = raddle::unblock(move || (0..100u32).for_each(|n| client.write_all(&[n as u8; 9000]).unwrap()));
        let received = raddle::unblock(move || {
            let mut bytes = Vec::new();
            server.read_to_end(&mut bytes).unwrap();
            bytes
        });
        sent.await;
        (proxy.await, received.await)
    };
    let all: Vec<u8> = (0..100u8).flat_map(|n| [n; 9000]).collect();
    let (moved, received) = Sim::new().require_boundary(true).run(scenario).unwrap();
    assert_eq!(moved as usize, all.len());
    assert!(received == all);
}
