//! Descriptors that do not block: asking them whether they are ready, and smol's `Async` over one.

use std::any::Any;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

/// Has reading and writing fail with `WouldBlock` where they would wait.
///
/// # Errors
/// Those of fcntl.
pub fn set_nonblocking(descriptor: BorrowedFd<'_>) -> io::Result<()> {
    change_flags(descriptor, |flags| flags | libc::O_NONBLOCK)
}

/// Undoes [`set_nonblocking`].
///
/// # Errors
/// Those of fcntl.
pub fn set_blocking(descriptor: BorrowedFd<'_>) -> io::Result<()> {
    change_flags(descriptor, |flags| flags & !libc::O_NONBLOCK)
}

fn change_flags(descriptor: BorrowedFd<'_>, change: impl FnOnce(i32) -> i32) -> io::Result<()> {
    let fd = descriptor.as_raw_fd();
    // SAFETY: the descriptor is open, since it is borrowed; these two commands touch no memory.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
    if flags == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: as above.
    match unsafe { libc::fcntl(fd, libc::F_SETFL, change(flags)) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Whether reading from `fd` (or writing to it) would not wait, be it because that would fail.
pub fn is_ready(fd: i32, to_write: bool) -> bool {
    let events = if to_write { libc::POLLOUT } else { libc::POLLIN };
    let mut poll = libc::pollfd { fd, events, revents: 0 };
    // SAFETY: one pollfd, valid and this function's own for the time of the call, which does not wait.
    unsafe { libc::poll(&raw mut poll, 1, 0) != 0 }
}

/// An I/O object that is awaited: [`smol::Async`](::smol::Async).
///
/// One that is made in a run waits in the world: its descriptor is asked whenever nobody can run. The sockets of the run's
/// own network are no descriptors of the system: theirs know the addresses, where system calls are seen, and what else is
/// said to them from outside this type finds them unconnected.
pub struct Async<T> {
    pub(crate) kind: Kind<T>,
}

/// A socket of a run's network, whatever it is made of.
pub(crate) type Socket = dyn Any + Send + Sync + UnwindSafe + RefUnwindSafe;

pub(crate) enum Kind<T> {
    /// Shared with futures that own what they wait for, and those have this as well.
    Real(Arc<::smol::Async<T>>),
    Simulated {
        fd: i32,
        /// `None` once it has been taken out.
        io: Option<T>,
        /// The socket of the run's network that it stands for.
        socket: Option<Arc<Socket>>,
    },
}

// SAFETY: all that it has is `T`, or a real one behind an `Arc` in place of a box. Others have that `Arc`, too, in two cases.
// A future that owns what it waits for (`readable_owned`) has the `Arc` of this whole as well: while it lives, nobody can
// take this out of there and send it, and an `Arc` of this is sent only if this is both `Send` and `Sync`, which asks of `T`
// to be both. And clones of a socket of `smol::net`: those are `Send` and `Sync`.
unsafe impl<T: Send> Send for Async<T> {}

// SAFETY: whoever has a reference gets at `&T`. (The `Arc` itself is cloned only by those who own an `Arc` of this: see above.)
unsafe impl<T: Sync> Sync for Async<T> {}

// As smol's own.
impl<T: UnwindSafe> UnwindSafe for Async<T> {}

impl<T> Async<T> {
    /// A mutable reference to the I/O object.
    ///
    /// # Safety
    /// It must not be replaced, nor dropped, nor its descriptor be closed.
    ///
    /// # Panics
    /// If it is a real one that was made from a `TcpStream` (or another of `smol::net`) of which there are clones.
    pub unsafe fn get_mut(&mut self) -> &mut T {
        match &mut self.kind {
            Kind::Real(real) => match Arc::get_mut(real) {
                // SAFETY: the caller promises what smol asks for.
                Some(real) => unsafe { real.get_mut() },
                None => panic!("this Async is shared with clones of the socket it was made from"),
            },
            Kind::Simulated { io: Some(io), .. } => io,
            Kind::Simulated { io: None, .. } => unreachable!("it is taken out only when this is consumed"),
        }
    }

    /// Waits until `op` does not give `WouldBlock` any more, each time for the descriptor to be readable.
    ///
    /// # Safety
    /// As [`get_mut`](Async::get_mut), for `op`.
    ///
    /// # Errors
    /// Those of `op`.
    pub async unsafe fn read_with_mut<R>(&mut self, op: impl FnMut(&mut T) -> io::Result<R>) -> io::Result<R> {
        let mut op = op;
        loop {
            // SAFETY: the caller promises for `op` what this asks for.
            match op(unsafe { self.get_mut() }) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
            std::future::poll_fn(|cx| self.poll_readable(cx)).await?;
        }
    }

    /// Waits until `op` does not give `WouldBlock` any more, each time for the descriptor to be writable.
    ///
    /// # Safety
    /// As [`get_mut`](Async::get_mut), for `op`.
    ///
    /// # Errors
    /// Those of `op`.
    pub async unsafe fn write_with_mut<R>(&mut self, op: impl FnMut(&mut T) -> io::Result<R>) -> io::Result<R> {
        let mut op = op;
        loop {
            // SAFETY: the caller promises for `op` what this asks for.
            match op(unsafe { self.get_mut() }) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
            std::future::poll_fn(|cx| self.poll_writable(cx)).await?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn asks_and_does_not_wait() {
        let (mut here, mut there) = UnixStream::pair().unwrap();
        set_nonblocking(here.as_fd()).unwrap();
        assert_eq!(here.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert!(!is_ready(here.as_raw_fd(), false) && is_ready(here.as_raw_fd(), true));
        there.write_all(b"x").unwrap();
        assert!(is_ready(here.as_raw_fd(), false));
        drop(there);
        here.read_exact(&mut [0]).unwrap();
        assert!(is_ready(here.as_raw_fd(), false), "the end is to be read");
    }
}
