//! `smol::net::{TcpListener, TcpStream}`.

use super::addresses::{AsyncToSocketAddrs, first_of, look_up, question};
use super::conversions::{Face, conversions, descriptors};
use super::{Connection, Listening};
use crate::boundary::descriptor::Async;
use ::smol::io::{AsyncRead, AsyncWrite};
use ::smol::stream::Stream;
use std::fmt;
use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

/// A TCP server: [`smol::net::TcpListener`](::smol::net::TcpListener).
///
/// ```
/// use raddle::smol::{self, io::{AsyncReadExt, AsyncWriteExt}, net::{TcpListener, TcpStream}};
/// # raddle::Sim::new().run(|| async {
/// let listener = TcpListener::bind("10.0.0.1:80").await.unwrap();
/// let server = smol::spawn(async move { listener.accept().await.unwrap().0.write_all(b"hello").await });
/// let mut client = TcpStream::connect("10.0.0.1:80").await.unwrap();
/// let mut text = String::new();
/// client.read_to_string(&mut text).await.unwrap();
/// assert_eq!(text, "hello");
/// # server.await.unwrap();
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct TcpListener(Face<::smol::net::TcpListener, std::net::TcpListener>);

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TcpListener {
    /// Listens on an address; on a port of the system's choice, if that is 0.
    ///
    /// # Errors
    /// If the address cannot be resolved, or is taken.
    pub async fn bind<A: AsyncToSocketAddrs>(addr: A) -> io::Result<TcpListener> {
        let addresses = look_up(question(&addr)).await?;
        first_of(addresses, |address| async move { Async::<std::net::TcpListener>::bind(address) })
            .await
            .map(TcpListener::from)
    }

    fn own(&self) -> Result<&Listening, &std::net::TcpListener> {
        match &self.0 {
            Face::Simulated(own) => own.socket::<Listening>().ok_or(own.get_ref()),
            Face::Real(_) => unreachable!("asked only of one that is simulated"),
        }
    }

    /// The address it listens on.
    ///
    /// # Errors
    /// Those of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            Face::Real(real) => real.local_addr(),
            Face::Simulated(_) => self.own().map_or_else(std::net::TcpListener::local_addr, |own| Ok(own.address)),
        }
    }

    /// Waits for somebody to connect.
    ///
    /// # Errors
    /// Those of the system.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        match &self.0 {
            Face::Real(real) => {
                let (stream, address) = real.accept().await?;
                Ok((TcpStream(Face::Real(stream)), address))
            }
            Face::Simulated(own) => {
                let (stream, address) = own.accept().await?;
                Ok((stream.into(), address))
            }
        }
    }

    /// A stream of connections.
    pub fn incoming(&self) -> Incoming<'_> {
        use ::smol::stream::StreamExt;
        Incoming(match &self.0 {
            Face::Real(real) => Box::pin(real.incoming().map(|next| next.map(|real| TcpStream(Face::Real(real))))),
            Face::Simulated(own) => Box::pin(own.incoming().map(|next| next.map(TcpStream::from))),
        })
    }

    /// The time to live of its packets.
    ///
    /// # Errors
    /// Those of the system.
    pub fn ttl(&self) -> io::Result<u32> {
        match &self.0 {
            Face::Real(real) => real.ttl(),
            Face::Simulated(_) => {
                self.own().map_or_else(std::net::TcpListener::ttl, |own| Ok(own.ttl.load(Ordering::Relaxed)))
            }
        }
    }

    /// Sets the time to live of its packets.
    ///
    /// # Errors
    /// Those of the system.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        match &self.0 {
            Face::Real(real) => real.set_ttl(ttl),
            Face::Simulated(_) => self.own().map_or_else(
                |io| io.set_ttl(ttl),
                |own| {
                    own.ttl.store(ttl, Ordering::Relaxed);
                    Ok(())
                },
            ),
        }
    }
}

/// The stream of a listener's connections.
pub struct Incoming<'a>(Pin<Box<dyn Stream<Item = io::Result<TcpStream>> + Send + Sync + 'a>>);

impl Stream for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for Incoming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Incoming { .. }")
    }
}

/// A TCP connection: [`smol::net::TcpStream`](::smol::net::TcpStream).
#[derive(Clone)]
pub struct TcpStream(Face<::smol::net::TcpStream, std::net::TcpStream>);

impl UnwindSafe for TcpStream {}
impl RefUnwindSafe for TcpStream {}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What of a stream's is asked of the connection in a run, and of the descriptor elsewhere.
macro_rules! asked {
    ($($about:literal $name:ident($($argument:ident: $type:ty)?) -> $result:ty, |$own:ident| $answer:expr;)+) => {$(
        #[doc = $about]
        ///
        /// # Errors
        /// Those of the system.
        pub fn $name(&self $(, $argument: $type)?) -> io::Result<$result> {
            match &self.0 {
                Face::Real(real) => real.$name($($argument)?),
                Face::Simulated(own) => match own.socket::<Connection>() {
                    Some($own) => Ok($answer),
                    None => own.get_ref().$name($($argument)?),
                },
            }
        }
    )+};
}

impl TcpStream {
    /// Connects to an address; of several, to the first where somebody listens.
    ///
    /// # Errors
    /// If the address cannot be resolved, or nobody listens there.
    pub async fn connect<A: AsyncToSocketAddrs>(addr: A) -> io::Result<TcpStream> {
        let addresses = look_up(question(&addr)).await?;
        first_of(addresses, Async::<std::net::TcpStream>::connect).await.map(TcpStream::from)
    }

    asked! {
        "Its own address."
        local_addr() -> SocketAddr, |own| own.local;
        "The other's address."
        peer_addr() -> SocketAddr, |own| own.peer;
        "Closes it for reading, for writing, or both."
        shutdown(how: Shutdown) -> (), |own| own.shut_down(how);
        "Whether small pieces are sent at once."
        nodelay() -> bool, |own| own.nodelay.load(Ordering::Relaxed);
        "Sets whether small pieces are sent at once. (On the run's network all are.)"
        set_nodelay(nodelay: bool) -> (), |own| own.nodelay.store(nodelay, Ordering::Relaxed);
        "The time to live of its packets."
        ttl() -> u32, |own| own.ttl.load(Ordering::Relaxed);
        "Sets the time to live of its packets."
        set_ttl(ttl: u32) -> (), |own| own.ttl.store(ttl, Ordering::Relaxed);
    }

    /// Receives without taking out.
    ///
    /// # Errors
    /// Those of reading.
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        match &self.0 {
            Face::Real(real) => real.peek(buf).await,
            Face::Simulated(own) => own.peek(buf).await,
        }
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Face::Real(real) => Pin::new(real).poll_read(cx, buf),
            Face::Simulated(own) => Pin::new(&mut &**own).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Face::Real(real) => Pin::new(real).poll_write(cx, buf),
            Face::Simulated(own) => Pin::new(&mut &**own).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Face::Real(real) => Pin::new(real).poll_write_vectored(cx, bufs),
            Face::Simulated(own) => Pin::new(&mut &**own).poll_write_vectored(cx, bufs),
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

conversions! {
    TcpListener, ::smol::net::TcpListener, std::net::TcpListener;
    TcpStream, ::smol::net::TcpStream, std::net::TcpStream;
}
descriptors! {
    TcpListener, std::net::TcpListener;
    TcpStream, std::net::TcpStream;
}
