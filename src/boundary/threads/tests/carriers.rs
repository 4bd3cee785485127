//! How carriers begin and end.

use std::cell::{Cell, RefCell};

use super::super::super::turn::Turned;
use super::*;

both! {
    carriers_are_used_again
    another_name_is_another_thread
    retiring_runs_destructors_once_in_order
    destructors_hold_the_turn_and_cannot_suspend
    dropping_threads_retires_and_abandons
    abandoned_bodies_are_never_dropped
    a_body_that_never_ran_is_dropped
    a_fresh_loop_thread
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
