//! What programs do: tasks.

use super::env::{Env, Who};
use super::program::{Block, Child, End, How, Op};
use super::{jobs, more};
use futures_lite::{StreamExt, future};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, PoisonError};
use std::task::Poll;
use std::time::Duration;

pub fn ms(n: u8) -> Duration {
    Duration::from_millis(u64::from(n))
}

pub type Doing = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Does what is in the block.
pub fn block(env: Arc<Env>, who: Arc<Who>, ops: Block) -> Doing {
    Box::pin(async move {
        for op in ops {
            one(&env, &who, op).await;
        }
    })
}

pub fn named(env: &Arc<Env>, who: Arc<Who>, ops: Block) -> Doing {
    env.begins(&who.name);
    let env = env.clone();
    Box::pin(async move {
        block(env.clone(), who.clone(), ops).await;
        env.note(&who, "end");
        env.ends(&who.name);
    })
}

async fn one(env: &Arc<Env>, who: &Arc<Who>, op: Op) {
    let inside = |ops: Block| block(env.clone(), who.clone(), ops);
    match op {
        Op::Note => env.note(who, "note"),
        Op::Yield => {
            raddle::yield_now().await;
            env.note(who, "y");
        }
        Op::Sleep(n) => {
            raddle::sleep(ms(n)).await;
            env.note(who, format_args!("slept@{}", raddle::now().as_nanos()));
        }
        Op::Stall(n) => std::thread::sleep(ms(n)),
        Op::Choose(n) => {
            let chosen = raddle::choose(u32::from(n));
            env.note(who, format_args!("chose{chosen}"));
        }
        Op::Chance => env.note(who, format_args!("chance{}", raddle::chance(1, 3))),
        Op::Draw => env.note(who, format_args!("drew{}", raddle::rng().below(5))),
        Op::Race(a, b) => {
            let (a, b) = (inside(a), inside(b));
            let first = future::race(
                async {
                    a.await;
                    0
                },
                async {
                    b.await;
                    1
                },
            );
            let first = first.await;
            env.note(who, format_args!("race{first}"));
        }
        Op::Or(a, b) => {
            future::or(inside(a), inside(b)).await;
            env.note(who, "or");
        }
        Op::Zip(a, b) => {
            future::zip(inside(a), inside(b)).await;
            env.note(who, "zip");
        }
        Op::Timeout(n, body) => {
            let is_late = raddle::timeout(ms(n), inside(body)).await.is_err();
            env.note(who, format_args!("late{is_late}"));
        }
        Op::Ticks(n) => {
            let mut interval = raddle::interval(ms(n) + Duration::from_micros(500));
            for _ in 0..2 {
                let at = interval.next().await.unwrap();
                env.note(who, format_args!("tick@{at}"));
            }
        }
        Op::Fork(children, body) => fork(env, who, children, inside(body)).await,
        Op::Job(end, steps) => {
            let job = who.child('j');
            env.begins(&job.name);
            let (theirs, name) = (env.clone(), job.name.clone());
            let task = raddle::task(name).unblock(move || {
                jobs::steps(&theirs, &job, steps);
                theirs.note(&job, "end");
                theirs.ends(&job.name);
            });
            finish(env, who, task, end).await;
        }
        Op::Lock(n, body) => {
            let guard = env.locks[usize::from(n)].lock().await;
            env.note(who, format_args!("lock{n}"));
            inside(body).await;
            drop(guard);
        }
        Op::TryLock(n, body) => {
            let guard = env.locks[usize::from(n)].try_lock();
            env.note(who, format_args!("try{}", guard.is_some()));
            if let Some(guard) = guard {
                inside(body).await;
                drop(guard);
            }
        }
        Op::ReadLock(body) => {
            let guard = env.lock.read().await;
            env.note(who, "read");
            inside(body).await;
            drop(guard);
        }
        Op::WriteLock(body) => {
            let guard = env.lock.write().await;
            env.note(who, "write");
            inside(body).await;
            drop(guard);
        }
        Op::Acquire(body) => {
            let guard = env.semaphore.acquire().await;
            env.note(who, "acquired");
            inside(body).await;
            drop(guard);
        }
        Op::Barrier => {
            let leads = env.barrier.wait().await.is_leader();
            env.note(who, format_args!("barrier{leads}"));
        }
        Op::Once(body) => {
            env.once.get_or_init(|| inside(body)).await;
            env.note(who, "once");
        }
        Op::Send(n, what) => {
            let sent = env.channels[usize::from(n)].0.send(what).await.is_ok();
            env.note(who, format_args!("sent{sent}"));
        }
        Op::Receive(n) => {
            let received = env.channels[usize::from(n)].1.recv().await.ok();
            env.note(who, format_args!("received{received:?}"));
        }
        Op::TrySend(n, what) => {
            let sent = env.channels[usize::from(n)].0.try_send(what).is_ok();
            env.note(who, format_args!("sent{sent}"));
        }
        Op::TryReceive(n) => {
            let received = env.channels[usize::from(n)].1.try_recv().ok();
            env.note(who, format_args!("received{received:?}"));
        }
        Op::Close(n) => env.note(who, format_args!("closed{}", env.channels[usize::from(n)].0.close())),
        Op::Listen => {
            env.event.listen().await;
            env.note(who, "heard");
        }
        Op::Notify(n) => env.note(who, format_args!("notified{}", env.event.notify(usize::from(n)))),
        Op::Spin(n) => {
            let mut left = n;
            future::poll_fn(|cx| {
                cx.waker().wake_by_ref();
                let again = cx.waker().clone();
                again.wake();
                left = left.saturating_sub(1);
                if left == 0 { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            env.note(who, "spun");
        }
        Op::Add(n, body) => {
            let counter = &env.counters[usize::from(n)];
            let read = counter.load(SeqCst);
            inside(body).await;
            raddle::yield_now().await;
            counter.store(read + 1, SeqCst);
            env.note(who, format_args!("{n}is{}", read + 1));
        }
        Op::Look(n) => {
            raddle::announce(u64::from(n), raddle::Access::Read);
            raddle::yield_now().await;
            touch(env, who, n, false);
        }
        Op::Change(n) => {
            raddle::announce(u64::from(n), raddle::Access::Write);
            raddle::yield_now().await;
            touch(env, who, n, true);
        }
        Op::Hash => {
            let map: HashMap<u8, u8> = (0..5).map(|n| (n, n)).collect();
            env.note(who, format_args!("{:?}", map.keys().collect::<Vec<_>>()));
        }
        Op::Clock => {
            let before = std::time::Instant::now();
            raddle::yield_now().await;
            env.note(who, format_args!("took{:?}@{}", before.elapsed(), raddle::now()));
        }
        Op::Blocking(n) => {
            let guard = env.std_locks[usize::from(n)].lock();
            env.note(who, format_args!("blocking{}", guard.is_err()));
        }
        Op::Panic => panic!("{} panics", who.name),
        Op::When(n, is, body) => {
            if env.counters[usize::from(n)].load(SeqCst) == u32::from(is) {
                inside(body).await;
            }
        }
        Op::More(what) => more::one(env, who, what).await,
        #[cfg(feature = "smol")]
        Op::Facade(what) => super::facade::one(env, who, what).await,
    }
}

/// Of a resource that is written to in order, who saw which state of it.
fn touch(env: &Env, who: &Who, n: u8, changes: bool) {
    let mut resource = env.resources[usize::from(n)].lock().unwrap_or_else(PoisonError::into_inner);
    if changes {
        *resource += &format!("{} ", who.name);
    } else {
        // Those who look in between two changes are told in the order of their names: theirs does not matter.
        let at = resource.rfind(' ').map_or(0, |at| at + 1);
        let mut looked: Vec<String> = resource[at..].split('&').filter(|l| !l.is_empty()).map(str::to_string).collect();
        looked.push(format!("{}?", who.name));
        looked.sort();
        let text = format!("{}{}", &resource[..at], looked.join("&"));
        *resource = text;
    }
}

async fn fork(env: &Arc<Env>, who: &Arc<Who>, children: Vec<Child>, body: Doing) {
    let mut tasks = Vec::new();
    for Child { how, body, end } in children {
        let child = who.child('t');
        let name = child.name.clone();
        let doing = named(env, child, body);
        let task = match how {
            How::Plain => raddle::task(name).spawn(doing),
            // A job may not.
            How::Local if who.name.contains('j') => raddle::task(name).spawn(doing),
            How::Local => raddle::task(name).spawn_local(doing),
            How::Named => raddle::task(name).spawn(doing),
        };
        tasks.push((task, end));
    }
    body.await;
    for (task, end) in tasks {
        finish(env, who, task, end).await;
    }
}

/// What a task and a job have in common.
pub trait Handle: Future<Output = ()> + Send + 'static {
    fn detach(self);
    fn cancel(self) -> impl Future<Output = Option<()>> + Send;
}

macro_rules! handle {
    ($kind:ty) => {
        impl Handle for $kind {
            fn detach(self) {
                <$kind>::detach(self);
            }
            fn cancel(self) -> impl Future<Output = Option<()>> + Send {
                <$kind>::cancel(self)
            }
        }
    };
}
handle!(raddle::Task<()>);
handle!(raddle::Job<()>);

pub async fn finish(env: &Arc<Env>, who: &Arc<Who>, task: impl Handle, end: End) {
    match end {
        End::Join => {
            task.await;
            env.note(who, "joined");
        }
        End::Detach => task.detach(),
        End::Cancel => env.note(who, format_args!("cancelled{:?}", task.cancel().await)),
        End::Drop => drop(task),
        End::Elsewhere => {
            let joiner = who.child('t');
            env.begins(&joiner.name);
            let (theirs, name) = (env.clone(), joiner.name.clone());
            let doing = async move {
                task.await;
                theirs.note(&joiner, "joined");
                theirs.ends(&joiner.name);
            };
            raddle::task(name).spawn(doing).detach();
        }
    }
}
