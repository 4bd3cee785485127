//! Which strategy a seed is dealt where nobody has chosen one.

use super::{Profile, StrategyKind};
use crate::seed::Seed;

/// How seeds are dealt by their places in an exploration, over and over again: each second one to `reversal`, the others by
/// turns to what finds the rest.
///
/// Chosen by hand from the rates of failing runs that `benches/finding --rates` tells, on its programs themselves (larger
/// siblings of a program apart): as much of `reversal` as leaves every program within three times the schedules of its best
/// strategy, and of the others those that find what it does not. That they take turns from the first seeds on, in place of
/// `reversal` having the first seven, was changed after a look at the real bugs of `sims/`.
const DEAL: [Dealt; 16] = [
    Dealt::Reversal,
    Dealt::Pos,
    Dealt::Reversal,
    Dealt::Urw,
    Dealt::Reversal,
    Dealt::Surw,
    Dealt::Reversal,
    Dealt::Pos,
    Dealt::Reversal,
    Dealt::Urw,
    Dealt::Reversal,
    Dealt::Surw,
    Dealt::Reversal,
    Dealt::Pos,
    Dealt::Reversal,
    Dealt::Pct(3),
];

/// From where on an exploration is a long one.
const LATE: usize = 1_024;

/// How a long exploration goes on. What has not been found by then needs many orders at once to be other than usual: of the
/// one such program in `benches/finding`, [`late-writes`](super::LateWrites) finds five times as much in a run as an even walk,
/// and what looks for few orders nothing.
const LATE_DEAL: [Dealt; 16] = [
    Dealt::LateWrites,
    Dealt::LateWrites,
    Dealt::LateWrites,
    Dealt::Reversal,
    Dealt::LateWrites,
    Dealt::LateWrites,
    Dealt::LateWrites,
    Dealt::LateWrites,
    Dealt::Urw,
    Dealt::LateWrites,
    Dealt::LateWrites,
    Dealt::LateWrites,
    Dealt::LateWrites,
    Dealt::Pos,
    Dealt::LateWrites,
    Dealt::LateWrites,
];

#[derive(Clone, Copy)]
enum Dealt {
    Reversal,
    Urw,
    Surw,
    Pos,
    LateWrites,
    Pct(u32),
}

/// Where `seed` stands in an exploration. The seeds of a test begin at a number whose low bits are 0; those that are not
/// counted from there stand somewhere, and always in the same place.
fn place(seed: Seed) -> usize {
    (seed.get() & 0xffff) as usize
}

fn at(place: usize) -> Dealt {
    let deal = if place < LATE { &DEAL } else { &LATE_DEAL };
    deal[place % deal.len()]
}

/// Which turn of `reversal` the seed is, from 0, whether it is dealt to it or asked of it alone; `None` if the portfolio
/// deals it to another, or late.
pub(super) fn turn(seed: Seed) -> Option<u64> {
    let is_reversal = |place: &usize| matches!(at(*place), Dealt::Reversal);
    let place = Some(place(seed)).filter(is_reversal).filter(|place| *place < LATE)?;
    Some((0..place).filter(is_reversal).count() as u64)
}

/// The strategy that `seed` is dealt.
pub(super) fn deal(seed: Seed, profile: Option<&Profile>) -> StrategyKind {
    let length = profile.map(|profile| profile.steps().max(1));
    match at(place(seed)) {
        Dealt::Reversal => StrategyKind::Reversal,
        Dealt::Urw => StrategyKind::Urw,
        Dealt::Surw => StrategyKind::Surw,
        Dealt::Pos => StrategyKind::Pos,
        Dealt::LateWrites => StrategyKind::LateWrites,
        Dealt::Pct(depth) => StrategyKind::Pct { depth, length },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_turns_of_reversal_follow_each_other() {
        let turns: Vec<u64> = (0..1 << 16).filter_map(|place| turn(Seed::from(7 << 16 | place))).collect();
        assert!(turns.iter().copied().eq(0..turns.len() as u64));
        assert_eq!(turns.len(), LATE / 2);
    }
}
