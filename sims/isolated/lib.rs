//! async-io, blocking, async-net and async-fs as they are published, reactor and pool and all, and what is built on them: in
//! virtual time, and the same for the same seed. And outside of any run, in real time, with the same results.
//!
//! Only where the kernel boundary is on: elsewhere their threads would wait in real time.

#![cfg(all(test, target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]

use async_io::Timer;
use blocking::unblock;
use futures_lite::{AsyncReadExt, AsyncWriteExt, StreamExt, future};
use raddle::{Check, Explore, FindingKind, Found, Isolation, Sim, StrategyKind};
use std::cell::RefCell;
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::process::Command;
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

thread_local! {
    /// What spawns outside of a run.
    static REAL: RefCell<Option<std::rc::Rc<async_executor::LocalExecutor<'static>>>> = const { RefCell::new(None) };
}

/// A task of the run; outside of any one of a real executor.
fn spawn<T: Send + 'static>(
    name: &'static str,
    future: impl Future<Output = T> + Send + 'static,
) -> Pin<Box<dyn Future<Output = T> + Send>> {
    match REAL.with_borrow(Clone::clone) {
        Some(executor) => Box::pin(executor.spawn(future)),
        None => Box::pin(raddle::task(name).spawn(future)),
    }
}

/// Set in a process that is to run a scenario outside of any run: its reactor and its pool would outlive that here.
const IN_REALITY: &str = "SIMS_IN_REALITY";

/// The scenario of this test [`explored`]. It returns a value, and what reality leaves open, as how long it took: by `fifo`
/// the value is the one that it has outside of any run. `None` in the process that tries the latter.
fn conforms<F, Fut, T, U>(test: &str, scenario: F) -> Option<Found>
where
    F: Fn() -> Fut + Send + Sync,
    Fut: Future<Output = (T, U)> + 'static,
    T: Debug + 'static,
    U: Debug + 'static,
{
    let value = || {
        let scenario = scenario();
        async { scenario.await.0 }
    };
    if std::env::var_os(IN_REALITY).is_some() {
        let executor = std::rc::Rc::new(async_executor::LocalExecutor::new());
        REAL.set(Some(executor.clone()));
        println!("<<{:?}>>", async_io::block_on(executor.run(executor.spawn(value()))));
        return None;
    }
    let explore = Explore::new().seeds(0..1).strategy(StrategyKind::Fifo).require_boundary(true);
    let simulated = explore.isolation(Isolation::Process).run(value);
    assert!(simulated.is_ok(), "{simulated}");
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.args(["--exact", test, "--nocapture"]).env(IN_REALITY, "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let real = text.split_once("<<").and_then(|(_, rest)| rest.split_once(">>")).map(|(real, _)| real);
    assert_eq!(outcomes(&simulated), [real.unwrap_or(&text)], "(by fifo, in reality)");
    Some(explored(scenario))
}

/// The reactor's thread sleeps in epoll_wait, with a timer that is a descriptor: both in virtual time.
#[test]
fn timers_of_the_real_reactor() {
    let scenario = || async {
        let before = Instant::now();
        let naps = [3, 1, 2].map(|n| {
            spawn("nap", async move {
                Timer::after(n * 100 * MS).await;
                n
            })
        });
        let mut sum = 0;
        for nap in naps {
            sum += nap.await;
        }
        let mut ticks = Timer::interval(50 * MS);
        ticks.next().await;
        ticks.next().await;
        (sum, before.elapsed().as_millis() / 10)
    };
    let Some(found) = conforms("timers_of_the_real_reactor", scenario) else { return };
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
    let scenario = || async {
        let listener = async_net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = spawn("server", async move {
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
    };
    let Some(found) = conforms("an_echo_over_the_real_net", scenario) else { return };
    assert!(outcomes(&found).iter().all(|outcome| outcome.starts_with("(\"ping\", 2")), "{found}");
}

/// The system holds the second of two small pieces back until the first is acknowledged, and that for 40 ms of real time. In
/// virtual time there is no such wait, and no deadline passes meanwhile.
#[test]
fn small_pieces_over_the_real_net() {
    let scenario = || async {
        let listener = async_net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = spawn("server", async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = [0; 2];
            for _ in 0..4 {
                stream.read_exact(&mut bytes).await.unwrap();
                stream.write_all(&bytes).await.unwrap();
            }
        });
        let mut stream = async_net::TcpStream::connect(address).await.unwrap();
        let mut in_time = 0;
        for _ in 0..4 {
            stream.write_all(b"a").await.unwrap();
            stream.write_all(b"b").await.unwrap();
            let answer = async { stream.read_exact(&mut [0; 2]).await.is_ok() };
            let late = async {
                Timer::after(Duration::from_secs(60)).await;
                false
            };
            in_time += u32::from(future::or(answer, late).await);
        }
        server.await;
        (in_time, ())
    };
    let Some(found) = conforms("small_pieces_over_the_real_net", scenario) else { return };
    assert_eq!(outcomes(&found), ["(4, ())"]);
}

/// More each way at once than any buffer holds, which the system's own TCP takes in pieces of any size.
#[test]
fn a_torrent_over_the_real_net() {
    const SIZE: usize = 3_000_000;
    let scenario = || async {
        let listener = async_net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let both_ways = |stream: async_net::TcpStream| {
            spawn("end", async move {
                let (mut from, mut to) = (stream.clone(), stream);
                let bytes: Vec<u8> = (0..SIZE).map(|n| n as u8).collect();
                let write = async {
                    to.write_all(&bytes).await.unwrap();
                    to.shutdown(std::net::Shutdown::Write).unwrap();
                };
                let mut read = Vec::new();
                let ((), count) = future::zip(write, from.read_to_end(&mut read)).await;
                (count.unwrap(), read == bytes)
            })
        };
        let server = spawn("server", async move { listener.accept().await.unwrap() });
        let client = async_net::TcpStream::connect(address).await.unwrap();
        let (accepted, from) = server.await;
        assert_eq!((client.local_addr().unwrap(), client.peer_addr().unwrap()), (from, address));
        assert_eq!((accepted.local_addr().unwrap(), accepted.peer_addr().unwrap()), (address, from));
        client.set_nodelay(true).unwrap();
        client.set_ttl(7).unwrap();
        assert_eq!((client.nodelay().unwrap(), client.ttl().unwrap()), (true, 7));
        assert_eq!((accepted.nodelay().unwrap(), accepted.ttl().unwrap()), (false, 64));
        let (one, two) = (both_ways(client), both_ways(accepted));
        ((one.await, two.await), ())
    };
    let Some(found) = conforms("a_torrent_over_the_real_net", scenario) else { return };
    let all = format!("({SIZE}, true)");
    assert_eq!(outcomes(&found), [format!("(({all}, {all}), ())")]);
}

/// A reader that is gone, after a writer has filled what there is of room.
#[test]
fn a_reader_that_goes_away() {
    let scenario = || async {
        let listener = async_net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let reader = spawn("reader", async move {
            let (stream, _) = listener.accept().await.unwrap();
            Timer::after(20 * MS).await;
            drop(stream);
        });
        let mut stream = async_net::TcpStream::connect(address).await.unwrap();
        let mut count = 0;
        while stream.write_all(&[7; 1000]).await.is_ok() {
            count += 1;
        }
        reader.await;
        (count > 10, count)
    };
    let Some(found) = conforms("a_reader_that_goes_away", scenario) else { return };
    assert_eq!(found.outcomes().len(), 1, "there is as much room in every run: {found}");
}

/// Files by the pool, and an executor of its own kind beside.
#[test]
fn files_of_the_real_pool_and_a_real_executor() {
    let folder = std::env::temp_dir().join(format!("raddle-isolated-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("note");
    let scenario_path = path.clone();
    let scenario = move || {
        let path = scenario_path.clone();
        async move {
            let before = Instant::now();
            let executor = async_executor::Executor::new();
            let task = executor.spawn(async move {
                async_fs::write(&path, b"hello").await.unwrap();
                async_fs::read_to_string(&path).await.unwrap()
            });
            let text = future::or(task, async {
                loop {
                    executor.tick().await;
                }
            });
            (text.await, before.elapsed().as_millis())
        }
    };
    let Some(found) = conforms("files_of_the_real_pool_and_a_real_executor", scenario) else { return };
    assert_eq!(outcomes(&found), ["(\"hello\", 0)"]);
    std::fs::remove_dir_all(folder).unwrap();
}

/// async-std, which has an executor of several threads in a static, over the same reactor and pool.
#[test]
fn async_std_and_its_executor() {
    let scenario = || async {
        let before = Instant::now();
        let listener = async_std::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = async_std::task::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).await.unwrap();
            async_std::task::sleep(20 * MS).await;
            stream.write_all(text.to_uppercase().as_bytes()).await.unwrap();
        });
        let slow = async_std::task::spawn_blocking(|| std::thread::sleep(30 * MS));
        let mut stream = async_std::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        server.await;
        slow.await;
        (text, before.elapsed().as_millis())
    };
    let Some(found) = conforms("async_std_and_its_executor", scenario) else { return };
    assert_eq!(outcomes(&found), ["(\"HELLO\", 30)"]);
}

/// An HTTP server and its client by async-h1, two requests over sockets of the system; the seed decides whose is first.
#[test]
fn requests_of_async_h1() {
    use http_types::{Method, Request, Response, Url};
    let scenario = || async {
        let listener = async_net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let order = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let server = spawn("server", {
            let order = order.clone();
            async move {
                let serve = |stream| {
                    let order = order.clone();
                    spawn("connection", async move {
                        let answer = |request: Request| {
                            order.lock().unwrap().push(request.url().path().to_string());
                            async move {
                                Timer::after(10 * MS).await;
                                let mut response = Response::new(200);
                                response.set_body(format!("you asked for {}", request.url().path()));
                                Ok(response)
                            }
                        };
                        async_h1::accept(stream, answer).await.unwrap();
                    })
                };
                let (one, _) = listener.accept().await.unwrap();
                let one = serve(one);
                let (two, _) = listener.accept().await.unwrap();
                serve(two).await;
                one.await;
            }
        });
        let ask = |path: &'static str| {
            spawn(path, async move {
                let stream = async_net::TcpStream::connect(address).await.unwrap();
                let url = Url::parse(&format!("http://{address}{path}")).unwrap();
                let mut response = async_h1::connect(stream, Request::new(Method::Get, url)).await.unwrap();
                response.body_string().await.unwrap()
            })
        };
        let (one, two) = (ask("/a"), ask("/b"));
        let answers = [one.await, two.await];
        server.await;
        let order = order.lock().unwrap().join(" ");
        (answers, order)
    };
    let Some(found) = conforms("requests_of_async_h1", scenario) else { return };
    let outcome = |order| format!("([\"you asked for /a\", \"you asked for /b\"], {order:?})");
    assert_eq!(outcomes(&found), ["/a /b", "/b /a"].map(outcome));
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
/// (In a process of its own, since that reactor is in a static, and would be missing in the processes of other tests.)
#[test]
fn what_is_said_to_those_who_need_it() {
    if std::env::var_os(IN_REALITY).is_none() {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let output =
            command.args(["--exact", "what_is_said_to_those_who_need_it"]).env(IN_REALITY, "1").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        return;
    }
    let run = || Sim::new().run(|| async { Timer::after(MS).await });
    let told = run().to_string() + &run().to_string();
    for words in ["outlives the run: async-io", "isolation = \"process\""] {
        assert!(told.contains(words), "{words} in {told}");
    }
    let finding = [run(), run()].into_iter().find_map(|report| report.finding().cloned()).expect("a run that fails");
    assert!(matches!(finding.kind(), FindingKind::Deadlock | FindingKind::ForeignWake), "{finding}");
}
