//! Hash maps that draw no random keys.
//!
//! std's draws its keys once a thread, at the first map. On a thread that runs scenarios that map must be the user's
//! own, with keys from the run's seed: a map of raddle's made before the run, or before the entropy of the run is in
//! place, would give all of the user's maps another order in each process.

use crate::id::mix;
use std::collections;
use std::hash::{BuildHasherDefault, Hasher};

/// Mixes each word in by [`mix`]: no defence against chosen keys, which nobody chooses here.
#[derive(Default)]
pub(crate) struct Mixing(u64);

impl Hasher for Mixing {
    fn write(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
        let rest = chunks.remainder();
        if !rest.is_empty() {
            let mut word = [0; 8];
            word[..rest.len()].copy_from_slice(rest);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, word: u8) {
        self.write_u64(word.into());
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(word.into());
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        self.0 = mix(self.0.rotate_left(5) ^ word).wrapping_add(word);
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type Fixed = BuildHasherDefault<Mixing>;

/// A [`collections::HashMap`] with fixed keys; made by `default()`.
pub(crate) type HashMap<K, V> = collections::HashMap<K, V, Fixed>;

/// A [`collections::HashSet`] with fixed keys; made by `default()`.
pub(crate) type HashSet<K> = collections::HashSet<K, Fixed>;

/// How often each of many words came up that are hashes already: a table with open addressing (Peterson 1957).
///
/// Once a run a word comes, and each is somewhere else in a table that may be large. So words wait until there are a few of
/// them: looked up one after the other the processor waits for memory once, not once for each. And a build without
/// optimisation runs a fraction of what a `HashMap` is there.
#[derive(Default)]
pub(crate) struct Census {
    /// Words, and how often each came up; 0 where there is none. None at all, or a power of two.
    places: Vec<(u64, u32)>,
    /// How many different words there are.
    len: usize,
}

impl Census {
    /// Counts `word` once more; how often it has come up now.
    pub fn count(&mut self, word: u64) -> u32 {
        // Half of the places stay free.
        if self.len * 2 >= self.places.len() {
            self.grow();
        }
        let place = self.place_of(word);
        let (known, times) = &mut self.places[place];
        if *times == 0 {
            *known = word;
            self.len += 1;
        }
        *times = times.saturating_add(1);
        *times
    }

    /// Where `word` is, or would be.
    #[inline]
    fn place_of(&self, word: u64) -> usize {
        let mask = self.places.len() - 1;
        let mut place = (word ^ (word >> 32)) as usize & mask;
        loop {
            let (known, times) = self.places[place];
            if known == word || times == 0 {
                return place;
            }
            place = (place + 1) & mask;
        }
    }

    #[cold]
    fn grow(&mut self) {
        let more = vec![(0, 0); (self.places.len() * 2).max(64)];
        for (word, times) in std::mem::replace(&mut self.places, more) {
            if times > 0 {
                let place = self.place_of(word);
                self.places[place] = (word, times);
            }
        }
    }

    /// How many different words there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The different words, in no particular order.
    pub fn words(&self) -> impl Iterator<Item = u64> {
        self.places.iter().filter(|&&(_, times)| times > 0).map(|&(word, _)| word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::{BuildHasher, Hash};

    fn hash(value: impl Hash) -> u64 {
        Fixed::default().hash_one(value)
    }

    #[test]
    fn a_census_counts_each_word() {
        let mut census = Census::default();
        assert_eq!((census.len(), census.words().count()), (0, 0));
        // Words that differ in their highest bits only, words that are alike, and 0, which is what free places hold.
        let words = || (0..1_000u64).map(|n| if n % 2 == 0 { n << 54 | n } else { mix(n) });
        for times in 1..4 {
            words().for_each(|word| assert_eq!(census.count(word), times));
        }
        assert_eq!(census.count(0), 4);
        let all: HashSet<u64> = census.words().collect();
        assert_eq!((census.len(), all.len()), (1_000, 1_000));
        assert!(words().all(|word| all.contains(&word)));
    }

    #[test]
    fn is_the_same_always_and_differs_by_content_and_place() {
        assert_eq!(hash("an outcome of a run"), hash(String::from("an outcome of a run")));
        let different = [hash("a"), hash("b"), hash("ab"), hash("ba"), hash("a long text, x"), hash("a long text, y")];
        assert_eq!(different.iter().collect::<HashSet<_>>().len(), different.len());
        assert_ne!(hash((1u64, 2u64)), hash((2u64, 1u64)));
        let spread: HashSet<u64> = (0..1_000u64).map(|n| hash(n) >> 54).collect();
        assert!(spread.len() > 500, "{}", spread.len());
    }
}
