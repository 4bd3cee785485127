//! A second witness, which no other program on the machine disturbs: the instructions of a unit, counted by valgrind's
//! callgrind at two lengths and taken from each other. The kernel boundary is off under valgrind, so what raddle does to
//! arm it (a byte stored before each poll and one behind it) is not in its figures.

use crate::builds::Builds;
use crate::catalogue::{INSTRUCTIONS_OF_A_STEP, OURS, Peer, Row};
use crate::child;
use raddle_bench_work::Workload;
use std::fmt::Write as _;
use std::process::Command;

const CALLGRIND: [&str; 4] =
    ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--max-stackframe=100000000"];

/// Whether there is a valgrind to ask.
pub fn look_for_valgrind() -> Result<(), String> {
    let found = Command::new(CALLGRIND[0]).arg("--version").output();
    match found {
        Ok(output) if output.status.success() => Ok(()),
        _ => Err("--instructions needs valgrind, which is not here".into()),
    }
}

/// Whether the instructions of a row mean something: not where threads wait for each other, nor where bytes are counted.
pub fn can_count(row: &Row) -> bool {
    use Workload::{Call, Job, Nap, Parked, Read};
    !matches!(row.workload, Job | Call | Read | Nap | Parked)
}

/// A row's table of instructions.
pub fn count(row: &Row, builds: &Builds, release: &str) -> Result<String, String> {
    let mut text = format!("\n{} ({}): {}\n", row.name, row.build.profile(release), row.workload.what());
    for peer in &row.peers {
        let (short, long) = lengths(row.workload);
        let (few, many) = (total(row, peer, builds, short)?, total(row, peer, builds, long)?);
        let units = many.0 - few.0;
        let each = (many.1 - few.1) / units;
        let _ = write!(text, "  {:13} {each:>9.1} instructions a {}", peer.name, row.workload.unit());
        if peer.name == OURS && row.name == Workload::Step.name() {
            let said = if each <= INSTRUCTIONS_OF_A_STEP { "reached" } else { "NOT reached" };
            let _ = write!(text, "  must reach <= {INSTRUCTIONS_OF_A_STEP:.0}  {said}");
        }
        text.push('\n');
    }
    Ok(text.trim_end().to_string())
}

/// The runs of the shorter and of the longer count.
fn lengths(workload: Workload) -> (u64, u64) {
    if workload == Workload::Run { (200, 600) } else { (1, 2) }
}

/// Units and instructions of a whole process.
fn total(row: &Row, peer: &Peer, builds: &Builds, runs: u64) -> Result<(f64, f64), String> {
    let mut command = child::command(builds.program(row, peer), &CALLGRIND, row, peer, runs);
    let output = child::output(&mut command, row, peer)?;
    let units = child::sample(&output, row, peer)?.units as f64;
    let told = String::from_utf8_lossy(&output.stderr);
    let counted =
        collected(&told).ok_or(format!("callgrind told no count of {} of {}:\n{told}", peer.name, row.name))?;
    Ok((units, counted))
}

/// The number in callgrind's line `Collected : 123`.
fn collected(told: &str) -> Option<f64> {
    told.lines().find_map(|line| line.split("Collected :").nth(1)?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callgrinds_total_is_found() {
        assert_eq!(collected("==7== Events    : Ir\n==7== Collected : 812345\n==7==\n"), Some(812_345.0));
        assert_eq!(collected("==7== Events    : Ir\n"), None);
    }
}
