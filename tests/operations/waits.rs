//! Sleeping; waiting for locks, threads and processes.

use super::children::no_other_children;
use super::{MS, Operation, c, classes, quiet, table, time};
use raddle::Class;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Barrier, Condvar, Mutex, RwLock, mpsc};
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
