//! Sets of places to draw from, evenly or by weight: an update takes constant time, a draw as well.

use crate::prng::Stream;

/// Places, of which each is as likely as any other.
#[derive(Default)]
pub(crate) struct Set {
    members: Vec<u32>,
    /// For each place one more than where it stands among the members; 0 if it is none.
    at: Vec<u32>,
}

impl Set {
    pub fn len(&self) -> usize {
        self.members.len()
    }

    #[inline(always)]
    pub fn contains(&self, place: usize) -> bool {
        self.at.get(place).is_some_and(|&at| at > 0)
    }

    #[inline]
    pub fn insert(&mut self, place: usize) {
        if place >= self.at.len() {
            self.at.resize(place + 1, 0);
        }
        if self.at[place] == 0 {
            self.members.push(place as u32);
            self.at[place] = self.members.len() as u32;
        }
    }

    #[inline]
    pub fn remove(&mut self, place: usize) {
        let Some(at) = self.at.get_mut(place).map(std::mem::take).filter(|&at| at > 0) else { return };
        self.members.swap_remove(at as usize - 1);
        if let Some(&moved) = self.members.get(at as usize - 1) {
            self.at[moved as usize] = at;
        }
    }

    /// One of one or more.
    #[inline]
    pub fn draw(&self, stream: &mut Stream) -> usize {
        self.nth(stream.below(self.members.len() as u32) as usize)
    }

    /// The one with that number, which is below [`len`](Set::len). Numbers say nothing.
    #[inline]
    pub fn nth(&self, number: usize) -> usize {
        self.members[number] as usize
    }
}

/// Places with weights, of which each is as likely as its weight is great.
///
/// Up to [`FEW`] places are gone through one after the other. More lie in classes, by the power of two that their weight does
/// not exceed: a draw takes a class by what all in it would weigh at most, one of the class evenly, and that one as often as
/// its weight says; otherwise it begins anew, which is so less often than every second time, whatever the weights.
pub(crate) struct Bag {
    /// By place.
    entries: Vec<Entry>,
    /// Of all.
    total: u64,
    /// Whether they lie in classes: there are, or have been, many.
    is_classed: bool,
    classes: [Vec<u32>; CLASSES],
    /// What those in each class would weigh at most, and all together.
    most_in: [u64; CLASSES],
    most: u64,
    /// A class that nobody is above.
    top: usize,
}

/// A place: its weight, and where it lies.
#[derive(Clone, Copy, Default)]
struct Entry {
    weight: u64,
    /// One more than its class; 0 if it is in none.
    class: u32,
    /// Where it stands there.
    at: u32,
}

/// How many places are few.
const FEW: usize = 16;

/// Weights are at most two to the power of less than this.
const CLASSES: usize = 48;

/// The most that a place may weigh.
pub(crate) const HEAVIEST: u64 = (1 << (CLASSES - 1)) - 1;

#[inline(always)]
fn class_of(weight: u64) -> usize {
    (u64::BITS - (weight - 1).leading_zeros()) as usize
}

impl Default for Bag {
    fn default() -> Bag {
        Bag {
            entries: Vec::new(),
            total: 0,
            is_classed: false,
            classes: [const { Vec::new() }; CLASSES],
            most_in: [0; CLASSES],
            most: 0,
            top: 0,
        }
    }
}

impl Bag {
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    #[cfg(test)]
    pub fn get(&self, place: usize) -> u64 {
        self.entries.get(place).map_or(0, |entry| entry.weight)
    }

    /// Gives `place` a weight, which is at most [`HEAVIEST`]; 0 takes it out.
    #[inline(always)]
    pub fn set(&mut self, place: usize, weight: u64) {
        let Some(entry) = self.entries.get_mut(place) else { return self.set_behind(place, weight) };
        let was = std::mem::replace(&mut entry.weight, weight);
        self.total = self.total.wrapping_add(weight).wrapping_sub(was);
        if self.is_classed && !(weight > 0 && entry.class as usize == class_of(weight) + 1) {
            self.move_to_its_class(place);
        }
    }

    /// The same of one that is behind all there were before.
    #[cold]
    #[inline(never)]
    fn set_behind(&mut self, place: usize, weight: u64) {
        let places = place + 1;
        self.entries.resize(places, Entry::default());
        if places > FEW && !self.is_classed {
            self.is_classed = true;
            (0..places).for_each(|place| self.move_to_its_class(place));
        }
        self.set(place, weight);
    }

    #[inline(never)]
    fn move_to_its_class(&mut self, place: usize) {
        let Entry { weight, class, at } = self.entries[place];
        if class > 0 {
            let class = class as usize - 1;
            let members = &mut self.classes[class];
            members.swap_remove(at as usize);
            if let Some(&moved) = members.get(at as usize) {
                self.entries[moved as usize].at = at;
            }
            self.most_in[class] -= 1 << class;
            self.most -= 1 << class;
            while self.top > 0 && self.most_in[self.top] == 0 {
                self.top -= 1;
            }
        }
        let entry = &mut self.entries[place];
        (entry.class, entry.at) = (0, 0);
        if weight > 0 {
            let class = class_of(weight);
            let members = &mut self.classes[class];
            (entry.class, entry.at) = (class as u32 + 1, members.len() as u32);
            members.push(place as u32);
            self.most_in[class] += 1 << class;
            self.most += 1 << class;
            self.top = self.top.max(class);
        }
    }

    /// One of one or more, none of them in place `len` or behind it.
    #[inline(always)]
    pub fn draw(&self, stream: &mut Stream, len: usize) -> usize {
        if len > FEW {
            loop {
                if let Some(place) = self.in_its_class(stream.below_wide(self.most)) {
                    return place;
                }
            }
        }
        let mut point = stream.below_wide(self.total);
        for (place, entry) in self.entries.iter().enumerate() {
            if point < entry.weight {
                return place;
            }
            point -= entry.weight;
        }
        0
    }

    /// The place that a point below what all would weigh at most falls on, if it falls on what that weighs indeed. Apart, and
    /// without a call, so that it saves no registers.
    #[inline(never)]
    fn in_its_class(&self, mut point: u64) -> Option<usize> {
        // Most of what there is lies in the highest.
        let mut class = self.top;
        while point >= self.most_in[class] {
            point -= self.most_in[class];
            class -= 1;
        }
        let place = self.classes[class][(point >> class) as usize] as usize;
        (point & ((1 << class) - 1) < self.entries[place].weight).then_some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_drawn_as_often_as_it_weighs() {
        each_of(40);
        each_of(FEW);
        each_of(5);
    }

    fn each_of(places: usize) {
        let (mut stream, mut bag, mut model) = (Stream::new(1, 0), Bag::default(), vec![0u64; places]);
        for round in 0..200 {
            for _ in 0..10 {
                let (place, weight) = (stream.below(places as u32) as usize, u64::from(stream.below(12)));
                bag.set(place, weight);
                model[place] = weight;
                assert_eq!(bag.get(place), weight);
            }
            assert_eq!(bag.is_empty(), model.iter().all(|&weight| weight == 0), "round {round}");
        }
        let total: u64 = model.iter().sum();
        let mut drawn = vec![0u64; places];
        let draws = 400 * total;
        (0..draws).for_each(|_| drawn[bag.draw(&mut stream, places)] += 1);
        for (place, (&times, &weight)) in drawn.iter().zip(&model).enumerate() {
            // Twenty times the square root is a standard deviation.
            assert!(
                times.abs_diff(400 * weight) <= 20 * 6 * (weight.isqrt() + 1),
                "{place}: {times} of weight {weight}"
            );
        }
    }

    #[test]
    fn a_set_has_who_is_in_it() {
        let (mut stream, mut set, mut model) = (Stream::new(2, 0), Set::default(), std::collections::BTreeSet::new());
        for _ in 0..5_000 {
            let place = stream.below(60) as usize;
            if stream.below(2) == 0 {
                set.insert(place);
                model.insert(place);
            } else {
                set.remove(place);
                model.remove(&place);
            }
            assert_eq!((set.len(), set.contains(place)), (model.len(), model.contains(&place)));
            if set.len() > 0 {
                assert!(model.contains(&set.draw(&mut stream)));
            }
        }
        let mut drawn = [0; 60];
        (0..1_000 * model.len()).for_each(|_| drawn[set.draw(&mut stream)] += 1);
        let as_expected =
            |place| if model.contains(&place) { (850..1_150).contains(&drawn[place]) } else { drawn[place] == 0 };
        assert!((0..60).all(as_expected), "{drawn:?}");
    }
}
