//! Connections of TCP between two threads of the world, over the system's sockets. How much one of those takes at a time is not
//! the seed's, and so a pair of local sockets stands in their place: a line. The two sockets of TCP are kept behind it.

use super::World;
use crate::boundary::kernel::{self, Call, Ends};

/// One end of a line, and what it stands for.
#[derive(Clone, Copy)]
struct End {
    fd: i32,
    /// The socket of TCP that was there.
    behind: i32,
}

/// A connection that is not accepted yet.
struct Ringing {
    ends: Ends,
    /// The end of the line for whoever accepts it.
    end: i32,
}

/// All lines of a world.
#[derive(Default)]
pub(super) struct Lines {
    listening: Vec<(i32, Ends)>,
    ringing: Vec<Ringing>,
    ends: Vec<End>,
    /// Those that are registered with epoll, which would forget what is put in their place.
    watched: Vec<i32>,
}

impl Lines {
    fn behind(&self, fd: i32) -> Option<i32> {
        self.ends.iter().find(|end| end.fd == fd).map(|end| end.behind)
    }

    /// The descriptor is closed, or becomes something else.
    fn forget(&mut self, fd: i32) {
        self.watched.retain(|&watched| watched != fd);
        if let Some(at) = self.listening.iter().position(|(listening, _)| *listening == fd) {
            let (_, place) = self.listening.swap_remove(at);
            // Nobody will accept them.
            self.ringing.retain(|ringing| {
                let is_lost = ringing.ends.are_to(&place);
                if is_lost {
                    kernel::close(ringing.end);
                }
                !is_lost
            });
        }
        let Some(at) = self.ends.iter().position(|end| end.fd == fd) else { return };
        let end = self.ends.swap_remove(at);
        if self.ends.iter().all(|other| other.behind != end.behind) {
            kernel::close(end.behind);
        }
    }
}

impl Lines {
    /// The run is over.
    pub fn clear(&mut self) {
        let mut lines = std::mem::take(self);
        lines.ringing.drain(..).for_each(|ringing| kernel::close(ringing.end));
        while let Some(end) = lines.ends.first().copied() {
            lines.forget(end.fd);
        }
    }
}

impl World {
    /// Of a socket that listens, who connects to it is to have a line.
    pub fn listens(&self, fd: i32) {
        if kernel::is_tcp(fd)
            && let Some(place) = kernel::place_of(fd)
        {
            let mut lines = self.lines.borrow_mut();
            lines.forget(fd);
            lines.listening.push((fd, place));
        }
    }

    /// Whether somebody of the world listens where a connection goes to.
    pub fn is_listening(&self, ends: &Ends) -> bool {
        self.lines.borrow().listening.iter().any(|(_, place)| ends.are_to(place))
    }

    /// Whether whoever listens there takes a further connection before one is accepted. If nobody does, that is soon told.
    pub fn takes_another(&self, ends: &Ends) -> bool {
        let lines = self.lines.borrow();
        let mut servers = lines.listening.iter().filter(|(_, place)| ends.are_to(place)).peekable();
        servers.peek().is_none() || servers.any(|&(fd, _)| kernel::takes_another(fd))
    }

    /// The socket has been connected to somebody of this world, or is about to be (`result` is what the kernel said): it is a
    /// line now. What is to be told of it.
    pub fn has_connected(&self, fd: i32, result: i64) -> i64 {
        const IN_PROGRESS: i64 = -115;
        if self.lines.borrow().watched.contains(&fd)
            || !matches!(result, 0 | IN_PROGRESS)
            || !kernel::is_tcp(fd)
            || !kernel::is_connected(fd)
        {
            return result;
        }
        let Some(ends) = kernel::ends_of(fd) else { return result };
        let Some((behind, end)) = kernel::divert(fd) else { return result };
        let mut lines = self.lines.borrow_mut();
        lines.ends.push(End { fd, behind });
        lines.ringing.push(Ringing { ends, end });
        0
    }

    /// The socket has been accepted: from somebody of this world?
    pub fn has_accepted(&self, fd: i32) {
        let mut lines = self.lines.borrow_mut();
        if lines.ringing.is_empty() {
            return;
        }
        let Some(ends) = kernel::ends_of(fd) else { return };
        let Some(at) = lines.ringing.iter().position(|ringing| ringing.ends.meet(&ends)) else { return };
        let ringing = lines.ringing.swap_remove(at);
        if let Some(behind) = kernel::join(fd, ringing.end) {
            lines.ends.push(End { fd, behind });
        }
    }

    /// The descriptor is registered with epoll.
    pub fn is_watched(&self, fd: i32) {
        let mut lines = self.lines.borrow_mut();
        if !lines.watched.contains(&fd) {
            lines.watched.push(fd);
        }
    }

    /// Another descriptor for the same thing.
    pub fn is_duplicated(&self, fd: i32, to: i32) {
        let mut lines = self.lines.borrow_mut();
        if fd == to || to < 0 {
            return;
        }
        lines.forget(to);
        if let Some(behind) = lines.behind(fd) {
            lines.ends.push(End { fd: to, behind });
        }
        if let Some(&(_, place)) = lines.listening.iter().find(|(listening, _)| *listening == fd) {
            lines.listening.push((to, place));
        }
    }

    /// Asks the socket behind a line, if it is one.
    pub fn ask_behind(&self, fd: i32, call: &Call) -> Option<i64> {
        let behind = self.lines.borrow().behind(fd)?;
        Some(kernel::perform_at(call, behind))
    }

    /// The descriptor that has the options of this one: a socket that another stands for, or itself.
    pub(super) fn options_at(&self, fd: i32) -> i32 {
        self.lines.borrow().behind(fd).unwrap_or(fd)
    }

    pub(super) fn forget_line(&self, fd: i32) {
        self.lines.borrow_mut().forget(fd);
    }
}
