//! What tasks choose themselves, and what they say that they are about to do.

use super::World;
use crate::deviation::Deviation;
use crate::hash::HashMap;
use crate::id::Key;
use crate::operation::Operation;
use crate::prng::{Stream, StreamId};
use crate::schedule::Active;

/// The choices of a run so far.
#[derive(Default)]
pub(super) struct Choices {
    made: HashMap<Key, u32>,
    stream: Option<Stream>,
    #[cfg(all(unix, feature = "smol"))]
    latencies: Option<Stream>,
}

impl Choices {
    pub fn clear(&mut self) {
        self.made.clear();
        self.stream = None;
        #[cfg(all(unix, feature = "smol"))]
        {
            self.latencies = None;
        }
    }
}

impl Choices {
    fn stream(&mut self, seed: u64) -> &mut Stream {
        self.stream.get_or_insert_with(|| Stream::new(seed, StreamId::Choices as u64))
    }
}

impl World {
    /// A number below `n`, chosen by whoever runs.
    pub fn choose(&self, n: u32) -> u32 {
        self.answer(|choices, seed| choices.stream(seed).below(n), |other, who, nth| other.choose(who, nth, n))
    }

    /// How long what whoever runs sends is under way, as a number below `n`; 0 is the plain one.
    #[cfg(all(unix, feature = "smol"))]
    pub fn latency(&self, n: u32) -> u32 {
        if self.closing.get() {
            return 0;
        }
        let draw = |choices: &mut Choices, seed| {
            choices.latencies.get_or_insert_with(|| Stream::new(seed, StreamId::Latency as u64)).below(n)
        };
        self.answer(draw, |other, who, nth| other.latency(who, nth, n))
    }

    /// True `numerator` times in `denominator`.
    pub fn chance(&self, numerator: u32, denominator: u32) -> bool {
        let draw = |choices: &mut Choices, seed| u32::from(choices.stream(seed).below(denominator) < numerator);
        numerator > 0 && self.answer(draw, |other, who, nth| other.choose(who, nth, 2)) == 1
    }

    fn answer(
        &self,
        draw: impl FnOnce(&mut Choices, u64) -> u32,
        ask: impl FnOnce(&Active, Key, u32) -> Option<u32>,
    ) -> u32 {
        let who = self.running.get().key;
        let mut choices = self.choices.borrow_mut();
        let made = choices.made.entry(who).or_default();
        let nth = *made;
        *made += 1;
        let seed = self.seed.get().get();
        let answered = ask(&self.strategy, who, nth);
        let chosen = answered.unwrap_or_else(|| draw(&mut choices, seed));
        drop(choices);
        self.tally.mix(u64::from(chosen) ^ 0x6368_6f69_6365);
        if chosen != 0 {
            self.tally.deviated();
            self.record(|log| log.deviation(Deviation { who, step: nth, before: Key::CHOICE, before_step: chosen }));
        }
        chosen
    }

    /// Whoever runs says what its next step does.
    pub fn announce(&self, operation: Operation) {
        let running = self.running.get();
        self.ready.announce(running.slot, running.key, operation);
    }
}
