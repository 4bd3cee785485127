//! What tasks choose themselves, and what they say that they are about to do.

use super::World;
use crate::deviation::Deviation;
use crate::hash::HashMap;
use crate::id::Key;
use crate::operation::Operation;
use crate::prng::{Stream, StreamId};

/// The choices of a run so far.
#[derive(Default)]
pub(super) struct Choices {
    made: HashMap<Key, u32>,
    stream: Option<Stream>,
}

impl Choices {
    pub fn clear(&mut self) {
        self.made.clear();
        self.stream = None;
    }
}

impl World {
    /// A number below `n`, chosen by whoever runs.
    pub fn choose(&self, n: u32) -> u32 {
        self.answer(n, |stream| stream.below(n))
    }

    /// True `numerator` times in `denominator`.
    pub fn chance(&self, numerator: u32, denominator: u32) -> bool {
        numerator > 0 && self.answer(2, |stream| u32::from(stream.below(denominator) < numerator)) == 1
    }

    fn answer(&self, n: u32, draw: impl FnOnce(&mut Stream) -> u32) -> u32 {
        let who = self.running.get().key;
        let mut choices = self.choices.borrow_mut();
        let made = choices.made.entry(who).or_default();
        let nth = *made;
        *made += 1;
        let seed = self.seed.get().get();
        let answered = self.strategy.choose(who, nth, n);
        let chosen = answered
            .unwrap_or_else(|| draw(choices.stream.get_or_insert_with(|| Stream::new(seed, StreamId::Choices as u64))));
        drop(choices);
        self.mix(u64::from(chosen) ^ 0x6368_6f69_6365);
        if chosen != 0 {
            self.deviations.set(self.deviations.get() + 1);
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
