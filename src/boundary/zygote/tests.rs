//! Forking from within: answers, deaths, and what is shared.

use super::pulse::Room;
use super::*;
use crate::boundary::fork_lock::closed;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU32, Ordering};

fn last_words(say: &mut dyn FnMut(&[u8])) {
    say(b"fare");
    say(b"well");
}

fn lines() -> Lines {
    let pulse: &'static Pulse = Box::leak(Box::default());
    pulse.share();
    Lines::new(pulse)
}

/// What became of a process: its answer apart.
type Told = (Option<Vec<u8>>, Life<'static>);

#[track_caller]
fn run_on<G>(lines: &mut Lines, held: G, work: impl FnOnce() -> Vec<u8>, goes_on: &mut dyn FnMut() -> bool) -> Told {
    prepare(last_words);
    // As whoever makes runs does: other tests are at the tables meanwhile.
    let mut held = Some(held);
    let life = run(lines, || (held.take(), closed()), |answer| answer.put(&work()), goes_on).unwrap();
    (life.answer.map(<[u8]>::to_vec), Life { answer: None, ..life })
}

#[track_caller]
fn live(work: impl FnOnce() -> Vec<u8>) -> Told {
    run_on(&mut lines(), (), work, &mut || true)
}

#[test]
fn what_it_answers_comes_back() {
    let unshared: &'static Pulse = Box::leak(Box::default());
    let mut both = [lines(), Lines::new(unshared)];
    // As much as there is room for, a byte more, more than a pipe holds; and a short one behind a long one.
    for size in [0, 5, Room::SIZE - 1, Room::SIZE, Room::SIZE + 1, 1 << 20, 5] {
        for lines in &mut both {
            let (answer, life) = run_on(lines, (), || vec![7; size], &mut || true);
            assert_eq!(answer, Some(vec![7; size]));
            assert_eq!((life.end, life.given_up, life.last_words), (End::Exit(0), false, None));
        }
    }
}

#[test]
fn the_room_of_a_pulse_is_lent_to_one_at_a_time() {
    let pulse: &'static Pulse = Box::leak(Box::default());
    pulse.share();
    let (mut one, mut other) = (Lines::new(pulse), Lines::new(pulse));
    for (lines, answer) in [(&mut one, b"one".to_vec()), (&mut other, b"other".to_vec())] {
        let (said, _) = run_on(lines, (), || answer.clone(), &mut || true);
        assert_eq!(said, Some(answer));
    }
    assert_eq!(pulse.answered.load(Ordering::Relaxed), 4, "the other's went through its pipe");
}

#[test]
fn lines_go_on_after_a_death() {
    let mut lines = lines();
    let (answer, life) = run_on(&mut lines, (), || std::process::abort(), &mut || true);
    assert_eq!((answer, life.end), (None, End::Signal(libc::SIGABRT)));
    let (answer, life) = run_on(&mut lines, (), || vec![1], &mut || true);
    assert_eq!((answer, life.last_words), (Some(vec![1]), None));
}

#[test]
fn a_grandchild_that_goes_on_does_not_answer() {
    // Both come to the end of the work; the one that is to answer is the last to.
    let (answer, life) = live(|| {
        // SAFETY: both processes go on with their one thread.
        match unsafe { libc::fork() } {
            0 => b"grandchild".to_vec(),
            grandchild => {
                // SAFETY: nobody is told its status.
                unsafe { libc::waitpid(grandchild, std::ptr::null_mut(), 0) };
                b"child".to_vec()
            }
        }
    });
    assert_eq!((answer.as_deref(), life.end), (Some(b"child".as_slice()), End::Exit(0)));
}

#[test]
fn what_is_held_is_free_in_both() {
    static LOCK: std::sync::Mutex<u32> = std::sync::Mutex::new(1);
    let locked = || LOCK.try_lock().map_or(0, |value| *value as u8);
    let (answer, _) = run_on(&mut lines(), LOCK.lock().unwrap(), || vec![locked()], &mut || true);
    assert_eq!((answer, locked()), (Some(vec![1]), 1));
}

#[test]
fn who_dies_says_a_last_word() {
    for (work, end) in [
        (std::process::abort as fn() -> !, End::Signal(libc::SIGABRT)),
        ((|| std::process::exit(7)) as fn() -> !, End::Exit(7)),
    ] {
        let (answer, life) = live(move || work());
        assert_eq!((life.end, answer), (end, None));
        assert!(life.last_words.unwrap().starts_with(b"farewell"));
    }
    let (_, life) = live(|| {
        writeln!(std::io::stderr(), "oh").unwrap();
        // SAFETY: ends the process.
        unsafe { libc::_exit(3) }
    });
    assert_eq!((life.end, life.last_words, life.said.as_slice()), (End::Exit(3), None, b"oh\n".as_slice()));
}

#[cfg(target_arch = "x86_64")]
static LOCK: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// Work that takes that lock `by` this way, which a thread has until it is told, or for a while after a process has begun with it: how
/// many were forked, and what became of it. It is given up after so many ticks of all processes.
#[cfg(target_arch = "x86_64")]
fn held_elsewhere(for_ever: bool, by: fn(), given_up_after: u32) -> (u32, Told) {
    use std::io::Read;
    use std::sync::mpsc::channel;
    static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let ((is_held, has_it), (is_over, over)) = (channel(), channel::<()>());
    let (mut told, mut tells) = std::io::pipe().unwrap();
    let holder = std::thread::spawn(move || {
        let _held = LOCK.lock().unwrap();
        is_held.send(()).unwrap();
        if for_ever {
            let _ = over.recv();
        } else {
            told.read_exact(&mut [0]).unwrap();
            std::thread::sleep(Duration::from_millis(100));
        }
        told
    });
    has_it.recv().unwrap();
    let (mut starts, mut ticks) = (0, 0);
    let hold = || {
        starts += 1;
        closed()
    };
    let work = |answer: &mut Answer| {
        tells.write_all(b".").unwrap();
        by();
        answer.put(b"done");
    };
    let mut goes_on = || {
        ticks += 1;
        ticks < given_up_after
    };
    prepare(last_words);
    let mut lines = lines();
    let life = run(&mut lines, hold, work, &mut goes_on).unwrap();
    let told = (life.answer.map(<[u8]>::to_vec), Life { answer: None, ..life });
    drop(is_over);
    drop(holder.join().unwrap());
    (starts, told)
}

#[cfg(target_arch = "x86_64")]
#[test]
fn who_waits_for_one_that_did_not_come_along_starts_over() {
    let takes_it = || drop(LOCK.lock());
    let (starts, (answer, life)) = held_elsewhere(false, takes_it, 500);
    // (More than twice if another test's thread has one of std's just then.)
    assert!(starts >= 2, "{starts}");
    assert_eq!((answer.as_deref(), life.end), (Some(b"done".as_slice()), End::Exit(0)));
    assert!(!life.given_up);
    // Not for ever.
    let (starts, (answer, life)) = held_elsewhere(true, takes_it, 50);
    assert_eq!((answer, life.end, life.given_up), (None, End::Signal(libc::SIGTERM), true));
    assert!(starts >= 4, "{starts}");
}

/// As one of std's, when a thread begins.
#[cfg(target_arch = "x86_64")]
#[test]
fn so_does_a_thread_that_it_has_made() {
    let by_a_thread = || std::thread::spawn(|| drop(LOCK.lock())).join().unwrap();
    let (starts, (answer, life)) = held_elsewhere(false, by_a_thread, 500);
    assert!(starts >= 2, "{starts}");
    assert_eq!((answer.as_deref(), life.end), (Some(b"done".as_slice()), End::Exit(0)));
}

/// Two threads have it nearly all the time: a process is forked when nobody does. Who wants to write under an `RwLock` waits for
/// another word than the one that says who has it.
#[cfg(target_arch = "x86_64")]
#[test]
fn a_lock_that_is_hardly_ever_free() {
    static MUTEX: std::sync::Mutex<()> = std::sync::Mutex::new(());
    static RW_LOCK: std::sync::RwLock<()> = std::sync::RwLock::new(());
    /// Does this with a lock held.
    type Holds = fn(fn());
    let locks: [Holds; 2] = [
        |then| {
            let _held = MUTEX.lock().unwrap();
            then();
        },
        |then| {
            let _held = RW_LOCK.write().unwrap();
            then();
        },
    ];
    let is_over = AtomicU32::new(0);
    for holds in locks {
        is_over.store(0, Ordering::Relaxed);
        let done: Vec<_> = std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while is_over.load(Ordering::Relaxed) == 0 {
                        holds(|| {
                            let since = std::time::Instant::now();
                            while since.elapsed() < Duration::from_micros(200) {}
                        });
                        std::thread::sleep(Duration::from_micros(50));
                    }
                });
            }
            let mut lines = lines();
            let takes_it = || {
                holds(|| ());
                vec![1]
            };
            // Within the three seconds that a process is waited for with patience.
            let run = |lines: &mut Lines| {
                let mut ticks = 0..1_000;
                run_on(lines, (), takes_it, &mut || ticks.next().is_some()).0
            };
            let done = (0..20).map(|_| run(&mut lines)).collect();
            is_over.store(1, Ordering::Relaxed);
            done
        });
        assert_eq!(done, vec![Some(vec![1]); 20]);
    }
}

#[test]
fn who_unwinds_aborts() {
    let (_, life) = live(|| std::panic::resume_unwind(Box::new(())));
    assert_eq!(life.end, End::Signal(libc::SIGABRT));
}

#[test]
fn who_is_given_up_is_ended() {
    let pulse: &'static Pulse = Box::leak(Box::default());
    pulse.share();
    let sleep = || {
        pulse.steps.store(1, Ordering::Relaxed);
        loop {
            std::thread::sleep(Duration::from_secs(1));
        }
    };
    // Before it has begun it has nothing to say.
    let mut goes_on = || pulse.steps.load(Ordering::Relaxed) == 0;
    let (_, life) = run_on(&mut Lines::new(pulse), (), sleep, &mut goes_on);
    assert_eq!((life.end, life.given_up), (End::Signal(libc::SIGTERM), true));
    assert!(life.last_words.is_some());
}

#[test]
fn a_grandchild_does_not_keep_it_waiting() {
    // It has the pipe open, and sleeps on when its parent has died.
    let (_, life) = live(|| {
        // SAFETY: the grandchild only lets go of what whoever runs this test would wait for, sleeps and ends.
        unsafe {
            if libc::fork() == 0 {
                libc::close(1);
                libc::close(2);
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
    let there = live(|| vec![lowest()]).0.unwrap()[0];
    assert!(there < 100, "{there}");
}
