//! Calls that move bytes from one descriptor to another, piece by piece between waits in the world.

use super::transfers::{ByParts, Wait, and_look, end_of_wait};
use crate::boundary::kernel::{self, Answer, Call, Kind};
use crate::sentinel::Touch;
use crate::world::{Probe, World};

/// One of the two ends.
#[derive(Clone, Copy)]
struct End {
    /// -1: memory.
    fd: i32,
    kind: Kind,
    writes: bool,
    /// Whether the call waits for it.
    waits: bool,
}

impl End {
    fn of(fd: i32, writes: bool, dont_wait: bool) -> End {
        let kind = if fd < 0 { Kind::None } else { kernel::kind_of(fd) };
        let can_wait = match kind {
            Kind::File | Kind::Random | Kind::None => false,
            // It goes by its own flag.
            Kind::Socket => true,
            Kind::Pipe | Kind::Other => !dont_wait,
        };
        End { fd, kind, writes, waits: can_wait && !kernel::is_nonblocking(fd) }
    }

    fn is_ready(self) -> bool {
        !self.waits || kernel::is_ready(self.fd, self.writes)
    }

    fn touch(self) -> Option<Touch> {
        match self.kind {
            Kind::File => Some(Touch::FileData),
            Kind::Socket => Some(Touch::Socket { nonblocking: !self.waits }),
            Kind::Pipe | Kind::Other => Some(Touch::Pipe { nonblocking: !self.waits, ready: self.is_ready() }),
            Kind::Random | Kind::None => None,
        }
    }
}

/// What the two ends touch.
pub(super) fn touches(from: i32, to: i32, dont_wait: bool) -> [Option<Touch>; 2] {
    [End::of(from, false, dont_wait), End::of(to, true, dont_wait)].map(End::touch)
}

/// Carries the call out: `[from, to]`.
pub(super) fn carry_out(
    world: &World,
    call: &Call,
    [from, to]: [i32; 2],
    dont_wait: bool,
    wait: &mut Wait<'_>,
) -> Answer {
    let ends = [End::of(from, false, dont_wait), End::of(to, true, dont_wait)];
    let [from, to] = ends;
    if !from.waits && !to.waits {
        return and_look(world, kernel::perform(call));
    }
    let waited_for = |end: End| if end.waits { end.fd } else { -1 };
    let sockets = || ends.iter().filter(|end| end.kind == Kind::Socket);
    let part = |done| {
        let part = kernel::move_part(call, done, to.waits && to.kind != Kind::Pipe);
        sockets().for_each(|end| world.settle_socket(end.fd));
        part
    };
    let all = ByParts {
        is_ready: &|| ends.iter().all(|end| end.is_ready()),
        probe: Probe::Ends { read: waited_for(from), write: waited_for(to) },
        end: &|| {
            sockets().filter(|end| end.waits).filter_map(|end| end_of_wait(world, end.fd, end.kind, end.writes)).min()
        },
        part: &part,
    };
    all.carry_out(world, wait).unwrap_or(Answer::Pass)
}
