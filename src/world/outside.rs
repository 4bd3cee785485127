//! Tasks that wait for a descriptor. What is at its other end may be in this world or outside it: it is looked at when
//! nobody can run.

use super::World;

#[cfg(all(unix, feature = "smol"))]
use crate::boundary::descriptor;

#[cfg(all(unix, feature = "smol"))]
impl World {
    /// Has `waker` woken once the descriptor can be read (or written to).
    pub fn wait_for_descriptor(&self, fd: i32, write: bool, waker: &std::task::Waker) {
        let mut waiting = self.tasks_outside.borrow_mut();
        if !waiting.iter().any(|(f, w, known)| (*f, *w) == (fd, write) && known.will_wake(waker)) {
            waiting.push((fd, write, waker.clone()));
        }
    }

    /// Nobody waits for the descriptor any more: it is about to be closed.
    pub fn forget_descriptor(&self, fd: i32) {
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
