//! The end of an exploration: a table, and the sums in JSON.

use super::board::Slot;
use super::record::{Failure, Tally};
use super::results::Saved;
use crate::protocol::Outcome;
use crate::shell::{Shell, count, fitted, grouped, width};
use comfy_table::{CellAlignment, Table, presets};
use serde_json::json;
use std::time::Duration;

/// A scenario in the table.
pub struct Row {
    pub name: String,
    pub place: String,
    pub package: Option<String>,
    pub should_fail: bool,
    pub strategy: String,
    pub runs: u64,
    pub steps: u64,
    pub interleavings: u64,
    pub digest: u64,
    pub most_decisions: u64,
    /// All seeds are alike, so that one was run.
    pub draws_nothing: bool,
    pub failures: Vec<Failure>,
    pub outcomes: Vec<Outcome>,
    pub broken: Option<String>,
}

impl Row {
    pub fn of_slot(slot: &Slot) -> Row {
        let strategy = slot.about.as_ref().map_or(String::new(), |about| about.strategy.clone());
        Row {
            package: Some(slot.scenario.binary.package.clone()),
            broken: slot.broken.clone(),
            ..Row::new(&slot.scenario.name, slot.scenario.place(), slot.scenario.should_fail, strategy, &slot.tally)
        }
    }

    pub fn of_saved(saved: &Saved, tally: &Tally) -> Row {
        Row::new(&saved.name, saved.place.clone(), saved.should_fail, saved.strategy.clone(), tally)
    }

    fn new(name: &str, place: String, should_fail: bool, strategy: String, tally: &Tally) -> Row {
        Row {
            name: name.into(),
            place,
            package: None,
            should_fail,
            strategy,
            runs: tally.runs,
            steps: tally.steps,
            interleavings: tally.interleavings(),
            digest: tally.digest(),
            most_decisions: tally.most_decisions,
            draws_nothing: tally.draws_nothing,
            failures: tally.failures.clone(),
            outcomes: tally.outcomes().cloned().collect(),
            broken: None,
        }
    }

    /// It failed, and it should not.
    pub fn is_failure(&self) -> bool {
        !self.should_fail && !self.failures.is_empty()
    }

    /// It should have failed, and did not.
    pub fn is_missing(&self) -> bool {
        self.should_fail && self.failures.is_empty() && self.broken.is_none()
    }

    fn all_there_is(&self) -> &'static str {
        if self.draws_nothing { ": one schedule is all there is" } else { "" }
    }

    /// What came of it, in a word or two.
    pub fn verdict(&self) -> String {
        let headline = |failure: &Failure| failure.finding.headline.lines().next().unwrap_or_default().to_string();
        match (&self.broken, &self.failures[..], self.should_fail) {
            (Some(_), ..) => "could not be explored".into(),
            (None, [], true) => format!("should fail, and did not{}", self.all_there_is()),
            (None, [], false) if self.runs == 0 => "not reached".into(),
            (None, [], false) => format!("nothing{}", self.all_there_is()),
            (None, [only], true) => format!("as expected, at {}: {}", only.seed, headline(only)),
            (None, [only], false) => format!("at {}: {}", only.seed, headline(only)),
            (None, [first, rest @ ..], _) => {
                format!("{} kinds, first at {}: {}", rest.len() + 1, first.seed, headline(first))
            }
        }
    }
}

/// More of a verdict is not shown in the table where there is no terminal …
const WIDTH: usize = 90;
/// … and so much at least where there is one.
const LEAST: usize = 20;

/// Prints all rows, and their sum.
pub fn print(rows: &[Row], took: Duration, shell: &Shell) {
    for row in rows {
        shell.json(
            "result",
            json!({
                "scenario": row.name, "place": row.place, "strategy": row.strategy, "seeds": row.runs,
                "steps": row.steps, "interleavings": row.interleavings, "digest": format!("{:016x}", row.digest),
                "most_decisions": row.most_decisions, "draws_nothing": row.draws_nothing, "findings": row.failures, "outcomes": row.outcomes,
                "expected": row.should_fail, "broken": row.broken,
            }),
        );
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["scenario", "seeds", "interleavings", "found"]);
    let cells: Vec<[String; 3]> =
        rows.iter().map(|row| [row.name.clone(), grouped(row.runs), grouped(row.interleavings)]).collect();
    let widest = |column: usize, title: &str| {
        cells.iter().map(|cells| cells[column].chars().count()).chain([title.len()]).max().unwrap_or_default()
    };
    // Each column has a space on both sides.
    let others = widest(0, "scenario") + widest(1, "seeds") + widest(2, "interleavings") + 8;
    let room = width().map_or(WIDTH, |width| width.saturating_sub(others).max(LEAST));
    for (row, [name, runs, orders]) in rows.iter().zip(cells) {
        table.add_row([name, runs, orders, fitted(&row.verdict(), room)]);
    }
    for column in 1..3 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    if !shell.quiet {
        let lines: Vec<String> = table.to_string().lines().map(|line| line.trim_end().to_string()).collect();
        shell.say(&lines.join("\n"));
    }
    let sum = |of: fn(&Row) -> u64| rows.iter().map(of).sum::<u64>();
    let (runs, orders) = (sum(|r| r.runs), sum(|r| r.interleavings));
    let found = sum(|r| if r.should_fail { 0 } else { r.failures.len() as u64 });
    let expected = sum(|r| if r.should_fail { r.failures.len() as u64 } else { 0 });
    let missing = sum(|r| u64::from(r.is_missing()));
    let broken = sum(|r| u64::from(r.broken.is_some()));
    shell.json(
        "summary",
        json!({
            "scenarios": rows.len(), "seeds": runs, "interleavings": orders, "findings": found, "expected": expected, "missing": missing,
            "broken": broken, "seconds": took.as_secs_f64(),
        }),
    );
    let mut also = if expected > 0 { format!(" ({expected} more as expected)") } else { String::new() };
    if missing > 0 {
        also += &format!(", {missing} missed that should fail");
    }
    let text = format!(
        "{} in {}, {}, {:.1} s: {}{also}",
        count(runs, "seed"),
        count(rows.len() as u64, "scenario"),
        count(orders, "interleaving"),
        took.as_secs_f64(),
        count(found, "finding"),
    );
    shell.status("Finished", &text);
}
