//! What is outside a world: looked at when nobody can run, and waited for in real time when nothing else is left.
//!
//! And tasks that wait for a descriptor. What is at its other end may be in this world or outside it: it is looked at when
//! nobody can run. And descriptors that stand for sockets of the run's own network, which are no sockets of the system.

use super::World;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

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

    /// Waits in real time until something outside the world changes; false if nobody waits for that, or nothing does.
    pub(super) fn wait_outside(&self) -> bool {
        let waits_for_words = self.is_any_worker_at_a_word();
        let is_outside_quiet = self.outside.borrow().is_empty() && !self.is_any_task_outside();
        let rounds = match (is_outside_quiet, waits_for_words) {
            (true, false) => return false,
            (true, true) => 10,
            (false, _) => 5_000,
        };
        self.look_outside_for(rounds, &|| self.beacon.called.load(Ordering::Acquire))
    }

    /// Looks outside every millisecond of real time, for so many, until something has changed there or `enough`.
    pub fn look_outside_for(&self, millis: u32, enough: &dyn Fn() -> bool) -> bool {
        (0..millis).any(|_| {
            std::thread::sleep(Duration::from_millis(1));
            self.look_outside() || enough()
        })
    }

    /// Wakes workers whose outside world has changed. False if nothing did.
    #[inline]
    pub fn look_outside(&self) -> bool {
        if self.outside.borrow().is_empty() && !self.is_any_worker_at_a_word() && !self.is_any_task_outside() {
            return false;
        }
        self.look_outside_closely()
    }

    #[inline(never)]
    fn look_outside_closely(&self) -> bool {
        self.settle_children();
        let futexes = self.futexes_changed();
        let waiting = self.outside.take();
        let (ready, waiting): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(_, probe)| probe.is_ready(self));
        *self.outside.borrow_mut() = waiting;
        for &(index, _) in &ready {
            self.wake_worker(index);
        }
        let tasks = self.look_for_tasks_outside();
        futexes > 0 || !ready.is_empty() || tasks
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
