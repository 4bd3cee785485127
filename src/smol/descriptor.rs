//! `smol::Async`: awaiting whatever has a descriptor. (The type itself, and what of it is unsafe, is the boundary's.)

mod transfers;

use super::net::Connection;
use crate::boundary::descriptor::{self, Kind, Socket};
use crate::boundary::kernel;
use crate::context;
use std::any::Any;
use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

pub use crate::boundary::descriptor::Async;

impl<T: AsFd> Async<T> {
    /// Has `io` be awaited: its descriptor does not block from here on.
    ///
    /// # Errors
    /// Those of the system.
    pub fn new(io: T) -> io::Result<Async<T>> {
        if !context::in_run() {
            return ::smol::Async::new(io).map(Async::real);
        }
        let quiet = kernel::quiet();
        descriptor::set_nonblocking(io.as_fd())?;
        drop(quiet);
        Async::new_nonblocking(io)
    }

    /// [`new`](Async::new) for one whose descriptor does not block already.
    ///
    /// # Errors
    /// Those of the system.
    pub fn new_nonblocking(io: T) -> io::Result<Async<T>> {
        match context::in_run() {
            true => Ok(Async::simulated(io, None)),
            false => ::smol::Async::new_nonblocking(io).map(Async::real),
        }
    }

    pub(super) fn simulated(io: T, socket: Option<Arc<Socket>>) -> Async<T> {
        let fd = io.as_fd().as_raw_fd();
        Async { kind: Kind::Simulated { fd, io: Some(io), socket } }
    }
}

impl<T> Async<T> {
    pub(super) fn real(real: ::smol::Async<T>) -> Async<T> {
        Async { kind: Kind::Real(Arc::new(real)) }
    }

    /// The socket of the run's network that it stands for.
    pub(super) fn socket<S: 'static>(&self) -> Option<&S> {
        match &self.kind {
            Kind::Simulated { socket: Some(socket), .. } => {
                let any: &dyn Any = &**socket;
                any.downcast_ref()
            }
            _ => None,
        }
    }

    /// The I/O object.
    pub fn get_ref(&self) -> &T {
        match &self.kind {
            Kind::Real(real) => (**real).get_ref(),
            Kind::Simulated { io: Some(io), .. } => io,
            Kind::Simulated { io: None, .. } => unreachable!("it is taken out only when this is consumed"),
        }
    }

    /// The I/O object itself; its descriptor still does not block.
    ///
    /// # Errors
    /// Those of the system; and if it is a real one that was made from a `TcpStream` (or another of `smol::net`) of which
    /// there are clones.
    pub fn into_inner(mut self) -> io::Result<T> {
        match &mut self.kind {
            Kind::Real(_) => {}
            Kind::Simulated { fd, io, .. } => match io.take() {
                Some(io) => {
                    context::try_with(|world| world.forget_descriptor(*fd));
                    return Ok(io);
                }
                None => unreachable!("it is taken out only when this is consumed"),
            },
        }
        match self.into_real() {
            Ok(real) => real.into_inner(),
            Err(_) => Err(io::Error::other("this Async is shared with clones of the socket it was made from")),
        }
    }

    /// The real one, or itself if it is simulated or shared.
    pub(super) fn into_real(mut self) -> Result<::smol::Async<T>, Async<T>> {
        let nothing = Kind::Simulated { fd: -1, io: None, socket: None };
        match std::mem::replace(&mut self.kind, nothing) {
            Kind::Real(real) => Arc::try_unwrap(real).map_err(|real| Async { kind: Kind::Real(real) }),
            kind => Err(Async { kind }),
        }
    }

    /// Has the task of `cx` be woken once it can be read from.
    ///
    /// # Errors
    /// Those of the system.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(connection) = self.socket::<Connection>() {
            return connection.poll_readable(cx).map(Ok);
        }
        if let Some(listening) = self.socket::<super::net::Listening>() {
            return listening.poll_acceptable(cx).map(Ok);
        }
        if let Some(bound) = self.socket::<super::net::Bound>() {
            return bound.poll_readable(cx).map(Ok);
        }
        self.poll_descriptor(cx, false)
    }

    /// Has the task of `cx` be woken once it can be written to.
    ///
    /// # Errors
    /// Those of the system.
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(connection) = self.socket::<Connection>() {
            return connection.poll_writable(cx).map(Ok);
        }
        if self.socket::<super::net::Bound>().is_some() {
            return Poll::Ready(Ok(()));
        }
        self.poll_descriptor(cx, true)
    }

    fn poll_descriptor(&self, cx: &mut Context<'_>, write: bool) -> Poll<io::Result<()>> {
        let fd = match &self.kind {
            Kind::Real(real) if write => return real.poll_writable(cx),
            Kind::Real(real) => return real.poll_readable(cx),
            Kind::Simulated { fd, .. } => *fd,
        };
        let quiet = kernel::quiet();
        let is_ready = descriptor::is_ready(fd, write);
        drop(quiet);
        if !is_ready {
            context::with("smol::Async", |world| world.wait_for_descriptor(fd, write, cx.waker()));
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    /// Waits until it can be read from.
    pub fn readable(&self) -> Readable<'_, T> {
        Readable(match &self.kind {
            Kind::Real(real) => Wait::Real(real.readable()),
            Kind::Simulated { .. } => Wait::Simulated(self),
        })
    }

    /// [`readable`](Async::readable) by a future that owns it.
    pub fn readable_owned(self: Arc<Self>) -> ReadableOwned<T> {
        ReadableOwned(match &self.kind {
            Kind::Real(real) => Wait::Real((real.clone().readable_owned(), self)),
            Kind::Simulated { .. } => Wait::Simulated(self),
        })
    }

    /// Waits until it can be written to.
    pub fn writable(&self) -> Writable<'_, T> {
        Writable(match &self.kind {
            Kind::Real(real) => Wait::Real(real.writable()),
            Kind::Simulated { .. } => Wait::Simulated(self),
        })
    }

    /// [`writable`](Async::writable) by a future that owns it.
    pub fn writable_owned(self: Arc<Self>) -> WritableOwned<T> {
        WritableOwned(match &self.kind {
            Kind::Real(real) => Wait::Real((real.clone().writable_owned(), self)),
            Kind::Simulated { .. } => Wait::Simulated(self),
        })
    }

    /// Waits until `op` does not give `WouldBlock` any more, each time for it to be readable.
    ///
    /// # Errors
    /// Those of `op`.
    pub async fn read_with<R>(&self, op: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        let mut op = op;
        loop {
            match op(self.get_ref()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.readable().await?,
                result => return result,
            }
        }
    }

    /// Waits until `op` does not give `WouldBlock` any more, each time for it to be writable.
    ///
    /// # Errors
    /// Those of `op`.
    pub async fn write_with<R>(&self, op: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        let mut op = op;
        loop {
            match op(self.get_ref()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable().await?,
                result => return result,
            }
        }
    }
}

impl<T> Unpin for Async<T> {}

/// Nobody waits for a descriptor that is closed.
impl<T> Drop for Async<T> {
    fn drop(&mut self) {
        if let Kind::Simulated { fd, io: Some(_), .. } = &self.kind {
            context::try_with(|world| world.forget_descriptor(*fd));
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Async<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Real(real) => real.fmt(f),
            Kind::Simulated { io, .. } => f.debug_struct("Async").field("io", io).finish_non_exhaustive(),
        }
    }
}

impl<T> AsRef<T> for Async<T> {
    fn as_ref(&self) -> &T {
        self.get_ref()
    }
}

impl<T: AsRawFd> AsRawFd for Async<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.get_ref().as_raw_fd()
    }
}

impl<T: AsFd> AsFd for Async<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get_ref().as_fd()
    }
}

impl<T: AsFd + From<OwnedFd>> TryFrom<OwnedFd> for Async<T> {
    type Error = io::Error;

    fn try_from(value: OwnedFd) -> Result<Async<T>, Self::Error> {
        Async::new(value.into())
    }
}

impl<T: Into<OwnedFd>> TryFrom<Async<T>> for OwnedFd {
    type Error = io::Error;

    fn try_from(value: Async<T>) -> io::Result<OwnedFd> {
        value.into_inner().map(Into::into)
    }
}

/// A wait of a real `Async`, or of a simulated one.
enum Wait<R, S> {
    Real(R),
    Simulated(S),
}

macro_rules! waits {
    ($($about:literal $name:ident<$($life:lifetime,)? T>: $real:ty, $simulated:ty, |$r:ident| $inner:expr, $poll:ident;)+) => {$(
        #[doc = $about]
        #[must_use = "futures do nothing unless you `.await` or poll them"]
        pub struct $name<$($life,)? T>(Wait<$real, $simulated>);

        impl<$($life,)? T> Unpin for $name<$($life,)? T> {}

        impl<$($life,)? T> fmt::Debug for $name<$($life,)? T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }

        impl<$($life,)? T> Future for $name<$($life,)? T> {
            type Output = io::Result<()>;

            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match &mut self.0 {
                    Wait::Real($r) => Pin::new($inner).poll(cx),
                    Wait::Simulated(source) => source.$poll(cx),
                }
            }
        }
    )+};
}

waits! {
    "The future of [`Async::readable`]."
    Readable<'a, T>: async_io::Readable<'a, T>, &'a Async<T>, |real| real, poll_readable;
    "The future of [`Async::writable`]."
    Writable<'a, T>: async_io::Writable<'a, T>, &'a Async<T>, |real| real, poll_writable;
    "The future of [`Async::readable_owned`]."
    ReadableOwned<T>: (async_io::ReadableOwned<T>, Arc<Async<T>>), Arc<Async<T>>, |real| &mut real.0, poll_readable;
    "The future of [`Async::writable_owned`]."
    WritableOwned<T>: (async_io::WritableOwned<T>, Arc<Async<T>>), Arc<Async<T>>, |real| &mut real.0, poll_writable;
}
