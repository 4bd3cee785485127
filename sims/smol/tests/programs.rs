//! Each program explored over 256 seeds; and under the real smol, where it has the same result as under `fifo`.

use raddle::{Explore, Found, Sim, StrategyKind};
use raddle_sims_smol::{chat, pool, queue, web};
use std::fmt::Debug;
use std::path::PathBuf;
use std::time::Duration;

fn explore<F, T>(program: impl Fn() -> F + Send + Sync + 'static) -> Found
where
    F: Future<Output = T> + 'static,
    T: Debug + Send + 'static,
{
    let found = Explore::new().seeds(0..256).run(program);
    assert!(found.is_ok(), "{found}");
    found
}

/// The same result in a run, first in first out, and outside of any.
#[track_caller]
fn conforms<F, T>(program: impl Fn() -> F + Send + Sync + Copy + 'static)
where
    F: Future<Output = T> + 'static,
    T: Debug + PartialEq + Send + 'static,
{
    let simulated = Sim::new().strategy(StrategyKind::Fifo).run(program).unwrap();
    let real = smol::block_on(program());
    assert_eq!(simulated, real, "(in a run, under smol)");
}

#[test]
fn web() {
    raddle::assert_outcomes!(explore(web::answers));
    explore(web::total);
    conforms(web::total);
}

#[test]
fn chat() {
    raddle::assert_outcomes!(explore(chat::heard));
    conforms(chat::sorted);
}

#[test]
fn pool() {
    raddle::assert_outcomes!(explore(pool::rows));
    conforms(pool::checked);
}

/// A folder of this process's own.
fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("raddle-sims-smol-{}", std::process::id()))
}

#[test]
fn queue() {
    let found = explore(|| async {
        let (time, steps) = (raddle::rng().below(6), raddle::rng().below(30));
        let crash = async move {
            smol::Timer::after(Duration::from_millis(time.into())).await;
            for _ in 0..steps {
                smol::future::yield_now().await;
            }
        };
        queue::survives(&folder(), crash).await
    });
    raddle::assert_outcomes!(found);
    conforms(|| async { queue::survives(&folder(), smol::future::pending()).await.expect("it works") });
    let _ = std::fs::remove_dir_all(folder());
}
