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
    /// By place. A draw looks at any of them, so they are by themselves and small.
    weights: Vec<u32>,
    /// By place, where it lies.
    seats: Vec<Seat>,
    /// Of all.
    total: u64,
    /// Whether they lie in classes: there are, or have been, many.
    is_classed: bool,
    classes: [Vec<u32>; CLASSES],
    /// What all that lie in classes would weigh at most.
    most: u64,
    /// A class that nobody is above.
    top: usize,
}

/// Where a place lies.
#[derive(Clone, Copy, Default)]
struct Seat {
    /// One more than its class; 0 if it is in none.
    class: u32,
    /// Where it stands there.
    at: u32,
}

/// How many places are few.
const FEW: usize = 16;

/// Weights are at most two to the power of less than this.
const CLASSES: usize = 32;

/// The most that a place may weigh.
pub(crate) const HEAVIEST: u32 = 1 << (CLASSES - 1);

#[inline(always)]
fn class_of(weight: u32) -> usize {
    (u32::BITS - (weight - 1).leading_zeros()) as usize
}

impl Default for Bag {
    fn default() -> Bag {
        Bag {
            weights: Vec::new(),
            seats: Vec::new(),
            total: 0,
            is_classed: false,
            classes: [const { Vec::new() }; CLASSES],
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
    pub fn get(&self, place: usize) -> u32 {
        self.weights.get(place).copied().unwrap_or(0)
    }

    /// Gives `place` a weight, which is at most [`HEAVIEST`]; 0 takes it out.
    #[inline(always)]
    pub fn set(&mut self, place: usize, weight: u32) {
        let Some(at) = self.weights.get_mut(place) else { return self.set_behind(place, weight) };
        let was = std::mem::replace(at, weight);
        self.total = self.total.wrapping_add(weight.into()).wrapping_sub(was.into());
        if self.is_classed && !(weight > 0 && self.seats[place].class as usize == class_of(weight) + 1) {
            self.move_to_its_class(place);
        }
    }

    /// The one in `place`, which weighs 1 at least, weighs one less, but 1 at least.
    #[inline(always)]
    pub fn lessen(&mut self, place: usize) {
        let Some(at) = self.weights.get_mut(place) else { return };
        let weight = *at - 1;
        if weight == 0 {
            return;
        }
        *at = weight;
        self.total -= 1;
        // A power of two is the heaviest of the class below.
        if weight & (weight - 1) == 0 && self.is_classed {
            self.move_down(place);
        }
    }

    /// As [`set`](Bag::set), of one that is behind all there were before.
    #[cold]
    #[inline(never)]
    fn set_behind(&mut self, place: usize, weight: u32) {
        let places = place + 1;
        self.weights.resize(places, 0);
        self.seats.resize(places, Seat::default());
        if places > FEW && !self.is_classed {
            self.is_classed = true;
            (0..places).for_each(|place| self.move_to_its_class(place));
        }
        self.set(place, weight);
    }

    #[inline(never)]
    fn move_to_its_class(&mut self, place: usize) {
        let (weight, seat) = (self.weights[place], &mut self.seats[place]);
        let (class, at) = (seat.class as usize, seat.at);
        let to = if weight > 0 { class_of(weight) + 1 } else { 0 };
        if let Some(to) = to.checked_sub(1) {
            let members = &mut self.classes[to];
            if members.len() == members.capacity() {
                // Apart and last, so that the rest saves no registers for it.
                return self.make_room(to, place);
            }
            seat.at = members.len() as u32;
            members.push(place as u32);
            self.most += 1 << to;
            self.top = self.top.max(to);
        }
        seat.class = to as u32;
        if let Some(from) = class.checked_sub(1) {
            let members = &mut self.classes[from];
            members.swap_remove(at as usize);
            if let Some(&moved) = members.get(at as usize) {
                self.seats[moved as usize].at = at;
            }
            self.most -= 1 << from;
            self.lower_the_top();
        }
    }

    /// As [`move_to_its_class`](Bag::move_to_its_class), of one that belongs in the class below its own.
    #[inline(never)]
    fn move_down(&mut self, place: usize) {
        let seat = &mut self.seats[place];
        let Some([to, from]) = (seat.class as usize).checked_sub(2).and_then(|to| self.classes.get_mut(to..to + 2))
        else {
            return;
        };
        if to.len() == to.capacity() {
            let to = seat.class as usize - 2;
            return self.make_room(to, place);
        }
        seat.class -= 1;
        let at = std::mem::replace(&mut seat.at, to.len() as u32);
        self.most -= 1 << (seat.class - 1);
        to.push(place as u32);
        from.swap_remove(at as usize);
        match from.get(at as usize) {
            Some(&moved) => self.seats[moved as usize].at = at,
            None => self.lower_the_top(),
        }
    }

    /// Until there is somebody.
    #[inline]
    fn lower_the_top(&mut self) {
        while self.top > 0 && self.classes[self.top].is_empty() {
            self.top -= 1;
        }
    }

    #[cold]
    #[inline(never)]
    fn make_room(&mut self, class: usize, place: usize) {
        self.classes[class].reserve(FEW);
        self.move_to_its_class(place);
    }

    /// One of one or more, none of them in place `len` or behind it.
    #[inline(always)]
    pub fn draw(&self, stream: &mut Stream, len: usize) -> usize {
        if len > FEW {
            loop {
                if let Some(place) = self.place_at(stream.below_wide(self.most)) {
                    return place;
                }
            }
        }
        let mut point = stream.below_wide(self.total);
        for (place, &weight) in self.weights.iter().enumerate() {
            if point < weight.into() {
                return place;
            }
            point -= u64::from(weight);
        }
        0
    }

    /// The place that a point below what all would weigh at most falls on, if it falls on what that one weighs indeed.
    #[inline(always)]
    fn place_at(&self, mut point: u64) -> Option<usize> {
        // Most of what there is lies in the highest.
        let mut class = self.top;
        loop {
            let members = &self.classes[class];
            let number = point >> class;
            if let Some(&place) = members.get(number as usize) {
                let place = place as usize;
                return (point - (number << class) < self.weights[place].into()).then_some(place);
            }
            point -= (members.len() as u64) << class;
            class -= 1;
        }
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
        let (mut stream, mut bag, mut model) = (Stream::new(1, 0), Bag::default(), vec![0u32; places]);
        for round in 0..200 {
            for _ in 0..10 {
                let (place, weight) = (stream.below(places as u32) as usize, stream.below(12));
                if model[place] > 0 && stream.below(2) == 0 {
                    bag.lessen(place);
                    model[place] = (model[place] - 1).max(1);
                    assert_eq!(bag.get(place), model[place]);
                    continue;
                }
                bag.set(place, weight);
                model[place] = weight;
                assert_eq!(bag.get(place), weight);
            }
            assert_eq!(bag.is_empty(), model.iter().all(|&weight| weight == 0), "round {round}");
        }
        let total: u64 = model.iter().copied().map(u64::from).sum();
        let mut drawn = vec![0u64; places];
        let draws = 400 * total;
        (0..draws).for_each(|_| drawn[bag.draw(&mut stream, places)] += 1);
        for (place, (&times, &weight)) in drawn.iter().zip(&model).enumerate() {
            let weight = u64::from(weight);
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
