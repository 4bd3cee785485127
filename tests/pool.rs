//! The blocking pool: where and when jobs run, what becomes of them when nobody wants them any more, and what a worker
//! keeps.

mod common;

use common::scenarios::{Diary, ms};
use raddle::{Explore, FindingKind, Sim, StrategyKind};
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

fn thread_name() -> String {
    thread::current().name().unwrap_or("?").to_string()
}

/// What happened to the closures and outputs of jobs: starts, and drops with the thread they were on.
#[derive(Clone, Default)]
struct Ledger {
    starts: Arc<AtomicU32>,
    drops: Arc<Mutex<Vec<String>>>,
}

/// A part of a job whose drop the ledger sees.
struct Part(Ledger, &'static str);

impl Drop for Part {
    fn drop(&mut self) {
        // The loop's thread has the name of the test.
        let name = thread_name();
        let place = if name.starts_with("worker-") { name } else { "loop".into() };
        self.0.drops.lock().unwrap().push(format!("{} on {place}", self.1));
    }
}

impl Ledger {
    fn part(&self, what: &'static str) -> Part {
        Part(self.clone(), what)
    }

    fn starts(&self) -> u32 {
        self.starts.load(SeqCst)
    }

    fn drops(&self) -> Vec<String> {
        self.drops.lock().unwrap().clone()
    }

    /// A job that counts its start, pauses `pauses` times, and gives an output whose drop is seen.
    fn job(&self, pauses: u32) -> raddle::Job<Part> {
        let (ledger, closure) = (self.clone(), self.part("closure"));
        raddle::unblock(move || {
            ledger.starts.fetch_add(1, SeqCst);
            (0..pauses).for_each(|_| raddle::thread::yield_now());
            drop(closure);
            ledger.part("output")
        })
    }
}

/// Gives way until `done`.
async fn until(done: impl Fn() -> bool) {
    while !done() {
        raddle::yield_now().await;
    }
}

#[test]
fn a_worker_is_a_thread_of_its_own() {
    thread_local!(static MARK: Cell<u32> = const { Cell::new(0) });
    Explore::new()
        .seeds(0..30)
        .run(|| async {
            MARK.set(1);
            let identity = || (thread::current().id(), thread_name(), MARK.replace(7));
            let (id, name, mark) = raddle::unblock(identity).await;
            assert_ne!(id, thread::current().id());
            assert_eq!(name, "worker-1");
            assert_ne!(mark, 1, "not the loop's thread-local");
            assert_eq!(MARK.get(), 1, "nor the other way round");
            let (again, ..) = raddle::unblock(identity).await;
            assert_eq!(again, id, "an idle worker takes the next job");
        })
        .unwrap();
}

#[test]
fn jobs_start_in_the_order_they_were_queued() {
    let found = Explore::new().seeds(0..100).pool_threads(1).run(|| async {
        let diary = Diary::default();
        let jobs: Vec<_> = (0..12)
            .map(|n| {
                let diary = diary.clone();
                raddle::unblock(move || {
                    raddle::thread::yield_now();
                    diary.note(n.to_string());
                })
            })
            .collect();
        for job in jobs {
            job.await;
        }
        diary.read()
    });
    assert!(found.is_ok(), "{found}");
    let orders: Vec<&str> = found.outcomes().iter().map(|o| o.text()).collect();
    assert_eq!(orders, ["\"0 1 2 3 4 5 6 7 8 9 10 11\""]);
}

#[test]
fn two_workers_may_overtake_each_other_but_never_run_at_once() {
    let found = Explore::new().seeds(0..1000).pool_threads(2).shrink_budget(0).run(|| async {
        let (inside, diary) = (Arc::new(AtomicU32::new(0)), Diary::default());
        let jobs = [0, 1].map(|n| {
            let (inside, diary) = (inside.clone(), diary.clone());
            raddle::unblock(move || {
                for _ in 0..3 {
                    assert_eq!(inside.fetch_add(1, SeqCst), 0, "somebody else is running");
                    diary.note(n.to_string());
                    inside.fetch_sub(1, SeqCst);
                    raddle::thread::yield_now();
                }
            })
        });
        for job in jobs {
            job.await;
        }
        diary.read()
    });
    assert!(found.is_ok(), "{found}");
    // The first job is taken first, for they queue, but may be the second to begin: all ways to weave three with three.
    assert_eq!(found.outcomes().len(), 20);
}

/// `jobs` jobs that each wait until all of them have begun.
async fn barrier(jobs: u32) -> usize {
    let begun = Arc::new(AtomicU32::new(0));
    let threads = Arc::new(Mutex::new(HashSet::new()));
    let jobs: Vec<_> = (0..jobs)
        .map(|_| {
            let (begun, threads) = (begun.clone(), threads.clone());
            raddle::task("waiter").unblock(move || {
                begun.fetch_add(1, SeqCst);
                threads.lock().unwrap().insert(thread::current().id());
                while begun.load(SeqCst) < jobs {
                    raddle::thread::sleep(ms(1));
                }
            })
        })
        .collect();
    for job in jobs {
        job.await;
    }
    threads.lock().unwrap().len()
}

#[test]
fn the_pool_grows_as_far_as_it_has_to_and_may() {
    for jobs in [1, 2, 7, 30] {
        let found = Explore::new().seeds(0..5).pool_threads(jobs as usize).run(move || barrier(jobs));
        let outcomes: Vec<_> = found.outcomes().iter().map(|o| o.text().to_string()).collect();
        assert!(found.is_ok() && outcomes == [jobs.to_string()], "{outcomes:?} {found}");
    }
    let report = Sim::new().pool_threads(6).max_steps(10_000).run(|| barrier(7));
    assert_eq!(report.finding().unwrap().kind(), FindingKind::Livelock, "one thread too few: {report}");
}

#[test]
fn five_jobs_are_no_reason_for_a_second_thread() {
    let used = |jobs: u32| {
        let report = Sim::new().strategy(StrategyKind::Fifo).run(move || async move {
            let jobs: Vec<_> = (0..jobs).map(|_| raddle::unblock(|| ())).collect();
            for job in jobs {
                job.await;
            }
        });
        report.trace().actors().iter().filter(|a| a.kind() == raddle::ActorKind::Worker).count()
    };
    // One thread is started for five; it starts another as soon as it has taken the first of them.
    assert_eq!((used(1), used(2)), (1, 2));
    assert!(used(6) >= 2);
}

#[test]
fn a_job_starts_without_being_awaited() {
    Explore::new()
        .seeds(0..50)
        .run(|| async {
            let ledger = Ledger::default();
            let job = ledger.job(0);
            until(|| ledger.starts() == 1).await;
            until(|| job.is_finished()).await;
            assert_eq!(ledger.drops(), ["closure on worker-1"]);
            drop(job);
            assert_eq!(ledger.drops(), ["closure on worker-1", "output on loop"]);
            ledger.job(0).detach();
            until(|| ledger.drops().len() == 4).await;
            assert_eq!(ledger.drops()[2..], ["closure on worker-1", "output on worker-1"]);
        })
        .unwrap();
}

/// The only worker is kept busy by a job that runs until it is told to end.
async fn busy() -> (raddle::Job<()>, Arc<AtomicU32>) {
    let go_on = Arc::new(AtomicU32::new(0));
    let (theirs, begun) = (go_on.clone(), Arc::new(AtomicU32::new(0)));
    let begins = begun.clone();
    let job = raddle::unblock(move || {
        begins.store(1, SeqCst);
        while theirs.load(SeqCst) == 0 {
            raddle::thread::sleep(ms(1));
        }
    });
    until(|| begun.load(SeqCst) == 1).await;
    (job, go_on)
}

#[test]
fn dropped_while_queued() {
    Explore::new()
        .seeds(0..50)
        .pool_threads(1)
        .run(|| async {
            let (running, end) = busy().await;
            let ledger = Ledger::default();
            let (dropped, next) = (ledger.job(0), ledger.job(0));
            drop(dropped);
            raddle::sleep(ms(5)).await;
            assert_eq!((ledger.starts(), ledger.drops().len()), (0, 0), "it keeps its place, and its closure");
            end.store(1, SeqCst);
            running.await;
            let output = next.await;
            assert_eq!(ledger.starts(), 1, "only the other one ran");
            assert_eq!(ledger.drops(), ["closure on worker-1"; 2]);
            drop(output);
            assert_eq!(ledger.drops()[2..], ["output on loop"]);
        })
        .unwrap();
}

#[test]
fn cancelled_while_queued() {
    Explore::new()
        .seeds(0..50)
        .pool_threads(1)
        .run(|| async {
            let (running, end) = busy().await;
            let ledger = Ledger::default();
            let job = ledger.job(0);
            let early = raddle::timeout(ms(5), job.cancel()).await;
            assert!(early.is_err(), "cancelling waits until the worker comes by");
            assert_eq!((ledger.starts(), ledger.drops().len()), (0, 0));
            let second = ledger.job(0);
            end.store(1, SeqCst);
            assert!(second.cancel().await.is_none());
            assert_eq!((ledger.starts(), ledger.drops()), (0, vec!["closure on worker-1".to_string(); 2]));
            running.await;
        })
        .unwrap();
}

#[test]
fn dropped_while_running() {
    Explore::new()
        .seeds(0..50)
        .run(|| async {
            let ledger = Ledger::default();
            let job = ledger.job(2);
            until(|| ledger.starts() == 1).await;
            let was_finished = job.is_finished();
            drop(job);
            until(|| ledger.drops().len() == 2).await;
            let place = if was_finished { "output on loop" } else { "output on worker-1" };
            assert_eq!(ledger.drops(), ["closure on worker-1", place], "it ran to its end");
        })
        .unwrap();
}

#[test]
fn cancelled_while_running() {
    let found = Explore::new().seeds(0..100).run(|| async {
        let ledger = Ledger::default();
        let job = ledger.job(2);
        until(|| ledger.starts() == 1).await;
        let output = job.cancel().await;
        assert_eq!(ledger.drops()[0], "closure on worker-1", "cancelling waits for its end");
        match &output {
            Some(_) => assert_eq!(ledger.drops().len(), 1, "it had ended before"),
            None => assert_eq!(ledger.drops()[1], "output on worker-1"),
        }
        output.is_some()
    });
    assert!(found.is_ok(), "{found}");
    assert_eq!(found.outcomes().len(), 2, "both happen");
}

#[test]
fn a_fallible_handle() {
    Explore::new()
        .seeds(0..50)
        .pool_threads(1)
        .run(|| async {
            let ledger = Ledger::default();
            let output = ledger.job(1).fallible().await;
            assert!(output.is_some());
            drop(output);
            let (running, end) = busy().await;
            let (cancelled, let_go) = (ledger.job(0).fallible(), ledger.job(0).fallible());
            assert!(!cancelled.is_finished());
            let_go.detach();
            end.store(1, SeqCst);
            assert!(cancelled.cancel().await.is_none());
            until(|| ledger.drops().len() == 5).await;
            assert_eq!(ledger.starts(), 2);
            running.await;
        })
        .unwrap();
}

/// Sent out of the run while its job goes on, and asked there: what comes of that is no business of the schedule's.
#[test]
fn a_handle_may_leave_the_run() {
    for abroad in
        [drop::<raddle::Job<u32>>, raddle::Job::detach, |job| assert_eq!(futures_lite::future::block_on(job), 7)]
    {
        let (sender, receiver) = std::sync::mpsc::channel();
        let there = thread::spawn(move || abroad(receiver.recv().unwrap()));
        let report = Sim::new().run(move || {
            let sender = sender.clone();
            async move {
                let job = raddle::unblock(|| {
                    raddle::thread::sleep(ms(1));
                    7
                });
                raddle::allow_blocking("the other thread may be at the lock", || sender.send(job)).unwrap();
                raddle::sleep(ms(5)).await;
            }
        });
        assert!(report.finding().is_none(), "{report}");
        there.join().unwrap();
    }
}

#[test]
fn a_panic_is_a_finding_unless_allowed() {
    let report = Sim::new().run(|| async {
        raddle::task("divide").unblock(|| panic!("nothing to divide by")).detach();
        raddle::sleep(ms(1)).await;
    });
    let finding = report.finding().unwrap();
    assert_eq!(
        (finding.kind(), finding.message(), finding.task()),
        (FindingKind::Panic, "nothing to divide by", Some("divide"))
    );
    assert!(finding.place().unwrap().contains("tests/pool.rs:"), "{finding}");

    let sim = || Sim::new().allow_panics(true);
    let silent = sim().pool_threads(1).run(|| async {
        raddle::unblock(|| panic!("nobody hears this")).detach();
        drop(raddle::unblock(|| panic!("nor this")));
        raddle::sleep(ms(1)).await;
        raddle::unblock(thread_name).await
    });
    assert_eq!(silent.unwrap(), "worker-1", "the worker lives on");
    let resumed = sim().run(|| async {
        let job = raddle::unblock(|| -> u32 { std::panic::panic_any(17u8) });
        let caught = futures_lite::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(job)).await;
        *caught.unwrap_err().downcast::<u8>().unwrap()
    });
    assert_eq!(resumed.unwrap(), 17, "the payload itself arrives at the await");
    let reaching = sim().run(|| async { raddle::unblock(|| panic!("as far as the scenario")).await });
    assert_eq!(reaching.finding().unwrap().kind(), FindingKind::Panic);
}

#[test]
fn an_exhausted_pool_is_told() {
    let scenario = || async {
        let outer: Vec<_> = (0..2)
            .map(|_| {
                raddle::task("outer").unblock(|| {
                    raddle::thread::yield_now();
                    raddle::thread::block_on(raddle::task("inner").unblock(|| ()))
                })
            })
            .collect();
        for job in outer {
            job.await;
        }
    };
    let found = Explore::new().seeds(0..100).pool_threads(2).run(scenario);
    let failure = found.first_failure().expect("both outer jobs run at once in some order");
    let finding = failure.report().finding().unwrap();
    assert_eq!(finding.kind(), FindingKind::Deadlock);
    assert_eq!(
        finding.message(),
        "the blocking pool is exhausted: all 2 of its threads are in jobs that wait, and 2 more are in the queue"
    );
    let wanted = [
        "waiting:",
        "outer",
        "suspended in job outer",
        "waiting for a future",
        "inner",
        "in the pool's queue",
        "what to do: a job must not wait for another job",
    ];
    wanted.iter().for_each(|piece| common::in_order(&failure.to_string(), &[piece]));
    assert!(Explore::new().seeds(0..100).pool_threads(4).run(scenario).is_ok(), "four are enough");
}

#[test]
fn jobs_may_do_what_tasks_do() {
    let elapsed = Explore::new().seeds(0..50).run(|| async {
        let start = raddle::now();
        let job = raddle::unblock(|| {
            raddle::thread::sleep(ms(3));
            let task = raddle::spawn(async {
                raddle::sleep(ms(2)).await;
                thread_name()
            });
            let nested = raddle::unblock(|| (raddle::now(), thread_name()));
            let on = raddle::thread::block_on(task);
            let (_, worker) = raddle::thread::block_on(nested);
            (on, worker)
        });
        let (on, worker) = job.await;
        assert!(!on.starts_with("worker-"), "tasks run on the loop: {on}");
        assert_eq!(worker, "worker-2", "worker 1 waits for it");
        raddle::now() - start
    });
    assert!(elapsed.is_ok(), "{elapsed}");
    assert_eq!(elapsed.outcomes()[0].text(), "5ms");
}

#[test]
fn thread_locals_stay_with_their_thread_across_a_pause() {
    thread_local!(static BORROWED: RefCell<u32> = const { RefCell::new(0) });
    let found = Explore::new().seeds(0..100).run(|| async {
        let jobs = [0, 1, 2].map(|_| {
            raddle::unblock(|| {
                BORROWED.with_borrow_mut(|mine| {
                    *mine += 1;
                    raddle::thread::yield_now();
                    raddle::thread::sleep(ms(1));
                    *mine -= 1;
                });
            })
        });
        BORROWED.with_borrow_mut(|_| ());
        for job in jobs {
            job.await;
        }
    });
    found.unwrap();
}

struct Dies(u32);
impl Drop for Dies {
    fn drop(&mut self) {
        self.0 = 0;
    }
}

thread_local! {
    static DYING: RefCell<Dies> = const { RefCell::new(Dies(0)) };
    static DYING_TOO: RefCell<Dies> = const { RefCell::new(Dies(0)) };
    static PLAIN: Cell<u32> = const { Cell::new(0) };
}

fn count_dying() -> u32 {
    DYING.with_borrow_mut(|dies| {
        dies.0 += 1;
        dies.0
    })
}

/// Workers are kept from run to run, their thread-locals only where nothing can tell that they were touched.
#[test]
fn a_run_does_not_see_the_thread_locals_of_another() {
    let found = Explore::new()
        .seeds(0..20)
        .run(|| async { (count_dying(), raddle::unblock(count_dying).await, raddle::unblock(count_dying).await) });
    assert!(found.is_ok(), "{found}");
    let outcomes: Vec<&str> = found.outcomes().iter().map(|o| o.text()).collect();
    assert_eq!(outcomes, ["(1, 1, 2)"]);
}

/// What has no destructor leaves no trace in libc: it lasts. Should it matter, the check of the first seed says so.
#[test]
fn plain_thread_locals_last_and_are_told_of() {
    let found = Explore::new().seeds(0..20).run(|| async { PLAIN.replace(PLAIN.get() + 1) });
    let finding = found.first_failure().expect("the second run sees what the first left").finding().unwrap();
    assert_eq!(finding.kind(), FindingKind::Divergence);
    assert!(finding.details().concat().contains("what was returned is not"), "{finding:?}");
    assert_eq!(Sim::new().run(|| async { PLAIN.replace(5) }).unwrap(), 0, "another exploration has another thread");
    assert_eq!(Sim::new().run(|| async { raddle::unblock(|| PLAIN.replace(5)).await }).unwrap(), 0);
    assert_eq!(Sim::new().run(|| async { raddle::unblock(|| PLAIN.replace(5)).await }).unwrap(), 0);
}

#[test]
fn workers_are_used_again_from_run_to_run() {
    let seen: Arc<Mutex<HashSet<ThreadId>>> = Arc::default();
    let threads = seen.clone();
    let found = Explore::new().seeds(0..50).run(move || {
        let threads = threads.clone();
        async move {
            let id = raddle::unblock(|| thread::current().id()).await;
            threads.lock().unwrap().insert(id);
        }
    });
    found.unwrap();
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[test]
fn idle_workers_end_after_their_keep_alive() {
    let ids = |keep_alive: Option<u64>| {
        let sim = keep_alive.map_or(Sim::new(), |ms| Sim::new().pool_keep_alive(self::ms(ms)));
        let report = sim.run(|| async {
            let mut counts = Vec::new();
            for pause in [0, 100, 499, 501, 0] {
                raddle::sleep(ms(pause)).await;
                counts.push(raddle::unblock(count_dying).await);
            }
            raddle::unblock(|| DYING_TOO.with_borrow_mut(|dies| dies.0 += 1)).await;
            raddle::sleep(ms(2_000)).await;
            let ends = raddle::now();
            (counts, ends)
        });
        report.unwrap().0
    };
    assert_eq!(ids(None), [1, 2, 3, 4, 5], "they stay by default");
    assert_eq!(ids(Some(500)), [1, 2, 3, 1, 2], "a thread that ended is not the one that is started next");
}

#[test]
fn a_schedule_tells_a_worker_that_ended_from_the_next_of_its_number() {
    let scenario = || async {
        let beside = raddle::spawn(async {
            for _ in 0..12 {
                raddle::sleep(ms(1)).await;
            }
        });
        for _ in 0..3 {
            raddle::unblock(|| (0..2).for_each(|_| raddle::thread::yield_now())).await;
            raddle::sleep(ms(3)).await;
        }
        beside.await;
    };
    let sim = || Sim::new().pool_threads(1).pool_keep_alive(ms(1)).stall_up_to(ms(1));
    let mut late = 0;
    for seed in 0..200 {
        let report = sim().seed(seed).run(scenario);
        let schedule: raddle::Schedule = report.schedule().to_string().parse().unwrap();
        let again = sim().schedule(schedule.clone()).run(scenario);
        assert!(again.misfits(&schedule).is_empty(), "{schedule}: {:?}", again.misfits(&schedule));
        assert_eq!(again.digest(), report.digest(), "{schedule}");
        // Steps of the second worker, or of the third, have the numbers after those of the one before.
        late += usize::from((4..12).any(|step| schedule.to_string().contains(&format!("w1@{step}"))));
    }
    assert!(late > 50, "{late}: schedules have the steps of later workers");
}

/// Threads that wait for jobs in vain go on when the run is over, and those behind them queue more.
#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
fn what_is_queued_as_a_run_ends_is_no_later_runs() {
    // Where it is off, as under a sanitizer, who waits for ever does.
    if Sim::new().run(|| async {}).boundary() != "on" {
        return;
    }
    let other = || Sim::new().pool_threads(2).run(|| async { raddle::unblock(|| 1).await }).digest();
    let exhausted = || {
        let report = Sim::new().pool_threads(2).run(|| async {
            raddle::unblock(|| futures_lite::future::block_on(std::future::pending::<()>())).detach();
            let waits = || futures_lite::future::block_on(raddle::unblock(|| ()));
            raddle::unblock(move || (0..300).for_each(|_| _ = thread::spawn(waits).join())).await;
        });
        assert_eq!(report.finding().map(|finding| finding.kind()), Some(FindingKind::Deadlock), "{report}");
        report.digest()
    };
    let first = (other(), exhausted());
    for _ in 0..3 {
        assert_eq!((other(), exhausted()), first);
    }
}

#[test]
fn what_ends_with_the_run() {
    let ledger = Ledger::default();
    let theirs = ledger.clone();
    let report = Sim::new().pool_threads(1).run(move || {
        let ledger = theirs.clone();
        async move {
            let running = ledger.job(3);
            until(|| ledger.starts() == 1).await;
            let queued = ledger.job(0);
            running.detach();
            queued.detach();
        }
    });
    assert!(report.is_ok(), "{report}");
    assert_eq!(report.pending().len(), 2, "{:?}", report.pending());
    assert_eq!(ledger.starts(), 1, "what runs comes to its end, what is queued does not begin");
    let mut drops = ledger.drops();
    drops.sort();
    assert_eq!(drops, ["closure on loop", "closure on worker-1", "output on worker-1"]);
    assert!(report.abandoned().is_empty());
}

#[test]
fn a_job_that_waits_for_ever_is_given_up() {
    let scenario = || async {
        let begun = Arc::new(AtomicU32::new(0));
        let theirs = begun.clone();
        raddle::task("stuck")
            .unblock(move || {
                theirs.store(1, SeqCst);
                raddle::thread::block_on(std::future::pending::<()>());
            })
            .detach();
        until(|| begun.load(SeqCst) == 1).await;
    };
    let report = Sim::new().run(scenario);
    assert_eq!(report.abandoned(), ["stuck"]);
    assert!(report.is_ok(), "{report}");
    let found = Explore::new().seeds(0..20).deny_pending(true).run(scenario);
    let finding = found.first_failure().unwrap().finding().unwrap();
    assert_eq!(
        (finding.kind(), finding.message()),
        (FindingKind::Pending, "1 still alive when the scenario returned: stuck")
    );
    assert!(found.first_failure().unwrap().to_string().contains("given up: stuck (it waits for ever"), "{found}");
}

/// Where there is no room for the stacks of so many threads.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
#[ignore = "a victim"]
fn has_no_room_for_workers() {
    if !common::is_victim() {
        return;
    }
    // The run's own threads are there.
    assert!(Sim::new().run(|| async {}).is_ok());
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = pages.split(' ').next().unwrap().parse().unwrap();
    let limit = libc::rlimit { rlim_cur: pages * 4096 + (900 << 20), rlim_max: libc::RLIM_INFINITY };
    // SAFETY: a limit of this process, read from a struct that is alive.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
    for _ in 0..2 {
        let report = Sim::new().run(|| async {
            let jobs: Vec<_> = (0..40).map(|_| raddle::unblock(|| thread::sleep(ms(1)))).collect();
            for job in jobs {
                job.await;
            }
        });
        let finding = report.finding().expect("not all of them can be started");
        println!("{:?}: {}", finding.kind(), finding.message());
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn a_worker_that_cannot_be_started_is_told() {
    let told = common::run(common::command("has_no_room_for_workers").env("RUST_MIN_STACK", (256 << 20).to_string()));
    // Which one it is depends on what the allocator has taken for itself.
    let told_of = " cannot be started: Resource temporarily unavailable";
    told.says(&["Setup: worker-", told_of, "Setup: worker-", told_of, "test result: ok"]);
}
