//! The stories of `sims/` under the real smol: the same files, for which this crate is called `raddle`, and has as much of
//! raddle's names as they use, each done by smol. There is nothing of raddle in here: a run is one run, in real time.

extern crate self as raddle;

pub mod stories;

use std::borrow::Cow;
use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

/// Runs a scenario once.
pub struct Explore;

/// What it returned, as text.
pub struct Found(pub String);

impl Explore {
    /// Runs it as a task of smol's, beside those that it spawns.
    pub fn run<F, T>(self, scenario: impl Fn() -> F) -> Found
    where
        F: Future<Output = T> + Send + 'static,
        T: Debug + Send + 'static,
    {
        Found(format!("{:?}", smol::block_on(smol::spawn(scenario()))))
    }
}

/// Names are raddle's business.
pub fn task(_name: impl Into<Cow<'static, str>>) -> TaskBuilder {
    TaskBuilder
}

/// `smol::spawn` and `smol::unblock`.
pub struct TaskBuilder;

impl TaskBuilder {
    pub fn spawn<T: Send + 'static>(self, future: impl Future<Output = T> + Send + 'static) -> smol::Task<T> {
        smol::spawn(future)
    }

    pub fn unblock<T: Send + 'static>(self, closure: impl FnOnce() -> T + Send + 'static) -> smol::Task<T> {
        smol::unblock(closure)
    }
}

pub async fn yield_now() {
    smol::future::yield_now().await;
}

pub async fn sleep(duration: Duration) {
    smol::Timer::after(duration).await;
}

/// The time was up.
#[derive(Debug)]
pub struct Elapsed;

pub async fn timeout<T>(duration: Duration, future: impl Future<Output = T>) -> Result<T, Elapsed> {
    // The future first, as in raddle.
    smol::future::or(async { Ok(future.await) }, async {
        sleep(duration).await;
        Err(Elapsed)
    })
    .await
}

pub mod thread {
    pub use std::thread::sleep;
}

/// Nobody reads it.
#[macro_export]
macro_rules! note {
    ($($text:tt)*) => {
        drop(format!($($text)*))
    };
}
