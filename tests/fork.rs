//! A process that is forked off in mid-run has the whole world: jobs and threads that were suspended go on in both.

#![cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]

mod common;

use common::{command, is_victim, run};
use raddle::{Class, Policy, Sim};
use std::cell::Cell;
use std::sync::{Arc, Barrier, Condvar, Mutex, mpsc};
use std::thread;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

thread_local! {
    static OWN: Cell<i32> = const { Cell::new(0) };
}

/// Keeps `own` in a thread-local and on the stack while `wait` waits: their sum.
fn keeps(own: i32, wait: impl FnOnce()) -> i32 {
    OWN.set(own);
    let on_the_stack = std::hint::black_box([own; 64]);
    wait();
    OWN.get() + on_the_stack[63]
}

/// Four kinds of waits, then a fork on the loop: what each thread kept, and who is told, `None` in the child.
async fn scenario() -> (i32, Option<i32>) {
    let (sender, receiver) = mpsc::channel::<()>();
    let (flag, barrier) = (Arc::new((Mutex::new(false), Condvar::new())), Arc::new(Barrier::new(2)));
    let theirs = (flag.clone(), barrier.clone());
    let natives = [
        thread::spawn(move || keeps(1, || receiver.recv().unwrap())),
        thread::spawn(move || {
            keeps(2, || {
                let (flag, changed) = &*theirs.0;
                drop(changed.wait_while(flag.lock().unwrap(), |flag| !*flag).unwrap());
            })
        }),
        thread::spawn(|| keeps(4, || thread::sleep(HOUR))),
    ];
    let jobs = [
        raddle::unblock(|| keeps(8, || raddle::thread::sleep(HOUR))),
        raddle::unblock(|| keeps(16, || thread::park_timeout(HOUR))),
        raddle::unblock(move || keeps(32, || _ = theirs.1.wait())),
    ];
    // All of them wait now.
    raddle::sleep(Duration::from_millis(1)).await;

    // SAFETY: the child has this thread only; it goes on in the world, which is one thread's, and leaves by _exit.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);

    sender.send(()).unwrap();
    *flag.0.lock().unwrap() = true;
    flag.1.notify_one();
    // One that begins after the fork, and lets another go on.
    let late = raddle::unblock(move || {
        barrier.wait();
        thread::spawn(|| keeps(64, thread::yield_now)).join().unwrap()
    });
    let mut sum = late.await;
    for job in jobs {
        sum += job.await;
    }
    sum += raddle::unblock(|| natives.into_iter().map(|native| native.join().unwrap()).sum::<i32>()).await;
    if child == 0 {
        // SAFETY: ends the process at once.
        unsafe { libc::_exit(if sum == 254 { 77 } else { 1 }) };
    }
    let mut status = 0;
    // SAFETY: a child of this process, and a place for its status.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    (sum, libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status)))
}

#[test]
#[ignore = "a victim"]
fn forks() {
    if is_victim() {
        for seed in 0..20 {
            let report = Sim::new().seed(seed).blocking(Class::Process, Policy::Allow).run(scenario);
            if report.threads().starts_with("borrowed") {
                assert_eq!(report.value(), Some(&(254, Some(77))), "{report}");
                assert!(report.is_ok(), "{report}");
            }
        }
        println!("all went on");
    }
}

#[test]
fn a_fork_in_mid_run_takes_every_thread_along() {
    let told = run(command("forks").env("RADDLE_THREADS", "borrowed"));
    assert!(told.code == Some(0) && told.out.contains("all went on"), "{told:?}");
}
