//! What threads of no run do beside one, or those of another run, is no business of it.

use raddle::Sim;
use std::collections::BTreeSet;
use std::net::ToSocketAddrs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// What a run of three jobs that each do `thing` comes to, which must be well.
fn run_in_jobs(thing: fn()) -> (raddle::Digest, u64) {
    let report = Sim::new().require_boundary(true).seed(7).run(move || async move {
        for job in [(); 3].map(|()| raddle::unblock(thing)) {
            job.await;
        }
    });
    assert!(report.is_ok(), "{report}");
    (report.digest(), report.steps())
}

/// Ends what looks at it.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs whose jobs do `thing` go the way of one alone while two threads do so, too.
#[track_caller]
fn goes_one_way(thing: fn(), runs: u32) {
    // What is made once in a process.
    thing();
    let alone = run_in_jobs(thing);
    let is_over = AtomicBool::new(false);
    let ways: BTreeSet<_> = thread::scope(|scope| {
        // Also if a run fails.
        let _end = Ends(&is_over);
        let does = || {
            while !is_over.load(Ordering::Relaxed) {
                thing();
                // Who wants a lock as well is to come in between.
                thread::sleep(Duration::from_micros(20));
            }
        };
        (0..2).for_each(|_| _ = scope.spawn(does));
        (0..runs).map(|_| run_in_jobs(thing)).collect()
    });
    assert_eq!(ways, BTreeSet::from([alone]));
}

/// std waits for a process that it has forked itself at a socket, until that has begun its program.
#[test]
fn a_program_that_std_forks_for() {
    fn starts() {
        use std::os::unix::process::CommandExt;
        // SAFETY: nothing is done between the fork and the program.
        let status = unsafe { Command::new("true").pre_exec(|| Ok(())).status() };
        assert!(status.unwrap().success());
    }
    goes_one_way(starts, 25);
}

/// A file of a name that nobody else has, written with this lock held, which is in a static: a log, say.
fn writes_a_log(lock: &'static Mutex<()>) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let _guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
    let name = format!("raddle-log-{:08}-{:010}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, b"a line").unwrap();
    std::fs::remove_file(&path).unwrap();
}

/// Threads of a run are suspended with the lock, and others wait for them; and threads outside have it in between.
#[test]
fn a_lock_in_a_static_that_is_held_over_calls() {
    static LOG: Mutex<()> = Mutex::new(());
    goes_one_way(|| writes_a_log(&LOG), 25);
}

/// The same, where those outside are other runs'.
#[test]
fn a_lock_in_a_static_that_several_runs_hold_over_calls() {
    static LOG: Mutex<()> = Mutex::new(());
    let thing = || writes_a_log(&LOG);
    let alone = run_in_jobs(thing);
    let ways: BTreeSet<_> = thread::scope(|scope| {
        let runs = || (0..10).map(|_| run_in_jobs(thing)).collect::<Vec<_>>();
        let runs = [(); 3].map(|()| scope.spawn(runs));
        runs.into_iter().flat_map(|runs| runs.join().unwrap()).collect()
    });
    assert_eq!(ways, BTreeSet::from([alone]));
}

/// A task of the run has the lock over an await, which is nowhere to be seen: a job waits for it in real time once, in vain.
#[test]
#[expect(clippy::await_holding_lock, reason = "that is what is tried")]
fn a_lock_in_a_static_that_a_task_holds() {
    static LOCK: Mutex<u32> = Mutex::new(0);
    let run = || {
        let report = Sim::new().require_boundary(true).seed(7).run(|| async {
            let holds = raddle::task("holds").spawn_local(async {
                let _guard = LOCK.lock().unwrap();
                raddle::sleep(Duration::from_millis(5)).await;
            });
            raddle::yield_now().await;
            let adds = raddle::task("adds").unblock(|| *LOCK.lock().unwrap() += 1);
            holds.await;
            adds.await;
        });
        assert!(report.is_ok(), "{report}");
        assert_eq!(report.elapsed(), Duration::from_millis(5));
        (report.digest(), report.steps())
    };
    assert_eq!([run(), run()], [run(), run()]);
    assert_eq!(*LOCK.lock().unwrap(), 4);
}

/// libc looks at the system's files behind locks of its own, which all threads of a process share.
#[test]
fn what_others_ask_libc_for() {
    fn asks() {
        unsafe extern "C" {
            safe fn tzset();
        }
        assert!(("localhost", 80).to_socket_addrs().unwrap().count() > 0);
        tzset();
    }
    goes_one_way(asks, 60);
}
