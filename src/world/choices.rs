//! What tasks choose themselves, and what they say that they are about to do.

use super::World;
use crate::deviation::Deviation;
use crate::hash::HashMap;
use crate::id::Key;
use crate::operation::Operation;
use crate::prng::{Stream, StreamId};
use crate::schedule::Active;
use crate::trace::What;
use std::time::Duration;

/// The choices of a run so far.
pub(super) struct Choices {
    made: HashMap<Key, u32>,
    stream: Option<Stream>,
    #[cfg(all(unix, feature = "smol"))]
    latencies: Option<(Spread, Stream)>,
}

/// How the latencies of a run differ from each other. What a program does takes no time, so that things meet at one moment
/// only if what led to them took as long: were all latencies drawn alone, hardly any would, and no seed have the orders in
/// which such things can happen. Each run has one of the three, as in Groce et al., Swarm Testing, ISSTA 2012.
#[cfg(all(unix, feature = "smol"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spread {
    /// All are the shortest.
    Even,
    /// Of a few lengths.
    Coarse,
    /// Of any length.
    Fine,
}

#[cfg(all(unix, feature = "smol"))]
impl Spread {
    /// So far from each other are the lengths of a coarse one, in microseconds.
    const STRIDE: u32 = 50;

    fn drawn(stream: &mut Stream) -> Spread {
        [Spread::Even, Spread::Coarse, Spread::Fine][stream.below(3) as usize]
    }

    /// A number below `n`.
    fn draw(self, stream: &mut Stream, n: u32) -> u32 {
        match self {
            Spread::Even => 0,
            Spread::Coarse => stream.below(n.div_ceil(Spread::STRIDE)) * Spread::STRIDE,
            Spread::Fine => stream.below(n),
        }
    }
}

impl Choices {
    /// With room for some, so that a process that is forked for one run need not look for it.
    pub fn new() -> Choices {
        Choices {
            made: HashMap::with_capacity_and_hasher(3, Default::default()),
            stream: None,
            #[cfg(all(unix, feature = "smol"))]
            latencies: None,
        }
    }

    pub fn clear(&mut self) {
        self.made.clear();
        self.stream = None;
        #[cfg(all(unix, feature = "smol"))]
        {
            self.latencies = None;
        }
    }

    fn stream(&mut self, seed: u64) -> &mut Stream {
        self.stream.get_or_insert_with(|| Stream::new(seed, StreamId::Choices as u64))
    }
}

impl World {
    /// A number below `n`, chosen by whoever runs.
    pub fn choose(&self, n: u32) -> u32 {
        let draw = |choices: &mut Choices, seed| choices.stream(seed).below(n);
        self.answer(draw, |other, who, nth| other.choose(who, nth, n), |_| None)
    }

    /// How long what whoever runs sends is under way, from `shortest`, which is the plain choice, to `longest`: in steps of
    /// a microsecond.
    #[cfg(all(unix, feature = "smol"))]
    pub fn latency(&self, shortest: u32, longest: u32) -> Duration {
        let latency = |longer: u32| Duration::from_micros(u64::from(shortest + longer));
        if self.closing.get() {
            return latency(0);
        }
        let n = longest - shortest + 1;
        let draw = |choices: &mut Choices, seed| {
            let (spread, stream) = choices.latencies.get_or_insert_with(|| {
                let mut stream = Stream::new(seed, StreamId::Latency as u64);
                (Spread::drawn(&mut stream), stream)
            });
            spread.draw(stream, n)
        };
        latency(self.answer(draw, |other, who, nth| other.latency(who, nth, n), |number| Some(latency(number))))
    }

    /// True `numerator` times in `denominator`.
    pub fn chance(&self, numerator: u32, denominator: u32) -> bool {
        let draw = |choices: &mut Choices, seed| u32::from(choices.stream(seed).below(denominator) < numerator);
        numerator > 0 && self.answer(draw, |other, who, nth| other.choose(who, nth, 2), |_| None) == 1
    }

    fn answer(
        &self,
        draw: impl FnOnce(&mut Choices, u64) -> u32,
        ask: impl FnOnce(&Active, Key, u32) -> Option<u32>,
        latency: impl FnOnce(u32) -> Option<Duration>,
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
            self.record(|log| {
                log.deviation(Deviation { who, step: nth, before: Key::CHOICE, before_step: chosen });
                if let Some(by) = log.index(who) {
                    log.event(What::Chose { by, nth, number: chosen, latency: latency(chosen) });
                }
            });
        }
        chosen
    }

    /// Whoever runs says what its next step does.
    pub fn announce(&self, operation: Operation) {
        let running = self.running.get();
        self.ready.announce(running.slot(), running.key, operation);
    }
}

#[cfg(all(test, unix, feature = "smol"))]
mod tests {
    use super::*;
    use crate::hash::HashSet;

    #[test]
    fn every_spread_is_some_runs_and_stays_within_its_bounds() {
        let mut seen = HashSet::default();
        for seed in 0..64 {
            let mut stream = Stream::new(seed, StreamId::Latency as u64);
            let spread = Spread::drawn(&mut stream);
            let drawn: Vec<u32> = (0..200).map(|_| spread.draw(&mut stream, 951)).collect();
            assert!(drawn.iter().all(|&n| n < 951));
            let lengths: HashSet<u32> = drawn.iter().copied().collect();
            match spread {
                Spread::Even => assert_eq!(lengths.len(), 1),
                Spread::Coarse => assert!(lengths.len() > 15 && drawn.iter().all(|n| n % 50 == 0)),
                Spread::Fine => assert!(lengths.len() > 100),
            }
            seen.insert(spread as u8);
        }
        assert_eq!(seen.len(), 3);
    }
}
