//! What `#[raddle::test]` calls: it prints what a test tells, and fails it.

use crate::drive::{self, Driven};
use crate::env::{Env, Regressions};
use crate::error::Error;
use crate::explore::{self, Plan};
use crate::finding::FindingKind;
use crate::isolation::Isolation;
use crate::recheck::Check;
use crate::regressions::{self, Regression};
use crate::replay::Replay;
use crate::report::{Failure, Found, Report};
use crate::run::{Scenario, Setup};
use crate::schedule::StrategyKind;
use crate::seed::Seed;
use crate::sentinel::{Class, Policy};
use crate::sim::{self, Config, Sim};
use crate::token::Schedule;
use std::fmt::{Debug, Write as _};
use std::future::Future;
use std::io::Write as _;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where a test stands, as the attribute tells.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Site {
    pub name: &'static str,
    pub module: &'static str,
    pub file: &'static str,
    pub line: u32,
    pub manifest_dir: &'static str,
    pub package: &'static str,
    pub krate: &'static str,
    pub bin: Option<&'static str>,
    /// The same and more in one text, for `cargo raddle` to find in the binary.
    pub marker: &'static str,
}

impl Site {
    /// The test's path within its crate, as libtest has it.
    fn path(&self) -> String {
        match self.module.split_once("::") {
            Some((_, inner)) => format!("{inner}::{}", self.name),
            None => self.name.to_string(),
        }
    }

    /// The test's source file within its package: `file!()` is relative to the workspace's root, which is some folder
    /// above the package's, or that itself.
    fn file_in_package(&self) -> &Path {
        let file = Path::new(self.file);
        let mut outer = file.ancestors().skip(1);
        let within = outer.find_map(|folder| {
            let is_end = Path::new(self.manifest_dir).ends_with(folder) && folder != Path::new("");
            is_end.then(|| file.strip_prefix(folder).unwrap_or(file))
        });
        within.unwrap_or(file)
    }

    /// The command that runs this test and no other.
    fn command(&self) -> String {
        let folder = self.file_in_package().iter().next().and_then(|f| f.to_str()).unwrap_or_default();
        let target = match (self.bin, folder) {
            (Some(bin), _) => format!("--bin {bin}"),
            (None, "src") => "--lib".into(),
            (None, "examples") => format!("--example {}", self.krate),
            (None, "benches") => format!("--bench {}", self.krate),
            (None, _) => format!("--test {}", self.krate),
        };
        format!("cargo test -p {} {target} -- --exact {}", self.package, self.path())
    }

    fn seed_file(&self) -> Option<PathBuf> {
        regressions::path(self.manifest_dir, self.file)
    }
}

/// What the attribute's arguments set.
#[doc(hidden)]
pub struct Options {
    config: Config,
    seeds: Option<u64>,
    seed: Option<Seed>,
    strategy: Option<&'static str>,
    snapshot: Option<fn(&Report<()>)>,
    check: Check,
    regressions: bool,
}

#[doc(hidden)]
impl Options {
    fn new() -> Options {
        Options {
            config: Config::default(),
            seeds: None,
            seed: None,
            strategy: None,
            snapshot: None,
            check: Check::First,
            regressions: true,
        }
    }

    pub fn seeds(mut self, seeds: u64) -> Self {
        self.seeds = Some(seeds);
        self
    }

    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(Seed::from(seed));
        self
    }

    pub fn strategy_str(mut self, strategy: &'static str) -> Self {
        self.strategy = Some(strategy);
        self
    }

    pub fn snapshot(mut self, take: fn(&Report<()>)) -> Self {
        self.snapshot = Some(take);
        self
    }

    pub fn check(mut self, all: bool) -> Self {
        self.check = if all { Check::All } else { Check::Off };
        self
    }

    pub fn regressions(mut self, keep: bool) -> Self {
        self.regressions = keep;
        self
    }

    pub fn max_steps(mut self, steps: u64) -> Self {
        self.config.options.max_steps = steps;
        self
    }

    pub fn pool_threads(mut self, threads: usize) -> Self {
        self.config.options.pool.threads = threads;
        self
    }

    pub fn cpus(mut self, count: u32) -> Self {
        self.config.options.cpus = count;
        self
    }

    pub fn stall_up_to(mut self, duration: Duration) -> Self {
        self.config.options.stall_up_to = Some(duration);
        self
    }

    pub fn deny_pending(mut self, deny: bool) -> Self {
        self.config.options.deny_pending = deny;
        self
    }

    pub fn allow_panics(mut self, allow: bool) -> Self {
        self.config.options.allow_panics = allow;
        self
    }

    pub fn blocking(mut self, class: Class, policy: Policy) -> Self {
        self.config.options.policies.set(class, policy);
        self
    }

    pub fn allow_path(mut self, reason: &str, class: Class, path: &str) -> Self {
        self.config.allow_path(reason, class, path);
        self
    }

    pub fn require_boundary(mut self, require: bool) -> Self {
        self.config.options.needs_boundary = require;
        self
    }

    /// `process`, or `thread`.
    pub fn isolation_str(mut self, isolation: &'static str) -> Self {
        self.config.options.isolation = match isolation {
            "process" => Isolation::Process,
            _ => Isolation::Thread,
        };
        self
    }

    pub fn cpu_budget(mut self, budget: Duration) -> Self {
        self.config.options.cpu_budget = Some(budget).filter(|b| !b.is_zero());
        self
    }

    pub fn watchdog(mut self, patience: Duration) -> Self {
        self.config.options.watchdog = Some(patience).filter(|p| !p.is_zero());
        self
    }
}

/// How many seeds a test tries unless it says otherwise.
const SEEDS: u64 = 256;

/// How many reruns may go into minimising a failure unless the environment says otherwise.
const SHRINK_BUDGET: usize = 200;

/// Runs a `#[raddle::test]`.
///
/// # Panics
/// With the failure's whole text, which ends in the line that replays it; with one line if something cannot be read.
#[doc(hidden)]
#[track_caller]
pub fn test<Fut, T>(site: &Site, configure: fn(Options) -> Options, scenario: fn() -> Fut)
where
    Fut: Future<Output = T> + 'static,
    T: Debug + 'static,
{
    // Nobody reads it here, but it has to be in the binary.
    std::hint::black_box(site.marker);
    let options = configure(Options::new());
    let test = Test::new(site, options, Location::caller()).map_err(|error| format!("{}: {error}", site.name));
    if let Err(text) = test.and_then(|test| test.run(|| sim::telling(scenario))) {
        fail(text, Location::caller());
    }
}

/// Fails the test that stands at `place`.
///
/// What is printed is what a panic prints, so that whatever looks for that finds it; but without the hint at backtraces
/// behind it, or with `RUST_BACKTRACE=1` one of raddle's own frames: the last line is the one that replays the run.
fn fail(text: String, place: &Location<'_>) -> ! {
    let thread = std::thread::current();
    eprintln!("\nthread '{}' panicked at {place}:\n{text}", thread.name().unwrap_or("<unnamed>"));
    std::panic::resume_unwind(Box::new(text));
}

struct Test<'a> {
    site: &'a Site,
    at: &'static Location<'static>,
    options: Options,
    strategy: StrategyKind,
    env: Env,
    seed_file: Option<PathBuf>,
    regressions: Vec<Regression>,
}

impl<'a> Test<'a> {
    fn new(site: &'a Site, options: Options, at: &'static Location<'static>) -> Result<Test<'a>, Error> {
        let env = Env::read()?;
        let strategy = match (&env.strategy, options.strategy) {
            (Some(strategy), _) => strategy.clone(),
            (None, Some(text)) => text.parse()?,
            (None, None) => StrategyKind::Portfolio,
        };
        let seed_file = site.seed_file().filter(|_| options.regressions && env.regressions != Regressions::Off);
        let mut regressions = seed_file.as_deref().map_or(Ok(Vec::new()), regressions::read)?;
        regressions.retain(|regression| regression.test == site.path());
        Ok(Test { site, at, options, strategy, env, seed_file, regressions })
    }

    /// Runs the test; the text of what was found, if anything was.
    fn run(mut self, scenario: impl Fn() -> Scenario<'static>) -> Result<(), String> {
        let mut config = self.options.config.clone();
        config.name = Some(self.site.name.into());
        config.replay.command = Some(self.site.command());
        let options = sim::prepare(&config, self.at).map_err(|finding| format!("{}: {finding}", self.site.name))?;
        let first =
            self.options.seed.unwrap_or_else(|| Seed::first_of(&format!("{}::{}", self.site.module, self.site.name)));
        let count = match (self.env.seeds, self.options.seeds, self.options.seed) {
            (Some(count), _, _) | (None, Some(count), _) => count,
            (None, None, Some(_)) => 1,
            (None, None, None) => SEEDS,
        };
        if let Some(address) = &self.env.drive {
            // The whole name: many tests are driven at once.
            let name = format!("{}::{}", self.site.module, self.site.name);
            let setup = Setup {
                scenario: scenario(),
                at: self.at,
                options: &options,
                custom: None,
                name: &name,
                replay: config.replay,
            };
            let driven = Driven {
                setup,
                path: self.site.path(),
                first,
                seeds: count,
                strategy: self.strategy,
                seed_file: self.seed_file,
            };
            return drive::serve(address, driven);
        }
        if let Some(schedule) = self.env.schedule.take() {
            return self.play(&schedule, config, scenario());
        }
        let explore = |strategy: StrategyKind, replay: Replay, seeds: Vec<(Seed, u64)>, check, is_new| {
            let setup = Setup {
                scenario: scenario(),
                at: self.at,
                options: &options,
                custom: None,
                name: self.site.name,
                replay: replay.clone(),
            };
            let count = seeds.iter().map(|(_, count)| count).sum();
            let plan = Plan {
                strategy,
                seeds: Box::new(seeds.into_iter().flat_map(|(seed, count)| (0..count).map(move |n| seed.nth(n)))),
                tries: count,
                measuring_counts: is_new,
                check,
                first_only: true,
                shrink_budget: self.env.shrink.unwrap_or(SHRINK_BUDGET),
                outcomes_traced: 0,
                may_end_early: true,
            };
            Found::new(explore::explore(setup, plan), self.site.name, Some(count), &replay)
        };
        config.replay.strategy = self.env.strategy.as_ref().map(ToString::to_string);
        let replay = config.replay.clone();

        if let Some(seed) = self.env.seed {
            // Said before anything runs, so that an abort still leaves it.
            announce(&format!("raddle: {} runs with seed {seed} (from the environment)\n", self.site.name));
            let count = self.env.seeds.unwrap_or(1);
            let check = self.env.check.unwrap_or(if count > 1 { self.options.check } else { Check::Off });
            // One seed of a portfolio needs no more measured than its own strategy does.
            let strategy = if count == 1 { self.strategy.dealt(seed, None) } else { self.strategy.clone() };
            let found = explore(strategy, replay, vec![(seed, count)], check, false);
            self.judge(&found, false)?;
            self.passed(&found);
            if self.env.trace && count == 1 {
                let run = Sim::with(config, seed, self.strategy.dealt(seed, None)).run_scenario(scenario(), self.at);
                announce(&tell_all(&run));
            }
            return Ok(());
        }
        let known = std::mem::take(&mut self.regressions);
        for regression in &known {
            let mut replay = replay.clone();
            if self.strategy != regression.strategy {
                replay.strategy = Some(regression.strategy.to_string());
            }
            let found = explore(regression.strategy.clone(), replay, vec![(regression.seed, 1)], Check::Off, false);
            self.judge(&found, false)?;
        }
        let check = self.env.check.unwrap_or(self.options.check);
        let found = explore(self.strategy.clone(), replay.clone(), vec![(first, count)], check, true);
        self.judge(&found, true)?;
        self.passed(&found);
        if let Some(take) = self.options.snapshot {
            take(&Sim::with(config, first, self.strategy.clone()).run_scenario(scenario(), self.at));
        }
        Ok(())
    }

    /// Plays the one schedule of the environment.
    fn play(&self, schedule: &Schedule, config: Config, scenario: Scenario<'static>) -> Result<(), String> {
        let name = self.site.name;
        announce(&format!("raddle: {name} plays schedule {schedule} (from the environment)\n"));
        let report = Sim::with(config, Seed::default(), StrategyKind::Fifo).schedule(schedule.clone());
        let report = report.run_scenario(scenario, self.at);
        if let Some(why) = report.refusal(schedule) {
            return Err(format!("{name}: {why}"));
        }
        let misfits = report.misfits(schedule).join("\n  ");
        if !misfits.is_empty() {
            announce(&format!("raddle: played without what does not fit:\n  {misfits}\n"));
        }
        if !report.is_ok() {
            return Err(report.to_string());
        }
        announce(&format!("raddle: {report}\n"));
        if self.env.trace {
            announce(&tell_all(&report));
        }
        Ok(())
    }

    /// Says what was tried, where the test harness shows it: with `--nocapture` or `--show-output`. What a reader should
    /// know of a test that passes is said past its capture.
    fn passed(&self, found: &Found) {
        println!("raddle: {found}");
        let name = self.site.name;
        for poll in found.long_polls() {
            announce(&format!("raddle: {name} passed, but {poll}\n"));
        }
        for allowance in found.unused_allowances() {
            announce(&format!("raddle: {name} passed, but nothing needs the allowance {allowance}\n"));
        }
    }

    /// The text of what was found, if anything was; a new failing seed is kept.
    fn judge(&self, found: &Found, is_new: bool) -> Result<(), String> {
        let Some(failure) = found.first_failure() else { return Ok(()) };
        let kept = if is_new { self.keep(failure) } else { None };
        Err(self.text(failure, kept.as_deref()))
    }

    /// The failure's text, with a note on the seed file before its last line.
    fn text(&self, failure: &Failure, kept: Option<&str>) -> String {
        let text = failure.text(self.env.trace);
        let Some(kept) = kept else { return text };
        match text.rsplit_once('\n') {
            Some((head, replay)) => format!("{head}\n  {kept}\n{replay}"),
            None => text,
        }
    }

    /// Writes the failing seed down, and says so.
    fn keep(&self, failure: &Failure) -> Option<String> {
        let is_worth_it = regressions::are_worth_it(failure.strategy(), &self.strategy);
        // A kept seed is run once, and a divergence takes two runs to be seen.
        let diverges = failure.finding().is_some_and(|finding| finding.kind() == FindingKind::Divergence);
        let keeps = is_worth_it && !diverges && self.env.regressions == Regressions::On;
        let path = self.seed_file.as_deref().filter(|_| keeps)?;
        let regression =
            Regression { test: self.site.path(), seed: failure.seed(), strategy: failure.strategy().clone() };
        let comment = failure.finding().map_or(String::new(), ToString::to_string);
        let shown = self.shown(path);
        let mut said = String::new();
        let _ = match regressions::add(path, &regression, &comment) {
            Ok(true) => write!(said, "kept: {shown} (this seed runs first from now on; commit the file)"),
            Ok(false) => write!(said, "kept: {shown} had this seed already"),
            Err(error) => write!(said, "not kept: {error}"),
        };
        Some(said)
    }

    /// The seed file as the compiler names the source beside it: relative to the workspace.
    fn shown(&self, path: &Path) -> String {
        let kept = Path::new(self.site.file).parent().zip(path.file_name());
        kept.map_or(path.into(), |(folder, name)| folder.join("seeds").join(name)).display().to_string()
    }
}

/// The whole interleaving of a run that does not fail.
fn tell_all(report: &Report<()>) -> String {
    let lanes: String = report.trace().lanes_with_steps().lines().map(|line| format!("    {line}\n")).collect();
    format!("raddle: {}, all of seed {}:\n{lanes}", report.name(), report.seed())
}

/// Writes to the real standard error, past the capture of the test harness.
fn announce(line: &str) {
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_names_the_target_that_the_file_belongs_to() {
        let site = |file, manifest_dir, bin| Site {
            name: "t",
            module: "bank::inner",
            file,
            line: 1,
            manifest_dir,
            package: "bank",
            krate: "bank",
            bin,
            marker: "",
        };
        let cases = [
            (site("src/lib.rs", "/home/me/bank", None), "--lib"),
            (site("tests/bank.rs", "/home/me/bank", None), "--test bank"),
            (site("crates/bank/src/a.rs", "/home/me/ws/crates/bank", None), "--lib"),
            (site("crates/bank/tests/bank.rs", "/home/me/ws/crates/bank", None), "--test bank"),
            (site("sims/main.rs", "/home/me/bank", None), "--test bank"),
            (site("src/main.rs", "/home/me/bank", Some("till")), "--bin till"),
        ];
        for (site, target) in cases {
            assert_eq!(site.command(), format!("cargo test -p bank {target} -- --exact inner::t"), "{}", site.file);
        }
    }
}
