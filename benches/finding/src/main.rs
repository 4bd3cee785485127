//! How many schedules each strategy needs to the first bug: for every program the mean over 20 campaigns, capped at
//! 10,000 schedules each, raddle's strategies beside shuttle's in the same run.
//!
//! ```sh
//! cargo run --release                            # all of it
//! cargo run --release -- --quick                 # 3 campaigns capped at 500, for CI
//! cargo run --release -- --only reorder --raddle # some programs, some tools
//! ```

mod by_raddle;
mod by_shuttle;
mod cost;
mod digests;
mod host;
mod kept;
mod programs;

use by_raddle::Raddle;
use by_shuttle::Shuttle;
use kept::Kept;
use programs::Program;
use raddle::StrategyKind;
use std::process::{Command, ExitCode, Stdio};

const USAGE: &str = "\
usage: raddle-finding [--quick] [--campaigns N] [--cap N] [--only PART,…] [--strategies NAME,…] [--keep FILE,…] [--raddle | --shuttle | --shrink | --rates N | --digests N | --cost | --instructions]

  --quick             3 campaigns capped at 500 schedules
  --campaigns N       how many campaigns (20)
  --cap N             at most so many schedules in each (10,000)
  --only PART,…       the programs whose names have one of these in them
  --strategies NAME,… these of raddle's strategies
  --keep FILE,…       takes cells that an earlier table of as many campaigns with the same cap has from there: shuttle's
                      do not depend on raddle
  --shrink            instead: how short the first failure of each campaign of raddle's portfolio becomes
  --rates N           instead: of N schedules of each of raddle's strategies, how many in 1,000 fail
  --digests N         instead: a digest of N schedules of each of raddle's strategies, on each program and one more
  --cost              instead: what a step of each of raddle's strategies takes, in steps of random
  --instructions      the same, counted by valgrind
  --raddle            without shuttle
  --shuttle           without raddle";

struct Options {
    campaigns: u64,
    cap: u64,
    only: Vec<String>,
    strategies: Vec<StrategyKind>,
    keep: Vec<String>,
    raddle: bool,
    shuttle: bool,
    shrink: bool,
    rates: Option<u64>,
    digests: Option<u64>,
    /// Whether to tell costs, and if so whether in instructions.
    cost: Option<bool>,
}

impl Options {
    /// Whether the program of that name is asked for.
    fn wants(&self, program: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| program.contains(part.as_str()))
    }
}

/// raddle's strategies, unless told otherwise.
const STRATEGIES: &[&str] =
    &["portfolio", "random", "reversal", "urw", "surw", "pos", "late-writes", "pct:2", "pct:3", "delay:2"];

fn options(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        campaigns: 20,
        cap: 10_000,
        only: Vec::new(),
        strategies: Vec::new(),
        keep: Vec::new(),
        raddle: true,
        shuttle: true,
        shrink: false,
        rates: None,
        digests: None,
        cost: None,
    };
    let mut names: Vec<String> = STRATEGIES.iter().map(|s| s.to_string()).collect();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} wants a value"));
        let number = |text: String| text.replace('_', "").parse().map_err(|_| format!("{arg} {text}: not a number"));
        let list = |text: String| text.split(',').map(str::to_string).collect();
        match arg.as_str() {
            "--quick" => (options.campaigns, options.cap) = (3, 500),
            "--campaigns" => options.campaigns = number(value()?)?,
            "--cap" => options.cap = number(value()?)?,
            "--only" => options.only = list(value()?),
            "--keep" => options.keep = list(value()?),
            "--strategies" => names = list(value()?),
            "--shrink" => options.shrink = true,
            "--cost" => options.cost = Some(false),
            "--instructions" => options.cost = Some(true),
            "--rates" => options.rates = Some(number(value()?)?),
            "--digests" => options.digests = Some(number(value()?)?),
            "--raddle" => options.shuttle = false,
            "--shuttle" => options.raddle = false,
            other => return Err(format!("{other}: unknown")),
        }
    }
    for name in names {
        options.strategies.push(name.parse().map_err(|error: raddle::Error| error.to_string())?);
    }
    Ok(options)
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|first| first == "--child") {
        child(&args[1..]);
        return ExitCode::SUCCESS;
    }
    if let [first, strategy, tasks, runs] = &args[..]
        && first == "--steps-of"
    {
        let [tasks, runs] = [tasks, runs].map(|n| n.parse().expect("the parent writes numbers"));
        println!("{}", cost::run(&strategy.parse().expect("the parent writes strategies"), tasks, runs));
        return ExitCode::SUCCESS;
    }
    let options = match options(args.into_iter()) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    // Every bug is a panic, and hundreds of them are wanted.
    std::panic::set_hook(Box::new(|_| {}));
    if let Some(instructions) = options.cost {
        cost::table(&options.strategies, instructions);
    } else if let Some(runs) = options.digests {
        digests::table(&options.strategies, runs, |name| options.wants(name));
    } else if let Some(runs) = options.rates {
        rates(&options, runs);
    } else if options.shrink {
        shrink(&options);
    } else if let Err(error) = table(&options) {
        eprintln!("{error}");
        return ExitCode::from(2);
    }
    ExitCode::SUCCESS
}

fn table(options: &Options) -> Result<(), String> {
    let first = format!(
        "mean schedules to the first bug, {} campaigns capped at {}; in brackets how many campaigns found it, if not all",
        options.campaigns, options.cap
    );
    let kept = Kept::read(&options.keep, &first)?;
    let mut columns: Vec<String> = Vec::new();
    if options.raddle {
        columns.extend(options.strategies.iter().map(|s| s.to_string()));
    }
    if options.shuttle {
        columns.extend(by_shuttle::SCHEDULERS.iter().map(|s| format!("shuttle {s}")));
    }
    println!("{first}");
    print!("{:16}", "");
    columns.iter().for_each(|column| print!(" {column:>14}"));
    println!();
    let all = programs::all::<Raddle>();
    all.iter().filter(|program| options.wants(program.name)).for_each(|program| row(options, program, &kept));
    if !options.keep.is_empty() {
        println!("kept from {}: {}", options.keep.join(", "), kept.columns(&columns).join(", "));
    }
    Ok(())
}

/// What each strategy is worth on each program, run by run: what a deal of the seeds is weighed by.
fn rates(options: &Options, runs: u64) {
    println!("failing runs in 1,000, of {runs}");
    print!("{:16}", "");
    options.strategies.iter().for_each(|strategy| print!(" {:>9}", strategy.to_string()));
    println!();
    for program in programs::all::<Raddle>().iter().filter(|program| options.wants(program.name)) {
        print!("{:16}", program.name);
        for strategy in &options.strategies {
            print!(" {:>9.3}", 1_000.0 * by_raddle::rate(program, strategy, runs) as f64 / runs as f64);
            let _ = std::io::Write::flush(&mut std::io::stdout());
        }
        println!();
    }
}

/// How many deviations are left of the first failure, and how many reruns that took.
fn shrink(options: &Options) {
    println!("deviations left of the first failure, and reruns: medians of {} campaigns", options.campaigns);
    println!("{:16} {:>10} {:>6} {:>10} {:>8} {:>8}", "", "depth", "found", "deviations", "most", "reruns");
    for program in programs::all::<Raddle>().iter().filter(|program| options.wants(program.name)) {
        let all = (0..options.campaigns).filter_map(|campaign| by_raddle::shrink(program, campaign, options.cap));
        let (mut deviations, mut reruns): (Vec<usize>, Vec<usize>) = all.unzip();
        deviations.sort_unstable();
        reruns.sort_unstable();
        let median = |sorted: &[usize]| sorted.get(sorted.len() / 2).map_or("-".to_string(), |n| n.to_string());
        let most = deviations.last().copied().unwrap_or(0);
        let (kept, took) = (median(&deviations), median(&reruns));
        println!("{:16} {:>10} {:>6} {kept:>10} {most:>8} {took:>8}", program.name, program.depth, deviations.len());
    }
}

fn row(options: &Options, by_raddle: &Program, kept: &Kept) {
    print!("{:16}", by_raddle.name);
    let was_kept = |column: &str| match kept.cell(by_raddle.name, column) {
        Some(cell) => {
            print!(" {cell:>14}");
            true
        }
        None => false,
    };
    let show = |run: &dyn Fn(u64) -> Option<u64>| {
        let found: Vec<Option<u64>> = (0..options.campaigns).map(run).collect();
        let hits = found.iter().flatten().count();
        let all: u64 = found.iter().map(|schedules| schedules.unwrap_or(options.cap)).sum();
        let mean = all as f64 / options.campaigns as f64;
        match hits as u64 == options.campaigns {
            true => print!(" {mean:>14.1}"),
            false => print!(" {:>14}", format!(">{mean:.0} ({hits})")),
        }
        let _ = std::io::Write::flush(&mut std::io::stdout());
    };
    if options.raddle {
        for strategy in options.strategies.iter().filter(|strategy| !was_kept(&strategy.to_string())) {
            show(&|campaign| by_raddle::campaign(by_raddle, strategy, campaign, options.cap));
        }
    }
    if options.shuttle {
        for scheduler in by_shuttle::SCHEDULERS.iter().filter(|scheduler| !was_kept(&format!("shuttle {scheduler}"))) {
            let found = campaigns_of_a_child(by_raddle.name, scheduler, options);
            show(&|campaign| found.get(campaign as usize).copied().flatten());
        }
    }
    println!();
}

/// The campaigns of one of shuttle's schedulers, in a process of their own: shuttle has much to say to standard error,
/// and a panic hook of its own.
fn campaigns_of_a_child(program: &str, scheduler: &str, options: &Options) -> Vec<Option<u64>> {
    let this = std::env::current_exe().expect("the path of this program");
    let numbers = [options.campaigns.to_string(), options.cap.to_string()];
    let child = Command::new(this).args(["--child", program, scheduler]).args(numbers).stderr(Stdio::null()).output();
    let output = child.expect("this program can be started");
    assert!(output.status.success(), "shuttle {scheduler} of {program}: {}", output.status);
    String::from_utf8_lossy(&output.stdout).lines().map(|line| line.parse().ok()).collect()
}

/// What the child does: one line a campaign.
fn child(args: &[String]) {
    let [program, scheduler, campaigns, cap] = args else { panic!("{args:?}") };
    let programs = programs::all::<Shuttle>();
    let program = programs.iter().find(|p| p.name == program).expect("the parent knows the names");
    let [campaigns, cap]: [u64; 2] = [campaigns, cap].map(|n| n.parse().expect("the parent writes numbers"));
    for campaign in 0..campaigns {
        match by_shuttle::campaign(program, scheduler, campaign, cap) {
            Some(schedules) => println!("{schedules}"),
            None => println!("none"),
        }
    }
}
