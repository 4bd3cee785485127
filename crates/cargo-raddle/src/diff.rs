//! `cargo raddle diff`: the first point where two interleavings part, side by side.

use crate::cli::{self, Global, Which};
use crate::error::Result;
use crate::one::{One, Output, View};
use crate::protocol::{Event, Run};
use crate::replay::nanos;
use crate::shell::{Shell, fitted};
use serde_json::json;

pub fn run(options: &cli::Diff, global: &Global) -> Result<u8> {
    let shell = Shell::new(global);
    let mut one = One::open(&options.scenario, &options.how, global, Output::Dropped)?;
    let [a, b] = [&options.one, &options.other];
    let (left, right) = (one.look_whole(a, View::default())?, one.look_whole(b, View::default())?);
    let name = &one.scenario.name;
    let parts_at = parting(&left.run, &right.run);
    shell.json(
        "diff",
        json!({ "scenario": name, "seeds": [a.seed(), b.seed()], "parts_at": parts_at, "runs": [left.run, right.run] }),
    );
    match parts_at {
        None => shell.say(&format!("{name}: {a} and {b} go the same way, all {} events", left.run.events.len())),
        Some(place) => {
            let step = |run: &Run| run.events.get(place).map(|event| event.step);
            let step = step(&left.run).or(step(&right.run)).unwrap_or_default();
            shell.say(&format!("{name}: {a} and {b} part at step {step}, event {}\n", place + 1));
            shell.say(&side_by_side(&left.run, &right.run, place, options.context, [a, b]));
            for (which, looked) in [(a, &left), (b, &right)] {
                let end = looked.finding.as_ref().map_or("passes", |finding| &finding.headline);
                shell.say(&format!("{which}: {end}"));
            }
        }
    }
    Ok(0)
}

/// The number of the first event at which the two differ. A poll's event stands where it began: what came of it
/// shows better in what follows, if anything does.
fn parting(a: &Run, b: &Run) -> Option<usize> {
    let begun = |event: &Event| {
        let Event { step, at, worker, what, actor, by, before, woken, from, call, note, number, .. } = event.clone();
        (step, at, worker, what, actor, (by, before, woken, from, call, note, number))
    };
    let pairs = || a.events.iter().zip(&b.events);
    let first = pairs().position(|(x, y)| begun(x) != begun(y));
    let same_length = a.events.len() == b.events.len();
    first
        .or_else(|| pairs().position(|(x, y)| x != y).filter(|_| same_length))
        .or((!same_length).then_some(a.events.len().min(b.events.len())))
}

const WIDTH: usize = 56;

fn side_by_side(a: &Run, b: &Run, place: usize, context: usize, which: [&Which; 2]) -> String {
    let cell = |run: &Run, place: usize| {
        run.events.get(place).map_or(String::new(), |event| {
            let mark = if event.deviates() { "*" } else { " " };
            fitted(&format!("{:>5} {:>9} {mark} {}", event.step, nanos(event.at), event.text), WIDTH)
        })
    };
    let [one, other] = which.map(|which| fitted(&which.to_string(), WIDTH));
    let mut out = format!("  {one:<WIDTH$} | {other}\n");
    let end = (place + context + 1).min(a.events.len().max(b.events.len()));
    for at in place.saturating_sub(context)..end {
        let mark = if at == place { ">" } else { " " };
        out += format!("{mark} {:<WIDTH$} | {}", cell(a, at), cell(b, at)).trim_end();
        out.push('\n');
    }
    out
}
