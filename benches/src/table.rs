//! What was measured, as text.

use crate::args::{Args, Clock};
use crate::catalogue::{Goal, OURS};
use crate::rounds::{Measured, Verdict};
use crate::stats::Spread;
use raddle_bench_work::Workload;
use std::fmt::Write as _;

/// What was asked for, in a line.
pub fn head(args: &Args) -> String {
    if args.instructions {
        return "Instructions a unit, by the difference of two lengths under callgrind.".into();
    }
    let clock = match args.clock {
        Clock::Cpu => "time on a processor",
        Clock::Wall => "time on the wall",
    };
    let rounds = args.rounds;
    format!(
        "Medians of {rounds} interleaved rounds, {clock}. In brackets the middle half of the rounds' ratios; for what they
are ratios to, of its own figures to their median, which is the noise."
    )
}

/// A figure with three digits and its unit: `59.1 ns`, `4.18 µs`.
fn nanos(nanos: f64) -> String {
    let (figure, unit) = match nanos {
        n if n < 1e3 => (n, "ns"),
        n if n < 1e6 => (n / 1e3, "µs"),
        n => (n / 1e6, "ms"),
    };
    let digits = if figure < 10.0 { 2 } else { usize::from(figure < 100.0) };
    format!("{figure:.digits$} {unit}")
}

fn cost(workload: Workload, figure: f64) -> String {
    if workload == Workload::Parked { format!("{figure:.0} B") } else { nanos(figure) }
}

/// A ratio with as many digits as mean something.
fn ratio(figure: f64) -> String {
    let digits = match figure {
        f if f < 0.1 => 3,
        f if f < 10.0 => 2,
        _ => 1,
    };
    format!("{figure:.digits$}")
}

fn quartiles(spread: &Spread) -> String {
    format!("[{} to {}]", ratio(spread.quartiles.0), ratio(spread.quartiles.1))
}

/// What must be reached, and whether it was; of a quick look that would mean nothing.
fn verdict(verdict: &Verdict, args: &Args) -> String {
    let said = match (args.quick, verdict.is_reached) {
        (true, _) => "",
        (false, true) => "  reached",
        (false, false) => "  NOT reached",
    };
    match verdict.goal {
        Goal::Ratio { at_most, .. } => format!("<= {}{said}", ratio(at_most)),
        Goal::Bytes { at_most } => format!("<= {at_most:.0} B{said}"),
    }
}

/// One row's table.
pub fn of(measured: &Measured, args: &Args) -> String {
    let (row, clock) = (&measured.row, args.clock);
    let mut text = format!(
        "\n{} ({}): {}\n  {:13} {:>10}  {:>6} {:>18}  must reach\n",
        row.name,
        row.build.profile(&args.profile),
        row.workload.what(),
        "peer",
        format!("a {}", row.workload.unit()),
        "ratio",
        format!("to {}", row.base),
    );
    let verdicts = measured.verdicts(clock);
    for (at, peer) in row.peers.iter().enumerate() {
        let (Some(costs), Some(ratios)) =
            (measured.costs(peer.name, clock), measured.ratios(peer.name, row.base, clock))
        else {
            continue;
        };
        let (costs, mut ratios) = (Spread::of(costs), Spread::of(ratios));
        if peer.name == row.base {
            ratios.quartiles = (costs.quartiles.0 / costs.median, costs.quartiles.1 / costs.median);
        }
        let goal = verdicts.iter().find(|v| peer.name == OURS && is_of_table(&v.goal, row.base));
        let line = format!(
            "  {:13} {:>10}  {:>6} {:>18}  {}",
            peer.name,
            cost(row.workload, costs.median),
            ratio(ratios.median),
            quartiles(&ratios),
            goal.map(|v| verdict(v, args)).unwrap_or_default(),
        );
        text += line.trim_end();
        match row.workload {
            Workload::Run => {
                let _ = write!(text, "  ({:.0} runs a second)", 1e9 / costs.median);
            }
            Workload::Parked => {
                let grown = measured.samples[at].iter().map(|s| s.resident as f64 / s.units as f64).collect();
                let _ = write!(text, "  (the process grew by {:.0} B)", Spread::of(grown).median);
            }
            _ => {}
        }
        text.push('\n');
    }
    for v in verdicts.iter().filter(|v| !is_of_table(&v.goal, row.base)) {
        let Goal::Ratio { to, .. } = v.goal else { continue };
        let name = format!("{OURS} to {to}");
        let _ = writeln!(
            text,
            "  {name:24}  {:>6} {:>18}  {}",
            ratio(v.found.median),
            quartiles(&v.found),
            verdict(v, args)
        );
    }
    text.trim_end().to_string()
}

/// Whether a goal stands in raddle's own line, and not in one below the table.
fn is_of_table(goal: &Goal, base: &str) -> bool {
    !matches!(goal, Goal::Ratio { to, .. } if *to != base)
}

/// How many goals were reached, and which were not.
pub fn summary(done: &[Measured], args: &Args) -> String {
    if args.quick {
        return "\nEvery peer works. The figures of so short a look mean nothing.".into();
    }
    let mut missed = Vec::new();
    let mut all = 0;
    for measured in done {
        for v in measured.verdicts(args.clock) {
            all += 1;
            if v.is_reached {
                continue;
            }
            missed.push(match v.goal {
                Goal::Ratio { to, at_most } => {
                    format!("{} {} to {to} (must be <= {})", measured.row.name, ratio(v.found.median), ratio(at_most))
                }
                Goal::Bytes { at_most } => {
                    format!("{} {:.0} B (must be <= {at_most:.0} B)", measured.row.name, v.found.median)
                }
            });
        }
    }
    let mut text = format!("\n{OURS} reaches {} of {all} figures.", all - missed.len());
    if !missed.is_empty() {
        let _ = write!(text, " Not:\n  {}", missed.join("\n  "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits() {
        assert_eq!([59.13, 4_180.0, 600.4, 1.5e6].map(nanos), ["59.1 ns", "4.18 µs", "600 ns", "1.50 ms"]);
        assert_eq!([0.04, 0.333, 7.15, 23.6].map(ratio), ["0.040", "0.33", "7.15", "23.6"]);
    }
}
