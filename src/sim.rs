//! `Sim`, one run, and `Explore`, many: what a test that is more than `#[raddle::test]` is built with.

use crate::apart;
use crate::boundary::threads::Backend;
use crate::context;
use crate::env::{self, Env};
use crate::error::Error;
use crate::explore::{self, Plan};
use crate::finding::{Finding, FindingKind};
use crate::instant::Instant;
use crate::isolation::Isolation;
use crate::panics::users_frames;
use crate::recheck::Check;
use crate::replay::Replay;
use crate::report::{Found, Report};
use crate::run::{self, CustomStrategy, Lab, RunResult, Scenario, Setup};
use crate::schedule::{Strategy, StrategyKind};
use crate::seed::Seed;
use crate::sentinel::{Class, Policy};
use crate::stacks;
use crate::token::Schedule;
use crate::world::{Ended, MOST_CPUS, Options, Returned};
use pin_project_lite::pin_project;
use std::any::TypeId;
use std::fmt::Debug;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

/// What `Sim`, `Explore` and the attribute share.
#[derive(Clone, Default)]
pub(crate) struct Config {
    pub name: Option<String>,
    pub strategy: StrategyKind,
    pub custom: Option<Arc<CustomStrategy>>,
    pub options: Options,
    pub replay: Replay,
}

/// The `Debug` text of what a scenario returned; nothing for `()`. An `Err` is told apart by its type's name and its
/// text, since a generic `T` cannot be asked.
pub(crate) fn tell_value<T: Debug + 'static>(value: &T) -> Returned {
    if TypeId::of::<T>() == TypeId::of::<()>() {
        return Returned::default();
    }
    let (text, stack) = without_backtrace(format!("{value:?}"));
    let is_result = std::any::type_name::<T>().starts_with("core::result::Result<");
    let error = (is_result && text.starts_with("Err(")).then(|| text.clone());
    let is_unit = text == "Ok(())";
    let stack = stack.filter(|_| error.is_some());
    Returned { text: (!is_unit).then_some(text), error, stack }
}

/// The text without the backtrace that anyhow and eyre write behind it where `RUST_BACKTRACE` is set, and the user's own
/// frames of that. Which threads and which of raddle's functions are below a scenario differs from run to run.
fn without_backtrace(text: String) -> (String, Option<String>) {
    const BEGINS: &str = "\n\nStack backtrace:\n";
    let Some((told, backtrace)) = text.split_once(BEGINS) else { return (text, None) };
    let (frames, closing) = backtrace.split_at(backtrace.trim_end_matches([')', '}', ' ', '\n', ',']).len());
    let closing: String = closing.split_whitespace().collect();
    let frames = users_frames(frames);
    (format!("{told}{closing}"), (!frames.is_empty()).then_some(frames))
}

pin_project! {
    /// A scenario's future, and what becomes of its value. (An `async` block would do, but is polled through twice the
    /// instructions.)
    struct Telling<F, T> {
        #[pin]
        future: F,
        tell: T,
    }
}

impl<F: Future, T: FnMut(F::Output) -> Returned> Future for Telling<F, T> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let Poll::Ready(value) = this.future.poll(cx) else { return Poll::Pending };
        let returned = (this.tell)(value);
        context::try_with(|world| world.returned(returned));
        Poll::Ready(())
    }
}

/// A scenario that keeps what it returned in `kept`.
fn keeping<'a, F, Fut, T>(scenario: F, kept: Arc<Mutex<Option<T>>>) -> Scenario<'a>
where
    F: Fn() -> Fut + Send + 'a,
    Fut: Future<Output = T> + 'static,
    T: Debug + Send + 'static,
{
    Box::new(move || {
        let kept = kept.clone();
        let tell = move |value| {
            let returned = tell_value(&value);
            *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
            returned
        };
        Box::pin(Telling { future: scenario(), tell })
    })
}

/// A scenario of whose values only the text counts.
pub(crate) fn telling<'a, F, Fut, T>(scenario: F) -> Scenario<'a>
where
    F: Fn() -> Fut + Send + 'a,
    Fut: Future<Output = T> + 'static,
    T: Debug + 'static,
{
    Box::new(move || Box::pin(Telling { future: scenario(), tell: |value| tell_value(&value) }))
}

macro_rules! shared_options {
    () => {
        /// The name of the scenario in texts and snapshots; by default the place of the call.
        pub fn name(mut self, name: &str) -> Self {
            self.config.name = Some(name.into());
            self
        }

        /// The command that replays a run, for the last line of a failure's text: `{seed}` in it is the seed. Without it that
        /// line is the call of [`Sim`] that makes the run again.
        pub fn replay_with(mut self, command: &str) -> Self {
            self.config.replay.command = Some(command.into());
            self
        }

        /// What answers the decisions; [`StrategyKind::Random`] by default.
        pub fn strategy(mut self, strategy: StrategyKind) -> Self {
            self.config.strategy = strategy;
            self
        }

        /// A strategy of your own, made anew for each seed.
        pub fn custom_strategy(mut self, make: impl Fn(Seed) -> Box<dyn Strategy> + Send + Sync + 'static) -> Self {
            self.config.custom = Some(Arc::new(make));
            self.config.replay.is_custom = true;
            self
        }

        /// After so many steps a run is a livelock; 1,000,000 by default.
        pub fn max_steps(mut self, steps: u64) -> Self {
            self.config.options.max_steps = steps.max(1);
            self
        }

        /// How many threads the blocking pool may have; 500 by default, or `BLOCKING_MAX_THREADS`.
        pub fn pool_threads(mut self, threads: usize) -> Self {
            self.config.options.pool.threads = threads.max(1);
            self
        }

        /// How many processors a run has for what asks (`std::thread::available_parallelism`, and so rayon, tokio and others
        /// that make a thread for each, or cut a map into so many pieces): 4 by default, on any machine, since a seed goes
        /// another way with another number. From 1 to 1,024. On Linux x86-64 only, where system calls are seen; elsewhere
        /// the machine's own number is told.
        ///
        /// ```
        /// let report = raddle::Sim::new().cpus(3).run(|| async {
        ///     std::thread::available_parallelism().map_or(0, |count| count.get())
        /// });
        /// # if report.boundary() == "on" {
        /// assert_eq!(report.unwrap(), 3);
        /// # }
        /// ```
        pub fn cpus(mut self, count: u32) -> Self {
            self.config.options.cpus = count.clamp(1, MOST_CPUS);
            self
        }

        /// An idle worker ends after this much virtual time: 500 ms is what `blocking` 1.6.2 does. By default it stays, as
        /// in `blocking` 1.7.0.
        pub fn pool_keep_alive(mut self, keep_alive: Duration) -> Self {
            self.config.options.pool.keep_alive = Some(keep_alive);
            self
        }

        /// Lets the clock pass a deadline while tasks are ready, by at most `duration` in one stretch: in production timers
        /// fire while others wait for their turn. Off by default.
        pub fn stall_up_to(mut self, duration: Duration) -> Self {
            self.config.options.stall_up_to = Some(duration).filter(|d| !d.is_zero());
            self
        }

        /// Whether tasks that are alive when the scenario returns are a finding; they are not by default.
        pub fn deny_pending(mut self, deny: bool) -> Self {
            self.config.options.deny_pending = deny;
            self
        }

        /// Whether a panic in a task or job is left to whoever awaits it, as in production, instead of being a finding. One
        /// that reaches the scenario is a finding in any case.
        pub fn allow_panics(mut self, allow: bool) -> Self {
            self.config.options.allow_panics = allow;
            self
        }

        /// What is said to blocking calls of this class on the loop: denied by default, but for [`Class::Output`] and
        /// [`Class::Close`], which are allowed. Where nothing needs what is allowed, the report says so.
        ///
        /// ```
        /// use raddle::{Class, Policy, Sim};
        /// use std::time::Duration;
        ///
        /// let sleeps = || async { std::thread::sleep(Duration::from_millis(1)) };
        /// let report = Sim::new().blocking(Class::Sleep, Policy::Report).run(sleeps);
        /// assert!(report.is_ok());
        /// # #[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
        /// if report.boundary() == "on" {
        ///     assert_eq!(report.leaks()[0].call(), "thread::sleep 1 ms");
        /// }
        /// ```
        pub fn blocking(mut self, class: Class, policy: Policy) -> Self {
            self.config.options.policies.set(class, policy);
            self
        }

        /// Allows blocking calls of `class` on the loop that name `path`, or what is below it, for a `reason` that reviewers
        /// read: of [`Class::File`] (and `Pipe`, `Close`) a file or folder, absolute or relative to the working directory; of
        /// [`Class::Socket`] an address, with or without its port. One that nothing needs is told in the report.
        ///
        /// ```
        /// use raddle::{Class, Sim};
        ///
        /// let report = Sim::new().allow_path("small, and read once", Class::File, "src").run(|| async {
        ///     std::fs::read_to_string("src/lib.rs").map_or(0, |text| text.len())
        /// });
        /// assert!(report.is_ok(), "{report}");
        /// ```
        pub fn allow_path(mut self, reason: &str, class: Class, path: &str) -> Self {
            self.config.allow_path(reason, class, path);
            self
        }

        /// Whether a run fails where system calls cannot be seen (see [`Report::boundary`](crate::Report::boundary)).
        pub fn require_boundary(mut self, require: bool) -> Self {
            self.config.options.needs_boundary = require;
            self
        }

        /// Where runs take place: on a thread of this process, by default, or each in a process of its own.
        pub fn isolation(mut self, isolation: Isolation) -> Self {
            self.config.options.isolation = isolation;
            self
        }

        /// How much processor time a poll on the loop may use before it is told as an advisory
        /// ([`Report::long_polls`](crate::Report::long_polls)); 100 ms by default, as in asyncio, zero for any.
        pub fn cpu_budget(mut self, budget: Duration) -> Self {
            self.config.options.cpu_budget = Some(budget).filter(|b| !b.is_zero());
            self
        }

        /// How long one poll may take in real time before the process is ended with a report; 10 s by default, zero for
        /// ever.
        pub fn watchdog(mut self, patience: Duration) -> Self {
            self.config.options.watchdog = Some(patience).filter(|p| !p.is_zero());
            self
        }
    };
}

/// One run of a scenario, with a full trace.
///
/// ```
/// let report = raddle::Sim::new().seed(42).run(|| async {
///     let task = raddle::spawn(async { 40 });
///     task.await + 2
/// });
/// assert!(report.is_ok());
/// assert_eq!(report.value(), Some(&42));
/// ```
#[derive(Clone, Default)]
#[must_use = "nothing runs before `run` is called"]
pub struct Sim {
    config: Config,
    seed: Seed,
}

impl Sim {
    /// A run of seed 0 with default options.
    pub fn new() -> Sim {
        Sim::default()
    }

    /// The seed; 0 by default.
    pub fn seed(mut self, seed: impl Into<Seed>) -> Sim {
        self.seed = seed.into();
        self
    }

    /// Plays a schedule: its seed, and first in, first out except at its deviations.
    ///
    /// ```
    /// let scenario = || async {
    ///     let [a, b] = ["a", "b"].map(|name| raddle::task(name).spawn(async move { raddle::note!("{name} runs") }));
    ///     (a.await, b.await)
    /// };
    /// let report = raddle::Sim::new().schedule("v1,seed=7,2@0/1@0".parse().unwrap()).run(scenario);
    /// assert_eq!(report.schedule().to_string(), "v1,seed=0x7,2@0/1@0");
    /// assert!(report.interleaving().find("b runs") < report.interleaving().find("a runs"));
    ///
    /// let edited: raddle::Schedule = "v1,seed=7,3@0/1@0".parse().unwrap();
    /// let report = raddle::Sim::new().schedule(edited.clone()).run(scenario);
    /// assert_eq!(report.misfits(&edited), ["3@0/1@0 does not fit: there is no task 3"]);
    /// ```
    pub fn schedule(mut self, schedule: Schedule) -> Sim {
        self.seed = schedule.seed();
        self.config.strategy = StrategyKind::Replay(schedule.deviations().to_vec());
        self
    }

    shared_options!();

    /// Runs `scenario` once. Never panics: whatever happens in the run is in the report.
    ///
    /// `scenario` is a function that makes the future, since strategies that measure run it more than once.
    #[track_caller]
    pub fn run<F, Fut, T>(self, scenario: F) -> Report<T>
    where
        F: Fn() -> Fut + Send,
        Fut: Future<Output = T> + 'static,
        T: Debug + Send + 'static,
    {
        let kept = Arc::new(Mutex::new(None));
        let report = self.run_scenario(keeping(scenario, kept.clone()), Location::caller());
        let value = kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        report.with_value(value)
    }

    pub(crate) fn with(config: Config, seed: Seed, strategy: StrategyKind) -> Sim {
        Sim { config: Config { strategy, ..config }, seed }
    }

    /// The run, whatever the types.
    pub(crate) fn run_scenario(self, scenario: Scenario<'_>, at: &'static Location<'static>) -> Report<()> {
        let Sim { config, seed } = self;
        let Config { name, strategy, custom, options: _, mut replay } = config.clone();
        let name = name.unwrap_or_else(|| at.to_string());
        let options = match prepare(&config, at) {
            Ok(options) => options,
            Err(finding) => return Report::new(&name, strategy, refused(seed, *finding), replay),
        };
        let setup = Setup { scenario, at, options: &options, custom, name: &name, replay: replay.clone() };
        let (strategy, result) = run::in_lab(setup, |lab: &mut Lab<'_>| {
            let (player, _) = explore::measure(lab, &strategy);
            let dealt = player.dealt(seed);
            let result = lab.run(seed, &dealt, true);
            (dealt.kind, result)
        });
        if replay.command.is_none() && strategy != StrategyKind::Random {
            replay.strategy = Some(strategy.to_string());
        }
        Report::new(&name, strategy, result, replay)
    }
}

impl Config {
    /// Calls of `class` on the loop that name `path`, or what is below it, are allowed.
    pub fn allow_path(&mut self, reason: &str, class: Class, path: &str) {
        let names = if class == Class::Socket { Vec::new() } else { env::names_of(path) };
        self.options.policies.allow_path(reason, class, path, names);
    }
}

/// The options as they hold in this environment; or why there can be no run.
pub(crate) fn prepare(config: &Config, at: &Location<'_>) -> Result<Options, Box<Finding>> {
    if crate::context::in_run() {
        let message = "a run cannot be started within a run";
        let hint = "call `Sim::run` and `Explore::run` from an ordinary test, not from a task or a job of another run";
        return Err(Box::new(Finding::new(FindingKind::Setup, message).hint(hint)));
    }
    if let (true, Some(why)) = (config.options.needs_boundary, crate::boundary::kernel::why_off()) {
        let message = format!("this test requires the kernel boundary, which is off here: {why}");
        return Err(Box::new(Finding::new(FindingKind::Setup, message)));
    }
    stacks::root_by(at.file());
    let env = Env::read().map_err(|error: Error| Box::new(Finding::new(FindingKind::Setup, error.to_string())))?;
    let mut options = config.options.clone();
    options.isolation = env.isolation.unwrap_or(options.isolation);
    if let (Isolation::Process, Some(refusal)) = (options.isolation, apart::refusal()) {
        return Err(Box::new(refusal));
    }
    if options.pool.threads == Options::default().pool.threads {
        options.pool.threads = env.pool_threads.unwrap_or(options.pool.threads);
    }
    options.watchdog = env.watchdog.unwrap_or(options.watchdog);
    options.max_steps = env.max_steps.unwrap_or(options.max_steps);
    Ok(options)
}

/// The result of a run that did not take place.
pub(crate) fn refused(seed: Seed, finding: Finding) -> RunResult {
    let ended = Box::new(Ended {
        finding: Some(finding),
        steps: 0,
        digest: 0,
        decisions: 0,
        deviations: 0,
        elapsed: Instant::START,
        pending_names: Vec::new(),
        abandoned: Vec::new(),
        outliving: Vec::new(),
        trace: None,
        threads: (Backend::Baton, None),
        leaks: Vec::new(),
        unused_allowances: Vec::new(),
        used_allowances: Vec::new(),
        long_polls: Vec::new(),
        draws_nothing: false,
        started_children: false,
        boundary_off: crate::boundary::kernel::why_off(),
    });
    RunResult { seed, returned: None, ended, left_behind: false }
}

/// Many runs of a scenario, one a seed: what fails, and which distinct results there are.
///
/// ```
/// use std::sync::{Arc, atomic::{AtomicU32, Ordering}};
///
/// // Two tasks that read, give way, and write: an update may be lost.
/// let found = raddle::Explore::new().seeds(0..1_000).run(|| async {
///     let counter = Arc::new(AtomicU32::new(0));
///     let tasks: Vec<_> = (0..2).map(|_| {
///         let counter = counter.clone();
///         raddle::spawn(async move {
///             let read = counter.load(Ordering::SeqCst);
///             raddle::yield_now().await;
///             counter.store(read + 1, Ordering::SeqCst);
///         })
///     }).collect();
///     for task in tasks { task.await }
///     counter.load(Ordering::SeqCst)
/// });
/// let results: Vec<_> = found.outcomes().iter().map(|outcome| outcome.text()).collect();
/// assert_eq!(results, ["1", "2"]);
/// ```
#[derive(Clone)]
#[must_use = "nothing runs before `run` is called"]
pub struct Explore {
    config: Config,
    seeds: std::ops::Range<u64>,
    check: Check,
    first_only: bool,
    shrink_budget: usize,
}

impl Default for Explore {
    fn default() -> Explore {
        Explore { config: Config::default(), seeds: 0..256, check: Check::First, first_only: false, shrink_budget: 200 }
    }
}

impl Explore {
    /// Seeds 0 to 255 with default options.
    pub fn new() -> Explore {
        Explore::default()
    }

    /// The seeds to try, in order; 0 to 255 by default.
    pub fn seeds(mut self, seeds: std::ops::Range<u64>) -> Explore {
        self.seeds = seeds;
        self
    }

    /// Which seeds are run twice, to see whether they go the same way; the first one by default.
    pub fn check(mut self, check: Check) -> Explore {
        self.check = check;
        self
    }

    /// Whether to stop at the first failure; by default all seeds are run.
    pub fn stop_at_first_failure(mut self, stop: bool) -> Explore {
        self.first_only = stop;
        self
    }

    /// At most so many reruns to minimise a failure; 200 by default, 0 shows it as it was found.
    pub fn shrink_budget(mut self, reruns: usize) -> Explore {
        self.shrink_budget = reruns;
        self
    }

    shared_options!();

    /// Runs `scenario` once for each seed; once altogether where a run draws nothing from its seed
    /// ([`Coverage::draws_nothing`](crate::Coverage::draws_nothing)). Never panics: what was found is in the result.
    #[track_caller]
    pub fn run<F, Fut, T>(self, scenario: F) -> Found
    where
        F: Fn() -> Fut + Send,
        Fut: Future<Output = T> + 'static,
        T: Debug + 'static,
    {
        let at = Location::caller();
        let Explore { config, seeds, check, first_only, shrink_budget } = self;
        let name = config.name.clone().unwrap_or_else(|| at.to_string());
        let base = Seed::from(seeds.start);
        let count = seeds.end.saturating_sub(seeds.start);
        let options = match prepare(&config, at) {
            Ok(options) => options,
            Err(finding) => {
                let explored = explore::refused(config.strategy, refused(base, *finding));
                return Found::new(explored, &name, None, &config.replay);
            }
        };
        let setup = Setup {
            scenario: telling(scenario),
            at,
            options: &options,
            custom: config.custom,
            name: &name,
            replay: config.replay.clone(),
        };
        let plan = Plan {
            strategy: config.strategy,
            seeds: Box::new(seeds.map(Seed::from)),
            tries: count,
            measuring_counts: true,
            check,
            first_only,
            shrink_budget,
            outcomes_traced: 16,
            may_end_early: true,
        };
        Found::new(explore::explore(setup, plan), &name, Some(count), &config.replay)
    }
}
