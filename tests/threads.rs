//! Threads that code under test starts itself are threads of its world.

mod common;

use raddle::{Class, Explore, FindingKind, Policy, Report, Sim};
use std::backtrace::Backtrace;
use std::cell::RefCell;
use std::fmt::Debug;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);

fn run<F, Fut, T>(scenario: F) -> Report<T>
where
    F: Fn() -> Fut + Send,
    Fut: Future<Output = T> + 'static,
    T: Debug + Send + 'static,
{
    Sim::new().require_boundary(true).run(scenario)
}

#[test]
fn a_thread_waits_in_virtual_time_and_is_joined() {
    let report = run(|| async {
        raddle::unblock(|| {
            let before = Instant::now();
            let thread = thread::Builder::new().name("sleeper".into()).spawn(|| {
                thread::sleep(Duration::from_secs(3600));
                (thread::current().name().map(String::from), raddle::in_run())
            });
            let told = thread.unwrap().join().unwrap();
            assert_eq!(before.elapsed(), Duration::from_secs(3600));
            told
        })
        .await
    });
    assert!(report.is_ok(), "{report}");
    assert_eq!(report.value(), Some(&(Some("sleeper".to_string()), true)));
    assert_eq!(report.elapsed(), Duration::from_secs(3600));
    let lanes = report.trace().lanes();
    assert!(lanes.lines().next().unwrap().ends_with("sleeper"), "a lane of its own:\n{lanes}");
}

/// It waits until *more* than so much time has passed, and is woken when just so much has.
#[test]
fn a_wait_for_a_condition_ends_in_time() {
    let waits = || {
        let (flag, changed) = (Mutex::new(false), Condvar::new());
        let waited = changed.wait_timeout_while(flag.lock().unwrap(), MS, |flag| !*flag).unwrap();
        assert!(waited.1.timed_out());
        raddle::now().as_nanos()
    };
    let a_nanosecond_more = 1_000_001;
    let report = run(move || raddle::unblock(waits));
    assert_eq!(report.unwrap(), a_nanosecond_more);
    let report = run(move || raddle::unblock(move || thread::spawn(waits).join().unwrap()));
    assert_eq!(report.unwrap(), a_nanosecond_more);
    let report =
        Sim::new().require_boundary(true).blocking(Class::Lock, Policy::Report).run(move || async move { waits() });
    assert_eq!(report.unwrap(), a_nanosecond_more);
}

#[test]
fn threads_contend_in_the_order_of_the_seed() {
    let scenario = || async {
        raddle::unblock(|| {
            let order = Arc::new(Mutex::new(Vec::new()));
            let threads: Vec<_> = (0..3)
                .map(|n| {
                    let order = order.clone();
                    thread::spawn(move || order.lock().unwrap().push(n))
                })
                .collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            Arc::try_unwrap(order).unwrap().into_inner().unwrap()
        })
        .await
    };
    let found = Explore::new().seeds(0..200).run(scenario);
    assert!(found.is_ok(), "{found}");
    assert_eq!(found.outcomes().len(), 6, "each order is found: {found}");
    for seed in 0..5 {
        let one = Sim::new().seed(seed).run(scenario);
        let two = Sim::new().seed(seed).run(scenario);
        assert_eq!((one.digest(), one.trace().lanes()), (two.digest(), two.trace().lanes()));
    }
}

#[test]
fn scoped_threads() {
    let report = run(|| async {
        raddle::unblock(|| {
            let mut numbers = [1, 2, 3];
            thread::scope(|scope| {
                for number in &mut numbers {
                    scope.spawn(move || {
                        thread::sleep(*number * MS);
                        *number *= 2;
                    });
                }
            });
            numbers
        })
        .await
    });
    assert!(report.is_ok(), "{report}");
    assert_eq!((report.value(), report.elapsed()), (Some(&[2, 4, 6]), 3 * MS));
}

#[test]
fn a_thread_that_the_loop_starts_talks_to_tasks() {
    let report = run(|| async {
        let (sender, receiver) = async_channel::bounded(1);
        let thread = thread::spawn(move || {
            for n in 0..3 {
                thread::sleep(5 * MS);
                sender.send_blocking(n).unwrap();
            }
        });
        let mut seen = Vec::new();
        while let Ok(n) = receiver.recv().await {
            seen.push((n, raddle::now().as_nanos() / 1_000_000));
        }
        raddle::unblock(|| thread.join().unwrap()).await;
        seen
    });
    assert!(report.is_ok(), "{report}");
    assert_eq!(report.value().unwrap(), &[(0, 5), (1, 10), (2, 15)]);
}

// ---- canary

#[test]
fn joining_is_a_leak() {
    let report = run(|| async {
        let thread = thread::Builder::new().name("helper".into());
        let thread = thread.spawn(|| thread::sleep(40 * MS)).unwrap();
        raddle::yield_now().await;
        thread.join().unwrap();
    });
    let [leak] = report.leaks() else { panic!("{report}") };
    assert_eq!((leak.class(), leak.stood_still()), (Class::Join, 40 * MS), "{leak}");
    assert_eq!(leak.call(), "thread::join of helper", "{report}");
    assert_eq!(report.finding().unwrap().kind(), FindingKind::Leak);
    // One that has ended is joined at once.
    let report = run(|| async {
        let thread = thread::spawn(|| ());
        raddle::sleep(MS).await;
        thread.join().unwrap();
    });
    assert!(report.is_ok(), "{report}");
}

// ---- ends

type Told = (&'static str, bool, Duration);

struct Tells(&'static str, Arc<Mutex<Vec<Told>>>, Instant);

impl Drop for Tells {
    fn drop(&mut self) {
        thread::sleep(MS);
        let place = (self.0, raddle::in_run(), self.2.elapsed());
        self.1.lock().unwrap().push(place);
    }
}

thread_local! {
    static FIRST: RefCell<Option<Tells>> = const { RefCell::new(None) };
    static SECOND: RefCell<Option<Tells>> = const { RefCell::new(None) };
}

#[test]
fn destructors_of_thread_locals_run_once_in_the_world() {
    let report = run(|| async {
        raddle::unblock(|| {
            let told = Arc::new(Mutex::new(Vec::new()));
            let (one, two) = (told.clone(), told.clone());
            let thread = thread::spawn(move || {
                let now = Instant::now();
                FIRST.set(Some(Tells("first", one, now)));
                SECOND.set(Some(Tells("second", two, now)));
            });
            thread.join().unwrap();
            Arc::try_unwrap(told).unwrap().into_inner().unwrap()
        })
        .await
    });
    assert!(report.is_ok(), "{report}");
    let mut told = report.value().unwrap().clone();
    told.sort();
    assert_eq!(told.iter().map(|t| (t.0, t.1)).collect::<Vec<_>>(), [("first", true), ("second", true)]);
    let mut times: Vec<_> = told.iter().map(|t| t.2).collect();
    times.sort();
    assert_eq!(times, [MS, 2 * MS]);
}

#[test]
fn a_panic_goes_to_whoever_joins() {
    let report = run(|| async {
        raddle::unblock(|| {
            let joined = thread::spawn(|| panic!("on purpose")).join();
            joined.unwrap_err().downcast_ref::<&str>().copied()
        })
        .await
    });
    assert!(report.is_ok(), "{report}");
    assert_eq!(report.value(), Some(&Some("on purpose")));
}

#[test]
#[ignore = "a victim"]
fn gives_memory_back_in_its_first_run() {
    if !common::is_victim() {
        return;
    }
    let use_and_free = || {
        let mut blocks: Vec<Vec<u8>> = (0..200).map(|_| vec![1; 64 << 10]).collect();
        while blocks.pop().is_some() {}
    };
    let report = raddle::Sim::new().run(move || async move {
        use_and_free();
        raddle::unblock(use_and_free).await;
    });
    println!("gave it back: {report}");
}

/// glibc's allocator, which has a lock of its own then, asks once a process whether memory may be given back: it opens, reads and
/// closes a file. Nothing that is done about such calls may allocate, and they are no leaks.
#[test]
fn the_allocator_may_look_into_files() {
    let told = common::run(&mut common::command("gives_memory_back_in_its_first_run"));
    told.says(&["gave it back: ", "passed: "]);
}

/// Tells where it is called, as errors with a backtrace do.
fn tells_a_backtrace() {
    let told = Backtrace::force_capture().to_string();
    assert!(told.contains("tells_a_backtrace"), "{told}");
    let mut names = Vec::new();
    backtrace::trace(|frame| {
        backtrace::resolve_frame(frame, |symbol| names.extend(symbol.name().map(|name| name.to_string())));
        true
    });
    assert!(names.iter().any(|name| name.contains("tells_a_backtrace")), "{names:?}");
}

async fn three_tell_a_backtrace(on_the_loop: bool) {
    let tasks = (0..3).map(|_| {
        raddle::spawn(async move {
            match on_the_loop {
                true => tells_a_backtrace(),
                false => raddle::unblock(tells_a_backtrace).await,
            }
            raddle::yield_now().await;
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await;
    }
}

#[test]
#[ignore = "a victim"]
fn tells_backtraces_in_its_first_run() {
    if !common::is_victim() {
        return;
    }
    let on_the_loop = std::env::var_os("ON_THE_LOOP").is_some();
    let of_one_seed = |_| {
        let report = Sim::new().seed(7).run(move || three_tell_a_backtrace(on_the_loop));
        assert!(report.is_ok() && report.leaks().is_empty(), "{report}");
        format!("{} in {} steps", report.digest(), report.steps())
    };
    let [first, others @ ..] = [0, 1, 2].map(of_one_seed);
    println!("first {first}, the same again: {}", others.iter().all(|other| *other == first));
}

/// Symbols are read from files by whoever needs them first in a process, and kept.
#[test]
fn the_first_backtrace_of_a_process_is_as_all_others_are() {
    for on_the_loop in [None, Some(("ON_THE_LOOP", "1"))] {
        let told = common::run(common::command("tells_backtraces_in_its_first_run").envs(on_the_loop));
        told.says(&["first ", "the same again: true", "test result: ok"]);
    }
}

/// As long as many tests that panic, one after the other, and longer than a step may take.
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
#[test]
fn the_lock_of_symbols_is_waited_for_however_long_a_thread_elsewhere_has_it() {
    const PATIENCE: Duration = Duration::from_millis(500);
    // Symbols are read here, which takes long.
    tells_a_backtrace();
    for on_the_loop in [false, true] {
        let one = || {
            let sim = Sim::new().require_boundary(true).watchdog(PATIENCE);
            sim.run(move || three_tell_a_backtrace(on_the_loop))
        };
        let alone = one();
        let ((tell, told), lets_go) = (mpsc::channel(), AtomicBool::new(false));
        let lets_go: &'static AtomicBool = Box::leak(Box::new(lets_go));
        let keeper = thread::spawn(move || {
            let inside = (tells_a_backtrace as *mut std::ffi::c_void).wrapping_byte_add(1);
            let mut tell = Some(tell);
            backtrace::resolve(inside, |_| {
                if let Some(tell) = tell.take() {
                    tell.send(()).unwrap();
                    thread::sleep(3 * PATIENCE);
                    lets_go.store(true, Ordering::Relaxed);
                }
            });
        });
        told.recv().unwrap();
        let beside = one();
        assert!(lets_go.load(Ordering::Relaxed), "it was not waited for");
        assert!(beside.is_ok() && beside.leaks().is_empty(), "{beside}");
        assert_eq!((beside.digest(), beside.steps()), (alone.digest(), alone.steps()));
        keeper.join().unwrap();
    }
}

/// While other threads of the process come and go: std has a lock for that, which a thread on its way out takes as well.
#[test]
#[ignore = "a victim"]
fn panics_beside_threads_that_come_and_go() {
    if !common::is_victim() {
        return;
    }
    let is_over = AtomicBool::new(false);
    let found = thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    thread::spawn(|| ()).join().unwrap();
                }
            });
        }
        let found = (0..1_000).filter(|_| {
            let report = run(|| async {
                drop(thread::spawn(|| panic!("on purpose")));
                raddle::sleep(MS).await;
            });
            report.finding().is_some()
        });
        let found = found.count();
        is_over.store(true, Ordering::Relaxed);
        found
    });
    println!("{found} of 1000 were told");
}

/// That a thread meets a lock of std's on its way out is nothing it does.
#[test]
fn a_panic_is_told_whatever_lock_is_met_after_it() {
    let told = common::run(&mut common::command("panics_beside_threads_that_come_and_go"));
    told.says(&["1000 of 1000 were told", "test result: ok"]);
}

#[test]
fn a_panic_that_nobody_joins_is_a_finding() {
    let report = run(|| async {
        drop(thread::spawn(|| panic!("on purpose")));
        raddle::sleep(MS).await;
    });
    let finding = report.finding().unwrap_or_else(|| panic!("a finding: {report}\n{}", report.interleaving()));
    assert_eq!((finding.kind(), finding.message()), (FindingKind::Panic, "on purpose"));
    assert!(finding.task().unwrap().starts_with("thread"), "{report}");
    // One that the thread itself catches is its own business.
    let report = run(|| async {
        drop(thread::spawn(|| {
            assert!(std::panic::catch_unwind(|| panic!("on purpose")).is_err());
            thread::sleep(MS);
        }));
        raddle::sleep(2 * MS).await;
    });
    assert!(report.is_ok(), "{report}");
}

#[test]
fn a_thread_that_outlives_the_run_is_left_where_it_is() {
    static TICKS: AtomicU32 = AtomicU32::new(0);
    let scenario = || async {
        drop(thread::Builder::new().name("ticker".into()).spawn(|| {
            loop {
                thread::sleep(10 * MS);
                TICKS.fetch_add(1, Ordering::SeqCst);
            }
        }));
        raddle::sleep(35 * MS).await;
    };
    let report = run(scenario);
    assert!(report.is_ok(), "{report}");
    assert_eq!(report.abandoned(), ["ticker"], "{report}");
    assert_eq!(TICKS.load(Ordering::SeqCst), 3);
    let report = Sim::new().deny_pending(true).run(scenario);
    assert_eq!(report.finding().unwrap().kind(), FindingKind::Pending, "{report}");
    assert_eq!(TICKS.load(Ordering::SeqCst), 6);
}

/// A job is given time to come to its end when the scenario has, though not for ever if others have turns only.
#[test]
fn a_job_that_waits_for_ever_beside_a_thread_that_goes_on_for_ever() {
    let ticks = Arc::new(AtomicU32::new(0));
    let counted = ticks.clone();
    let report = run(move || {
        let ticks = ticks.clone();
        async move {
            let waits = raddle::task("waits").unblock(|| {
                let (_sender, receiver) = mpsc::channel::<()>();
                receiver.recv()
            });
            let tick = move || {
                loop {
                    thread::sleep(MS);
                    ticks.fetch_add(1, Ordering::Relaxed);
                }
            };
            raddle::unblock(|| _ = thread::Builder::new().name("ticker".into()).spawn(tick).unwrap()).await;
            drop(waits);
        }
    });
    assert_eq!(report.abandoned(), ["waits", "ticker"], "{report}");
    let ticks = counted.load(Ordering::Relaxed);
    assert!((1000..30_000).contains(&ticks), "{ticks}");
}

#[test]
fn a_thread_that_can_end_does_when_the_run_is_over() {
    let report = run(|| async {
        let (sender, receiver) = mpsc::channel::<()>();
        let thread = thread::spawn(move || assert!(receiver.recv().is_err()));
        raddle::spawn(async move {
            let _kept = sender;
            std::future::pending::<()>().await
        })
        .detach();
        raddle::yield_now().await;
        drop(thread);
    });
    assert!(report.is_ok() && report.abandoned().is_empty(), "{report}");
}

/// The handle leaves the run with its result: the thread has ended, and can be joined outside.
#[test]
fn a_handle_that_leaves_the_run() {
    let (sender, receiver) = mpsc::channel();
    let report = run(move || {
        let sender = sender.clone();
        async move {
            sender.send(thread::spawn(|| 7)).unwrap();
            raddle::sleep(MS).await;
        }
    });
    assert!(report.is_ok(), "{report}");
    assert_eq!(receiver.recv().unwrap().join().unwrap(), 7);
}

#[test]
fn who_waits_for_a_thread_for_ever_is_told() {
    let report = run(|| async {
        raddle::unblock(|| {
            let (sender, receiver) = mpsc::channel::<()>();
            let thread = thread::Builder::new().name("stuck".into()).spawn(move || assert!(receiver.recv().is_ok()));
            thread.unwrap().join().unwrap();
            drop(sender);
        })
        .await
    });
    assert_eq!(report.finding().unwrap().kind(), FindingKind::Deadlock);
    let text = report.to_string();
    for part in ["stuck", "waiting for a lock or a wake-up", "waiting for a thread to end"] {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
}

/// A library is loaded at its first use in a process: the same seed takes the same steps before and after. (The loader holds
/// its lock meanwhile, which raddle itself may need: nobody else may run.)
#[test]
fn what_the_loader_does_is_no_switch_point() {
    let run = || {
        let report = run(|| async {
            let jobs = [(); 3].map(|()| {
                raddle::unblock(|| {
                    // SAFETY: a library of glibc's that does nothing when it is loaded.
                    let handle = unsafe { libc::dlopen(c"libanl.so.1".as_ptr(), libc::RTLD_NOW) };
                    assert!(!handle.is_null());
                })
            });
            for job in jobs {
                job.await;
            }
        });
        assert!(report.is_ok(), "{report}");
        report.digest()
    };
    assert_eq!(run(), run());
}

// ---- identity

#[test]
fn clocks_and_randomness_are_the_seeds() {
    let scenario = || async {
        let draw = || {
            let map: std::collections::HashSet<u32> = (0..32).collect();
            let system = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
            (fastrand::u64(..), map.into_iter().collect::<Vec<_>>(), system)
        };
        raddle::unblock(move || {
            let threads: Vec<_> = (0..3).map(|_| thread::spawn(draw)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        })
        .await
    };
    let report = Sim::new().seed(1).run(scenario);
    let lanes = report.trace().lanes();
    let one = report.unwrap();
    let (a, b) = (Sim::new().seed(1).run(scenario), Sim::new().seed(1).run(scenario));
    assert!(a.trace().lanes() == lanes, "{}\n{lanes}", a.trace().lanes());
    assert_eq!(one, b.unwrap());
    assert_ne!(one, Sim::new().seed(2).run(scenario).unwrap());
    assert_ne!(one[0].0, one[1].0);
}

/// The last thread of a scope unparks whoever waits for it, who may have seen already that it is the last.
#[test]
fn no_thread_is_unparked_by_an_earlier_run() {
    let scenario = || async {
        let parks = || {
            let before = Instant::now();
            thread::park_timeout(MS);
            thread::current().unpark();
            before.elapsed() >= MS
        };
        raddle::choose(2);
        (raddle::unblock(parks).await, parks())
    };
    let found = Explore::new().seeds(0..10).blocking(Class::Lock, Policy::Allow).run(scenario);
    assert!(found.is_ok(), "{found}");
    let outcomes: Vec<&str> = found.outcomes().iter().map(|outcome| outcome.text()).collect();
    assert_eq!((outcomes, found.runs()), (vec!["(true, true)"], 10));
}

#[test]
fn many_threads_of_threads() {
    fn tree(depth: u32) -> u32 {
        if depth == 0 {
            thread::sleep(MS);
            return 1;
        }
        let children: Vec<_> = (0..3).map(|_| thread::spawn(move || tree(depth - 1))).collect();
        children.into_iter().map(|child| child.join().unwrap()).sum()
    }
    let found = Explore::new().seeds(0..20).run(|| async { raddle::unblock(|| tree(3)).await });
    assert!(found.is_ok(), "{found}");
    assert_eq!(found.outcomes().len(), 1, "{found}");
    assert_eq!(found.outcomes()[0].text(), "27");
}

/// Where no trace is kept a thread whose turn is over chooses who is next; where one is kept the loop does.
#[test]
fn threads_choose_as_the_loop_does() {
    let file = Arc::new(std::fs::File::open("/proc/self/exe").unwrap());
    let scenario = move || {
        let file = file.clone();
        async move {
            let order = Arc::new(Mutex::new(Vec::new()));
            let user = |n: u64| {
                let (order, file) = (order.clone(), file.clone());
                raddle::spawn(async move {
                    for round in 0..4 {
                        let (order, file) = (order.clone(), file.clone());
                        raddle::unblock(move || {
                            std::os::unix::fs::FileExt::read_at(&*file, &mut [0; 8], n).unwrap();
                            let mut order = order.lock().unwrap();
                            thread::sleep(MS * (1 + n as u32 % 3));
                            order.push((n, round));
                            drop(order);
                            thread::scope(|scope| {
                                scope.spawn(raddle::thread::yield_now);
                                raddle::thread::yield_now();
                            });
                        })
                        .await;
                        raddle::yield_now().await;
                    }
                })
            };
            let users: Vec<_> = (0..5).map(user).collect();
            for user in users {
                user.await;
            }
            order.lock().unwrap().clone()
        }
    };
    let mut seen = std::collections::HashSet::new();
    for seed in 0..40 {
        let plain =
            Explore::new().seeds(seed..seed + 1).strategy(raddle::StrategyKind::Random).check(raddle::Check::All);
        let plain = plain.run(scenario.clone());
        assert!(plain.is_ok(), "{plain}");
        let traced =
            Sim::new().seed(seed).strategy(raddle::StrategyKind::Random).require_boundary(true).run(scenario.clone());
        assert!(traced.is_ok(), "{traced}");
        let outcomes: Vec<_> = plain.outcomes().iter().map(|outcome| outcome.text().to_string()).collect();
        assert_eq!(outcomes, [format!("{:?}", traced.value().unwrap())]);
        assert_eq!(plain.steps(), traced.steps());
        seen.insert(traced.digest());
    }
    assert!(seen.len() > 30, "{} orders", seen.len());
}

/// It is told what waits, and no place in raddle's own code.
#[test]
fn a_reader_of_its_own_pair_waits_for_ever() {
    let report = Sim::new().run(|| async {
        let (mut reader, writer) = std::os::unix::net::UnixStream::pair().unwrap();
        let job = raddle::unblock(move || std::io::Read::read(&mut reader, &mut [0]).unwrap());
        std::mem::forget(writer);
        job.await
    });
    assert_eq!(report.finding().unwrap().kind(), FindingKind::Deadlock);
    let text = report.to_string();
    assert!(text.contains("worker-1: suspended in job ") && !text.contains("workers.rs"), "{text}");
}
