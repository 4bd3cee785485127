//! A program made smaller, as long as it shows the same.

use super::program::{Block, Op, Program, Step, Steps};

/// The smallest program found that still `shows` it: single operations are left out, or give way to what is inside them,
/// until no single one can.
pub fn shrink(program: &Program, shows: impl Fn(&Program) -> bool) -> Program {
    let mut smallest = program.clone();
    let mut tries = 0;
    'again: loop {
        for smaller in smaller(&smallest) {
            tries += 1;
            if tries > 2_000 {
                return smallest;
            }
            if shows(&smaller) {
                smallest = smaller;
                continue 'again;
            }
        }
        return smallest;
    }
}

fn smaller(program: &Program) -> Vec<Program> {
    let mut all: Vec<Program> =
        blocks(&program.main).into_iter().map(|main| Program { main, ..program.clone() }).collect();
    if program.stall > 0 {
        all.push(Program { stall: 0, ..program.clone() });
    }
    if program.retires {
        all.push(Program { retires: false, ..program.clone() });
    }
    all
}

/// All that one step smaller makes of a block.
fn blocks(block: &Block) -> Vec<Block> {
    let mut all = Vec::new();
    for (place, op) in block.iter().enumerate() {
        let with = |middle: Vec<Op>| [&block[..place], &middle, &block[place + 1..]].concat();
        all.push(with(vec![]));
        all.extend(inner(op).into_iter().map(&with));
        all.extend(ops(op).into_iter().map(|op| with(vec![op])));
    }
    all
}

/// What is inside an operation, in its place.
fn inner(op: &Op) -> Vec<Block> {
    match op {
        Op::Race(a, b) | Op::Or(a, b) | Op::Zip(a, b) => vec![a.clone(), b.clone()],
        Op::Fork(children, body) => {
            let mut all: Vec<Block> = children.iter().map(|child| child.body.clone()).collect();
            all.push(body.clone());
            all
        }
        _ => two(op).map(|(body, _)| vec![body.clone()]).unwrap_or_default(),
    }
}

type Rebuild<'a> = Box<dyn Fn(Block) -> Op + 'a>;

/// The one block of an operation, and how that is made of another.
fn two(op: &Op) -> Option<(&Block, Rebuild<'_>)> {
    Some(match op {
        Op::Timeout(ms, body) => (body, Box::new(|b| Op::Timeout(*ms, b))),
        Op::Lock(n, body) => (body, Box::new(|b| Op::Lock(*n, b))),
        Op::TryLock(n, body) => (body, Box::new(|b| Op::TryLock(*n, b))),
        Op::ReadLock(body) => (body, Box::new(Op::ReadLock)),
        Op::WriteLock(body) => (body, Box::new(Op::WriteLock)),
        Op::Acquire(body) => (body, Box::new(Op::Acquire)),
        Op::Once(body) => (body, Box::new(Op::Once)),
        Op::Add(n, body) => (body, Box::new(|b| Op::Add(*n, b))),
        Op::When(n, is, body) => (body, Box::new(|b| Op::When(*n, *is, b))),
        _ => return None,
    })
}

fn ops(op: &Op) -> Vec<Op> {
    let pairs = |a: &Block, b: &Block, make: fn(Block, Block) -> Op| {
        let left = blocks(a).into_iter().map(|a| make(a, b.clone()));
        left.chain(blocks(b).into_iter().map(|b| make(a.clone(), b))).collect()
    };
    match op {
        Op::Race(a, b) => pairs(a, b, Op::Race),
        Op::Or(a, b) => pairs(a, b, Op::Or),
        Op::Zip(a, b) => pairs(a, b, Op::Zip),
        Op::Fork(children, body) => {
            let mut all: Vec<Op> = blocks(body).into_iter().map(|body| Op::Fork(children.clone(), body)).collect();
            for (place, child) in children.iter().enumerate() {
                let mut fewer = children.clone();
                fewer.remove(place);
                all.push(Op::Fork(fewer, body.clone()));
                all.extend(blocks(&child.body).into_iter().map(|smaller| {
                    let mut children = children.clone();
                    children[place].body = smaller;
                    Op::Fork(children, body.clone())
                }));
            }
            all
        }
        Op::Job(end, steps) => all_steps(steps).into_iter().map(|steps| Op::Job(*end, steps)).collect(),
        _ => two(op).map(|(body, make)| blocks(body).into_iter().map(make).collect()).unwrap_or_default(),
    }
}

fn all_steps(steps: &Steps) -> Vec<Steps> {
    let mut all = Vec::new();
    for (place, step) in steps.iter().enumerate() {
        let with = |middle: Vec<Step>| [&steps[..place], &middle, &steps[place + 1..]].concat();
        all.push(with(vec![]));
        let one = |inner: &Steps, make: &dyn Fn(Steps) -> Step| -> Vec<Steps> {
            let smaller = all_steps(inner).into_iter().map(|steps| with(vec![make(steps)]));
            std::iter::once(with(inner.clone())).chain(smaller).collect()
        };
        all.extend(match step {
            Step::Lock(n, inner) => one(inner, &|s| Step::Lock(*n, s)),
            Step::Thread(join, inner) => one(inner, &|s| Step::Thread(*join, s)),
            Step::Park(inner) => one(inner, &Step::Park),
            Step::Pipe(inner) => one(inner, &Step::Pipe),
            Step::Tcp(inner) => one(inner, &Step::Tcp),
            Step::Job(join, inner) => one(inner, &|s| Step::Job(*join, s)),
            Step::Add(n, inner) => one(inner, &|s| Step::Add(*n, s)),
            Step::Scope(a, b) => {
                let left = one(a, &|a| Step::Scope(a, b.clone()));
                left.into_iter().chain(one(b, &|b| Step::Scope(a.clone(), b))).collect()
            }
            Step::BlockOn(body) => blocks(body).into_iter().map(|b| with(vec![Step::BlockOn(b)])).collect(),
            Step::Spawn(body) => blocks(body).into_iter().map(|b| with(vec![Step::Spawn(b)])).collect(),
            _ => vec![],
        });
    }
    all
}
