//! Calls on pipes, sockets and locks of files that would wait, carried out piece by piece between waits in the world.

use super::{Stood, attempts, deadline, moves, random};
use crate::boundary::kernel::{self, Answer, Call, Ends, Kind, Op, Timeout};
use crate::context;
use crate::instant::Instant;
use crate::world::{Probe, World};

/// Waits until something is over, which the probe finds out as well, or, if there is one, the moment comes at which the caller
/// waits no more.
pub(super) type Wait<'a> = dyn FnMut(Probe, Option<Instant>, &dyn Fn() -> bool) -> Stood + 'a;

const WOULD_WAIT: i64 = -11;
const IN_PROGRESS: i64 = -115;

/// How it is found out whether a call that has to wait may go on.
fn probe(call: &Call) -> Probe {
    match call.op {
        Op::Write { fd, .. } | Op::Send { fd, .. } => Probe::Descriptor { fd, write: true },
        Op::Read { fd, .. } | Op::Receive { fd, .. } | Op::Accept { fd } => Probe::Descriptor { fd, write: false },
        _ => Probe::Call(*call),
    }
}

/// Carries a call out that reads, writes, locks or closes; others are the kernel's. The `kind` of its descriptor, if that is
/// known.
pub(super) fn transfer(world: &World, call: &Call, kind: Option<Kind>, wait: &mut Wait<'_>) -> Answer {
    let (fd, writes, dont_wait) = match call.op {
        // At a position: what waits for others has none, and refuses.
        op if op.is_at_position() => return Answer::Pass,
        Op::Read { fd, .. } | Op::Accept { fd } => (fd, false, false),
        Op::Receive { fd, dont_wait } => (fd, false, dont_wait),
        Op::Write { fd, .. } => (fd, true, false),
        Op::Send { fd, dont_wait } => (fd, true, dont_wait),
        Op::Lock { .. } => return lock(call, wait),
        Op::Move { from, to, dont_wait, .. } => return moves::carry_out(world, call, [from, to], dont_wait, wait),
        Op::Ring { fd, until } => return attempts::enter_ring(world, call, fd, until, wait),
        Op::Connect { fd, address, length } => {
            return connect(world, call, fd, kernel::ends_to(address, length), wait);
        }
        Op::Close { fd } => {
            world.forget_timer_fd(fd);
            world.forget_socket(fd);
            let result = kernel::perform(call);
            return match kernel::is_for_libc(call) {
                // Nobody waits for what libc has opened for itself; the allocator does so once a process, in whichever run.
                true => Answer::Return(result),
                // Whoever reads from the other end learns of it.
                false => and_look(world, result),
            };
        }
        _ => return Answer::Pass,
    };
    let kind = kind.unwrap_or_else(|| kernel::kind_of(fd));
    if matches!(kind, Kind::File | Kind::None) || fd == 1 || fd == 2 {
        return Answer::Pass;
    }
    if kind == Kind::Random {
        return match call.op {
            Op::Read { call: "read", .. } => random(world, call.buffer(), call.length()),
            _ => Answer::Pass,
        };
    }
    let waits = !dont_wait && !kernel::is_nonblocking(fd);
    match (waits, writes) {
        (true, true) if kind != Kind::Other => by_parts(world, call, fd, kind, true, wait),
        (true, false) if kind == Kind::Socket && kernel::wants_all(call) => {
            by_parts(world, call, fd, kind, false, wait)
        }
        (waits, _) => {
            if waits && !kernel::is_ready(fd, writes) {
                match wait(probe(call), end_of_wait(world, fd, kind, writes), &|| kernel::is_ready(fd, writes)) {
                    Stood::Done => {}
                    Stood::TimedOut => return Answer::Return(WOULD_WAIT),
                    Stood::Never => return Answer::Pass,
                }
            }
            let result = kernel::perform(call);
            if kind == Kind::Socket {
                match call.op {
                    Op::Accept { .. } if result >= 0 => {
                        world.has_accepted(result as i32);
                        world.knows_socket(result as i32);
                    }
                    Op::Accept { .. } => {}
                    _ => world.settle_socket(fd),
                }
            }
            if let (8, false, Some(count)) = (result, writes, world.take_timer_count(fd)) {
                kernel::poke(call.buffer(), &count.to_ne_bytes());
            }
            and_look(world, result)
        }
    }
}

/// Until when a call waits for a descriptor: a socket can have a timeout for either direction (`SO_RCVTIMEO`, `SO_SNDTIMEO`).
pub(super) fn end_of_wait(world: &World, fd: i32, kind: Kind, writes: bool) -> Option<Instant> {
    let nanos = if kind == Kind::Socket { world.timeout_of_socket(fd, writes)? } else { return None };
    deadline(world, Timeout::In(nanos))
}

/// For how long a call waits to write to a socket.
fn timeout_to_write(world: &World, fd: i32) -> Timeout {
    world.timeout_of_socket(fd, true).map_or(Timeout::Never, Timeout::In)
}

/// Opens a file. If that is a FIFO with nobody at its other end, `wait` waits until there is: it gets the opening's number
/// and what finds out whether it is over, and says whether it is.
pub(super) fn open(world: &World, call: &Call, wait: &mut dyn FnMut(u64, &dyn Fn() -> bool) -> bool) -> Answer {
    let Some(writes) = kernel::opens_fifo(call) else { return Answer::Pass };
    let id = world.opens_fifo(call, writes);
    let is_over = || context::try_with(|world| world.fifo_is_open(id)).unwrap_or(true);
    let is_open = is_over() || wait(id, &is_over);
    match world.fifo_opened(id) {
        // Whoever waits at the other end learns of it.
        Some(result) if is_open => and_look(world, result),
        _ => Answer::Pass,
    }
}

/// To somebody of this world, or to another. Whose queue is full takes one more once it has accepted one.
pub(super) fn connect(world: &World, call: &Call, fd: i32, to: Ends, wait: &mut Wait<'_>) -> Answer {
    let waits = !kernel::is_nonblocking(fd);
    if !world.is_listening(&to) {
        world.knows_socket(fd);
        return match waits && to.are_local() {
            true => attempts::carry_out(world, call, timeout_to_write(world, fd), wait),
            false => Answer::Pass,
        };
    }
    if !world.takes_another(&to) {
        if !waits {
            // The kernel tries again, in a second of real time.
            return and_look(world, kernel::perform(call));
        }
        let is_over = || context::try_with(|world| world.takes_another(&to)).unwrap_or(true);
        match wait(Probe::Server(to), deadline(world, timeout_to_write(world, fd)), &is_over) {
            Stood::Done => {}
            Stood::TimedOut => return Answer::Return(IN_PROGRESS),
            Stood::Never => return Answer::Pass,
        }
    }
    let result = world.has_connected(fd, kernel::perform(call));
    world.forget_kind(fd);
    world.knows_socket(fd);
    and_look(world, result)
}

/// Somebody may wait for what has just happened to a descriptor.
pub(super) fn and_look(world: &World, result: i64) -> Answer {
    world.look_outside();
    Answer::Return(result)
}

/// A call that goes by parts.
pub(super) struct ByParts<'a> {
    /// Whether a part goes without waiting, and what finds that out as well.
    pub is_ready: &'a dyn Fn() -> bool,
    pub probe: Probe,
    /// Until when its caller waits, for the whole of it.
    pub end: &'a dyn Fn() -> Option<Instant>,
    /// Carries a part of it out, from what is done on: how much, and whether that is all.
    pub part: &'a dyn Fn(usize) -> Result<(usize, bool), i64>,
}

impl ByParts<'_> {
    /// `None`: it is ready and would wait, for what only the kernel knows.
    pub(super) fn carry_out(&self, world: &World, wait: &mut Wait<'_>) -> Option<Answer> {
        let (mut done, mut end) = (0, None);
        let so_far = |done: usize, error: i64| Answer::Return(if done == 0 { error } else { done as i64 });
        loop {
            if !(self.is_ready)() {
                match wait(self.probe, *end.get_or_insert_with(self.end), self.is_ready) {
                    Stood::Done => {}
                    Stood::TimedOut => return Some(so_far(done, WOULD_WAIT)),
                    Stood::Never => return Some(Answer::Pass),
                }
            }
            let part = (self.part)(done);
            // A child process at the other end takes each part as it comes.
            world.look_outside_settled();
            match part {
                Ok((more, is_all)) => {
                    done += more;
                    if is_all {
                        return Some(Answer::Return(done as i64));
                    }
                }
                Err(WOULD_WAIT) if !(self.is_ready)() => {}
                Err(WOULD_WAIT) if done == 0 => return None,
                Err(error) => return Some(so_far(done, error)),
            }
        }
    }
}

/// More than there is room for is written in parts, and what is to come as a whole received in parts.
fn by_parts(world: &World, call: &Call, fd: i32, kind: Kind, writes: bool, wait: &mut Wait<'_>) -> Answer {
    let part = |done| {
        let part = match writes {
            true => kernel::write_part(call, done, kind == Kind::Pipe),
            false => kernel::receive_part(call, done),
        };
        if kind == Kind::Socket {
            world.settle_socket(fd);
        }
        part
    };
    let all = ByParts {
        is_ready: &|| kernel::is_ready(fd, writes),
        probe: probe(call),
        end: &|| end_of_wait(world, fd, kind, writes),
        part: &part,
    };
    match all.carry_out(world, wait) {
        Some(answer) => answer,
        // Whom a datagram is for takes no more.
        None if writes => attempts::carry_out(world, call, timeout_to_write(world, fd), wait),
        None => Answer::Pass,
    }
}

fn lock(call: &Call, wait: &mut Wait<'_>) -> Answer {
    let result = kernel::perform_now(call);
    if result != WOULD_WAIT {
        return Answer::Return(result);
    }
    match wait(probe(call), None, &|| kernel::is_over(call)) {
        Stood::Done => Answer::Return(kernel::perform_now(call)),
        Stood::TimedOut | Stood::Never => Answer::Pass,
    }
}
