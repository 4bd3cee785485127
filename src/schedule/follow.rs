//! What changed among the candidates since the last decision, so that a strategy need not look at all of them.

use super::{Back, View};
use crate::prng::Stream;
use std::ops::Range;

/// Follows a ready set from one decision to the next.
///
/// Between two decisions one candidate is taken and any number come. The dense list of candidates then differs in the
/// place of the one that was taken (somebody new stands there, or whoever stood last) and in the places past its old
/// end. Where one candidate alone was left, steps without a decision may have come between, and every place counts as
/// changed.
#[derive(Default)]
pub(crate) struct Follow {
    len: usize,
    /// The same, if one place is all that changes as long as there are so many; otherwise 0.
    steady: usize,
    taken: usize,
    /// Anybody may stand anywhere.
    is_lost: bool,
}

/// What keeps something for each place, and follows the set from one decision to the next.
pub(crate) trait Follows {
    fn follow(&mut self) -> &mut Follow;

    /// The one in `place` may be another than before.
    fn look(&mut self, place: usize, candidates: &impl View);

    /// There is no such place any more.
    fn forget(&mut self, place: usize);

    /// The one that was taken from `place` is back there.
    #[inline(always)]
    fn is_back(&mut self, place: usize, back: Back, candidates: &impl View) {
        let _ = back;
        self.look(place, candidates);
    }

    /// Looks at all places that may have changed.
    #[inline(always)]
    fn catch_up(&mut self, candidates: &impl View, back: Option<Back>) {
        match (self.follow().only(candidates.len()), back) {
            (Some(place), Some(back)) => self.is_back(place, back, candidates),
            (Some(place), None) => self.look(place, candidates),
            (None, _) => self.catch_up_with_more(candidates),
        }
    }

    /// The same where it is not known that it is one.
    #[inline(never)]
    fn catch_up_with_more(&mut self, candidates: &impl View) {
        let changes = self.follow().changes(candidates.len());
        changes.one.into_iter().chain(changes.new).for_each(|place| self.look(place, candidates));
        changes.gone.for_each(|place| self.forget(place));
    }
}

/// Places that may hold somebody else than at the last decision.
pub(crate) struct Changes {
    /// The place of the one that was taken.
    pub one: Option<usize>,
    /// Places that are to be looked at, too.
    pub new: Range<usize>,
    /// Places that are no more.
    pub gone: Range<usize>,
}

impl Follow {
    /// The one place that changed, if it is one: whoever stood there was taken, and somebody came, who may be the same.
    /// That is so at most decisions; at all others ask for the [changes](Follow::changes).
    #[inline(always)]
    pub fn only(&self, len: usize) -> Option<usize> {
        (len == self.steady).then_some(self.taken)
    }

    /// What changed now that there are `len` candidates.
    #[inline]
    pub fn changes(&mut self, len: usize) -> Changes {
        let before = std::mem::replace(&mut self.len, len);
        self.steady = if len > 2 { len } else { 0 };
        let is_lost = std::mem::take(&mut self.is_lost);
        let (one, from) = match before {
            _ if is_lost => (None, 0),
            0..=2 => (None, 0),
            _ => (Some(self.taken).filter(|&taken| taken < len.min(before)), before),
        };
        Changes { one, new: from..len, gone: len..before }
    }

    /// The clock runs between two decisions and wakes whom it likes, or others are asked about: every place counts as
    /// changed.
    #[inline]
    pub fn lose(&mut self) {
        self.is_lost = true;
        self.steady = 0;
    }

    /// Whether the clock runs next in a random walk, where `len` candidates could: it is one more candidate.
    pub fn slips(&mut self, stream: &mut Stream, len: usize) -> bool {
        let slips = stream.below(len as u32 + 1) == 0;
        if slips {
            self.lose();
        }
        slips
    }

    /// The place that was last at the last decision: whoever stood there may have moved to where one was taken.
    pub fn last(&self) -> usize {
        self.len.saturating_sub(1)
    }

    /// The decision: the candidate in place `index` runs.
    #[inline(always)]
    pub fn took(&mut self, index: usize) {
        self.taken = index;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Key;
    use crate::prng::Stream;
    use crate::schedule::{Ready, Stub};

    /// Against a fresh look at everybody. Now and then the clock runs first.
    #[test]
    fn knows_every_place_after_any_steps() {
        for seed in 0..300 {
            let mut stream = Stream::new(seed, 0);
            let (ready, mut follow) = (Ready::new(), Follow::default());
            let mut mirror: Vec<Option<u32>> = Vec::new();
            let mut next = 0;
            for _ in 0..200 {
                for _ in 0..stream.below(3) {
                    ready.push(Stub::new(Key::ROOT.child(next), next, ()));
                    next += 1;
                }
                ready.settle();
                let index = match ready.len() {
                    0 => continue,
                    1 => 0,
                    len => {
                        let view = ready.view();
                        let only = follow.only(len);
                        let changes = follow.changes(len);
                        assert_eq!(changes.gone, len..mirror.len().max(changes.gone.end));
                        mirror.resize(len, None);
                        if only.is_some() {
                            assert_eq!((only, changes.new.len(), changes.gone.len()), (changes.one, 0, 0));
                        }
                        let places = changes.one.into_iter().chain(changes.new);
                        places.for_each(|place| mirror[place] = Some(view.get(place).step()));
                        let all: Vec<_> = view.iter().map(|c| Some(c.step())).collect();
                        assert_eq!(mirror, all, "seed {seed}");
                        let index = stream.below(len as u32) as usize;
                        follow.took(index);
                        index
                    }
                };
                ready.take(index);
                if stream.below(8) == 0 {
                    ready.settle();
                    follow.lose();
                }
            }
        }
    }
}
