//! Panics inside a run: noted where they happen, told in the run's report instead of on the spot. What no report can tell,
//! since it ends the process, is told at once.

use crate::boundary::{kernel, overflow, threads, zygote};
use crate::place::{At, InShort};
use crate::replay::Replay;
use crate::seed::Seed;
use crate::world::{PanicSeen, payload_text};
use crate::{beacon, context, frames, sites, stacks};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;
use std::panic::{self, PanicHookInfo};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Wraps the process's panic hook, once. Outside runs the hook that was there before does what it did.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        overflow::watch(tell_overflow);
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let _telling = Telling::begin();
            if !note(info) {
                before(info);
            }
        }));
    });
}

/// How many threads tell of a panic now. Who does may hold std's lock of backtraces, for as long as symbols take.
static TELLING: AtomicU32 = AtomicU32::new(0);

/// How many are about to fork this process, and wait until nobody tells.
static FORKING: AtomicU32 = AtomicU32::new(0);

/// How long who waits for the others sleeps before looking again.
const EVERY: Duration = Duration::from_micros(100);

/// So often at most: a fork is over much sooner, and so is a panic's telling.
const MOST: u32 = 20_000;

struct Telling;

impl Telling {
    /// Waits for those who fork; `None` if that takes too long: they may wait for this thread.
    fn begin() -> Option<Telling> {
        /// So often it is not even worth to sleep.
        const AT_ONCE: u32 = 100;
        let _quiet = kernel::quiet();
        for round in 0..MOST {
            TELLING.fetch_add(1, Ordering::SeqCst);
            let telling = Telling;
            if FORKING.load(Ordering::SeqCst) == 0 {
                return Some(telling);
            }
            drop(telling);
            if round < AT_ONCE { std::thread::yield_now() } else { std::thread::sleep(EVERY) }
        }
        None
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        TELLING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// For the time of a fork: no thread tells of a panic, so that the new process can. (If one does not come to its end, it is
/// not waited for for ever.)
pub(crate) fn hold() -> impl Sized {
    struct Forking;
    impl Drop for Forking {
        fn drop(&mut self) {
            FORKING.fetch_sub(1, Ordering::SeqCst);
        }
    }
    FORKING.fetch_add(1, Ordering::SeqCst);
    let forking = Forking;
    (0..MOST).take_while(|_| TELLING.load(Ordering::SeqCst) > 0).for_each(|_| std::thread::sleep(EVERY));
    forking
}

/// In a forked process: there are no other threads.
pub(crate) fn alone() {
    // Where it is so anyway nothing is written: the process would have to copy a page for it.
    for count in [&TELLING, &FORKING] {
        if count.load(Ordering::Relaxed) != 0 {
            count.store(0, Ordering::Relaxed);
        }
    }
}

/// True if the panic belongs to a run, which will tell of it.
fn note(info: &PanicHookInfo<'_>) -> bool {
    let _quiet = kernel::quiet();
    let message = payload_text(info.payload());
    if is_fatal(&message) {
        tell_before_the_abort(&message);
        return false;
    }
    let place = info.location().map(|l| format!("{}:{}:{}", InShort(l.file()), l.line(), l.column()));
    context::try_with(|world| {
        let stack = world.is_traced().then(Backtrace::capture).filter(|b| b.status() == BacktraceStatus::Captured);
        // A build without debug information tells nobody's frames.
        let stack = stack.map(|stack| users_frames(&stack.to_string())).filter(|stack| !stack.is_empty());
        world.saw_panic(PanicSeen { message, place, stack });
    })
    .is_some()
}

/// The frames of the user's own code: those of the language, of the executor and of raddle left out.
pub(crate) fn users_frames(stack: &str) -> String {
    let mut kept = String::new();
    let mut lines = stack.lines().peekable();
    while let Some(frame) = lines.next() {
        let place = lines.next_if(|next| next.trim_start().starts_with("at "));
        let name = frame.split_once(": ").map_or(frame, |(_, name)| name);
        // `at ./src/bank.rs:7:5`, relative to where the process runs.
        let file = place.and_then(|place| place.trim_start().strip_prefix("at ")?.rsplitn(3, ':').nth(2));
        let file = file.and_then(|file| std::path::absolute(file).ok());
        let name = frames::with_path(name.into(), file.as_deref().and_then(|file| file.to_str()));
        if !frames::is_users(&name) {
            continue;
        }
        kept += &format!("  {name}");
        let numbers = place.map(|place| place.rsplitn(3, ':').take(2).collect::<Vec<_>>());
        if let (Some(file), Some([column, line])) = (file, numbers.as_deref()) {
            kept += &format!(" at {}:{line}:{column}", InShort(&stacks::shorten(&file)));
        }
        kept.push('\n');
    }
    kept
}

/// Whether the process is about to abort: a second panic while the first one unwinds, or one that must not unwind.
fn is_fatal(message: &str) -> bool {
    message.contains("panic in a destructor during cleanup")
        || message.contains("panic in a function that cannot unwind")
}

fn tell_before_the_abort(message: &str) {
    if zygote::is_child() {
        return;
    }
    context::try_with(|world| {
        let story = beacon::lock(&world.beacon.locked.story).clone();
        let replay: &Replay = &story.replay;
        eprintln!(
            "{}: {message}, in {} (step {}, at {} virtual)\n  two panics at once cannot be caught: the process ends \
             here\n  seed {}\n  replay: {}",
            story.scenario,
            world.running_name(),
            world.steps(),
            world.now(),
            world.seed(),
            replay.line(world.seed())
        );
    });
}

/// A stack of a run overflowed, perhaps in the midst of anything: nothing is allocated here, and no lock waited for.
/// In a process of the run's own it is a finding, which says all that and more.
fn tell_overflow(out: &mut dyn fmt::Write) {
    if zygote::is_child() {
        return;
    }
    context::try_with(|world| {
        let beacon = world.beacon;
        let Ok(story) = beacon.locked.story.try_lock() else { return Ok(()) };
        let seed = Seed::from(beacon.seed.load(Ordering::Relaxed));
        write!(out, "\n{} failed: a stack overflow in ", story.scenario)?;
        let job = threads::current().and_then(|index| world.job_at_once(index));
        let site = job.map_or(beacon.site(), |(site, _)| site);
        match sites::site_now(site) {
            Some(site) if site.is_raddles() => write!(out, "a {}", site.name())?,
            Some(site) => write!(out, "{} (spawned at {})", site.name(), At(site.at))?,
            None => out.write_str("a task")?,
        }
        if let Some((_, worker)) = job {
            write!(out, ", a job on worker-{}", worker + 1)?;
        }
        write!(out, "\n  seed {seed}, step {}\n", world.steps())?;
        out.write_str("  it cannot be caught in process, so the process ends here\n  replay: ")?;
        story.replay.write_line(out, seed)?;
        out.write_str("\n")
    });
}
