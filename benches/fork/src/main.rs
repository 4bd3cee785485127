//! A seed of an empty scenario in a process of its own, beside a bare fork, exit and wait of the same process: by turns, in
//! one process, with less and more memory touched.
//!
//! `cargo run --release [ROUNDS [MEGABYTES...]]`. The ratio of each round is that of two stretches of forks next to each other;
//! what is shown is the median of the rounds, and their middle half. Page faults are counted beside the times: they are
//! most of what a small process costs, and do not depend on what else the machine has to do.

use raddle::{Check, Explore, Isolation, StrategyKind};
use std::time::Instant;

/// Forks in one stretch.
const FORKS: u64 = 100;

/// What a seed may cost, in bare forks.
const TARGET: f64 = 1.5;

fn main() {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<usize>().expect("a number"));
    let rounds = numbers.next().unwrap_or(15);
    let mut sizes: Vec<usize> = numbers.collect();
    if sizes.is_empty() {
        sizes = vec![0, 4, 16];
    }
    println!("{rounds} rounds of {FORKS} each, by turns; the ratio's middle half in brackets");
    println!("touched memory  clock      bare fork   a seed   ratio, at most {TARGET} is wanted");
    let mut ballast: Vec<u8> = Vec::new();
    for megabytes in sizes {
        ballast.resize(megabytes << 20, 1);
        // Both ways once, so that all is loaded.
        bare();
        seeds();
        let pairs: Vec<(Cost, Cost)> = (0..rounds)
            .map(|round| match round % 2 {
                // Either goes first as often.
                0 => (bare(), seeds()),
                _ => {
                    let seed = seeds();
                    (bare(), seed)
                }
            })
            .collect();
        tell(megabytes, "wall", "µs", &pairs, |cost| cost.wall);
        tell(megabytes, "processor", "µs", &pairs, |cost| cost.processor);
        tell(megabytes, "faults", "  ", &pairs, |cost| cost.faults);
    }
    assert!(ballast.iter().all(|&byte| byte == 1));
}

fn tell(megabytes: usize, clock: &str, unit: &str, pairs: &[(Cost, Cost)], of: fn(&Cost) -> f64) {
    let quartiles_of =
        |value: &dyn Fn(&(Cost, Cost)) -> f64| quartiles(&mut pairs.iter().map(value).collect::<Vec<_>>());
    let [low, ratio, high] = quartiles_of(&|(fork, seed)| of(seed) / of(fork));
    let [_, fork, _] = quartiles_of(&|(fork, _)| of(fork));
    let [_, seed, _] = quartiles_of(&|(_, seed)| of(seed));
    println!(
        "{megabytes:>10} MiB  {clock:<9} {fork:>7.0} {unit} {seed:>6.0} {unit}   {ratio:.2} ({low:.2} to {high:.2})"
    );
}

/// One fork: microseconds of real time, and of processors, the child's with it; and page faults of both.
struct Cost {
    wall: f64,
    processor: f64,
    faults: f64,
}

/// Where the clocks are.
struct Watch(Instant, [f64; 2]);

impl Watch {
    fn start() -> Watch {
        Watch(Instant::now(), Watch::used())
    }

    fn stop(self) -> Cost {
        let wall = self.0.elapsed().as_secs_f64() * 1e6;
        let ([processor, faults], [processor_before, faults_before]) = (Watch::used(), self.1);
        let of_each = |all: f64| all / FORKS as f64;
        Cost {
            wall: of_each(wall),
            processor: of_each(processor - processor_before),
            faults: of_each(faults - faults_before),
        }
    }

    /// What this process and all its children have used: microseconds, and page faults.
    fn used() -> [f64; 2] {
        let used = |who| {
            // SAFETY: a place for a rusage, of which zeros are a valid value.
            let usage = unsafe {
                let mut usage: libc::rusage = std::mem::zeroed();
                libc::getrusage(who, &mut usage);
                usage
            };
            let micros = |time: libc::timeval| time.tv_sec as f64 * 1e6 + time.tv_usec as f64;
            [micros(usage.ru_utime) + micros(usage.ru_stime), usage.ru_minflt as f64]
        };
        let ([processor, faults], [of_children, their_faults]) = (used(libc::RUSAGE_SELF), used(libc::RUSAGE_CHILDREN));
        [processor + of_children, faults + their_faults]
    }
}

/// A fork whose child ends at once, and that is waited for.
fn bare() -> Cost {
    // On a thread of its own, as the other.
    let stretch = || {
        let watch = Watch::start();
        for _ in 0..FORKS {
            // SAFETY: the child does nothing but end, and the parent waits for it.
            unsafe {
                match libc::fork() {
                    0 => libc::_exit(0),
                    child => assert_eq!(libc::waitpid(child, std::ptr::null_mut(), 0), child),
                }
            }
        }
        watch.stop()
    };
    std::thread::spawn(stretch).join().expect("forks")
}

/// The same of a seed.
fn seeds() -> Cost {
    let explore = Explore::new().seeds(0..FORKS).check(Check::Off).strategy(StrategyKind::Fifo);
    let explore = explore.isolation(Isolation::Process);
    let watch = Watch::start();
    // One that asks for nothing of its seed would be the last.
    let found = explore.run(|| async { _ = raddle::choose(2) });
    let cost = watch.stop();
    assert!(found.is_ok() && found.runs() == FORKS, "{found}");
    cost
}

fn quartiles(values: &mut [f64]) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values[(values.len() - 1) * quarter / 4])
}
