//! Trees over places: the sum of weights, the highest priority. An update takes O(log n), a pick as well.

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

/// A priority for each place; the place with the highest is known. Of a priority the high 40 bits count.
#[derive(Default)]
pub(crate) struct Priorities {
    /// A binary tree in an array: node 1 is the root, the leaves are the last half. Each has the highest priority below it,
    /// and in its low bits the place that has it, so that nothing has to be looked up; 0 where there is none.
    nodes: Vec<u64>,
    leaves: usize,
}

/// The bits of a node that say which place it is.
const PLACE: u64 = (1 << 24) - 1;

/// The least by which two priorities differ.
pub(crate) const LEAST: u64 = PLACE + 1;

impl Priorities {
    #[inline]
    pub fn highest(&self) -> usize {
        self.nodes.get(1).map_or(0, |&winner| (winner & PLACE) as usize)
    }

    #[inline]
    pub fn get(&self, place: usize) -> u64 {
        if place < self.leaves { self.nodes[self.leaves + place] } else { 0 }
    }

    /// Gives `place` a priority; 0 is for a place that is empty.
    #[inline]
    pub fn set(&mut self, place: usize, priority: u64) {
        if place >= self.leaves {
            self.grow(place + 1);
        }
        let mut at = self.leaves + place;
        let nodes = &mut self.nodes[..];
        let mut highest = if priority == 0 { 0 } else { priority & !PLACE | place as u64 & PLACE };
        nodes[at] = highest;
        while at > 1 {
            highest = highest.max(nodes[at ^ 1]);
            at >>= 1;
            if nodes[at] == highest {
                // Nothing above can have changed.
                return;
            }
            nodes[at] = highest;
        }
    }

    #[cold]
    fn grow(&mut self, least: usize) {
        let old = std::mem::take(self);
        self.leaves = least.next_power_of_two().max(8);
        self.nodes = vec![0; 2 * self.leaves];
        self.nodes[self.leaves..][..old.leaves].copy_from_slice(&old.nodes[old.leaves..]);
        (1..self.leaves).rev().for_each(|at| self.nodes[at] = self.nodes[2 * at].max(self.nodes[2 * at + 1]));
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
            let priority = if stream.below(4) == 0 { 0 } else { stream.next_u64() };
            tree.set(place, priority);
            model[place] = priority;
            let highest = *model.iter().max().unwrap();
            assert_eq!(tree.get(tree.highest()) & !PLACE, highest & !PLACE);
        }
    }
}
