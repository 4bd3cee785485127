//! The blocking pool's rules: queue, growth, idleness, retirement. No threads here, only who should be woken or started.
//!
//! They are those of the [`blocking`](https://docs.rs/blocking) crate, as of its release 1.7.0, so that a test sees the
//! starts, the waiting and the exhaustion that production would see.

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
pub enum Effect {
    /// Start worker number `.0`.
    Start(u32),
    /// Wake worker number `.0`, which was idle.
    Wake(u32),
}

/// Queue and counts of one pool.
pub struct Pool<J> {
    queue: VecDeque<J>,
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
        (self.idle, self.threads, self.next) = (0, 0, 0);
        self.waiting.clear();
        self.free.clear();
    }

    /// After how much idleness a worker ends.
    pub fn keep_alive(&self) -> Option<Duration> {
        self.keep_alive
    }

    /// Jobs that wait in the queue.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Workers that exist, and the most there may be.
    pub fn threads(&self) -> (usize, usize) {
        (self.threads, self.limit)
    }

    /// Queues a job: one waiting worker is notified, and the pool may grow.
    pub fn push(&mut self, job: J, mut effect: impl FnMut(Effect)) {
        self.queue.push_back(job);
        if let Some(worker) = self.waiting.pop_front() {
            effect(Effect::Wake(worker));
        }
        self.grow(effect);
    }

    /// Worker `_worker` begins to look for jobs, being new or notified.
    pub fn begin(&mut self, _worker: u32) {
        self.idle -= 1;
    }

    /// The next job, oldest first; the pool may grow for those behind it.
    pub fn pop(&mut self, effect: impl FnMut(Effect)) -> Option<J> {
        let job = self.queue.pop_front()?;
        self.grow(effect);
        Some(job)
    }

    /// Worker `worker` found the queue empty and waits.
    pub fn wait(&mut self, worker: u32) {
        self.idle += 1;
        self.waiting.push_back(worker);
    }

    /// Worker `worker` waited for its keep-alive in vain: whether it ends. (It does not if it has been notified since.)
    pub fn retire(&mut self, worker: u32) -> bool {
        let Some(place) = self.waiting.iter().position(|&w| w == worker) else { return false };
        if !self.queue.is_empty() {
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

    fn grow(&mut self, mut effect: impl FnMut(Effect)) {
        while self.queue.len() > self.idle * 5 && self.threads < self.limit {
            self.idle += 1;
            self.threads += 1;
            while let Some(worker) = self.waiting.pop_front() {
                effect(Effect::Wake(worker));
            }
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

    fn push(pool: &mut Pool<u32>, job: u32) -> Vec<Effect> {
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
        pool.begin(0);
        let mut effects = Vec::new();
        assert_eq!(pool.pop(|e| effects.push(e)), Some(0));
        assert_eq!(effects, [Effect::Start(1)]);
    }

    #[test]
    fn the_limit_holds_and_a_notified_worker_is_taken_before_a_new_one() {
        let mut pool = pool(1);
        push(&mut pool, 0);
        pool.begin(0);
        assert_eq!(pool.pop(|_| unreachable!()), Some(0));
        assert_eq!(push(&mut pool, 1), [], "at the limit");
        assert_eq!(pool.pop(|_| unreachable!()), Some(1));
        assert_eq!(pool.pop(|_| unreachable!()), None);
        pool.wait(0);
        assert_eq!(push(&mut pool, 2), [Effect::Wake(0)]);
        assert_eq!(pool.threads(), (1, 1));
    }

    #[test]
    fn an_idle_worker_ends_unless_notified() {
        let mut pool = pool(2);
        push(&mut pool, 0);
        pool.begin(0);
        pool.pop(|_| ());
        pool.wait(0);
        push(&mut pool, 1);
        assert!(!pool.retire(0), "notified in the meantime");
        pool.begin(0);
        assert_eq!(pool.pop(|_| ()), Some(1));
        pool.wait(0);
        assert!(pool.retire(0));
        assert_eq!(pool.threads().0, 0);
        assert_eq!(push(&mut pool, 2), [Effect::Start(0)], "numbers are reused");
    }
}
