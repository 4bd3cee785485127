//! What else a scenario may call: its own randomness, and its own lines in the trace.

use crate::context;
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
