//! What becomes of the system calls of a world's threads: judged on the loop, waits in the world on a worker.
//!
//! Called from the boundary's signal handler (see there for what that allows), and so with calls unwatched.

mod attempts;
mod moves;
mod on_loop;
mod on_worker;
mod outside;
mod processors;
mod transfers;
mod words;

pub(crate) use on_loop::{never, stand_until};

use crate::boundary::hooks::{MONOTONIC_ORIGIN, REALTIME_ORIGIN};
use crate::boundary::kernel::{self, Answer, Call, Kind, Op, Timeout};
use crate::boundary::threads;
use crate::context;
use crate::finding::{Finding, FindingKind};
use crate::instant::Instant;
use crate::workers;
use crate::world::{World, is_native};
use std::panic::Location;

const NANOS: u64 = 1_000_000_000;

/// The boundary's [`Handler`](kernel::Handler).
pub(crate) fn on_call(call: &Call) -> Answer {
    if call.op.is_at_position()
        && let Some(index) = threads::current()
        && !is_native(index as u32)
    {
        // What jobs do most.
        context::try_with(|world| {
            if !world.is_busy() {
                settle(world, call);
                on_worker::at_position(world, call);
            }
        });
        return Answer::Pass;
    }
    if call.op == Op::Other {
        return Answer::Pass;
    }
    match call.op {
        // Its caller may hold another one. A thread of the world that waits there after all sees that the word has changed.
        Op::FutexWake { .. } if call.is_libcs || kernel::is_allocators() => return Answer::Pass,
        Op::FutexWait { word, .. } if call.is_libcs || kernel::is_allocators() => {
            if let Some(result) = outside::held_by_libc(call, word) {
                return result;
            }
        }
        _ => {}
    }
    let answer = context::try_with(|world| match (threads::current(), call.op) {
        _ if world.is_busy() => Answer::Pass,
        (_, Op::Thread) => {
            world.find(foreign_thread(world));
            Answer::Pass
        }
        (_, Op::Random { buffer, length }) => random(world, buffer, length),
        (_, Op::Processors { set, size }) => processors::told(world, set, size),
        (_, Op::Pin { set, size }) => processors::pinned(world, set, size),
        (_, Op::Open { path }) if processors::is_their_share(path) => NO_SUCH_FILE,
        (_, Op::SetTimer { fd, until, every }) => set_timer(world, fd, until, every, call),
        (_, Op::SocketAddress { fd, of_peer, address, length }) => match world.ask_behind(fd, call) {
            Some(result) => Answer::Return(result),
            None => socket_address(world, fd, of_peer, address, length),
        },
        (_, Op::SocketOption { fd }) => {
            world.sets_timeout(fd, call);
            match kernel::is_own_option(call) {
                true => Answer::Pass,
                false => world.ask_behind(fd, call).map_or(Answer::Pass, Answer::Return),
            }
        }
        (_, Op::Watch { fd }) => {
            world.is_watched(fd);
            Answer::Pass
        }
        (_, Op::Listen { fd }) => {
            let result = kernel::perform(call);
            if result == 0 {
                world.listens(fd);
            }
            Answer::Return(result)
        }
        (_, Op::Duplicate { fd }) => {
            let result = kernel::perform(call);
            world.is_duplicated(fd, result as i32);
            Answer::Return(result)
        }
        (Some(index), _) => {
            settle(world, call);
            on_worker::on_worker(world, index as u32, call)
        }
        // A panic is being told: its hook reads what it likes.
        (None, _) if std::thread::panicking() => Answer::Pass,
        (None, _) => {
            settle(world, call);
            on_loop::on_loop(world, call)
        }
    });
    answer.unwrap_or(Answer::Pass)
}

/// A thread that runs beside the world from here on.
fn foreign_thread(world: &World) -> Finding {
    let message = "a thread was made by the system call `clone` itself, past what raddle sees: when it runs is up to the \
                   operating system, and no seed repeats it";
    let hint = "have the thread made by `pthread_create`, as `std::thread` and libc do, or have the library use no thread \
                of its own here";
    let mut finding = Finding::new(FindingKind::ForeignThread, message).hint(hint);
    finding.task = Some(world.running_name());
    finding
}

/// What a child process may have changed is looked at once it is at rest.
fn settle(world: &World, call: &Call) {
    match call.op {
        Op::Process => world.has_started_children.set(true),
        Op::Poll { .. } | Op::Read { .. } | Op::Move { .. } | Op::Receive { .. } | Op::Accept { .. } => {
            world.settle_children()
        }
        Op::WaitChild { hang } => {
            world.settle_children();
            match hang {
                true => world.asks_no_more_for_child(call),
                false => world.asks_for_child(call),
            }
        }
        // How much there is room for.
        Op::Write { fd, .. } | Op::Send { fd, .. }
            if world.has_started_children.get() && matches!(kernel::kind_of(fd), Kind::Pipe | Kind::Socket) =>
        {
            world.settle_children();
        }
        _ => {}
    }
}

/// Random bytes are the seed's, whoever asks for them and how.
fn random(world: &World, buffer: usize, length: usize) -> Answer {
    let mut bytes = [0; 256];
    for done in (0..length).step_by(bytes.len()) {
        let part = bytes.len().min(length - done);
        world.fill_entropy(&mut bytes[..part]);
        if kernel::poke(buffer + done, &bytes[..part]) != part {
            return FAULT;
        }
    }
    Answer::Return(length as i64)
}

/// What stands for a socket of the run's network has that socket's addresses.
fn socket_address(world: &World, fd: i32, of_peer: bool, address: usize, length: usize) -> Answer {
    let Some((own, peer)) = world.stands_for(fd) else { return Answer::Pass };
    let Some(told) = (if of_peer { peer } else { Some(own) }) else { return NOT_CONNECTED };
    let (bytes, size) = words::socket_address(told);
    let mut room = [0; 4];
    if kernel::peek(length, &mut room) != room.len() {
        return FAULT;
    }
    let fits = size.min(u32::from_ne_bytes(room) as usize);
    let is_told =
        kernel::poke(address, &bytes[..fits]) == fits && kernel::poke(length, &(size as u32).to_ne_bytes()) == 4;
    if is_told { Answer::Return(0) } else { FAULT }
}

/// A timer that is a descriptor runs out in virtual time.
fn set_timer(world: &World, fd: i32, until: Timeout, every: u64, call: &Call) -> Answer {
    let result = kernel::stop_timer(call);
    if result == 0 {
        world.set_timer_fd(fd, deadline(world, until), every);
    }
    Answer::Return(result)
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

/// What became of a wait: the loop's, which stood still, or a thread's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stood {
    Done,
    TimedOut,
    /// Nobody who could run will ever do it, or not within the steps of a run.
    Never,
}

const NO_SUCH_FILE: Answer = Answer::Return(-2);
const AGAIN: Answer = Answer::Return(-11);
const FAULT: Answer = Answer::Return(-14);
const INVALID: Answer = Answer::Return(-22);
const NOT_CONNECTED: Answer = Answer::Return(-107);
const TIMED_OUT: Answer = Answer::Return(-110);

/// Wakes waiters of the world, oldest first, and then any outside it. The answer, and whether one of the world was woken.
fn wake(world: &World, call: &Call, word: usize, count: u32) -> (Answer, bool) {
    let woken = workers::wake_futex(world, word, count);
    let others = if woken < count { kernel::perform(call).max(0) } else { 0 };
    (Answer::Return(i64::from(woken) + others), woken > 0)
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

/// From here to the end of the run, allows blocking calls on the loop that `function` makes, or that are made within it, for
/// a `reason` that reviewers read: for a call deep in a dependency, or in code that does not know of raddle, where
/// [`allow_blocking`] cannot stand. `function` is its path, or the end of that, as a stack shows it
/// (`ledger::config::Config::load`, `Config::load`). One in which nothing blocked is told in the report, and a call that
/// could never come back is a finding all the same.
///
/// ```
/// mod config {
///     pub async fn load() -> usize {
///         std::fs::read("/proc/version").map_or(0, |text| text.len())
///     }
/// }
///
/// let report = raddle::Sim::new().run(|| async {
///     raddle::allow_blocking_in("small, and read once", "config::load");
///     raddle::spawn(config::load()).await
/// });
/// assert!(report.is_ok(), "{report}");
/// ```
#[track_caller]
pub fn allow_blocking_in(reason: &'static str, function: &'static str) {
    let at = Location::caller();
    context::try_with(|world| world.sentinel.borrow_mut().allow_in(function, reason, at));
}
