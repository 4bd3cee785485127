//! Which strategy a seed is dealt where nobody has chosen one.

use super::{Profile, StrategyKind};
use crate::seed::Seed;

/// The deal: the seed's low four bits say which strategy it gets, so a seed means the same wherever it is run.
///
/// Measured on the programs of `benches/finding`.
const DEAL: [Dealt; 16] = [
    Dealt::Pos,
    Dealt::Surw,
    Dealt::Urw,
    Dealt::Pos,
    Dealt::Surw,
    Dealt::Urw,
    Dealt::Random,
    Dealt::Pct(3),
    Dealt::Surw,
    Dealt::Pos,
    Dealt::Urw,
    Dealt::Surw,
    Dealt::Delay(2),
    Dealt::Surw,
    Dealt::Pos,
    Dealt::Urw,
];

#[derive(Clone, Copy)]
enum Dealt {
    Random,
    Urw,
    Surw,
    Pos,
    Pct(u32),
    Delay(u32),
}

/// The strategy that `seed` is dealt.
pub(super) fn deal(seed: Seed, profile: Option<&Profile>) -> StrategyKind {
    let length = profile.map(|profile| profile.steps().max(1));
    match DEAL[(seed.get() & 15) as usize] {
        Dealt::Random => StrategyKind::Random,
        Dealt::Urw => StrategyKind::Urw,
        Dealt::Surw => StrategyKind::Surw,
        Dealt::Pos => StrategyKind::Pos,
        Dealt::Pct(depth) => StrategyKind::Pct { depth, length },
        Dealt::Delay(delays) => StrategyKind::Delay { delays, length },
    }
}
