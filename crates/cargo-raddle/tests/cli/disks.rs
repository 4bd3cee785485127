//! Disks that are full or cannot be written to: what was found is told all the same, and one line says what is not kept.

use crate::run::{Told, finish, raddle, results, shell};
use crate::yard::{own_package, place, yard};
use std::path::Path;
use std::process::Command;

/// Runs a script for which `mounts` has been done, where nobody else sees it. It takes root; without it nothing is tested.
fn with_mounts(dir: &Path, mounts: &str, script: &str) -> Option<Told> {
    let may = Command::new("unshare").args(["--mount", "true"]).output().is_ok_and(|o| o.status.success());
    if !may {
        eprintln!("NOT TESTED: a full disk and a read-only one. Run as root on Linux: they are mounted for the test.");
        return None;
    }
    let script = format!("set -e; {mounts}; set +e; {script}");
    let inner = shell(dir, &script);
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh"]).args(inner.get_args()).current_dir(dir).env_clear();
    let own = inner.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let cleared = |name: &std::ffi::OsStr| inner.get_envs().any(|(known, value)| known == name && value.is_none());
    command.envs(std::env::vars_os().filter(|(name, _)| !cleared(name))).envs(own);
    Some(finish(&mut command))
}

/// A small disk at `dir`, with nothing left on it.
fn full(dir: &Path) -> String {
    let dir = dir.display();
    format!("mount -t tmpfs -o size=16k none '{dir}'; cat /dev/zero > '{dir}/fill' 2> /dev/null || true")
}

#[test]
fn a_full_disk_under_the_results() {
    let results = results();
    let dir = results.path();
    let script = format!("cargo raddle explore a_needle -n 3000 --no-keep --results '{}'", dir.display());
    raddle(yard(), &["list"]);
    let Some(told) = with_mounts(yard(), &full(dir), &script) else { return };
    told.ends(1).says(&["warning: the results are not kept for --resume and merge: ", "No space left on device"]);
    told.says(&["steady::a_needle failed: ", "replay: RADDLE_SEED=", "steady::a_needle "]);
}

#[test]
fn a_full_disk_under_the_seed_files() {
    let package = own_package("full-seeds");
    let seeds = package.join("tests/seeds");
    std::fs::create_dir(&seeds).unwrap();
    raddle(&package, &["list"]);
    let results = results();
    let script = format!("cargo raddle explore lost_update -n 500 --results '{}'", results.path().display());
    let Some(told) = with_mounts(&package, &full(&seeds), &script) else { return };
    told.ends(1).says(&["it::lost_update failed: ", "not kept: ", "No space left on device", "replay: "]);
    assert!(results.path().join("results.jsonl").exists(), "and the results are there");
}

#[test]
fn a_full_disk_under_temporary_files() {
    let results = results();
    let dir = results.path().join("tmp");
    std::fs::create_dir(&dir).unwrap();
    raddle(yard(), &["list"]);
    let words = format!("explore in_order -n 10 --no-keep --results '{}'", results.path().display());
    let script = format!("TMPDIR='{}' cargo raddle {words}", dir.display());
    let Some(told) = with_mounts(yard(), &full(&dir), &script) else { return };
    told.ends(3).says(&["Broken it::in_order: no temporary file: ", "No space left on device"]);
    told.says(&["error: not every scenario could be explored"]);
}

#[test]
fn a_target_directory_that_cannot_be_written_to() {
    raddle(yard(), &["list"]);
    let results = results();
    let built = place().join("built").display().to_string();
    let read_only = format!("mount --bind '{built}' '{built}'; mount -o remount,ro,bind '{built}'");
    let words = format!("explore a_needle -n 3000 --no-keep --results '{}'", results.path().display());
    let Some(told) = with_mounts(yard(), &read_only, &format!("cargo raddle {words}")) else { return };
    // Cargo wants its lock there, even with nothing to build. What an earlier build left is not taken for granted.
    told.ends(3).says(&["Read-only file system", "error: the build failed: nothing was run"]);
    assert_eq!(told.out, "");
    assert!(!results.path().join("results.jsonl").exists());
}
