//! Reading from an `Async` and writing to it, in one piece or several.

use super::super::net::Connection;
use super::Async;
use crate::boundary::descriptor::Kind;
use ::smol::io::{AsyncRead, AsyncWrite};
use async_io::IoSafe;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// The real one, which nobody else has.
fn alone<T>(real: &mut Arc<::smol::Async<T>>) -> &mut ::smol::Async<T> {
    match Arc::get_mut(real) {
        Some(real) => real,
        None => panic!("this Async is shared with clones of the socket it was made from: read and write by reference"),
    }
}

impl<T> Async<T> {
    /// The I/O object of a simulated one. It is not replaced.
    fn own(&mut self) -> &mut T {
        match &mut self.kind {
            Kind::Simulated { io: Some(io), .. } => io,
            _ => unreachable!("asked for only where it is simulated"),
        }
    }
}

/// Reads into several pieces at once, as much as there is.
fn scatter(connection: &Connection, cx: &mut Context<'_>, bufs: &mut [IoSliceMut<'_>]) -> Poll<io::Result<usize>> {
    let mut bytes = vec![0; bufs.iter().map(|buf| buf.len()).sum()];
    let count = ready!(connection.poll_read(cx, &mut bytes, true))?;
    let mut rest = &bytes[..count];
    for buf in bufs {
        let (here, later) = rest.split_at(buf.len().min(rest.len()));
        buf[..here.len()].copy_from_slice(here);
        rest = later;
    }
    Poll::Ready(Ok(count))
}

/// Writes several pieces as one, as the system does.
fn gather(connection: &Connection, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
    let bytes: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter().copied()).collect();
    connection.poll_write(cx, &bytes)
}

/// Does `$op` until it does not give `WouldBlock`, and waits by `$poll` in between.
macro_rules! until_done {
    ($this:ident, $cx:ident, $poll:ident, $op:expr) => {
        loop {
            match $op {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
            ready!($this.$poll($cx))?;
        }
    };
}

impl<T: IoSafe + Read> AsyncRead for Async<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if let Some(connection) = self.socket::<Connection>() {
            return connection.poll_read(cx, buf, true);
        }
        if let Kind::Real(real) = &mut self.kind {
            return Pin::new(alone(real)).poll_read(cx, buf);
        }
        until_done!(self, cx, poll_readable, self.own().read(buf))
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(connection) = self.socket::<Connection>() {
            return scatter(connection, cx, bufs);
        }
        if let Kind::Real(real) = &mut self.kind {
            return Pin::new(alone(real)).poll_read_vectored(cx, bufs);
        }
        until_done!(self, cx, poll_readable, self.own().read_vectored(bufs))
    }
}

impl<T> AsyncRead for &Async<T>
where
    for<'a> &'a T: Read,
{
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if let Some(connection) = self.socket::<Connection>() {
            return connection.poll_read(cx, buf, true);
        }
        if let Kind::Real(real) = &self.kind {
            return Pin::new(&mut &**real).poll_read(cx, buf);
        }
        until_done!(self, cx, poll_readable, self.get_ref().read(buf))
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(connection) = self.socket::<Connection>() {
            return scatter(connection, cx, bufs);
        }
        if let Kind::Real(real) = &self.kind {
            return Pin::new(&mut &**real).poll_read_vectored(cx, bufs);
        }
        until_done!(self, cx, poll_readable, self.get_ref().read_vectored(bufs))
    }
}

impl<T: IoSafe + Write> AsyncWrite for Async<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(connection) = self.socket::<Connection>() {
            return connection.poll_write(cx, buf);
        }
        if let Kind::Real(real) = &mut self.kind {
            return Pin::new(alone(real)).poll_write(cx, buf);
        }
        until_done!(self, cx, poll_writable, self.own().write(buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(connection) = self.socket::<Connection>() {
            return gather(connection, cx, bufs);
        }
        if let Kind::Real(real) = &mut self.kind {
            return Pin::new(alone(real)).poll_write_vectored(cx, bufs);
        }
        until_done!(self, cx, poll_writable, self.own().write_vectored(bufs))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.socket::<Connection>().is_some() {
            return Poll::Ready(Ok(()));
        }
        if let Kind::Real(real) = &mut self.kind {
            return Pin::new(alone(real)).poll_flush(cx);
        }
        until_done!(self, cx, poll_writable, self.own().flush())
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl<T> AsyncWrite for &Async<T>
where
    for<'a> &'a T: Write,
{
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(connection) = self.socket::<Connection>() {
            return connection.poll_write(cx, buf);
        }
        if let Kind::Real(real) = &self.kind {
            return Pin::new(&mut &**real).poll_write(cx, buf);
        }
        until_done!(self, cx, poll_writable, self.get_ref().write(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(connection) = self.socket::<Connection>() {
            return gather(connection, cx, bufs);
        }
        if let Kind::Real(real) = &self.kind {
            return Pin::new(&mut &**real).poll_write_vectored(cx, bufs);
        }
        until_done!(self, cx, poll_writable, self.get_ref().write_vectored(bufs))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.socket::<Connection>().is_some() {
            return Poll::Ready(Ok(()));
        }
        if let Kind::Real(real) = &self.kind {
            return Pin::new(&mut &**real).poll_flush(cx);
        }
        until_done!(self, cx, poll_writable, self.get_ref().flush())
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}
