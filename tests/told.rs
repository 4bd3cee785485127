//! How leaks are told: once for each line of code, with what the call is about, and in their lane.

#![cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]

use raddle::{Class, Report, Sim};
use std::fs::File;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

fn run<F, Fut, T>(scenario: F) -> Report<T>
where
    F: Fn() -> Fut + Send,
    Fut: Future<Output = T> + 'static,
    T: std::fmt::Debug + Send + 'static,
{
    Sim::new().require_boundary(true).run(scenario)
}

fn told<T: std::fmt::Debug>(report: &Report<T>) -> Vec<(String, u32)> {
    report.leaks().iter().map(|leak| (leak.call().to_string(), leak.count())).collect()
}

#[test]
fn a_line_of_code_is_told_once() {
    let report = run(|| async {
        let mut file = raddle::allow_blocking("to have one", || File::open("/etc/hosts").unwrap());
        let mut bytes = [0; 2];
        // Two calls, and two places in the machine's code.
        (file.read(&mut bytes[..1]).unwrap(), file.read(&mut bytes[1..]).unwrap())
    });
    assert_eq!(told(&report), [("read \"/etc/hosts\"".to_string(), 2)], "{report}");
    assert_eq!(report.interleaving().matches("BLOCKS THE LOOP").count(), 1, "{report}");
    let report = run(|| async {
        (0..3).for_each(|n| thread::sleep(n * MS));
        thread::sleep(MS);
    });
    assert_eq!(
        told(&report),
        [("thread::sleep 1 ms".to_string(), 2), ("thread::sleep 1 ms".to_string(), 1)],
        "{report}"
    );
    assert_eq!(report.leaks()[0].stood_still(), 3 * MS, "{report}");
}

#[test]
fn what_is_read_is_told() {
    let report = run(|| async {
        let (mut one, two) = UnixStream::pair().unwrap();
        drop(two);
        one.read(&mut [0]).unwrap()
    });
    assert_eq!(told(&report), [("receive from a socket".to_string(), 1)], "{report}");
    let report = run(|| async { std::fs::read("/etc/hosts").unwrap().len() });
    let calls: Vec<_> = report.leaks().iter().map(|leak| leak.call()).collect();
    assert_eq!(calls, ["open \"/etc/hosts\"", "read \"/etc/hosts\""], "{report}");
}

/// However many files and sockets it takes.
#[test]
fn a_look_up_of_a_host_is_one_line() {
    let report = run(|| async { drop(std::net::ToSocketAddrs::to_socket_addrs(&("localhost", 80))) });
    let lanes = report.interleaving();
    assert_eq!(lanes.matches("BLOCKS THE LOOP: ").count(), 1, "{lanes}");
    assert!(lanes.contains("scenario BLOCKS THE LOOP: getaddrinfo\n"), "{lanes}");
}

#[test]
fn an_allowed_path_covers_what_is_read_from_it() {
    let read = || async { std::fs::read("/etc/hosts").unwrap().len() };
    let report = Sim::new().require_boundary(true).allow_path("small", Class::File, "/etc").run(read);
    assert!(report.is_ok() && report.leaks().is_empty(), "{report}");
}

async fn a_little_of_everything() {
    let shared = Arc::new(Mutex::new(()));
    let theirs = shared.clone();
    let job = raddle::task("indexer").unblock(move || {
        let _guard = theirs.lock().unwrap();
        thread::sleep(40 * MS);
    });
    raddle::task("ticker").spawn(async { raddle::sleep(20 * MS).await }).detach();
    raddle::sleep(5 * MS).await;
    raddle::task("impatient").spawn(async { thread::sleep(10 * MS) }).await;
    let look_up = raddle::task("look-up").spawn(async move {
        drop(shared.lock().unwrap());
        std::fs::read("/etc/hosts").unwrap();
    });
    look_up.await;
    job.await;
}

/// No lines of the source, no numbers of descriptors, no addresses: what is edited elsewhere does not show.
#[cfg(feature = "insta")]
#[test]
fn leaks_in_their_lanes() {
    let report = run(a_little_of_everything);
    let calls: Vec<_> = report.leaks().iter().map(|leak| leak.call()).collect();
    let read = ["open \"/etc/hosts\"", "read \"/etc/hosts\""];
    assert_eq!(calls[..2], ["thread::sleep 10 ms", "lock of a Mutex that is held"], "{report}");
    assert_eq!(calls[2..], read, "{report}");
    raddle::assert_interleaving!(report);
}
