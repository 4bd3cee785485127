//! What `#[raddle::test]` calls: the only room that prints or fails a test.

use crate::env::{Env, Regressions};
use crate::error::Error;
use crate::explore::{self, Plan};
use crate::recheck::Check;
use crate::regressions::{self, Regression};
use crate::replay::Replay;
use crate::report::{Failure, Found, Report};
use crate::run::Setup;
use crate::schedule::StrategyKind;
use crate::seed::Seed;
use crate::sim::{self, Config, Sim};
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
}

impl Site {
    /// The test's path within its crate, as libtest has it.
    fn path(&self) -> String {
        match self.module.split_once("::") {
            Some((_, inner)) => format!("{inner}::{}", self.name),
            None => self.name.to_string(),
        }
    }

    /// The command that runs this test and no other.
    fn command(&self) -> String {
        let target = match self.bin {
            Some(bin) => format!("--bin {bin}"),
            None if self.krate == self.package.replace('-', "_") => "--lib".into(),
            None => format!("--test {}", self.krate),
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
    let options = configure(Options::new());
    match Test::new(site, options, Location::caller()) {
        Ok(test) => test.run(|| sim::telling(scenario)),
        Err(error) => panic!("{}: {error}", site.name),
    }
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
            (None, None) => StrategyKind::default(),
        };
        let seed_file = site.seed_file().filter(|_| options.regressions && env.regressions != Regressions::Off);
        let mut regressions = seed_file.as_deref().map_or(Ok(Vec::new()), regressions::read)?;
        regressions.retain(|regression| regression.test == site.path());
        Ok(Test { site, at, options, strategy, env, seed_file, regressions })
    }

    fn run(mut self, scenario: impl Fn() -> crate::run::Scenario<'static>) {
        let mut config = self.options.config.clone();
        config.name = Some(self.site.name.into());
        config.replay.command = Some(self.site.command());
        if let Some(steps) = self.env.max_steps {
            config.options.max_steps = steps;
        }
        let options = sim::prepare(&config).unwrap_or_else(|finding| panic!("{}: {finding}", self.site.name));
        let first =
            self.options.seed.unwrap_or_else(|| Seed::first_of(&format!("{}::{}", self.site.module, self.site.name)));
        let explore = |strategy: StrategyKind, replay: Replay, seeds: Vec<(Seed, u64)>, check| {
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
                // Not the seed of the environment: PCT's length must come out the same in a replay.
                base: first,
                check,
                first_only: true,
                shrink_budget: self.env.shrink.unwrap_or(SHRINK_BUDGET),
                outcomes_traced: 0,
            };
            Found::new(explore::explore(setup, plan), self.site.name, Some(count), &replay)
        };
        let mut replay = config.replay.clone();
        replay.strategy = self.env.strategy.as_ref().map(ToString::to_string);

        if let Some(seed) = self.env.seed {
            // Said before anything runs, so that an abort still leaves it.
            announce(&format!("raddle: {} runs with seed {seed} (from the environment)\n", self.site.name));
            let count = self.env.seeds.unwrap_or(1);
            let check = self.env.check.unwrap_or(if count > 1 { self.options.check } else { Check::Off });
            let found = explore(self.strategy.clone(), replay, vec![(seed, count)], check);
            return self.judge(found, None, false);
        }
        let known = std::mem::take(&mut self.regressions);
        for regression in &known {
            let mut replay = replay.clone();
            if self.strategy != regression.strategy {
                replay.strategy = Some(regression.strategy.to_string());
            }
            let found = explore(regression.strategy.clone(), replay, vec![(regression.seed, 1)], Check::Off);
            if !found.is_ok() {
                return self.judge(found, None, false);
            }
        }
        let count = match (self.env.seeds, self.options.seeds, self.options.seed) {
            (Some(count), _, _) | (None, Some(count), _) => count,
            (None, None, Some(_)) => 1,
            (None, None, None) => SEEDS,
        };
        let check = self.env.check.unwrap_or(self.options.check);
        let found = explore(self.strategy.clone(), replay.clone(), vec![(first, count)], check);
        let snapshot = self.options.snapshot.map(|take| (take, scenario(), first, config));
        self.judge(found, snapshot, true);
    }

    /// Fails the test if something was found; otherwise takes the snapshot, if one is wanted.
    #[allow(clippy::type_complexity)]
    fn judge(
        &self,
        found: Found,
        snapshot: Option<(fn(&Report<()>), crate::run::Scenario<'static>, Seed, Config)>,
        is_new: bool,
    ) {
        if let Some(failure) = found.first_failure() {
            let kept = if is_new { self.keep(failure) } else { None };
            panic!("{}", self.text(failure, kept.as_deref()));
        }
        if let Some((take, scenario, seed, config)) = snapshot {
            let sim = Sim::with(config, seed, self.strategy.clone());
            take(&sim.run_scenario(scenario, self.at));
        }
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
        let path = self.seed_file.as_deref().filter(|_| self.env.regressions == Regressions::On)?;
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

    /// The path as seen from the package's folder, where it lies below that.
    fn shown(&self, path: &Path) -> String {
        path.strip_prefix(self.site.manifest_dir).unwrap_or(path).display().to_string()
    }
}

/// Writes to the real standard error, past the capture of the test harness.
fn announce(line: &str) {
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}
