//! Who may resume whom, and what is refused.

use std::cell::RefCell;
use std::rc::Rc;

use super::super::super::turn::Turned;
use super::*;

both! {
    another_loop_thread_cannot_resume
    the_turn_goes_along
    another_turn_cannot_resume
    a_sim_thread_starts_another
    a_sim_thread_passes_the_turn_on
    misuse_is_told
    no_room_for_another_thread
    park_tokens_and_errno_are_left_alone
    abort_is_an_abort
}

fn another_loop_thread_cannot_resume(backend: Backend) {
    let threads = threads(backend);
    let rc = Rc::new(());
    start(&threads, 0, move || {
        let _rc = rc;
        suspend();
    });
    suspended(&threads, 0);
    let threads = std::thread::spawn(move || {
        let said = panics(|| drop(threads.resume(0)));
        assert!(said.contains("another loop thread"), "{said}");
        threads
    })
    .join()
    .unwrap();
    finished(&threads, 0);
}

fn the_turn_goes_along(backend: Backend) {
    struct World {
        threads: Threads,
        log: RefCell<Vec<&'static str>>,
    }
    let world: &'static Turned<World> =
        Box::leak(Box::new(Turned::new(World { threads: threads(backend), log: RefCell::default() })));
    let push = |what| world.with(|w| w.log.borrow_mut().push(what));
    assert_eq!(push("nobody"), None);
    for _ in 0..2 {
        world.enter(|w| {
            start(&w.threads, 0, move || {
                push("first").unwrap();
                world.with(|w| {
                    suspend();
                    w.log.borrow_mut().push("second");
                });
            });
            suspended(&w.threads, 0);
            push("loop").unwrap();
            finished(&w.threads, 0);
            assert_eq!(w.log.take(), ["first", "loop", "second"]);
        });
    }
    // A body resumed without a turn has none.
    world.enter(|w| w.threads.retire(0));
    let bare = threads(backend);
    start(&bare, 0, move || assert_eq!(push("no turn"), None));
    finished(&bare, 0);
}

fn another_turn_cannot_resume(backend: Backend) {
    let [one, two] = [(); 2].map(|()| -> &'static Turned<()> { Box::leak(Box::new(Turned::new(()))) });
    let threads = threads(backend);
    start(&threads, 0, move || {
        one.with(|()| suspend()).unwrap();
        assert!(one.is_held() && !two.is_held());
    });
    one.enter(|()| suspended(&threads, 0));
    for world in [Some(two), None] {
        let said = panics(|| match world {
            Some(world) => world.enter(|()| drop(threads.resume(0))),
            None => drop(threads.resume(0)),
        });
        assert!(said.contains("another turn"), "{said}");
    }
    one.enter(|()| finished(&threads, 0));
}

fn a_sim_thread_starts_another(backend: Backend) {
    let threads = Rc::new(threads(backend));
    let twin = threads.clone();
    start(&threads, 0, move || {
        for index in 1..4 {
            start(&twin, index, move || assert_eq!(current(), Some(index)));
            suspend();
        }
        let said = panics(|| drop(twin.resume(1)));
        assert!(said.contains("resume is for the loop"), "{said}");
    });
    for index in 1..4 {
        suspended(&threads, 0);
        finished(&threads, index);
    }
    finished(&threads, 0);
    assert_eq!((Rc::strong_count(&threads), threads.carriers()), (1, 4));
}

fn a_sim_thread_passes_the_turn_on(backend: Backend) {
    let may = backend == Backend::Borrowed;
    let threads = Rc::new(threads(backend));
    let log = Rc::new(RefCell::new(Vec::new()));
    let body = |name: &'static str, to: Option<usize>| {
        let (threads, log) = (Rc::downgrade(&threads), log.clone());
        move || {
            log.borrow_mut().push(name);
            suspend();
            log.borrow_mut().push(name);
            if let Some(to) = to {
                let threads = threads.upgrade().unwrap();
                let own = current().unwrap();
                // Itself, one that has not begun, one that does not exist.
                assert!([own, 3, 9].iter().all(|&other| !threads.passes_to(other)));
                assert_eq!(threads.passes_to(to), may);
                // It can be passed to nobody twice.
                assert!(!threads.passes_to(to));
                drop(threads);
                suspend();
                log.borrow_mut().push(name);
            }
        }
    };
    start(&threads, 0, body("a", None));
    start(&threads, 1, body("b", Some(0)));
    start(&threads, 2, body("c", Some(1)));
    start(&threads, 3, body("d", None));
    (0..3).for_each(|index| suspended(&threads, index));
    if may {
        // From the third to the second, and from there to the first, which ends.
        finished(&threads, 2);
        assert_eq!((threads.last(), log.take()), (0, vec!["a", "b", "c", "c", "b", "a"]));
    } else {
        (0..3).rev().for_each(|index| drop(threads.resume(index)));
        assert_eq!((threads.last(), log.take()), (0, vec!["a", "b", "c", "c", "b", "a"]));
    }
    [1, 2].into_iter().for_each(|index| finished(&threads, index));
    assert_eq!((threads.last(), log.take()), (2, vec!["b", "c"]));
    suspended(&threads, 3);
    finished(&threads, 3);
    assert!(!threads.passes_to(0), "this is the loop");
}

fn misuse_is_told(backend: Backend) {
    let threads = threads(backend);
    assert!(panics(suspend).contains("not a sim thread"));
    assert!(panics(|| drop(threads.resume(3))).contains("no sim thread 3"));
    assert!(panics(|| threads.retire(0)).contains("no sim thread 0"));
    start(&threads, 0, suspend);
    assert!(panics(|| threads.retire(0)).contains("is Ready"));
    suspended(&threads, 0);
    assert!(panics(|| threads.retire(0)).contains("is Suspended"));
    assert!(panics(|| start(&threads, 0, || ())).contains("is Suspended"));
    finished(&threads, 0);
    assert!(panics(|| drop(threads.resume(0))).contains("is Free"));
}

#[cfg(all(target_os = "linux", not(miri)))]
fn no_room_for_another_thread(backend: Backend) {
    /// What std does where there is room for a thread's stack, but none for that of its signals: it ends the process.
    const ABORTED: i32 = libc::SIGABRT;
    // In a child: the limit is one of the process. Some room is left, for the test to tell.
    let code = |room: u64| {
        in_child(move || {
            let threads = threads(backend);
            let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
            let pages: u64 = pages.split(' ').next().unwrap().parse().unwrap();
            let limit = libc::rlimit { rlim_cur: pages * 4096 + room, rlim_max: libc::RLIM_INFINITY };
            // SAFETY: a limit for this child only, read from a struct that is alive.
            assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
            for index in 0..1000 {
                if index > 1 {
                    // It has all that it needs before the next one takes some.
                    finished(&threads, index - 1);
                }
                let tally = Arc::new(AtomicUsize::new(0));
                let drops = Tally(tally.clone());
                if let Err(error) = threads.start(index, "worker", Box::new(move || drop(drops))) {
                    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
                    assert_eq!((tally.load(Ordering::SeqCst), threads.carriers()), (1, index));
                    finished(&threads, 0);
                    return 1;
                }
            }
            0
        })
    };
    let rooms = [0, 700, 1400].into_iter().map(|more| (32 << 20) + (more << 10));
    let code = rooms.map(code).find(|&code| code != ABORTED);
    assert_eq!(code, Some(1 << 8), "exit status");
}

#[cfg(not(all(target_os = "linux", not(miri))))]
fn no_room_for_another_thread(_: Backend) {}

fn park_tokens_and_errno_are_left_alone(backend: Backend) {
    let threads = threads(backend);
    start(&threads, 0, || {
        std::thread::current().unpark();
        #[cfg(target_os = "linux")]
        // SAFETY: this thread's errno.
        unsafe {
            *libc::__errno_location() = 77;
        }
        suspend();
        #[cfg(target_os = "linux")]
        assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(77));
        std::thread::park(); // hangs if the token is gone
    });
    suspended(&threads, 0);
    finished(&threads, 0);
}

#[cfg(all(target_os = "linux", not(miri)))]
fn abort_is_an_abort(backend: Backend) {
    let status = in_child(|| {
        let threads = threads(backend);
        start(&threads, 0, || std::process::abort());
        drop(threads.resume(0));
        0
    });
    assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGABRT, "{status:#x}");
}

#[cfg(not(all(target_os = "linux", not(miri))))]
fn abort_is_an_abort(_: Backend) {}
