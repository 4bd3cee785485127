//! Explores the stories and prints what was found in each, with the shortest interleaving and the line that replays it.
//!
//! `cargo run --example stories` shows all of them, `cargo run --example stories bank quotes` the named ones, and
//! `cargo run --example stories bank 0x2` the runs of that seed, as they are. With `digests 1000` it prints, for each side
//! of each story, the digest of a thousand runs: the same in every process, which `.ci/run` checks. With `finding 20` it
//! prints how many schedules each strategy needs to the first failure of each broken side, in the mean of twenty
//! explorations: no strategy was chosen or fitted by these.

#![allow(clippy::duplicate_mod, reason = "that is the point: one story, two releases")]

mod stories;

use raddle::{Check, Explore, Failure, Seed, StrategyKind};
use std::process::ExitCode;
use stories::{STORIES, Side, Story};

fn main() -> ExitCode {
    let wanted = match Wanted::read(std::env::args().skip(1)) {
        Ok(wanted) => wanted,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    if let Some(campaigns) = wanted.finding {
        finding(&wanted.stories, campaigns);
        return ExitCode::SUCCESS;
    }
    let mut all_as_expected = true;
    for story in &wanted.stories {
        if wanted.digests.is_none() {
            tell(story);
        }
        for side in story.sides {
            match (wanted.digests, wanted.seed) {
                (Some(seeds), _) => digest(story, side, seeds),
                (None, Some(seed)) => replay(story, side, seed),
                (None, None) => all_as_expected &= explore(story, side),
            }
        }
        if let (None, Some(release)) = (wanted.digests, story.elsewhere) {
            println!(
                "  {release}: fixed; the same range of versions, so: cargo test --manifest-path sims/fixed/Cargo.toml\n"
            );
        }
    }
    if all_as_expected { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What the command line asks for.
struct Wanted {
    stories: Vec<&'static Story>,
    seed: Option<u64>,
    /// Only digests, of so many seeds.
    digests: Option<u64>,
    /// Only how soon the first failure is found, in the mean of so many explorations.
    finding: Option<u64>,
}

impl Wanted {
    fn read(words: impl Iterator<Item = String>) -> Result<Wanted, String> {
        let mut wanted = Wanted { stories: Vec::new(), seed: None, digests: None, finding: None };
        let mut words = words.peekable();
        if words.next_if_eq("digests").is_some() {
            let seeds = words.next().and_then(|n| n.parse().ok());
            wanted.digests = Some(seeds.ok_or("digests: how many seeds of each? For instance: digests 256")?);
        }
        if words.next_if_eq("finding").is_some() {
            let campaigns = words.next().and_then(|n| n.parse().ok()).filter(|campaigns| *campaigns > 0);
            wanted.finding =
                Some(campaigns.ok_or("finding: the mean of how many explorations? For instance: finding 20")?);
        }
        for word in words {
            match (STORIES.iter().find(|story| story.name == word), word.parse::<Seed>()) {
                (Some(story), _) => wanted.stories.push(story),
                (None, Ok(seed)) => wanted.seed = Some(seed.get()),
                (None, Err(_)) => {
                    let names: Vec<_> = STORIES.iter().map(|story| story.name).collect();
                    return Err(format!("{word:?} is neither a seed nor a story; the stories: {}", names.join(", ")));
                }
            }
        }
        if wanted.stories.is_empty() {
            wanted.stories = STORIES.iter().collect();
        }
        Ok(wanted)
    }
}

fn tell(story: &Story) {
    println!("{}: {}", story.name, story.about);
    println!("  {}", story.wrong);
    if let Some(upstream) = story.upstream {
        println!("  {upstream}");
    }
    println!();
}

/// Explores a side and prints what was found; whether it was what is to be found.
fn explore(story: &Story, side: &Side) -> bool {
    let replay = format!("cargo run --example stories {} {{seed}}", story.name);
    let found = side.explore(story.name, Explore::new().replay_with(&replay));
    let failing: u64 = found.failures().iter().map(Failure::count).sum();
    let (runs, orders) = (found.runs(), found.interleavings());
    match failing {
        0 => println!("  {}: nothing wrong in {runs} seeds ({orders} different orders)", side.on),
        _ => println!("  {}: {failing} of {runs} seeds fail ({orders} different orders)", side.on),
    }
    for failure in found.failures() {
        println!("\n{}\n", indented(&failure.interleaving()));
        println!("    replay: {}", failure.replay());
    }
    if found.is_ok() && found.outcomes().len() > 1 {
        for outcome in found.outcomes() {
            println!("    {:>3} times {}", outcome.count(), outcome.text());
        }
    }
    println!();
    let as_expected = side.check(&found);
    if let Err(message) = &as_expected {
        println!("    THIS IS NOT WHAT IS TO BE FOUND: {message}\n");
    }
    as_expected.is_ok()
}

/// Prints what tells whether two processes went the same ways.
fn digest(story: &Story, side: &Side, seeds: u64) {
    let found = side.explore(story.name, Explore::new().seeds(0..seeds).shrink_budget(0));
    println!("{}::{} {} {}", story.name, side.name, found.runs(), found.digest());
}

/// The strategies whose worth is told, and how many schedules an exploration may take.
const STRATEGIES: &[&str] =
    &["portfolio", "random", "reversal", "urw", "surw", "pos", "late-writes", "pct:2", "pct:3", "delay:2"];
const CAP: u64 = 10_000;

/// Prints how many schedules each strategy needs to the first failure of each broken side. One that finds nothing counts
/// as the cap, and how many did find something is told in brackets.
fn finding(stories: &[&Story], campaigns: u64) {
    println!("mean schedules to the first failure, {campaigns} explorations of at most {CAP}");
    print!("{:32}", "");
    STRATEGIES.iter().for_each(|strategy| print!(" {strategy:>12}"));
    println!();
    for (story, side) in stories.iter().flat_map(|story| story.sides.iter().map(move |side| (story, side))) {
        if side.finds.is_empty() {
            continue;
        }
        print!("{:32}", format!("{} ({})", story.name, side.on));
        for strategy in STRATEGIES {
            let strategy: StrategyKind = strategy.parse().expect("the table's strategies are raddle's");
            let (mut schedules, mut found) = (0, 0);
            for campaign in 0..campaigns {
                let seeds = Explore::new().seeds(campaign << 32..(campaign << 32) + CAP).strategy(strategy.clone());
                let first =
                    side.explore(story.name, seeds.check(Check::Off).stop_at_first_failure(true).shrink_budget(0));
                found += u64::from(!first.is_ok());
                schedules += first.runs();
            }
            let mean = format!("{:.1}", schedules as f64 / campaigns as f64);
            let cell = if found == campaigns { mean } else { format!(">{mean} ({found})") };
            print!(" {cell:>12}");
        }
        println!();
    }
}

/// Prints one run, as its seed has it.
fn replay(story: &Story, side: &Side, seed: u64) {
    let found = side.explore(story.name, Explore::new().seeds(seed..seed + 1).shrink_budget(0));
    println!("  {}:", side.on);
    println!("{}\n", indented(&found.to_string()));
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}").trim_end().to_string()).collect::<Vec<_>>().join("\n")
}
