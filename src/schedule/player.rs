//! A strategy with all that was measured for it: what answers the decisions of any number of runs.

use super::{
    Active, Delay, Exhaustive, LateWrites, Other, Pct, Pos, Profile, Promote, Promotion, Replay, Reversal,
    StrategyKind, Surw, Tree, Urw, portfolio,
};
use crate::id::Key;
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
    /// Polls whose awaits are to be looked at, in a run with a trace: who, and which of its own.
    pub awaits: Vec<(Key, u32)>,
    /// How many steps a run may take, if that is fewer than it may anyway.
    pub most_steps: Option<u64>,
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

    /// Puts the strategy for a run of `seed` in the place of the one in `active`.
    pub fn take_over(&self, active: &Active, seed: Seed) {
        match self.kind {
            StrategyKind::Random => active.be_random(seed.get()),
            StrategyKind::Fifo => active.be_fifo(),
            _ => self.make(active, seed),
        }
    }

    /// The same of one that is made anew for each run: each is a large value on the stack before it is in its box.
    #[inline(never)]
    fn make(&self, active: &Active, seed: Seed) {
        let stream = || Stream::new(seed.get(), StreamId::Schedule as u64);
        let profile = || self.profile.clone().unwrap_or_default();
        active.be_other(match self.kind.dealt(seed, self.profile.as_deref()) {
            StrategyKind::Fifo => return active.be_fifo(),
            StrategyKind::Random | StrategyKind::Portfolio => return active.be_random(seed.get()),
            StrategyKind::Pct { depth, length } => Pct::new(stream(), depth, length.unwrap_or(100)).into(),
            StrategyKind::Urw => Urw::new(stream(), profile()).into(),
            StrategyKind::Surw => Surw::choose(stream(), profile()),
            StrategyKind::Pos => Pos::new(stream()).into(),
            StrategyKind::LateWrites => LateWrites::new(stream()).into(),
            StrategyKind::Delay { delays, length } => Delay::new(stream(), delays, length.unwrap_or(100)).into(),
            StrategyKind::Reversal => {
                let profile = profile();
                Reversal::new(stream(), profile.races(), profile.steps(), portfolio::turn(seed)).into()
            }
            StrategyKind::Exhaustive => Other::Any(Box::new(Exhaustive::new(self.tree.clone().unwrap_or_default()))),
            StrategyKind::Replay(_) if !self.promotions.is_empty() => {
                Other::Any(Box::new(Promote(self.promotions.clone())))
            }
            StrategyKind::Replay(deviations) => Other::Any(Box::new(Replay::new(&deviations))),
        });
    }
}

impl From<&StrategyKind> for Player {
    fn from(kind: &StrategyKind) -> Player {
        Player::plain(kind.clone())
    }
}
