//! Running the command, and looking at what it says.

use crate::yard;
use serde_json::Value;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// What a run of the command came to.
#[derive(Debug)]
pub struct Told {
    pub out: String,
    pub err: String,
    pub code: Option<i32>,
}

/// The command in `dir`, without any variable that would change what it says.
pub fn command(dir: &Path) -> Command {
    let mut command = in_peace(Command::new(env!("CARGO_BIN_EXE_cargo-raddle")), dir);
    command.arg("raddle");
    command
}

/// A script for the shell in `dir`, where `cargo raddle` is the command under test.
pub fn shell(dir: &Path, script: &str) -> Command {
    let mut command = in_peace(Command::new("sh"), dir);
    let own = Path::new(env!("CARGO_BIN_EXE_cargo-raddle")).parent().unwrap().to_path_buf();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(own).chain(std::env::split_paths(&path))).unwrap();
    command.env("PATH", path).args(["-c", script]);
    command
}

fn in_peace(mut command: Command, dir: &Path) -> Command {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let is_ours =
            ["RADDLE_", "CARGO", "RUST_", "INSTA_", "GITHUB_", "CLICOLOR"].iter().any(|p| text.starts_with(p));
        if is_ours && text != "CARGO_HOME" && text != "RUST_MIN_STACK" && !text.starts_with("RUSTUP") {
            command.env_remove(name);
        }
    }
    command.env_remove("NO_COLOR").env_remove("BLOCKING_MAX_THREADS");
    command.current_dir(dir).env("CARGO_TARGET_DIR", yard::place().join("built")).env("CARGO_NET_OFFLINE", "true");
    command.stdin(Stdio::null());
    command
}

/// Runs it with these words.
pub fn raddle<S: AsRef<OsStr>>(dir: &Path, words: &[S]) -> Told {
    finish(command(dir).args(words))
}

pub fn finish(command: &mut Command) -> Told {
    let Output { status, stdout, stderr } = command.output().expect("the command can be started");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Told { out: text(stdout), err: text(stderr), code: status.code() }
}

impl Told {
    /// Its JSON lines of one type.
    pub fn json(&self, kind: &str) -> Vec<Value> {
        let lines = self.out.lines().map(|line| {
            serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line:?} in {self:?}"))
        });
        let is_wanted = |value: &Value| {
            assert_eq!(value["v"], 1, "{value}");
            value["type"] == kind
        };
        lines.filter(is_wanted).collect()
    }

    #[track_caller]
    pub fn says(&self, wanted: &[&str]) -> &Told {
        let all = format!("{}{}", self.err, self.out);
        let mut rest = &all[..];
        for piece in wanted {
            match rest.find(piece) {
                Some(at) => rest = &rest[at + piece.len()..],
                None => panic!("expected {piece:?} (in this order: {wanted:?}) in:\n{all}"),
            }
        }
        self
    }

    #[track_caller]
    pub fn ends(&self, code: i32) -> &Told {
        assert_eq!(self.code, Some(code), "{}\n{}", self.err, self.out);
        self
    }

    /// Both streams for a snapshot: without what cargo says, and without what changes from day to day.
    pub fn shown(&self) -> String {
        let cargos = ["Compiling", "Finished `", "Blocking", "Locking", "Adding", "Updating", "Downloading"];
        let is_ours = |line: &&str| !cargos.iter().any(|word| line.trim_start().starts_with(word));
        let text = |text: &str| {
            let lines: Vec<String> = text.lines().filter(is_ours).map(|line| steady(line.trim_end())).collect();
            lines.join("\n")
        };
        format!("exit code {:?}\n--- stdout\n{}\n--- stderr\n{}\n", self.code, text(&self.out), text(&self.err))
    }
}

/// A line without paths of this machine, without seconds, and without what differs from platform to platform.
fn steady(line: &str) -> String {
    if line.trim_start().starts_with("digest ") && line.contains(", boundary ") {
        return "  digest [digest], threads [threads], boundary [boundary]".into();
    }
    let line = line.replace(&yard::place().display().to_string(), "[place]");
    let mut words: Vec<String> = line.split(' ').map(String::from).collect();
    for at in 1..words.len() {
        let is_seconds = words[at].starts_with("s:") || words[at] == "s";
        if is_seconds && words[at - 1].parse::<f64>().is_ok() && words[at - 1].contains('.') {
            words[at - 1] = "[time]".into();
        }
    }
    words.join(" ")
}

/// Holds a text against its snapshot in the repository's one folder of them.
macro_rules! snapshot {
    ($name:literal, $text:expr) => {
        insta::with_settings!({ snapshot_path => "../../../../snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(concat!("cargo_raddle__", $name), $text);
        });
    };
}
pub(crate) use snapshot;

/// A folder for the results of one test.
pub fn results() -> tempfile::TempDir {
    tempfile::tempdir_in(yard::place()).expect("a folder can be made")
}
