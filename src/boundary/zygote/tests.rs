//! Forking from within: answers, deaths, and what is shared.

use super::*;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU32, Ordering};

fn last_words(say: &mut dyn FnMut(&[u8])) {
    say(b"fare");
    say(b"well");
}

#[track_caller]
fn live(work: impl FnOnce() -> Vec<u8>) -> Life {
    run((), last_words, work, &mut || true).unwrap()
}

#[test]
fn what_it_answers_comes_back() {
    // More than a pipe holds.
    for size in [0, 5, 1 << 20] {
        let life = live(|| vec![7; size]);
        assert_eq!(life.answer.as_deref(), Some(vec![7; size].as_slice()));
        assert_eq!((life.end, life.given_up, life.last_words), (End::Exit(0), false, None));
    }
}

#[test]
fn what_is_held_is_free_in_both() {
    static LOCK: std::sync::Mutex<u32> = std::sync::Mutex::new(1);
    let locked = || LOCK.try_lock().map_or(0, |value| *value as u8);
    let life = run(LOCK.lock().unwrap(), last_words, || vec![locked()], &mut || true).unwrap();
    assert_eq!((life.answer, locked()), (Some(vec![1]), 1));
}

#[test]
fn who_dies_says_a_last_word() {
    for (work, end) in [
        (std::process::abort as fn() -> !, End::Signal(libc::SIGABRT)),
        ((|| std::process::exit(7)) as fn() -> !, End::Exit(7)),
    ] {
        let life = live(move || work());
        assert_eq!((life.end, life.answer), (end, None));
        assert!(life.last_words.unwrap().starts_with(b"farewell"));
    }
    let life = live(|| {
        writeln!(std::io::stderr(), "oh").unwrap();
        // SAFETY: ends the process.
        unsafe { libc::_exit(3) }
    });
    assert_eq!((life.end, life.last_words, life.said.as_slice()), (End::Exit(3), None, b"oh\n".as_slice()));
}

#[test]
fn who_unwinds_aborts() {
    let life = live(|| std::panic::resume_unwind(Box::new(())));
    assert_eq!(life.end, End::Signal(libc::SIGABRT));
}

#[test]
fn who_is_given_up_is_ended() {
    let mut ticks = 0;
    let sleep = || loop {
        std::thread::sleep(Duration::from_secs(1));
    };
    let mut goes_on = || {
        ticks += 1;
        ticks < 3
    };
    let life = run((), last_words, sleep, &mut goes_on).unwrap();
    assert_eq!((life.end, life.given_up), (End::Signal(libc::SIGTERM), true));
    assert!(life.last_words.is_some());
}

#[test]
fn a_grandchild_does_not_keep_it_waiting() {
    // It has the pipe open, and sleeps on when its parent has died.
    let life = live(|| {
        // SAFETY: the grandchild only sleeps and ends.
        unsafe {
            if libc::fork() == 0 {
                libc::sleep(20);
                libc::_exit(0);
            }
            libc::_exit(5)
        }
    });
    assert_eq!(life.end, End::Exit(5));
}

#[test]
fn a_pulse_is_shared_and_other_memory_is_not() {
    let pulse: &'static Pulse = Box::leak(Box::default());
    pulse.steps.store(3, Ordering::Relaxed);
    pulse.share();
    pulse.share();
    assert_eq!(pulse.steps.load(Ordering::Relaxed), 3);
    let number = AtomicU32::new(1);
    live(|| {
        pulse.steps.fetch_add(1, Ordering::Relaxed);
        number.store(2, Ordering::Relaxed);
        Vec::new()
    });
    assert_eq!((pulse.steps.load(Ordering::Relaxed), number.into_inner()), (4, 1));
}

#[test]
fn places_are_known_by_their_addresses() {
    let here = Location::caller();
    live(Vec::new);
    assert_eq!(location_at(std::ptr::from_ref(here) as usize), Some(here));
    let elsewhere = Box::new(0usize);
    assert_eq!(location_at(std::ptr::from_ref(&*elsewhere) as usize), None);
    assert_eq!([0, 8, usize::MAX].map(location_at), [None; 3]);
}

#[test]
fn code_under_test_finds_the_low_descriptors_free() {
    let (here, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    let lowest = || here.try_clone().unwrap().as_raw_fd() as u8;
    // Other tests open descriptors, too: that it is not far off is all that can be said.
    let there = live(|| vec![lowest()]).answer.unwrap()[0];
    assert!(there < 100, "{there}");
}
