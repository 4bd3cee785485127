//! The strategies that are built in, and compiled together with the loop.

use super::{Candidates, Delay, LateWrites, Pct, Pick, Pos, Reversal, Strategy, Surw, Urw, View};
use crate::id::Key;

/// A strategy that is built in. It does what a [`Strategy`] does, but sees the ready set itself, so that what it asks is
/// compiled in place. What it answers is the index of a candidate: nobody looks after it.
pub(crate) trait BuiltIn: OneOf {
    /// Chooses one of `candidates`, of which there are at least two: its index. Where `back` is known, nothing else has changed
    /// since the last decision, which was this strategy's as well.
    fn pick(&mut self, candidates: &impl View, back: Option<Back>) -> usize;

    /// As [`Strategy::slip`], where `count` candidates could run.
    fn slip(&mut self, count: usize) -> bool {
        let _ = count;
        false
    }

    /// As [`Strategy::wants_operations`]: the same in every run, or it depends. What is the same is compiled in place.
    const OPERATIONS: Option<bool> = Some(false);

    fn wants_operations(&self) -> bool {
        Self::OPERATIONS.unwrap_or(false)
    }

    /// As [`Strategy::wants_ages`], in the same way.
    const AGES: Option<bool> = Some(false);

    fn wants_ages(&self) -> bool {
        Self::AGES.unwrap_or(true)
    }

    /// As [`Strategy::lose`].
    #[cfg_attr(not(feature = "smol"), allow(dead_code))]
    fn lose(&mut self) {}

    /// As [`Strategy::alone`].
    fn alone(&mut self, candidates: &impl View) {
        let _ = candidates;
    }
}

/// The one that was chosen last has given way, and stands where it stood: that is so at most decisions. It has taken one step,
/// and no other has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Back {
    /// Its place in the registry.
    pub slot: u32,
    pub key: Key,
}

/// What can be found again among all of them.
pub(crate) trait OneOf: Sized {
    /// It, if it is the one in `other`.
    fn of(other: &mut Other) -> Option<&mut Self>;
}

/// What follows a strategy that is known when it is compiled.
pub(crate) trait Follower {
    fn follow<B: BuiltIn>(&self);
}

macro_rules! built_in {
    ($($name:ident),*) => {
        /// A strategy that is made anew for each run.
        pub(crate) enum Other {
            $($name(Box<$name>),)*
            /// Any other: what replays, what searches, and those of users.
            Any(Box<dyn Strategy>),
        }

        $(
            impl OneOf for $name {
                #[inline(always)]
                fn of(other: &mut Other) -> Option<&mut $name> {
                    match other {
                        Other::$name(one) => Some(one),
                        _ => None,
                    }
                }
            }

            impl From<$name> for Other {
                fn from(one: $name) -> Other {
                    Other::$name(Box::new(one))
                }
            }
        )*

        impl Other {
            /// What has a follower follow it, if it is built in.
            pub fn kind<F: Follower>(&self) -> Option<fn(&F)> {
                match self {
                    $(Other::$name(_) => Some(F::follow::<$name>),)*
                    Other::Any(_) => None,
                }
            }

            pub fn pick(&mut self, candidates: &Candidates<'_>) -> usize {
                match self {
                    $(Other::$name(one) => one.pick(candidates, None),)*
                    Other::Any(any) => {
                        let Pick::Candidate(index) = any.pick(candidates);
                        index
                    }
                }
            }

            pub fn slip(&mut self, candidates: &Candidates<'_>) -> bool {
                match self {
                    $(Other::$name(one) => one.slip(candidates.len()),)*
                    Other::Any(any) => any.slip(candidates),
                }
            }

            pub fn wants_operations(&self) -> bool {
                match self {
                    $(Other::$name(one) => one.wants_operations(),)*
                    Other::Any(any) => any.wants_operations(),
                }
            }

            pub fn wants_ages(&self) -> bool {
                match self {
                    $(Other::$name(one) => one.wants_ages(),)*
                    Other::Any(any) => any.wants_ages(),
                }
            }

            #[cfg_attr(not(feature = "smol"), allow(dead_code))]
            pub fn lose(&mut self) {
                match self {
                    $(Other::$name(one) => one.lose(),)*
                    Other::Any(any) => any.lose(),
                }
            }

            pub fn alone(&mut self, candidates: &Candidates<'_>) {
                match self {
                    $(Other::$name(one) => one.alone(candidates),)*
                    Other::Any(any) => any.alone(candidates),
                }
            }

            /// The one that is not built in: those that are leave it to others what a task chooses.
            pub fn any(&mut self) -> Option<&mut (dyn Strategy + 'static)> {
                match self {
                    Other::Any(any) => Some(&mut **any),
                    _ => None,
                }
            }
        }
    };
}

built_in!(Delay, LateWrites, Pct, Pos, Reversal, Surw, Urw);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::{Access, Operation};
    use crate::prng::Stream;
    use crate::schedule::{Profile, Ready, Stub};
    use crate::trace::{Actor, ActorKind, Trace};
    use std::panic::Location;
    use std::sync::Arc;

    const TASKS: u32 = 24;

    /// What a run in plain order might have shown: tasks of many lengths, which touch three things.
    fn measured() -> Arc<Profile> {
        let actor = |task: u32| Actor {
            key: Key::ROOT.child(task),
            kind: ActorKind::Task,
            name: String::new(),
            spawned_at: Location::caller(),
            parent: (task > 0).then_some(0),
            polls: 3 + task * task,
            last_poll: None,
            woken_by: None,
            last_woken_by: None,
            ended: true,
        };
        let operations = (0..90).map(|n| (Key::ROOT.child(n % TASKS), n / TASKS, writes(n % 3)));
        let trace =
            Trace { actors: (0..TASKS).map(actor).collect(), operations: operations.collect(), ..Trace::default() };
        Arc::new(Profile::of(&[&trace]))
    }

    fn writes(resource: u32) -> Operation {
        Operation { resource: u64::from(resource), access: Access::Write, announced: true }
    }

    /// Who is chosen, step by step. The strategy is told of those who are back, or not.
    fn play<B: BuiltIn>(mut strategy: B, seed: u64, is_told: bool) -> (Vec<u32>, u32) {
        let (mut stream, ready) = (Stream::new(seed, 1), Ready::new());
        ready.begin(!strategy.wants_ages(), strategy.wants_operations());
        let mut steps = [0; TASKS as usize];
        let push = |steps: &[u32], task: u32| {
            let mut stub = Stub::new(Key::ROOT.child(task), steps[task as usize], task);
            stub.0.slot = task;
            ready.push(stub);
        };
        let mut away: Vec<u32> = (0..TASKS).collect();
        let (mut order, mut backs, mut last, mut before) = (Vec::new(), 0, 0, 0);
        for _ in 0..400 {
            let count = ready.settle();
            let back = (count == before).then_some(Back { slot: last, key: Key::ROOT.child(last) });
            let index = match count {
                0 => {
                    ready.clock_wakes();
                    away.drain(..).for_each(|task| push(&steps, task));
                    continue;
                }
                1 => {
                    strategy.alone(&ready);
                    0
                }
                _ => {
                    ready.note_wakes();
                    backs += u32::from(back.is_some());
                    strategy.pick(&ready, back.filter(|_| is_told))
                }
            };
            last = ready.take(index.min(count - 1)).1;
            order.push(last);
            steps[last as usize] += 1;
            if stream.below(6) == 0 {
                for _ in 0..stream.below(4).min(away.len() as u32) {
                    let woken = away.swap_remove(stream.below(away.len() as u32) as usize);
                    push(&steps, woken);
                }
            }
            if stream.below(4) == 0 {
                ready.announce(last, Key::ROOT.child(last), writes(stream.below(3)));
            }
            before = match stream.below(16) {
                0 => {
                    away.push(last);
                    0
                }
                _ => {
                    push(&steps, last);
                    count
                }
            };
        }
        (order, backs)
    }

    fn is_the_same<B: BuiltIn>(make: impl Fn(u64) -> B) {
        for seed in 0..40 {
            let [told, untold] = [true, false].map(|is_told| play(make(seed), seed, is_told));
            assert_eq!(told, untold, "seed {seed}");
            assert!(told.1 > 150, "seed {seed}: {} of {} were back", told.1, told.0.len());
        }
    }

    fn stream(seed: u64) -> Stream {
        Stream::new(seed, 0)
    }

    /// That nothing has changed but that one is back spares a look, and makes no difference.
    #[test]
    fn one_that_is_back_is_chosen_as_if_all_had_been_looked_at() {
        let profile = measured();
        is_the_same(|seed| Delay::new(stream(seed), 3, 300));
        is_the_same(|seed| LateWrites::new(stream(seed)));
        is_the_same(|seed| Pct::new(stream(seed), 4, 300));
        is_the_same(|seed| Pos::new(stream(seed)));
        is_the_same(|seed| Reversal::new(stream(seed), profile.races(), 300, seed.checked_sub(20)));
        is_the_same(|seed| match Surw::choose(stream(seed), profile.clone()) {
            Other::Surw(surw) => *surw,
            _ => panic!("something is shared"),
        });
        is_the_same(|seed| Urw::new(stream(seed), profile.clone()));
    }
}
