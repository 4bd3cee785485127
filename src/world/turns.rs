//! The turns of sim threads, and how they are woken.
//!
//! In the ready set a thread has a [stand-in](executor::stand_in). Between two turns its [`Worker`] keeps that, so that
//! waking a thread and giving it a turn are plain moves.

use super::{Birth, Running, Worker, World};
use crate::beacon;
use crate::boundary::waker::{self, Hears};
use crate::executor::{self, Host, Runnable};
use crate::id::Key;
use crate::trace::PollEnd;
use std::ptr;
use std::sync::Arc;
use std::task::Poll;

/// Gives sim thread `.1` a turn; `Ready` when it has ended.
pub(crate) type TakesTurn = fn(&World, u32) -> Poll<()>;

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
            beacon::foreign_wake(self.run, self.key, Box::new(()));
        }
    }
}

impl World {
    /// Queues sim thread `index` for its first turn; `turn` gives it its turns.
    pub fn spawn_thread(&self, birth: &Birth<'_>, index: u32, turn: TakesTurn) {
        let meta = self.prepare(birth);
        self.registry.borrow_mut().stands_for(meta.slot(), index);
        let waker = waker::waker(Arc::new(Wakes { run: self.run_tag().number(), index, key: meta.key }));
        self.worker(index, |worker| (worker.turn, worker.waker) = (Some(turn), Some(waker)));
        self.push(executor::stand_in(meta));
    }

    /// Sim thread `index` is to have a turn.
    pub fn wake_worker(&self, index: u32) {
        let stand_in = self.worker(index, |worker| {
            worker.woken = true;
            worker.stand_in.take()
        });
        // If there is none, it is ready already, or it has its turn now and is queued behind that.
        if let Some(stand_in) = stand_in {
            self.push(stand_in);
        }
    }

    /// The sim thread that `stand_in` stands for has its turn.
    #[inline(never)]
    pub(super) fn give_turn(&self, stand_in: Runnable) {
        let slot = stand_in.metadata().slot();
        let Some(index) = self.registry.borrow().thread(slot) else { return };
        let turn = self.worker(index, |worker| {
            worker.woken = false;
            worker.turn
        });
        let end = turn.map_or(Poll::Ready(()), |turn| turn(self, index));
        if self.is_traced() {
            self.poll_ended(if end.is_ready() { PollEnd::Done } else { PollEnd::Pending });
        }
        if end.is_ready() {
            return self.task_gone(slot, false);
        }
        let again = self.worker(index, |worker| match worker.woken {
            true => Some(stand_in),
            false => {
                worker.stand_in = Some(stand_in);
                None
            }
        });
        if let Some(stand_in) = again {
            self.push(stand_in);
        }
    }

    /// The same amid something else: whoever ran before runs again.
    pub(super) fn give_turn_between(&self, stand_in: Runnable) {
        let own = self.running.get();
        let meta = stand_in.metadata();
        self.running.set(Running { slot: meta.slot(), key: meta.key });
        self.give_turn(stand_in);
        self.running.set(own);
    }
}
