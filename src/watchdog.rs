//! The watchdog: a poll, or a job's stretch between two switch points, that does not come back.
//!
//! Such a thing cannot be stopped in process. So that a run never hangs, the report is printed and the process ends.

use crate::beacon::{self, Beacon, LongPoll};
use crate::boundary::watchdog::{self, processor_time, sample_stack};
use crate::instant::Instant;
use crate::place::{At, InShort};
use crate::seed::Seed;
use crate::{frames, sites, stacks};
use std::fmt::Write;
use std::io::Write as _;
use std::mem;
use std::sync::atomic::Ordering;
use std::sync::{Once, mpsc};
use std::thread;
use std::time::Duration;

/// How often it looks.
const PERIOD: Duration = Duration::from_millis(20);

/// The exit code of a process that the watchdog ends: that of a failed test.
const EXIT_CODE: i32 = 101;

/// Starts the watchdog of this process, once.
pub(crate) fn start() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Without it a poll that does not come back hangs, as it would without raddle.
        let _ = thread::Builder::new().name("raddle watchdog".into()).spawn(|| {
            watchdog::stays();
            watch();
        });
    });
}

/// Starts one in a process that was forked from one with a watchdog, and waits until it has begun: from then on it takes
/// no lock that code under test might wait for, as std's are that a thread takes when it begins.
pub(crate) fn start_anew() {
    let (begins, has_begun) = mpsc::channel();
    let watch = move || {
        // Known before anybody waits for what a thread that is not there has: see `waits::futex_unseen`.
        watchdog::stays();
        drop(begins);
        watch();
    };
    if thread::Builder::new().name("raddle watchdog".into()).spawn(watch).is_ok() {
        // It says nothing: it lets go of its end.
        let _: Result<(), _> = has_begun.recv();
    }
}

/// One world as the watchdog has seen it.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Seen {
    serial: u64,
    steps: u64,
}

/// In place of the steps of a run that is over: jobs come to their end, and futures are dropped.
const WINDING_UP: u64 = u64::MAX;

/// A step that goes on.
#[derive(Default)]
struct Long {
    /// For how long, without the time for which it is seen to wait for threads outside the run.
    still_for: Duration,
    /// How many whiles that was.
    outside: u64,
    /// What its thread had used when the step was first seen.
    before: Option<Duration>,
    is_told: bool,
    /// How often it has been asked where it is.
    asked: u32,
}

/// How often a thread is asked where it is, if it does not answer, before it is told of without that.
const MOST_ASKED: u32 = 4;

/// For how long an answer is waited for each time: nobody looks at other runs meanwhile.
const PATIENCE: Duration = Duration::from_millis(250);

/// Tells of a poll that has used more processor time than it should: once, with the stack it has then.
fn look_at_budget(beacon: &Beacon, now: Seen, long: &mut Long) {
    let budget = Duration::from_millis(beacon.budget_ms.load(Ordering::Relaxed));
    if budget.is_zero() || long.is_told {
        return;
    }
    let Some(thread) = *beacon::lock(&beacon.locked.thread) else { return };
    let Some(used) = processor_time(thread) else { return };
    let before = *long.before.get_or_insert(used);
    let site = beacon.site();
    // A job may take as long as it likes: that is what it is for.
    let is_on_the_loop = sites::site(site).is_some_and(|site| !matches!(site.given, Some("worker" | "thread")));
    if used - before < budget || !is_on_the_loop {
        return;
    }
    let mut stack = vec![0; 64];
    let count = sample_stack(thread, PATIENCE, &mut stack);
    stack.truncate(count);
    long.asked += 1;
    // It may be there to answer the next time.
    if count == 0 && long.asked < MOST_ASKED {
        return;
    }
    long.is_told = true;
    let still = Seen { serial: beacon.serial.load(Ordering::Acquire), steps: beacon.steps.load(Ordering::Relaxed) };
    if still == now {
        beacon::lock(&beacon.locked.long_polls).push(LongPoll { serial: now.serial, step: now.steps, site, stack });
        beacon.has_long_polls.store(true, Ordering::Release);
    }
}

fn watch() {
    let mut seen: Vec<(Seen, Long)> = Vec::new();
    loop {
        thread::sleep(PERIOD);
        for (index, beacon) in beacon::all().into_iter().enumerate() {
            if seen.len() <= index {
                seen.push(Default::default());
            }
            let now = match beacon.serial.load(Ordering::Acquire) {
                0 => Seen { serial: beacon.winding.load(Ordering::Relaxed), steps: WINDING_UP },
                serial => Seen { serial, steps: beacon.steps.load(Ordering::Relaxed) },
            };
            let outside = beacon.outside.load(Ordering::Relaxed);
            let (before, long) = &mut seen[index];
            if *before != now || now.serial == 0 {
                (*before, *long) = (now, Long { outside, ..Long::default() });
                if now.serial != 0 && now.steps != WINDING_UP {
                    look_at_budget(beacon, now, long);
                }
                continue;
            }
            if now.steps != WINDING_UP {
                look_at_budget(beacon, now, long);
            }
            if mem::replace(&mut long.outside, outside) != outside {
                long.still_for = Duration::ZERO;
                continue;
            }
            // Counted in looks, not read from a clock: a process that was stopped for a while has not hung.
            long.still_for += PERIOD;
            let patience = beacon.patience_ms.load(Ordering::Relaxed);
            if patience != 0 && long.still_for.as_millis() >= u128::from(patience) {
                give_up(beacon, long.still_for);
            }
        }
    }
}

fn give_up(beacon: &Beacon, still_for: Duration) -> ! {
    let text = report(beacon, still_for);
    // Not `eprint!`, which a test's capture would keep to itself.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
    std::process::exit(EXIT_CODE)
}

/// What is behind many a step that never ends.
pub(crate) const ALONE: &str = "nobody else runs meanwhile: a job or a thread that asks again and again whether another has done \
                                something lets it by `std::thread::yield_now`";

fn report(beacon: &Beacon, still_for: Duration) -> String {
    let story = beacon::lock(&beacon.locked.story).clone();
    let seed = Seed::from(beacon.seed.load(Ordering::Relaxed));
    let steps = beacon.steps.load(Ordering::Relaxed);
    let now = Instant::from_nanos(beacon.now.load(Ordering::Relaxed));
    let task = match sites::site(beacon.site()) {
        Some(site) if site.is_raddles() => format!("a {}", site.name()),
        Some(site) => format!("{} (spawned at {})", site.name(), At(site.at)),
        None => "the scenario".into(),
    };
    let when = match beacon.serial.load(Ordering::Relaxed) {
        0 => ", while the run, which is over, is wound up",
        _ => "",
    };
    let mut text = format!(
        "\n{} failed: a poll that does not come back: {task} has been running for {} s of real time{when}\n  \
         seed {seed}, step {steps}, at {now} virtual\n  \
         it cannot be stopped in process, so the process ends here; `watchdog` sets how long a step may take\n  \
         {ALONE}\n",
        story.scenario,
        still_for.as_secs_f64()
    );
    if let Some(thread) = *beacon::lock(&beacon.locked.thread) {
        let mut frames = [0; 64];
        let count = sample_stack(thread, MOST_ASKED * PATIENCE, &mut frames);
        text += "  stack:\n";
        frames[..count].iter().for_each(|&address| tell_frame(&mut text, address));
        if count == 0 {
            text += "    (this platform cannot look into another thread)\n";
        }
    }
    let _ = writeln!(text, "  replay: {}", story.replay.line(seed));
    text
}

/// The user's frames by name and place; those of the language, of raddle's loop and of async-task are left out.
fn tell_frame(text: &mut String, address: usize) {
    backtrace::resolve(address as *mut std::ffi::c_void, |symbol| {
        let name = symbol.name().map(|n| format!("{n:#}")).unwrap_or_default();
        let name = frames::with_path(name, symbol.filename().and_then(|file| file.to_str()));
        if !frames::is_users(&name) {
            return;
        }
        let place = match (symbol.filename(), symbol.lineno()) {
            (Some(file), Some(line)) => format!(" at {}:{line}", InShort(&stacks::shorten(file))),
            _ => String::new(),
        };
        let _ = writeln!(text, "    {name}{place}");
    });
}
