//! A run has as many processors as its options say, whatever the machine has: a seed goes the same way everywhere.

#![cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]

mod common;

use common::{command, is_victim, run};
use raddle::{Explore, Found, Isolation, Sim};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::fs::File;
use std::io::ErrorKind;
use std::sync::Mutex;
use std::thread;

/// How many there are, by every way in which code asks: a function of libc, and the system call.
fn counts() -> [usize; 5] {
    // SAFETY: these only read what the system says of itself.
    let [online, all] =
        [libc::_SC_NPROCESSORS_ONLN, libc::_SC_NPROCESSORS_CONF].map(|name| unsafe { libc::sysconf(name) });
    unsafe extern "C" {
        safe fn get_nprocs() -> libc::c_int;
    }
    let set = sched_getaffinity(None).expect("a set of them");
    [
        thread::available_parallelism().map_or(0, |count| count.get()),
        online as usize,
        all as usize,
        get_nprocs() as usize,
        set.count() as usize,
    ]
}

#[test]
fn there_are_four_unless_the_test_says_otherwise() {
    let before = counts();
    let sim = || Sim::new().require_boundary(true);
    assert_eq!(sim().run(|| async { counts() }).unwrap(), [4; 5], "on the loop, and nothing of it blocks");
    assert_eq!(sim().run(|| async { raddle::unblock(counts).await }).unwrap(), [4; 5]);
    let on_threads = || async { raddle::unblock(|| thread::spawn(counts).join().unwrap()).await };
    for count in [1, 3, 64, 65, 1024] {
        assert_eq!(sim().cpus(count).run(on_threads).unwrap(), [count as usize; 5]);
    }
    assert_eq!(sim().cpus(0).run(on_threads).unwrap(), [1; 5]);
    assert_eq!(sim().cpus(9999).run(on_threads).unwrap(), [1024; 5]);
    assert_eq!(counts(), before, "outside of runs they are the machine's");
}

#[test]
fn a_quota_is_none() {
    let opened = |path: &'static str| {
        let open = move || File::open(path).err().map(|error| error.kind());
        Sim::new().require_boundary(true).run(move || async move { raddle::unblock(open).await }).unwrap()
    };
    assert_eq!(opened("/proc/self/cgroup"), Some(ErrorKind::NotFound));
    assert_eq!(opened("/proc/self/status"), None);
}

#[test]
fn whoever_pins_itself_stays_where_it_is() {
    let before = sched_getaffinity(None).unwrap();
    let pin = |n: usize| {
        let mut set = CpuSet::new();
        set.set(n);
        let pinned = sched_setaffinity(None, &set);
        // SAFETY: it only reads where the thread is.
        let on = unsafe { libc::sched_getcpu() };
        (pinned.map_err(|error| error.raw_os_error()), on, sched_getaffinity(None).unwrap().count())
    };
    let report = Sim::new().cpus(1000).run(move || async move { raddle::unblock(move || [pin(999), pin(1000)]).await });
    assert_eq!(report.unwrap(), [(Ok(()), 0, 1000), (Err(libc::EINVAL), 0, 1000)]);
    assert_eq!(sched_getaffinity(None).unwrap(), before, "for the thread itself");
}

/// A thread for each processor, as pools have them.
fn pools(isolation: Isolation) -> Found {
    Explore::new().seeds(0..20).shrink_budget(0).isolation(isolation).run(|| async {
        let job = || {
            let order = Mutex::new(Vec::new());
            thread::scope(|scope| {
                let (order, count) = (&order, thread::available_parallelism().unwrap().get());
                (0..count).for_each(|n| drop(scope.spawn(move || order.lock().unwrap().push(n))));
            });
            order.into_inner().unwrap()
        };
        let (one, two) = (raddle::unblock(job), raddle::unblock(job));
        (one.await, two.await)
    })
}

fn told() -> String {
    [Isolation::Thread, Isolation::Process].map(|isolation| format!("{}", pools(isolation).digest())).join(" ")
}

/// A machine of one processor.
#[test]
#[ignore = "a victim"]
fn on_one_processor() {
    if is_victim() {
        let mut set = CpuSet::new();
        set.set((0..).find(|&n| sched_getaffinity(None).unwrap().is_set(n)).unwrap());
        sched_setaffinity(None, &set).unwrap();
        println!("processors: {}, digests: {}.", thread::available_parallelism().unwrap(), told());
    }
}

#[test]
fn a_seed_goes_the_same_way_on_another_machine() {
    let other = run(&mut command("on_one_processor"));
    other.says(&[&format!("processors: 1, digests: {}.", told())]);
    assert!(pools(Isolation::Thread).outcomes().len() > 1, "the order of threads is the seed's");
}
