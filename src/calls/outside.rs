//! Waits for locks that threads outside the world have: they take real time, and leave no trace in a run.

use super::TIMED_OUT;
use crate::beacon;
use crate::boundary::kernel::{self, Answer, Call, Owner, Timeout};
use crate::boundary::threads::{self, Backend};
use crate::boundary::zygote;
use crate::context;
use crate::world::World;

/// Waits for a word in real time, for so many milliseconds at most.
pub(super) fn in_reality(call: &Call, millis: u32) -> Answer {
    let waits = (0..millis).map(|_| Answer::Return(kernel::perform_for(call, 1_000_000)));
    waits.into_iter().find(|&result| result != TIMED_OUT).unwrap_or(TIMED_OUT)
}

/// For how many milliseconds of real time a word is waited for that a thread outside the world may be about to change: for
/// none in a process forked for this run, where there is no such thread but the watchdog, which waits for nobody's locks.
pub(super) fn outside_for(world: &World, millis: u32) -> u32 {
    let is_alone = world.threads.backend() == Backend::Borrowed && zygote::is_child();
    if is_alone { 0 } else { millis }
}

/// A wait for a lock of libc's own: whoever has it is a thread outside the world, for hardly ever is one of the world switched away
/// from then. So it takes real time. `None` if that thread does not come.
pub(super) fn held_by_libc(call: &Call, word: usize) -> Option<Answer> {
    const MILLIS: u32 = 1000;
    /// The watchdog may have it, for a moment.
    const ALONE_MILLIS: u32 = 20;
    let is_alone = context::try_with(|world| outside_for(world, MILLIS)) == Some(0);
    let result = in_reality(call, if is_alone { ALONE_MILLIS } else { MILLIS });
    if result == TIMED_OUT && is_alone {
        // In a process forked for this run it was held by a thread that is not there.
        zygote::start_over(word);
    }
    Some(result).filter(|&result| result != TIMED_OUT)
}

/// Whether this process has no threads but those of the world, of its loop, of the watchdog, and the two of a test harness with one
/// test, which wait for it.
fn is_nearly_alone(world: &World) -> bool {
    let most = world.threads.carriers() as u64 + 4;
    kernel::kernel_threads().is_some_and(|count| count <= most)
}

/// Whether the calling thread waits for a lock that only a thread outside the world can hold now.
pub(super) fn is_at_a_row() -> bool {
    /// The frames of the handler, in a build without optimisation, and some of the library's.
    const DEPTH: usize = 64;
    kernel::is_within(kernel::Of::Row, DEPTH)
}

/// A wait for a word that only a thread outside the world can change: it takes real time, and leaves no trace in the run.
/// `None` if it is none, or if that thread does not come.
pub(super) fn held_outside(world: &World, call: &Call, word: usize) -> Option<Answer> {
    /// Of waits of a millisecond or more: who looks up a host has a lock for as long as that takes, and many who tell of panics, one
    /// after the other, have theirs for much longer, the more so where each gets little of the processor.
    const MILLIS: u32 = 60_000;
    /// As far as the frames of the library and of the handler reach.
    const NEAR: usize = 64 << 10;
    // Each thread waits there with a word on its own stack, as hardly anybody else does.
    let here = 0u8;
    let is_on_a_stack = (&raw const here as usize).abs_diff(word) <= NEAR;
    // No thread of a world is suspended with a lock of any of these; but for that of symbols where who looks them up could not be
    // told by its functions, which has been found out then.
    let is_of_symbols =
        || kernel::is_of_symbols(word) && !world.is_own_word(word) && !world.is_own_word_elsewhere(word);
    if !(is_on_a_stack && is_at_a_row() || is_of_symbols() || kernel::is_in_a_lookup(call)) {
        return None;
    }
    for_whoever_has_it(world, call, word, MILLIS)
}

/// Waits for a word in real time, for so many milliseconds at most, and has the watchdog know. `None` if that was not enough.
fn for_whoever_has_it(world: &World, call: &Call, word: usize, millis: u32) -> Option<Answer> {
    const MILLIS_EACH: u32 = 20;
    let mut waits = (0..outside_for(world, millis) / MILLIS_EACH).map(|_| {
        let result = in_reality(call, MILLIS_EACH);
        if result == TIMED_OUT {
            world.beacon.waits_outside();
        }
        result
    });
    let result = waits.find(|&result| result != TIMED_OUT);
    if result.is_none() {
        // In a process forked for this run it was held by a thread that is not there.
        zygote::start_over(word);
    }
    result
}

/// Whether the thread that the kernel knows by this number is of the world.
fn is_of(world: &World, number: i32) -> bool {
    let is_loops = || beacon::lock(&world.beacon.locked.thread).is_some_and(|thread| thread.has_number(number));
    world.threads.has_number(number) || is_loops()
}

/// A wait for a lock that threads outside the world may have: it takes real time then, and leaves no trace in the run. Where libc
/// says who has it, it goes by that; elsewhere a lock in a static is [found out](shared_outside) about. `None` if it is the
/// world's.
pub(super) fn held_by_others(world: &World, call: &Call, word: usize, until: Timeout) -> Option<Answer> {
    /// Whoever has it may be suspended in another run, and that one wait for this.
    const MILLIS: u32 = 10_000;
    /// Where nobody knows who reads: as long as anybody does who keeps others from writing.
    const MILLIS_OF_READERS: u32 = 100;
    match kernel::owner_of(call, word).filter(|_| until == Timeout::Never) {
        Some(Owner::Thread(number)) if is_of(world, number) => None,
        Some(Owner::Thread(number)) if !kernel::is_there(number) => {
            zygote::start_over(word);
            None
        }
        // Nobody of the world stops in the midst of taking one, or of letting it go.
        Some(Owner::Thread(_) | Owner::Nobody) => for_whoever_has_it(world, call, word, MILLIS),
        Some(Owner::Readers) if !kernel::is_static(word) => {
            let millis = if world.is_own_word(word) { 0 } else { MILLIS_OF_READERS };
            let result = for_whoever_has_it(world, call, word, millis);
            if result.is_none() {
                world.owns_word(word);
            }
            result
        }
        Some(Owner::Readers) | None => shared_outside(world, call, word, until),
    }
}

/// A wait for a word in a static, as std's own locks are: threads outside the world may have it, as whoever writes
/// to a log has its lock, for as long as that takes. So it is waited for in real time, without a trace in the run. `None` if
/// it is not free by then, and so the world's.
///
/// How long that is goes by what is known of the word:
/// - nobody of the world can have it, as far as is seen: for long;
/// - nothing: for a second, or less if threads of another world have been found to wait for each other with it, or if there is
///   hardly another thread here;
/// - threads of the world do so: not at all, unless others want it as well, as when several tests write to one log; then for a
///   while each time.
fn shared_outside(world: &World, call: &Call, word: usize, until: Timeout) -> Option<Answer> {
    const MILLIS: u32 = 1000;
    const FEW_MILLIS: u32 = 100;
    const MILLIS_EACH: u32 = 30;
    /// By then a run beside this one has found out that the lock is its own, and gone on.
    const MANY_MILLIS: u32 = 3000;
    // A wait that has an end is for no lock.
    if until != Timeout::Never || !kernel::is_static(word) {
        return None;
    }
    let is_own = world.is_own_word(word);
    let may_be_ours = world.may_hold_lock(threads::current().map(|index| index as u32), word);
    if is_own {
        world.shares_word(word);
    }
    let millis = match (is_own, may_be_ours, is_nearly_alone(world)) {
        (true, _, true) => return None,
        (true, true, false) if !kernel::is_wanted_outside(word) => return None,
        (true, true, false) => MILLIS_EACH,
        (false, _, true) => FEW_MILLIS,
        (_, false, false) => MANY_MILLIS,
        (false, true, false) if world.is_own_word_elsewhere(word) => FEW_MILLIS,
        (false, true, false) => MILLIS,
    };
    let result = in_reality(call, outside_for(world, millis));
    if result != TIMED_OUT {
        kernel::note_wanted(word);
        return Some(result);
    }
    world.owns_word(word);
    if !may_be_ours {
        world.has_word_in_a_task(word);
    }
    None
}
