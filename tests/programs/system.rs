//! What programs do: threads with std's ways to wait and the kernel's.

use super::descriptors::{kernel, sockets};
use super::env::{Env, Who};
use super::jobs::steps;
use super::maker::Maker;
use super::program::{Part, Steps};
use super::tasks::ms;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Barrier, Condvar, LazyLock, Mutex, Once, OnceLock, PoisonError, RwLock, mpsc};
use std::thread;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq)]
pub enum System {
    /// Two readers and a writer of std's.
    Shared(Vec<Steps>),
    /// Two threads meet three times.
    Barrier(Vec<Steps>),
    /// Three ways to do something once, in two threads.
    Once(Vec<Steps>),
    /// So many threads take what is to be done from a queue.
    Pool(u8, Vec<Steps>),
    /// A channel without room.
    Rendezvous(Vec<Steps>),
    /// A channel without end, read until all senders are gone.
    Channel(Vec<Steps>),
    /// A flag waited for, for so long.
    Signal(u8, Vec<Steps>),
    /// Unparked before it parks, and while.
    Unparked(Vec<Steps>),
    /// A thread with a thread-local that does something when it ends.
    Destructor(Vec<Steps>),
    Caught(Vec<Steps>),
    /// A thread panics with a lock held.
    Poisons(Vec<Steps>),
    Socketpair(Vec<Steps>),
    Udp(u8, Vec<Steps>),
    /// So many blocks through a connection.
    Stream(u8, Vec<Steps>),
    Eventfd(Vec<Steps>),
    Timerfd(u8),
    /// Either of two pipes, for so long.
    Poll(u8, Vec<Steps>),
    /// Many threads in a scope, which add up.
    Scoped(Vec<Steps>),
    /// A process of its own for a moment.
    Fork(u8),
}

pub fn make(maker: &mut Maker) -> Option<System> {
    let kind = maker.kind;
    let ms = maker.rng.u8(..4);
    let one = |maker: &mut Maker| vec![maker.steps(2)];
    let two = |maker: &mut Maker| vec![maker.steps(2), maker.steps(2)];
    Some(match maker.rng.u8(..19) {
        0 => System::Shared(two(maker)),
        1 => System::Barrier(two(maker)),
        2 => System::Once(two(maker)),
        3 => System::Pool(ms, vec![maker.steps(2), maker.steps(2), maker.steps(1)]),
        4 => System::Rendezvous(two(maker)),
        5 => System::Channel(two(maker)),
        6 if kind.timed => System::Signal(ms, one(maker)),
        7 => System::Unparked(one(maker)),
        8 => System::Destructor(one(maker)),
        9 if kind.panics => System::Caught(one(maker)),
        10 if kind.panics => System::Poisons(one(maker)),
        11 => System::Socketpair(one(maker)),
        12 if kind.timed => System::Udp(ms, one(maker)),
        13 => System::Stream(ms, one(maker)),
        14 => System::Eventfd(one(maker)),
        15 if kind.timed => System::Timerfd(ms),
        16 if kind.timed => System::Poll(ms, two(maker)),
        17 => System::Scoped(two(maker)),
        18 if kind.children && ms == 0 => System::Fork(maker.rng.u8(..4)),
        _ => return None,
    })
}

impl System {
    pub fn parts(&mut self) -> Vec<Part<'_>> {
        let all = match self {
            System::Shared(all) | System::Barrier(all) | System::Once(all) | System::Pool(_, all) => all,
            System::Rendezvous(all) | System::Channel(all) | System::Signal(_, all) | System::Unparked(all) => all,
            System::Destructor(all) | System::Caught(all) | System::Poisons(all) | System::Socketpair(all) => all,
            System::Udp(_, all) | System::Stream(_, all) | System::Eventfd(all) | System::Poll(_, all) => all,
            System::Scoped(all) => all,
            System::Timerfd(_) | System::Fork(_) => return vec![],
        };
        all.iter_mut().map(Part::Steps).collect()
    }
}

struct Last(Option<(Arc<Env>, Arc<Who>, Steps)>);

impl Drop for Last {
    fn drop(&mut self) {
        if let Some((env, who, inner)) = self.0.take() {
            steps(&env, &who, inner);
            env.note(&who, "last");
        }
    }
}

thread_local! {
    static LAST: RefCell<Vec<Last>> = const { RefCell::new(Vec::new()) };
}

/// A thread of `who`'s.
pub fn start<T: Send + 'static>(
    env: &Arc<Env>,
    who: &Arc<Who>,
    f: impl FnOnce(&Arc<Env>, &Arc<Who>) -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let (env, own) = (env.clone(), who.child('h'));
    thread::spawn(move || f(&env, &own))
}

pub fn join<T>(env: &Env, who: &Who, handle: thread::JoinHandle<T>) -> Option<T> {
    let joined = handle.join().ok();
    env.note(who, format_args!("joined{}", joined.is_some()));
    joined
}

pub fn one(env: &Arc<Env>, who: &Arc<Who>, what: System) {
    match what {
        System::Eventfd(..) | System::Timerfd(..) | System::Poll(..) | System::Fork(..) => kernel(env, who, what),
        System::Socketpair(..) | System::Udp(..) | System::Stream(..) => sockets(env, who, what),
        System::Pool(..) | System::Rendezvous(..) | System::Channel(..) => queues(env, who, what),
        _ => locks(env, who, what),
    }
}

fn locks(env: &Arc<Env>, who: &Arc<Who>, what: System) {
    match what {
        System::Shared(mut all) => {
            let shared = Arc::new(RwLock::new(0));
            let (theirs, also) = (shared.clone(), shared.clone());
            let (a, b) = (all.remove(0), all.remove(0));
            let writes = start(env, who, move |env, who| {
                let mut guard = theirs.write().unwrap_or_else(PoisonError::into_inner);
                steps(env, who, a);
                *guard += 1;
            });
            let reads = start(env, who, move |env, who| {
                let guard = also.read().unwrap_or_else(PoisonError::into_inner);
                steps(env, who, b);
                env.note(who, format_args!("sees{}", *guard));
            });
            let seen = shared.try_read().ok().map(|guard| *guard);
            env.note(who, format_args!("seen{seen:?}"));
            join(env, who, writes);
            join(env, who, reads);
        }
        System::Barrier(mut all) => {
            let barrier = Arc::new(Barrier::new(2));
            let theirs = barrier.clone();
            let (a, b) = (all.remove(0), all.remove(0));
            // Whoever panics does not come to the barrier: nobody does then.
            let meets = start(env, who, move |env, who| {
                let done = catch_unwind(AssertUnwindSafe(|| steps(env, who, a))).is_ok();
                for _ in 0..3 {
                    let leads = theirs.wait().is_leader();
                    env.note(who, format_args!("leads{leads}"));
                }
                assert!(done, "the thread's panic");
            });
            let done = catch_unwind(AssertUnwindSafe(|| steps(env, who, b))).is_ok();
            (0..3).for_each(|_| _ = barrier.wait());
            join(env, who, meets);
            env.note(who, format_args!("met{done}"));
        }
        System::Once(mut all) => {
            static LAZY: LazyLock<u8> = LazyLock::new(|| 7);
            let once = Arc::new((Once::new(), OnceLock::new()));
            let theirs = once.clone();
            let (a, b) = (all.remove(0), all.remove(0));
            let other = start(env, who, move |env, who| {
                let got = *theirs.1.get_or_init(|| {
                    steps(env, who, a);
                    1
                });
                theirs.0.call_once_force(|_| env.note(who, "once"));
                env.note(who, format_args!("got{got}{}", *LAZY));
            });
            once.0.call_once_force(|_| env.note(who, "once"));
            let got = *once.1.get_or_init(|| {
                steps(env, who, b);
                2
            });
            env.note(who, format_args!("got{got}"));
            join(env, who, other);
        }
        System::Signal(n, mut all) => {
            let flag = Arc::new((Mutex::new(false), Condvar::new()));
            let (theirs, inner) = (flag.clone(), all.remove(0));
            let sets = start(env, who, move |env, who| {
                steps(env, who, inner);
                *theirs.0.lock().unwrap() = true;
                theirs.1.notify_all();
            });
            let guard = flag.0.lock().unwrap();
            let (guard, timed) = flag.1.wait_timeout_while(guard, ms(n), |set| !*set).unwrap();
            env.note(who, format_args!("set{}{}@{}", *guard, timed.timed_out(), raddle::now()));
            drop(guard);
            join(env, who, sets);
        }
        System::Unparked(mut all) => {
            let (me, inner) = (thread::current(), all.remove(0));
            let flag = Arc::new(Mutex::new(false));
            let theirs = flag.clone();
            let other = start(env, who, move |env, who| {
                thread::park_timeout(Duration::from_micros(300));
                me.unpark();
                let done = catch_unwind(AssertUnwindSafe(|| steps(env, who, inner))).is_ok();
                *theirs.lock().unwrap() = true;
                me.unpark();
                assert!(done, "the thread's panic");
            });
            other.thread().unpark();
            let mut times = 0;
            while !*flag.lock().unwrap() {
                thread::park();
                times += 1;
            }
            env.note(who, format_args!("parked{times}"));
            join(env, who, other);
        }
        System::Destructor(mut all) => {
            let inner = all.remove(0);
            let other = start(env, who, move |env, who| {
                // Of a panic in a destructor the process dies.
                let calm = inner.into_iter().filter(|step| !super::jobs::may_panic(step)).collect();
                LAST.with_borrow_mut(|last| last.push(Last(Some((env.clone(), who.clone(), calm)))));
            });
            join(env, who, other);
        }
        System::Caught(mut all) => {
            let caught = catch_unwind(AssertUnwindSafe(|| steps(env, who, all.remove(0))));
            env.note(who, format_args!("caught{}", caught.is_err()));
        }
        System::Poisons(mut all) => {
            let lock = Arc::new(Mutex::new(()));
            let (theirs, inner) = (lock.clone(), all.remove(0));
            let other = start(env, who, move |env, who| {
                let _guard = theirs.lock();
                steps(env, who, inner);
                panic!("{} panics with a lock", who.name);
            });
            let before = lock.lock().is_err();
            join(env, who, other);
            env.note(who, format_args!("poisoned{before}{}", lock.lock().is_err()));
        }
        System::Scoped(all) => {
            let sum = catch_unwind(AssertUnwindSafe(|| {
                let mut total = 0;
                let numbers = [1, 2, 3];
                thread::scope(|scope| {
                    let handles = all.into_iter().zip(&numbers).map(|(inner, n)| {
                        let child = who.child('h');
                        scope.spawn(move || {
                            steps(env, &child, inner);
                            *n
                        })
                    });
                    let handles: Vec<_> = handles.collect();
                    total = handles.into_iter().map(|handle| handle.join().unwrap_or(100)).sum();
                });
                total
            }));
            env.note(who, format_args!("sum{:?}", sum.ok()));
        }
        other => unreachable!("{other:?}"),
    }
}

fn queues(env: &Arc<Env>, who: &Arc<Who>, what: System) {
    match what {
        System::Pool(n, all) => {
            let (sender, receiver) = mpsc::channel::<Steps>();
            let receiver = Arc::new(Mutex::new(receiver));
            let workers = (0..=n / 2).map(|_| {
                let receiver = receiver.clone();
                start(env, who, move |env, who| {
                    let mut done = 0;
                    loop {
                        let next = receiver.lock().unwrap().recv();
                        let Ok(next) = next else { break };
                        steps(env, who, next);
                        done += 1;
                    }
                    env.note(who, format_args!("did{done}"));
                    done
                })
            });
            let workers: Vec<_> = workers.collect();
            all.into_iter().for_each(|inner| sender.send(inner).unwrap());
            drop(sender);
            let done: i32 = workers.into_iter().filter_map(|worker| join(env, who, worker)).sum();
            env.note(who, format_args!("done{done}"));
        }
        System::Rendezvous(mut all) => {
            let (sender, receiver) = mpsc::sync_channel(0);
            let (a, b) = (all.remove(0), all.remove(0));
            let sends = start(env, who, move |env, who| {
                steps(env, who, a);
                let sent = (sender.send(1).is_ok(), sender.try_send(2).is_ok());
                env.note(who, format_args!("sent{sent:?}"));
            });
            steps(env, who, b);
            let got = (receiver.recv().ok(), receiver.recv_timeout(ms(1)).ok());
            drop(receiver);
            env.note(who, format_args!("got{got:?}"));
            join(env, who, sends);
        }
        System::Channel(all) => {
            let (sender, receiver) = mpsc::channel();
            let all = all.into_iter().zip(10..).map(|(inner, n)| {
                let sender = sender.clone();
                start(env, who, move |env, who| {
                    let _ = sender.send(n);
                    steps(env, who, inner);
                    let _ = sender.send(n + 10);
                })
            });
            let all: Vec<_> = all.collect();
            drop(sender);
            let got: Vec<i32> = receiver.iter().collect();
            env.note(who, format_args!("got{got:?}"));
            all.into_iter().for_each(|handle| _ = join(env, who, handle));
        }
        other => unreachable!("{other:?}"),
    }
}
