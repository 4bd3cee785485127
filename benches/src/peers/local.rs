//! `local`: async-executor's `LocalExecutor`, which is not seeded, with the real pool of the `blocking` crate. It is what
//! the ratios are to. `local-inline` calls a job's closure where it stands, with no thread at all; `local-inline-beside`
//! does so in a process that has a second thread, which sleeps: for such a one the kernel counts who uses a descriptor.

use async_executor::{LocalExecutor, Task};
use futures_lite::future::block_on;
use raddle_bench_work::{Call, Peer, bytes::Counting};
use std::future::Future;
use std::rc::Rc;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[derive(Clone)]
struct Local<const INLINE: bool>(Rc<LocalExecutor<'static>>);

impl<const INLINE: bool> Peer for Local<INLINE> {
    const OWN_THREADS: bool = !INLINE;
    type Handle<T: Send + 'static> = Task<T>;

    fn runs<F, Fut>(count: u64, scenario: F)
    where
        F: Fn(Self) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        for _ in 0..count {
            let executor = Rc::new(LocalExecutor::new());
            block_on(executor.run(scenario(Local(executor.clone()))));
        }
    }

    fn spawn<F>(&self, future: F) -> Self::Handle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.0.spawn(future)
    }

    async fn job<T, F>(closure: F) -> T
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        if INLINE { closure() } else { blocking::unblock(closure).await }
    }
}

fn main() {
    let call = Call::from_args();
    match call.peer.as_str() {
        "local" => call.measure::<Local<false>>(),
        "local-inline" => call.measure::<Local<true>>(),
        "local-inline-beside" => {
            std::thread::spawn(|| {
                loop {
                    std::thread::park();
                }
            });
            call.measure::<Local<true>>();
        }
        other => panic!("{other} is no peer of this program"),
    }
}
