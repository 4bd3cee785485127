//! Scenarios of many kinds, each of which tells in its result what order it saw.

use futures_lite::{StreamExt, future};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

pub type Scenario = fn() -> Pin<Box<dyn Future<Output = String>>>;

/// All of them, by name.
pub const ALL: &[(&str, Scenario)] = &[
    ("race", || Box::pin(race())),
    ("timers", || Box::pin(timers())),
    ("jobs", || Box::pin(jobs())),
    ("channels", || Box::pin(channels())),
    ("locks", || Box::pin(locks())),
    ("hashes", || Box::pin(hashes())),
    ("cancelling", || Box::pin(cancelling())),
    ("randomness", || Box::pin(randomness())),
    ("thread_locals", || Box::pin(thread_locals())),
    ("failing", || Box::pin(failing())),
];

/// The run that shows most of a scenario: stalls, and few threads.
pub fn sim(seed: u64) -> raddle::Sim {
    raddle::Sim::new().name("scenario").seed(seed).stall_up_to(ms(3)).pool_threads(3)
}

pub fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A list that tasks and jobs write to.
#[derive(Clone, Default)]
pub struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    pub fn note(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    pub fn read(&self) -> String {
        self.0.lock().unwrap().join(" ")
    }
}

/// Two steps by each of four tasks.
pub async fn race() -> String {
    let diary = Diary::default();
    let tasks: Vec<_> = ["a", "b", "c", "d"].map(|name| raddle::spawn(two_steps(name, diary.clone()))).into();
    for task in tasks {
        task.await;
    }
    diary.read()
}

async fn two_steps(name: &'static str, diary: Diary) {
    diary.note(format!("{name}1"));
    raddle::yield_now().await;
    diary.note(format!("{name}2"));
}

/// Equal deadlines, timeouts that are dropped, and ticks.
pub async fn timers() -> String {
    let diary = Diary::default();
    let sleepers: Vec<_> = (0..5u64)
        .map(|n| {
            let diary = diary.clone();
            raddle::spawn(async move {
                raddle::sleep(ms(1 + n / 2)).await;
                diary.note(format!("{n}@{}", raddle::now().as_nanos() / 1_000_000));
                let late = raddle::timeout(ms(2), raddle::sleep(ms(n))).await.is_err();
                diary.note(format!("{n}{late}"));
            })
        })
        .collect();
    let mut interval = raddle::interval(ms(1));
    for _ in 0..3 {
        diary.note(format!("tick@{}", interval.next().await.unwrap()));
        raddle::yield_now().await;
    }
    for sleeper in sleepers {
        sleeper.await;
    }
    diary.read()
}

/// Jobs that sleep, give way and queue other jobs, beside tasks.
pub async fn jobs() -> String {
    let diary = Diary::default();
    let tasks: Vec<_> = (0..4)
        .map(|n| {
            let diary = diary.clone();
            raddle::spawn(async move {
                let inner = diary.clone();
                let sum = raddle::unblock(move || {
                    inner.note(format!("{n}begins on {}", std::thread::current().name().unwrap()));
                    raddle::thread::yield_now();
                    raddle::thread::sleep(ms(n % 2));
                    let nested = raddle::unblock(move || n + 1);
                    if n == 0 {
                        return raddle::thread::block_on(nested);
                    }
                    nested.detach();
                    n
                })
                .await;
                diary.note(format!("{n}={sum}"));
            })
        })
        .collect();
    for task in tasks {
        task.await;
    }
    diary.read()
}

/// Producers, and a consumer that races two channels (by fastrand).
pub async fn channels() -> String {
    let diary = Diary::default();
    let (one, from_one) = async_channel::bounded(1);
    let (two, from_two) = async_channel::unbounded();
    for n in 0..3 {
        let (one, two) = (one.clone(), two.clone());
        raddle::spawn(async move {
            one.send(n).await.unwrap();
            two.send(10 + n).await.unwrap();
        })
        .detach();
    }
    drop((one, two));
    while let Ok(n) = future::race(from_one.recv(), from_two.recv()).await {
        diary.note(n.to_string());
    }
    while let Ok(n) = from_one.recv().await {
        diary.note(n.to_string());
    }
    diary.read()
}

/// A lock that reads the clock while it waits.
pub async fn locks() -> String {
    let log = Arc::new(async_lock::Mutex::new(Vec::new()));
    let tasks: Vec<_> = (0..4u64)
        .map(|n| {
            let log = log.clone();
            raddle::spawn(async move {
                for _ in 0..2 {
                    let mut log = log.lock().await;
                    log.push(n);
                    raddle::sleep(ms(n % 2)).await;
                    raddle::yield_now().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await;
    }
    format!("{:?}", log.lock().await)
}

fn hash_order() -> String {
    let map: HashMap<u32, ()> = (0..12).map(|n| (n, ())).collect();
    let set: HashSet<u32> = (0..12).collect();
    format!("{:?} {:?}", map.keys().collect::<Vec<_>>(), set.iter().collect::<Vec<_>>())
}

/// The iteration order of hash maps on the loop and on a worker.
pub async fn hashes() -> String {
    let here = hash_order();
    let there = raddle::unblock(hash_order).await;
    let task = raddle::spawn(async { hash_order() }).await;
    format!("{here} | {there} | {task}")
}

/// Handles dropped, cancelled and detached, at moments the seed decides.
pub async fn cancelling() -> String {
    struct Leaves(Diary, u32);
    impl Drop for Leaves {
        fn drop(&mut self) {
            self.0.note(format!("{} dropped", self.1));
        }
    }
    let diary = Diary::default();
    for n in 0..6 {
        let leaves = Leaves(diary.clone(), n);
        let task = raddle::spawn(async move {
            for _ in 0..3 {
                raddle::yield_now().await;
            }
            leaves.0.note(format!("{} done", leaves.1));
        });
        let job = raddle::task("job").unblock(|| raddle::thread::yield_now());
        for _ in 0..raddle::rng().below(4) {
            raddle::yield_now().await;
        }
        match n % 3 {
            0 => drop((task, job)),
            1 => diary.note(format!("{:?} {:?}", task.cancel().await, job.cancel().await)),
            _ => task.detach(),
        }
    }
    diary.read()
}

/// Every source of randomness and time that code under test may ask.
pub async fn randomness() -> String {
    fn draw() -> String {
        let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        format!("{} {} {clock:?}", fastrand_of_futures_lite(), raddle::rng().below(1_000))
    }
    let start = std::time::Instant::now();
    let mut text = draw();
    raddle::sleep(ms(7)).await;
    text += &raddle::unblock(draw).await;
    format!("{text} {:?}", start.elapsed())
}

/// Which of two ready futures wins, ten times.
fn fastrand_of_futures_lite() -> String {
    let one = || future::block_on(future::race(async { '0' }, async { '1' }));
    (0..10).map(|_| one()).collect()
}

/// Thread-locals with a destructor, on the loop and on workers: a later run finds them as new.
pub async fn thread_locals() -> String {
    struct Dies(u32);
    impl Drop for Dies {
        fn drop(&mut self) {
            self.0 = 0;
        }
    }
    thread_local! {
        static COUNT: RefCell<Dies> = const { RefCell::new(Dies(0)) };
        // Made when it is first used, unlike the other.
        #[allow(clippy::missing_const_for_thread_local)]
        static LIST: RefCell<Vec<u32>> = RefCell::new(Vec::new());
    }
    fn count() -> u32 {
        LIST.with_borrow_mut(|list| list.push(1));
        COUNT.with_borrow_mut(|dies| {
            dies.0 += 1;
            dies.0
        }) + LIST.with_borrow(|list| list.len() as u32)
    }
    let jobs: Vec<_> = (0..6).map(|_| raddle::unblock(count)).collect();
    let mut text = format!("{}", count());
    for job in jobs {
        text += &format!(" {}", job.await);
    }
    text
}

/// Panics, lock-ups and errors for some seeds, so that runs follow failing ones.
pub async fn failing() -> String {
    let turn = Arc::new(AtomicU32::new(0));
    let held = Arc::new(Mutex::new(0));
    let tasks: Vec<_> = (0..3)
        .map(|n| {
            let (turn, held) = (turn.clone(), held.clone());
            raddle::spawn(async move {
                let before = turn.fetch_add(1, Ordering::SeqCst);
                raddle::yield_now().await;
                {
                    let _held = held.lock();
                    assert!(!(n == 0 && before == 2), "the first task came last");
                }
                if n == 1 && before == 2 && raddle::rng().chance(1, 8) {
                    future::pending::<()>().await;
                }
                before
            })
        })
        .collect();
    let job = raddle::unblock({
        let turn = turn.clone();
        move || {
            raddle::thread::yield_now();
            turn.load(Ordering::SeqCst)
        }
    });
    let mut text = String::new();
    for task in tasks {
        text += &format!("{} ", task.await);
    }
    text + &job.await.to_string()
}
