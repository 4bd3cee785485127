//! The strategies that are built in, and compiled together with the loop.

use super::{Candidates, Delay, LateWrites, Pct, Pick, Pos, Reversal, Strategy, Surw, Urw, View};
use crate::id::Key;

/// A strategy that is built in. It does what a [`Strategy`] does, but sees the ready set itself, so that what it asks is
/// compiled in place; an index past the end counts as the oldest as well.
pub(crate) trait BuiltIn: OneOf {
    /// Chooses one of `candidates`, of which there are at least two: its index. Where `back` is known, nothing else has changed
    /// since the last decision, which was this strategy's as well.
    fn pick(&mut self, candidates: &impl View, back: Option<Back>) -> usize;

    /// As [`Strategy::slip`], where `count` candidates could run.
    fn slip(&mut self, count: usize) -> bool {
        let _ = count;
        false
    }

    /// As [`Strategy::wants_operations`].
    fn wants_operations(&self) -> bool {
        false
    }

    /// As [`Strategy::wants_ages`].
    fn wants_ages(&self) -> bool {
        false
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
