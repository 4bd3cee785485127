//! `smol::process::{ChildStdin, ChildStdout, ChildStderr}`.

use crate::boundary::descriptor::Async;
use ::smol::io::{AsyncRead, AsyncWrite};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};

/// One end of a pipe to a child.
#[derive(Debug)]
enum End<R, S> {
    Real(R),
    /// Of a child of a run, and nobody has used it yet.
    Fresh(S),
    Used(Async<S>),
    /// Between the two.
    Moving,
}

impl<R, S: AsFd> End<R, S> {
    /// What is awaited, once it is to be; `Err` if that is the real one.
    fn awaited(&mut self) -> io::Result<Result<&mut Async<S>, &mut R>> {
        if let End::Fresh(_) = self
            && let End::Fresh(fresh) = std::mem::replace(self, End::Moving)
        {
            *self = End::Used(Async::new(fresh)?);
        }
        match self {
            End::Real(real) => Ok(Err(real)),
            End::Used(used) => Ok(Ok(used)),
            End::Fresh(_) | End::Moving => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

impl<R, S: Into<OwnedFd>> End<R, S> {
    /// The descriptor, as a stream of another child's: it blocks.
    fn into_blocking(self) -> io::Result<OwnedFd> {
        let descriptor = match self {
            End::Fresh(fresh) => return Ok(fresh.into()),
            End::Used(used) => used.into_inner()?.into(),
            End::Real(_) | End::Moving => return Err(io::ErrorKind::BrokenPipe.into()),
        };
        crate::boundary::descriptor::set_blocking(descriptor.as_fd())?;
        Ok(descriptor)
    }
}

macro_rules! streams {
    ($($about:literal $name:ident;)+) => {$(
        #[doc = $about]
        #[derive(Debug)]
        pub struct $name(End<::smol::process::$name, std::process::$name>);

        impl $name {
            pub(super) fn real(real: ::smol::process::$name) -> $name {
                $name(End::Real(real))
            }

            pub(super) fn fresh(stream: std::process::$name) -> $name {
                $name(End::Fresh(stream))
            }

            /// As a stream of another child; the descriptor blocks.
            ///
            /// # Errors
            /// Those of changing that.
            pub async fn into_stdio(self) -> io::Result<Stdio> {
                match self.0 {
                    End::Real(real) => real.into_stdio().await,
                    own => own.into_blocking().map(Stdio::from),
                }
            }
        }

        impl AsRawFd for $name {
            fn as_raw_fd(&self) -> RawFd {
                self.as_fd().as_raw_fd()
            }
        }

        impl AsFd for $name {
            fn as_fd(&self) -> BorrowedFd<'_> {
                match &self.0 {
                    End::Real(real) => real.as_fd(),
                    End::Fresh(stream) => stream.as_fd(),
                    End::Used(used) => used.get_ref().as_fd(),
                    End::Moving => panic!("the descriptor could not be made one that does not block"),
                }
            }
        }

        impl TryFrom<$name> for OwnedFd {
            type Error = io::Error;

            fn try_from(stream: $name) -> io::Result<OwnedFd> {
                match stream.0 {
                    End::Real(real) => real.try_into(),
                    End::Fresh(stream) => Ok(stream.into()),
                    End::Used(used) => used.try_into(),
                    End::Moving => Err(io::ErrorKind::BrokenPipe.into()),
                }
            }
        }
    )+};
}

streams! {
    "What a child reads: [`smol::process::ChildStdin`](::smol::process::ChildStdin)."
    ChildStdin;
    "What a child writes: [`smol::process::ChildStdout`](::smol::process::ChildStdout)."
    ChildStdout;
    "What a child tells as errors: [`smol::process::ChildStderr`](::smol::process::ChildStderr)."
    ChildStderr;
}

macro_rules! readers {
    ($($name:ident)+) => {$(
        impl $name {
            /// The stream itself, if nobody has used it.
            pub(super) fn into_fresh(self) -> Result<std::process::$name, $name> {
                match self.0 {
                    End::Fresh(stream) => Ok(stream),
                    used => Err($name(used)),
                }
            }
        }

        impl AsyncRead for $name {
            fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
                match self.0.awaited()? {
                    Ok(own) => Pin::new(own).poll_read(cx, buf),
                    Err(real) => Pin::new(real).poll_read(cx, buf),
                }
            }
        }
    )+};
}

readers!(ChildStdout ChildStderr);

impl AsyncWrite for ChildStdin {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.0.awaited()? {
            Ok(own) => Pin::new(own).poll_write(cx, buf),
            Err(real) => Pin::new(real).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0.awaited()? {
            Ok(own) => Pin::new(own).poll_flush(cx),
            Err(real) => Pin::new(real).poll_flush(cx),
        }
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0.awaited()? {
            Ok(own) => Pin::new(own).poll_close(cx),
            Err(real) => Pin::new(real).poll_close(cx),
        }
    }
}
