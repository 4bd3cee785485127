//! How programs are made from numbers.

use super::program::{Block, Child, End, How, Kind, Op, Step, Steps};
use super::{more, system};
use fastrand::Rng;

pub struct Maker {
    pub kind: Kind,
    pub rng: Rng,
    /// How many operations may still be made.
    pub left: usize,
}

impl Maker {
    pub fn new(kind: Kind, rng: Rng, left: usize) -> Maker {
        Maker { kind, rng, left }
    }

    pub fn block(&mut self, most: usize) -> Block {
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

    pub fn children(&mut self, most: usize) -> Vec<Child> {
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

    pub fn end(&mut self) -> End {
        let ends = [End::Join, End::Join, End::Join, End::Detach, End::Elsewhere, End::Cancel, End::Drop];
        if self.kind.announced {
            return End::Join;
        }
        ends[self.rng.usize(..if self.kind.cancels { 7 } else { 5 })]
    }

    pub fn op(&mut self) -> Op {
        self.left = self.left.saturating_sub(1);
        loop {
            if let Some(op) = self.try_op() {
                return op;
            }
        }
    }

    pub fn blocks(&mut self, most: usize) -> Vec<Block> {
        (0..self.rng.usize(1..=most)).map(|_| self.block(2)).collect()
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
        if kind.facade + kind.more > 0 {
            let of_ten = self.rng.u8(..10);
            #[cfg(feature = "smol")]
            if of_ten < kind.facade {
                return super::facade::make(self).map(Op::Facade);
            }
            if of_ten < kind.facade + kind.more {
                return more::make(self).map(Op::More);
            }
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
            10 if kind.draws && kind.cancels => Op::Race(self.block(2), self.block(2)),
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

    pub fn steps(&mut self, most: usize) -> Steps {
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
        if kind.more > 0 && kind.threads && self.rng.u8(..10) < 4 {
            return system::make(self).map(Step::System);
        }
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
