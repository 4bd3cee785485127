//! Programs, and how they are made from numbers.

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
    };
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
        let mut maker = Maker { kind, rng, left: budget };
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

struct Maker {
    kind: Kind,
    rng: Rng,
    left: usize,
}

impl Maker {
    fn block(&mut self, most: usize) -> Block {
        let wanted = self.rng.usize(0..=most);
        let mut block = Vec::new();
        for _ in 0..wanted {
            if self.left == 0 {
                break;
            }
            let op = self.op();
            block.push(op);
        }
        block
    }

    fn children(&mut self, most: usize) -> Vec<Child> {
        let count = self.rng.usize(1..=most);
        let mut children = Vec::new();
        for _ in 0..count {
            self.left = self.left.saturating_sub(1);
            let how = [How::Plain, How::Local, How::Named][self.rng.usize(..3)];
            let body = self.block(4);
            let end = self.end();
            children.push(Child { how, body, end });
        }
        children
    }

    fn end(&mut self) -> End {
        let ends = [End::Join, End::Join, End::Join, End::Detach, End::Elsewhere, End::Cancel, End::Drop];
        if self.kind.announced {
            return End::Join;
        }
        ends[self.rng.usize(..if self.kind.cancels { 7 } else { 5 })]
    }

    fn op(&mut self) -> Op {
        self.left = self.left.saturating_sub(1);
        loop {
            if let Some(op) = self.try_op() {
                return op;
            }
        }
    }

    /// `None` if what was drawn is not of this kind.
    fn try_op(&mut self) -> Option<Op> {
        let kind = self.kind;
        if kind.announced {
            return Some(match self.rng.u8(..8) {
                0..3 => Op::Change(self.rng.u8(..2)),
                3..5 => Op::Look(self.rng.u8(..2)),
                5 => Op::Choose(2),
                6 if kind.forks => Op::Fork(self.children(2), self.block(1)),
                _ => Op::Change(2),
            });
        }
        let drawn = self.rng.u8(..50);
        let ms = self.rng.u8(..4);
        let one = self.rng.u8(..2);
        Some(match drawn {
            0 => Op::Note,
            1..4 => Op::Yield,
            4..6 if kind.timed => Op::Sleep(ms),
            6 if kind.leaks => Op::Stall(ms),
            7 => Op::Choose(self.rng.u8(1..4)),
            8 => Op::Chance,
            9 if kind.draws => Op::Draw,
            10 if kind.draws => Op::Race(self.block(2), self.block(2)),
            11 if kind.cancels => Op::Or(self.block(2), self.block(2)),
            12 => Op::Zip(self.block(2), self.block(2)),
            13 | 14 if kind.timed && kind.cancels => Op::Timeout(ms, self.block(3)),
            15 if kind.timed => Op::Ticks(ms),
            16..19 if kind.forks => Op::Fork(self.children(2), self.block(2)),
            19..23 if kind.jobs => {
                let end = self.end();
                Op::Job(end, self.steps(4))
            }
            23 | 24 => Op::Lock(one, self.block(2)),
            25 => Op::TryLock(one, self.block(2)),
            26 => Op::ReadLock(self.block(2)),
            27 => Op::WriteLock(self.block(2)),
            28 => Op::Acquire(self.block(2)),
            29 => Op::Barrier,
            30 => Op::Once(self.block(2)),
            31 | 32 => Op::Send(one, ms),
            33 | 34 => Op::Receive(one),
            35 => Op::TrySend(one, ms),
            36 => Op::TryReceive(one),
            37 if ms == 0 => Op::Close(one),
            38 => Op::Listen,
            39 => Op::Notify(ms),
            40 => Op::Spin(ms),
            41 | 42 => Op::Add(one, self.block(2)),
            43 if kind.draws => Op::Hash,
            44 if kind.timed => Op::Clock,
            45 if kind.leaks && ms == 0 => Op::Blocking(one),
            46 if kind.panics && ms == 0 => Op::Panic,
            47 => Op::When(one, ms, self.block(2)),
            48 if kind.panics => Op::When(one, ms, vec![Op::Panic]),
            _ => return None,
        })
    }

    fn steps(&mut self, most: usize) -> Steps {
        let wanted = self.rng.usize(0..=most);
        let mut steps = Vec::new();
        for _ in 0..wanted {
            if self.left == 0 {
                break;
            }
            self.left -= 1;
            let step = std::iter::repeat_with(|| self.try_step()).flatten().next();
            steps.extend(step);
        }
        steps
    }

    fn try_step(&mut self) -> Option<Step> {
        let kind = self.kind;
        let ms = self.rng.u8(..4);
        let one = self.rng.u8(..2);
        Some(match self.rng.u8(..40) {
            0 => Step::Note,
            1..4 => Step::Yield,
            4 if kind.timed => Step::Sleep(ms),
            5 if kind.timed => Step::Nap(ms),
            6..9 => Step::Lock(one, self.steps(2)),
            9 if ms < 2 => Step::Wait,
            10 if kind.timed => Step::WaitFor(ms),
            11..13 => Step::Ticket(one == 0),
            13..15 => Step::Send(ms),
            15 if ms < 2 => Step::Receive,
            16 if kind.timed => Step::ReceiveFor(ms),
            17..19 if kind.threads => Step::Thread(one == 0, self.steps(3)),
            19 if kind.threads => Step::Scope(self.steps(2), self.steps(2)),
            20 if kind.threads => Step::Park(self.steps(2)),
            21 if kind.timed => Step::ParkFor(ms),
            22 if kind.threads => Step::Pipe(self.steps(2)),
            23 if kind.threads => Step::Tcp(self.steps(2)),
            24 => Step::SendAsync(one, ms),
            25 => Step::ReceiveAsync(one),
            26..28 => Step::BlockOn(self.block(2)),
            28 => Step::Spawn(self.block(2)),
            29..31 => Step::Job(one == 0, self.steps(2)),
            31..33 => Step::Add(one, self.steps(2)),
            33 => Step::Local,
            34 if kind.draws => Step::Hash,
            35 if kind.timed => Step::Clock,
            36 if kind.panics && ms == 0 => Step::Panic,
            _ => return None,
        })
    }
}
