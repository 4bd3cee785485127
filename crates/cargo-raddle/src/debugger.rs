//! A run under a debugger, stopped at a step.

use crate::error::{Error, Result};
use crate::shell::Shell;
use std::process::{Command, Stdio};

/// Where raddle comes by at each step of a run that keeps a trace.
const PLACE: &str = "raddle::trace::log::reached";

/// The debugger and its words, for the binary to follow.
///
/// # Errors
/// None is installed.
pub fn words(step: u64, shell: &Shell) -> Result<Vec<String>> {
    let is_there = |name: &str| {
        let mut command = Command::new(name);
        command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let (name, words) = match () {
        () if is_there("gdb") => ("gdb", gdb(step)),
        () if is_there("lldb") => ("lldb", lldb(step)),
        () => return Err(Error::usage("--break needs gdb or lldb, and neither is installed here")),
    };
    let how = "break in your own code now, then `continue`; `bt` tells where it stands, `quit` ends it";
    let text = format!("under {name} where step {step} begins: {how}");
    shell.status("Stopping", &text);
    Ok(words)
}

fn gdb(step: u64) -> Vec<String> {
    // System calls of code under test arrive as SIGSYS: that is raddle's business.
    let commands = [
        "set breakpoint pending on".into(),
        "handle SIGSYS nostop noprint pass".into(),
        format!("break {PLACE} if step == {step}"),
        "run".into(),
    ];
    let commands = commands.into_iter().flat_map(|command: String| ["-ex".into(), command]);
    ["gdb".to_string(), "--quiet".into()].into_iter().chain(commands).chain(["--args".into()]).collect()
}

fn lldb(step: u64) -> Vec<String> {
    let commands = [
        "process handle SIGSYS --stop false --notify false --pass true".into(),
        format!("breakpoint set --name {PLACE} --condition 'step == {step}'"),
        "run".into(),
    ];
    let commands = commands.into_iter().flat_map(|command: String| ["-o".into(), command]);
    ["lldb".to_string()].into_iter().chain(commands).chain(["--".into()]).collect()
}
