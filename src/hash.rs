//! Hash maps that draw no random keys.
//!
//! std's draws its keys once a thread, at the first map. On a thread that runs scenarios that map must be the user's
//! own, with keys from the run's seed: a map of raddle's made before the run, or before the entropy of the run is in
//! place, would give all of the user's maps another order in each process.

use std::collections;
use std::hash::{BuildHasherDefault, DefaultHasher};

type Fixed = BuildHasherDefault<DefaultHasher>;

/// A [`collections::HashMap`] with fixed keys; made by `default()`.
pub(crate) type HashMap<K, V> = collections::HashMap<K, V, Fixed>;

/// A [`collections::HashSet`] with fixed keys; made by `default()`.
pub(crate) type HashSet<K> = collections::HashSet<K, Fixed>;
