//! One suite, run over both back ends.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::ThreadId;

use super::super::turn::Turned;
use super::{Backend, Resumed, Threads, current, suspend};

macro_rules! both {
    ($($name:ident)*) => {
        mod borrowed {
            $(#[test] fn $name() {
                match super::super::probe::why_not_borrowed() {
                    None => super::$name(super::Backend::Borrowed),
                    Some(why) => println!("not run: {why}"),
                }
            })*
        }
        mod baton {
            $(#[test] fn $name() { super::$name(super::Backend::Baton) })*
        }
    };
}

both! {
    a_body_runs_on_a_thread_of_its_own
    suspends_and_resumes_are_counted
    name_and_id_are_the_carriers
    thread_locals_stay_with_their_thread
    a_panic_is_handed_to_the_loop
    suspending_within_catch_unwind
    suspending_while_unwinding
    backtraces_end_at_the_start_of_the_thread
    deep_recursion
    control_words_stay_with_their_thread
    two_hundred_carriers
    carriers_are_used_again
    another_name_is_another_thread
    retiring_runs_destructors_once_in_order
    destructors_hold_the_turn_and_cannot_suspend
    dropping_threads_retires_and_abandons
    abandoned_bodies_are_never_dropped
    a_body_that_never_ran_is_dropped
    a_fresh_loop_thread
    another_loop_thread_cannot_resume
    the_turn_goes_along
    another_turn_cannot_resume
    a_sim_thread_starts_another
    misuse_is_told
    no_room_for_another_thread
    park_tokens_and_errno_are_left_alone
    abort_is_an_abort
}

fn threads(backend: Backend) -> Threads {
    let threads = Threads::new(Some(backend));
    assert_eq!(threads.backend(), backend);
    assert_eq!(threads.why_not_borrowed().is_none(), backend == Backend::Borrowed);
    threads
}

fn start(threads: &Threads, index: usize, body: impl FnOnce() + 'static) {
    threads.start(index, "worker", Box::new(body)).unwrap();
}

#[track_caller]
fn suspended(threads: &Threads, index: usize) {
    assert!(matches!(threads.resume(index), Resumed::Suspended));
}

#[track_caller]
fn finished(threads: &Threads, index: usize) {
    assert!(matches!(threads.resume(index), Resumed::Finished(None)));
}

/// What the panic said.
fn message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(|s| s.to_string())).unwrap()
}

#[track_caller]
fn panics(f: impl FnOnce()) -> String {
    message(&*catch_unwind(AssertUnwindSafe(f)).expect_err("should have panicked"))
}

/// Counts its drops.
struct Tally(Arc<AtomicUsize>);
impl Drop for Tally {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn a_body_runs_on_a_thread_of_its_own(backend: Backend) {
    let threads = threads(backend);
    let drops = Arc::new(AtomicUsize::new(0));
    let (tally, ran) = (Tally(drops.clone()), Rc::new(Cell::new(0)));
    let twin = ran.clone();
    start(&threads, 0, move || {
        let _tally = tally;
        twin.set(twin.get() + 1);
        assert_eq!(current(), Some(0));
    });
    assert_eq!((ran.get(), drops.load(Ordering::SeqCst)), (0, 0));
    finished(&threads, 0);
    assert_eq!((ran.get(), drops.load(Ordering::SeqCst)), (1, 1));
    assert_eq!(Rc::strong_count(&ran), 1);
    assert_eq!(current(), None);
}

fn suspends_and_resumes_are_counted(backend: Backend) {
    let threads = threads(backend);
    let steps = Rc::new(RefCell::new(Vec::new()));
    for index in [0, 1] {
        let steps = steps.clone();
        start(&threads, index, move || {
            for step in 0..3 {
                steps.borrow_mut().push((index, step));
                suspend();
            }
            steps.borrow_mut().push((index, 3));
        });
    }
    for (n, index) in [0, 1, 1, 0, 0, 1].into_iter().enumerate() {
        suspended(&threads, index);
        assert_eq!(steps.borrow().len(), n + 1);
    }
    finished(&threads, 1);
    finished(&threads, 0);
    assert_eq!(*steps.borrow(), [(0, 0), (1, 0), (1, 1), (0, 1), (0, 2), (1, 2), (1, 3), (0, 3)]);
    assert_eq!(Rc::strong_count(&steps), 1);
}

fn name_and_id_are_the_carriers(backend: Backend) {
    let threads = threads(backend);
    let seen: Rc<RefCell<Vec<ThreadId>>> = Rc::default();
    for index in 0..3 {
        let seen = seen.clone();
        let body = move || {
            for _ in 0..2 {
                let thread = std::thread::current();
                assert_eq!(thread.name(), Some(format!("worker-{index}").as_str()));
                assert_eq!(current(), Some(index));
                seen.borrow_mut().push(thread.id());
                suspend();
            }
        };
        threads.start(index, &format!("worker-{index}"), Box::new(body)).unwrap();
    }
    for _ in 0..2 {
        (0..3).for_each(|index| suspended(&threads, index));
    }
    (0..3).for_each(|index| finished(&threads, index));
    let seen = seen.borrow();
    assert_eq!(seen[..3], seen[3..]);
    assert!(seen[0] != seen[1] && seen[1] != seen[2] && seen[0] != seen[2]);
    assert!(!seen.contains(&std::thread::current().id()));
}

fn thread_locals_stay_with_their_thread(backend: Backend) {
    thread_local! {
        static LIST: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
        static LAZY: Cell<u32> = Cell::new("seven..".chars().count() as u32);
    }
    let threads = threads(backend);
    LAZY.set(1);
    for index in 0..2u32 {
        start(&threads, index as usize, move || {
            assert_eq!(LAZY.replace(100 + index), 7);
            LIST.with(|list| {
                let mut borrowed = list.borrow_mut();
                suspend();
                borrowed.push(index);
                suspend();
                assert_eq!(*borrowed, [index]);
            });
            assert_eq!(LAZY.get(), 100 + index);
        });
    }
    for _ in 0..2 {
        for index in 0..2 {
            suspended(&threads, index);
            assert_eq!(LIST.with(|list| list.borrow_mut().len()), 0);
        }
    }
    (0..2).for_each(|index| finished(&threads, index));
    assert_eq!(LAZY.get(), 1);
}

fn a_panic_is_handed_to_the_loop(backend: Backend) {
    let threads = threads(backend);
    let drops = Arc::new(AtomicUsize::new(0));
    let tally = Tally(drops.clone());
    start(&threads, 0, move || {
        let _tally = tally;
        suspend();
        panic!("payload {}", 42);
    });
    suspended(&threads, 0);
    assert_eq!(drops.load(Ordering::SeqCst), 0);
    let Resumed::Finished(Some(payload)) = threads.resume(0) else { panic!("should have panicked") };
    assert_eq!(message(&*payload), "payload 42");
    assert_eq!(drops.load(Ordering::SeqCst), 1);
    assert!(!std::thread::panicking());
    start(&threads, 0, || assert!(!std::thread::panicking()));
    finished(&threads, 0);
}

fn suspending_within_catch_unwind(backend: Backend) {
    let threads = threads(backend);
    for index in 0..2 {
        start(&threads, index, move || {
            let caught = panics(|| {
                suspend();
                panic!("in {index}");
            });
            assert_eq!(caught, format!("in {index}"));
            suspend();
            assert_eq!(panics(|| panic!("again")), "again");
        });
    }
    for _ in 0..2 {
        (0..2).for_each(|index| suspended(&threads, index));
    }
    assert_eq!(panics(|| panic!("on the loop")), "on the loop");
    (0..2).for_each(|index| finished(&threads, index));
}

fn suspending_while_unwinding(backend: Backend) {
    struct Suspends;
    impl Drop for Suspends {
        fn drop(&mut self) {
            assert!(std::thread::panicking());
            suspend();
            assert!(std::thread::panicking());
        }
    }
    let threads = threads(backend);
    for index in 0..2 {
        start(&threads, index, move || {
            let _suspends = Suspends;
            panic!("unwinding {index}");
        });
    }
    suspended(&threads, 0);
    assert!(!std::thread::panicking());
    suspended(&threads, 1);
    for index in 0..2 {
        let Resumed::Finished(Some(payload)) = threads.resume(index) else { panic!() };
        assert_eq!(message(&*payload), format!("unwinding {index}"));
    }
}

fn backtraces_end_at_the_start_of_the_thread(backend: Backend) {
    let threads = threads(backend);
    start(&threads, 0, || {
        suspend();
        let text = std::backtrace::Backtrace::force_capture().to_string();
        // Without the module: with line tables only, a debug build does not know it.
        assert!(text.contains("run_bodies\n"), "{text}");
        assert!(!text.contains("backtraces_end_at_the_start_of_the_thread\n"), "{text}");
        assert!(text.lines().count() < 200, "{text}");
    });
    suspended(&threads, 0);
    finished(&threads, 0);
}

fn deep_recursion(backend: Backend) {
    fn down(depth: u32) -> u32 {
        let pad = std::hint::black_box([depth as u8; 1024]);
        let below = if depth == 0 { 0 } else { 1 + down(depth - 1) };
        if depth == 0 {
            suspend();
        }
        below + u32::from(pad[0] - depth as u8)
    }
    let threads = threads(backend);
    let depths: Rc<RefCell<Vec<u32>>> = Rc::default();
    for index in 0..2 {
        let depths = depths.clone();
        start(&threads, index, move || {
            // Some 1 MiB in a debug build, out of 2 MiB.
            let depth = down(400);
            depths.borrow_mut().push(depth);
        });
    }
    (0..2).for_each(|index| suspended(&threads, index));
    (0..2).for_each(|index| finished(&threads, index));
    assert_eq!(*depths.borrow(), [400, 400]);
}

fn control_words_stay_with_their_thread(backend: Backend) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        fn control() -> u32 {
            let mut word = 0u32;
            // SAFETY: stmxcsr writes the four bytes it is given.
            unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut word) };
            word & 0xffc0
        }
        fn set_control(word: u32) {
            // SAFETY: ldmxcsr reads four bytes; the test changes the rounding mode only, and does
            // no arithmetic before it is put back.
            unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const word) };
        }
        let threads = threads(backend);
        let plain = control();
        start(&threads, 0, move || {
            set_control(plain | 0x6000);
            suspend();
            assert_eq!(control(), plain | 0x6000);
            set_control(plain);
        });
        suspended(&threads, 0);
        assert_eq!(control(), plain);
        finished(&threads, 0);
        assert_eq!(control(), plain);
    }
    let _ = backend;
}

fn two_hundred_carriers(backend: Backend) {
    const COUNT: usize = if cfg!(miri) { 8 } else { 200 };
    let threads = threads(backend);
    let sum = Rc::new(Cell::new(0));
    for index in 0..COUNT {
        let sum = sum.clone();
        start(&threads, index, move || {
            suspend();
            sum.set(sum.get() + index);
        });
    }
    assert_eq!(threads.carriers(), COUNT);
    (0..COUNT).for_each(|index| suspended(&threads, index));
    assert_eq!(sum.get(), 0);
    (0..COUNT).rev().for_each(|index| finished(&threads, index));
    assert_eq!(sum.get(), COUNT * (COUNT - 1) / 2);
    assert_eq!(Rc::strong_count(&sum), 1);
}

fn carriers_are_used_again(backend: Backend) {
    thread_local! { static RUNS: Cell<u32> = const { Cell::new(0) }; }
    let threads = threads(backend);
    for run in 0..50 {
        for index in 0..2 {
            start(&threads, index, move || {
                assert_eq!(RUNS.replace(run + 1), run);
                suspend();
            });
        }
        (0..2).for_each(|index| suspended(&threads, index));
        (0..2).for_each(|index| finished(&threads, index));
        assert_eq!(threads.carriers(), 2);
    }
    threads.retire(0);
    assert_eq!(threads.carriers(), 1);
    start(&threads, 0, || assert_eq!(RUNS.get(), 0));
    finished(&threads, 0);
}

fn another_name_is_another_thread(backend: Backend) {
    thread_local! { static MARK: RefCell<Option<Tally>> = const { RefCell::new(None) }; }
    let threads = threads(backend);
    let drops = Arc::new(AtomicUsize::new(0));
    let tally = Tally(drops.clone());
    start(&threads, 0, move || MARK.set(Some(tally)));
    finished(&threads, 0);
    start(&threads, 0, || assert!(MARK.with_borrow(|m| m.is_some())));
    finished(&threads, 0);
    assert_eq!(drops.load(Ordering::SeqCst), 0);
    let body = || {
        assert!(MARK.with_borrow(|m| m.is_none()));
        assert_eq!(std::thread::current().name(), Some("other"));
    };
    threads.start(0, "other", Box::new(body)).unwrap();
    assert_eq!(drops.load(Ordering::SeqCst), 1);
    finished(&threads, 0);
}

fn retiring_runs_destructors_once_in_order(backend: Backend) {
    struct Late(&'static str, Arc<std::sync::Mutex<Vec<String>>>);
    impl Drop for Late {
        fn drop(&mut self) {
            let name = std::thread::current().name().map(str::to_owned);
            self.1.lock().unwrap().push(format!("{} on {name:?}", self.0));
        }
    }
    thread_local! {
        static ONE: RefCell<Option<Late>> = const { RefCell::new(None) };
        static TWO: RefCell<Option<Late>> = const { RefCell::new(None) };
    }
    let log: Arc<std::sync::Mutex<Vec<String>>> = Arc::default();
    let threads = threads(backend);
    for _ in 0..2 {
        let twin = log.clone();
        start(&threads, 0, move || {
            ONE.set(Some(Late("one", twin.clone())));
            suspend();
            TWO.set(Some(Late("two", twin)));
        });
        suspended(&threads, 0);
        finished(&threads, 0);
        log.lock().unwrap().clear(); // the second body replaces the first one's values
    }
    assert_eq!(Arc::strong_count(&log), 3);
    threads.retire(0);
    let mut got = log.lock().unwrap().clone();
    // glibc runs them last registered first, std's own list elsewhere first registered first.
    if cfg!(target_os = "linux") && !cfg!(miri) {
        assert_eq!(got.len(), 2);
    }
    got.sort();
    assert_eq!(got, ["one on Some(\"worker\")", "two on Some(\"worker\")"]);
    assert_eq!(Arc::strong_count(&log), 1);
    assert_eq!(threads.carriers(), 0);
}

fn destructors_hold_the_turn_and_cannot_suspend(backend: Backend) {
    struct Late(&'static Turned<Cell<u32>>);
    impl Drop for Late {
        fn drop(&mut self) {
            assert_eq!(current(), None);
            self.0.with(|count| count.set(count.get() + 1)).expect("no turn in a destructor");
        }
    }
    thread_local! { static LATE: RefCell<Option<Late>> = const { RefCell::new(None) }; }
    let world: &'static Turned<Cell<u32>> = Box::leak(Box::new(Turned::new(Cell::new(0))));
    let threads = threads(backend);
    start(&threads, 0, move || LATE.set(Some(Late(world))));
    finished(&threads, 0);
    world.enter(|count| {
        threads.retire(0);
        assert_eq!(count.get(), 1);
    });
}

fn dropping_threads_retires_and_abandons(backend: Backend) {
    thread_local! { static MARK: RefCell<Option<Tally>> = const { RefCell::new(None) }; }
    let threads = threads(backend);
    let [retired, ready, suspended_one] = [(); 3].map(|()| Arc::new(AtomicUsize::new(0)));
    let tally = Tally(retired.clone());
    start(&threads, 0, move || MARK.set(Some(tally)));
    finished(&threads, 0);
    let tally = Tally(ready.clone());
    start(&threads, 1, move || drop(tally));
    let tally = Tally(suspended_one.clone());
    start(&threads, 2, move || {
        let _tally = tally;
        suspend();
    });
    suspended(&threads, 2);
    drop(threads);
    let counts = [retired, ready, suspended_one].map(|count| count.load(Ordering::SeqCst));
    assert_eq!(counts, [1, 1, 0]);
}

fn abandoned_bodies_are_never_dropped(backend: Backend) {
    let threads = threads(backend);
    let drops = Arc::new(AtomicUsize::new(0));
    for round in 0..20 {
        let tally = Tally(drops.clone());
        start(&threads, 0, move || {
            let _tally = tally;
            suspend();
            unreachable!("resumed after it was abandoned");
        });
        suspended(&threads, 0);
        threads.abandon(0);
        assert_eq!(threads.carriers(), 0);
        assert_eq!(drops.load(Ordering::SeqCst), 0);
        assert_eq!(Arc::strong_count(&drops), round + 2);
    }
    start(&threads, 0, || ());
    finished(&threads, 0);
}

fn a_body_that_never_ran_is_dropped(backend: Backend) {
    let threads = threads(backend);
    let drops = Arc::new(AtomicUsize::new(0));
    let tally = Tally(drops.clone());
    start(&threads, 0, move || drop(tally));
    threads.abandon(0);
    assert_eq!((drops.load(Ordering::SeqCst), threads.carriers()), (1, 1));
    start(&threads, 0, || ());
    finished(&threads, 0);
}

fn a_fresh_loop_thread(backend: Backend) {
    let mut threads = threads(backend);
    let id = Arc::new(std::sync::Mutex::new(None));
    for _ in 0..5 {
        let id = id.clone();
        threads = std::thread::spawn(move || {
            let twin = id.clone();
            start(&threads, 0, move || {
                let here = std::thread::current().id();
                assert_eq!(*twin.lock().unwrap().get_or_insert(here), here);
                suspend();
                assert_eq!(panics(|| panic!("here")), "here");
            });
            suspended(&threads, 0);
            finished(&threads, 0);
            threads
        })
        .join()
        .unwrap();
    }
    assert_eq!(threads.carriers(), 1);
    threads.retire(0);
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
    // In a child: the limit is one of the process. Some room is left, for the test to tell.
    let code = in_child(|| {
        let threads = threads(backend);
        let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: u64 = pages.split(' ').next().unwrap().parse().unwrap();
        let limit = libc::rlimit { rlim_cur: pages * 4096 + (32 << 20), rlim_max: libc::RLIM_INFINITY };
        // SAFETY: a limit for this child only, read from a struct that is alive.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
        for index in 0..1000 {
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
    });
    assert_eq!(code, 1 << 8, "exit status {code:#x}");
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

/// Forks, exits the child with what `f` returns, and returns the child's wait status.
#[cfg(all(target_os = "linux", not(miri)))]
fn in_child(f: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the child runs `f` on this thread only and leaves by _exit; glibc's malloc is usable
    // in a forked child, and no other lock of this process is taken before `f` panics, if ever.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            let code = catch_unwind(AssertUnwindSafe(f)).unwrap_or(99);
            libc::_exit(code);
        }
        assert!(child > 0);
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &mut status, 0), child);
        status
    }
}

#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
fn a_fork_takes_suspended_threads_along() {
    thread_local! { static OWN: Cell<i32> = const { Cell::new(0) }; }
    if super::probe::why_not_borrowed().is_some() {
        return;
    }
    let threads = threads(Backend::Borrowed);
    // More than glibc keeps mapped for later (40 MiB), if it takes them for free.
    for index in 20..50 {
        start(&threads, index, suspend);
        suspended(&threads, index);
    }
    let sum = Rc::new(Cell::new(0));
    for index in 0..3 {
        let sum = sum.clone();
        start(&threads, index, move || {
            OWN.set(1 << index);
            suspend();
            suspend();
            sum.set(sum.get() + OWN.get());
        });
        suspended(&threads, index);
    }
    suspended(&threads, 1);
    let rest = |extra: i32| {
        finished(&threads, 1);
        for index in [0, 2] {
            suspended(&threads, index);
            finished(&threads, index);
        }
        let own = sum.clone();
        start(&threads, 0, move || own.set(own.get() + extra + OWN.get()));
        finished(&threads, 0);
        sum.replace(0)
    };
    let status = in_child(|| {
        // New ones can be made in the child, and ended, without harm to the old ones' stacks.
        for index in 10..14 {
            start(&threads, index, || assert_eq!(std::hint::black_box([7u8; 256 * 1024])[99], 7));
            finished(&threads, index);
        }
        (10..14).for_each(|index| threads.retire(index));
        let sum = rest(64);
        threads.retire(2);
        (20..50).for_each(|index| finished(&threads, index));
        sum
    });
    assert_eq!(status, (1 + 2 + 4 + 64 + 1) << 8, "{status:#x}");
    assert_eq!(rest(32), 1 + 2 + 4 + 32 + 1);
    (20..50).for_each(|index| finished(&threads, index));
    (0..3).for_each(|index| threads.retire(index));
}
