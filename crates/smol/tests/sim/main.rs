//! smol's names inside a run.

extern crate raddle_smol as smol;

mod beside;
mod block_on;
mod executor;
mod fs;
mod net;
mod process;
mod program;
mod spawn;
mod timer;
mod unblock;

/// Explores `scenario` over 256 seeds and asserts that nothing is found; gives the number of distinct outcomes.
#[track_caller]
fn explore<F, T>(scenario: impl Fn() -> F + Send + Sync + 'static) -> usize
where
    F: Future<Output = T> + 'static,
    T: std::fmt::Debug + Send + 'static,
{
    let found = raddle::Explore::new().seeds(0..256).run(scenario);
    assert!(found.is_ok(), "{found}");
    found.outcomes().len()
}
