//! The candidates: a dense list to pick from, and a linked list through it that remembers age.

use crate::id::Key;

/// One task or worker that could run now, as a strategy sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub(crate) key: Key,
    pub(crate) step: u32,
}

impl Candidate {
    /// Its identity, the same in every run in which it exists.
    pub fn key(&self) -> Key {
        self.key
    }

    /// How many steps it has taken before this one.
    pub fn step(&self) -> u32 {
        self.step
    }
}

/// What runs when it is chosen, and knows which candidate it is.
pub(crate) trait Payload {
    fn candidate(&self) -> Candidate;
}

/// A view of everything that could run now: at least one candidate, in no particular order, with their ages.
#[derive(Clone, Copy)]
pub struct Candidates<'a>(&'a dyn View);

impl<'a> Candidates<'a> {
    /// The candidate at `index`. The order is deterministic, and says nothing: use [`by_age`](Candidates::by_age) for
    /// order.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Candidates::len).
    pub fn get(&self, index: usize) -> Candidate {
        self.0.candidate(index)
    }

    /// All candidates, in the order of their indices.
    pub fn iter(&self) -> impl Iterator<Item = Candidate> + use<'a> {
        let all = self.0;
        (0..all.len()).map(move |index| all.candidate(index))
    }

    /// How many there are.
    #[allow(clippy::len_without_is_empty)] // never empty
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The index of the one that has been ready for longest: the plain choice.
    pub fn oldest(&self) -> usize {
        self.0.newer(None).unwrap_or(0)
    }

    /// Indices from the oldest to the newest.
    pub fn by_age(&self) -> impl Iterator<Item = usize> + use<'a> {
        let all = self.0;
        std::iter::successors(all.newer(None), move |&index| all.newer(Some(index)))
    }
}

/// A ready set without the type of what it holds.
trait View {
    fn len(&self) -> usize;
    fn candidate(&self, index: usize) -> Candidate;
    /// Who became ready just after the one at `index`; the oldest of all for `None`.
    fn newer(&self, index: Option<usize>) -> Option<usize>;
}

impl<T: Payload> View for Ready<T> {
    fn len(&self) -> usize {
        self.len
    }

    fn candidate(&self, index: usize) -> Candidate {
        assert!(index < self.len, "candidate {index} of {}", self.len);
        match &self.places[index + 1].payload {
            Some(payload) => payload.candidate(),
            None => unreachable!("places up to `len` are taken"),
        }
    }

    fn newer(&self, index: Option<usize>) -> Option<usize> {
        self.places[index.map_or(0, |index| index + 1)].link.newer().checked_sub(1)
    }
}

/// The places of who became ready just before and just after.
///
/// One word, not two halves: what is written in halves and soon read as a whole stalls the processor.
#[derive(Clone, Copy)]
struct Link(u64);

impl Link {
    #[inline]
    fn new(older: usize, newer: usize) -> Link {
        Link(older as u64 | (newer as u64) << 32)
    }
    #[inline]
    fn older(self) -> usize {
        self.0 as u32 as usize
    }
    #[inline]
    fn newer(self) -> usize {
        (self.0 >> 32) as usize
    }
}

struct Place<T> {
    link: Link,
    payload: Option<T>,
}

/// The ready set: what runs when it is chosen. Every operation takes constant time and, once the set has been as large
/// before, no allocation.
pub(crate) struct Ready<T> {
    /// The candidate with index `i` is in place `i + 1`, up to `len`; behind them are free places. By age they form a
    /// ring, in which place 0, never taken, stands before the oldest and after the newest.
    places: Vec<Place<T>>,
    len: usize,
}

impl<T: Payload> Ready<T> {
    pub fn new() -> Ready<T> {
        Ready { places: vec![Place { link: Link::new(0, 0), payload: None }], len: 0 }
    }

    #[inline(always)]
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn view(&self) -> Candidates<'_> {
        Candidates(self)
    }

    #[inline(always)]
    pub fn oldest(&self) -> Option<usize> {
        self.places[0].link.newer().checked_sub(1)
    }

    /// Adds the newest candidate.
    #[inline(always)]
    pub fn push(&mut self, payload: T) {
        let at = self.len + 1;
        self.len = at;
        if at == self.places.len() {
            self.grow();
        }
        let places = &mut self.places[..];
        let newest = places[0].link.older();
        set_newer(places, newest, at);
        set_older(places, 0, at);
        let place = &mut places[at];
        place.link = Link::new(newest, 0);
        // Was `None`: not dropping it spares a question.
        std::mem::forget(place.payload.replace(payload));
    }

    #[cold]
    fn grow(&mut self) {
        self.places.push(Place { link: Link::new(0, 0), payload: None });
    }

    /// Takes the candidate at `index` out.
    ///
    /// # Panics
    /// If there is none.
    #[inline(always)]
    pub fn take(&mut self, index: usize) -> T {
        let (at, last) = (index + 1, self.len);
        let places = &mut self.places[..];
        let Some(payload) = places[at].payload.take() else { nobody() };
        let taken = places[at].link;
        set_newer(places, taken.older(), taken.newer());
        set_older(places, taken.newer(), taken.older());
        self.len = last - 1;
        // The one in the last place moves, and its neighbours in age have to know.
        if at != last {
            let moved = places[last].link;
            let payload = places[last].payload.take();
            places[at].link = moved;
            std::mem::forget(std::mem::replace(&mut places[at].payload, payload));
            set_newer(places, moved.older(), at);
            set_older(places, moved.newer(), at);
        }
        payload
    }

    /// Takes everything out, oldest first, for the end of a run.
    pub fn pop_oldest(&mut self) -> Option<T> {
        let oldest = self.oldest()?;
        Some(self.take(oldest))
    }
}

#[cold]
fn nobody() -> ! {
    panic!("no such candidate")
}

#[inline(always)]
fn set_newer<T>(places: &mut [Place<T>], of: usize, newer: usize) {
    let link = &mut places[of].link;
    *link = Link::new(link.older(), newer);
}

#[inline(always)]
fn set_older<T>(places: &mut [Place<T>], of: usize, older: usize) {
    let link = &mut places[of].link;
    *link = Link::new(older, link.newer());
}

/// A payload for tests of strategies.
#[cfg(test)]
pub(crate) struct Stub<P>(pub Candidate, pub P);

#[cfg(test)]
impl<P> Stub<P> {
    pub fn new(key: Key, step: u32, payload: P) -> Stub<P> {
        Stub(Candidate { key, step }, payload)
    }
}

#[cfg(test)]
impl<P> Payload for Stub<P> {
    fn candidate(&self) -> Candidate {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prng::Stream;

    /// Against the obvious model: a vector in order of age.
    #[test]
    fn keeps_age_whatever_is_taken() {
        let mut stream = Stream::new(1, 0);
        for round in 0..200 {
            let mut ready = Ready::new();
            let mut model: Vec<u32> = Vec::new();
            for n in 0..300 {
                if !model.is_empty() && stream.below(100) < 30 + round % 40 {
                    let index = stream.below(ready.len() as u32) as usize;
                    let Stub(candidate, payload) = ready.take(index);
                    assert_eq!(candidate.step(), payload);
                    model.retain(|&m| m != payload);
                } else {
                    ready.push(Stub::new(Key::ROOT.child(n), n, n));
                    model.push(n);
                }
                let ages: Vec<u32> = ready.view().by_age().map(|i| ready.view().get(i).step()).collect();
                assert_eq!(ages, model);
                assert_eq!(ready.len(), model.len());
                assert_eq!(ready.oldest().map(|i| ready.view().get(i).step()), model.first().copied());
                assert_eq!(ready.oldest().is_none(), model.is_empty());
            }
        }
    }
}
