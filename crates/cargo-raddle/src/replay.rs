//! `cargo raddle replay` and `cargo raddle shrink`: one run, as it is or as short as it can be.

use crate::cli::{self, Global, Which};
use crate::debugger;
use crate::error::{FOUND, Result};
use crate::one::{One, Output, Seen, View, death_text};
use crate::protocol::{Looked, Run, Seed};
use crate::shell::Shell;
use serde_json::json;

pub fn replay(options: &cli::Replay, global: &Global) -> Result<u8> {
    let shell = Shell::new(global);
    let which = &options.one.which;
    let output = match (options.break_at, shell.is_json()) {
        (Some(step), _) => Output::Debugged(debugger::words(step, &shell)?),
        (None, true) => Output::Dropped,
        (None, false) => Output::Shown,
    };
    let mut one = One::open(&options.one.scenario, &options.one.how, global, output)?;
    let looked = match one.look(which, View::default())? {
        Seen::Looked(looked) => looked,
        Seen::Died(death) => return Ok(tell_death(&one, which, &death, &shell)),
    };
    shell.say(&head(&one.scenario.name, &looked));
    match &looked.run.lanes_in_short {
        _ if options.trace => shell.say(&events(&looked.run)),
        Some(short) if !options.all => {
            shell.say(&format!("{short}  in short: --all prints all lanes, --trace all events"))
        }
        _ => shell.say(&looked.run.lanes),
    }
    Ok(tell(&one, &looked, &shell))
}

pub fn shrink(options: &cli::Shrink, global: &Global) -> Result<u8> {
    let shell = Shell::new(global);
    let seed = Seed(options.seed);
    let which = &Which::Seed(seed);
    let mut one = One::open(&options.scenario, &options.how, global, Output::Dropped)?;
    let looked = match one.look(which, View { shrink: options.budget, minimised: true })? {
        Seen::Looked(looked) => looked,
        Seen::Died(death) => return Ok(tell_death(&one, which, &death, &shell)),
    };
    match looked.finding {
        Some(_) => shell.say(&looked.text),
        None => shell.say(&format!("{}: seed {seed} passes: there is nothing to shrink", one.scenario.name)),
    }
    Ok(tell(&one, &looked, &shell))
}

/// The JSON line, and the exit code.
fn tell(one: &One, looked: &Looked, shell: &Shell) -> u8 {
    shell.json("run", json!({ "scenario": one.scenario.name, "run": looked }));
    if looked.finding.is_some() { FOUND } else { 0 }
}

fn tell_death(one: &One, which: &Which, death: &crate::process::Death, shell: &Shell) -> u8 {
    shell.say(&death_text(&one.scenario, which, death));
    let fields = json!({ "scenario": one.scenario.name, "seed": which.seed(), "how": death.how, "said": death.said });
    shell.json("death", fields);
    FOUND
}

/// Up to how many deviations a run's schedule is told.
const MOST_ITEMS: usize = 24;

/// How the run ended, and what it was.
fn head(name: &str, looked: &Looked) -> String {
    let Looked { seed, run, .. } = looked;
    let mut text = match &looked.finding {
        Some(finding) => format!("{name} failed: {}\n", finding.headline),
        None => format!("{name} passed\n"),
    };
    text += &format!(
        "  seed {seed}, strategy {}, {} steps, {} decisions, {} virtual\n",
        run.strategy,
        run.steps,
        run.decisions,
        nanos(run.elapsed)
    );
    text += &format!("  digest {}, threads {}, boundary {}\n", run.digest, run.threads, run.boundary);
    let details = looked.finding.iter().flat_map(|finding| &finding.details);
    details.for_each(|detail| text += &detail.lines().map(|line| format!("  {line}\n")).collect::<String>());
    if !run.pending.is_empty() {
        text += &format!("  still alive: {}\n", run.pending.join(", "));
    }
    if (1..=MOST_ITEMS).contains(&run.deviations.len()) {
        text += &format!("  schedule: {}\n", run.schedule);
    }
    text
}

/// Every event on a line of its own, with all that is known of it.
pub fn events(run: &Run) -> String {
    let name = |index: Option<u32>| index.and_then(|i| run.actors.get(i as usize)).map(|actor| actor.name.as_str());
    let mut lines = Vec::new();
    for (place, event) in run.events.iter().enumerate() {
        if let Some(gap) = run.gap.as_ref().filter(|gap| gap.place == place as u64) {
            lines.push(format!("… {} events not kept …", gap.count));
        }
        let lane = name(event.worker).unwrap_or("loop");
        let mark = if event.before.is_some() { "*" } else { " " };
        lines.push(format!("{:>6} {:>12} {mark} {lane:<10} {}", event.step, nanos(event.at), event.text));
    }
    lines.join("\n") + "\n"
}

/// Nanoseconds in the largest unit that needs no more than three decimals.
pub fn nanos(nanos: u64) -> String {
    let (divisor, unit) = match nanos {
        0 => return "0 ns".into(),
        n if n % 1_000_000 == 0 && n >= 1_000_000_000 => (1_000_000_000, "s"),
        n if n % 1_000 == 0 && n >= 1_000_000 => (1_000_000, "ms"),
        n if n >= 1_000 => (1_000, "us"),
        _ => (1, "ns"),
    };
    let (whole, rest) = (nanos / divisor, nanos % divisor);
    if rest == 0 {
        return format!("{whole} {unit}");
    }
    let digits = format!("{rest:0width$}", width = divisor.ilog10() as usize);
    format!("{whole}.{} {unit}", digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::nanos;

    #[test]
    fn times_are_told_in_one_unit() {
        let cases = [(0, "0 ns"), (999, "999 ns"), (1_500, "1.5 us"), (5_000_000, "5 ms"), (1_250_000_000, "1.25 s")];
        for (number, text) in cases {
            assert_eq!(nanos(number), text);
        }
    }
}
