//! `#[raddle::test]` from outside: what it accepts runs. What it refuses is shown in `crates/macros/tests/`, that each
//! argument has its effect where the effect is at home.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

#[test]
#[allow(unnameable_test_items)]
fn one_run_for_each_seed() {
    static RUNS: AtomicU64 = AtomicU64::new(0);

    /// Not found by the test harness in here, so that nothing but the call below runs it.
    #[raddle::test(seeds = 3, check = false, regressions = false)]
    async fn counted() {
        // Otherwise one run would be all there is.
        let _ = raddle::choose(2);
        RUNS.fetch_add(1, Relaxed);
    }

    counted();
    // Whoever sets RADDLE_SEEDS or another of its kind asks for other numbers.
    if std::env::vars_os().all(|(name, _)| !name.to_string_lossy().starts_with("RADDLE_")) {
        assert_eq!(RUNS.load(Relaxed), 3);
    }
}

#[raddle::test]
async fn no_arguments() {}

#[raddle::test(
    check,
    seeds = 2,
    seed = "8b137891791fe96927ad78e64b0aad7bded08bdc",
    strategy = "pct:3",
    max_steps = 10_000,
    pool_threads = 2,
    stall_up_to = "5ms",
    watchdog = "1s",
    cpu_budget = "50ms",
    snapshot = false,
    deny_pending,
    allow_panics = false,
    regressions = false,
    blocking(output = "report", sleep = "allow"),
    allow_path(file = "src", why = "nothing of it is read"),
    allow_path(socket = "10.0.0.1:80", why = "nor is anybody called"),
    crate = "raddle"
)]
async fn every_argument() {}

#[raddle::test(seeds = 2)]
async fn a_result() -> Result<(), std::num::ParseIntError> {
    assert_eq!("7".parse::<u8>()?, 7);
    Ok(())
}

#[raddle::test(seeds = 2, regressions = false)]
#[should_panic(expected = "no such account")]
async fn an_err_fails_the_test() -> Result<(), String> {
    Err("no such account".into())
}

#[should_panic(expected = "left 80, right 100")]
#[raddle::test(seeds = 2, regressions = false)]
async fn a_panic_fails_the_test() {
    panic!("left 80, right 100");
}

#[raddle::test(
    seeds = 2,
    blocking(sleep = "allow"),
    allow_path(file = "src", why = "its own source"),
    allow_path(file = "tests/attribute.rs", why = "and this one")
)]
async fn blocks_as_it_may() {
    std::thread::sleep(std::time::Duration::from_millis(1));
    assert!(std::fs::read("src/lib.rs").unwrap().len() + std::fs::read("./tests/attribute.rs").unwrap().len() > 0);
}

/// Where nobody can look, nothing is denied either.
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
#[raddle::test(seeds = 2, regressions = false, boundary = "required", allow_path(file = "src/lib.rs", why = "read"))]
#[should_panic(expected = "open \"src/env.rs\" blocks the loop")]
async fn blocks_as_it_may_not() {
    for path in ["src/lib.rs", "src/env.rs"] {
        let _ = std::fs::read(path);
    }
}

#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
#[raddle::test(seeds = 2, regressions = false, boundary = "required", blocking(output = "deny"))]
#[should_panic(expected = "blocks the loop")]
async fn denies_what_is_allowed_otherwise() {
    use std::io::Write;
    std::io::stderr().write_all(b"").and_then(|()| std::io::stderr().write_all(b"\n")).unwrap();
}

#[raddle::test(seeds = 2)]
#[cfg(any())]
async fn left_out() {
    there::is::no::such::function();
}

#[raddle::test(seeds = 2)]
#[allow(non_snake_case)]
async fn Lint_levels_are_kept() {}

#[raddle::test(seeds = 2)]
async fn r#loop() {}

#[raddle::test(seeds = 2)]
async fn names_in_the_body_are_its_own() {
    async fn names_in_the_body_are_its_own() -> u8 {
        3
    }
    let options = 4;
    assert_eq!(names_in_the_body_are_its_own().await + options, 7);
}

mod tools {
    pub(crate) use raddle as harness;
}

#[raddle::test(seeds = 2, crate = crate::tools::harness)]
async fn the_crate_by_another_name() {}

macro_rules! scenarios {
    ($($(#[$attr:meta])* $vis:vis $name:ident, $seeds:expr, $strategy:literal, $output:ty, $body:block;)*) => {
        $(
            #[raddle::test(seeds = $seeds, strategy = $strategy, regressions = false)]
            $(#[$attr])*
            $vis async fn $name() -> $output $body
        )*
    };
}

scenarios! {
    by_macro, 2, "fifo", (), {};
    #[should_panic(expected = "by macro")]
    pub(crate) by_macro_too, 1, "random", Result<(), String>, { Err("by macro".into()) };
}
