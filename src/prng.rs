//! Randomness: ChaCha8 streams, all from one seed, told apart by number.

use crate::boundary::word::Drawn;
use crate::id::mix;

/// The streams of a run. A draw on one never re-deals another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum StreamId {
    /// Which candidate runs next.
    Schedule = 0,
    /// How long what is sent over the network is under way.
    #[cfg(all(unix, feature = "smol"))]
    Latency = 1,
    /// What the user draws with `raddle::rng()`.
    User = 3,
    /// What `getrandom` gives: hash keys, `rand`, uuid.
    Entropy = 4,
    /// What the user's own choices come to.
    Choices = 5,
}

/// The seed of fastrand on thread number `thread` of a run. Not a stream: one word is wanted, by a generator that is not
/// cryptographic itself, at the start of each run.
pub fn of_thread(seed: u64, thread: u64) -> u64 {
    mix(mix(seed.wrapping_add(0x9e37_79b9_7f4a_7c15)) ^ thread.wrapping_mul(0xd1b5_4a32_d192_ed03))
}

/// One stream of random numbers: ChaCha with eight rounds (Bernstein 2008), the seed spread to a key by SplitMix64,
/// the stream's number as the nonce.
///
/// In an optimised build the words come from `rand_chacha`; in a debug build from a scalar version of the same cipher,
/// bit for bit the same, since `rand_chacha` without optimisation takes 200 ns a draw and 12 µs a seed.
#[derive(Clone)]
pub struct Stream(Inner);

/// How many words the cipher makes at once.
#[cfg(not(debug_assertions))]
pub const BLOCK: usize = 64;
#[cfg(debug_assertions)]
pub const BLOCK: usize = 16;

#[cfg(not(debug_assertions))]
type Inner = simd::ChaCha8;
#[cfg(debug_assertions)]
type Inner = scalar::ChaCha8;

impl Stream {
    /// Stream number `stream` of `seed`.
    pub fn new(seed: u64, stream: u64) -> Stream {
        Stream(Inner::new(key(seed), stream))
    }

    /// The next 32 bits.
    #[inline]
    pub fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// The next 64 bits, low half drawn first.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        let low = u64::from(self.next_u32());
        u64::from(self.next_u32()) << 32 | low
    }

    /// A number below `n` (at least 1), by one draw: [`Drawn::below`].
    #[inline]
    pub fn below(&mut self, n: u32) -> u32 {
        Drawn(self.next_u32()).below(n as usize) as u32
    }

    /// A number below `n` (at least 1), which may be large: by one draw where 32 bits hold it, otherwise by two.
    #[inline]
    pub fn below_wide(&mut self, n: u64) -> u64 {
        match u32::try_from(n) {
            Ok(n) => u64::from(self.below(n)),
            Err(_) => ((u128::from(self.next_u64()) * u128::from(n)) >> 64) as u64,
        }
    }

    /// Fills `bytes`, each word in little-endian order.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(4) {
            chunk.copy_from_slice(&self.next_u32().to_le_bytes()[..chunk.len()]);
        }
    }
}

/// The words of a stream, as many at a time as the cipher makes at once.
pub struct Blocks(InnerBlocks);

#[cfg(debug_assertions)]
use scalar::Blocks as InnerBlocks;
#[cfg(not(debug_assertions))]
use simd::Blocks as InnerBlocks;

impl Blocks {
    /// Those of stream number 0 of `seed`.
    pub fn new(seed: u64) -> Blocks {
        Blocks(InnerBlocks::new(key(seed)))
    }

    /// The next words.
    #[inline(always)]
    pub fn next(&mut self, words: &mut [u32; BLOCK]) {
        self.0.make(words);
    }
}

fn key(seed: u64) -> [u32; 8] {
    let mut words = [0; 8];
    let mut state = seed;
    let mut at = 0;
    while at < 8 {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = mix(state);
        words[at] = z as u32;
        words[at + 1] = (z >> 32) as u32;
        at += 2;
    }
    words
}

#[cfg(any(not(debug_assertions), test))]
mod simd {
    use rand_chacha::rand_core::block::Generator;
    use rand_chacha::rand_core::{Rng, SeedableRng};
    use rand_chacha::{ChaCha8Core, ChaCha8Rng};

    #[derive(Clone)]
    pub struct ChaCha8(ChaCha8Rng);

    impl ChaCha8 {
        pub fn new(key: [u32; 8], stream: u64) -> ChaCha8 {
            let mut rng = ChaCha8Rng::from_seed(bytes(key));
            if stream != 0 {
                rng.set_stream(stream);
            }
            ChaCha8(rng)
        }

        #[inline]
        pub fn next_u32(&mut self) -> u32 {
            self.0.next_u32()
        }
    }

    pub struct Blocks(ChaCha8Core);

    impl Blocks {
        #[inline]
        pub fn new(key: [u32; 8]) -> Blocks {
            Blocks(ChaCha8Core::from_seed(bytes(key)))
        }

        #[inline]
        pub fn make(&mut self, words: &mut [u32; 64]) {
            self.0.generate(words);
        }
    }

    fn bytes(key: [u32; 8]) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (chunk, word) in bytes.chunks_mut(4).zip(key) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

#[cfg(any(debug_assertions, test))]
mod scalar {
    /// "expand 32-byte k"
    const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

    #[derive(Clone)]
    pub struct ChaCha8 {
        input: [u32; 16],
        block: [u32; 16],
        used: usize,
    }

    impl ChaCha8 {
        pub fn new(key: [u32; 8], stream: u64) -> ChaCha8 {
            // Written out, since a slice is copied by a chain of calls in a build without optimisation.
            let [a, b, c, d] = CONSTANTS;
            let [e, f, g, h, i, j, k, l] = key;
            let input = [a, b, c, d, e, f, g, h, i, j, k, l, 0, 0, stream as u32, (stream >> 32) as u32];
            ChaCha8 { input, block: [0; 16], used: 16 }
        }

        #[inline]
        pub fn next_u32(&mut self) -> u32 {
            if self.used == 16 {
                self.refill();
            }
            let word = self.block[self.used];
            self.used += 1;
            word
        }

        #[inline(never)]
        fn refill(&mut self) {
            let mut block = [0; 16];
            self.make(&mut block);
            self.block = block;
            self.used = 0;
        }

        /// The next sixteen words.
        #[inline(always)]
        fn make(&mut self, words: &mut [u32; 16]) {
            #[cfg(all(target_arch = "x86_64", not(miri)))]
            crate::boundary::chacha::block(&self.input, words);
            #[cfg(not(all(target_arch = "x86_64", not(miri))))]
            block(&self.input, words);
            let counter = (u64::from(self.input[13]) << 32 | u64::from(self.input[12])).wrapping_add(1);
            self.input[12] = counter as u32;
            self.input[13] = (counter >> 32) as u32;
        }
    }

    pub struct Blocks(ChaCha8);

    impl Blocks {
        pub fn new(key: [u32; 8]) -> Blocks {
            Blocks(ChaCha8::new(key, 0))
        }

        #[inline(always)]
        pub fn make(&mut self, words: &mut [u32; 16]) {
            self.0.make(words);
        }
    }

    /// The sixteen words that ChaCha8 makes of `input`.
    // Named words instead of an indexed array, and shifts instead of `rotate_left`: without optimisation each index costs
    // a bounds check, and the other is a call.
    #[allow(clippy::manual_rotate)]
    #[cfg(any(not(target_arch = "x86_64"), test, miri))]
    pub(super) fn block(input: &[u32; 16], output: &mut [u32; 16]) {
        macro_rules! quarter {
            ($a:ident, $b:ident, $c:ident, $d:ident) => {
                $a = $a.wrapping_add($b);
                $d ^= $a;
                $d = $d << 16 | $d >> 16;
                $c = $c.wrapping_add($d);
                $b ^= $c;
                $b = $b << 12 | $b >> 20;
                $a = $a.wrapping_add($b);
                $d ^= $a;
                $d = $d << 8 | $d >> 24;
                $c = $c.wrapping_add($d);
                $b ^= $c;
                $b = $b << 7 | $b >> 25;
            };
        }
        let [
            mut a,
            mut b,
            mut c,
            mut d,
            mut e,
            mut f,
            mut g,
            mut h,
            mut i,
            mut j,
            mut k,
            mut l,
            mut m,
            mut n,
            mut o,
            mut p,
        ] = *input;
        let mut double_rounds = 0;
        while double_rounds < 4 {
            quarter!(a, e, i, m);
            quarter!(b, f, j, n);
            quarter!(c, g, k, o);
            quarter!(d, h, l, p);
            quarter!(a, f, k, p);
            quarter!(b, g, l, m);
            quarter!(c, h, i, n);
            quarter!(d, e, j, o);
            double_rounds += 1;
        }
        let mixed = [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p];
        let mut at = 0;
        while at < 16 {
            output[at] = mixed[at].wrapping_add(input[at]);
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalar_is_rand_chacha_bit_for_bit() {
        for seed in [0, 1, 42, u64::MAX, 0xdead_beef] {
            for stream in [0, 1, 3, 4, 1 << 32, u64::MAX] {
                let mut scalar = scalar::ChaCha8::new(key(seed), stream);
                let mut simd = simd::ChaCha8::new(key(seed), stream);
                for draw in 0..1_000 {
                    assert_eq!(scalar.next_u32(), simd.next_u32(), "seed {seed} stream {stream} draw {draw}");
                }
            }
            let mut stream = simd::ChaCha8::new(key(seed), 0);
            let (mut scalar, mut simd) = (scalar::Blocks::new(key(seed)), simd::Blocks::new(key(seed)));
            for block in 0..40 {
                let (mut many, mut few) = ([0; 64], [0; 16]);
                simd.make(&mut many);
                for words in many.chunks(16) {
                    scalar.make(&mut few);
                    assert_eq!(words, few, "seed {seed} block {block}");
                    assert_eq!(few, few.map(|_| stream.next_u32()), "seed {seed} block {block}");
                }
            }
        }
    }

    #[cfg(all(target_arch = "x86_64", not(miri)))]
    #[test]
    fn a_block_by_vectors_is_the_scalar_one() {
        let mut input = [0; 16];
        for round in 0..200 {
            let (mut vectors, mut scalars) = ([0; 16], [1; 16]);
            crate::boundary::chacha::block(&input, &mut vectors);
            scalar::block(&input, &mut scalars);
            assert_eq!(vectors, scalars, "round {round}, of {input:x?}");
            input = vectors;
        }
    }

    #[test]
    fn threads_and_seeds_differ() {
        let all: std::collections::BTreeSet<u64> =
            (0..100).flat_map(|seed| (0..10).map(move |thread| of_thread(seed, thread))).collect();
        assert_eq!(all.len(), 1_000);
    }

    #[test]
    fn streams_and_seeds_differ() {
        let first = |seed, stream| Stream::new(seed, stream).next_u64();
        assert_ne!(first(1, 0), first(2, 0));
        assert_ne!(first(1, 0), first(1, 3));
        assert_eq!(first(1, 3), first(1, 3));
    }

    #[test]
    fn below_stays_below_and_reaches_all() {
        let mut stream = Stream::new(7, 0);
        let mut seen = [0; 5];
        for _ in 0..1_000 {
            seen[stream.below(5) as usize] += 1;
        }
        assert!(seen.iter().all(|&n| n > 120), "{seen:?}");
    }
}
