//! `cargo raddle explore`: many seeds of many scenarios, in many processes.

mod board;
mod dealer;
mod display;
pub mod junit;
pub mod record;
pub mod results;
pub mod table;
mod worker;

use crate::cargo::{self, Built};
use crate::cli::{self, Global};
use crate::error::{Error, FOUND, Result};
use crate::process::Launch;
use crate::protocol::Kept;
use crate::scenario::{self, Scenario};
use crate::shell::{BAD, Shell, WARNING, count, fitted, width};
use crate::{github, interrupt, seedfile};
use board::{Board, First, Slot};
use dealer::Dealer;
use display::Display;
use record::{Failure, Tally};
use results::Saved;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};
use table::Row;
use worker::{Happening, Manner, lock, work};

/// How often the display is brought up to date.
const TICK: Duration = Duration::from_millis(100);

pub fn run(options: &cli::Explore, global: &Global) -> Result<u8> {
    let shell = Shell::new(global);
    if options.filter.exact && options.filter.words.is_empty() {
        return Err(Error::usage("--exact needs the names that are meant"));
    }
    let built = cargo::build(&options.build, global)?;
    let scenarios = scenario::choose(scenario::find(&built.binaries)?, &options.filter)?;
    if scenarios.is_empty() {
        return Err(Error::usage("there is nothing to explore: no test here has #[raddle::test] (or all are ignored)"));
    }
    interrupt::install()?;
    let jobs = options.jobs.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    let file = results_file(options, &built);
    let slots = slots(options, scenarios, &file, &shell)?;
    let deadline = options.time.map(|time| Instant::now() + time);
    let board = Mutex::new(Board::new(slots, jobs, deadline));
    let manner = Manner {
        launch: Launch {
            library_dirs: built.library_dirs.clone(),
            patience: options.patience,
            shows_output: false,
            debugger: None,
        },
        strategy: options.strategy.clone(),
        keep_going: options.keep_going,
        check: options.check,
        keeps: !options.no_keep,
        shrink: options.shrink,
    };
    let (tell, hear) = channel();
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..jobs {
            let tell = tell.clone();
            let (board, manner) = (&board, &manner);
            scope.spawn(move || work(board, manner, &tell));
        }
        drop(tell);
        watch(&board, &hear, &shell, options);
    });
    let mut board = board.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    for (slot, new) in board.close() {
        new.into_iter().for_each(|failure| tell_found(&board.slots[slot], failure, &shell));
    }
    conclude(options, &board, &file, begun.elapsed(), &shell)
}

fn results_file(options: &cli::Explore, built: &Built) -> PathBuf {
    let dir = options.results.clone().unwrap_or_else(|| built.target_dir.join("raddle"));
    dir.join(results::file_name(options.shard))
}

/// The scenarios with what was found out about them before, if that is asked for and still holds.
fn slots(options: &cli::Explore, scenarios: Vec<Scenario>, file: &Path, shell: &Shell) -> Result<Vec<Slot>> {
    let saved = if options.resume { results::load(file)? } else { Vec::new() };
    if options.resume && saved.is_empty() {
        shell.warn(&format!("there is nothing to resume in {}: all begins anew", file.display()));
    }
    let end = if options.time.is_some() { u64::MAX } else { options.seeds };
    let mode = results::mode(options);
    let slot = |scenario: Scenario| {
        let before = saved.iter().find(|saved| saved.name == scenario.name);
        let still_holds = |saved: &&Saved| {
            let is_same = saved.binary == results::identity(&scenario) && saved.mode == mode;
            if !is_same {
                shell.warn(&format!("{} begins anew: it was built or is explored differently now", scenario.name));
            }
            is_same
        };
        let before = before.filter(still_holds);
        let tally = before.map_or_else(Tally::default, Saved::tally);
        let done = tally.records.iter().map(|record| record.range()).filter(|range| !range.is_empty()).collect();
        // Of many machines the first has the kept seeds; what is gone on with has had them.
        let is_first = options.shard.is_none_or(|shard| shard.k == 1) && before.is_none();
        let kept = if is_first && keeps_seeds(&scenario) { seedfile::of(&scenario)? } else { Vec::new() };
        let in_plain_order = is_first && is_portfolio(&scenario, options);
        let mut slot =
            Slot::new(scenario, First { in_plain_order, kept }, Dealer::new(end, options.shard, done), tally);
        slot.about = before.map(Saved::about);
        Ok(slot)
    };
    scenarios.into_iter().map(slot).collect()
}

/// Whether its seeds are dealt over the strategies: under `cargo test` such a test has a run in plain order first.
fn is_portfolio(scenario: &Scenario, options: &cli::Explore) -> bool {
    let strategy = options.strategy.as_deref().or(scenario.setting("strategy"));
    matches!(strategy, None | Some("portfolio"))
}

/// Whether the test goes through its kept seeds first, as it does under `cargo test`.
fn keeps_seeds(scenario: &Scenario) -> bool {
    scenario.setting("regressions") != Some("false")
}

/// Tells what happens until all workers are done.
fn watch(board: &Mutex<Board>, hear: &Receiver<Happening>, shell: &Shell, options: &cli::Explore) {
    let mut display = Display::new(shell, options);
    loop {
        let happening = hear.recv_timeout(TICK);
        let guard = lock(board);
        match happening {
            Ok(happening) => display.above(|| tell(&happening, &guard, shell)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        display.update(&guard);
    }
    display.end();
}

fn tell(happening: &Happening, board: &Board, shell: &Shell) {
    match happening {
        Happening::Found { slot, failure } => tell_found(&board.slots[*slot], *failure, shell),
        Happening::Looked { slot, failure, kept } => {
            let slot = &board.slots[*slot];
            tell_failure(&slot.scenario, &slot.tally.failures[*failure], kept.as_ref(), shell);
        }
        Happening::Done { slot } => {
            let Slot { scenario, tally, .. } = &board.slots[*slot];
            if tally.failures.is_empty() {
                let (seeds, orders) = (count(tally.runs, "seed"), count(tally.interleavings(), "interleaving"));
                let why = if tally.draws_nothing { ": it draws nothing from its seed" } else { "" };
                shell.status("Explored", &format!("{} ({seeds}, {orders}{why})", scenario.name));
            }
        }
        Happening::Broken { slot } => {
            let Slot { scenario, broken, .. } = &board.slots[*slot];
            let why = broken.as_deref().unwrap_or_default();
            shell.status_in(BAD, "Broken", &format!("{}: {why}", scenario.name));
            shell.json("broken", json!({ "scenario": scenario.name, "text": why }));
        }
    }
}

fn tell_found(slot: &Slot, failure: usize, shell: &Shell) {
    let Slot { scenario, tally, .. } = slot;
    let Failure { seed, finding, .. } = &tally.failures[failure];
    let headline = finding.headline.lines().next().unwrap_or_default();
    let style = if scenario.should_fail { WARNING } else { BAD };
    let text = format!("{} at seed {seed}: {headline}", scenario.name);
    // All of it follows: here one line is enough.
    let text = width().map_or(text.clone(), |width| fitted(&text, width.saturating_sub(13)));
    shell.status_in(style, "Found", &text);
}

/// Everything about a failure, with what became of its seed before the last line, which replays it.
fn tell_failure(scenario: &Scenario, failure: &Failure, kept: Option<&Kept>, shell: &Shell) {
    let text = failure.text.clone().unwrap_or_default();
    let kept_line = kept.and_then(|kept| match kept {
        Kept { error: Some(error), .. } => Some(format!("not kept: {error}")),
        Kept { file: Some(file), new: Some(true), .. } => {
            let file = short(scenario, file);
            Some(format!("kept: {file} (this seed runs first from now on; commit the file)"))
        }
        Kept { file: Some(file), .. } => Some(format!("kept: {} had this seed already", short(scenario, file))),
        Kept { file: None, .. } => None,
    });
    let shown = match (kept_line, text.rsplit_once('\n')) {
        (Some(line), Some((head, replay))) => format!("{head}\n  {line}\n{replay}"),
        _ => text.clone(),
    };
    shell.say(&format!("\n{shown}\n"));
    shell.json(
        "finding",
        json!({
            "scenario": scenario.name, "seed": failure.seed, "finding": failure.finding, "text": text,
            "place": scenario.place(), "expected": scenario.should_fail,
            "kept": kept.and_then(|kept| kept.file.clone().filter(|_| kept.error.is_none())),
        }),
    );
    if !scenario.should_fail {
        github::annotate(scenario, failure, shell);
    }
}

/// A seed file as the compiler names the source beside it: relative to the workspace.
fn short(scenario: &Scenario, file: &str) -> String {
    let source = Path::new(&scenario.file);
    let kept = source.parent().zip(Path::new(file).file_name());
    kept.map_or(file.into(), |(folder, name)| folder.join("seeds").join(name).display().to_string())
}

/// The table, the files, the exit code.
fn conclude(options: &cli::Explore, board: &Board, file: &Path, took: Duration, shell: &Shell) -> Result<u8> {
    let saved: Vec<Saved> = board.slots.iter().filter_map(|slot| results::saved(slot, options)).collect();
    let is_stopped = interrupt::is_set();
    let all_counts = !is_stopped && options.shard.is_none();
    if let Err(error) = results::store(file, &saved, options.shard) {
        shell.warn(&format!("the results are not kept for --resume and merge: {}: {error}", file.display()));
    }
    let rows: Vec<Row> = board.slots.iter().map(Row::of_slot).collect();
    table::print(&rows, took, shell);
    if is_stopped {
        let how = "stopped before the end; --resume goes on from here";
        shell.status_in(WARNING, "Interrupted", how);
    }
    if let Some(path) = &options.junit {
        junit::write(path, &rows, all_counts)?;
    }
    let is_bad = |row: &Row| row.is_failure() || all_counts && row.is_missing();
    let is_found = rows.iter().any(is_bad);
    let is_broken = rows.iter().any(|row| row.broken.is_some());
    match (is_found, is_broken) {
        (true, _) => Ok(FOUND),
        (false, true) => Err(Error::internal("not every scenario could be explored")),
        (false, false) if is_stopped && rows.iter().all(|row| row.runs == 0) => Err(Error::Interrupted),
        (false, false) => Ok(0),
    }
}
