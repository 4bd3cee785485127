//! A strategy with all that was measured for it: what answers the decisions of any number of runs.

use super::{
    Active, Delay, Exhaustive, Fifo, Pct, Pos, Profile, Promote, Promotion, Random, Replay, Reversal, StrategyKind,
    Surw, Tree, Urw,
};
use crate::prng::{Stream, StreamId};
use crate::seed::Seed;
use std::sync::{Arc, Mutex};

/// What makes the strategy of each run.
#[derive(Clone, Default)]
pub(crate) struct Player {
    pub kind: StrategyKind,
    /// What the program does, where the strategy has to know.
    pub profile: Option<Arc<Profile>>,
    /// How far an exhaustive search is.
    pub tree: Option<Arc<Mutex<Tree>>>,
    /// Steps to be taken as soon as they can be, in place of a schedule that is played.
    pub promotions: Vec<Promotion>,
}

impl Player {
    /// One that needs no measuring.
    pub fn plain(kind: StrategyKind) -> Player {
        Player { kind, ..Player::default() }
    }

    /// One that plays no deviations, but takes some steps early.
    pub fn promoting(promotions: Vec<Promotion>) -> Player {
        Player { promotions, ..Player::plain(StrategyKind::Replay(Vec::new())) }
    }

    /// The one that answers the run of `seed`: itself, but for a portfolio.
    pub fn dealt(&self, seed: Seed) -> Player {
        Player { kind: self.kind.dealt(seed, self.profile.as_deref()), ..self.clone() }
    }

    /// Puts the strategy for a run of `seed` in the place of `active`.
    pub fn take_over(&self, active: &mut Active, seed: Seed) {
        match (&self.kind, active) {
            // Some hundred bytes that need not be moved about for each run.
            (StrategyKind::Random, Active::Random(random)) => {
                random.restart(Stream::new(seed.get(), StreamId::Schedule as u64));
            }
            (_, active) => *active = self.activate(seed),
        }
    }

    fn activate(&self, seed: Seed) -> Active {
        let stream = || Stream::new(seed.get(), StreamId::Schedule as u64);
        let profile = || self.profile.clone().unwrap_or_default();
        match self.kind.dealt(seed, self.profile.as_deref()) {
            StrategyKind::Fifo => Active::Fifo(Fifo),
            StrategyKind::Random | StrategyKind::Portfolio => Active::Random(Random::new(stream())),
            StrategyKind::Pct { depth, length } => {
                Active::Other(Box::new(Pct::new(stream(), depth, length.unwrap_or(100))))
            }
            StrategyKind::Urw => Active::Other(Box::new(Urw::new(stream(), profile()))),
            StrategyKind::Surw => Active::Other(Surw::choose(stream(), profile())),
            StrategyKind::Pos => Active::Other(Box::new(Pos::new(stream()))),
            StrategyKind::Delay { delays, length } => {
                Active::Other(Box::new(Delay::new(stream(), delays, length.unwrap_or(100))))
            }
            StrategyKind::Reversal => {
                let profile = profile();
                Active::Other(Box::new(Reversal::new(stream(), profile.races(), profile.steps())))
            }
            StrategyKind::Exhaustive => Active::Other(Box::new(Exhaustive::new(self.tree.clone().unwrap_or_default()))),
            StrategyKind::Replay(_) if !self.promotions.is_empty() => {
                Active::Other(Box::new(Promote(self.promotions.clone())))
            }
            StrategyKind::Replay(deviations) => Active::Other(Box::new(Replay::new(&deviations))),
        }
    }
}

impl From<&StrategyKind> for Player {
    fn from(kind: &StrategyKind) -> Player {
        Player::plain(kind.clone())
    }
}
