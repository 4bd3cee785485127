//! One measurement: a fresh process.

use crate::catalogue::{Peer, Row};
use raddle_bench_work::Sample;
use std::path::Path;
use std::process::{Command, Output};

/// A command that runs this peer's program, with nothing in its environment that would set a peer otherwise.
pub fn command(program: &Path, under: &[&str], row: &Row, peer: &Peer, runs: u64) -> Command {
    let mut command = match under {
        [] => Command::new(program),
        [outer, arguments @ ..] => {
            let mut command = Command::new(outer);
            command.args(arguments).arg(program);
            command
        }
    };
    for (name, _) in std::env::vars_os() {
        let shown = name.to_string_lossy();
        if ["RADDLE_", "MADSIM_", "SHUTTLE_", "TOKIO_", "BLOCKING_"].iter().any(|start| shown.starts_with(start)) {
            command.env_remove(&name);
        }
    }
    command.args([peer.name, row.workload.name(), &runs.to_string()]).envs(peer.env);
    command
}

/// What a peer that has come to its end printed.
pub fn output(command: &mut Command, row: &Row, peer: &Peer) -> Result<Output, String> {
    let of = format!("{} of {}", peer.name, row.name);
    let output = command.output().map_err(|error| format!("{of} cannot be started: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "{of} failed ({}):\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        ));
    }
    Ok(output)
}

/// The sample in what a peer printed.
pub fn sample(output: &Output, row: &Row, peer: &Peer) -> Result<Sample, String> {
    let text = String::from_utf8_lossy(&output.stdout);
    let sample = text.lines().last().unwrap_or_default().parse();
    sample.map_err(|why| format!("{} of {} printed {why}", peer.name, row.name))
}
