//! Trees over places: the sum of weights, the highest priority. An update takes O(log n) at most, a pick as well.

use std::cell::Cell;

/// A weight for each place; a place is drawn with a probability in proportion to its weight.
#[derive(Default)]
pub(crate) struct Weights {
    /// A binary tree in an array: node 1 is the root, the leaves are the last half.
    nodes: Vec<u64>,
    leaves: usize,
}

impl Weights {
    pub fn total(&self) -> u64 {
        self.nodes.get(1).copied().unwrap_or(0)
    }

    pub fn get(&self, place: usize) -> u64 {
        if place < self.leaves { self.nodes[self.leaves + place] } else { 0 }
    }

    #[inline]
    pub fn set(&mut self, place: usize, weight: u64) {
        if place >= self.leaves {
            self.grow(place + 1);
        }
        let nodes = &mut self.nodes[..];
        let mut at = self.leaves + place;
        let difference = weight.wrapping_sub(nodes[at]);
        if difference == 0 {
            return;
        }
        while at > 0 {
            nodes[at] = nodes[at].wrapping_add(difference);
            at >>= 1;
        }
    }

    #[cold]
    fn grow(&mut self, least: usize) {
        let old = std::mem::take(self);
        self.leaves = least.next_power_of_two().max(8);
        self.nodes = vec![0; 2 * self.leaves];
        (0..old.leaves).for_each(|place| self.nodes[self.leaves + place] = old.get(place));
        (1..self.leaves).rev().for_each(|at| self.nodes[at] = self.nodes[2 * at] + self.nodes[2 * at + 1]);
    }

    /// The place in whose stretch `point`, which is below the total, falls.
    #[inline]
    pub fn find(&self, mut point: u64) -> usize {
        let mut at = 1;
        while at < self.leaves {
            at *= 2;
            let left = self.nodes[at];
            if point >= left {
                point -= left;
                at += 1;
            }
        }
        at - self.leaves
    }
}

/// A priority for each place; the place with the highest is known. Of a priority the high 40 bits count; among equal ones
/// the highest place does.
#[derive(Default)]
pub(crate) struct Priorities {
    /// A heap of those that have one, four below each: an entry has its place in the low bits, so that nothing has to be
    /// looked up. A tournament would change the whole path below its winner each time; who comes next is often the highest
    /// again. Behind the last there are zeros, so that of four none is missing.
    heap: Vec<u64>,
    /// How many have one.
    len: usize,
    /// For each place one more than where it stands in the heap; 0 if it has no priority.
    at: Vec<u32>,
}

/// How many entries stand below one in the heap.
const BELOW: usize = 4;

/// The highest of four. By choosing between numbers, without jumps: which of four it is cannot be guessed.
#[inline(always)]
fn highest_of([a, b, c, d]: [u64; BELOW]) -> u64 {
    a.max(b).max(c.max(d))
}

/// From which share of all on several are taken out by putting the others together anew: one in so many.
const MANY: usize = 8;

/// The bits of an entry that say which place it is.
const PLACE: u64 = (1 << 24) - 1;

/// The least by which two priorities differ.
pub(crate) const LEAST: u64 = PLACE + 1;

impl Priorities {
    /// The place with the highest priority; 0 if there is none.
    #[inline]
    pub fn highest(&self) -> usize {
        self.heap.first().map_or(0, |&highest| (highest & PLACE) as usize)
    }

    #[inline]
    pub fn get(&self, place: usize) -> u64 {
        match self.at.get(place) {
            None | Some(0) => 0,
            Some(&at) => self.heap[at as usize - 1],
        }
    }

    /// What stands for the priority of `place` in the order of all.
    #[inline(always)]
    fn entry(place: usize, priority: u64) -> u64 {
        priority & !PLACE | place as u64 & PLACE
    }

    /// Whatever is more than this is a higher priority than that of any other place than this.
    #[inline]
    pub fn most_but(&self, place: usize) -> u64 {
        let highest = match self.heap[..] {
            [highest, ..] if (highest & PLACE) as usize != place => highest,
            [_, a, b, c, d, ..] => highest_of([a, b, c, d]),
            _ => 0,
        };
        highest | PLACE
    }

    /// As [`set`](Priorities::set), of a place that is the highest, most likely, and will not be.
    #[inline]
    pub fn lower(&mut self, place: usize, priority: u64) {
        match self.heap.first() {
            Some(highest) if (highest & PLACE) as usize == place => self.sink(0, Priorities::entry(place, priority)),
            _ => self.set(place, priority),
        }
    }

    /// Gives `place` a priority; 0 is for a place that is empty.
    #[inline(never)]
    pub fn set(&mut self, place: usize, priority: u64) {
        let entry = Priorities::entry(place, priority);
        match self.at.get(place) {
            Some(&at) if at > 0 && priority > 0 => {
                let at = at as usize - 1;
                if entry < self.heap[at] { self.sink(at, entry) } else { self.rise(at, entry) }
            }
            _ if priority == 0 => self.remove(place),
            _ => self.insert(place, entry),
        }
    }

    /// Adds a place that has none.
    fn insert(&mut self, place: usize, entry: u64) {
        if place >= self.at.len() {
            self.at.resize(place + 1, 0);
        }
        if self.len == self.heap.len() {
            self.heap.resize(self.len + if self.len == 0 { 1 } else { BELOW }, 0);
        }
        self.len += 1;
        self.rise(self.len - 1, entry);
    }

    /// Takes the priority of `place`, if it has one.
    fn remove(&mut self, place: usize) {
        let Some(at) = self.at.get_mut(place).map(std::mem::take).filter(|&at| at > 0) else { return };
        self.len -= 1;
        let (at, last) = (at as usize - 1, std::mem::take(&mut self.heap[self.len]));
        if at < self.len {
            if last < self.heap[at] { self.sink(at, last) } else { self.rise(at, last) }
        }
    }

    /// Takes the priorities of `places`, each of which has had one. Of many, all at once.
    pub fn remove_all(&mut self, places: &[u32]) {
        if places.len() <= self.len / MANY {
            return places.iter().for_each(|&place| self.remove(place as usize));
        }
        for &place in places {
            self.at[place as usize] = 0;
        }
        let mut left = 0;
        for from in 0..std::mem::take(&mut self.len) {
            let entry = std::mem::take(&mut self.heap[from]);
            let at = &mut self.at[(entry & PLACE) as usize];
            if *at > 0 {
                self.heap[left] = entry;
                left += 1;
                *at = left as u32;
            }
        }
        self.len = left;
        (0..left.div_ceil(BELOW)).rev().for_each(|at| self.sink(at, self.heap[at]));
    }

    /// Gives `to` the priority of `from`, which is behind it and has none then.
    pub fn relocate(&mut self, from: usize, to: usize) {
        self.remove(to);
        let Some(at) = self.at.get_mut(from).map(std::mem::take).filter(|&at| at > 0) else { return };
        let at = at as usize - 1;
        // No higher than it was.
        self.sink(at, Priorities::entry(to, self.heap[at]));
    }

    /// Puts `entry` where it belongs, at `at` or below.
    #[inline(never)]
    fn sink(&mut self, mut at: usize, entry: u64) {
        let heap = Cell::from_mut(&mut self.heap[..]).as_slice_of_cells();
        let below = heap.get(1..).map_or(&[][..], |below| below.as_chunks::<BELOW>().0);
        while let Some(four) = below.get(at) {
            let higher = highest_of(four.each_ref().map(Cell::get));
            if higher <= entry {
                break;
            }
            heap[at].set(higher);
            // Where that stood, which tells which of the four it was.
            let stood = std::mem::replace(&mut self.at[(higher & PLACE) as usize], at as u32 + 1);
            at = stood as usize - 1;
        }
        heap[at].set(entry);
        self.at[(entry & PLACE) as usize] = at as u32 + 1;
    }

    /// Puts `entry` where it belongs, at `at` or above.
    #[inline]
    fn rise(&mut self, mut at: usize, entry: u64) {
        while at > 0 {
            let above = (at - 1) / BELOW;
            let lower = self.heap[above];
            if lower > entry {
                break;
            }
            self.heap[at] = lower;
            self.at[(lower & PLACE) as usize] = at as u32 + 1;
            at = above;
        }
        self.heap[at] = entry;
        self.at[(entry & PLACE) as usize] = at as u32 + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prng::Stream;

    #[test]
    fn weights_are_found_where_they_lie() {
        let (mut stream, mut tree, mut model) = (Stream::new(1, 0), Weights::default(), vec![0u64; 100]);
        for _ in 0..2_000 {
            let (place, weight) = (stream.below(100) as usize, u64::from(stream.below(5)));
            tree.set(place, weight);
            model[place] = weight;
            let total: u64 = model.iter().sum();
            assert_eq!(tree.total(), total);
            if total > 0 {
                let point = u64::from(stream.below(total as u32));
                let found = tree.find(point);
                let before: u64 = model[..found].iter().sum();
                assert!((before..before + model[found]).contains(&point));
            }
        }
    }

    #[test]
    fn the_highest_is_known_whatever_changes() {
        let (mut stream, mut tree, mut model) = (Stream::new(2, 0), Priorities::default(), vec![0u64; 100]);
        for _ in 0..5_000 {
            let place = stream.below(100) as usize;
            // Few that differ, so that there are equal ones.
            let priority = if stream.below(4) == 0 { 0 } else { u64::from(stream.below(200) + 1) << 24 };
            match stream.below(32) {
                0 => {
                    let few = stream.below(40);
                    let places: Vec<u32> = (0..100).filter(|_| stream.below(40) < few).collect();
                    tree.remove_all(&places);
                    places.iter().for_each(|&place| model[place as usize] = 0);
                }
                1 => {
                    let to = place / 2;
                    tree.relocate(place.max(1), to);
                    model[to] = std::mem::take(&mut model[place.max(1)]);
                }
                _ => {
                    tree.set(place, priority);
                    model[place] = priority;
                }
            }
            let mut by_rank: Vec<u64> = (0..100)
                .filter(|&place| model[place] > 0)
                .map(|place| Priorities::entry(place, model[place]))
                .collect();
            by_rank.sort_unstable_by_key(|&entry| std::cmp::Reverse(entry));
            let nth = |nth: usize| by_rank.get(nth).copied().unwrap_or(0);
            let highest = (nth(0) & PLACE) as usize;
            assert_eq!((tree.highest(), tree.most_but(highest)), (highest, nth(1) | PLACE));
            assert!(nth(0) == 0 || tree.most_but((highest + 1) % 100) == nth(0) | PLACE);
            assert_eq!(tree.get(place) & !PLACE, model[place] & !PLACE);
        }
    }
}
