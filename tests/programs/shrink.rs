//! A program made smaller, as long as it shows the same.

use super::program::{Block, Op, Part, Program, Step, Steps};

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
        for part in op.clone().parts() {
            if let Part::Block(inner) = part {
                all.push(with(inner.clone()));
            }
        }
        all.extend(ops(op).into_iter().map(|op| with(vec![op])));
    }
    all
}

fn ops(op: &Op) -> Vec<Op> {
    let mut all = Vec::new();
    if let Op::Fork(children, body) = op {
        for place in 0..children.len() {
            let mut fewer = children.clone();
            fewer.remove(place);
            all.push(Op::Fork(fewer, body.clone()));
        }
    }
    all.extend(inside(op, Op::parts));
    all
}

fn steps(steps: &Steps) -> Vec<Steps> {
    let mut all = Vec::new();
    for (place, step) in steps.iter().enumerate() {
        let with = |middle: Vec<Step>| [&steps[..place], &middle, &steps[place + 1..]].concat();
        all.push(with(vec![]));
        for part in step.clone().parts() {
            if let Part::Steps(inner) = part {
                all.push(with(inner.clone()));
            }
        }
        all.extend(inside(step, Step::parts).into_iter().map(|step| with(vec![step])));
    }
    all
}

/// What is inside is made smaller.
fn inside<T: Clone>(of: &T, parts: impl Fn(&mut T) -> Vec<Part<'_>>) -> Vec<T> {
    let mut all = Vec::new();
    let mut whole = of.clone();
    for (place, part) in parts(&mut whole).into_iter().enumerate() {
        let mut with = |change: &dyn Fn(&mut Part<'_>)| {
            let mut smaller = of.clone();
            change(&mut parts(&mut smaller)[place]);
            all.push(smaller);
        };
        match part {
            Part::Block(inner) => blocks(inner).into_iter().for_each(|smaller| {
                with(&|part| {
                    if let Part::Block(block) = part {
                        block.clone_from(&smaller);
                    }
                });
            }),
            Part::Steps(inner) => steps(inner).into_iter().for_each(|smaller| {
                with(&|part| {
                    if let Part::Steps(steps) = part {
                        steps.clone_from(&smaller);
                    }
                });
            }),
        }
    }
    all
}
