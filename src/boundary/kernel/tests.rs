//! Trapping, on threads of the tests' own.

use super::*;
use std::cell::RefCell;

thread_local! {
    static SEEN: RefCell<Vec<Op>> = const { RefCell::new(Vec::new()) };
}

fn note(call: &Call) -> Answer {
    SEEN.with_borrow_mut(|seen| seen.push(call.op));
    match call.op {
        Op::Sleep(_) => Answer::Return(0),
        _ => Answer::Pass,
    }
}

/// What `f` asked the kernel for, with its calls watched.
fn seen(f: impl FnOnce() + Send + 'static) -> Vec<Op> {
    std::thread::spawn(|| {
        SEEN.with_borrow_mut(|seen| seen.reserve(100));
        let armed = arm(note);
        watch(selector());
        f();
        look_away(selector());
        drop(armed);
        SEEN.take()
    })
    .join()
    .unwrap()
}

#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
#[test]
fn calls_are_seen_whoever_makes_them() {
    use std::time::Duration;
    if let Some(why) = why_off() {
        panic!("this target traps: {why}");
    }
    let ops = seen(|| std::thread::sleep(Duration::from_secs(3600)));
    assert_eq!(ops, [Op::Sleep(Timeout::In(3_600_000_000_000))]);
    let ops = seen(|| drop(std::fs::File::open("/dev/null")));
    assert!(matches!(ops[..], [Op::Open { .. }, .., Op::Close { .. }]), "{ops:?}");
    let ops = seen(|| {
        // SAFETY: a call without memory.
        unsafe { libc::syscall(libc::SYS_getppid) };
    });
    assert_eq!(ops, [Op::Other]);
    // Memory is not looked at; masks are kept, but for SIGSYS.
    let mut ops = seen(|| {
        drop(std::hint::black_box(vec![1u8; 1 << 22]));
        // SAFETY: places for masks, on this thread.
        unsafe {
            let (mut all, mut before, mut after) = (std::mem::zeroed(), std::mem::zeroed(), std::mem::zeroed());
            libc::sigfillset(&mut all);
            libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
            libc::pthread_sigmask(libc::SIG_SETMASK, &before, &mut after);
            assert_eq!(libc::sigismember(&after, libc::SIGUSR1), 1);
            assert_eq!(libc::sigismember(&after, libc::SIGSYS), 0);
        }
    });
    // The allocator's lock may be contended by other tests.
    ops.retain(|op| !matches!(op, Op::FutexWait { .. } | Op::FutexWake { .. }));
    assert_eq!(ops, []);
    let ops = seen(|| {
        let quiet = quiet();
        std::thread::sleep(Duration::from_nanos(1));
        drop(quiet);
        assert!(is_watched());
    });
    assert_eq!(ops, []);
    // A child that is started amid watched code.
    seen(|| assert!(std::process::Command::new("true").status().unwrap().success()));
    let mut frames = [0; 8];
    assert!(backtrace(&mut frames) > 3);
}

#[test]
fn a_wrong_address_is_no_crash() {
    let text = *b"hello";
    let mut out = [0; 5];
    if why_off().is_none() {
        assert_eq!(peek(text.as_ptr() as usize, &mut out), 5);
        assert_eq!(out, text);
    }
    assert_eq!(peek(8, &mut out), 0);
}
