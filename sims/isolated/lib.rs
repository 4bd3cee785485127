//! async-io, blocking, async-net and async-fs as they are published, reactor and pool and all: in virtual time, and the same
//! for the same seed.
//!
//! Only where the kernel boundary is on: elsewhere their threads would wait in real time.

#![cfg(all(test, target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]

use async_io::Timer;
use blocking::unblock;
use futures_lite::{AsyncReadExt, AsyncWriteExt, StreamExt, future};
use raddle::{Check, Explore, FindingKind, Found, Isolation, Sim};
use std::fmt::Debug;
use std::future::Future;
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);

/// A few seeds, every one of which is run twice.
fn explored<F, Fut, T>(scenario: F) -> Found
where
    F: Fn() -> Fut + Send,
    Fut: Future<Output = T> + 'static,
    T: Debug + 'static,
{
    let explore = Explore::new().seeds(0..12).require_boundary(true).check(Check::All);
    let found = explore.isolation(Isolation::Process).run(scenario);
    assert!(found.is_ok(), "{found}");
    found
}

fn outcomes(found: &Found) -> Vec<&str> {
    found.outcomes().iter().map(|outcome| outcome.text()).collect()
}

/// The reactor's thread sleeps in epoll_wait, with a timer that is a descriptor: both in virtual time.
#[test]
fn timers_of_the_real_reactor() {
    let found = explored(|| async {
        let before = Instant::now();
        let naps = [3, 1, 2].map(|n| {
            raddle::spawn(async move {
                Timer::after(n * 1000 * MS).await;
                n
            })
        });
        let mut sum = 0;
        for nap in naps {
            sum += nap.await;
        }
        let mut ticks = Timer::interval(500 * MS);
        ticks.next().await;
        ticks.next().await;
        (sum, before.elapsed().as_millis() / 100)
    });
    assert_eq!(outcomes(&found), ["(6, 40)"]);
}

/// Three closures on the pool's own threads, which the seed puts in every order.
#[test]
fn jobs_of_the_real_pool() {
    let found = explored(|| async {
        let order = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
        let jobs = ["a", "b"].map(|name| {
            let order = order.clone();
            unblock(move || {
                std::thread::sleep(10 * MS);
                order.lock().unwrap().push_str(name);
            })
        });
        for job in jobs {
            job.await;
        }
        order.lock().unwrap().clone()
    });
    assert_eq!(outcomes(&found), ["\"ab\"", "\"ba\""]);
}

/// Sockets of the system, waited for by the real reactor.
#[test]
fn an_echo_over_the_real_net() {
    let found = explored(|| async {
        let listener = async_net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = raddle::task("server").spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = [0; 4];
            stream.read_exact(&mut bytes).await.unwrap();
            Timer::after(20 * MS).await;
            stream.write_all(&bytes).await.unwrap();
        });
        let before = Instant::now();
        let mut stream = async_net::TcpStream::connect(address).await.unwrap();
        stream.write_all(b"ping").await.unwrap();
        let mut bytes = [0; 4];
        stream.read_exact(&mut bytes).await.unwrap();
        server.await;
        (String::from_utf8_lossy(&bytes).into_owned(), before.elapsed().as_millis())
    });
    assert!(outcomes(&found).iter().all(|outcome| outcome.starts_with("(\"ping\", 2")), "{found}");
}

/// Files by the pool, and an executor of its own kind beside.
#[test]
fn files_of_the_real_pool_and_a_real_executor() {
    let folder = std::env::temp_dir().join(format!("raddle-isolated-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("note");
    let scenario_path = path.clone();
    let found = explored(move || {
        let path = scenario_path.clone();
        async move {
            let executor = async_executor::Executor::new();
            let task = executor.spawn(async move {
                async_fs::write(&path, b"hello").await.unwrap();
                async_fs::read_to_string(&path).await.unwrap()
            });
            future::or(task, async {
                loop {
                    executor.tick().await;
                }
            })
            .await
        }
    });
    assert_eq!(outcomes(&found), ["\"hello\""]);
    std::fs::remove_dir_all(folder).unwrap();
}

/// The attribute, whose test has a process to itself.
#[raddle::test(isolation = "process", seeds = 8, boundary = "required")]
async fn by_the_attribute() {
    let before = Instant::now();
    let slow = unblock(|| std::thread::sleep(30 * MS));
    Timer::after(10 * MS).await;
    slow.await;
    assert_eq!(before.elapsed().as_millis(), 30);
}

/// Without it the reactor's thread is started in the first run, and missing in the second: raddle says so, and what to do.
#[test]
fn what_is_said_to_those_who_need_it() {
    let run = || Sim::new().run(|| async { Timer::after(MS).await });
    let told = run().to_string() + &run().to_string();
    for words in ["outlives the run: async-io", "isolation = \"process\""] {
        assert!(told.contains(words), "{words} in {told}");
    }
    let finding = [run(), run()].into_iter().find_map(|report| report.finding().cloned()).expect("a run that fails");
    assert!(matches!(finding.kind(), FindingKind::Deadlock | FindingKind::ForeignWake), "{finding}");
}
