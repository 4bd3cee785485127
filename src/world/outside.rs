//! Tasks that wait for a descriptor. What is at its other end may be in this world or outside it: it is looked at when
//! nobody can run. And descriptors that stand for sockets of the run's own network, which are no sockets of the system.

use super::World;
use std::net::SocketAddr;

#[cfg(all(unix, feature = "smol"))]
use crate::boundary::descriptor;

/// A descriptor, the address of the socket that it stands for, and whom that is connected to.
pub(super) type StandIn = (i32, SocketAddr, Option<SocketAddr>);

impl World {
    /// The addresses of the socket that the descriptor stands for.
    pub fn stands_for(&self, fd: i32) -> Option<(SocketAddr, Option<SocketAddr>)> {
        let stand_ins = self.stand_ins.borrow();
        stand_ins.iter().find(|stand_in| stand_in.0 == fd).map(|&(_, own, peer)| (own, peer))
    }
}

#[cfg(all(unix, feature = "smol"))]
impl World {
    /// Has the descriptor stand for a socket with these addresses.
    pub fn have_stand(&self, fd: i32, own: SocketAddr, peer: Option<SocketAddr>) {
        let mut stand_ins = self.stand_ins.borrow_mut();
        stand_ins.retain(|stand_in| stand_in.0 != fd);
        stand_ins.push((fd, own, peer));
    }

    /// Has `waker` woken once the descriptor can be read (or written to).
    pub fn wait_for_descriptor(&self, fd: i32, write: bool, waker: &std::task::Waker) {
        self.has_company.set(true);
        let mut waiting = self.tasks_outside.borrow_mut();
        if !waiting.iter().any(|(f, w, known)| (*f, *w) == (fd, write) && known.will_wake(waker)) {
            waiting.push((fd, write, waker.clone()));
        }
    }

    /// Nobody waits for the descriptor any more: it is about to be closed.
    pub fn forget_descriptor(&self, fd: i32) {
        self.stand_ins.borrow_mut().retain(|stand_in| stand_in.0 != fd);
        let waiting = self.tasks_outside.take();
        let (gone, waiting): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|&(f, ..)| f == fd);
        *self.tasks_outside.borrow_mut() = waiting;
        drop(gone);
    }

    pub(super) fn is_any_task_outside(&self) -> bool {
        !self.tasks_outside.borrow().is_empty()
    }

    /// Wakes tasks whose descriptors are ready. False if none is.
    pub(super) fn look_for_tasks_outside(&self) -> bool {
        if !self.is_any_task_outside() {
            return false;
        }
        let waiting = self.tasks_outside.take();
        let (ready, waiting): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|&(fd, write, _)| descriptor::is_ready(fd, write));
        *self.tasks_outside.borrow_mut() = waiting;
        let is_any = !ready.is_empty();
        ready.into_iter().for_each(|(.., waker)| waker.wake());
        is_any
    }

    pub(super) fn forget_tasks_outside(&self) {
        let gone = self.tasks_outside.take();
        drop(gone);
    }
}

#[cfg(not(all(unix, feature = "smol")))]
impl World {
    pub(super) fn is_any_task_outside(&self) -> bool {
        false
    }

    pub(super) fn look_for_tasks_outside(&self) -> bool {
        false
    }
}
