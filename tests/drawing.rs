//! A run that draws nothing from its seed is the last of its exploration; one that draws from anywhere is not.

use raddle::{Check, Explore, Found, Isolation, Pick, StrategyKind};
use std::collections::HashMap;
use std::fmt::Debug;
use std::future::{Future, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

const SEEDS: u64 = 12;

fn explore<F, Fut, T>(scenario: F) -> Found
where
    F: Fn() -> Fut + Send,
    Fut: Future<Output = T> + 'static,
    T: Debug + 'static,
{
    Explore::new().seeds(0..SEEDS).run(scenario)
}

/// Where system calls are not seen nobody can say that nothing was drawn.
fn can_be_known() -> bool {
    explore(|| async {}).boundary() == "on"
}

#[track_caller]
fn is_the_only_one<F, Fut, T>(scenario: F)
where
    F: Fn() -> Fut + Send,
    Fut: Future<Output = T> + 'static,
    T: Debug + 'static,
{
    let found = explore(scenario);
    let expected = if can_be_known() { 1 } else { SEEDS };
    assert_eq!((found.runs(), found.coverage().runs(), found.interleavings()), (expected, expected, 1), "{found}");
    assert_eq!(found.coverage().draws_nothing(), can_be_known());
}

#[track_caller]
fn goes_on<F, Fut, T>(scenario: F)
where
    F: Fn() -> Fut + Send,
    Fut: Future<Output = T> + 'static,
    T: Debug + 'static,
{
    let found = explore(scenario);
    assert_eq!(found.runs(), SEEDS, "{found}");
    assert!(!found.coverage().draws_nothing() && !found.to_string().contains("draws nothing"), "{found}");
}

#[test]
fn what_one_task_does_by_itself_is_one_schedule() {
    is_the_only_one(|| async {});
    is_the_only_one(|| async {
        raddle::yield_now().await;
        raddle::sleep(Duration::from_secs(3600)).await;
        raddle::timeout(Duration::from_millis(1), std::future::pending::<()>()).await.unwrap_err();
        std::time::Instant::now().elapsed()
    });
    // Others, but one after the other.
    is_the_only_one(|| async {
        let (sender, receiver) = async_channel::bounded(1);
        raddle::spawn(async move { sender.send(7).await }).await.unwrap();
        raddle::spawn(async move { receiver.recv().await }).await
    });
}

#[test]
fn a_choice_of_two_goes_on() {
    goes_on(|| async {
        let tasks = [1, 2].map(|n| raddle::spawn(ready(n)));
        futures_lite::future::zip(raddle::yield_now(), async {
            for task in tasks {
                task.await;
            }
        })
        .await
    });
    // Two deadlines at one moment.
    goes_on(|| async {
        let sleep = || raddle::spawn(raddle::sleep(Duration::from_millis(1)));
        for task in [sleep(), sleep()] {
            task.await;
        }
    });
}

#[test]
fn every_source_of_random_numbers_goes_on() {
    goes_on(|| async {
        let _ = raddle::rng().next_u32();
    });
    goes_on(|| async { raddle::rng().fill(&mut [0]) });
    goes_on(|| async {
        let _ = raddle::choose(1);
    });
    goes_on(|| async { raddle::choose(3) });
    goes_on(|| async { raddle::chance(1, 1_000) });
    goes_on(|| async {
        let _ = fastrand::u32(..);
    });
    goes_on(|| async {
        let _ = fastrand::Rng::new();
    });
    goes_on(|| async { fastrand::seed(7) });
    goes_on(|| async { futures_lite::future::race(ready(1), ready(2)).await });
    goes_on(|| async { HashMap::from([(1, 2)]).len() });
    goes_on(|| async {
        let _ = rand_0_8::random::<u8>();
    });
    goes_on(|| async {
        let _ = rand_0_9::random::<u8>();
    });
    goes_on(|| async {
        let _ = uuid::Uuid::new_v4();
    });
    // Where it is last thought of: in a destructor, when the run is wound up.
    goes_on(|| async {
        struct Draws;
        impl Drop for Draws {
            fn drop(&mut self) {
                let _ = raddle::choose(2);
            }
        }
        raddle::spawn(async {
            let _draws = Draws;
            std::future::pending::<()>().await
        })
        .detach();
        raddle::yield_now().await
    });
}

#[cfg(unix)]
#[test]
fn random_bytes_of_the_system_go_on() {
    goes_on(|| async {
        let mut byte = [0];
        // SAFETY: one byte, and room for it.
        assert_eq!(unsafe { libc::getentropy(byte.as_mut_ptr().cast(), 1) }, 0);
    });
    // Past libc, which nobody sees where system calls are not.
    if can_be_known() {
        goes_on(|| async { rustix::rand::getrandom(&mut [0u8], rustix::rand::GetRandomFlags::empty()).unwrap() });
    }
    goes_on(|| async {
        use std::io::Read;
        raddle::allow_blocking("no disk is behind it", || {
            std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut [0])).unwrap();
        });
    });
}

/// Where the loop awaits it, there is nobody else who could run: not where the job waits, either.
#[test]
fn a_job_by_itself_is_one_schedule() {
    is_the_only_one(|| async { raddle::unblock(|| ()).await });
    is_the_only_one(|| async {
        raddle::unblock(|| raddle::thread::sleep(Duration::from_secs(5))).await;
        raddle::unblock(|| {
            raddle::thread::yield_now();
            std::fs::metadata("/").is_ok()
        })
        .await
    });
    // Idle for so long that its thread ends, and another begins.
    is_the_only_one(|| async {
        raddle::unblock(|| ()).await;
        raddle::sleep(Duration::from_secs(3600)).await;
        raddle::unblock(|| ()).await;
    });
}

/// Each worker draws from a generator of its own.
#[test]
fn a_job_that_draws_goes_on() {
    goes_on(|| async { raddle::unblock(|| fastrand::u8(..)).await });
    goes_on(|| async {
        raddle::unblock(|| fastrand::u8(..)).await;
        raddle::sleep(Duration::from_secs(3600)).await;
        raddle::unblock(|| ()).await;
    });
    goes_on(|| async {
        raddle::unblock(|| raddle::thread::block_on(futures_lite::future::race(ready(1), ready(2)))).await
    });
    goes_on(|| async { raddle::unblock(|| HashMap::from([(1, 2)]).len()).await });
    goes_on(|| async { raddle::unblock(|| raddle::choose(3)).await });
    goes_on(|| async { raddle::unblock(rand_0_9::random::<u8>).await });
    // Nobody awaits it, and it is still at work when the scenario has returned.
    goes_on(|| async {
        raddle::unblock(|| {
            raddle::thread::sleep(Duration::from_secs(5));
            fastrand::u8(..)
        })
        .detach();
        raddle::sleep(Duration::from_secs(1)).await;
    });
}

#[test]
fn who_is_first_loop_or_job_goes_on() {
    goes_on(|| async {
        let job = raddle::unblock(|| ());
        raddle::yield_now().await;
        job.await
    });
    goes_on(|| async {
        for job in [(), ()].map(|()| raddle::unblock(|| ())) {
            job.await;
        }
    });
    goes_on(|| async {
        let job = raddle::unblock(|| raddle::thread::sleep(Duration::from_millis(1)));
        raddle::sleep(Duration::from_millis(1)).await;
        job.await
    });
}

/// A thread of its own draws from a generator of its own, of which nobody knows when it is gone.
#[test]
fn threads_go_on() {
    goes_on(|| async {
        raddle::allow_blocking("it ends at once", || std::thread::spawn(|| ()).join().unwrap());
    });
}

#[cfg(feature = "smol")]
#[test]
fn the_network_draws_how_long_it_takes() {
    goes_on(|| async {
        let server = raddle::smol::net::TcpListener::bind("10.0.0.1:80").await.unwrap();
        raddle::smol::net::TcpStream::connect("10.0.0.1:80").await.unwrap();
        server.accept().await.unwrap();
    });
}

/// What may be allowed to slip, and a strategy of the user's own, may do anything.
#[test]
fn stalls_and_own_strategies_go_on() {
    let found = Explore::new().seeds(0..SEEDS).stall_up_to(Duration::from_millis(1)).run(|| async {});
    assert_eq!(found.runs(), SEEDS);
    struct Oldest;
    impl raddle::Strategy for Oldest {
        fn pick(&mut self, candidates: &raddle::Candidates<'_>) -> Pick {
            Pick::Candidate(candidates.by_age().next().unwrap())
        }
    }
    let found = Explore::new().seeds(0..SEEDS).custom_strategy(|_| Box::new(Oldest)).run(|| async {});
    assert_eq!(found.runs(), SEEDS);
}

/// The check whether a seed goes the same way twice is made before, and finds what it finds otherwise.
#[test]
fn the_check_is_made_first() {
    let runs = Arc::new(AtomicU64::new(0));
    let counted = runs.clone();
    let scenario = move || {
        let runs = counted.clone();
        async move { runs.fetch_add(1, Relaxed) / 2 }
    };
    let found = Explore::new().seeds(0..SEEDS).check(Check::First).run(scenario.clone());
    if can_be_known() {
        assert_eq!((found.runs(), runs.swap(0, Relaxed)), (1, 2), "{found}");
    }
    let found = explore(move || {
        let runs = runs.clone();
        async move { runs.fetch_add(1, Relaxed) }
    });
    let [failure] = found.failures() else { panic!("{found}") };
    assert_eq!(failure.finding().unwrap().kind(), raddle::FindingKind::Divergence);
    let found = Explore::new().seeds(0..SEEDS).check(Check::All).run(|| async {});
    assert_eq!(found.runs(), SEEDS, "who has all checked looks for what no seed decides");
}

#[test]
fn it_is_said() {
    if !can_be_known() {
        return;
    }
    let told = explore(|| async {}).to_string();
    assert!(told.ends_with("; the run draws nothing from its seed: one schedule is all there is"), "{told}");
    let found = Explore::new().seeds(0..SEEDS).strategy(StrategyKind::Portfolio).run(|| async { Err::<(), _>(7) });
    assert_eq!(found.failures()[0].count(), 1, "{found}");
    // One seed is all that was asked for.
    let found = Explore::new().seeds(0..1).run(|| async {});
    assert!(!found.coverage().draws_nothing(), "{found}");
    let found = Explore::new().seeds(0..SEEDS).strategy(StrategyKind::Exhaustive).run(|| async {});
    assert!(found.to_string().ends_with("exhaustive: there is 1 schedule"), "{found}");
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn a_process_says_what_it_has_drawn() {
    let apart = || Explore::new().seeds(0..SEEDS).isolation(Isolation::Process);
    assert_eq!(apart().run(|| async {}).runs(), if can_be_known() { 1 } else { SEEDS });
    assert_eq!(apart().run(|| async { fastrand::u8(..) }).runs(), SEEDS);
}
