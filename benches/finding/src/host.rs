//! What a benchmark program needs of the tool that runs it, and what shared variables and locks are made of.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

pub type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What comes after a scheduling point.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
}

/// A tool: it spawns tasks, and lets others run at a scheduling point.
pub trait Host: Copy + Send + Sync + 'static {
    fn spawn(task: impl Future<Output = ()> + Send + 'static) -> BoxFuture;
    /// A scheduling point before an access to the shared thing number `what`.
    fn point(what: u32, access: Access) -> impl Future<Output = ()> + Send;
}

/// Spawns `tasks` in their order, and waits for all of them.
pub async fn all<H: Host>(tasks: Vec<BoxFuture>) {
    let spawned: Vec<BoxFuture> = tasks.into_iter().map(|task| H::spawn(task)).collect();
    for task in spawned {
        task.await;
    }
}

/// A shared number; each access has a scheduling point before it.
pub struct Shared {
    what: u32,
    value: AtomicI64,
}

impl Shared {
    pub fn new(what: u32, value: i64) -> Shared {
        Shared { what, value: AtomicI64::new(value) }
    }

    pub async fn get<H: Host>(&self) -> i64 {
        H::point(self.what, Access::Read).await;
        self.value.load(SeqCst)
    }

    pub async fn set<H: Host>(&self, value: i64) {
        H::point(self.what, Access::Write).await;
        self.value.store(value, SeqCst);
    }

    /// Adds in one atomic access, and gives what was there before.
    pub async fn add<H: Host>(&self, by: i64) -> i64 {
        H::point(self.what, Access::Write).await;
        self.value.fetch_add(by, SeqCst)
    }

    pub async fn swap<H: Host>(&self, value: i64) -> i64 {
        H::point(self.what, Access::Write).await;
        self.value.swap(value, SeqCst)
    }

    /// Compare and exchange: what was there before, as `Ok` if it was `from`.
    pub async fn exchange<H: Host>(&self, from: i64, to: i64) -> Result<i64, i64> {
        H::point(self.what, Access::Write).await;
        self.value.compare_exchange(from, to, SeqCst, SeqCst)
    }

    /// Reads without a scheduling point: part of the access before it.
    pub fn peek(&self) -> i64 {
        self.value.load(SeqCst)
    }

    /// Writes without a scheduling point: part of the access before it.
    pub fn poke(&self, value: i64) {
        self.value.store(value, SeqCst);
    }
}

/// A lock, with a scheduling point before it is taken. Those who wait are woken one by one.
pub struct Lock {
    what: u32,
    state: StdMutex<LockState>,
}

#[derive(Default)]
struct LockState {
    taken: bool,
    /// Each with the number of its wait: one that is polled again for no reason must not stand here twice.
    waiting: VecDeque<(u64, Waker)>,
    waits: u64,
}

impl Lock {
    pub fn new(what: u32) -> Lock {
        Lock { what, state: StdMutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, LockState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub async fn lock<H: Host>(&self) -> Guard<'_> {
        H::point(self.what, Access::Write).await;
        let me = {
            let mut state = self.state();
            state.waits += 1;
            state.waits
        };
        poll_fn(|cx| {
            let mut state = self.state();
            state.waiting.retain(|(other, _)| *other != me);
            if state.taken {
                state.waiting.push_back((me, cx.waker().clone()));
                return Poll::Pending;
            }
            state.taken = true;
            Poll::Ready(())
        })
        .await;
        Guard(self)
    }
}

pub struct Guard<'a>(&'a Lock);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        let next = {
            let mut state = self.0.state();
            state.taken = false;
            state.waiting.pop_front()
        };
        if let Some((_, waker)) = next {
            waker.wake();
        }
    }
}

/// A flag to wait for: one waiter, one notification. What is not waited for is not remembered.
#[derive(Default)]
pub struct Signal {
    state: StdMutex<(bool, Option<Waker>)>,
}

impl Signal {
    pub fn notify(&self) {
        let waker = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.0 = true;
            state.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Waits for the next notification.
    pub async fn wait(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0 = false;
        poll_fn(|cx| {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.0 {
                return Poll::Ready(());
            }
            state.1 = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// A future on the heap, for [`all`].
pub fn task(future: impl Future<Output = ()> + Send + 'static) -> BoxFuture {
    Box::pin(future)
}

/// Clones an `Arc` for each of `n` tasks.
pub fn each<T: Send + Sync + 'static, F: Future<Output = ()> + Send + 'static>(
    shared: &Arc<T>,
    n: usize,
    make: impl Fn(Arc<T>, usize) -> F,
) -> Vec<BoxFuture> {
    (0..n).map(|i| task(make(shared.clone(), i))).collect()
}
