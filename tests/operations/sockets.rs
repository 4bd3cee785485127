//! Sockets, and the names of hosts.

use super::children::no_other_children;
use super::{MS, c, classes, quiet, table};
use raddle::{Class, Sim};
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::thread;

#[test]
fn sockets() {
    table(&[
        ("connect", Class::Socket, |_| drop(TcpStream::connect("127.0.0.1:1"))),
        ("accept", Class::Socket, |_| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            drop(thread::spawn(move || TcpStream::connect(address)));
            listener.accept().unwrap();
        }),
        ("read", Class::Socket, |t| _ = t.pair.0.read(&mut [0; 4]).unwrap()),
        ("write", Class::Socket, |t| _ = t.pair.0.write(b"x").unwrap()),
        ("recv", Class::Socket, |t| _ = t.udp.recv(&mut [0; 4]).unwrap()),
        ("send", Class::Socket, |t| _ = t.udp.send(b"x").unwrap()),
        ("recv_from", Class::Socket, |t| _ = t.udp.recv_from(&mut [0; 4]).unwrap()),
        ("send_to", Class::Socket, |t| {
            let (from, to) = (UdpSocket::bind("127.0.0.1:0").unwrap(), t.udp.local_addr().unwrap());
            assert_eq!(from.send_to(b"x", to).unwrap(), 1);
        }),
        ("readv and writev", Class::Socket, |t| {
            _ = t.pair.0.read_vectored(&mut [IoSliceMut::new(&mut [0; 2])]).unwrap();
            _ = t.pair.0.write_vectored(&[IoSlice::new(b"x")]).unwrap();
        }),
        ("a local connect and accept", Class::Socket, |t| {
            let listener = UnixListener::bind(t.path("socket")).unwrap();
            let stream = UnixStream::connect(t.path("socket")).unwrap();
            drop((listener.accept().unwrap(), stream));
        }),
        ("C's connect", Class::Socket, |_| {
            let fd = c!(libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0));
            // SAFETY: zeros are an address: any port of any host.
            let mut address: libc::sockaddr_in = unsafe { std::mem::zeroed() };
            address.sin_family = libc::AF_INET as u16;
            address.sin_port = 1u16.to_be();
            address.sin_addr.s_addr = u32::from_ne_bytes([127, 0, 0, 1]);
            let size = size_of_val(&address) as u32;
            assert_eq!(c!(libc::connect(fd, std::ptr::from_ref(&address).cast(), size)), -1);
            c!(libc::close(fd));
        }),
        ("C's recv and send", Class::Socket, |t| {
            let fd = t.pair.0.as_raw_fd();
            assert_eq!(c!(libc::recv(fd, [0u8; 4].as_mut_ptr().cast(), 4, 0)), 4);
            assert_eq!(c!(libc::send(fd, b"x".as_ptr().cast(), 1, 0)), 1);
        }),
        ("C's read and write", Class::Socket, |t| {
            let fd = t.pair.0.as_raw_fd();
            assert_eq!(c!(libc::read(fd, [0u8; 4].as_mut_ptr().cast(), 4)), 4);
            assert_eq!(c!(libc::write(fd, b"x".as_ptr().cast(), 1)), 1);
        }),
        ("C's recvmsg and sendmsg", Class::Socket, |t| {
            let mut bytes = [0u8; 4];
            let mut piece = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: 4 };
            // SAFETY: zeros are a message without an address, pieces or anything else.
            let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
            (message.msg_iov, message.msg_iovlen) = (&raw mut piece, 1);
            assert_eq!(c!(libc::recvmsg(t.pair.0.as_raw_fd(), &mut message, 0)), 4);
            assert_eq!(c!(libc::sendmsg(t.pair.0.as_raw_fd(), &message, 0)), 4);
        }),
        ("rustix' connect", Class::Socket, |_| {
            use rustix::net::{AddressFamily, SocketType, connect, socket};
            let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
            let nobody: std::net::SocketAddr = "127.0.0.1:1".parse().unwrap();
            assert!(connect(socket, &nobody).is_err());
        }),
        ("rustix' accept", Class::Socket, |t| {
            let listener = UnixListener::bind(t.path("socket")).unwrap();
            let path = t.path("socket");
            drop(thread::spawn(move || UnixStream::connect(path)));
            drop(rustix::net::accept(&listener).unwrap());
        }),
        ("rustix' read and write", Class::Socket, |t| {
            _ = rustix::io::read(&t.pair.0, &mut [0; 4]).unwrap();
            _ = rustix::io::write(&t.pair.0, b"x").unwrap();
        }),
        ("rustix' recvmsg and sendmsg", Class::Socket, |t| {
            use rustix::net::{RecvAncillaryBuffer, RecvFlags, SendAncillaryBuffer, SendFlags, recvmsg, sendmsg};
            let (mut bytes, mut none) = ([0; 4], RecvAncillaryBuffer::default());
            let pieces = &mut [IoSliceMut::new(&mut bytes)];
            assert_eq!(recvmsg(&t.pair.0, pieces, &mut none, RecvFlags::empty()).unwrap().bytes, 4);
            let none = &mut SendAncillaryBuffer::default();
            assert_eq!(sendmsg(&t.pair.0, &[IoSlice::new(b"x")], none, SendFlags::empty()), Ok(1));
        }),
        ("rustix' recv", Class::Socket, |t| {
            _ = rustix::net::recv(&t.udp, &mut [0; 4], rustix::net::RecvFlags::empty()).unwrap();
        }),
        ("rustix' send", Class::Socket, |t| {
            _ = rustix::net::send(&t.udp, b"x", rustix::net::SendFlags::empty()).unwrap();
        }),
    ]);
    quiet(&[
        ("O_NONBLOCK", |t| {
            t.nonblocking();
            _ = t.pair.0.read(&mut [0; 4]).unwrap();
            _ = t.pair.0.write(b"x").unwrap();
            _ = t.udp.recv(&mut [0; 9]).unwrap();
            assert!(t.udp.recv(&mut [0; 9]).is_err());
            _ = t.udp.send(b"x").unwrap();
        }),
        ("MSG_DONTWAIT", |t| {
            _ = rustix::net::recv(&t.udp, &mut [0; 4], rustix::net::RecvFlags::DONTWAIT).unwrap();
            _ = rustix::net::send(&t.udp, b"x", rustix::net::SendFlags::DONTWAIT).unwrap();
        }),
        ("MSG_DONTWAIT, C's", |t| {
            let (fd, flags) = (t.pair.0.as_raw_fd(), libc::MSG_DONTWAIT);
            assert_eq!(c!(libc::recv(fd, [0u8; 4].as_mut_ptr().cast(), 4, flags)), 4);
            assert_eq!(c!(libc::send(fd, b"x".as_ptr().cast(), 1, flags)), 1);
        }),
        ("O_NONBLOCK, connect and accept", |_| {
            use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.set_nonblocking(true).unwrap();
            assert!(listener.accept().is_err());
            let flags = SocketFlags::NONBLOCK;
            let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).unwrap();
            _ = connect(&socket, &listener.local_addr().unwrap());
        }),
        ("options", |t| {
            t.udp.set_broadcast(true).unwrap();
            t.pair.0.set_read_timeout(None).unwrap();
            _ = (t.udp.local_addr().unwrap(), t.pair.0.take_error().unwrap());
            t.pair.0.shutdown(std::net::Shutdown::Write).unwrap();
        }),
        ("bind and listen", |_| drop(TcpListener::bind("127.0.0.1:0").unwrap())),
        ("an address in digits", |_| _ = ("127.0.0.1", 80).to_socket_addrs().unwrap().count()),
    ]);
}

#[test]
fn names_of_hosts() {
    table(&[
        ("to_socket_addrs", Class::Dns, |_| drop(("localhost", 80).to_socket_addrs())),
        ("a text", Class::Dns, |_| drop("localhost:80".to_socket_addrs())),
        ("getaddrinfo", Class::Dns, |_| {
            let mut found = std::ptr::null_mut();
            if c!(libc::getaddrinfo(c"localhost".as_ptr(), std::ptr::null(), std::ptr::null(), &mut found)) == 0 {
                c!(libc::freeaddrinfo(found));
            }
        }),
    ]);
    quiet(&[("digits", |_| _ = "[::1]:80".to_socket_addrs().unwrap().count())]);
}

/// Looking a host up and connecting to it are two things to do about.
#[test]
fn connecting_to_a_name() {
    let connect = |_: &mut super::Things| drop(TcpStream::connect("localhost:1"));
    assert_eq!(classes(false, connect), [Class::Dns, Class::Socket]);
    assert_eq!(classes(true, connect), []);
}

/// A pair of sockets, at the other end of which a thread writes three times two bytes, a millisecond apart.
fn in_pieces(sort: i32) -> OwnedFd {
    let mut pair = [-1; 2];
    assert_eq!(c!(libc::socketpair(libc::AF_UNIX, sort, 0, pair.as_mut_ptr())), 0);
    // SAFETY: both are new, and nobody else's.
    let [near, far] = pair.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
    thread::spawn(move || {
        for _ in 0..3 {
            assert_eq!(c!(libc::send(far.as_raw_fd(), b"xy".as_ptr().cast(), 2, 0)), 2);
            thread::sleep(MS);
        }
    });
    near
}

/// What waits until all is there for which there is room.
#[test]
fn all_at_once() {
    let _mine = no_other_children();
    fn recv(socket: &OwnedFd, length: usize) -> isize {
        let mut bytes = [0u8; 9];
        c!(libc::recv(socket.as_raw_fd(), bytes.as_mut_ptr().cast(), length, libc::MSG_WAITALL))
    }
    fn recvmsg(socket: &OwnedFd) -> (isize, [u8; 5]) {
        let mut bytes = [0u8; 5];
        let (one, two) = bytes.split_at_mut(3);
        let piece = |bytes: &mut [u8]| libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
        let mut pieces = [piece(one), piece(two)];
        // SAFETY: zeros are a message without an address, pieces or anything else.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        (message.msg_iov, message.msg_iovlen) = (pieces.as_mut_ptr(), 2);
        let result = c!(libc::recvmsg(socket.as_raw_fd(), &mut message, libc::MSG_WAITALL));
        (result, bytes)
    }
    fn recvmmsg(socket: &OwnedFd, flags: i32) -> (i32, [u32; 3]) {
        let mut bytes = [[0u8; 4]; 3];
        let mut pieces = bytes.each_mut().map(|bytes| libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: 4 });
        let mut messages = pieces.each_mut().map(|piece| {
            // SAFETY: as above.
            let mut message: libc::mmsghdr = unsafe { std::mem::zeroed() };
            (message.msg_hdr.msg_iov, message.msg_hdr.msg_iovlen) = (piece, 1);
            message
        });
        let count = c!(libc::recvmmsg(socket.as_raw_fd(), messages.as_mut_ptr(), 3, flags, std::ptr::null_mut()));
        (count, messages.map(|message| message.msg_len))
    }
    let job = || {
        let stream = in_pieces(libc::SOCK_STREAM);
        assert_eq!((recv(&stream, 5), recv(&stream, 9)), (5, 1), "until it is closed");
        let stream = in_pieces(libc::SOCK_STREAM);
        assert_eq!(recvmsg(&stream), (5, *b"xyxyx"));
        let packets = in_pieces(libc::SOCK_SEQPACKET);
        assert_eq!(recvmmsg(&packets, 0), (3, [2; 3]));
        let packets = in_pieces(libc::SOCK_SEQPACKET);
        assert_eq!(recvmmsg(&packets, libc::MSG_WAITFORONE).0, 1);
        let stream = in_pieces(libc::SOCK_STREAM);
        let time = libc::timeval { tv_sec: 0, tv_usec: 500 };
        let (place, size) = (std::ptr::from_ref(&time).cast(), size_of_val(&time) as u32);
        let fd = stream.as_raw_fd();
        assert_eq!(c!(libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_RCVTIMEO, place, size)), 0);
        assert_eq!(recv(&stream, 5), 2, "until its time is over");
    };
    let report = Sim::new().require_boundary(true).run(move || raddle::unblock(job));
    assert_eq!(report.elapsed(), MS * 3 + MS * 2 + MS * 2 + MS / 2, "{report}");
    report.unwrap();
    assert_eq!(classes(false, |_| _ = recv(&in_pieces(libc::SOCK_STREAM), 5)), [Class::Socket]);
}

/// More messages than there is room for.
#[test]
fn many_at_once() {
    let _mine = no_other_children();
    const SIZE: usize = 40_000;
    let job = || {
        let mut pair = [-1; 2];
        assert_eq!(c!(libc::socketpair(libc::AF_UNIX, libc::SOCK_SEQPACKET, 0, pair.as_mut_ptr())), 0);
        // SAFETY: both are new, and nobody else's.
        let [near, far] = pair.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
        let reader = thread::spawn(move || {
            let mut bytes = vec![0u8; SIZE];
            let mut receive = || c!(libc::recv(far.as_raw_fd(), bytes.as_mut_ptr().cast(), SIZE, 0));
            std::iter::from_fn(|| Some(receive()).filter(|&length| length > 0)).sum::<isize>()
        });
        let bytes = vec![1u8; SIZE];
        let mut piece = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: SIZE };
        let mut sent = 0;
        while sent < 20 {
            let mut messages = [0; 20].map(|_| {
                // SAFETY: zeros are a message without an address, pieces or anything else.
                let mut message: libc::mmsghdr = unsafe { std::mem::zeroed() };
                (message.msg_hdr.msg_iov, message.msg_hdr.msg_iovlen) = (&raw mut piece, 1);
                message
            });
            let more = c!(libc::sendmmsg(near.as_raw_fd(), messages.as_mut_ptr(), 20 - sent, 0));
            assert!(more > 0);
            sent += more as u32;
        }
        drop(near);
        reader.join().unwrap()
    };
    let report = Sim::new().require_boundary(true).run(move || raddle::unblock(job));
    assert_eq!(report.unwrap(), 20 * SIZE as isize);
}

/// More clients than a server lets wait, and it accepts none before all have tried: the rest waits in the world.
fn herd<L: AsRawFd, A: Clone + Send + 'static>(server: L, address: A, connect: fn(A), accept: fn(&L)) {
    const CLIENTS: usize = 9;
    assert_eq!(c!(libc::listen(server.as_raw_fd(), 2)), 0);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let address = address.clone();
            thread::spawn(move || connect(address))
        })
        .collect();
    thread::sleep(MS);
    let connected = clients.iter().filter(|client| client.is_finished()).count();
    assert!((1..CLIENTS).contains(&connected), "{connected}");
    (0..CLIENTS).for_each(|_| accept(&server));
    clients.into_iter().for_each(|client| client.join().unwrap());
}

#[test]
fn a_herd_of_clients() {
    let by_tcp = || {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        herd(server, address, |to| drop(TcpStream::connect(to).unwrap()), |server| drop(server.accept().unwrap()));
    };
    let locally = || {
        let things = super::Things::new();
        let path = things.path("socket");
        let server = UnixListener::bind(&path).unwrap();
        herd(server, path, |to| drop(UnixStream::connect(to).unwrap()), |server| drop(server.accept().unwrap()));
    };
    for seed in 0..3 {
        for job in [by_tcp, locally] {
            let run = || Sim::new().seed(seed).require_boundary(true).run(move || raddle::unblock(job));
            let report = run();
            assert_eq!((report.elapsed(), report.digest()), (MS, run().digest()), "{report}");
            report.unwrap();
        }
    }
}

/// As many datagrams as whom they are for lets wait, and more.
#[test]
fn a_herd_of_datagrams() {
    let job = || {
        let things = super::Things::new();
        let path = things.path("socket");
        let server = UnixDatagram::bind(&path).unwrap();
        let client = UnixDatagram::unbound().unwrap();
        let sent = thread::spawn(move || (0..2000).map(|_| client.send_to(b"x", &path).unwrap()).sum::<usize>());
        thread::sleep(MS);
        assert!(!sent.is_finished());
        (0..2000).for_each(|_| assert_eq!(server.recv(&mut [0; 9]).unwrap(), 1));
        sent.join().unwrap()
    };
    let report = Sim::new().require_boundary(true).run(move || raddle::unblock(job));
    assert_eq!(report.elapsed(), MS, "{report}");
    assert_eq!(report.unwrap(), 2000);
}
