//! What `smol::Async` has for each kind of socket.

use super::{Bound, Connection, Listening, placeholder};
use crate::boundary::descriptor::{Async, Kind, Socket};
use crate::boundary::kernel;
use crate::context;
use ::smol::stream::{self, Stream};
use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
#[cfg(target_os = "android")]
use std::os::android::net::SocketAddrExt;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;

/// One of the run's own sockets as an `Async`. Its descriptor knows the socket's addresses, and nothing else of it.
fn standing<T: From<OwnedFd> + AsFd>(
    socket: Arc<Socket>,
    own: SocketAddr,
    peer: Option<SocketAddr>,
) -> io::Result<Async<T>> {
    let descriptor = placeholder()?;
    context::with("smol::Async", |world| world.have_stand(descriptor.as_raw_fd(), own, peer));
    Ok(Async::simulated(descriptor.into(), Some(socket)))
}

fn connected(connection: Connection) -> io::Result<Async<TcpStream>> {
    let (own, peer) = (connection.local, connection.peer);
    standing(Arc::new(connection), own, Some(peer))
}

/// Makes a real `Async` outside a run, and has `$own` make one in a run.
macro_rules! either {
    ($real:expr, $own:expr) => {
        match context::in_run() {
            true => $own,
            false => $real.map(Async::real),
        }
    };
}

impl Async<TcpListener> {
    /// Listens on an address.
    ///
    /// # Errors
    /// If it is taken.
    pub fn bind<A: Into<SocketAddr>>(addr: A) -> io::Result<Async<TcpListener>> {
        let addr = addr.into();
        either!(::smol::Async::<TcpListener>::bind(addr), {
            let listening = context::with("smol::Async::bind", |world| Listening::bind(world, addr))?;
            let own = listening.address;
            standing(listening, own, None)
        })
    }

    /// Waits for somebody to connect.
    ///
    /// # Errors
    /// Those of the system.
    pub async fn accept(&self) -> io::Result<(Async<TcpStream>, SocketAddr)> {
        if let Kind::Real(real) = &self.kind {
            return real.accept().await.map(|(stream, from)| (Async::real(stream), from));
        }
        if let Some(listening) = self.socket::<Listening>() {
            let connection = poll_fn(|cx| listening.poll_accept(cx)).await;
            let from = connection.peer;
            return Ok((connected(connection)?, from));
        }
        let (stream, from) = self.read_with(TcpListener::accept).await?;
        Ok((Async::new(stream)?, from))
    }

    /// A stream of connections.
    pub fn incoming(&self) -> impl Stream<Item = io::Result<Async<TcpStream>>> + Send + '_ {
        stream::unfold(self, |listener| async move {
            let next = listener.accept().await.map(|(stream, _)| stream);
            Some((next, listener))
        })
    }
}

impl Async<TcpStream> {
    /// Connects to an address.
    ///
    /// # Errors
    /// If nobody listens there.
    pub async fn connect<A: Into<SocketAddr>>(addr: A) -> io::Result<Async<TcpStream>> {
        let addr = addr.into();
        either!(::smol::Async::<TcpStream>::connect(addr).await, connected(Connection::dial(addr).await?))
    }

    /// Receives without taking out.
    ///
    /// # Errors
    /// Those of reading.
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        match self.socket::<Connection>() {
            Some(connection) => poll_fn(|cx| connection.poll_read(cx, buf, false)).await,
            None => self.read_with(|io| io.peek(buf)).await,
        }
    }
}

impl Async<UdpSocket> {
    /// A socket with this address.
    ///
    /// # Errors
    /// If it is taken.
    pub fn bind<A: Into<SocketAddr>>(addr: A) -> io::Result<Async<UdpSocket>> {
        let addr = addr.into();
        either!(::smol::Async::<UdpSocket>::bind(addr), {
            let bound = context::with("smol::Async::bind", |world| Bound::bind(world, addr))?;
            let own = bound.address;
            standing(bound, own, None)
        })
    }

    /// Receives a datagram, and from whom it is.
    ///
    /// # Errors
    /// Those of the system.
    pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        match self.socket::<Bound>() {
            Some(bound) => Ok(poll_fn(|cx| bound.poll_receive(cx, buf, true)).await),
            None => self.read_with(|io| io.recv_from(buf)).await,
        }
    }

    /// Receives a datagram without taking it out, and from whom it is.
    ///
    /// # Errors
    /// Those of the system.
    pub async fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        match self.socket::<Bound>() {
            Some(bound) => Ok(poll_fn(|cx| bound.poll_receive(cx, buf, false)).await),
            None => self.read_with(|io| io.peek_from(buf)).await,
        }
    }

    /// Sends a datagram to an address.
    ///
    /// # Errors
    /// If it is too large.
    pub async fn send_to<A: Into<SocketAddr>>(&self, buf: &[u8], addr: A) -> io::Result<usize> {
        let addr = addr.into();
        match self.socket::<Bound>() {
            Some(bound) => bound.send(buf, Some(addr)),
            None => self.write_with(|io| io.send_to(buf, addr)).await,
        }
    }

    /// Receives a datagram from whom it is connected to.
    ///
    /// # Errors
    /// If it is not connected.
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        match self.socket::<Bound>() {
            Some(bound) => Ok(poll_fn(|cx| bound.poll_receive(cx, buf, true)).await.0),
            None => self.read_with(|io| io.recv(buf)).await,
        }
    }

    /// Receives a datagram from whom it is connected to, without taking it out.
    ///
    /// # Errors
    /// If it is not connected.
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        match self.socket::<Bound>() {
            Some(bound) => Ok(poll_fn(|cx| bound.poll_receive(cx, buf, false)).await.0),
            None => self.read_with(|io| io.peek(buf)).await,
        }
    }

    /// Sends a datagram to whom it is connected to.
    ///
    /// # Errors
    /// If it is not connected, or the datagram is too large.
    pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
        match self.socket::<Bound>() {
            Some(bound) => bound.send(buf, None),
            None => self.write_with(|io| io.send(buf)).await,
        }
    }
}

impl Async<UnixListener> {
    /// Listens at a path.
    ///
    /// # Errors
    /// Those of the system.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<Async<UnixListener>> {
        made(|| UnixListener::bind_addr(&named(path.as_ref())?)).and_then(Async::new)
    }

    /// Waits for somebody to connect.
    ///
    /// # Errors
    /// Those of the system.
    pub async fn accept(&self) -> io::Result<(Async<UnixStream>, UnixAddr)> {
        let (stream, from) = self.read_with(UnixListener::accept).await?;
        Ok((Async::new(stream)?, from))
    }

    /// A stream of connections.
    pub fn incoming(&self) -> impl Stream<Item = io::Result<Async<UnixStream>>> + Send + '_ {
        stream::unfold(self, |listener| async move {
            let next = listener.accept().await.map(|(stream, _)| stream);
            Some((next, listener))
        })
    }
}

impl Async<UnixStream> {
    /// Connects to whoever listens at a path.
    ///
    /// # Errors
    /// If nobody does.
    pub async fn connect<P: AsRef<Path>>(path: P) -> io::Result<Async<UnixStream>> {
        // Of this family of sockets connecting does not wait, unless the other's queue is full.
        let path = path.as_ref();
        either!(
            ::smol::Async::<UnixStream>::connect(path).await,
            quietly(|| UnixStream::connect_addr(&named(path)?)).inspect(is_this_runs).and_then(Async::new)
        )
    }

    /// Two that are connected.
    ///
    /// # Errors
    /// Those of the system.
    pub fn pair() -> io::Result<(Async<UnixStream>, Async<UnixStream>)> {
        let (one, two) = both_made(UnixStream::pair)?;
        Ok((Async::new(one)?, Async::new(two)?))
    }
}

impl Async<UnixDatagram> {
    /// A socket at a path.
    ///
    /// # Errors
    /// Those of the system.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<Async<UnixDatagram>> {
        made(|| UnixDatagram::bind_addr(&named(path.as_ref())?)).and_then(Async::new)
    }

    /// A socket without an address.
    ///
    /// # Errors
    /// Those of the system.
    pub fn unbound() -> io::Result<Async<UnixDatagram>> {
        made(UnixDatagram::unbound).and_then(Async::new)
    }

    /// Two that are connected.
    ///
    /// # Errors
    /// Those of the system.
    pub fn pair() -> io::Result<(Async<UnixDatagram>, Async<UnixDatagram>)> {
        let (one, two) = both_made(UnixDatagram::pair)?;
        Ok((Async::new(one)?, Async::new(two)?))
    }

    /// Receives a datagram, and from whom it is.
    ///
    /// # Errors
    /// Those of the system.
    pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, UnixAddr)> {
        self.read_with(|io| io.recv_from(buf)).await
    }

    /// Sends a datagram to whoever is at a path.
    ///
    /// # Errors
    /// If nobody is.
    pub async fn send_to<P: AsRef<Path>>(&self, buf: &[u8], path: P) -> io::Result<usize> {
        self.write_with(|io| io.send_to(buf, &path)).await
    }

    /// Receives a datagram from whom it is connected to.
    ///
    /// # Errors
    /// If it is not connected.
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.read_with(|io| io.recv(buf)).await
    }

    /// Sends a datagram to whom it is connected to.
    ///
    /// # Errors
    /// If it is not connected.
    pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.write_with(|io| io.send(buf)).await
    }
}

/// The address at a path. On Linux one that begins with a zero byte is a name that is in no folder, as in async-io.
fn named(path: &Path) -> io::Result<UnixAddr> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some((0, name)) = path.as_os_str().as_bytes().split_first() {
        return UnixAddr::from_abstract_name(name);
    }
    UnixAddr::from_pathname(path)
}

/// Calls that make sockets do not wait, and are none of the sentinel's business.
pub(super) fn quietly<R>(f: impl FnOnce() -> R) -> R {
    let _quiet = kernel::quiet();
    f()
}

/// It belongs to the run: what is forked beside that has no part in it.
fn is_this_runs(socket: &impl AsFd) {
    kernel::owns(socket.as_fd().as_raw_fd());
}

/// Makes a socket of the run's, without waiting.
fn made<T: AsFd>(make: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    kernel::opening(|| quietly(make).inspect(is_this_runs))
}

/// The same for two that are connected.
fn both_made<T: AsFd>(make: impl FnOnce() -> io::Result<(T, T)>) -> io::Result<(T, T)> {
    kernel::opening(|| {
        let (one, two) = quietly(make)?;
        [&one, &two].into_iter().for_each(|end| kernel::owns_end(end.as_fd().as_raw_fd()));
        Ok((one, two))
    })
}

macro_rules! from_std {
    ($($type:ty)+) => {$(
        impl TryFrom<$type> for Async<$type> {
            type Error = io::Error;

            fn try_from(io: $type) -> io::Result<Async<$type>> {
                Async::new(io)
            }
        }
    )+};
}

from_std!(TcpListener TcpStream UdpSocket UnixListener UnixStream UnixDatagram);
