//! What changed among the candidates since the last decision, so that a strategy need not look at all of them.

/// Follows a ready set from one decision to the next.
///
/// Between two decisions one candidate is taken and any number come. The dense list of candidates then differs in the
/// place of the one that was taken (somebody new stands there, or whoever stood last) and in the places past its old
/// end. Where one candidate alone was left, steps without a decision may have come between, and every place counts as
/// changed.
#[derive(Default)]
pub(crate) struct Follow {
    len: usize,
    taken: usize,
}

impl Follow {
    /// Calls `changed` for each of the `len` places that may hold somebody else than at the last decision, and `gone` for
    /// each place that is no more.
    #[inline]
    pub fn changes(&mut self, len: usize, mut changed: impl FnMut(usize), mut gone: impl FnMut(usize)) {
        let mut from = self.len;
        if self.len <= 2 {
            from = 0;
        } else if self.taken < len.min(self.len) {
            changed(self.taken);
        }
        (from..len).for_each(changed);
        (len..self.len).for_each(&mut gone);
        self.len = len;
    }

    /// The place that was last at the last decision: whoever stood there may have moved to where one was taken.
    pub fn last(&self) -> usize {
        self.len.saturating_sub(1)
    }

    /// The decision: the candidate in place `index` runs.
    #[inline]
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

    /// Against a fresh look at everybody.
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
                        let mut changes = Vec::new();
                        follow.changes(len, |place| changes.push((place, true)), |_| {});
                        mirror.resize(len, None);
                        changes.iter().for_each(|&(place, _)| mirror[place] = Some(view.get(place).step()));
                        let all: Vec<_> = view.iter().map(|c| Some(c.step())).collect();
                        assert_eq!(mirror, all, "seed {seed}");
                        let index = stream.below(len as u32) as usize;
                        follow.took(index);
                        index
                    }
                };
                ready.take(index);
            }
        }
    }
}
