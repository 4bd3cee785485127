//! What becomes of the system calls of a world's threads: judged on the loop, waits in the world on a worker.
//!
//! Called from the boundary's signal handler (see there for what that allows), and so with calls unwatched.

use crate::boundary::hooks::{MONOTONIC_ORIGIN, REALTIME_ORIGIN};
use crate::boundary::kernel::{self, Answer, Call, Kind, Op, Timeout};
use crate::boundary::threads::{self, Backend};
use crate::context;
use crate::instant::Instant;
use crate::sentinel::{Class, Detail, Touch, verdict};
use crate::workers;
use crate::world::{Probe, World, is_native};
use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::panic::Location;

/// For how many milliseconds of real time a thread outside the world may hold a lock that the loop waits for.
const PATIENCE: u32 = 3;

/// For how many milliseconds of real time the loop waits for what only a thread outside the world can still do.
const OUTSIDE: u32 = 50;

/// For how many milliseconds of real time a lock in a static is taken to be held outside the world. If it is not free by
/// then its world holds it, and from then on it is not waited for in real time.
const SHARED: u32 = 20;

const NANOS: u64 = 1_000_000_000;

/// The boundary's [`Handler`](kernel::Handler).
pub(crate) fn on_call(call: &Call) -> Answer {
    if matches!(call.op, Op::Other | Op::Random) {
        return Answer::Pass;
    }
    if call.is_libcs {
        // Whoever holds it most likely is a thread outside the world, and no thread of the world is switched away from
        // while it holds one, but for those that C code takes for itself.
        let result = in_reality(call, 50);
        if result != TIMED_OUT {
            return result;
        }
    }
    let answer = context::try_with(|world| match threads::current() {
        _ if world.is_busy() => Answer::Pass,
        Some(index) => on_worker(world, index as u32, call),
        // A panic is being told: its hook reads what it likes.
        None if std::thread::panicking() => Answer::Pass,
        None => on_loop(world, call),
    });
    answer.unwrap_or(Answer::Pass)
}

fn on_loop(world: &World, call: &Call) -> Answer {
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
        Op::FutexWake { word, count } => wake(world, call, word, count),
        Op::Poll { call: verb, until } => {
            let result = kernel::perform_now(call);
            let zero = until == Timeout::In(0);
            if let Some(class) = verdict(Touch::Poll { zero }) {
                let incident = world.saw_blocking(class, verb, Detail::new());
                if let (0, Some(at)) = (result, deadline(world, until)) {
                    world.stand_still(at.as_nanos().saturating_sub(world.now().as_nanos()), incident);
                    return Answer::Return(0);
                }
                if result == 0 {
                    return Answer::Pass;
                }
            }
            Answer::Return(result)
        }
        _ => {
            let (touch, verb, words) = touch(call.op);
            if let Some(class) = touch.and_then(verdict) {
                world.saw_blocking(class, verb, words);
            }
            Answer::Pass
        }
    }
}

/// What a call touches, and how it is told.
fn touch(op: Op) -> (Option<Touch>, &'static str, Detail) {
    let on = |fd: i32| {
        let mut words = Detail::new();
        let _ = write!(words, "descriptor {fd}");
        words
    };
    let socket = |fd, dont_wait: bool| Touch::Socket { nonblocking: dont_wait || kernel::is_nonblocking(fd) };
    let stream = |fd, write: bool| match kernel::kind_of(fd) {
        _ if write && (fd == 1 || fd == 2) => Some(Touch::Output),
        Kind::File => Some(Touch::FileData),
        Kind::Socket => Some(socket(fd, false)),
        Kind::Pipe | Kind::Other => {
            Some(Touch::Pipe { nonblocking: kernel::is_nonblocking(fd), ready: kernel::is_ready(fd, write) })
        }
        Kind::None => None,
    };
    let named = |call, path| {
        let words = text_at(path);
        // No disk is behind these.
        let is_made_up = ["\"/proc/", "\"/sys/", "\"/dev/"].iter().any(|folder| words.as_str().starts_with(folder));
        ((!is_made_up).then_some(Touch::FileName), call, words)
    };
    match op {
        Op::Open { path } => named("open", path),
        Op::Name { call, path } => named(call, path),
        Op::Read { call, fd } => (stream(fd, false), call, on(fd)),
        Op::Write { call, fd } => (stream(fd, true), call, on(fd)),
        Op::Disk { call, fd } => (Some(Touch::FileData), call, on(fd)),
        Op::Connect { fd, address, length } => (Some(socket(fd, false)), "connect", address_at(address, length)),
        Op::Accept { fd } => (Some(socket(fd, false)), "accept", on(fd)),
        Op::Receive { fd, dont_wait } => (Some(socket(fd, dont_wait)), "receive", on(fd)),
        Op::Send { fd, dont_wait } => (Some(socket(fd, dont_wait)), "send", on(fd)),
        Op::WaitChild { hang } => (Some(Touch::Child { hang }), "wait for a child process", Detail::new()),
        Op::Process => (Some(Touch::Process), "start of a child process", Detail::new()),
        Op::Close { fd } => (Some(Touch::Close), "close", on(fd)),
        _ => (None, "", Detail::new()),
    }
}

/// The text at an address, in quotes; nothing for a null pointer.
fn text_at(address: usize) -> Detail {
    let mut bytes = [0; 94];
    let mut words = Detail::new();
    if address == 0 {
        return words;
    }
    let read = kernel::peek(address, &mut bytes);
    let bytes = bytes[..read].split(|&b| b == 0).next().unwrap_or_default();
    let text = std::str::from_utf8(bytes).unwrap_or("?");
    let _ = write!(words, "\"{text}\"");
    words
}

/// A socket's address in words.
fn address_at(address: usize, length: usize) -> Detail {
    let mut words = Detail::new();
    let mut bytes = [0; 28];
    let most = length.min(bytes.len());
    if kernel::peek(address, &mut bytes[..most]) < 8 {
        return words;
    }
    let port = u16::from_be_bytes([bytes[2], bytes[3]]);
    let told = match u16::from_ne_bytes([bytes[0], bytes[1]]) {
        2 => SocketAddr::from((Ipv4Addr::new(bytes[4], bytes[5], bytes[6], bytes[7]), port)),
        10 => {
            let mut octets = [0; 16];
            octets.copy_from_slice(&bytes[8..24]);
            SocketAddr::from((Ipv6Addr::from(octets), port))
        }
        _ => {
            let _ = words.write_str("a local socket");
            return words;
        }
    };
    let _ = write!(words, "{told}");
    words
}

/// The virtual moment at which a wait is over; `None` for never.
pub(crate) fn deadline(world: &World, until: Timeout) -> Option<Instant> {
    let absolute = |nanos: u64, origin: u64| Instant::from_nanos(nanos.saturating_sub(origin * NANOS));
    match until {
        Timeout::Never => None,
        Timeout::In(nanos) => Some(Instant::from_nanos(world.now().as_nanos().saturating_add(nanos))),
        Timeout::Monotonic(nanos) => Some(absolute(nanos, MONOTONIC_ORIGIN)),
        Timeout::Realtime(nanos) => Some(absolute(nanos, REALTIME_ORIGIN)),
    }
}

const AGAIN: Answer = Answer::Return(-11);
const TIMED_OUT: Answer = Answer::Return(-110);

/// Waits for a word in real time, for so many milliseconds at most.
fn in_reality(call: &Call, millis: u32) -> Answer {
    let waits = (0..millis).map(|_| Answer::Return(kernel::perform_for(call, 1_000_000)));
    waits.into_iter().find(|&result| result != TIMED_OUT).unwrap_or(TIMED_OUT)
}

/// The loop waits for a lock: first a moment in real time, since the holder may be outside the world; then workers have
/// their turns until it is free. Tasks do not: they are what stands still.
fn loop_waits(world: &World, call: &Call, word: usize, value: u32, until: Timeout) -> Answer {
    if !kernel::word_is(word, value) {
        return AGAIN;
    }
    let end = deadline(world, until);
    if end.is_some_and(|end| end <= world.now()) {
        return TIMED_OUT;
    }
    let result = in_reality(call, PATIENCE);
    if result != TIMED_OUT {
        return result;
    }
    let class = verdict(Touch::Wait { is_over: false }).unwrap_or(Class::Lock);
    let incident = world.saw_blocking(class, "wait for a lock", Detail::new());
    let place = world.futex_waits(word, value, None);
    let stood = stand_until(world, incident, end, &|| world.futex_is_woken(place) || !kernel::word_is(word, value));
    world.futex_done(place);
    match stood {
        Stood::Done => Answer::Return(0),
        Stood::TimedOut => TIMED_OUT,
        // The watchdog tells, should it never come.
        Stood::Never => Answer::Pass,
    }
}

/// What a loop that stood still waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stood {
    Done,
    TimedOut,
    /// Nobody who could run will ever do it.
    Never,
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
        if world.step_a_worker() || world.look_outside() {
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

/// Wakes waiters of the world, oldest first, and then any outside it.
fn wake(world: &World, call: &Call, word: usize, count: u32) -> Answer {
    let woken = workers::wake_futex(world, word, count);
    if woken >= count {
        return Answer::Return(i64::from(woken));
    }
    match kernel::perform(call) {
        others if others > 0 => Answer::Return(i64::from(woken) + others),
        _ => Answer::Return(i64::from(woken)),
    }
}

fn on_worker(world: &World, index: u32, call: &Call) -> Answer {
    if is_native(index) && !std::thread::panicking() {
        world.native_goes_on(index);
    }
    match call.op {
        Op::Rename { name } => {
            if is_native(index) {
                let mut bytes = [0; 16];
                let read = kernel::peek(name, &mut bytes);
                let name = bytes[..read].split(|&b| b == 0).next().unwrap_or_default();
                world.rename(&String::from_utf8_lossy(name));
            }
            match world.threads.backend() {
                // The kernel thread is the loop's.
                Backend::Borrowed => Answer::Return(0),
                Backend::Baton => Answer::Pass,
            }
        }
        Op::Sleep(until) => {
            workers::wait_until(index, "the end of its sleep", deadline(world, until), || false);
            Answer::Return(0)
        }
        Op::FutexWait { word, value, until } => {
            if !kernel::word_is(word, value) {
                return AGAIN;
            }
            if kernel::is_static(word) && !world.is_own_word(word) {
                // A lock in a static may be shared with threads outside the world, as std's own are.
                let result = in_reality(call, SHARED);
                if result != TIMED_OUT {
                    return result;
                }
                world.owns_word(word);
            }
            let place = world.futex_waits(word, value, Some(index));
            let in_time = workers::wait_until(index, "a lock or a wake-up", deadline(world, until), || {
                context::try_with(|world| world.futex_is_woken(place)).unwrap_or(true)
            });
            context::try_with(|world| world.futex_done(place));
            if in_time { Answer::Return(0) } else { TIMED_OUT }
        }
        Op::FutexWake { word, count } => wake(world, call, word, count),
        // `select` loses its sets by being asked.
        Op::Poll { call: "select" | "pselect", .. } => Answer::Pass,
        Op::Poll { until, .. } => {
            let mut result = kernel::perform_now(call);
            if result == 0 && until != Timeout::In(0) {
                let end = deadline(world, until);
                workers::wait_outside(index, "one of its descriptors", end, Probe::Call(*call), &mut || {
                    result = kernel::perform_now(call);
                    result != 0
                });
            }
            Answer::Return(result)
        }
        Op::WaitChild { hang: true } => {
            let probe = Probe::Call(*call);
            workers::wait_outside(index, "a child process", None, probe, &mut || probe.is_ready());
            Answer::Pass
        }
        Op::Read { fd, .. } | Op::Receive { fd, .. } | Op::Accept { fd } => wait_for_descriptor(index, fd, false, call),
        Op::Write { fd, .. } | Op::Send { fd, .. } if fd != 1 && fd != 2 => wait_for_descriptor(index, fd, true, call),
        Op::Open { .. } | Op::Name { .. } | Op::Disk { .. } | Op::Connect { .. } => {
            workers::switch_point(index);
            Answer::Pass
        }
        _ => Answer::Pass,
    }
}

/// A blocking call on a pipe or a socket waits in the world until it would not; on a file it is a switch point.
fn wait_for_descriptor(index: u32, fd: i32, write: bool, call: &Call) -> Answer {
    let dont_wait = matches!(call.op, Op::Receive { dont_wait: true, .. } | Op::Send { dont_wait: true, .. });
    match kernel::kind_of(fd) {
        Kind::File => workers::switch_point(index),
        Kind::None => {}
        Kind::Pipe | Kind::Socket | Kind::Other => {
            if !dont_wait && !kernel::is_nonblocking(fd) && !kernel::is_ready(fd, write) {
                let probe = Probe::Descriptor { fd, write };
                workers::wait_outside(index, "a descriptor", None, probe, &mut || probe.is_ready());
            }
        }
    }
    Answer::Pass
}

/// Runs `f`, in which blocking calls are allowed on the loop, for a `reason` that reviewers read. A scope in which nothing
/// blocked is told in the report, since an allowance that is not needed hides the next leak.
///
/// ```
/// let report = raddle::Sim::new().run(|| async {
///     let wait = || std::thread::sleep(std::time::Duration::from_millis(1));
///     raddle::allow_blocking("the legacy driver waits here", wait);
/// });
/// assert!(report.is_ok());
/// ```
#[track_caller]
pub fn allow_blocking<R>(reason: &'static str, f: impl FnOnce() -> R) -> R {
    struct Close;
    impl Drop for Close {
        fn drop(&mut self) {
            context::try_with(|world| world.sentinel.borrow_mut().close());
        }
    }
    let at = Location::caller();
    let _close = threads::current().is_none().then(|| {
        context::try_with(|world| world.sentinel.borrow_mut().open(reason, at))?;
        Some(Close)
    });
    f()
}
