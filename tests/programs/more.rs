//! What programs do: what tasks do with futures, streams and wakers.

use super::env::{Env, Who};
use super::maker::Maker;
use super::program::{Block, Part, parts_of};
use super::tasks::{block, ms, named};
use event_listener::Event;
use futures_lite::{FutureExt, StreamExt, future, stream};
use futures_util::FutureExt as _;
use futures_util::stream::FuturesUnordered;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

#[derive(Clone, Debug, PartialEq)]
pub enum More {
    /// The first that is done; the others are dropped.
    Select(Vec<Block>),
    /// All of them, in the order in which they are done.
    Unordered(Vec<Block>),
    /// A task sends three times, over a channel that holds one.
    Pipeline(Vec<Block>),
    /// Two streams as one.
    Merge(Vec<Block>),
    /// A task in a task in a task.
    Nest(Vec<Block>),
    Caught(Vec<Block>),
    /// Cancelled after so long.
    Interrupted(u8, Vec<Block>),
    /// A handle that may be told of a task that is gone; cancelled first, or not.
    Fallible(bool, Vec<Block>),
    /// Polled so often, then dropped.
    Polled(u8, Vec<Block>),
    /// Awaited here and in a task.
    Shared(Vec<Block>),
    Until(u8, Vec<Block>),
    /// A waker of this task, woken by another once that has done it.
    Waker(Vec<Block>),
    /// Read, and then perhaps written.
    Upgrade(Vec<Block>),
    /// One listener is notified, and drops what it was told or hears it.
    Listeners(bool, Vec<Block>),
    /// Locks in two orders, in two tasks.
    Crossed(Vec<Block>),
    /// Of a stream's items those that are there before the time is over.
    Taken(u8),
    /// A deadline in a deadline.
    Deadlines(u8, u8, Vec<Block>),
    /// Timers at one moment.
    AtOnce(u8, u8),
}

pub fn make(maker: &mut Maker) -> Option<More> {
    let kind = maker.kind;
    let (ms, other, flag) = (maker.rng.u8(..4), maker.rng.u8(..4), maker.rng.bool());
    let one = |maker: &mut Maker| vec![maker.block(3)];
    Some(match maker.rng.u8(..18) {
        0 if kind.cancels => More::Select(maker.blocks(3)),
        1 => More::Unordered(maker.blocks(3)),
        2 if kind.forks => More::Pipeline(vec![maker.block(2), maker.block(2)]),
        3 if kind.draws && kind.cancels => More::Merge(vec![maker.block(2), maker.block(2)]),
        4 if kind.forks => More::Nest(one(maker)),
        5 if kind.panics => More::Caught(one(maker)),
        6 if kind.forks && kind.cancels && kind.timed => More::Interrupted(ms, one(maker)),
        7 if kind.forks && kind.cancels => More::Fallible(flag, one(maker)),
        8 if kind.cancels => More::Polled(ms, one(maker)),
        9 if kind.forks => More::Shared(one(maker)),
        10 if kind.timed && kind.cancels => More::Until(ms, one(maker)),
        11 if kind.forks => More::Waker(one(maker)),
        12 => More::Upgrade(one(maker)),
        13 if kind.forks => More::Listeners(flag, one(maker)),
        14 if kind.forks => More::Crossed(one(maker)),
        15 if kind.timed => More::Taken(ms),
        16 if kind.timed && kind.cancels => More::Deadlines(ms, other, one(maker)),
        17 if kind.timed => More::AtOnce(ms, other),
        _ => return None,
    })
}

impl More {
    pub fn parts(&mut self) -> Vec<Part<'_>> {
        match self {
            More::Select(all) | More::Unordered(all) | More::Pipeline(all) | More::Merge(all) => parts_of(all),
            More::Nest(all) | More::Caught(all) | More::Interrupted(_, all) | More::Fallible(_, all) => parts_of(all),
            More::Polled(_, all) | More::Shared(all) | More::Until(_, all) | More::Waker(all) => parts_of(all),
            More::Upgrade(all) | More::Listeners(_, all) | More::Crossed(all) => parts_of(all),
            More::Deadlines(_, _, all) => parts_of(all),
            More::Taken(_) | More::AtOnce(..) => vec![],
        }
    }
}

/// A task of `who`'s that does what is in the block.
fn spawn(env: &Arc<Env>, who: &Arc<Who>, body: Block) -> raddle::Task<()> {
    let child = who.child('t');
    raddle::task(child.name.clone()).spawn(named(env, child, body))
}

pub async fn one(env: &Arc<Env>, who: &Arc<Who>, what: More) {
    let inside = |body: Block| block(env.clone(), who.clone(), body);
    let all_of = |bodies: Vec<Block>| bodies.into_iter().map(inside).collect::<FuturesUnordered<_>>();
    let first = |mut bodies: Vec<Block>| bodies.swap_remove(0);
    match what {
        More::Select(bodies) => {
            let bodies = bodies.into_iter().enumerate().map(|(n, body)| inside(body).map(move |()| n));
            let done = bodies.collect::<FuturesUnordered<_>>().next().await;
            env.note(who, format_args!("first{done:?}"));
        }
        More::Unordered(bodies) => {
            let done = all_of(bodies).count().await;
            env.note(who, format_args!("all{done}"));
        }
        More::Pipeline(mut bodies) => {
            let (sender, receiver) = async_channel::bounded(1);
            let mut receiver = Box::pin(receiver);
            let (body, theirs) = (bodies.remove(0), bodies.remove(0));
            let (child, env2) = (who.child('t'), env.clone());
            env.begins(&child.name);
            let sends = raddle::task(child.name.clone()).spawn(async move {
                for n in 0..3 {
                    block(env2.clone(), child.clone(), theirs.clone()).await;
                    let sent = sender.send(n).await.is_ok();
                    env2.note(&child, format_args!("sent{sent}"));
                }
                env2.ends(&child.name);
            });
            while let Some(n) = receiver.next().await {
                env.note(who, format_args!("item{n}"));
                inside(body.clone()).await;
            }
            drop(receiver);
            sends.await;
        }
        More::Merge(mut bodies) => {
            let theirs = |n: u8, body: Block| {
                Box::pin(stream::once_future(inside(body)).map(move |()| n).chain(stream::iter([n + 10])))
            };
            let (a, b) = (theirs(0, bodies.remove(0)), theirs(1, bodies.remove(0)));
            // Such a stream has no end.
            let items = stream::race(a, b).take(4).collect::<Vec<u8>>().await;
            env.note(who, format_args!("{items:?}"));
        }
        More::Nest(bodies) => {
            let (outer, middle, inner) = (who.child('t'), who.child('t'), who.child('t'));
            let (env2, body) = (env.clone(), first(bodies));
            for name in [&outer.name, &middle.name] {
                env.begins(name);
            }
            raddle::task(outer.name.clone())
                .spawn(async move {
                    let env3 = env2.clone();
                    let within = raddle::task(middle.name.clone()).spawn(async move {
                        raddle::task(inner.name.clone()).spawn(named(&env3, inner, body)).await;
                        env3.ends(&middle.name);
                    });
                    within.await;
                    env2.ends(&outer.name);
                })
                .await;
            env.note(who, "nested");
        }
        More::Caught(bodies) => {
            let caught = AssertUnwindSafe(inside(first(bodies)));
            let caught = futures_lite::FutureExt::catch_unwind(caught).await.is_err();
            env.note(who, format_args!("caught{caught}"));
        }
        More::Interrupted(n, bodies) => {
            let task = spawn(env, who, first(bodies));
            raddle::sleep(ms(n)).await;
            let done = task.cancel().await;
            env.note(who, format_args!("interrupted{done:?}"));
        }
        More::Fallible(cancels, bodies) => {
            let task = spawn(env, who, first(bodies)).fallible();
            let done = if cancels { task.cancel().await } else { task.await };
            env.note(who, format_args!("{done:?}"));
        }
        More::Polled(n, bodies) => {
            let mut body = inside(first(bodies));
            let mut is_done = false;
            for _ in 0..=n {
                is_done = is_done || future::poll_once(&mut body).await.is_some();
                raddle::yield_now().await;
            }
            drop(body);
            env.note(who, format_args!("polled{is_done}"));
        }
        More::Shared(bodies) => {
            let shared = inside(first(bodies)).shared();
            let (child, env2, theirs) = (who.child('t'), env.clone(), shared.clone());
            env.begins(&child.name);
            let task = raddle::task(child.name.clone()).spawn(async move {
                theirs.await;
                env2.note(&child, "shares");
                env2.ends(&child.name);
            });
            shared.await;
            env.note(who, "shares");
            task.await;
        }
        More::Until(n, bodies) => {
            let until = raddle::now() + ms(n);
            let late = async {
                raddle::sleep_until(until).await;
                true
            };
            let is_late = late.or(inside(first(bodies)).map(|()| false)).await;
            env.note(who, format_args!("late{is_late}"));
        }
        More::Waker(bodies) => wakes(env, who, first(bodies)).await,
        More::Upgrade(bodies) => {
            let guard = env.lock.upgradable_read().await;
            inside(first(bodies)).await;
            match env.lock.try_write() {
                Some(_) => env.note(who, "written"),
                None => {
                    drop(async_lock::RwLockUpgradableReadGuard::upgrade(guard).await);
                    env.note(who, "upgraded");
                }
            }
        }
        More::Listeners(hears, bodies) => {
            let event = Arc::new(Event::new());
            let (a, b) = (event.listen(), event.listen());
            let (child, env2, theirs) = (who.child('t'), env.clone(), event.clone());
            let body = first(bodies);
            env.begins(&child.name);
            let task = raddle::task(child.name.clone()).spawn(async move {
                block(env2.clone(), child.clone(), body).await;
                theirs.notify(1);
                env2.ends(&child.name);
            });
            if hears {
                a.await;
                event.notify(1);
            } else {
                raddle::yield_now().await;
                drop(a);
            }
            b.await;
            env.note(who, "heard");
            task.await;
        }
        More::Crossed(bodies) => {
            let (child, env2) = (who.child('t'), env.clone());
            env.begins(&child.name);
            let task = raddle::task(child.name.clone()).spawn(async move {
                let one = env2.locks[1].lock().await;
                raddle::yield_now().await;
                let other = env2.locks[0].try_lock();
                env2.note(&child, format_args!("other{}", other.is_some()));
                drop((one, other));
                env2.ends(&child.name);
            });
            let one = env.locks[0].lock().await;
            inside(first(bodies)).await;
            let other = env.locks[1].try_lock();
            env.note(who, format_args!("other{}", other.is_some()));
            drop((one, other));
            task.await;
        }
        More::Taken(n) => {
            let mut interval = raddle::interval(Duration::from_micros(700));
            let over = raddle::sleep(ms(n));
            futures_lite::pin!(over);
            let mut items = 0;
            while (&mut over).map(|()| None).or(interval.next()).await.is_some() {
                items += 1;
            }
            env.note(who, format_args!("{items} items@{}", raddle::now()));
        }
        More::Deadlines(outer, inner, bodies) => {
            let within = raddle::timeout(ms(inner), inside(first(bodies)));
            let late = raddle::timeout(ms(outer), within).await.map(|inner| inner.is_err());
            env.note(who, format_args!("late{:?}", late.ok()));
        }
        More::AtOnce(n, many) => {
            let timers = (0..=many).map(|n| Box::pin(raddle::sleep(ms(n / 2))).map(move |()| n));
            let timers: FuturesUnordered<_> = timers.collect();
            let order: Vec<u8> = timers.collect().await;
            raddle::sleep(ms(n)).await;
            env.note(who, format_args!("{order:?}"));
        }
    }
}

/// Waits by a waker that a task has, and that is woken a second time when nobody waits.
async fn wakes(env: &Arc<Env>, who: &Arc<Who>, body: Block) {
    let place = Arc::new(Mutex::new((None::<Waker>, false)));
    let (child, env2, theirs) = (who.child('t'), env.clone(), place.clone());
    env.begins(&child.name);
    let task = raddle::task(child.name.clone()).spawn(async move {
        block(env2.clone(), child.clone(), body).await;
        let waker = {
            let mut place = theirs.lock().unwrap_or_else(PoisonError::into_inner);
            place.1 = true;
            place.0.take()
        };
        if let Some(waker) = waker {
            waker.wake_by_ref();
            raddle::yield_now().await;
            waker.wake();
        }
        env2.ends(&child.name);
    });
    future::poll_fn(|cx| {
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        if place.1 {
            return Poll::Ready(());
        }
        place.0 = Some(cx.waker().clone());
        Poll::Pending
    })
    .await;
    env.note(who, "woken");
    task.await;
}
