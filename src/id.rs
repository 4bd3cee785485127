//! Who did it: the identity of a task or a worker, the same in every run of a seed.

use std::fmt;

/// The identity of a task or a worker within one run: a hash of its *spawn path* (the n-th child of the m-th child of
/// … the scenario).
///
/// A path, unlike a running number, does not change when some *other* task is spawned earlier or later or not at all.
/// That is what lets a deviation, a priority or a profile be carried from one schedule to another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(u64);

impl Key {
    /// The scenario itself, root of every path.
    pub const ROOT: Key = Key(0x5ce0_a21d_0000_0001);
    /// The clock, as a candidate that may run before ready tasks do (see `stall_up_to`).
    pub const CLOCK: Key = Key(0x00c1_0c4b_0000_0002);
    /// Stands in a [`Deviation`](crate::Deviation) for a choice that a task made itself (see [`choose`](crate::choose)).
    pub const CHOICE: Key = Key(0x0c80_1ce0_0000_0004);
    const POOL: Key = Key(0x0090_0114_0000_0003);

    /// The `n`-th child (from 0) of the task `self`.
    #[inline]
    pub const fn child(self, n: u32) -> Key {
        Key(mix(self.0 ^ (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// The `n`-th worker (from 0) of the pool.
    pub const fn worker(n: u32) -> Key {
        Key::POOL.child(n)
    }

    /// The key as a number, for hashing and for the schedule token.
    #[inline(always)]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The key that [`get`](Key::get) gave, read back from a schedule token.
    pub const fn from_raw(raw: u64) -> Key {
        Key(raw)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A bijective mixer of 64 bits: the finaliser of SplitMix64 (Steele, Lea, Flood 2014).
#[inline]
pub const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_do_not_collide() {
        let mut seen = std::collections::HashSet::new();
        for a in 0..200 {
            assert!(seen.insert(Key::worker(a)));
            let child = Key::ROOT.child(a);
            assert!(seen.insert(child));
            for b in 0..200 {
                assert!(seen.insert(child.child(b)));
            }
        }
    }
}
