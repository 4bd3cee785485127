//! Every sample, for other programs.

use crate::args::{Args, Clock};
use crate::catalogue::Goal;
use crate::rounds::Measured;
use raddle_bench_work::Sample;
use serde_json::{Value, json};
use std::path::Path;

/// Writes what was measured.
pub fn write(path: &Path, args: &Args, done: &[Measured]) -> Result<(), String> {
    let rows: Vec<Value> = done.iter().map(|measured| row(measured, args)).collect();
    let clock = if args.clock == Clock::Cpu { "cpu" } else { "wall" };
    let whole = json!({ "rounds": args.rounds, "clock": clock, "profile": args.profile, "rows": rows });
    let text = format!("{whole:#}\n");
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

fn row(measured: &Measured, args: &Args) -> Value {
    let row = &measured.row;
    let sample = |s: &Sample| json!({ "units": s.units, "cpu_ns": s.cpu, "wall_ns": s.wall, "bytes": s.bytes, "resident": s.resident });
    let peers = row.peers.iter().zip(&measured.runs).zip(&measured.samples);
    let peers = peers.map(|((peer, runs), samples)| {
        let samples: Vec<Value> = samples.iter().map(sample).collect();
        json!({ "name": peer.name, "runs": runs, "samples": samples })
    });
    let goals = measured.verdicts(args.clock);
    let goals = goals.iter().map(|verdict| {
        let (to, at_most) = match verdict.goal {
            Goal::Ratio { to, at_most } => (Some(to), at_most),
            Goal::Bytes { at_most } => (None, at_most),
        };
        json!({ "to": to, "at_most": at_most, "median": verdict.found.median, "reached": verdict.is_reached })
    });
    json!({
        "name": row.name,
        "what": row.workload.what(),
        "unit": row.workload.unit(),
        "build": row.build.profile(&args.profile),
        "base": row.base,
        "peers": peers.collect::<Vec<_>>(),
        "goals": goals.collect::<Vec<_>>(),
    })
}
