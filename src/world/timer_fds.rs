//! Timers that are descriptors, and run out in virtual time.

use super::World;
use crate::boundary::kernel;
use crate::clock::TimerId;
use crate::executor::Host;
use crate::instant::Instant;
use std::sync::Arc;
use std::task::{Wake, Waker};

/// A timer, while it is set.
pub(crate) struct TimerFd {
    fd: i32,
    /// After that it runs out every so many nanoseconds, if not 0.
    every: u64,
    due: Instant,
    timer: TimerId,
    /// How often it has run out since it was last read.
    count: u64,
}

/// What the clock wakes: the descriptor.
struct Alarm(i32);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        <World as Host>::with(|world| world.timer_fd_ran_out(self.0));
    }
}

impl World {
    /// The timer is set to run out at `due`; `None` for never.
    pub fn set_timer_fd(&self, fd: i32, due: Option<Instant>, every: u64) {
        self.forget_timer_fd(fd);
        let Some(due) = due else { return };
        // One that has run out already does so at the next moment.
        let due = due.max(Instant::from_nanos(self.now().as_nanos() + 1));
        let timer = self.insert_timer(due, alarm(fd));
        self.timer_fds.borrow_mut().push(TimerFd { fd, every, due, timer, count: 0 });
    }

    /// The timer is stopped, or closed.
    pub fn forget_timer_fd(&self, fd: i32) {
        let place = self.timer_fds.borrow().iter().position(|t| t.fd == fd);
        let Some(place) = place else { return };
        let gone = self.timer_fds.borrow_mut().swap_remove(place);
        self.cancel_timer(gone.timer);
    }

    fn timer_fd_ran_out(&self, fd: i32) {
        let place = self.timer_fds.borrow().iter().position(|t| t.fd == fd);
        let Some(place) = place else { return };
        let every = {
            let timer_fd = &mut self.timer_fds.borrow_mut()[place];
            timer_fd.count += 1;
            timer_fd.every
        };
        if every > 0 {
            let now = self.now().as_nanos();
            let due = self.timer_fds.borrow()[place].due.as_nanos();
            // Those that passed while the loop stood still are counted at once.
            let missed = now.saturating_sub(due).checked_div(every).unwrap_or(0);
            let due = Instant::from_nanos(due.saturating_add((missed + 1).saturating_mul(every)));
            let timer = self.insert_timer(due, alarm(fd));
            let timer_fd = &mut self.timer_fds.borrow_mut()[place];
            timer_fd.count += missed;
            (timer_fd.due, timer_fd.timer) = (due, timer);
        }
        kernel::fire_timer(fd);
    }

    /// How often the timer has run out since this was last asked, if it is one that is set.
    pub fn take_timer_count(&self, fd: i32) -> Option<u64> {
        let mut timer_fds = self.timer_fds.borrow_mut();
        let timer_fd = timer_fds.iter_mut().find(|t| t.fd == fd)?;
        Some(std::mem::take(&mut timer_fd.count))
    }
}

fn alarm(fd: i32) -> Waker {
    Waker::from(Arc::new(Alarm(fd)))
}
