//! The blocking pool's rules: queue, growth, idleness, retirement. No threads here, only who should be woken or started.
//!
//! They are those of the [`blocking`](https://docs.rs/blocking) crate, as of its release 1.7.0, so that a test sees the
//! starts, the waiting and the exhaustion that production would see. One thing is told apart that is one there: a job for
//! which an idle worker is woken is that worker's. There it stays in the queue, and whoever looks first takes it; but since
//! all idle workers are alike, and each begins when the schedule lets it, what is lost is only which of them has which.

use std::collections::VecDeque;
use std::time::Duration;

/// How the pool grows and shrinks; the default is that of the `blocking` crate 1.7.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolOptions {
    /// At most this many workers; `blocking`'s own default is 500, or `BLOCKING_MAX_THREADS`.
    pub threads: usize,
    /// An idle worker ends after this much virtual time. `None`: it stays, as in `blocking` 1.7.0; 1.6.2 ends it after
    /// 500 ms.
    pub keep_alive: Option<Duration>,
}

impl Default for PoolOptions {
    fn default() -> PoolOptions {
        PoolOptions { threads: 500, keep_alive: None }
    }
}

/// What the pool wants done, worker by worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect<J> {
    /// Start worker number `.0`.
    Start(u32),
    /// Wake worker number `.0`, which was idle: it has this job to do.
    Give(u32, J),
}

/// Queue and counts of one pool.
pub struct Pool<J> {
    /// Jobs that no worker has.
    queue: VecDeque<J>,
    /// How many idle workers have a job, and have not begun it.
    given: usize,
    limit: usize,
    keep_alive: Option<Duration>,
    /// Workers not running jobs: waiting, or started and not begun yet.
    idle: usize,
    threads: usize,
    /// Workers that wait for a notification, the longest first.
    waiting: VecDeque<u32>,
    /// Numbers given back by workers that ended, the lowest taken first.
    free: Vec<u32>,
    next: u32,
}

impl<J> Pool<J> {
    pub fn new(options: &PoolOptions) -> Pool<J> {
        Pool {
            queue: VecDeque::new(),
            given: 0,
            limit: options.threads.max(1),
            keep_alive: options.keep_alive,
            idle: 0,
            threads: 0,
            waiting: VecDeque::new(),
            free: Vec::new(),
            next: 0,
        }
    }

    /// Starts over under `options`, with nothing allocated given up.
    pub fn reset(&mut self, options: &PoolOptions) {
        debug_assert!(self.queue.is_empty());
        self.limit = options.threads.max(1);
        self.keep_alive = options.keep_alive;
        (self.given, self.idle, self.threads, self.next) = (0, 0, 0, 0);
        self.waiting.clear();
        self.free.clear();
    }

    /// After how much idleness a worker ends.
    pub fn keep_alive(&self) -> Option<Duration> {
        self.keep_alive
    }

    /// Jobs that have not begun.
    pub fn queued(&self) -> usize {
        self.queue.len() + self.given
    }

    /// Workers that exist, and the most there may be.
    pub fn threads(&self) -> (usize, usize) {
        (self.threads, self.limit)
    }

    /// A job is to be done: a waiting worker is given it, or it is queued; and the pool may grow.
    pub fn push(&mut self, job: J, mut effect: impl FnMut(Effect<J>)) {
        match self.waiting.pop_front() {
            Some(worker) => {
                self.given += 1;
                effect(Effect::Give(worker, job));
            }
            None => self.queue.push_back(job),
        }
        self.grow(effect);
    }

    /// A new worker begins to look for jobs.
    pub fn begin(&mut self) {
        self.idle -= 1;
    }

    /// A worker begins the job that it was given; the pool may grow for the others.
    pub fn begin_given(&mut self, effect: impl FnMut(Effect<J>)) {
        self.idle -= 1;
        self.given -= 1;
        self.grow(effect);
    }

    /// The job that worker `worker` was given has been taken away again: it waits as before.
    pub fn take_back(&mut self, worker: u32) {
        self.given -= 1;
        self.waiting.push_back(worker);
    }

    /// The next job of the queue, oldest first; the pool may grow for those behind it.
    pub fn pop(&mut self, effect: impl FnMut(Effect<J>)) -> Option<J> {
        let job = self.queue.pop_front()?;
        self.grow(effect);
        Some(job)
    }

    /// Worker `worker` found the queue empty and waits.
    pub fn wait(&mut self, worker: u32) {
        self.idle += 1;
        self.waiting.push_back(worker);
    }

    /// Worker `worker` waited for its keep-alive in vain: whether it ends. (It does not if it has been given a job since.)
    pub fn retire(&mut self, worker: u32) -> bool {
        let Some(place) = self.waiting.iter().position(|&w| w == worker) else { return false };
        if self.queued() > 0 {
            return false;
        }
        self.waiting.remove(place);
        self.idle -= 1;
        self.threads -= 1;
        self.free.push(worker);
        self.free.sort_unstable_by(|a, b| b.cmp(a));
        true
    }

    /// The next job, out of turn, for the end of a run.
    pub fn drain(&mut self) -> Option<J> {
        self.queue.pop_front()
    }

    #[inline]
    fn grow(&mut self, mut effect: impl FnMut(Effect<J>)) {
        // (`blocking` wakes all who wait, too; here nobody waits while there are more jobs than workers.)
        while self.queued() > self.idle * 5 && self.threads < self.limit {
            self.idle += 1;
            self.threads += 1;
            let worker = self.free.pop().unwrap_or_else(|| {
                self.next += 1;
                self.next - 1
            });
            effect(Effect::Start(worker));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(threads: usize) -> Pool<u32> {
        Pool::new(&PoolOptions { threads, keep_alive: None })
    }

    fn push(pool: &mut Pool<u32>, job: u32) -> Vec<Effect<u32>> {
        let mut effects = Vec::new();
        pool.push(job, |e| effects.push(e));
        effects
    }

    #[test]
    fn one_idle_worker_serves_five_jobs() {
        let mut pool = pool(500);
        assert_eq!(push(&mut pool, 0), [Effect::Start(0)]);
        for job in 1..5 {
            assert_eq!(push(&mut pool, job), []);
        }
        assert_eq!(push(&mut pool, 5), [Effect::Start(1)]);
    }

    #[test]
    fn a_worker_that_begins_starts_another_if_jobs_remain() {
        let mut pool = pool(500);
        push(&mut pool, 0);
        push(&mut pool, 1);
        pool.begin();
        let mut effects = Vec::new();
        assert_eq!(pool.pop(|e| effects.push(e)), Some(0));
        assert_eq!(effects, [Effect::Start(1)]);
    }

    #[test]
    fn the_limit_holds_and_an_idle_worker_is_taken_before_a_new_one() {
        let mut pool = pool(1);
        push(&mut pool, 0);
        pool.begin();
        assert_eq!(pool.pop(|_| unreachable!()), Some(0));
        assert_eq!(push(&mut pool, 1), [], "at the limit");
        assert_eq!(pool.pop(|_| unreachable!()), Some(1));
        assert_eq!(pool.pop(|_| unreachable!()), None);
        pool.wait(0);
        assert_eq!(push(&mut pool, 2), [Effect::Give(0, 2)]);
        assert_eq!((pool.threads(), pool.queued()), ((1, 1), 1));
        pool.take_back(0);
        assert_eq!(push(&mut pool, 3), [Effect::Give(0, 3)]);
        assert_eq!(push(&mut pool, 4), [], "at the limit");
        pool.begin_given(|_| unreachable!());
        assert_eq!(pool.queued(), 1);
        assert_eq!(pool.pop(|_| unreachable!()), Some(4));
    }

    #[test]
    fn an_idle_worker_ends_unless_it_has_a_job() {
        let mut pool = pool(2);
        push(&mut pool, 0);
        pool.begin();
        pool.pop(|_| ());
        pool.wait(0);
        assert_eq!(push(&mut pool, 1), [Effect::Give(0, 1)]);
        assert!(!pool.retire(0), "given one in the meantime");
        pool.begin_given(|_| ());
        assert_eq!(pool.pop(|_| ()), None);
        pool.wait(0);
        assert!(pool.retire(0));
        assert_eq!(pool.threads().0, 0);
        assert_eq!(push(&mut pool, 2), [Effect::Start(0)], "numbers are reused");
    }
}
