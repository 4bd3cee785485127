//! Child processes, which are real: what a run sees of them is the same each time all the same.

use super::{MS, c};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Held by a test that has children, and by one that a child of another would disturb: some wait for whichever child there
/// is, and a child has what is open here until it runs another program, the ends of pipes and FIFOs as well.
pub(super) fn no_other_children() -> MutexGuard<'static, ()> {
    static CHILDREN: Mutex<()> = Mutex::new(());
    CHILDREN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A child runs as fast as it does: without that, what `try_wait` says would be a matter of luck.
#[test]
fn whether_a_child_has_ended_is_told_once_it_is_at_rest() {
    let _mine = no_other_children();
    let children = || {
        let mut quick = Command::new("sh").args(["-c", "exit 3"]).spawn().unwrap();
        let code = quick.try_wait().unwrap().and_then(|status| status.code());
        let mut patient = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let waits = patient.try_wait().unwrap().is_none();
        patient.kill().unwrap();
        let is_over = patient.try_wait().unwrap().is_some();
        (code, waits, is_over)
    };
    let as_it_should = (Some(3), true, true);
    assert_eq!(raddle::Sim::new().run(move || raddle::unblock(children)).unwrap(), as_it_should);
    let on_the_loop = raddle::Sim::new().run(move || async move { raddle::allow_blocking("to see", children) });
    assert_eq!(on_the_loop.unwrap(), as_it_should);
}

/// Whether each child of a run is one of the loop's thread, which goes by that. Where threads pass a baton it knows only of its own.
fn are_threads_borrowed() -> bool {
    let threads = raddle::Sim::new().run(|| async {}).threads();
    let are_they = threads.starts_with("borrowed");
    if !are_they {
        eprintln!("not tried: threads are {threads}, and each knows its own children only");
    }
    are_they
}

/// How often a thread of this process has gone to sleep.
fn times_asleep(thread: i32) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/self/task/{thread}/status")).unwrap_or_default();
    let count = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    count.map_or(0, |count| count.trim().parse().unwrap())
}

/// Whether all the children of a thread of this process wait for something.
fn are_children_asleep(thread: i32) -> bool {
    let children = std::fs::read_to_string(format!("/proc/self/task/{thread}/children")).unwrap_or_default();
    children.split_whitespace().all(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('S'))
    })
}

/// Waits until it has ended, and leaves it to be waited for again.
fn waits_without_reaping(child: &Child) {
    // SAFETY: zeroed is a valid value of it, and the call writes to it.
    let mut info = unsafe { std::mem::zeroed() };
    assert_eq!(c!(libc::waitid(libc::P_PID, child.id(), &mut info, libc::WEXITED | libc::WNOWAIT)), 0);
}

/// The clock moves once nothing is left to wait for in reality: a child that has ended is nothing, whether it has been asked
/// for, waited for in two steps, or let go of.
#[test]
fn a_child_that_has_ended_holds_up_nobody() {
    let _mine = no_other_children();
    type Way = (&'static str, fn(Child));
    let ways: [Way; 3] = [
        ("asked", |mut child| {
            while child.try_wait().unwrap().is_none() {
                thread::sleep(MS);
            }
        }),
        ("waited for in two steps", |mut child| {
            waits_without_reaping(&child);
            child.wait().unwrap();
        }),
        ("let go of", drop),
    ];
    for (way, ends) in ways {
        let report = raddle::Sim::new().run(move || {
            raddle::unblock(move || {
                ends(Command::new("true").spawn().unwrap());
                let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
                socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
                // SAFETY: it has no conditions.
                let thread = unsafe { libc::gettid() };
                let before = times_asleep(thread);
                assert!(socket.recv(&mut [0; 4]).is_err());
                times_asleep(thread) - before
            })
        });
        assert_eq!(report.elapsed().as_secs(), 60, "{way}: {report}");
        // What is waited for in reality is looked at thousands of times.
        let slept = report.unwrap();
        assert!(slept < 500, "{way}: {slept}");
    }
}

/// As long as one child goes on the clock does not move, however another has been waited for.
#[test]
fn a_child_that_is_waited_for_in_two_steps_counts_once() {
    let _mine = no_other_children();
    let report = raddle::Sim::new().run(|| {
        raddle::unblock(|| {
            // The other end of the pipe is closed when it ends.
            let (mut reader, writer) = std::io::pipe().unwrap();
            let mut patient = Command::new("sleep").arg("0.05").stdout(writer).spawn().unwrap();
            let mut quick = Command::new("true").spawn().unwrap();
            waits_without_reaping(&quick);
            quick.wait().unwrap();
            let before = Instant::now();
            let fd = std::os::fd::AsRawFd::as_raw_fd(&reader);
            let mut entry = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
            assert_eq!(c!(libc::poll(&mut entry, 1, 1_000)), 1, "the clock has moved");
            assert_eq!(std::io::Read::read(&mut reader, &mut [0; 4]).unwrap(), 0);
            patient.wait().unwrap();
            before.elapsed()
        })
    });
    assert_eq!(report.unwrap(), Duration::ZERO);
}

/// Has each of so many seeds run once and so many times more: its digest is to be the same.
fn each_goes_one_way(seeds: u64, runs: u32, digest: impl Fn(u64) -> raddle::Digest) {
    for seed in 0..seeds {
        let first = digest(seed);
        for run in 0..runs {
            assert_eq!(digest(seed), first, "seed {seed}, run {run}");
        }
    }
}

/// Of children that end at about the same time it would be a matter of luck which is seen to have ended first.
#[test]
fn of_children_that_take_as_long_none_is_first() {
    if !are_threads_borrowed() {
        return;
    }
    /// Instead of the number of children that have been started: the run is over.
    const OVER: u32 = u32::MAX;
    let _mine = no_other_children();
    let digest = |seed: u64| {
        let (reader, writer) = std::io::pipe().unwrap();
        let (started, waiting) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicI32::new(0)));
        let ends_them = thread::spawn({
            let (started, waiting) = (started.clone(), waiting.clone());
            move || {
                // Who waits in reality goes to sleep again and again, and so does who waits for children to rest.
                let waits = || started.load(SeqCst) == 4 && are_children_asleep(waiting.load(SeqCst));
                let is_over = || started.load(SeqCst) == OVER;
                while !(waits() && waits() || is_over()) {
                    thread::sleep(MS);
                }
                let before = times_asleep(waiting.load(SeqCst));
                while times_asleep(waiting.load(SeqCst)) < before + 50 && !is_over() {
                    thread::sleep(MS);
                }
                drop(writer);
            }
        });
        let report = raddle::Sim::new().seed(seed).run(|| {
            // SAFETY: it has no conditions.
            waiting.store(unsafe { libc::gettid() }, SeqCst);
            let jobs = [(); 4].map(|()| {
                let (stdin, started) = (reader.try_clone().unwrap(), started.clone());
                raddle::unblock(move || {
                    let child = Command::new("cat").stdin(stdin).stdout(Stdio::piped()).spawn().unwrap();
                    started.fetch_add(1, SeqCst);
                    child.wait_with_output().unwrap().status.success()
                })
            });
            async {
                for job in jobs {
                    assert!(job.await);
                }
            }
        });
        started.store(OVER, SeqCst);
        ends_them.join().unwrap();
        assert!(report.is_ok(), "{report}");
        report.digest()
    };
    each_goes_one_way(4, 6, digest);
}

/// How often a child is asked for that sleeps would be a matter of luck: the clock runs ahead of it.
#[test]
fn a_child_that_sleeps_is_asked_for_twice_at_most() {
    let _mine = no_other_children();
    for between in [|| thread::sleep(5 * MS), thread::yield_now] {
        let by_turns = move || {
            let mut child = Command::new("sh").args(["-c", "sleep 0.1; exit 3"]).spawn().unwrap();
            let mut count = 1;
            loop {
                match child.try_wait().unwrap() {
                    Some(status) => break (count, status.code()),
                    None => between(),
                }
                count += 1;
            }
        };
        let report = raddle::Sim::new().run(move || {
            let jobs = [raddle::unblock(by_turns), raddle::unblock(by_turns)];
            async move {
                let [a, b] = jobs;
                [a.await, b.await]
            }
        });
        for (count, code) in report.unwrap() {
            // Once, if the machine had no time for who asks.
            assert!(count <= 2, "{count}");
            assert_eq!(code, Some(3));
        }
        let on_the_loop = raddle::Sim::new().run(move || async move { raddle::allow_blocking("to see", by_turns) });
        assert!(on_the_loop.unwrap().0 <= 2);
    }
}

/// What outlives a time limit is not waited for in reality, unless it sleeps for a short time, and then not again and again.
#[test]
fn a_child_that_outlives_a_limit_is_ended_by_it() {
    let _mine = no_other_children();
    for (script, most) in [("sleep 1000", 100), ("cat", 100), ("while :; do sleep 0.01; done", 25_000)] {
        let report = raddle::Sim::new().run(move || {
            raddle::unblock(move || {
                let mut shell = Command::new("sh");
                let mut child = shell.args(["-c", script]).stdin(Stdio::piped()).process_group(0).spawn().unwrap();
                // SAFETY: it has no conditions.
                let thread = unsafe { libc::gettid() };
                // From here on the child sleeps.
                assert!(child.try_wait().unwrap().is_none());
                let (began, before) = (Instant::now(), times_asleep(thread));
                while child.try_wait().unwrap().is_none() && began.elapsed() < Duration::from_secs(60) {
                    thread::sleep(10 * MS);
                }
                let slept = times_asleep(thread) - before;
                assert_eq!(c!(libc::kill(-(child.id() as i32), libc::SIGKILL)), 0);
                assert!(!child.wait().unwrap().success());
                slept
            })
        });
        assert_eq!(report.elapsed().as_secs(), 60, "{script}: {report}");
        let threads = report.threads().to_string();
        let slept = report.unwrap();
        // A thread that passes a baton sleeps for that.
        assert!(slept < most || !threads.starts_with("borrowed"), "{script}: {slept}");
    }
}

/// What a child's first thread does says little about it.
#[test]
fn a_child_rests_when_all_its_threads_do() {
    const OF_A_CHILD: &str = "RADDLE_TEST_IS_A_CHILD";
    if std::env::var_os(OF_A_CHILD).is_some() {
        let computes = thread::spawn(|| (0..20_000_000u64).fold(0, |sum, n| std::hint::black_box(sum + n)));
        computes.join().unwrap();
        return;
    }
    let _mine = no_other_children();
    let report = raddle::Sim::new().run(|| {
        raddle::unblock(|| {
            let mut own = Command::new(std::env::current_exe().unwrap());
            own.args(["--exact", "children::a_child_rests_when_all_its_threads_do"]).env(OF_A_CHILD, "1");
            let mut child = own.stdout(Stdio::null()).spawn().unwrap();
            child.try_wait().unwrap().map(|status| status.success())
        })
    });
    assert_eq!(report.unwrap(), Some(true));
}

/// How much a child takes at a time, and gives, depends on how much it finds: it is waited for between the parts of a write.
#[test]
fn what_goes_through_a_child_goes_by_the_same_parts() {
    if !are_threads_borrowed() {
        return;
    }
    let _mine = no_other_children();
    use std::io::Write;
    const SIZE: usize = 250_000;
    let through = || {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let writer = thread::spawn(move || stdin.write_all(&[7; SIZE]).unwrap());
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        output.stdout.len()
    };
    let digest = |seed: u64| {
        let report = raddle::Sim::new().seed(seed).run(|| {
            let jobs = [raddle::unblock(through), raddle::unblock(through)];
            async {
                for job in jobs {
                    assert_eq!(job.await, SIZE);
                }
            }
        });
        assert!(report.is_ok(), "{report}");
        report.digest()
    };
    each_goes_one_way(3, 4, digest);
}
