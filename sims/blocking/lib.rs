//! Published blocking code as it is, in jobs and threads of a world: in virtual time, and the same for the same seed.
//!
//! Only where the kernel boundary is on: elsewhere these jobs would wait in real time.

#![cfg(all(test, target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]

use raddle::{Explore, StrategyKind};
use std::collections::HashSet;
use std::fmt::Debug;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);

/// What `job` gives under each of a few seeds of three strategies, every one of which is run twice.
#[track_caller]
fn outcomes<T: Debug + Send + 'static>(job: fn() -> T) -> Vec<String> {
    let mut outcomes: Vec<String> = Vec::new();
    for strategy in strategies() {
        let explore = Explore::new().seeds(0..8).strategy(strategy).require_boundary(true).check(raddle::Check::All);
        let found = explore.run(move || async move { raddle::unblock(job).await });
        assert!(found.is_ok(), "{found}");
        outcomes.extend(found.outcomes().iter().map(|outcome| outcome.text().to_string()));
    }
    outcomes.sort();
    outcomes.dedup();
    outcomes
}

fn strategies() -> [StrategyKind; 3] {
    [StrategyKind::Random, StrategyKind::Pct { depth: 3, length: None }, StrategyKind::Urw]
}

/// The first part of a name that nobody else has. The rest is drawn from the seed: it is the same in all worlds that run it,
/// in this process and in others, and whoever comes second would have to draw again.
fn own(test: &str) -> String {
    format!("raddle-{}-{test}-", std::process::id())
}

/// Three writers, each its own connection, hold the database for a while; sqlite's own busy handler waits.
#[test]
fn a_database_with_three_writers() {
    let job = || {
        let folder = tempfile::Builder::new().prefix(&own("database")).tempdir().unwrap();
        let path = folder.path().join("x.db");
        let open = move || {
            let connection = rusqlite::Connection::open(&path).unwrap();
            connection.busy_timeout(Duration::from_secs(60)).unwrap();
            connection
        };
        open().execute_batch("create table t(writer int)").unwrap();
        let before = Instant::now();
        let writers = [0, 1, 2].map(|writer| {
            let open = open.clone();
            thread::spawn(move || {
                let mut connection = open();
                for _ in 0..3 {
                    let immediate = rusqlite::TransactionBehavior::Immediate;
                    let transaction = connection.transaction_with_behavior(immediate).unwrap();
                    transaction.execute("insert into t values(?)", [writer]).unwrap();
                    thread::sleep(100 * MS);
                    transaction.commit().unwrap();
                }
            })
        });
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        let order: Vec<u32> = {
            let connection = open();
            let mut rows = connection.prepare("select writer from t").unwrap();
            let order = rows.query_map([], |row| row.get(0)).unwrap();
            order.map(Result::unwrap).collect()
        };
        assert_eq!(order.len(), 9);
        assert!(before.elapsed() >= 900 * MS, "one after the other");
        order
    };
    let mut orders = HashSet::new();
    for strategy in strategies() {
        let explore = Explore::new().seeds(0..3).strategy(strategy).require_boundary(true).check(raddle::Check::All);
        let found = explore.run(move || raddle::unblock(job));
        assert!(found.is_ok(), "{found}");
        orders.extend(found.outcomes().iter().map(|outcome| outcome.text().to_string()));
    }
    assert!(orders.len() > 1, "the seed decides who writes when: {orders:?}");
}

#[test]
fn compression() {
    let found = outcomes(|| {
        let text = b"over and under ".repeat(1000);
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&text).unwrap();
        let small = encoder.finish().unwrap();
        let mut back = Vec::new();
        flate2::read::GzDecoder::new(&small[..]).read_to_end(&mut back).unwrap();
        (small.len() < 200, back == text)
    });
    assert_eq!(found, ["(true, true)"]);
}

#[test]
fn a_web_client_and_a_server_thread() {
    let found = outcomes(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let asked = lines.next().unwrap().unwrap();
            while !lines.next().unwrap().unwrap().is_empty() {}
            thread::sleep(Duration::from_secs(2));
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
            stream.write_all(answer.as_bytes()).unwrap();
            asked
        });
        let before = Instant::now();
        let text = ureq::get(format!("http://{address}/x")).call().unwrap().body_mut().read_to_string().unwrap();
        (text, server.join().unwrap(), before.elapsed())
    });
    assert_eq!(found, [r#"("hello", "GET /x HTTP/1.1", 2s)"#]);
}

#[test]
fn a_command() {
    let found = outcomes(|| {
        let output = Command::new("sh").args(["-c", "cat; echo done"]).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    });
    assert_eq!(found, [r#"(true, "done\n")"#]);
}

#[test]
fn temporary_files() {
    let found = outcomes(|| {
        let mut file = tempfile::Builder::new().prefix(&own("file")).tempfile().unwrap();
        file.write_all(b"text").unwrap();
        let read = std::fs::read_to_string(file.path()).unwrap();
        let path = file.into_temp_path().to_path_buf();
        (read, path.exists())
    });
    assert_eq!(found, [r#"("text", false)"#]);
}

#[test]
fn parking_lots_locks() {
    let mut found = outcomes(|| {
        let shared = Arc::new((parking_lot::Mutex::new(Vec::new()), parking_lot::Condvar::new()));
        let threads = [0, 1, 2].map(|n| {
            let shared = shared.clone();
            thread::spawn(move || {
                let mut order = shared.0.lock();
                thread::sleep(5 * MS);
                order.push(n);
                shared.1.notify_all();
            })
        });
        let before = Instant::now();
        let mut order = shared.0.lock();
        while order.len() < 3 {
            let _ = shared.1.wait_for(&mut order, 500 * MS);
        }
        let told = (order.clone(), before.elapsed());
        drop(order);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        told
    });
    found.retain(|outcome| !outcome.ends_with(", 15ms)"));
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn crossbeams_channels() {
    let found = outcomes(|| {
        let (sender, receiver) = crossbeam_channel::bounded(1);
        let thread = thread::spawn(move || {
            (0..4).for_each(|n| {
                thread::sleep(10 * MS);
                sender.send(n).unwrap();
            })
        });
        let late = receiver.recv_timeout(MS).is_err();
        let sum: u32 = receiver.iter().sum();
        thread.join().unwrap();
        (late, sum)
    });
    assert_eq!(found, ["(true, 6)"]);
}

#[test]
fn rayons_pool() {
    use rayon::prelude::*;
    let found = outcomes(|| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        pool.install(|| (0..1000u64).into_par_iter().map(|n| n * n).sum::<u64>())
    });
    assert_eq!(found, ["332833500"]);
}
