//! What is outside a world: looked at when nobody can run, and waited for in real time when nothing else is left.
//!
//! And tasks that wait for a descriptor. What is at its other end may be in this world or outside it: it is looked at when
//! nobody can run. And descriptors that stand for sockets of the run's own network, which are no sockets of the system.

use super::World;
use super::standing::Waiting;
use crate::boundary::threads::Backend;
use crate::boundary::{kernel, zygote};
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
        let is_any_descriptor = !self.outside.borrow().is_empty() || self.is_any_task_outside();
        let millis = match (is_any_descriptor, waits_for_words) {
            (false, false) => return false,
            (true, _) if !self.is_outside_quiet() => 5_000,
            // The lock may be another test's now.
            _ if waits_for_words && self.is_any_at_a_word_of_others() => 3_000,
            _ => 10,
        };
        self.look_outside_for(millis, &|| self.beacon.called.load(Ordering::Acquire))
    }

    /// Whether nobody outside can do what is waited for: this run has started no process, and both ends of each descriptor
    /// are its own.
    fn is_outside_quiet(&self) -> bool {
        let alone = self.threads.backend() == Backend::Borrowed && zygote::is_child();
        !self.has_started_children.get()
            && self.children.get() == 0
            && self.outside.borrow().iter().all(|waiting| waiting.is_of_the_world(alone))
            && self.are_tasks_quiet(alone)
    }

    /// Looks outside for so many milliseconds of real time, until something has changed there or `enough`: in each of them at
    /// first, then more seldom, since on a machine that is busy each look waits for its turn.
    pub fn look_outside_for(&self, millis: u32, enough: &dyn Fn() -> bool) -> bool {
        let mut waited = 0;
        while waited < millis {
            let step = (waited / 16).clamp(1, 20).min(millis - waited);
            std::thread::sleep(Duration::from_millis(step.into()));
            waited += step;
            if self.look_outside_at_rest() || enough() {
                return true;
            }
        }
        false
    }

    /// Wakes workers whose outside world has changed. False if nothing did.
    #[inline]
    pub fn look_outside(&self) -> bool {
        self.is_any_outside() && self.look_outside_closely(None, false).0
    }

    /// The same once children are at rest, also where nobody waits.
    pub fn look_outside_settled(&self) {
        match self.is_any_outside() {
            true => _ = self.look_outside_closely(None, false),
            false => self.settle_children(),
        }
    }

    /// The same where nobody of this world runs, or could: what changes comes from outside.
    #[inline]
    pub fn look_outside_at_rest(&self) -> bool {
        self.is_any_outside() && self.look_outside_closely(None, true).0
    }

    #[inline(always)]
    fn is_any_outside(&self) -> bool {
        !self.outside.borrow().is_empty() || self.is_any_worker_at_a_word() || self.is_any_task_outside()
    }

    /// As at rest, by the thread with the turn, which waits for something outside itself; and whether that is over.
    pub fn look_outside_for_oneself(&self, own: &Waiting) -> (bool, bool) {
        self.look_outside_closely(Some(own), true)
    }

    #[inline(never)]
    fn look_outside_closely(&self, own: Option<&Waiting>, is_at_rest: bool) -> (bool, bool) {
        self.settle_children();
        // What comes right behind this is for the next time.
        let is_any_over = !is_at_rest || !self.has_started_children.get() || self.waited_for_ties(own);
        let is_over = is_any_over && own.is_some_and(|own| own.is_over(self));
        let futexes = self.futexes_changed();
        let waiting = self.outside.take();
        let (ready, waiting): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|waiting| is_any_over && waiting.is_over(self));
        *self.outside.borrow_mut() = waiting;
        if is_over || !ready.is_empty() {
            // What they find does not depend on how far a child had come.
            self.settle_children();
        }
        for waiting in &ready {
            self.wake_worker(waiting.index);
        }
        let tasks = self.look_for_tasks_outside();
        (futexes > 0 || !ready.is_empty() || tasks, is_over)
    }

    /// Whether somebody's wait is over. If that has taken some real time, the others are given as long again while there are
    /// children, since those that do the same take about as long and have been started meanwhile: whoever is there by then
    /// goes on in the order in which they began to wait. Those who are not are given that once.
    #[cold]
    fn waited_for_ties(&self, own: Option<&Waiting>) -> bool {
        const EVERY: Duration = Duration::from_millis(1);
        let passed = {
            let outside = self.outside.borrow();
            outside.iter().chain(own).filter(|waiting| waiting.is_over(self)).map(Waiting::passed).max()
        };
        let Some(passed) = passed else { return false };
        if passed > EVERY && kernel::is_any_child_alive() {
            let lasts = |waiting: &Waiting| !waiting.outlasts && !waiting.is_over(self);
            let most = passed.clamp(EVERY * 10, EVERY * 200);
            let mut waited = Duration::ZERO;
            while waited < most && self.outside.borrow().iter().chain(own).any(lasts) && kernel::is_any_child_alive() {
                std::thread::sleep(EVERY);
                waited += EVERY;
                self.settle_children();
            }
            for waiting in self.outside.borrow_mut().iter_mut() {
                waiting.outlasts |= !waiting.is_over(self);
            }
        }
        true
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

    fn are_tasks_quiet(&self, alone: bool) -> bool {
        self.tasks_outside.borrow().iter().all(|&(fd, ..)| kernel::is_ours(fd, alone))
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

    fn are_tasks_quiet(&self, _alone: bool) -> bool {
        true
    }

    pub(super) fn look_for_tasks_outside(&self) -> bool {
        false
    }
}
