//! What runs on a carrier: bodies, their thread-locals, panics and registers.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::thread::ThreadId;

use super::*;

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
