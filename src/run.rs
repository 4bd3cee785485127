//! One seed in, one outcome out. Nothing here prints or panics.

use crate::apart::Apart;
use crate::beacon::{Beacon, Locked, Story};
use crate::boundary::turn::Turned;
use crate::boundary::{hooks, kernel, segment, watchdog};
use crate::finding::{Finding, FindingKind};
use crate::isolation::{self, Isolation};
use crate::replay::Replay;
use crate::schedule::{Other, Player, Strategy, StrategyKind};
use crate::seed::Seed;
use crate::sites::Site;
use crate::workers::{self, Residue};
use crate::world::{self, Ended, Options, Returned, World, payload_text};
use crate::{beacon, calls, context, natives, panics};
use std::any::Any;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

/// A scenario without its types: each call makes the future of one run.
pub(crate) type Scenario<'a> = Box<dyn Fn() -> world::Scenario + Send + 'a>;

/// What is to be run, whatever the seed.
pub(crate) struct Setup<'a> {
    pub scenario: Scenario<'a>,
    /// Where the scenario begins in the code.
    pub at: &'static Location<'static>,
    pub options: &'a Options,
    pub custom: Option<Arc<CustomStrategy>>,
    /// How the scenario is called, and how a seed of it is replayed.
    pub name: &'a str,
    pub replay: Replay,
}

/// Makes a strategy of the user's own for a seed.
pub(crate) type CustomStrategy = dyn Fn(Seed) -> Box<dyn Strategy> + Send + Sync;

/// One run, over.
#[derive(Clone)]
pub(crate) struct RunResult {
    pub seed: Seed,
    pub returned: Option<Returned>,
    pub ended: Box<Ended>,
    /// The loop's thread keeps something from this run: the next one wants a fresh thread.
    pub left_behind: bool,
}

impl RunResult {
    pub fn fingerprint(&self) -> Option<String> {
        self.ended.finding.as_ref().map(|finding| finding.fingerprint())
    }
}

fn scenario_site(setup: &Setup<'_>) -> Site {
    Site { at: setup.at, type_name: std::any::type_name::<World>, given: Some("scenario") }
}

/// Runs `setup` once under `seed`. To be called on a loop thread (see [`Lab`]).
#[inline]
pub(crate) fn run(
    world: &'static Turned<World>,
    setup: &Setup<'_>,
    seed: Seed,
    player: &Player,
    traced: bool,
) -> RunResult {
    let before = Residue::of_this_thread();
    let mut left = false;
    let entered = || {
        world.enter(|w| {
            context::within(world, || {
                let custom = match &setup.custom {
                    Some(custom) if !matches!(player.kind, StrategyKind::Replay(_)) => Some(custom(seed)),
                    _ => None,
                };
                w.begin(world.tag(!traced), seed, setup.options, traced, |active| match custom {
                    Some(custom) => active.be_other(Other::Any(custom)),
                    None => player.take_over(active, seed),
                });
                player.most_steps.iter().for_each(|&most| w.take_at_most(most));
                if !player.awaits.is_empty() {
                    w.record(|log| log.wanted.clone_from(&player.awaits));
                }
                workers::prepare_thread(w, 0);
                w.spawn_scenario(scenario_site(setup), || (setup.scenario)());
                // What never comes back is left behind, on its segment.
                let is_over = segment::run(move || world.with(World::run)).is_some();
                let returned = w.take_returned();
                if let Some(text) = returned.as_ref().and_then(|r| r.text.as_ref()) {
                    w.mix_text(text);
                }
                let deny_pending = setup.options.deny_pending;
                let ended = segment::run(move || world.with(|w| w.end(deny_pending, false))).flatten();
                left |= !is_over || ended.is_none();
                // A destructor never came back: none is run any more.
                let mut ended = ended.unwrap_or_else(|| w.end(deny_pending, true));
                ended.draws_nothing = !left && w.has_drawn_nothing();
                workers::release_thread();
                w.retire_dirty_workers();
                (returned, ended)
            })
        })
    };
    let (returned, ended) =
        catch_unwind(AssertUnwindSafe(entered)).unwrap_or_else(|payload| tell_own_panic(world, &*payload));
    let mut ended = ended;
    if setup.options.isolation == Isolation::Thread {
        ended.finding = ended.finding.take().map(explain);
        if !ended.outliving.is_empty() {
            beacon::lock(&OUTLIVING).extend(ended.outliving.iter().cloned());
        }
    }
    let left_behind = left || !hooks::SUPPORTED || Residue::of_this_thread() != before;
    RunResult { seed, returned, ended, left_behind }
}

/// Threads that earlier runs of this process started and that wait for ever, perhaps for whoever finds them in a static.
static OUTLIVING: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

fn explain(finding: Finding) -> Finding {
    let outliving = beacon::lock(&OUTLIVING);
    let may_be_it = match finding.kind {
        FindingKind::Deadlock | FindingKind::Divergence => !outliving.is_empty(),
        FindingKind::ForeignWake => true,
        _ => false,
    };
    if !may_be_it {
        return finding;
    }
    let mut finding = finding;
    if !outliving.is_empty() {
        let names = outliving.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        if finding.kind == FindingKind::Divergence {
            // The likeliest reason by far, and so the first thing that is told.
            finding.message += &format!(", and threads of an earlier run of this process outlived it ({names})");
            let other = finding.hint.take().map_or(String::new(), |hint| format!("; if that is not it: {hint}"));
            return finding
                .hint(format!("what a static keeps of an earlier run decides here. {}{other}", isolation::HINT));
        }
        finding.details.push(format!(
            "an earlier run of this process started threads that outlived it ({names}): if a static keeps them, this run \
             waits for them in vain"
        ));
    }
    let smol = outliving.iter().any(|name| isolation::is_of_smol(name)).then(|| isolation::SMOL.to_string());
    let hints = [smol, finding.hint.take(), Some(isolation::HINT.into())];
    finding.hint(hints.into_iter().flatten().collect::<Vec<_>>().join("; or "))
}

/// A panic that no task and no job caught: in a strategy of the user's own, in a waker, or in raddle itself. Within the
/// run it was noted instead of printed, so it is raised again outside; the world is not used any more.
fn tell_own_panic(world: &'static Turned<World>, payload: &(dyn Any + Send)) -> ! {
    let seen = world.enter(|w| {
        // Nothing for the watchdog to look after any more.
        w.beacon.serial.store(0, Ordering::Release);
        w.beacon.is_wound_up();
        w.take_panic()
    });
    let told = seen.map_or_else(|| payload_text(payload), |seen| seen.to_string());
    panic!("a panic outside every task and job (in a strategy, in a waker, or in raddle itself): {told}")
}

/// A world, and its face to the outside.
#[derive(Clone, Copy)]
struct Stage {
    world: &'static Turned<World>,
    beacon: &'static Beacon,
}

impl Stage {
    fn build() -> Stage {
        /// From the beginning of a page of memory: what a process copies when it writes to it.
        #[repr(C, align(4096))]
        struct Page {
            locked: Locked,
            world: OnceLock<Turned<World>>,
        }

        let page: &'static Page = Box::leak(Box::new(Page { locked: Locked::default(), world: OnceLock::new() }));
        let beacon = beacon::light(&page.locked);
        Stage { world: page.world.get_or_init(|| Turned::new(World::new(beacon))), beacon }
    }
}

/// Stages that nobody uses. There are never more than explorations at the same time.
static SPARE: Mutex<Vec<Stage>> = Mutex::new(Vec::new());

/// A place to make runs of one scenario, one after the other.
///
/// Runs are made on the thread that the lab lives on, until one of them leaves something behind in a thread-local; from
/// then on each has a fresh thread, since a later run must not depend on an earlier one.
pub(crate) struct Lab<'a> {
    setup: Setup<'a>,
    stage: Stage,
    is_clean: bool,
    /// Each run has a process of its own.
    apart: Option<Apart>,
    /// How many steps runs may still take, where somebody has set that.
    steps_left: Option<u64>,
    /// How many one may take, likewise.
    most_steps: Option<u64>,
}

impl Lab<'_> {
    /// Says how many steps all runs from here on may take together; `None`: as many as they like.
    pub fn allow(&mut self, steps: Option<u64>) {
        self.steps_left = steps;
    }

    /// Says how many steps each run from here on may take, if that is fewer than it may anyway.
    pub fn allow_each(&mut self, steps: Option<u64>) {
        self.most_steps = steps;
    }

    /// Whether they have taken them.
    pub fn has_taken_all(&self) -> bool {
        self.steps_left == Some(0)
    }

    /// Makes one run.
    pub fn run(&mut self, seed: Seed, player: &Player, traced: bool) -> RunResult {
        let result = match self.most_steps {
            None => self.make(seed, player, traced),
            most_steps => self.make(seed, &Player { most_steps, ..player.clone() }, traced),
        };
        if let Some(left) = &mut self.steps_left {
            *left = left.saturating_sub(result.ended.steps);
        }
        result
    }

    #[inline]
    fn make(&mut self, seed: Seed, player: &Player, traced: bool) -> RunResult {
        let world = self.stage.world;
        if let Some(apart) = &mut self.apart {
            let setup = &self.setup;
            let (returned, ended) = apart.run(setup.options, player.tree.as_deref(), || {
                let RunResult { returned, ended, .. } = run(world, setup, seed, player, traced);
                (returned, ended)
            });
            return RunResult { seed, returned, ended, left_behind: false };
        }
        if self.is_clean {
            let result = run(world, &self.setup, seed, player, traced);
            self.is_clean = !result.left_behind;
            return result;
        }
        self.run_afresh(seed, player, traced)
    }

    /// Makes one run on a thread of its own.
    #[inline(never)]
    fn run_afresh(&mut self, seed: Seed, player: &Player, traced: bool) -> RunResult {
        let (world, setup) = (self.stage.world, &mut self.setup);
        let beacon = self.stage.beacon;
        let result = on_a_fresh_thread(move || {
            let _armed = kernel::arm(calls::on_call);
            *beacon::lock(&beacon.locked.thread) = Some(watchdog::this_thread());
            run(world, setup, seed, player, traced)
        });
        *beacon::lock(&beacon.locked.thread) = Some(watchdog::this_thread());
        result
    }

    /// Says what to do about threads that outlive a run, if that may be the reason of `finding`.
    pub fn explain(&self, finding: Finding) -> Finding {
        if self.apart.is_some() { finding } else { explain(finding) }
    }

    /// Whether a strategy of the user's own answers.
    pub fn is_custom(&self) -> bool {
        self.setup.custom.is_some()
    }

    /// How seeds of this lab are replayed.
    pub fn replay(&self) -> &Replay {
        &self.setup.replay
    }

    /// Has the watchdog, and all who ask, know how seeds are replayed.
    pub fn set_replay(&mut self, replay: Replay) {
        beacon::lock(&self.stage.beacon.locked.story).replay = replay.clone();
        self.setup.replay = replay;
    }
}

/// Opens a lab for `setup` on a thread of its own, and lets `work` use it there.
pub(crate) fn in_lab<R: Send>(setup: Setup<'_>, work: impl FnOnce(&mut Lab<'_>) -> R + Send) -> R {
    panics::install();
    crate::watchdog::start();
    natives::look_after();
    kernel::learn();
    let spare = beacon::lock(&SPARE).pop();
    let stage = spare.unwrap_or_else(Stage::build);
    *beacon::lock(&stage.beacon.locked.story) = Story { scenario: setup.name.into(), replay: setup.replay.clone() };
    let is_apart = setup.options.isolation == Isolation::Process;
    // A run in a process of its own is looked after by whoever waits for it, and by a watchdog there.
    stage.beacon.watch(setup.options.watchdog.filter(|_| !is_apart));
    stage.beacon.limit(setup.options.cpu_budget.filter(|_| !is_apart));
    let result = on_a_fresh_thread(move || {
        let _armed = kernel::arm(calls::on_call);
        *beacon::lock(&stage.beacon.locked.thread) = Some(watchdog::this_thread());
        stage.world.enter(|world| world.take_options(setup.options));
        let apart = is_apart.then(|| {
            stage.world.enter(|world| world.learn_site(scenario_site(&setup)));
            let apart = Apart::new(stage.world, stage.beacon);
            // The last: what it leaves behind in memory is what the process of a run begins with.
            warm_up(stage.world, &setup);
            apart
        });
        let mut lab = Lab { setup, stage, is_clean: true, apart, steps_left: None, most_steps: None };
        let result = work(&mut lab);
        // The next lab's workers are to inherit the output capture of its own test.
        stage.world.enter(World::retire_all_workers);
        result
    });
    beacon::lock(&SPARE).push(stage);
    result
}

/// Makes one run of nothing here: what a world makes at its first use and keeps from run to run is not made by each process
/// anew.
#[inline(never)]
fn warm_up(world: &'static Turned<World>, setup: &Setup<'_>) {
    let nothing = Setup {
        scenario: Box::new(|| Box::pin(async {})),
        at: setup.at,
        options: setup.options,
        custom: None,
        name: setup.name,
        replay: setup.replay.clone(),
    };
    run(world, &nothing, Seed::from(0), &Player::plain(StrategyKind::Fifo), false);
}

fn on_a_fresh_thread<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    // The name of the test, so that what the user prints or panics with is told as usual.
    let name = thread::current().name().unwrap_or("raddle").to_string();
    match segment::on_a_thread(thread::Builder::new().name(name).stack_size(STACK), work) {
        Ok(result) => result.unwrap_or_else(|payload| resume_unwind(payload)),
        Err(error) => panic!("raddle cannot start the thread of its loop: {error}"),
    }
}

/// The stack of the loop's thread, in bytes: what a program's main thread has. Only what is used takes memory.
const STACK: usize = 8 << 20;
