//! Runs beside others, and what they came to.

use crate::args::How;
use crate::{Thing, of_crates, of_libc, of_smol, of_std};
use raddle::{Isolation, Report, Sim};
use std::collections::BTreeMap;
use std::fs;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// What a task awaits.
type Awaited = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What is done by a task; and what others do meanwhile.
pub type Asynchronous = (&'static str, fn() -> Awaited, fn());

/// What a run does three times, and others beside it.
#[derive(Clone, Copy)]
pub struct Trial {
    of: &'static str,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    Blocking(Thing),
    Asynchronous(Asynchronous),
}

/// Where a task does what blocks.
#[derive(Clone, Copy)]
enum Place {
    Loop,
    Job,
    Thread,
}

/// What a process has a static of that its first run changes, and each run sees: an id counts on from the one before.
const COUNT_ON: &[&str] = &["crates: uuid by time"];

/// All of them.
pub fn all() -> Vec<Trial> {
    let mut all = Vec::new();
    let blocking =
        [("std", of_std::THINGS.to_vec()), ("libc", of_libc::things()), ("crates", of_crates::THINGS.to_vec())];
    for (of, things) in blocking {
        all.extend(things.into_iter().map(|thing| Trial { of, what: What::Blocking(thing) }));
    }
    let asynchronous = of_smol::THINGS.iter();
    all.extend(asynchronous.map(|&thing| Trial { of: "smol", what: What::Asynchronous(thing) }));
    all
}

/// That of this name.
pub fn named(name: &str) -> Option<Trial> {
    all().into_iter().find(|trial| trial.name() == name)
}

/// Each in a process of its own; tells what differs.
pub fn try_all(filter: &str, how: &How) -> ExitCode {
    let is_meant =
        |trial: &Trial| trial.name().contains(filter) && !(how.first && COUNT_ON.contains(&trial.name().as_str()));
    let trials: Vec<Trial> = all().into_iter().filter(is_meant).collect();
    if trials.is_empty() {
        eprintln!("error: nothing has {filter:?} in its name; --list tells what there is");
        return ExitCode::from(2);
    }
    let mut failed = 0;
    for trial in &trials {
        let start = Instant::now();
        match trial.in_children(how) {
            Ok(()) if start.elapsed() > Duration::from_secs(5) => println!("{}: {:.1?}", trial.name(), start.elapsed()),
            Ok(()) => {}
            Err(why) => {
                failed += 1;
                println!("{}: {why}", trial.name());
            }
        }
    }
    let (things, runs) = (trials.len(), how.runs);
    if how.first {
        println!("left out, since a static of it counts on: {}", COUNT_ON.join(", "));
    }
    match how.first {
        true => println!("{things} things, the first run of a process and {runs} after it: {failed} differ"),
        false => println!("{things} things, {runs} runs of each, beside {} threads: {failed} differ", how.others),
    }
    if failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

impl Trial {
    /// What it is called.
    pub fn name(&self) -> String {
        let (What::Blocking((name, _)) | What::Asynchronous((name, ..))) = self.what;
        format!("{}: {name}", self.of)
    }

    /// [In a child](Trial::in_a_child), or in one for each place, if the first run of a process is looked at.
    fn in_children(&self, how: &How) -> Result<(), String> {
        if !how.first {
            return self.in_a_child(how);
        }
        self.places()
            .iter()
            .try_for_each(|place| self.in_a_child(&How { others: 0, place: Some(place.name().into()), ..how.clone() }))
    }

    /// A child that [tries](Trial::be) it.
    fn in_a_child(&self, how: &How) -> Result<(), String> {
        let program = std::env::current_exe().expect("a program is a file");
        let told = program.with_file_name(format!("beside-{}", std::process::id()));
        let _ = fs::remove_file(&told);
        let mut command = Command::new(program);
        command.args([&self.name(), "--runs", &how.runs.to_string(), "--others", &how.others.to_string(), "--child"]);
        command.arg(&told).args(how.show.then_some("--show")).args(how.apart.then_some("--apart"));
        command.args(how.place.iter().flat_map(|place| ["--place", place]));
        let nothing = Stdio::null;
        let mut child =
            command.stdin(nothing()).stdout(nothing()).stderr(nothing()).spawn().expect("it can be started");
        let end = Instant::now() + Duration::from_secs(how.limit);
        let status = loop {
            match child.try_wait().expect("it is waited for here only") {
                None if Instant::now() < end => thread::sleep(Duration::from_millis(5)),
                None => {
                    child.kill().expect("it is there");
                    child.wait().expect("it is waited for here only");
                    return Err(format!("did not end in {} s", how.limit));
                }
                Some(status) => break status,
            }
        };
        let text = fs::read_to_string(&told).unwrap_or_default();
        let _ = fs::remove_file(&told);
        match text {
            _ if !status.success() => Err(format!("its process ended with {status}")),
            text if text.is_empty() => Ok(()),
            text => Err(text),
        }
    }

    /// What a child does: what differs goes into the file.
    pub fn be(&self, how: &How, to: &Path) {
        let (What::Blocking((_, thing)) | What::Asynchronous((_, _, thing))) = self.what;
        // What is made once in a process is made now, unless that is what is looked at.
        if how.place.is_none() {
            thing();
        }
        let mut text = String::new();
        let is_meant = |place: &&Place| how.place.as_ref().is_none_or(|name| place.name() == name);
        for place in self.places().iter().filter(is_meant) {
            let alone = self.run(*place, how);
            let runs = |text: &mut String| {
                *text += &differences(place.name(), &alone, how, || self.run(*place, how));
            };
            beside(thing, how.others, || runs(&mut text));
        }
        fs::write(to, text).expect("the parent knows where");
    }

    fn places(&self) -> &'static [Place] {
        match self.what {
            What::Blocking(_) => &[Place::Loop, Place::Job, Place::Thread],
            What::Asynchronous(_) => &[Place::Loop],
        }
    }

    fn run(&self, place: Place, how: &How) -> Report<()> {
        let what = self.what;
        let isolation = if how.apart { Isolation::Process } else { Isolation::Thread };
        Sim::new().seed(7).require_boundary(true).isolation(isolation).run(move || async move {
            let tasks = (0..3).map(|n| {
                raddle::spawn(async move {
                    for _ in 0..n {
                        raddle::yield_now().await;
                    }
                    match what {
                        What::Asynchronous((_, future, _)) => future().await,
                        What::Blocking((_, thing)) => place.has_it_done(thing).await,
                    }
                    raddle::yield_now().await;
                })
            });
            let tasks: Vec<_> = tasks.collect();
            for task in tasks {
                task.await;
            }
        })
    }
}

impl Place {
    fn name(self) -> &'static str {
        match self {
            Place::Loop => "on the loop",
            Place::Job => "in a job",
            Place::Thread => "in a thread",
        }
    }

    async fn has_it_done(self, thing: fn()) {
        match self {
            Place::Loop => raddle::allow_blocking("it is what is tried", thing),
            Place::Job => raddle::unblock(thing).await,
            Place::Thread => raddle::unblock(move || thread::spawn(thing).join().expect("it does not panic")).await,
        }
    }
}

/// What a run came to, but for what nobody compares.
fn came_to(report: &Report<()>) -> String {
    let finding = report.finding().map(|finding| format!(", {:?}: {}", finding.kind(), finding.message()));
    let (digest, steps) = (report.digest(), report.steps());
    format!("{digest} in {steps} steps{}", finding.unwrap_or_default())
}

/// The ways that runs went, if that is not the one way of the run alone, or if something was found.
fn differences(place: &str, alone: &Report<()>, how: &How, run: impl Fn() -> Report<()>) -> String {
    let shown =
        |report: &Report<()>| if how.show { format!("\n{report}\n{}", report.interleaving()) } else { String::new() };
    let mut ways: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for _ in 0..how.runs {
        let report = run();
        ways.entry(came_to(&report)).or_insert_with(|| (0, shown(&report))).0 += 1;
    }
    let of_alone = came_to(alone);
    if alone.is_ok() && ways.len() == 1 && ways.contains_key(&of_alone) {
        return String::new();
    }
    let mut text = format!("{place}, alone {of_alone}{}\n", shown(alone));
    for (came_to, (count, shown)) in ways {
        text += &format!("  {count} times {came_to}{shown}\n");
    }
    text
}

/// `body` while `others` threads do `thing`.
fn beside(thing: fn(), others: u64, body: impl FnOnce()) {
    struct Ends<'a>(&'a AtomicBool);
    impl Drop for Ends<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        // Also if it panics.
        let _end = Ends(&is_over);
        let does = || {
            while !is_over.load(Ordering::Relaxed) {
                // One after the other, and then some room for others: whoever wants a lock that is not fair.
                thing();
                thing();
                thread::sleep(Duration::from_micros(50));
            }
        };
        (0..others).for_each(|_| _ = scope.spawn(does));
        body();
    });
}
