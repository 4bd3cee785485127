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

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::{BuildHasher, Hash};

    fn hash(value: impl Hash) -> u64 {
        Fixed::default().hash_one(value)
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
