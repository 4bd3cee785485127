//! The machine's side of a test: answering a program that drives the test binary (`cargo raddle`), in JSON lines.
//!
//! The driver starts the binary for one test with `RADDLE_DRIVE` set. Instead of going through its seeds the test calls
//! back, says what it is, and does what it is asked (`command.rs`) until the driver hangs up. Exploring tells only what
//! is needed to put stretches together in any order; a seed worth it is looked at afterwards.

mod channel;
mod command;
mod json;
mod tell;

use crate::env::DriveAddress;
use crate::explore::{self, Plan, explore_in};
use crate::recheck::Check;
use crate::regressions::{self, Regression};
use crate::replay::Replay;
use crate::report::{Found, Report};
use crate::run::{self, Lab, Setup};
use crate::schedule::{Player, StrategyKind};
use crate::seed::{SCHEDULE_VERSION, Seed};
use crate::token::Schedule;
use channel::{Channel, Mark};
use command::{Command, Which};
use json::Object;
use std::io;
use std::path::PathBuf;

/// The version of what is said on the line. A driver refuses one that it does not know.
const PROTOCOL: u64 = 1;

/// A test that is driven.
pub(crate) struct Driven<'a> {
    pub setup: Setup<'a>,
    /// The test's path within its crate.
    pub path: String,
    /// The first seed of the test's own, and how many it tries.
    pub first: Seed,
    pub seeds: u64,
    pub strategy: StrategyKind,
    pub seed_file: Option<PathBuf>,
}

/// Answers until the driver hangs up.
///
/// # Errors
/// In one line: the driver cannot be reached.
pub(crate) fn serve(address: &DriveAddress, driven: Driven<'_>) -> Result<(), String> {
    let unreachable = |error: io::Error| format!("the driver at {} cannot be reached: {error}", address.socket);
    let mut channel = Channel::open(address).map_err(unreachable)?;
    let mark = Mark::open(address);
    let Driven { setup, path, first, seeds, strategy, seed_file } = driven;
    let hello = Object::new()
        .text("type", "hello")
        .number("protocol", PROTOCOL)
        .text("raddle", env!("CARGO_PKG_VERSION"))
        .number("schedule", u64::from(SCHEDULE_VERSION))
        .text("test", &path)
        .text("first", &first.to_string())
        .number("seeds", seeds)
        .text("strategy", &strategy.to_string())
        .maybe("seed_file", seed_file.as_ref().map(|path| path.display().to_string()))
        .end();
    let (name, replay) = (setup.name.to_string(), setup.replay.clone());
    run::in_lab(setup, |lab| {
        channel.say(hello)?;
        let mut booth = Booth { lab, mark, name, path, base: first, strategy, player: None, seed_file, replay };
        while let Some(line) = channel.hear()? {
            let answer = match Command::read(&line) {
                Ok(command) => booth.answer(command),
                Err(error) => Object::new().text("type", "error").text("text", &error.to_string()).end(),
            };
            channel.say(answer)?;
        }
        Ok(())
    })
    .map_err(|error: io::Error| format!("the driver at {} is gone: {error}", address.socket))
}

/// Where commands are carried out: a lab that stays open from one to the next.
struct Booth<'l, 'a> {
    lab: &'l mut Lab<'a>,
    mark: Mark,
    name: String,
    path: String,
    /// The first seed of the test's own: what the mark says while a strategy measures.
    base: Seed,
    strategy: StrategyKind,
    /// The same with what was measured for it.
    player: Option<Player>,
    seed_file: Option<PathBuf>,
    replay: Replay,
}

impl Booth<'_, '_> {
    fn answer(&mut self, command: Command) -> String {
        match command {
            Command::Explore { first, count, strategy, check, first_only } => {
                let player = self.resolve(strategy);
                let mark = &self.mark;
                let seeds = (0..count).map(move |n| first.nth(n)).inspect(|&seed| mark.put(seed));
                let plan = Plan {
                    strategy: player.kind.clone(),
                    seeds: Box::new(seeds),
                    tries: count,
                    measuring_counts: false,
                    check,
                    first_only,
                    shrink_budget: 0,
                    outcomes_traced: 0,
                    may_end_early: true,
                };
                tell::explored(&explore_in(self.lab, plan, player, Vec::new()))
            }
            Command::Look { seed, strategy, check, shrink, which } => self.look(seed, strategy, check, shrink, which),
            Command::Play { schedule } => self.play(&schedule),
            Command::Keep { seed, strategy, comment } => {
                let strategy = self.resolve(strategy).dealt(seed).kind;
                let object = Object::new().text("type", "kept");
                let worth_it = regressions::are_worth_it(&strategy, &self.strategy);
                let Some(file) = self.seed_file.as_ref().filter(|_| worth_it) else {
                    return object.maybe("file", None::<&str>).end();
                };
                let object = object.text("file", &file.display().to_string());
                match regressions::add(file, &Regression { test: self.path.clone(), seed, strategy }, &comment) {
                    Ok(new) => object.switch("new", new).end(),
                    Err(error) => object.text("error", &error).end(),
                }
            }
        }
    }

    /// What to explore with. What is measured for the test's own strategy is measured once.
    fn resolve(&mut self, given: Option<StrategyKind>) -> Player {
        self.mark.put(self.base);
        match given {
            Some(given) => explore::measure(self.lab, &given).0,
            None => match &self.player {
                Some(player) => player.clone(),
                None => {
                    let player = explore::measure(self.lab, &self.strategy).0;
                    self.player.insert(player).clone()
                }
            },
        }
    }

    /// A schedule as it is written; one of other code is played only if that is asked for.
    fn play(&mut self, schedule: &Schedule) -> String {
        self.mark.put(schedule.seed());
        let player = Player::plain(StrategyKind::Replay(schedule.deviations().to_vec()));
        let run = self.lab.run(schedule.seed(), &player, true);
        let report = Report::new(&self.name, player.kind, run, self.replay.clone());
        match report.refusal(schedule) {
            None => tell::looked(&report, None),
            Some(why) => Object::new().text("type", "error").text("text", &why).end(),
        }
    }

    fn look(
        &mut self,
        seed: Seed,
        strategy: Option<StrategyKind>,
        check: Check,
        shrink: usize,
        which: Which,
    ) -> String {
        let mut replay = self.replay.clone();
        if let Some(given) = &strategy {
            replay.strategy = Some(given.to_string());
        }
        let player = self.resolve(strategy);
        self.mark.put(seed);
        let plan = Plan {
            strategy: player.kind.clone(),
            seeds: Box::new(std::iter::once(seed)),
            tries: 1,
            measuring_counts: false,
            check,
            first_only: true,
            shrink_budget: shrink,
            outcomes_traced: 0,
            may_end_early: false,
        };
        let found = Found::new(explore_in(self.lab, plan, player.clone(), Vec::new()), &self.name, None, &replay);
        match found.first_failure() {
            Some(failure) => {
                let report = match which {
                    Which::Original => failure.original(),
                    Which::Minimised => failure.report(),
                };
                tell::looked(report, Some(failure))
            }
            None => {
                let player = player.dealt(seed);
                let run = self.lab.run(seed, &player, true);
                tell::looked(&Report::new(&self.name, player.kind, run, replay), None)
            }
        }
    }
}
