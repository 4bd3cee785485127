//! What programs are made of.

#[cfg(feature = "smol")]
use super::facade::Facade;
use super::maker::Maker;
use super::more::More;
use super::system::System;
use fastrand::Rng;

/// What a task does, one after the other.
pub type Block = Vec<Op>;

/// What a job or a thread does.
pub type Steps = Vec<Step>;

/// One thing that a task does. The small numbers say which lock, channel, … of the program it is about.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    Note,
    Yield,
    Sleep(u8),
    /// On the loop, by std: allowed, and virtual time passes.
    Stall(u8),
    Choose(u8),
    Chance,
    /// Of the user's random numbers.
    Draw,
    Race(Block, Block),
    Or(Block, Block),
    Zip(Block, Block),
    Timeout(u8, Block),
    Ticks(u8),
    Fork(Vec<Child>, Block),
    Job(End, Steps),
    Lock(u8, Block),
    TryLock(u8, Block),
    ReadLock(Block),
    WriteLock(Block),
    Acquire(Block),
    Barrier,
    Once(Block),
    Send(u8, u8),
    Receive(u8),
    TrySend(u8, u8),
    TryReceive(u8),
    Close(u8),
    Listen,
    Notify(u8),
    /// Wakes itself so often, while it is being polled.
    Spin(u8),
    /// Reads a counter, does what is inside, and writes what it read and one more.
    Add(u8, Block),
    /// Says that it will look at a resource, or change it; then does.
    Look(u8),
    Change(u8),
    Hash,
    Clock,
    /// std's mutex, on the loop: a leak if it is held.
    Blocking(u8),
    Panic,
    /// Does the rest only if the counter is what it says, and so makes panics that depend on the schedule.
    When(u8, u8, Block),
    More(More),
    #[cfg(feature = "smol")]
    Facade(Facade),
}

/// What an operation, or a step, has inside.
pub enum Part<'a> {
    Block(&'a mut Block),
    Steps(&'a mut Steps),
}

/// Blocks as parts.
pub fn parts_of(blocks: &mut [Block]) -> Vec<Part<'_>> {
    blocks.iter_mut().map(Part::Block).collect()
}

impl Op {
    pub fn parts(&mut self) -> Vec<Part<'_>> {
        match self {
            Op::Race(a, b) | Op::Or(a, b) | Op::Zip(a, b) => vec![Part::Block(a), Part::Block(b)],
            Op::Timeout(_, body)
            | Op::Lock(_, body)
            | Op::TryLock(_, body)
            | Op::Add(_, body)
            | Op::When(_, _, body) => {
                vec![Part::Block(body)]
            }
            Op::ReadLock(body) | Op::WriteLock(body) | Op::Acquire(body) | Op::Once(body) => vec![Part::Block(body)],
            Op::Job(_, steps) => vec![Part::Steps(steps)],
            Op::Fork(children, body) => {
                let children = children.iter_mut().map(|child| Part::Block(&mut child.body));
                children.chain([Part::Block(body)]).collect()
            }
            Op::More(more) => more.parts(),
            #[cfg(feature = "smol")]
            Op::Facade(facade) => facade.parts(),
            _ => vec![],
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    pub how: How,
    pub body: Block,
    pub end: End,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum How {
    Plain,
    Local,
    Named,
}

/// What becomes of the handle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    Join,
    Detach,
    Cancel,
    Drop,
    /// Joined in another task.
    Elsewhere,
}

/// One thing that a job, or a thread, does.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Note,
    Yield,
    Sleep(u8),
    Nap(u8),
    Lock(u8, Steps),
    /// A ticket is waited for, and taken.
    Wait,
    WaitFor(u8),
    Ticket(bool),
    Send(u8),
    Receive,
    ReceiveFor(u8),
    Thread(bool, Steps),
    Scope(Steps, Steps),
    /// A thread parks, and is unparked once these are done.
    Park(Steps),
    ParkFor(u8),
    Pipe(Steps),
    Tcp(Steps),
    SendAsync(u8, u8),
    ReceiveAsync(u8),
    BlockOn(Block),
    Spawn(Block),
    Job(bool, Steps),
    Add(u8, Steps),
    Local,
    Hash,
    Clock,
    Panic,
    System(System),
}

impl Step {
    pub fn parts(&mut self) -> Vec<Part<'_>> {
        match self {
            Step::Lock(_, inner) | Step::Thread(_, inner) | Step::Job(_, inner) | Step::Add(_, inner) => {
                vec![Part::Steps(inner)]
            }
            Step::Park(inner) | Step::Pipe(inner) | Step::Tcp(inner) => vec![Part::Steps(inner)],
            Step::Scope(a, b) => vec![Part::Steps(a), Part::Steps(b)],
            Step::BlockOn(body) | Step::Spawn(body) => vec![Part::Block(body)],
            Step::System(system) => system.parts(),
            _ => vec![],
        }
    }
}

/// What may occur in a program.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// How many operations there may be, about.
    pub size: usize,
    pub jobs: bool,
    /// Threads, pipes and connections of its jobs' own.
    pub threads: bool,
    pub cancels: bool,
    pub panics: bool,
    /// Random numbers that no search goes through.
    pub draws: bool,
    /// What blocks the loop.
    pub leaks: bool,
    /// Everything that tasks share is announced, and nothing else.
    pub announced: bool,
    /// Time.
    pub timed: bool,
    /// Tasks, beside the scenario.
    pub forks: bool,
    /// What `more.rs` and `system.rs` have, of ten operations how many.
    pub more: u8,
    /// What `raddle::smol` has, of ten operations how many.
    pub facade: u8,
    /// Processes.
    pub children: bool,
}

impl Kind {
    pub const ALL: Kind = Kind {
        size: 24,
        jobs: true,
        threads: true,
        cancels: true,
        panics: true,
        draws: true,
        leaks: true,
        announced: false,
        timed: true,
        forks: true,
        more: 0,
        facade: 0,
        children: false,
    };
    pub const MORE: Kind = Kind { more: 4, ..Kind::ALL };
    /// Without the feature `smol` as [`Kind::MORE`].
    pub const FACADE: Kind = Kind { facade: 4, more: 2, ..Kind::ALL };
    pub const TASKS: Kind = Kind { jobs: false, threads: false, leaks: false, ..Kind::ALL };
}

/// A program: what the scenario does.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    pub main: Block,
    pub allow_panics: bool,
    /// In milliseconds; 0 for none.
    pub stall: u8,
    pub pool_threads: u8,
    pub retires: bool,
    /// Whoever waits for long is let go, where that can be done.
    pub rescued: bool,
}

impl Program {
    /// Program number `number` of its kind.
    pub fn new(kind: Kind, number: u64) -> Program {
        let mut rng = Rng::with_seed(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x7072_6f67);
        let budget = rng.usize(2..=kind.size);
        let mut maker = Maker::new(kind, rng, budget);
        let mut main = Vec::new();
        if kind.forks {
            let children = maker.children(3);
            let rest = maker.block(3);
            main.push(Op::Fork(children, rest));
        }
        while maker.left > 0 {
            let op = maker.op();
            main.push(op);
        }
        let rng = &mut maker.rng;
        Program {
            main,
            allow_panics: rng.bool(),
            stall: if kind.timed && kind.draws && rng.u8(..4) == 0 { rng.u8(1..4) } else { 0 },
            pool_threads: rng.u8(1..=3),
            retires: rng.bool(),
            rescued: kind.forks && !kind.announced && rng.u8(..5) > 0,
        }
    }
}
