//! The paragraphs that failures are told in.

use crate::deviation::Deviation;
use crate::finding::Finding;
use crate::id::Key;
use crate::isolation::{HINT, SMOL, is_of_smol};
use crate::trace::{MOST_COLUMNS, Style, Trace, What};
use std::fmt::{self, Write};

pub(super) fn write_place(f: &mut impl Write, seed: &str, finding: &Finding, steps: u64) -> fmt::Result {
    write!(f, "  {seed}, step {} of {steps}, at {} virtual", finding.step(), finding.at())?;
    match finding.task() {
        Some(task) => writeln!(f, ", in {task}"),
        None => writeln!(f),
    }
}

/// What is said of threads that outlive their run.
pub(super) fn tell_outliving(names: &[String]) -> Option<String> {
    let these = names.join(", ");
    let smol = if names.iter().any(|name| is_of_smol(name)) { format!("{SMOL}; or ") } else { String::new() };
    let told =
        || format!("outlives the run: {these}. If a static keeps it, the next run waits for it in vain: {smol}{HINT}");
    (!names.is_empty()).then(told)
}

pub(super) fn write_details(
    f: &mut impl Write,
    finding: &Finding,
    abandoned: &[String],
    outliving: &[String],
) -> fmt::Result {
    for detail in finding.details() {
        detail.lines().try_for_each(|line| writeln!(f, "  {line}"))?;
    }
    if !abandoned.is_empty() {
        writeln!(f, "  given up: {} (it waits for ever, and its thread with it)", abandoned.join(", "))?;
    }
    tell_outliving(outliving).iter().try_for_each(|told| writeln!(f, "  {told}"))?;
    match &finding.hint {
        Some(hint) => writeln!(f, "  what to do: {hint}"),
        None => Ok(()),
    }
}

/// How many lines of an interleaving a failure prints.
pub(super) const MOST_LINES: usize = 60;

/// Up to how many deviations a failure prints its schedule as one line.
pub(super) const MOST_ITEMS: usize = 24;

pub(super) fn write_lanes(f: &mut impl Write, title: &str, trace: &Trace) -> fmt::Result {
    if trace.actors().is_empty() {
        return writeln!(f, "  {title}: none, for the run could not tell it before it ended");
    }
    let has_choices = trace.events().iter().any(|event| matches!(event.what, What::Chose { .. }));
    let or = if has_choices { ", or a choice was not the plain one" } else { "" };
    writeln!(f, "  {title} (* marks a deviation: somebody ran before the one that had been ready for longest{or}):")?;
    let lanes = trace.render(Style { steps: true, most_lines: MOST_LINES, most_columns: MOST_COLUMNS });
    lanes.lines().try_for_each(|line| writeln!(f, "    {line}"))
}

pub(super) fn write_deviations(f: &mut impl Write, trace: &Trace, deviations: &[Deviation]) -> fmt::Result {
    for deviation in deviations {
        let told = tell_deviation(trace, deviation);
        match trace.step_of(deviation) {
            Some(step) => writeln!(f, "    step {step:>3}  {told}")?,
            None => writeln!(f, "    {told}")?,
        }
    }
    Ok(())
}

pub(crate) fn tell_deviation(trace: &Trace, deviation: &Deviation) -> String {
    if let Some(number) = deviation.chosen() {
        let (who, nth) = (trace.name_of(deviation.who), deviation.step);
        return match trace.choice(deviation) {
            Some((event, Some(_))) => format!("{} (its choice number {nth})", trace.tell(event)),
            _ => format!("{who} chose {number} (its choice number {nth})"),
        };
    }
    let before = trace.name_of(deviation.before);
    if deviation.who == Key::CLOCK {
        return format!("time passed a deadline before {before} ran");
    }
    format!("{} ran before {before}", trace.name_of(deviation.who))
}
