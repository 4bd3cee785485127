//! What else a scenario may call: its own randomness, and its own lines in the trace.

use crate::context;
use crate::operation::{Access, Operation};
use crate::trace::What;
use std::fmt;

/// The run's own random numbers, from a stream that nothing else draws on: the same for the same seed, and drawing more
/// of them does not change the schedule.
///
/// ```
/// let draw = || raddle::Sim::new().seed(7).run(|| async { raddle::rng().below(100) }).unwrap();
/// assert_eq!(draw(), draw());
/// ```
///
/// # Panics
/// Outside a run.
#[track_caller]
pub fn rng() -> Rng {
    context::with("raddle::rng", |_| Rng(()))
}

/// The user's random stream of a run. Made by [`rng`]; all values draw on the same stream.
#[derive(Debug)]
pub struct Rng(());

impl Rng {
    /// The next 32 bits.
    #[track_caller]
    pub fn next_u32(&mut self) -> u32 {
        context::with("raddle::Rng", |world| world.with_user_stream(|stream| stream.next_u32()))
    }

    /// The next 64 bits.
    #[track_caller]
    pub fn next_u64(&mut self) -> u64 {
        context::with("raddle::Rng", |world| world.with_user_stream(|stream| stream.next_u64()))
    }

    /// A number below `n`.
    ///
    /// # Panics
    /// If `n` is 0.
    #[track_caller]
    pub fn below(&mut self, n: u32) -> u32 {
        assert!(n > 0, "raddle::Rng::below(0): there is no number below 0");
        context::with("raddle::Rng", |world| world.with_user_stream(|stream| stream.below(n)))
    }

    /// True `numerator` times in `denominator`.
    ///
    /// # Panics
    /// If `denominator` is 0.
    #[track_caller]
    pub fn chance(&mut self, numerator: u32, denominator: u32) -> bool {
        assert!(denominator > 0, "raddle::Rng::chance(_, 0): out of nothing");
        self.below(denominator) < numerator
    }

    /// Fills `bytes`.
    #[track_caller]
    pub fn fill(&mut self, bytes: &mut [u8]) {
        context::with("raddle::Rng", |world| world.with_user_stream(|stream| stream.fill(bytes)));
    }
}

/// One of the numbers below `n`, chosen like a turn: by the strategy's leave at random, by an exhaustive search one after
/// the other, and by a replay as it was. 0 is the plain choice: what a minimised failure keeps of the others had to be so.
///
/// ```
/// let found = raddle::Explore::new().run(|| async { raddle::choose(3) });
/// let seen: Vec<_> = found.outcomes().iter().map(|outcome| outcome.text()).collect();
/// assert_eq!(seen, ["0", "1", "2"]);
/// ```
///
/// # Panics
/// Outside a run, and if `n` is 0.
#[track_caller]
pub fn choose(n: u32) -> u32 {
    assert!(n > 0, "raddle::choose(0): there is nothing to choose from");
    context::with("raddle::choose", |world| world.choose(n))
}

/// True about `numerator` times in `denominator`, and false where the choice is the plain one: a fault to be
/// [chosen](choose).
///
/// # Panics
/// Outside a run, and if `denominator` is 0.
#[track_caller]
pub fn chance(numerator: u32, denominator: u32) -> bool {
    assert!(denominator > 0, "raddle::chance(_, 0): out of nothing");
    context::with("raddle::chance", |world| world.chance(numerator, denominator))
}

/// Says what the next step of the running task does: it touches `resource` (any number, the same for the same thing), to
/// look at it or to change it. For the authors of locks, channels and the like, just before a point at which others may
/// run:
///
/// ```
/// use raddle::Access;
/// # raddle::Sim::new().run(|| async {
/// raddle::announce(7, Access::Write);
/// raddle::yield_now().await;
/// // … what is said to touch resource 7
/// # }).unwrap();
/// ```
///
/// The strategies `surw`, `pos`, `late-writes` and `exhaustive` look for the orders of such steps. An announcement that is
/// not true costs them bugs, and nothing else. Outside a run it does nothing.
pub fn announce(resource: u64, access: Access) {
    context::try_with(|world| world.announce(Operation { resource, access, announced: true }));
}

/// Writes a line of the user's own into the trace; does nothing outside a run or where no trace is kept (the text is not
/// even formatted then).
///
/// ```
/// let report = raddle::Sim::new().run(|| async {
///     raddle::note!("balance is {}", 80);
/// });
/// assert!(report.interleaving().contains("scenario notes: balance is 80"));
/// ```
#[macro_export]
macro_rules! note {
    ($($arguments:tt)*) => {
        $crate::__private::note(::core::format_args!($($arguments)*))
    };
}

#[doc(hidden)]
pub fn note(text: fmt::Arguments<'_>) {
    let is_traced = context::try_with(|world| world.is_traced()).unwrap_or(false);
    if !is_traced {
        return;
    }
    // Formatted before anything is borrowed: it is the user's code.
    let text = text.to_string().replace('\n', " ");
    context::try_with(|world| {
        let by = world.running();
        world.record(|log| {
            let by = log.index(by.key);
            log.event(What::Note { by, text });
        });
    });
}
