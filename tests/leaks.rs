//! Blocking calls on the loop are seen, whoever makes them, and told; in workers they are waits in virtual time.

use raddle::{Class, FindingKind, Policy, Report, Sim};
use std::fmt::Debug;
use std::future::Future;
use std::sync::{Arc, Barrier, Condvar, Mutex, RwLock, mpsc};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

fn run<F, Fut, T>(scenario: F) -> Report<T>
where
    F: Fn() -> Fut + Send,
    Fut: Future<Output = T> + 'static,
    T: Debug + Send + 'static,
{
    Sim::new().require_boundary(true).run(scenario)
}

/// The classes of what leaked while `f` ran on the loop.
fn on_the_loop(f: fn()) -> Vec<Class> {
    let report = run(move || async move { f() });
    report.leaks().iter().map(|leak| leak.class()).collect()
}

#[track_caller]
fn leaks_as(class: Class, f: fn()) {
    let found = on_the_loop(f);
    assert!(!found.is_empty() && found.iter().all(|&c| c == class), "on the loop: {found:?}, but should be {class:?}");
    let report = run(move || raddle::unblock(f));
    assert!(report.is_ok() && report.leaks().is_empty(), "in a worker: {report}");
}

#[test]
fn the_boundary_is_on() {
    let report = run(|| async {});
    assert_eq!(report.boundary(), "on", "without it nothing below means anything");
}

// ---- canaries: one a class

#[test]
fn sleeping_is_a_leak() {
    leaks_as(Class::Sleep, || std::thread::sleep(50 * MS));
    leaks_as(Class::Sleep, || {
        let time = libc::timespec { tv_sec: 5, tv_nsec: 0 };
        // SAFETY: a place for a time, and none for what is left of it.
        unsafe { libc::nanosleep(&time, std::ptr::null_mut()) };
    });
}

#[test]
fn files_are_a_leak() {
    leaks_as(Class::File, || drop(std::fs::read("/etc/hosts")));
    leaks_as(Class::File, || drop(std::fs::metadata("/etc/hosts")));
    leaks_as(Class::File, || drop(std::fs::read_dir("/").map(Iterator::count)));
    leaks_as(Class::File, || {
        let folder = std::env::temp_dir().join(format!("raddle-leaks-{}", std::process::id()));
        let _ = std::fs::create_dir_all(&folder);
        let _ = std::fs::write(folder.join("a"), "text");
        let _ = std::fs::rename(folder.join("a"), folder.join("b"));
        let _ = std::fs::remove_dir_all(&folder);
    });
}

#[test]
fn a_channel_and_its_kin_are_a_leak() {
    leaks_as(Class::Lock, || {
        let (sender, receiver) = mpsc::channel::<()>();
        assert!(receiver.recv_timeout(500 * MS).is_err());
        drop(sender);
    });
    leaks_as(Class::Lock, || std::thread::park_timeout(50 * MS));
    leaks_as(Class::Lock, || {
        let (mutex, condition) = (Mutex::new(()), Condvar::new());
        let _ = condition.wait_timeout(mutex.lock().unwrap(), 20 * MS).unwrap();
    });
}

#[test]
fn descriptors_are_a_leak() {
    leaks_as(Class::Readiness, || {
        // SAFETY: no descriptors at all.
        unsafe { libc::poll(std::ptr::null_mut(), 0, 20) };
    });
    leaks_as(Class::Socket, || drop(std::net::TcpStream::connect("127.0.0.1:1")));
}

#[test]
fn processes_are_a_leak() {
    leaks_as(Class::Process, || {
        let null = std::process::Stdio::null;
        let mut command = std::process::Command::new("/bin/true");
        assert!(command.stdin(null()).stdout(null()).stderr(null()).status().unwrap().success());
    });
}

#[test]
fn output_and_closing_are_where_they_are_denied() {
    let denied = |class, f: fn()| {
        let sim = Sim::new().require_boundary(true).blocking(class, Policy::Deny);
        let report = sim.run(move || async move { f() });
        assert!(!report.is_ok(), "{report}");
        report.leaks().iter().map(|leak| leak.class()).collect::<Vec<_>>()
    };
    // SAFETY: nothing is written.
    assert_eq!(denied(Class::Output, || _ = unsafe { libc::write(1, c"".as_ptr().cast(), 0) }), [Class::Output]);
    // SAFETY: what is closed is the descriptor that was made for that.
    assert_eq!(denied(Class::Close, || _ = unsafe { libc::close(libc::dup(2)) }), [Class::Close]);
}

#[test]
fn a_destructor_that_blocks_is_a_leak() {
    struct Flushes;
    impl Drop for Flushes {
        fn drop(&mut self) {
            std::thread::sleep(5 * MS);
        }
    }
    leaks_as(Class::Sleep, || drop(Flushes));
    // And that of a future which is cancelled.
    let report = run(|| async {
        let kept = Flushes;
        let task = raddle::task("kept").spawn(async move {
            std::future::pending::<()>().await;
            drop(kept);
        });
        raddle::yield_now().await;
        drop(task);
        raddle::yield_now().await;
    });
    let [leak] = report.leaks() else { panic!("{report}") };
    assert!(leak.frames().iter().any(|frame| frame.contains("Flushes")), "{leak}");
}

// ---- what is no leak

#[test]
fn the_nonblocking_forms_are_none() {
    let found = on_the_loop(|| {
        std::thread::sleep(Duration::ZERO);
        let (sender, receiver) = mpsc::channel();
        sender.send(1).unwrap();
        assert_eq!(receiver.recv(), Ok(1));
        assert!(receiver.try_recv().is_err());
        assert_eq!(receiver.recv_timeout(Duration::ZERO), Err(mpsc::RecvTimeoutError::Timeout));
        let lock = RwLock::new(1);
        assert_eq!(*lock.read().unwrap(), 1);
        assert!(Mutex::new(()).try_lock().is_ok());
        // SAFETY: no descriptors at all.
        unsafe { libc::poll(std::ptr::null_mut(), 0, 0) };
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        assert!(socket.recv(&mut [0; 4]).is_err());
    });
    assert_eq!(found, []);
}

#[test]
fn everyday_calls_are_none() {
    let found = on_the_loop(|| {
        for n in 1..200 {
            drop(std::hint::black_box(vec![n as u8; n * 10_000]));
        }
        println!("printed");
        eprintln!("printed");
        let _ = std::time::Instant::now().elapsed();
        let _ = std::time::SystemTime::now();
        let map: std::collections::HashMap<u8, u8> = (0..100).map(|n| (n, n)).collect();
        assert_eq!(map.len(), 100);
        let _ = std::thread::available_parallelism();
        let shared = Arc::new(Mutex::new(0));
        *shared.lock().unwrap() += fastrand::u8(..);
        assert!(std::panic::catch_unwind(|| panic!("on purpose")).is_err());
    });
    assert_eq!(found, []);
}

// ---- telling

#[test]
fn a_leak_is_told_with_all_that_it_cost() {
    let report = run(|| async {
        let waiting = raddle::task("waiter").spawn(async {
            raddle::sleep(10 * MS).await;
            raddle::now().as_nanos()
        });
        raddle::task("ready").spawn(async { raddle::sleep(30 * MS).await }).detach();
        raddle::yield_now().await;
        raddle::yield_now().await;
        let other = raddle::task("other").spawn(async {});
        raddle::task("culprit").spawn(async { (0..2).for_each(|_| std::thread::sleep(50 * MS)) }).await;
        other.await;
        waiting.await
    });
    let finding = report.finding().expect("a leak is a finding");
    assert_eq!(finding.kind(), FindingKind::Leak);
    assert_eq!(report.value().copied(), Some(100_000_000), "the run goes on, and the timer fires late");
    let [leak] = report.leaks() else { panic!("one call site: {:?}", report.leaks()) };
    assert_eq!((leak.class(), leak.count(), leak.task()), (Class::Sleep, 2, "culprit"));
    assert_eq!(leak.call(), "thread::sleep 50 ms");
    assert_eq!(leak.stood_still(), 100 * MS);
    assert_eq!(leak.late(), ["waiter", "ready"]);
    assert!(leak.place().unwrap().contains("tests/leaks.rs:"), "{leak}");
    assert!(leak.frames()[0].contains("leaks::a_leak_is_told"), "{leak}");
    assert!(leak.spawned_at().unwrap().file().ends_with("leaks.rs"), "{leak}");
    let text = report.to_string();
    for part in ["leak at ", "thread::sleep 50 ms", "instead:", "BLOCKS THE LOOP", "boundary: on"] {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
}

/// As an optimised build makes of a loop: two calls, each at a place of its own in the code, but at one line of it.
#[test]
fn what_two_calls_at_one_line_cost_is_told_of_both() {
    let report = run(|| async {
        raddle::task("ready").spawn(async { raddle::sleep(30 * MS).await }).detach();
        raddle::yield_now().await;
        let _ = (std::thread::sleep(20 * MS), std::thread::sleep(20 * MS));
        raddle::yield_now().await;
    });
    let [leak] = report.leaks() else { panic!("one line: {:?}", report.leaks()) };
    assert_eq!((leak.count(), leak.stood_still(), leak.late()), (2, 40 * MS, &["ready".to_string()][..]));
}

#[test]
fn names_are_told() {
    let report = run(|| async { drop(std::fs::File::open("/etc/hosts")) });
    assert_eq!(report.leaks()[0].call(), "open \"/etc/hosts\"");
    let report = run(|| async { drop(std::net::TcpStream::connect("127.0.0.1:1")) });
    assert_eq!(report.leaks()[0].call(), "connect 127.0.0.1:1");
}

#[test]
fn a_look_up_of_a_host_is_one_leak() {
    use std::net::ToSocketAddrs;
    let report = run(|| async { drop(("localhost", 80).to_socket_addrs()) });
    let classes: Vec<_> = report.leaks().iter().map(|l| l.class()).collect();
    assert_eq!(classes, [Class::Dns], "{report}");
    assert_eq!(on_the_loop(|| drop(("127.0.0.1", 80).to_socket_addrs())), []);
}

#[test]
fn the_assertion_tells() {
    raddle::assert_no_leaks!(run(|| async {}));
    let report = run(|| async { std::thread::sleep(MS) });
    let panicked = std::panic::catch_unwind(|| raddle::assert_no_leaks!(report)).unwrap_err();
    assert!(panicked.downcast_ref::<String>().unwrap().contains("thread::sleep 1 ms"));
}

#[test]
fn an_allowance_that_no_seed_uses_is_told() {
    let scenario = || async {
        raddle::allow_blocking("for nothing", || ());
        raddle::allow_blocking("for something", || std::thread::sleep(MS));
    };
    let found = raddle::Explore::new().seeds(0..3).run(scenario);
    assert!(found.is_ok(), "{found}");
    let [unused] = found.unused_allowances() else { panic!("{found}") };
    assert!(unused.contains("for nothing") && found.to_string().contains("for nothing"), "{found}");
}

// ---- allowing

#[test]
fn a_scope_allows_what_is_in_it() {
    let report = run(|| async { raddle::allow_blocking("for this test", || std::thread::sleep(MS)) });
    assert!(report.is_ok() && report.leaks().is_empty() && report.unused_allowances().is_empty(), "{report}");
    assert_eq!(report.elapsed(), MS);
    let report = run(|| async { raddle::allow_blocking("for nothing", || ()) });
    assert!(report.unused_allowances()[0].contains("for nothing"), "{report}");
}

#[test]
fn a_policy_allows_a_class() {
    let sleeps = || async { std::thread::sleep(MS) };
    let report = Sim::new().blocking(Class::Sleep, Policy::Allow).run(sleeps);
    assert!(report.is_ok() && report.leaks().is_empty(), "{report}");
    let report = Sim::new().blocking(Class::Sleep, Policy::Report).run(sleeps);
    assert!(report.is_ok() && report.leaks().len() == 1, "{report}");
}

/// Paths of one class, below which a test may block; the same call site may be allowed one path and not another.
#[test]
fn a_path_is_allowed_for_a_test() {
    let read = |path: &str| std::fs::read(path).map_or(0, |bytes| bytes.len());
    let sim = || Sim::new().require_boundary(true).allow_path("small", Class::File, "/etc/hosts");
    let report = sim().run(move || async move { read("/etc/hosts") });
    assert!(report.is_ok() && report.leaks().is_empty() && report.unused_allowances().is_empty(), "{report}");
    let report = sim().run(move || async move { ["/etc/hosts", "/etc/passwd"].map(read) });
    let calls: Vec<_> = report.leaks().iter().map(|leak| leak.call()).collect();
    assert_eq!(calls, ["open \"/etc/passwd\"", "read \"/etc/passwd\""], "{report}");
    let report = sim().allow_path("its own source", Class::File, "tests").run(move || async move { read(file!()) });
    assert!(report.is_ok() && report.value() > Some(&0), "{report}");
    assert_eq!(report.unused_allowances(), ["\"small\" for class file at \"/etc/hosts\""], "{report}");
    let connects = || async { drop(std::net::TcpStream::connect("127.0.0.1:1")) };
    let report = sim().allow_path("the test's own", Class::Socket, "127.0.0.1").run(connects);
    assert!(report.is_ok() && report.unused_allowances().len() == 1, "{report}");
}

#[test]
fn a_class_that_is_allowed_for_nothing_is_told() {
    let allowed = || raddle::Explore::new().seeds(0..2).blocking(Class::Sleep, Policy::Allow);
    let found = allowed().run(|| async {});
    assert_eq!(found.unused_allowances(), ["all calls of class sleep"], "{found}");
    let found = allowed().blocking(Class::Dns, Policy::Deny).run(|| async { std::thread::sleep(MS) });
    assert!(found.is_ok() && found.unused_allowances().is_empty(), "{found}");
}

// ---- in workers: waits in virtual time

#[track_caller]
fn takes(virtual_time: Duration, f: fn()) {
    for seed in 0..3 {
        let report = Sim::new().seed(seed).run(move || raddle::unblock(f));
        assert!(report.is_ok(), "{report}");
        assert_eq!(report.elapsed(), virtual_time);
    }
}

#[test]
fn jobs_wait_in_virtual_time() {
    takes(Duration::from_secs(3600), || std::thread::sleep(Duration::from_secs(3600)));
    takes(500 * MS, || {
        let (_sender, receiver) = mpsc::channel::<()>();
        assert!(receiver.recv_timeout(500 * MS).is_err());
    });
    takes(70 * MS, || std::thread::park_timeout(70 * MS));
    takes(90 * MS, || {
        let (mutex, condition) = (Mutex::new(()), Condvar::new());
        assert!(condition.wait_timeout(mutex.lock().unwrap(), 90 * MS).unwrap().1.timed_out());
    });
    takes(20 * MS, || {
        // SAFETY: no descriptors at all.
        unsafe { libc::poll(std::ptr::null_mut(), 0, 20) };
    });
}

/// Two jobs contend for a lock of std's; the seed decides who has it first.
#[test]
fn jobs_contend_for_a_lock() {
    let found = raddle::Explore::new().seeds(0..40).run(|| async {
        let shared = Arc::new(Mutex::new(Vec::new()));
        let jobs: Vec<_> = (0..2)
            .map(|n| {
                let shared = shared.clone();
                raddle::unblock(move || {
                    std::thread::sleep(MS);
                    let mut order = shared.lock().unwrap();
                    std::thread::sleep(10 * MS);
                    order.push(n);
                })
            })
            .collect();
        for job in jobs {
            job.await;
        }
        (raddle::now().as_nanos() / 1_000_000, shared.lock().unwrap().clone())
    });
    assert!(found.is_ok(), "{found}");
    let outcomes: Vec<_> = found.outcomes().iter().map(|o| o.text()).collect();
    assert_eq!(outcomes, ["(21, [0, 1])", "(21, [1, 0])"]);
}

#[test]
fn jobs_meet_at_a_barrier_and_talk_over_channels() {
    let found = raddle::Explore::new().seeds(0..20).run(|| async {
        let barrier = Arc::new(Barrier::new(3));
        let (sender, receiver) = mpsc::sync_channel(0);
        let jobs: Vec<_> = (0..3)
            .map(|n| {
                let (barrier, sender) = (barrier.clone(), sender.clone());
                raddle::unblock(move || {
                    barrier.wait();
                    sender.send(n).unwrap();
                })
            })
            .collect();
        drop(sender);
        let sum = raddle::unblock(move || receiver.iter().sum::<i32>()).await;
        for job in jobs {
            job.await;
        }
        sum
    });
    assert!(found.is_ok(), "{found}");
    assert_eq!(found.outcomes().len(), 1, "{found}");
}

/// Files are real, and each call on one is a place where others may run.
#[test]
fn calls_on_files_are_switch_points() {
    use std::io::{Read, Seek, Write};
    let explore = raddle::Explore::new().seeds(0..32).require_boundary(true).check(raddle::Check::All);
    let found = explore.run(|| async {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let run = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("raddle-switches-{}-{run}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let open = {
            let path = path.clone();
            move || std::fs::File::options().create(true).read(true).append(true).open(&path).unwrap()
        };
        let jobs = ["a", "b"].map(|text| {
            let open = open.clone();
            raddle::unblock(move || {
                let mut file = open();
                (0..3).for_each(|_| file.write_all(text.as_bytes()).unwrap());
            })
        });
        for job in jobs {
            job.await;
        }
        raddle::unblock(move || {
            let (mut file, mut text) = (open(), String::new());
            file.rewind().unwrap();
            file.read_to_string(&mut text).unwrap();
            std::fs::remove_file(path).unwrap();
            text
        })
        .await
    });
    assert!(found.is_ok(), "{found}");
    let texts: std::collections::BTreeSet<&str> = found.outcomes().iter().map(|outcome| outcome.text()).collect();
    assert!(texts.iter().all(|text| text.matches('a').count() == 3 && text.matches('b').count() == 3), "{texts:?}");
    assert!(texts.len() > 4, "neither is over before the other begins: {texts:?}");
}

#[test]
fn a_lock_that_a_job_holds_stops_the_loop_until_it_is_free() {
    let report = run(|| async {
        let shared = Arc::new(Mutex::new(0));
        let theirs = shared.clone();
        let job = raddle::unblock(move || {
            let mut guard = theirs.lock().unwrap();
            std::thread::sleep(40 * MS);
            *guard = 1;
        });
        raddle::sleep(MS).await;
        let seen = *shared.lock().unwrap();
        job.await;
        seen
    });
    assert_eq!(report.value(), Some(&1), "{report}");
    let [leak] = report.leaks() else { panic!("{report}") };
    assert_eq!(leak.class(), Class::Lock);
    assert_eq!(leak.stood_still(), 39 * MS);
    assert_eq!(leak.call(), "lock of a Mutex that is held");
    assert!(!leak.is_for_ever() && leak.holder().is_some_and(|h| h.starts_with("worker-1's job ")), "{leak}");
    let text = report.to_string();
    assert!(text.contains("lock of a Mutex held by worker-1's job ") && text.contains("leaks.rs"), "{text}");
}

#[test]
fn a_pipe_between_jobs() {
    let report = run(|| async {
        let (mut reader, mut writer) = std::io::pipe().unwrap();
        let reading = raddle::unblock(move || {
            use std::io::Read;
            let mut text = String::new();
            reader.read_to_string(&mut text).unwrap();
            (text, raddle::now().as_nanos() / 1_000_000)
        });
        raddle::unblock(move || {
            use std::io::Write;
            std::thread::sleep(Duration::from_secs(5));
            writer.write_all(b"hello").unwrap();
        })
        .await;
        reading.await
    });
    assert!(report.is_ok(), "{report}");
    assert_eq!(report.value(), Some(&("hello".to_string(), 5_000)));
}

#[test]
fn a_command_in_a_job() {
    let report = run(|| async {
        raddle::unblock(|| {
            let output = std::process::Command::new("sh").args(["-c", "sleep 0.02; echo slept"]).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        })
        .await
    });
    assert!(report.is_ok(), "{report}");
    assert_eq!(report.value().unwrap(), "slept\n");
}

// ---- what is allowed by function, and how many are told

mod legacy {
    pub fn read() -> usize {
        std::fs::read("/etc/hosts").map_or(0, |text| text.len())
    }

    pub fn stat() -> bool {
        std::fs::metadata("/etc/hosts").is_ok()
    }
}

#[test]
fn a_function_may_block_from_where_that_is_said() {
    let report = run(|| async {
        raddle::allow_blocking_in("small", "legacy::read");
        raddle::allow_blocking_in("not called", "legacy::nothing");
        raddle::spawn(async { legacy::read() }).await
    });
    assert!(report.is_ok() && report.leaks().is_empty(), "{report}");
    let [unused] = report.unused_allowances() else { panic!("{report}") };
    assert!(unused.starts_with("\"not called\" in `legacy::nothing` at tests/leaks.rs:"), "{unused}");
    let report = run(|| async {
        raddle::allow_blocking_in("small", "legacy::read");
        raddle::spawn(async { legacy::read() + usize::from(legacy::stat()) }).await
    });
    let calls: Vec<_> = report.leaks().iter().map(|leak| leak.call()).collect();
    assert_eq!(calls, ["stat \"/etc/hosts\""], "nothing else is allowed: {report}");
    let report = run(|| async { raddle::spawn(async { legacy::read() }).await });
    assert!(!report.is_ok(), "not in the next run: {report}");
}

#[test]
fn what_tasks_do_is_told_before_what_the_scenario_prepares_and_each_line_once() {
    let report = run(|| async {
        let folder = std::fs::metadata("/etc").is_ok();
        raddle::task("handler").spawn(async { legacy::read() }).await > 0 && folder
    });
    let text = report.to_string();
    assert!(text.contains("leak at tests/leaks.rs:"), "{text}");
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let line = |start: &str| lines.iter().position(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{text}"));
    let open = line("open \"/etc/hosts\" blocks the loop (file), in handler");
    assert!(open < line("stat \"/etc\" blocks the loop (file), in scenario"), "{text}");
    let also = line("and from tests/leaks.rs:");
    assert!(open < also && lines[also].contains(": read \"/etc/hosts\""), "{text}");
    assert_eq!(text.matches("instead: use `smol::fs`").count(), 1, "{text}");
}

/// Each run has a temporary file of another name, which its destructor removes on the loop.
#[test]
fn a_leak_on_files_of_many_names_is_one_kind_of_failure() {
    let seeds = raddle::Explore::new().seeds(0..4).require_boundary(true).shrink_budget(0);
    let found = seeds.run(|| async {
        let name = raddle::rng().next_u64();
        let letters: String = (0..8).map(|n| char::from(b'a' + (name >> (8 * n)) as u8 % 26)).collect();
        drop(std::fs::remove_file(std::env::temp_dir().join(letters)));
    });
    assert_eq!(found.failures().len(), 1, "{found}");
    assert_eq!(found.failures()[0].count(), 4, "{found}");
}

#[test]
fn many_leaks_are_told_in_few_lines() {
    let sim = Sim::new().require_boundary(true).strategy(raddle::StrategyKind::Fifo);
    let report = sim.run(|| async {
        let tasks: Vec<_> = (0..40)
            .map(|n| {
                raddle::task(format!("reader-{n}")).spawn(async move { std::fs::read(format!("/etc/{n}")).is_ok() })
            })
            .collect();
        for task in tasks {
            task.await;
        }
        let stats = [
            || std::fs::metadata("/etc/a").is_ok(),
            || std::fs::metadata("/etc/b").is_ok(),
            || std::fs::metadata("/etc/c").is_ok(),
            || std::fs::metadata("/etc/d").is_ok(),
            || std::fs::metadata("/etc/e").is_ok(),
            || std::fs::metadata("/etc/f").is_ok(),
            || std::fs::metadata("/etc/g").is_ok(),
            || std::fs::metadata("/etc/h").is_ok(),
        ];
        stats.iter().filter(|stat| stat()).count()
    });
    let text = report.to_string();
    assert_eq!(report.leaks().len(), 9, "{text}");
    assert!(text.contains("open \"/etc/0\" blocks the loop, 40 times (file), in reader-0"), "{text}");
    assert_eq!(text.matches(" blocks the loop").count(), 1 + 6, "{text}");
    assert!(text.contains("  and stat \"/etc/f\" at tests/leaks.rs:"), "{text}");
}
