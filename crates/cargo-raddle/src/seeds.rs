//! `cargo raddle seeds`: the kept seeds, whether they still fail, and away with those that do not.

use crate::cli::{self, Global};
use crate::error::{Error, FOUND, Result};
use crate::process::{Launch, Process, Silence};
use crate::protocol::Answer;
use crate::scenario::{self, Scenario};
use crate::seedfile::{self, Kept};
use crate::shell::{BAD, GOOD, Shell, count};
use crate::{cargo, interrupt};
use serde_json::json;
use std::io::{IsTerminal, Write};

pub fn run(options: &cli::Seeds, global: &Global) -> Result<u8> {
    let shell = Shell::new(global);
    let built = cargo::build(&options.build, global)?;
    let mut filter = options.filter.clone();
    filter.include_ignored = true;
    let scenarios = scenario::choose(scenario::find(&built.binaries)?, &filter)?;
    interrupt::install()?;
    let launch =
        Launch { library_dirs: built.library_dirs, patience: options.patience, shows_output: false, debugger: None };
    let (mut all, mut failing) = (0, 0);
    let mut passing: Vec<(Scenario, Vec<Kept>)> = Vec::new();
    for scenario in scenarios {
        let kept = seedfile::of(&scenario)?;
        let mut passing_here = Vec::new();
        for one in &kept {
            all += 1;
            let outcome = match options.check || options.prune {
                true => Some(rerun(&scenario, one, &launch)?),
                false => None,
            };
            failing += u64::from(matches!(outcome, Some(Some(_))));
            if outcome == Some(None) {
                passing_here.push(one.clone());
            }
            tell(&scenario, one, outcome.as_ref(), &shell);
        }
        if !passing_here.is_empty() {
            passing.push((scenario, passing_here));
        }
    }
    shell.status("Listed", &count(all, "kept seed"));
    let to_drop: usize = passing.iter().map(|(_, seeds)| seeds.len()).sum();
    if options.prune && to_drop > 0 && (options.yes || agrees(to_drop)?) {
        passing.iter().try_for_each(|(scenario, seeds)| seedfile::drop_seeds(scenario, seeds))?;
        shell.status("Dropped", &count(to_drop as u64, "seed"));
    }
    Ok(if failing > 0 { FOUND } else { 0 })
}

/// What a kept seed comes to now: the failure, or nothing.
fn rerun(scenario: &Scenario, kept: &Kept, launch: &Launch) -> Result<Option<String>> {
    let mut process = Process::start(scenario, launch)?;
    match process.ask(&format!("look seed={} strategy={}", kept.seed, kept.strategy)) {
        Ok(Answer::Looked(looked)) => Ok(looked.finding.map(|finding| finding.headline)),
        Ok(Answer::Error { text }) => Err(Error::internal(format!("{}: {text}", scenario.name))),
        Ok(_) => Err(Error::internal(format!("{} answered something else than it was asked", scenario.name))),
        Err(Silence::Died(death)) => Ok(Some(format!("the process {}", death.how))),
        Err(Silence::Interrupted) => Err(Error::Interrupted),
        Err(Silence::Nonsense(text)) => Err(Error::internal(format!("{}: {text}", scenario.name))),
    }
}

fn tell(scenario: &Scenario, kept: &Kept, outcome: Option<&Option<String>>, shell: &Shell) {
    let Kept { seed, strategy, note } = kept;
    let now = match outcome {
        None => note.clone(),
        Some(None) => format!("{GOOD}passes now{GOOD:#} (was: {note})"),
        Some(Some(headline)) => {
            format!("{BAD}fails{BAD:#}: {}", headline.lines().next().unwrap_or_default())
        }
    };
    shell.say(&format!("{} {seed} {strategy}: {now}", scenario.name));
    let fails = outcome.map(Option::is_some);
    shell.json(
        "kept",
        json!({ "scenario": scenario.name, "seed": seed, "strategy": strategy, "note": note, "fails": fails }),
    );
}

fn agrees(seeds: usize) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        let what = count(seeds as u64, "seed");
        return Err(Error::usage(format!("{what} could be dropped; nobody is here to be asked: add --yes to do it")));
    }
    let _ = write!(anstream::stderr(), "Drop {} from the seed files? [y/N] ", count(seeds as u64, "seed"));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(|error| Error::internal(error.to_string()))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
