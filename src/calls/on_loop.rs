//! The loop's calls: judged, and told. What would wait lets sim threads run meanwhile, and time pass.

use super::outside::{held_by_others, held_outside, in_reality, outside_for};
use super::words::{in_words, touch};
use super::{AGAIN, Stood, TIMED_OUT, deadline, wake};
use super::{attempts, transfers};
use crate::boundary::kernel::{self, Answer, Call, Op, Timeout};
use crate::boundary::{segment, zygote};
use crate::instant::Instant;
use crate::sentinel::{Class, Detail, Touch, verdict};
use crate::world::World;
use std::fmt::Write;

/// For how many milliseconds of real time a thread outside the world may hold a lock that the loop waits for.
const PATIENCE: u32 = 3;

/// For how many milliseconds of real time the loop waits for what only a thread outside the world can still do.
const OUTSIDE: u32 = 50;

/// And for how many more, where a thread outside the world is likely to do it.
const LONGER: u32 = 1000;

pub(super) fn on_loop(world: &World, call: &Call) -> Answer {
    match call.op {
        Op::Sleep(until) => {
            let nanos = deadline(world, until).map_or(0, |at| at.as_nanos().saturating_sub(world.now().as_nanos()));
            if let Some(class) = verdict(Touch::Sleep { nanos }) {
                let mut words = Detail::new();
                let _ = write!(words, "{}", Instant::from_nanos(nanos));
                let incident = world.saw_blocking(class, "sleep", words);
                world.stand_still(nanos, incident);
            }
            Answer::Return(0)
        }
        Op::FutexWait { word, value, until } => loop_waits(world, call, word, value, until),
        Op::FutexWake { word, count } => wake(world, call, word, count).0,
        Op::Poll { call: verb, until } => {
            let result = kernel::perform_now(call);
            let zero = until == Timeout::In(0);
            if let Some(class) = verdict(Touch::Poll { zero }) {
                let incident = world.saw_blocking(class, verb, Detail::new());
                if result == 0 {
                    return poll(world, call, until, incident);
                }
            }
            Answer::Return(result)
        }
        Op::Attempt { sort, until } => attempts::carry_out(world, call, until, &mut |_, end, is_over| {
            let class = verdict(attempts::touch(sort)).unwrap_or(Class::Lock);
            let (verb, words) = in_words(call.op);
            let incident = world.saw_blocking(class, verb, words);
            let stood = stand_longer(world, class, incident, end, is_over);
            if stood == Stood::Never {
                never(world, incident, class, verb, None);
            }
            stood
        }),
        _ => {
            let incident = touch(call.op).and_then(verdict).and_then(|class| {
                let (verb, words) = in_words(call.op);
                world.saw_blocking(class, verb, words)
            });
            if let Op::Open { .. } = call.op {
                return open(world, call, incident);
            }
            transfers::transfer(world, call, None, &mut |_, end, is_over| stand_until(world, incident, end, is_over))
        }
    }
}

/// The loop opens a file, which waits if it is a FIFO.
fn open(world: &World, call: &Call, incident: Option<usize>) -> Answer {
    transfers::open(world, call, &mut |_, is_over| {
        let stood = stand_until(world, incident, None, is_over);
        if stood == Stood::Never {
            never(world, incident, Class::File, "open", None);
        }
        stood == Stood::Done
    })
}

/// The loop waits for descriptors.
fn poll(world: &World, call: &Call, until: Timeout, incident: Option<usize>) -> Answer {
    let end = deadline(world, until);
    match stand_until(world, incident, end, &|| kernel::is_over(call)) {
        Stood::Done => Answer::Return(kernel::perform_now(call)),
        Stood::TimedOut => {
            kernel::clear_sets(call);
            Answer::Return(0)
        }
        Stood::Never => Answer::Pass,
    }
}

/// The loop waits for a lock: first a moment in real time, since the holder may be outside the world; then workers have
/// their turns until it is free. Tasks do not: they are what stands still.
fn loop_waits(world: &World, call: &Call, word: usize, value: u32, until: Timeout) -> Answer {
    if !kernel::word_is(word, value) {
        return AGAIN;
    }
    let end = deadline(world, until);
    if end.is_some_and(|end| end <= world.now()) {
        if world.is_late_again(None) {
            world.stand_still(1, None);
        }
        return TIMED_OUT;
    }
    if let Some(result) = held_outside(world, call, word).or_else(|| held_by_others(world, call, word, until)) {
        return result;
    }
    let result = in_reality(call, outside_for(world, PATIENCE));
    if result != TIMED_OUT {
        return result;
    }
    let class = verdict(Touch::Wait { is_over: false }).unwrap_or(Class::Lock);
    let incident = world.saw_blocking(class, "wait for a lock", Detail::new());
    let place = world.futex_waits(word, value, None);
    let is_done = || world.futex_is_woken(place) || !kernel::word_is(word, value);
    let stood = stand_longer(world, class, incident, end, &is_done);
    if stood == Stood::Never {
        // In a process forked for this run it may have been held by a thread that is not there.
        zygote::start_over(word);
        never(world, incident, class, "wait for a lock", Some(place));
        return Answer::Pass;
    }
    world.was_held(incident, world.futex_done(place));
    if stood == Stood::Done { Answer::Return(0) } else { TIMED_OUT }
}

/// [`stand_until`]; if nobody who is there will ever do it and a test allows the loop to wait, somebody outside may be about to.
fn stand_longer(
    world: &World,
    class: Class,
    incident: Option<usize>,
    end: Option<Instant>,
    is_done: &dyn Fn() -> bool,
) -> Stood {
    let stood = stand_until(world, incident, end, is_done);
    let millis = if world.sentinel.borrow().is_allowed(class) { outside_for(world, LONGER) } else { 0 };
    if stood == Stood::Never && world.look_outside_for(millis, is_done) { Stood::Done } else { stood }
}

/// The loop cannot go on: nobody who could run will ever do what it waits for. The run ends here, and the task that made
/// the call is left where it stands. Comes back where that cannot be done; the watchdog tells then.
pub(crate) fn never(world: &World, seen: Option<usize>, class: Class, verb: &'static str, place: Option<u64>) {
    let incident = world.saw_standstill(seen, class, verb, Detail::new());
    world.stands_still_for_ever(incident, place);
    segment::leave();
}

/// The loop stands still until `is_done` or the moment `end`, and sim threads have their turns.
pub(crate) fn stand_until(
    world: &World,
    incident: Option<usize>,
    end: Option<Instant>,
    is_done: &dyn Fn() -> bool,
) -> Stood {
    loop {
        if is_done() {
            return Stood::Done;
        }
        if world.is_out_of_steps() {
            return Stood::Never;
        }
        if world.step_a_worker() || world.look_outside_at_rest() {
            continue;
        }
        let next = world.next_deadline();
        match (next, end) {
            (Some(next), end) if end.is_none_or(|end| next < end) => {
                world.stand_still(next.as_nanos().saturating_sub(world.now().as_nanos()), incident);
                world.catch_up();
            }
            (_, Some(end)) => {
                world.stand_still(end.as_nanos().saturating_sub(world.now().as_nanos()), incident);
                return Stood::TimedOut;
            }
            (_, None) if world.look_outside_for(OUTSIDE, is_done) => {}
            (_, None) => return Stood::Never,
        }
    }
}
