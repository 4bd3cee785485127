//! Sleeping; waiting for locks, threads and processes.

use super::{MS, Operation, c, classes, quiet, table, time};
use raddle::Class;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Barrier, Condvar, Mutex, MutexGuard, PoisonError, RwLock, mpsc};
use std::thread;
use std::time::Duration;

#[test]
fn sleeps() {
    table(&[
        ("std", Class::Sleep, |_| thread::sleep(MS)),
        ("nanosleep", Class::Sleep, |_| _ = c!(libc::nanosleep(&time(MS), std::ptr::null_mut()))),
        ("usleep", Class::Sleep, |_| _ = c!(libc::usleep(1000))),
        ("clock_nanosleep", Class::Sleep, |_| {
            c!(libc::clock_nanosleep(libc::CLOCK_REALTIME, 0, &time(MS), std::ptr::null_mut()));
        }),
        ("rustix", Class::Sleep, |_| {
            _ = rustix::thread::nanosleep(&rustix::thread::Timespec { tv_sec: 0, tv_nsec: 1_000_000 });
        }),
    ]);
    quiet(&[("zero", |_| thread::sleep(Duration::ZERO))]);
}

fn futex(word: &AtomicU32, value: u32) -> i64 {
    c!(libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, value, &time(MS)))
}

/// `FUTEX_WAIT_BITSET`, which takes a moment instead of a duration.
fn futex_until(word: &AtomicU32, value: u32, from_now: Duration) -> i64 {
    let mut now = time(Duration::ZERO);
    c!(libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now));
    let until = time(Duration::new(now.tv_sec as u64, now.tv_nsec as u32) + from_now);
    c!(libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT_BITSET, value, &until, 0, u32::MAX))
}

#[test]
fn locks() {
    table(&[
        ("recv_timeout", Class::Lock, |_| _ = mpsc::channel::<()>().1.recv_timeout(MS)),
        ("recv", Class::Lock, |_| {
            let (sender, receiver) = mpsc::channel();
            drop(thread::spawn(move || sender.send(1)));
            assert_eq!(receiver.recv(), Ok(1));
        }),
        ("park_timeout", Class::Lock, |_| thread::park_timeout(MS)),
        ("wait_timeout", Class::Lock, |_| {
            let (mutex, condition) = (Mutex::new(()), Condvar::new());
            _ = condition.wait_timeout(mutex.lock().unwrap(), MS);
        }),
        ("Mutex", Class::Lock, |_| {
            let mutex = Arc::new(Mutex::new(()));
            let guard = mutex.lock().unwrap();
            let theirs = mutex.clone();
            let (begun, began) = mpsc::channel();
            let thread = thread::spawn(move || {
                begun.send(()).unwrap();
                let _guard = theirs.lock().unwrap();
                thread::sleep(MS);
            });
            began.recv().unwrap();
            drop(guard);
            thread::sleep(Duration::ZERO);
            drop(thread);
        }),
        ("RwLock and Barrier", Class::Lock, |_| {
            let shared = Arc::new((RwLock::new(0), Barrier::new(2)));
            let theirs = shared.clone();
            drop(thread::spawn(move || {
                *theirs.0.write().unwrap() += 1;
                theirs.1.wait();
            }));
            shared.1.wait();
            assert_eq!(*shared.0.read().unwrap(), 1);
        }),
        ("a full channel", Class::Lock, |_| {
            let (sender, receiver) = mpsc::sync_channel(0);
            drop(thread::spawn(move || receiver.recv()));
            sender.send(1).unwrap();
        }),
        ("park", Class::Lock, |_| {
            let parked = thread::current();
            drop(thread::spawn(move || parked.unpark()));
            thread::park();
        }),
        ("block_on", Class::Lock, |_| {
            let (sender, receiver) = async_channel::bounded(1);
            drop(thread::spawn(move || sender.try_send(1)));
            assert_eq!(futures_lite::future::block_on(receiver.recv()), Ok(1));
        }),
        ("the end of a scope", Class::Lock, |_| thread::scope(|scope| _ = scope.spawn(|| thread::sleep(MS)))),
        ("futex", Class::Lock, |_| _ = futex(&AtomicU32::new(1), 1)),
        ("futex, until a moment", Class::Lock, |_| assert_eq!(futex_until(&AtomicU32::new(1), 1, MS), -1)),
        ("rustix", Class::Lock, |_| {
            let word = AtomicU32::new(1);
            let time = rustix::thread::Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
            _ = rustix::thread::futex::wait(&word, rustix::thread::futex::Flags::PRIVATE, 1, Some(&time));
        }),
    ]);
    quiet(&[
        ("uncontended", |_| {
            let shared = (Mutex::new(1), RwLock::new(1), Condvar::new());
            *shared.0.lock().unwrap() += *shared.1.read().unwrap();
            shared.2.notify_all();
        }),
        ("a word that has changed", |_| assert_eq!(futex(&AtomicU32::new(2), 1), -1)),
        ("a moment that has passed", |_| assert_eq!(futex_until(&AtomicU32::new(1), 1, Duration::ZERO), -1)),
        ("wake-ups", |_| {
            assert_eq!(c!(libc::syscall(libc::SYS_futex, &AtomicU32::new(1), libc::FUTEX_WAKE, 1)), 0);
            _ = rustix::thread::futex::wake(&AtomicU32::new(1), rustix::thread::futex::Flags::PRIVATE, 1);
        }),
        ("no time", |_| _ = mpsc::channel::<()>().1.recv_timeout(Duration::ZERO)),
    ]);
}

/// Held by a test that has children, and by one that a child of another would disturb: some wait for whichever child there
/// is, and a child has what is open here until it runs another program, the ends of pipes and FIFOs as well.
pub(super) fn no_other_children() -> MutexGuard<'static, ()> {
    static CHILDREN: Mutex<()> = Mutex::new(());
    CHILDREN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn threads_and_processes() {
    let _mine = no_other_children();
    table(&[
        ("join", Class::Join, |_| thread::spawn(|| thread::sleep(MS)).join().unwrap()),
        ("Command", Class::Process, |_| {
            let null = std::process::Stdio::null;
            let mut command = std::process::Command::new("/bin/true");
            assert!(command.stdin(null()).stdout(null()).stderr(null()).status().unwrap().success());
        }),
        ("a thread of C's", Class::Join, |_| {
            extern "C" fn nap(_: *mut std::ffi::c_void) -> *mut std::ffi::c_void {
                thread::sleep(MS);
                std::ptr::null_mut()
            }
            let mut number = 0;
            c!(libc::pthread_create(&mut number, std::ptr::null(), nap, std::ptr::null_mut()));
            assert_eq!(c!(libc::pthread_join(number, std::ptr::null_mut())), 0);
        }),
        ("wait", Class::Process, |_| _ = c!(libc::waitpid(-1, std::ptr::null_mut(), 0))),
        ("waitid", Class::Process, |_| {
            let mut info = std::mem::MaybeUninit::uninit();
            c!(libc::waitid(libc::P_ALL, 0, info.as_mut_ptr(), libc::WEXITED));
        }),
        ("rustix' wait", Class::Process, |_| _ = rustix::process::wait(rustix::process::WaitOptions::empty())),
        ("system", Class::Process, |_| assert_eq!(c!(libc::system(c"true".as_ptr())), 0)),
        ("posix_spawn", Class::Process, |_| {
            let (mut pid, arguments) = (0, [c"true".as_ptr().cast_mut(), std::ptr::null_mut()]);
            let none = (std::ptr::null(), std::ptr::null());
            let program = c"/bin/true".as_ptr();
            let environment = arguments[1..].as_ptr();
            assert_eq!(c!(libc::posix_spawn(&mut pid, program, none.0, none.1, arguments.as_ptr(), environment)), 0);
            assert_eq!(c!(libc::waitpid(pid, std::ptr::null_mut(), 0)), pid);
        }),
    ]);
    quiet(&[
        ("is_finished", |_| _ = thread::spawn(|| thread::sleep(MS)).is_finished()),
        ("WNOHANG", |_| _ = c!(libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG))),
        ("waitid", |_| {
            let mut info = std::mem::MaybeUninit::uninit();
            c!(libc::waitid(libc::P_ALL, 0, info.as_mut_ptr(), libc::WEXITED | libc::WNOHANG));
        }),
        ("rustix", |_| _ = rustix::process::wait(rustix::process::WaitOptions::NOHANG)),
    ]);
}

/// What a caller of `vfork` may do: next to nothing.
#[inline(never)]
fn vfork_and_exit() -> i32 {
    unsafe extern "C" {
        fn vfork() -> i32;
    }
    let pid = c!(vfork());
    if pid == 0 {
        c!(libc::_exit(0));
    }
    pid
}

/// Whatever makes a process, what comes after it is seen: it would take a quarter of an hour otherwise.
#[test]
fn what_follows_a_process_is_seen() {
    let _mine = no_other_children();
    fn and_sleep() {
        thread::sleep(Duration::from_secs(900));
    }
    let makers: [(&str, Operation); 8] = [
        ("Command", |_| {
            std::process::Command::new("true").spawn().unwrap().wait().unwrap();
            and_sleep();
        }),
        ("system", |_| {
            assert_eq!(c!(libc::system(c"true".as_ptr())), 0);
            and_sleep();
        }),
        ("popen", |_| {
            let pipe = c!(libc::popen(c"true".as_ptr(), c"r".as_ptr()));
            assert_eq!(c!(libc::pclose(pipe)), 0);
            and_sleep();
        }),
        ("fork", |_| {
            let pid = c!(libc::fork());
            if pid == 0 {
                c!(libc::_exit(0));
            }
            assert_eq!(c!(libc::waitpid(pid, std::ptr::null_mut(), 0)), pid);
            and_sleep();
        }),
        ("vfork", |_| {
            let pid = vfork_and_exit();
            assert_eq!(c!(libc::waitpid(pid, std::ptr::null_mut(), 0)), pid);
            and_sleep();
        }),
        ("clone", |_| {
            extern "C" fn exit(_: *mut libc::c_void) -> i32 {
                7
            }
            let mut stack = vec![0u128; 4096];
            let top = stack.as_mut_ptr_range().end.cast();
            let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
            let pid = c!(libc::clone(exit, top, flags, std::ptr::null_mut()));
            let mut status = 0;
            assert_eq!(c!(libc::waitpid(pid, &mut status, 0)), pid);
            assert_eq!(libc::WEXITSTATUS(status), 7);
            and_sleep();
        }),
        ("the call fork", |_| fork_by(|| c!(libc::syscall(libc::SYS_fork)))),
        ("the call clone", |_| fork_by(|| c!(libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0)))),
    ];
    fn fork_by(call: fn() -> i64) {
        let pid = call() as i32;
        if pid == 0 {
            c!(libc::_exit(0));
        }
        assert_eq!(c!(libc::waitpid(pid, std::ptr::null_mut(), 0)), pid);
        and_sleep();
    }
    for (name, make) in makers {
        let found = classes(false, make);
        assert!(found.contains(&Class::Process) && found.contains(&Class::Sleep), "{name}: {found:?}");
        assert_eq!(classes(true, make), [], "{name}, in a job");
    }
}

/// A child runs as fast as it does: without that, what `try_wait` says would be a matter of luck.
#[test]
fn whether_a_child_has_ended_is_told_once_it_is_at_rest() {
    let _mine = no_other_children();
    use std::process::{Command, Stdio};
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
fn waits_without_reaping(child: &std::process::Child) {
    // SAFETY: zeroed is a valid value of it, and the call writes to it.
    let mut info = unsafe { std::mem::zeroed() };
    assert_eq!(c!(libc::waitid(libc::P_PID, child.id(), &mut info, libc::WEXITED | libc::WNOWAIT)), 0);
}

/// The clock moves once nothing is left to wait for in reality: a child that has ended is nothing, whether it has been asked
/// for, waited for in two steps, or let go of.
#[test]
fn a_child_that_has_ended_holds_up_nobody() {
    let _mine = no_other_children();
    use std::process::{Child, Command};
    type Way = (&'static str, fn(Child));
    let ways: [Way; 3] = [
        ("asked", |mut child| {
            while child.try_wait().unwrap().is_none() {
                std::thread::sleep(Duration::from_millis(1));
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
    use std::process::Command;
    let report = raddle::Sim::new().run(|| {
        raddle::unblock(|| {
            // The other end of the pipe is closed when it ends.
            let (mut reader, writer) = std::io::pipe().unwrap();
            let mut patient = Command::new("sleep").arg("0.05").stdout(writer).spawn().unwrap();
            let mut quick = Command::new("true").spawn().unwrap();
            waits_without_reaping(&quick);
            quick.wait().unwrap();
            let before = std::time::Instant::now();
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

/// Of children that end at about the same time it would be a matter of luck which is seen to have ended first.
#[test]
fn of_children_that_take_as_long_none_is_first() {
    if !are_threads_borrowed() {
        return;
    }
    let _mine = no_other_children();
    use std::process::{Command, Stdio};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI32, AtomicU32, Ordering::SeqCst};
    let digest = |seed: u64| {
        let (reader, writer) = std::io::pipe().unwrap();
        let (started, waiting) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicI32::new(0)));
        let ends_them = thread::spawn({
            let (started, waiting) = (started.clone(), waiting.clone());
            move || {
                // Who waits in reality goes to sleep again and again, and so does who waits for children to rest.
                let waits = || started.load(SeqCst) == 4 && are_children_asleep(waiting.load(SeqCst));
                while !(waits() && waits()) {
                    thread::sleep(MS);
                }
                let before = times_asleep(waiting.load(SeqCst));
                while times_asleep(waiting.load(SeqCst)) < before + 50 {
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
        assert!(report.is_ok(), "{report}");
        ends_them.join().unwrap();
        report.digest()
    };
    for seed in 0..4 {
        let first = digest(seed);
        for run in 0..6 {
            assert_eq!(digest(seed), first, "seed {seed}, run {run}");
        }
    }
}

/// How much a child takes at a time, and gives, depends on how much it finds: it is waited for between the parts of a write.
#[test]
fn what_goes_through_a_child_goes_by_the_same_parts() {
    if !are_threads_borrowed() {
        return;
    }
    let _mine = no_other_children();
    use std::io::Write;
    use std::process::{Command, Stdio};
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
    for seed in 0..3 {
        let first = digest(seed);
        for run in 0..4 {
            assert_eq!(digest(seed), first, "seed {seed}, run {run}");
        }
    }
}
