//! Words of memory that threads of a world wait for each other with, and who lets whom go on.

use super::World;
use crate::boundary::{kernel, threads};
use crate::sentinel::Holder;
use std::sync::atomic::Ordering;

/// A wait that was over before it began: whose, in which turn of which run, and when. `None` of a thread is the loop.
pub(super) type Late = (u64, Option<u32>, u64, u64);

/// A thread that waits for a word of memory.
pub(crate) struct FutexWaiter {
    id: u64,
    word: usize,
    value: u32,
    /// `None`: the loop.
    worker: Option<u32>,
    woken: bool,
    /// Who woke the loop.
    woken_by: Option<Holder>,
}

impl World {
    /// A thread waits for `word`. Gives its place in the queue.
    pub fn futex_waits(&self, word: usize, value: u32, worker: Option<u32>) -> u64 {
        let id = self.next_futex.get();
        self.next_futex.set(id + 1);
        self.beacon.has_waited.store(true, Ordering::Relaxed);
        self.futexes.borrow_mut().push(FutexWaiter { id, word, value, worker, woken: false, woken_by: None });
        id
    }

    /// Whether `thread` (`None`: the loop) asks for the second time in one turn, at one moment, for a wait whose end has
    /// passed. In reality some time passes meanwhile. Here none would, and whoever asks until *more* than so much has
    /// passed would ask for ever, as std's `Condvar::wait_timeout_while` does: time has to be moved.
    pub fn is_late_again(&self, thread: Option<u32>) -> bool {
        let late = (self.run_tag().number(), thread, self.steps(), self.now().as_nanos());
        self.last_late.replace(Some(late)) == Some(late)
    }

    pub(super) fn is_any_worker_at_a_word(&self) -> bool {
        self.futexes.borrow().iter().any(|w| w.worker.is_some())
    }

    /// A word that somebody waits for: one in a static, if there is any, since others may have that lock.
    pub(super) fn word_in_doubt(&self) -> Option<usize> {
        let futexes = self.futexes.borrow();
        let words = futexes.iter().filter(|w| !w.woken).map(|w| w.word);
        words.max_by_key(|&word| kernel::is_static(word))
    }

    /// Whether somebody waits for a word in a static that threads outside want as well, and that nobody of this world can have.
    pub(super) fn is_any_at_a_word_of_others(&self) -> bool {
        let is_others = |waiter: &FutexWaiter| {
            kernel::is_wanted_outside(waiter.word) && !self.may_hold_lock(waiter.worker, waiter.word)
        };
        self.futexes.borrow().iter().any(is_others)
    }

    /// Whether the thread with this index waits for the word.
    pub(super) fn is_at_word(&self, index: u32, word: usize) -> bool {
        self.futexes.borrow().iter().any(|waiter| (waiter.worker, waiter.word) == (Some(index), word))
    }

    pub fn futex_is_woken(&self, id: u64) -> bool {
        self.futexes.borrow().iter().any(|w| w.id == id && w.woken)
    }

    /// The wait is over. Gives who woke it, if that was seen.
    pub fn futex_done(&self, id: u64) -> Option<Holder> {
        let mut futexes = self.futexes.borrow_mut();
        let place = futexes.iter().position(|w| w.id == id)?;
        futexes.remove(place).woken_by
    }

    /// The oldest waiter for `word` is woken; its worker, if it is one's. `None` if nobody waits.
    pub fn futex_wake(&self, word: usize) -> Option<Option<u32>> {
        let mut futexes = self.futexes.borrow_mut();
        let waiter = futexes.iter_mut().find(|w| w.word == word && !w.woken)?;
        waiter.woken = true;
        if waiter.worker.is_none() {
            waiter.woken_by = Some(self.whoever_runs());
        }
        Some(waiter.worker)
    }

    /// Whose doing it is what happens now.
    fn whoever_runs(&self) -> Holder {
        let who = self.dropped.get().unwrap_or(self.running.get().key);
        let thread = threads::current().and_then(|index| self.workers.borrow().get(index).and_then(|w| w.key));
        Holder { who, on: thread.filter(|&thread| thread != who) }
    }

    /// The loop waited, as `incident` tells, for what `holder` had.
    pub fn was_held(&self, incident: Option<usize>, holder: Option<Holder>) {
        let Some(index) = incident else { return };
        let mut sentinel = self.sentinel.borrow_mut();
        let incident = sentinel.incident(index);
        incident.holder = incident.holder.or(holder);
    }

    /// A call of the running task, told by `incident`, never comes back; it waits at this place for a word, if it does.
    pub fn stands_still_for_ever(&self, incident: usize, place: Option<u64>) {
        self.standstill.set(Some((incident, place)));
        self.stop();
    }

    /// The run was wound up: whoever let the word go then has had it.
    pub(super) fn tell_standstill(&self) {
        if let Some((incident, Some(place))) = self.standstill.get() {
            let holder = self.futex_done(place);
            self.was_held(Some(incident), holder);
        }
    }

    /// Who that is: `worker-2's job parse#1`, `helper`.
    pub(super) fn holder_in_words(&self, holder: Holder) -> String {
        let who = self.name_of(holder.who);
        match holder.on {
            Some(worker) => format!("{}'s job {who}", self.name_of(worker)),
            None => who,
        }
    }

    /// Waiters whose word was changed by somebody whose wake-up was not seen: they are woken. How many there were.
    pub fn futexes_changed(&self) -> usize {
        let mut woken: Vec<u32> = Vec::new();
        {
            let mut futexes = self.futexes.borrow_mut();
            for waiter in futexes.iter_mut().filter(|w| !w.woken && !kernel::word_is(w.word, w.value)) {
                waiter.woken = true;
                woken.extend(waiter.worker);
            }
        }
        woken.iter().for_each(|&index| self.wake_worker(index));
        woken.len()
    }
}
