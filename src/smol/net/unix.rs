//! `smol::net::unix`: sockets with paths for names.
//!
//! In a run they are the system's own, awaited in the world: both ends being in it, what one sends the other has at once.

use super::conversions::{Face, conversions, descriptors};
use super::over_async::quietly;
use crate::boundary::descriptor::Async;
use ::smol::io::{AsyncRead, AsyncWrite};
use ::smol::net::unix as real;
use ::smol::stream::{Stream, StreamExt};
use std::fmt;
use std::io;
use std::net::Shutdown;
use std::os::unix::net as std_unix;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

pub use std::os::unix::net::SocketAddr;

/// What is asked of the descriptor.
macro_rules! asked {
    ($($about:literal $name:ident($($argument:ident: $type:ty)?) -> $result:ty;)+) => {$(
        #[doc = $about]
        ///
        /// # Errors
        /// Those of the system.
        pub fn $name(&self $(, $argument: $type)?) -> io::Result<$result> {
            match &self.0 {
                Face::Real(real) => real.$name($($argument)?),
                Face::Simulated(own) => quietly(|| own.get_ref().$name($($argument)?)),
            }
        }
    )+};
}

/// A server at a path: [`smol::net::unix::UnixListener`](::smol::net::unix::UnixListener).
#[derive(Clone)]
pub struct UnixListener(Face<real::UnixListener, std_unix::UnixListener>);

impl UnixListener {
    /// Listens at a path.
    ///
    /// # Errors
    /// Those of the system.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixListener> {
        Async::<std_unix::UnixListener>::bind(path).map(UnixListener::from)
    }

    /// Waits for somebody to connect.
    ///
    /// # Errors
    /// Those of the system.
    pub async fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        match &self.0 {
            Face::Real(real) => {
                let (stream, address) = real.accept().await?;
                Ok((UnixStream(Face::Real(stream)), address))
            }
            Face::Simulated(own) => {
                let (stream, address) = own.accept().await?;
                Ok((stream.into(), address))
            }
        }
    }

    /// A stream of connections.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming(match &self.0 {
            Face::Real(real) => Box::pin(real.incoming().map(|next| next.map(|real| UnixStream(Face::Real(real))))),
            Face::Simulated(own) => Box::pin(own.incoming().map(|next| next.map(UnixStream::from))),
        })
    }

    asked! {
        "The path it listens at."
        local_addr() -> SocketAddr;
    }
}

/// The stream of a listener's connections.
pub struct Incoming<'a>(Pin<Box<dyn Stream<Item = io::Result<UnixStream>> + Send + Sync + 'a>>);

impl Stream for Incoming<'_> {
    type Item = io::Result<UnixStream>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for Incoming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Incoming { .. }")
    }
}

/// A connection: [`smol::net::unix::UnixStream`](::smol::net::unix::UnixStream).
#[derive(Clone)]
pub struct UnixStream(Face<real::UnixStream, std_unix::UnixStream>);

impl UnwindSafe for UnixStream {}
impl RefUnwindSafe for UnixStream {}

impl UnixStream {
    /// Connects to whoever listens at a path.
    ///
    /// # Errors
    /// If nobody does.
    pub async fn connect<P: AsRef<Path>>(path: P) -> io::Result<UnixStream> {
        let path = path.as_ref().to_owned();
        Async::<std_unix::UnixStream>::connect(path).await.map(UnixStream::from)
    }

    /// Two that are connected.
    ///
    /// # Errors
    /// Those of the system.
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (one, two) = Async::<std_unix::UnixStream>::pair()?;
        Ok((one.into(), two.into()))
    }

    asked! {
        "Its own path."
        local_addr() -> SocketAddr;
        "The other's path."
        peer_addr() -> SocketAddr;
        "Closes it for reading, for writing, or both."
        shutdown(how: Shutdown) -> ();
    }
}

impl AsyncRead for UnixStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Face::Real(real) => Pin::new(real).poll_read(cx, buf),
            Face::Simulated(own) => Pin::new(&mut &**own).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for UnixStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Face::Real(real) => Pin::new(real).poll_write(cx, buf),
            Face::Simulated(own) => Pin::new(&mut &**own).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Face::Real(real) => Pin::new(real).poll_flush(cx),
            Face::Simulated(own) => Pin::new(&mut &**own).poll_flush(cx),
        }
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Face::Real(real) => Pin::new(real).poll_close(cx),
            Face::Simulated(_) => Poll::Ready(self.shutdown(Shutdown::Write)),
        }
    }
}

/// A socket for datagrams: [`smol::net::unix::UnixDatagram`](::smol::net::unix::UnixDatagram).
#[derive(Clone)]
pub struct UnixDatagram(Face<real::UnixDatagram, std_unix::UnixDatagram>);

impl UnixDatagram {
    /// A socket at a path.
    ///
    /// # Errors
    /// Those of the system.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixDatagram> {
        Async::<std_unix::UnixDatagram>::bind(path).map(UnixDatagram::from)
    }

    /// A socket without an address.
    ///
    /// # Errors
    /// Those of the system.
    pub fn unbound() -> io::Result<UnixDatagram> {
        Async::<std_unix::UnixDatagram>::unbound().map(UnixDatagram::from)
    }

    /// Two that are connected.
    ///
    /// # Errors
    /// Those of the system.
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (one, two) = Async::<std_unix::UnixDatagram>::pair()?;
        Ok((one.into(), two.into()))
    }

    /// Has it send to whoever is at a path, and hear nobody else.
    ///
    /// # Errors
    /// If nobody is.
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        match &self.0 {
            Face::Real(real) => real.connect(path),
            Face::Simulated(own) => quietly(|| own.get_ref().connect(path)),
        }
    }

    /// Receives a datagram, and from whom it is.
    ///
    /// # Errors
    /// Those of the system.
    pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        match &self.0 {
            Face::Real(real) => real.recv_from(buf).await,
            Face::Simulated(own) => own.recv_from(buf).await,
        }
    }

    /// Sends a datagram to whoever is at a path.
    ///
    /// # Errors
    /// If nobody is.
    pub async fn send_to<P: AsRef<Path>>(&self, buf: &[u8], path: P) -> io::Result<usize> {
        match &self.0 {
            Face::Real(real) => real.send_to(buf, path).await,
            Face::Simulated(own) => own.send_to(buf, path).await,
        }
    }

    /// Receives a datagram from whom it is connected to.
    ///
    /// # Errors
    /// If it is not connected.
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        match &self.0 {
            Face::Real(real) => real.recv(buf).await,
            Face::Simulated(own) => own.recv(buf).await,
        }
    }

    /// Sends a datagram to whom it is connected to.
    ///
    /// # Errors
    /// If it is not connected.
    pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
        match &self.0 {
            Face::Real(real) => real.send(buf).await,
            Face::Simulated(own) => own.send(buf).await,
        }
    }

    asked! {
        "Its own path."
        local_addr() -> SocketAddr;
        "The path of whom it is connected to."
        peer_addr() -> SocketAddr;
        "Closes it for reading, for writing, or both."
        shutdown(how: Shutdown) -> ();
    }
}

macro_rules! shown {
    ($($name:ident)+) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

shown!(UnixListener UnixStream UnixDatagram);

conversions! {
    UnixListener, real::UnixListener, std_unix::UnixListener;
    UnixStream, real::UnixStream, std_unix::UnixStream;
    UnixDatagram, real::UnixDatagram, std_unix::UnixDatagram;
}
descriptors! {
    UnixListener, std_unix::UnixListener;
    UnixStream, std_unix::UnixStream;
}
