//! What is known of candidates is the same however ages are kept.

use super::*;
use crate::prng::Stream;

/// Candidates that give way and wake others, and now and then the clock or somebody amid a step of another: with stamps the
/// same is known of them as with a ring.
#[test]
fn what_is_noted_late_is_what_is_noted_at_once() {
    for seed in 0..300 {
        let told: Vec<Vec<Option<Operation>>> = [false, true].into_iter().map(|stamps| told(seed, stamps)).collect();
        assert_eq!(told[0], told[1], "seed {seed}");
        assert!(told[0].iter().any(Option::is_some), "seed {seed}");
    }
}

/// What is told of those who are ready, the oldest first, after each of some steps.
fn told(seed: u64, stamps: bool) -> Vec<Option<Operation>> {
    let (mut stream, ready, mut told) = (Stream::new(seed, 0), Ready::new(), Vec::new());
    ready.begin(stamps, true);
    let stub = |task: u32| {
        let mut stub = Stub::new(Key::ROOT.child(task), 0, task);
        stub.0.slot = task;
        stub
    };
    let (mut away, mut running): (Vec<u32>, u32) = ((1..12).collect(), 0);
    let wake = |away: &mut Vec<u32>, stream: &mut Stream| {
        for _ in 0..stream.below(3).min(away.len() as u32) {
            ready.push(stub(away.swap_remove(stream.below(away.len() as u32) as usize)));
        }
    };
    ready.push(stub(0));
    for step in 0..60 {
        if ready.settle() == 0 {
            ready.clock_wakes();
            wake(&mut away, &mut stream);
            continue;
        }
        let view = ready.view();
        told.extend(view.by_age().map(|index| view.get(index).operation()));
        let nth = stream.below(ready.len() as u32) as usize;
        let chosen = view.by_age().nth(nth).unwrap();
        running = ready.take(chosen).1;
        wake(&mut away, &mut stream);
        if stream.below(4) == 0 {
            ready.settle();
            ready.view();
            wake(&mut away, &mut stream);
        }
        if stream.below(8) == 0 {
            ready.clock_wakes();
            wake(&mut away, &mut stream);
        }
        if stream.below(4) == 0 {
            let does = Operation { resource: step, access: crate::operation::Access::Read, announced: true };
            ready.announce(running, Key::ROOT.child(running), does);
        }
        if stream.below(3) > 0 { ready.push(stub(running)) } else { away.push(running) }
    }
    let _ = running;
    told
}

/// Against the obvious model: a vector in order of age.
#[test]
fn keeps_age_whatever_is_taken() {
    let mut stream = Stream::new(1, 0);
    for round in 0..200 {
        let ready = Ready::new();
        let mut model: Vec<u32> = Vec::new();
        for n in 0..300 {
            if stream.below(50) == 0 {
                ready.keep(stream.below(4) as Way);
            }
            ready.settle();
            if !model.is_empty() && stream.below(100) < 30 + round % 40 {
                let index = stream.below(ready.len() as u32) as usize;
                let Stub(candidate, payload) = ready.take(index);
                assert_eq!(candidate.step(), payload);
                model.retain(|&m| m != payload);
            } else {
                ready.push(Stub::new(Key::ROOT.child(n), n, n));
                model.push(n);
            }
            if stream.below(2) == 0 {
                continue;
            }
            ready.settle();
            let ages: Vec<u32> = ready.view().by_age().map(|i| ready.view().get(i).step()).collect();
            assert_eq!(ages, model);
            assert_eq!(ready.len(), model.len());
            if let Some(&oldest) = model.first() {
                let index = ready.oldest();
                assert_eq!(ready.view().get(index).step(), oldest);
            }
        }
    }
}
