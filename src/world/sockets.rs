//! TCP between threads of the world, over the system's own sockets: what one has written has arrived before anybody goes on.

use super::World;
use crate::boundary::kernel::{self, Ends};

/// A socket that has been used.
pub(crate) struct Socket {
    fd: i32,
    is_tcp: bool,
    /// Known once it is connected.
    ends: Option<Ends>,
}

impl Socket {
    fn ends(&mut self) -> Option<Ends> {
        if self.is_tcp && self.ends.is_none() {
            self.ends = kernel::ends_of(self.fd);
        }
        self.ends
    }
}

impl World {
    /// The socket is about to be connected, was accepted, or is used.
    pub fn knows_socket(&self, fd: i32) {
        let mut sockets = self.sockets.borrow_mut();
        if sockets.iter().all(|socket| socket.fd != fd) {
            sockets.push(Socket { fd, is_tcp: kernel::is_tcp(fd), ends: None });
        }
    }

    /// The socket may be of another kind than it was.
    pub fn forget_kind(&self, fd: i32) {
        self.sockets.borrow_mut().retain(|socket| socket.fd != fd);
    }

    /// The socket is about to be closed.
    pub fn forget_socket(&self, fd: i32) {
        self.sockets.borrow_mut().retain(|socket| socket.fd != fd);
        self.forget_line(fd);
    }

    /// Something was read from the socket, or written to it: what is on its way is waited for, if the other end is in this
    /// world as well. Virtual time would pass it by.
    pub fn settle_socket(&self, fd: i32) {
        if let Some(peer) = self.peer_of(fd) {
            kernel::settle(fd);
            kernel::settle(peer);
        }
    }

    /// The other end of a connection of TCP, if it is in this world.
    fn peer_of(&self, fd: i32) -> Option<i32> {
        self.knows_socket(fd);
        let mut sockets = self.sockets.borrow_mut();
        let own = sockets.iter_mut().find(|socket| socket.fd == fd)?.ends()?;
        sockets.iter_mut().find_map(|socket| socket.ends()?.meet(&own).then_some(socket.fd))
    }
}
