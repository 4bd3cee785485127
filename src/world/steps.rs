//! The loop: which step is next, and when time moves.

use super::{CLOCK, Running, Stall, World};
use crate::beacon::{self, Beacon};
use crate::boundary::{kernel, shown};
use crate::deviation::Deviation;
use crate::executor::{Runnable, TaskMeta};
use crate::id::Key;
use crate::instant::Instant;
use crate::schedule::{Back, BuiltIn, Follower, Random};
use crate::trace::What;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering;

/// With spans the loop has something to do behind each step.
const THREADS_MAY_CHOOSE: bool = !cfg!(feature = "tracing");

impl World {
    /// Moves the clock to the next deadline and wakes who waits for it. False if nothing waits.
    #[inline(never)]
    pub fn advance(&self) -> bool {
        let fired = self.clock.borrow_mut().fire();
        let Some((due_at, mut due)) = fired else { return false };
        let from = self.now();
        // Later than that, if the loop stood still.
        let now = due_at.max(from.as_nanos());
        self.beacon.now.store(now, Ordering::Relaxed);
        self.tally.mix(now ^ 0x7469_6d65);
        if self.traced.get() && now > from.as_nanos() {
            self.record(|log| {
                log.now = Instant::from_nanos(now);
                log.event(What::TimeMoved { from, before: None });
            });
        }
        let mut stall = self.stall.get();
        stall.left = stall.most;
        self.stall.set(stall);
        self.running.set(CLOCK);
        self.ready.clock_wakes();
        due.drain(..).for_each(|(_, waker)| waker.wake());
        self.clock.borrow_mut().recycle(due);
        true
    }

    /// Lets the clock pass a deadline although tasks are ready, if a stall is allowed and the strategy wants it.
    #[cold]
    fn slip(&self) -> bool {
        let stall = self.stall.get();
        let now = self.now().as_nanos();
        let Some(next) = self.clock.borrow_mut().next().filter(|&next| next - now <= stall.left) else { return false };
        let front = {
            if self.ready.settle() == 0 {
                return false;
            }
            let front = self.ready.oldest();
            let candidates = self.ready.view();
            if !self.strategy.slip(&candidates) {
                return false;
            }
            candidates.get(front)
        };
        let deviation =
            Deviation { who: Key::CLOCK, step: stall.slips, before: front.key(), before_step: front.step() };
        self.tally.deviated();
        if self.traced.get() {
            self.record(|log| log.deviation(deviation));
        }
        self.advance();
        if self.traced.get() {
            self.record(|log| log.overtook(front.key()));
        }
        self.stall.set(Stall { left: stall.left - (next - now), slips: stall.slips + 1, ..stall });
        true
    }

    /// Takes steps until the run is over, one way or another.
    #[inline(never)]
    pub fn run(&self) {
        while let Err(payload) = catch_unwind(AssertUnwindSafe(|| self.take_steps())) {
            self.caught(payload);
        }
    }

    fn take_steps(&self) {
        // None of it changes within a run: a plain loop has nothing to ask.
        let walk = self.strategy.random().filter(|_| self.ready.keeps_stamps());
        match (walk, self.traced.get(), self.stall.get().most != 0) {
            (Some(walk), false, false) => self.walk(walk),
            (None, false, false) => match self.strategy.kind() {
                Some(follow) => follow(self),
                None => self.go(false, false),
            },
            (_, traced, stalls) => self.go(traced, stalls),
        }
    }

    /// A step was unwound. A task has told its host of its panic on the way; a strategy or a waker has not, and is for
    /// whoever made the run.
    #[cold]
    fn caught(&self, payload: Box<dyn Any + Send>) {
        kernel::look_away(self.selector.get());
        if !self.unwinding.get() {
            resume_unwind(payload);
        }
        self.panicked_with(&*payload);
        if self.traced.get() {
            self.record_step_end();
        }
    }

    /// The random walk, without a trace: what most runs are. Nothing here asks what is known, and little is named, since a
    /// build without optimisation keeps a place in memory for every name.
    #[inline(always)]
    fn walk(&self, walk: &Random) {
        let beacon = self.beacon;
        loop {
            let steps = shown::load(&beacon.steps);
            if steps >= shown::load(&beacon.look_up_at) && !self.look_up() {
                return;
            }
            match self.chosen_by(walk) {
                Some(runnable) => _ = self.step(beacon, steps, runnable, THREADS_MAY_CHOOSE),
                None if self.nobody_is_ready() => {}
                None => return,
            }
        }
    }

    /// Whom the random walk chooses, who is taken out; `None` if nobody is ready.
    #[inline(always)]
    fn chosen_by(&self, walk: &Random) -> Option<Runnable> {
        if let Some(runnable) = self.ready.take_by_word(walk.words(), &self.tally) {
            return Some(runnable);
        }
        match self.ready.settle() {
            0 => None,
            1 => Some(self.ready.take_by_stamps(0)),
            count => Some(self.ready.take_chosen(walk.below(count), count, &self.tally)),
        }
    }

    /// Any other run.
    #[inline(never)]
    fn go(&self, traced: bool, stalls: bool) {
        let beacon = self.beacon;
        loop {
            let steps = shown::load(&beacon.steps);
            if steps >= shown::load(&beacon.look_up_at) && !self.look_up() {
                return;
            }
            if stalls && self.slip() {
                continue;
            }
            let count = self.ready.settle();
            if count == 0 {
                if self.nobody_is_ready() {
                    continue;
                }
                return;
            }
            let runnable = self.choose_as_asked(count, traced);
            runnable.metadata().count_step();
            self.step(beacon, steps, runnable, false);
            if traced {
                self.record_step_end();
            }
        }
    }

    /// Lets time pass. False if that makes nobody ready, so that the run is over.
    #[inline(never)]
    fn nobody_is_ready(&self) -> bool {
        let goes_on = self.look_outside_at_rest() || self.advance() || self.wait_outside();
        if !goes_on {
            self.found_deadlock();
        }
        goes_on
    }

    /// What the loop may have to see to between two steps. False if the run is over.
    #[cold]
    #[inline(never)]
    fn look_up(&self) -> bool {
        let beacon = self.beacon;
        // Set first, so that a call that comes from now on is heard in the next round.
        beacon.look_up_at.store(self.max_steps.get(), Ordering::Relaxed);
        if self.stop.get() {
            return false;
        }
        if beacon.called.swap(false, Ordering::AcqRel) {
            if self.stood.take() {
                self.catch_up();
            }
            if !beacon::lock(&beacon.locked.foreign).is_empty() {
                self.found_foreign_wake();
                return false;
            }
        }
        if self.steps() >= self.max_steps.get() && self.ready.len() > 0 {
            self.found_livelock();
            return false;
        }
        true
    }

    /// Takes one step, after so many: `runnable` runs. If it is a thread's, that one may choose who is next. Whether it has
    /// given way, and has been made ready after all others that were in this step.
    #[inline(always)]
    fn step(&self, beacon: &Beacon, steps: u64, runnable: Runnable, threads_choose: bool) -> bool {
        let is_of_a_thread = self.step_begins(beacon, steps, runnable.metadata());
        #[cfg(feature = "tracing")]
        let span = self.span(runnable.metadata());
        let gave_way = if is_of_a_thread {
            self.give_turns(runnable, threads_choose);
            false
        } else {
            let selector = self.selector.get();
            kernel::watch(selector);
            let gave_way = runnable.run();
            kernel::look_away(selector);
            gave_way
        };
        #[cfg(feature = "tracing")]
        drop(span);
        gave_way
    }

    /// One more step begins, after so many: that of the task or thread that `meta` is about. Whether it is a thread's.
    #[inline(always)]
    fn step_begins(&self, beacon: &Beacon, steps: u64, meta: &TaskMeta) -> bool {
        // No run takes so many that it would overflow; a build that checks would look each time.
        shown::store(&beacon.steps, steps.wrapping_add(1));
        beacon.set_site(meta.label());
        let running = Running::of(meta);
        self.running.set(running);
        self.tally.mix(running.key.get());
        running.is_of_a_thread()
    }

    /// Gives the turn to the thread that `runnable` stands for, and runs whom it chooses, as long as somebody chooses.
    #[inline(never)]
    fn give_turns(&self, mut runnable: Runnable, threads_choose: bool) {
        let mut is_of_a_thread = true;
        loop {
            if is_of_a_thread {
                self.threads_choose.set(threads_choose);
                self.give_turn(runnable);
                self.threads_choose.set(false);
            } else {
                let selector = self.selector.get();
                kernel::watch(selector);
                runnable.run();
                kernel::look_away(selector);
            }
            let Some(chosen) = self.chosen.take() else { return };
            runnable = chosen;
            is_of_a_thread = self.step_begins(self.beacon, self.steps(), runnable.metadata());
        }
    }

    /// On the sim thread that has the turn, at its end: has the one take the next step that the loop would choose, with
    /// everything that the loop does between two steps. Whether that is this thread; otherwise it is to suspend itself, for
    /// the one that has been chosen or for the loop.
    ///
    /// So there is no switch between two steps of one thread, and one instead of two between two threads. Where the loop would
    /// do more than choose, or would ask anything but the random walk, it has the turn back.
    #[inline(always)]
    pub(super) fn goes_on(&self) -> bool {
        if !self.threads_choose.get() {
            return false;
        }
        let Some(walk) = self.strategy.random() else { return false };
        let from = self.turn_of.get();
        self.turn_is_over();
        let beacon = self.beacon;
        let steps = shown::load(&beacon.steps);
        if steps >= shown::load(&beacon.look_up_at) {
            return false;
        }
        let Some(chosen) = self.chosen_by(walk) else { return false };
        let next = self.thread_behind(&chosen);
        if let Some(next) = next
            && (next == from || self.threads.passes_to(next as usize))
        {
            self.step_begins(beacon, steps, chosen.metadata());
            self.turn_begins(next, chosen);
            return next == from;
        }
        self.chosen.set(Some(chosen));
        false
    }

    /// Takes the one out that the strategy chooses of `count`.
    #[inline(always)]
    fn choose_as_asked(&self, count: usize, traced: bool) -> Runnable {
        let (mut index, mut front) = (0, 0);
        if count > 1 {
            front = self.ready.oldest();
            index = self.strategy.pick(&self.ready, count, front);
            self.tally.decided(index == front);
        } else if self.ready.keeps_operations() {
            self.strategy.alone(&self.ready);
        }
        if traced {
            self.record_step(self.ready.view().get(index), self.ready.view().get(front));
        }
        self.ready.take(index)
    }
}

impl World {
    /// Takes one step, after so many: that of one of the `count` candidates. Where it `is_back`, the one that ran last stands
    /// where it stood, and nothing else has changed. Whether the one that runs has given way.
    #[inline(always)]
    fn take_step_by<B: BuiltIn>(&self, beacon: &Beacon, steps: u64, count: usize, is_back: bool) -> bool {
        let runnable = if count > 1 {
            let last = self.running.get();
            let back = is_back.then_some(Back { slot: last.slot(), key: last.key });
            let index = self.strategy.pick_by::<B, _>(&self.ready, count, back);
            self.ready.take_decided::<B>(index, count, &self.tally)
        } else {
            if self.ready.keeps_operations() {
                self.strategy.alone(&self.ready);
            }
            self.ready.take_alone()
        };
        let meta = runnable.metadata();
        self.ready.runs_for::<B>(meta.slot(), meta.key);
        meta.count_step();
        self.step(beacon, steps, runnable, false)
    }
}

impl Follower for World {
    /// A run without a trace and without stalls, in which it is known who decides.
    #[inline(never)]
    fn follow<B: BuiltIn>(&self) {
        let beacon = self.beacon;
        loop {
            let mut steps = shown::load(&beacon.steps);
            if steps >= shown::load(&beacon.look_up_at) && !self.look_up() {
                return;
            }
            let count = self.ready.settle();
            if count == 0 {
                if self.nobody_is_ready() {
                    continue;
                }
                return;
            }
            self.ready.note_wakes();
            let mut gave_way = self.take_step_by::<B>(beacon, steps, count, false);
            // If there are as many again, nobody else came, and it has filled the gap that it left: that is so at most steps.
            // (Before the loop looks up again: while it stood still, others may have been taken out and put back.)
            while gave_way && self.ready.is_whole(count) {
                steps = shown::load(&beacon.steps);
                if steps >= shown::load(&beacon.look_up_at) {
                    break;
                }
                gave_way = self.take_step_by::<B>(beacon, steps, count, true);
            }
        }
    }
}
