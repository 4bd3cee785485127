//! The fixed side of every story under raddle's `fifo` and under the real smol: the same result. (The sides that are about a
//! bug have none to compare: they hang or fail, under smol as well, but seldom. Programs that say `smol::` are compared in
//! `sims/smol`, those with smol's own crates in `sims/isolated`, and blocking ones in `sims/blocking`.)

#[allow(dead_code, reason = "the sides that are about a bug")]
#[path = "../stories.rs"]
mod stories;

use raddle::{Explore, StrategyKind};
use raddle_sims_conformance as real;

/// Sides whose result smol leaves open, and why: of these the result is one of those that raddle finds.
const OPEN: &[(&str, &str)] = &[
    ("connection_pool::fixed", "a deadline ends as three round trips of a pool's threads do"),
    ("cache_stampede::load_once", "a deadline ends as a rendering on a thread does"),
    ("quotes::clean", "a deadline ends as two timers do that were set later, in parts"),
    ("thumbnails::as_they_come", "three threads end their sleeps at once"),
    ("upload_limit::clean", "two threads' sleeps end as a timer does"),
];

/// The same side under smol, and under raddle.
fn sides() -> impl Iterator<Item = (&'static str, String, fn(Explore) -> raddle::Found)> {
    assert!(real::stories::SIDES.iter().map(|side| side.0).eq(stories::SIDES.iter().map(|side| side.0)));
    real::stories::SIDES.iter().zip(stories::SIDES).map(|(real, ours)| (real.0, (real.1)(real::Explore).0, ours.1))
}

fn is_open(side: &str) -> bool {
    OPEN.iter().any(|(open, _)| *open == side)
}

#[test]
fn the_same_result_first_in_first_out() {
    let mut compared = 0;
    for (side, real, explore) in sides().filter(|(side, ..)| !is_open(side)) {
        let found = explore(Explore::new().name(side).strategy(StrategyKind::Fifo).seeds(0..1));
        assert!(found.is_ok(), "{found}");
        let outcomes: Vec<_> = found.outcomes().iter().map(|outcome| outcome.text()).collect();
        assert_eq!(outcomes, [real], "{side}: (by fifo, under smol)");
        compared += 1;
    }
    assert_eq!(compared + OPEN.len(), stories::SIDES.len(), "an open side that is no side");
}

#[test]
fn one_of_the_results_where_smol_leaves_it_open() {
    for (side, real, explore) in sides().filter(|(side, ..)| is_open(side)) {
        let found = explore(Explore::new().name(side));
        assert!(found.is_ok(), "{found}");
        let outcomes: Vec<_> = found.outcomes().iter().map(|outcome| outcome.text()).collect();
        assert!(outcomes.contains(&real.as_str()), "{side}: {real} under smol, and {outcomes:?} in raddle's runs");
    }
}
