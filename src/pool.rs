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

    /// A job is to be done: the idle worker that is to be woken for it, if there is one; otherwise it is queued. The pool may
    /// [grow](Pool::grow) then.
    #[inline]
    pub fn push(&mut self, job: J) -> Option<(u32, J)> {
        match self.waiting.pop_front() {
            Some(worker) => {
                self.given += 1;
                Some((worker, job))
            }
            None => {
                self.queue.push_back(job);
                None
            }
        }
    }

    /// A new worker begins to look for jobs.
    pub fn begin(&mut self) {
        self.idle -= 1;
    }

    /// A worker begins the job that it was given. The pool may [grow](Pool::grow) for the others.
    #[inline]
    pub fn begin_given(&mut self) {
        self.idle -= 1;
        self.given -= 1;
    }

    /// The job that worker `worker` was given has been taken away again: it waits as before.
    pub fn take_back(&mut self, worker: u32) {
        self.given -= 1;
        self.waiting.push_back(worker);
    }

    /// The next job of the queue, oldest first. The pool may [grow](Pool::grow) for those behind it.
    #[inline]
    pub fn pop(&mut self) -> Option<J> {
        self.queue.pop_front()
    }

    /// Worker `worker` found the queue empty and waits.
    #[inline]
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

    /// Whether there is too much to do for those who are there.
    #[inline]
    pub fn wants_more(&self) -> bool {
        // (`blocking` wakes all who wait, too; here nobody waits while there are more jobs than workers.)
        self.queued() > self.idle * 5 && self.threads < self.limit
    }

    /// If it [wants more](Pool::wants_more): one more worker, which is to be started.
    pub fn grow(&mut self) -> Option<u32> {
        self.wants_more().then(|| {
            self.idle += 1;
            self.threads += 1;
            self.free.pop().unwrap_or_else(|| {
                self.next += 1;
                self.next - 1
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(threads: usize) -> Pool<u32> {
        Pool::new(&PoolOptions { threads, keep_alive: None })
    }

    /// What becomes of one more job: the worker that is given it, and those that are started.
    fn push(pool: &mut Pool<u32>, job: u32) -> (Option<(u32, u32)>, Vec<u32>) {
        (pool.push(job), started(pool))
    }

    fn pop(pool: &mut Pool<u32>) -> (Option<u32>, Vec<u32>) {
        (pool.pop(), started(pool))
    }

    fn started(pool: &mut Pool<u32>) -> Vec<u32> {
        std::iter::from_fn(|| pool.grow()).collect()
    }

    #[test]
    fn one_idle_worker_serves_five_jobs() {
        let mut pool = pool(500);
        assert_eq!(push(&mut pool, 0), (None, vec![0]));
        for job in 1..5 {
            assert_eq!(push(&mut pool, job), (None, vec![]));
        }
        assert_eq!(push(&mut pool, 5), (None, vec![1]));
    }

    #[test]
    fn a_worker_that_begins_starts_another_if_jobs_remain() {
        let mut pool = pool(500);
        push(&mut pool, 0);
        push(&mut pool, 1);
        pool.begin();
        assert_eq!(pop(&mut pool), (Some(0), vec![1]));
    }

    #[test]
    fn the_limit_holds_and_an_idle_worker_is_taken_before_a_new_one() {
        let mut pool = pool(1);
        push(&mut pool, 0);
        pool.begin();
        assert_eq!(pop(&mut pool), (Some(0), vec![]));
        assert_eq!(push(&mut pool, 1), (None, vec![]), "at the limit");
        assert_eq!(pop(&mut pool), (Some(1), vec![]));
        assert_eq!(pop(&mut pool), (None, vec![]));
        pool.wait(0);
        assert_eq!(push(&mut pool, 2), (Some((0, 2)), vec![]));
        assert_eq!((pool.threads(), pool.queued()), ((1, 1), 1));
        pool.take_back(0);
        assert_eq!(push(&mut pool, 3), (Some((0, 3)), vec![]));
        assert_eq!(push(&mut pool, 4), (None, vec![]), "at the limit");
        pool.begin_given();
        assert!(!pool.wants_more());
        assert_eq!(pool.queued(), 1);
        assert_eq!(pop(&mut pool), (Some(4), vec![]));
    }

    #[test]
    fn an_idle_worker_ends_unless_it_has_a_job() {
        let mut pool = pool(2);
        push(&mut pool, 0);
        pool.begin();
        pool.pop();
        pool.wait(0);
        assert_eq!(push(&mut pool, 1), (Some((0, 1)), vec![]));
        assert!(!pool.retire(0), "given one in the meantime");
        pool.begin_given();
        assert_eq!(pop(&mut pool), (None, vec![]));
        pool.wait(0);
        assert!(pool.retire(0));
        assert_eq!(pool.threads().0, 0);
        assert_eq!(push(&mut pool, 2), (None, vec![0]), "numbers are reused");
    }
}
