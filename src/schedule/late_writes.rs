//! A random walk in which what is about to change something comes late.

use super::bag::Set;
use super::follow::{Follow, Follows};
use super::{Back, BuiltIn, View};
use crate::operation::Access;
use crate::prng::Stream;

/// A random walk in which a candidate that is about to write is [four times](LATER) less likely than one that is not.
///
/// What a task has read is old by the time that it writes on the strength of it, as often as others have come between: a
/// walk that holds back writes, and nothing else, makes those stretches long, all of them at once. That is what delays
/// injected before conflicting accesses do (Li, Lu, Musuvathi, Nath, Padhye: *Efficient Scalable Thread-Safety-Violation
/// Detection*, SOSP 2019), here without a clock and without a place being chosen. Of a bug that needs many such stretches to
/// overlap it finds several times as much as an even walk; of others as much, about.
///
/// A task writes if it has [announced](crate::announce) so, or if somebody has woken it for what it does next.
pub(crate) struct LateWrites {
    stream: Stream,
    follow: Follow,
    /// The places of those that are about to write, and of all others.
    writers: Set,
    others: Set,
}

/// How much less likely a write is.
///
/// By the exact probability (all interleavings counted) with which SafeStack fails in a run, 2, 4, 8 and 16 come to 3.3, 5.1,
/// 4.5 and 2.9 in a million, an even walk to 1.04.
const LATER: u32 = 4;

impl LateWrites {
    pub fn new(stream: Stream) -> LateWrites {
        LateWrites { stream, follow: Follow::default(), writers: Set::default(), others: Set::default() }
    }
}

impl Follows for LateWrites {
    #[inline(always)]
    fn follow(&mut self) -> &mut Follow {
        &mut self.follow
    }

    #[inline(never)]
    fn look(&mut self, place: usize, candidates: &impl View) {
        let does = candidates.operation(candidates.seat(place));
        let writes = does.is_some_and(|operation| operation.access == Access::Write);
        let (among, not) =
            if writes { (&mut self.writers, &mut self.others) } else { (&mut self.others, &mut self.writers) };
        not.remove(place);
        among.insert(place);
    }

    #[inline(always)]
    fn is_back(&mut self, place: usize, back: Back, candidates: &impl View) {
        // It does nothing that is known, as before: that is so of most.
        if candidates.may_be_known(back.slot) || !self.others.contains(place) {
            self.look(place, candidates);
        }
    }

    fn forget(&mut self, place: usize) {
        self.writers.remove(place);
        self.others.remove(place);
    }
}

impl BuiltIn for LateWrites {
    const OPERATIONS: Option<bool> = Some(true);

    fn lose(&mut self) {
        self.follow.lose();
    }

    #[inline(always)]
    fn pick(&mut self, candidates: &impl View, back: Option<Back>) -> usize {
        self.catch_up(candidates, back);
        let writers = self.writers.len() as u32;
        let point = self.stream.below(writers + LATER * self.others.len() as u32);
        let index = match point.checked_sub(writers) {
            None => self.writers.nth(point as usize),
            Some(point) => self.others.nth((point / LATER) as usize),
        };
        self.follow.took(index);
        index
    }

    fn slip(&mut self, count: usize) -> bool {
        self.follow.slips(&mut self.stream, count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Key;
    use crate::operation::Operation;
    use crate::schedule::{Ready, Stub};

    /// Task 0 is about to write, two others to read; 4,000 seeds: how often each is first.
    #[test]
    fn a_write_is_four_times_less_likely() {
        let mut firsts = [0u32; 3];
        for seed in 0..4_000 {
            let ready = Ready::of_stubs();
            for task in 0..3 {
                let mut stub = Stub::new(Key::ROOT.child(task), 0, task);
                let access = if task == 0 { Access::Write } else { Access::Read };
                stub.0.slot = task;
                stub.0.operation = Some(Operation { resource: 1, access, announced: true });
                ready.push_stub(stub);
            }
            ready.settle();
            let index = LateWrites::new(Stream::new(seed, 0)).pick(&ready, None);
            firsts[ready.take(index).1 as usize] += 1;
        }
        assert!((350..540).contains(&firsts[0]), "{firsts:?}, expected one in nine");
        assert!(firsts[1].abs_diff(firsts[2]) < 200, "{firsts:?}");
    }

    /// Tasks come and go, and now and then the clock runs: whoever is drawn stands there, and all come to their ends.
    #[test]
    fn nobody_is_lost() {
        for seed in 0..200 {
            let (mut stream, mut walk) = (Stream::new(seed, 1), LateWrites::new(Stream::new(seed, 0)));
            let (ready, mut taken) = (Ready::of_stubs(), 0);
            let stub = |task: u32, step: u32| {
                let mut stub = Stub::new(Key::ROOT.child(task), step, (task, step));
                stub.0.slot = task;
                stub
            };
            (0..6).for_each(|task| ready.push_stub(stub(task, 0)));
            while ready.len() > 0 {
                ready.settle();
                if stream.below(8) == 0 {
                    walk.lose();
                }
                let index = match ready.len() {
                    1 => 0,
                    _ => walk.pick(&ready, None),
                };
                assert!(index < ready.len());
                let (task, step) = ready.take(index).1;
                taken += 1;
                if step < 4 {
                    let mut stub = stub(task, step + 1);
                    let access = if stream.below(2) == 0 { Access::Write } else { Access::Read };
                    stub.0.operation = Some(Operation { resource: 1, access, announced: true });
                    ready.push_stub(stub);
                }
            }
            assert_eq!(taken, 30, "seed {seed}");
        }
    }
}
