//! The system's sockets that threads of the world use. Of those of TCP between two of them, what one has written has arrived
//! before anybody goes on; and each has the timeouts that it was given.

use super::World;
use crate::boundary::kernel::{self, Call, Ends, SocketTimeout};

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

    /// A call is about an option of the socket: if it sets a timeout, that is kept.
    pub fn sets_timeout(&self, fd: i32, call: &Call) {
        if let Some(set) = SocketTimeout::set_by(call, self.options_at(fd)) {
            let mut timeouts = self.socket_timeouts.borrow_mut();
            timeouts.retain(|other| !set.replaces(other));
            timeouts.push(set);
        }
    }

    /// For how many nanoseconds a call waits for the socket; `None` for ever.
    pub fn timeout_of_socket(&self, fd: i32, to_write: bool) -> Option<u64> {
        SocketTimeout::of(self.options_at(fd), to_write, &self.socket_timeouts.borrow())
    }

    /// The other end of a connection of TCP, if it is in this world.
    fn peer_of(&self, fd: i32) -> Option<i32> {
        self.knows_socket(fd);
        let mut sockets = self.sockets.borrow_mut();
        let own = sockets.iter_mut().find(|socket| socket.fd == fd)?.ends()?;
        sockets.iter_mut().find_map(|socket| socket.ends()?.meet(&own).then_some(socket.fd))
    }
}
