//! The turns of sim threads, and how they are woken.
//!
//! In the ready set a thread has a [stand-in](executor::stand_in). While it waits its [`Worker`] keeps that, and while it has
//! its turn the world does, so that waking a thread and giving it a turn are plain moves.

use super::{Birth, NO_THREAD, Running, Worker, World};
use crate::beacon;
use crate::boundary::threads::{self, Resumed};
use crate::boundary::waker::{self, Hears};
use crate::executor::{self, Host, Queued, Runnable};
use crate::id::Key;
use crate::trace::PollEnd;
use std::any::Any;
use std::ptr;
use std::sync::Arc;

/// Sees to what is left of a sim thread that has ended, on the loop; with what it panicked with.
pub(crate) type Ends = fn(&World, u32, Option<Box<dyn Any + Send>>);

/// The waker of a sim thread, for whatever has to have one: timers, futures.
struct Wakes {
    run: u64,
    index: u32,
    key: Key,
}

impl Hears for Wakes {
    fn is_cloned(&self) {
        World::with(|world| world.saw_await(self.key));
    }

    fn wakes(&self) {
        let woken = World::with(|world| {
            if world.run_tag().number() != self.run {
                return false;
            }
            world.saw_await(self.key);
            // Its number may be another thread's by now.
            let is_it =
                |worker: &mut Worker| worker.waker.as_ref().is_some_and(|w| w.data() == ptr::from_ref(self).cast());
            if world.worker(self.index, is_it) {
                world.wake_worker(self.index);
            }
            true
        });
        if woken != Some(true) {
            beacon::foreign_wake(self.run, self.key, None, Box::new(()));
        }
    }
}

impl World {
    /// Queues sim thread `index` for its first turn; when it has ended, `ends` is told.
    pub fn spawn_thread(&self, birth: &Birth<'_>, index: u32, ends: Ends) {
        let meta = self.prepare(birth).count_from(self.worker(index, |worker| worker.earlier_steps));
        self.registry.borrow_mut().stands_for(meta.slot(), index);
        let waker = waker::waker(Arc::new(Wakes { run: self.run_tag().number(), index, key: meta.key }));
        self.worker(index, |worker| (worker.ends, worker.waker) = (Some(ends), Some(waker)));
        self.push(executor::stand_in(meta));
    }

    /// Sim thread `index` is to have a turn.
    #[inline]
    pub fn wake_worker(&self, index: u32) {
        if self.turn_of.get() == index {
            // It is queued behind the turn that it has.
            return self.woken.set(true);
        }
        let stand_in = self.worker(index, |worker| worker.stand_in.take());
        // If there is none, it is ready already.
        if let Some(stand_in) = stand_in {
            self.push(stand_in);
        }
    }

    /// Idle worker `index` is to have a turn, in which it does `job`.
    #[inline]
    pub fn give_job(&self, index: u32, job: Queued) {
        let stand_in = self.worker(index, |worker| {
            worker.next = Some(job);
            worker.stand_in.take()
        });
        if let Some(stand_in) = stand_in {
            self.push(stand_in);
        }
    }

    /// On the loop, with calls unseen: the sim thread that `stand_in` stands for has its turn.
    #[inline]
    pub(super) fn give_turn(&self, stand_in: Runnable) {
        let Some(index) = self.thread_behind(&stand_in) else { return };
        self.turn_begins(index, stand_in);
        // There is none behind what is left in the ready set of a thread that has been given up.
        let is_there = self.worker(index, |worker| worker.ends.is_some());
        if is_there && let Resumed::Suspended = self.resume(index) {
            if self.is_traced() {
                self.poll_ended(PollEnd::Pending);
            }
            self.turn_is_over();
        } else {
            self.thread_is_gone();
        }
    }

    /// Lets sim thread `index` go on. What it panicked with, if it did, is kept until [`Ends`] is told.
    #[inline]
    fn resume(&self, index: u32) -> Resumed {
        let resumed = self.threads.resume(index as usize);
        if let Resumed::Finished(panicked) = resumed {
            self.thread_ended(panicked);
            return Resumed::Finished(None);
        }
        resumed
    }

    /// The thread that had the turn last has ended.
    #[inline(never)]
    fn thread_ended(&self, panicked: Option<Box<dyn Any + Send>>) {
        // Threads may have passed the turn on.
        let index = self.threads.last() as u32;
        if let Some(stand_in) = self.stand_in.take() {
            let meta = stand_in.metadata();
            self.running.set(Running::of(meta));
            self.stand_in.set(Some(stand_in));
        }
        if let Some(ends) = self.worker(index, |worker| worker.ends) {
            ends(self, index, panicked);
        }
    }

    /// Nothing is left of the thread that had the turn.
    #[inline(never)]
    fn thread_is_gone(&self) {
        if self.is_traced() {
            self.poll_ended(PollEnd::Done);
        }
        self.turn_of.set(NO_THREAD);
        if let Some(stand_in) = self.stand_in.take() {
            self.task_gone(stand_in.metadata().slot(), false);
        }
    }

    /// On the sim thread that has the turn: gives it up. Comes back when it has the next.
    ///
    /// (One function, and one switch in it: each return behind a switch is guessed wrong by the processor unless the stack that
    /// it comes from stands in the same place.)
    #[inline(never)]
    pub fn end_turn(&self) {
        let me = self.running.get();
        if !self.goes_on() {
            threads::suspend();
        }
        self.running.set(me);
    }

    /// On the sim thread that has the turn: others may have one before it goes on.
    #[inline(always)]
    pub fn give_way(&self) {
        self.woken.set(true);
        self.end_turn();
    }

    /// The sim thread that this stands for.
    #[inline]
    pub(super) fn thread_behind(&self, runnable: &Runnable) -> Option<u32> {
        let meta = runnable.metadata();
        if meta.place().is_of_a_thread() { self.registry.borrow().thread(meta.slot()) } else { None }
    }

    /// Sim thread `index` has its turn from now on.
    #[inline]
    pub(super) fn turn_begins(&self, index: u32, stand_in: Runnable) {
        self.turn_of.set(index);
        self.woken.set(false);
        self.stand_in.set(Some(stand_in));
    }

    /// The sim thread that has the turn has had it, if that has not been told yet.
    #[inline]
    pub(super) fn turn_is_over(&self) {
        let Some(stand_in) = self.stand_in.take() else { return };
        let meta = stand_in.metadata();
        self.running.set(Running::of(meta));
        let index = self.turn_of.get();
        self.turn_of.set(NO_THREAD);
        if self.woken.get() {
            self.push(stand_in);
        } else {
            self.worker(index, |worker| worker.stand_in = Some(stand_in));
        }
    }

    /// The same amid something else: whoever ran before runs again.
    pub(super) fn give_turn_between(&self, stand_in: Runnable) {
        let own = self.running.get();
        let meta = stand_in.metadata();
        self.running.set(Running::of(meta));
        self.give_turn(stand_in);
        self.running.set(own);
    }
}
