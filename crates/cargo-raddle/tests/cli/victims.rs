//! Tests that take their process with them: each is a finding of the seed it was at, and the rest goes on.

use crate::run::{Told, command, finish, results};
use crate::yard::yard;

fn explore(words: &[&str]) -> Told {
    let results = results();
    let mut command = command(yard());
    command.args(["explore", "--message-format", "json", "--no-keep", "-n", "200", "-j", "2"]);
    finish(command.args(["--results", results.path().to_str().unwrap()]).args(words))
}

#[track_caller]
fn dies(name: &str, words: &[&str], kind: &str, headline: &[&str]) {
    let told = explore(&[&[name, "--exact"], words].concat());
    let found = told.ends(1).json("finding");
    assert_eq!(found.len(), 1, "{told:?}");
    let finding = &found[0]["finding"];
    assert_eq!(finding["kind"], kind, "{finding}");
    let text = finding["headline"].as_str().unwrap();
    assert!(headline.iter().all(|words| text.contains(words)), "{headline:?} in {text}");
    // The very seed: it dies again when it is replayed.
    let seed = found[0]["seed"].as_str().unwrap();
    let mut replay = command(yard());
    replay.args(["replay", name, seed]).args(words);
    finish(&mut replay).ends(1).says(&[&format!("{name} at seed {seed}: the process ")]);
    let runs = told.json("result")[0]["seeds"].as_u64().unwrap();
    assert!((1..200).contains(&runs), "it stopped there: {runs}");
}

#[test]
fn a_hang_that_raddle_sees() {
    dies("victims::hangs", &[], "hang", &["ended with exit code 101", "a poll that does not come back"]);
}

#[test]
fn a_hang_that_only_the_driver_sees() {
    dies("victims::hangs_unwatched", &["--patience", "2s"], "hang", &["hung: no end of this run within 2 s"]);
}

#[test]
fn an_abort() {
    dies("victims::aborts", &[], "crash", &["died of signal 6 (SIGABRT)"]);
}

#[test]
fn an_exit() {
    dies("victims::exits", &[], "crash", &["ended with exit code 0"]);
}

#[test]
fn a_stack_overflow() {
    // Whether std still gets its message out before the end is up to the size of its signal stack.
    let told = explore(&["victims::overflows", "--exact"]);
    let finding = &told.ends(1).json("finding")[0]["finding"];
    let text = finding["headline"].as_str().unwrap();
    let is_told = text.contains("has overflowed its stack") && finding["kind"] == "stack overflow";
    assert!(is_told || text.contains("died of signal 11 (SIGSEGV)") && finding["kind"] == "crash", "{finding}");
}

#[test]
fn a_kill() {
    dies("victims::is_killed", &[], "crash", &["died of signal 9 (SIGKILL)"]);
}

/// Where each run has a process of its own its death is a finding of raddle's, told with its interleaving.
#[test]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn an_abort_of_a_process_of_its_own() {
    let name = "victims::aborts_apart";
    let told = explore(&[name, "--exact"]);
    let found = &told.ends(1).json("finding")[0];
    assert_eq!(found["finding"]["kind"], "crash", "{found}");
    assert_eq!(found["finding"]["headline"], "crash: the process of the run aborted (SIGABRT)", "{found}");
    let seed = found["seed"].as_str().unwrap();
    let mut replay = command(yard());
    finish(replay.args(["replay", name, seed])).ends(1).says(&["scenario spawns one", "scenario: running"]);
    let mut shrink = command(yard());
    finish(shrink.args(["shrink", name, seed])).ends(1).says(&["aborted (SIGABRT)", "0 deviations"]);
}

#[test]
fn a_death_is_not_the_end() {
    let told = explore(&["victims::aborts", "--exact", "--keep-going"]);
    let result = &told.ends(1).json("result")[0];
    assert_eq!(result["seeds"], 200, "every seed was tried: {result}");
    let deaths = result["findings"][0]["count"].as_u64().unwrap();
    assert!(deaths > 1, "{result}");
    assert_eq!(result["findings"].as_array().unwrap().len(), 1, "all of one kind: {result}");
}

#[test]
fn what_a_test_prints_does_not_disturb() {
    let told = explore(&["chatters"]);
    let result = &told.ends(0).json("result")[0];
    assert_eq!((&result["seeds"], &result["broken"]), (&200.into(), &serde_json::Value::Null));
}
