//! How many processors a run has: as many as its options say, whatever the machine has and lets this process have of it.
//! Thread pools are made for so many, and maps are cut into shards for them, so a seed goes another way with another number.

use super::{FAULT, INVALID};
use crate::boundary::kernel::{self, Answer};
use crate::world::{MOST_CPUS, World};

const BYTES: usize = MOST_CPUS as usize / 8;

/// Where std and others read which share of the processors this process may have. In a run it has all of them.
const SHARE: &[u8] = b"/proc/self/cgroup\0";

/// Whether the name at `path` is that of the file with this process's share.
pub(super) fn is_their_share(path: usize) -> bool {
    let mut bytes = [0; SHARE.len()];
    kernel::peek(path, &mut bytes) == bytes.len() && bytes == SHARE
}

/// Which processors there are. The kernel answers in words, with how many bytes of them it has.
pub(super) fn told(world: &World, set: usize, size: usize) -> Answer {
    let count = world.cpus() as usize;
    let length = count.div_ceil(64) * 8;
    if size < length || !size.is_multiple_of(8) {
        return INVALID;
    }
    let mut bytes = [0; BYTES];
    (0..count).for_each(|n| bytes[n / 8] |= 1 << (n % 8));
    if kernel::poke(set, &bytes[..length]) == length { Answer::Return(length as i64) } else { FAULT }
}

/// A thread is to run on some of them only: that changes nothing, for one runs at a time.
pub(super) fn pinned(world: &World, set: usize, size: usize) -> Answer {
    let mut bytes = [0; BYTES];
    let length = size.min(BYTES);
    if kernel::peek(set, &mut bytes[..length]) != length {
        return FAULT;
    }
    let is_any = (0..world.cpus() as usize).any(|n| bytes[n / 8] & 1 << (n % 8) != 0);
    if is_any { Answer::Return(0) } else { INVALID }
}
