//! Ctrl-C, and a disk that takes nothing: what is there is told, and nothing else.

use crate::run::{command, finish, raddle, results};
use crate::yard::yard;
use std::fs;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

#[test]
#[cfg(unix)]
fn ctrl_c_at_ten_moments() {
    // Built before, so that the moments are those of an exploration.
    raddle(yard(), &["list"]);
    for moment in 0..10 {
        let results = results();
        let dir = results.path().to_str().unwrap();
        let mut command = command(yard());
        command.args(["explore", "needle", "hay", "--for", "10m", "--keep-going", "--no-keep", "--results", dir]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        sleep(Duration::from_millis(150 * moment));
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        let begun = Instant::now();
        let output = child.wait_with_output().unwrap();
        // Not only when it would have been done anyway. (Cargo, which is not told, may have to wait for other tests' builds.)
        assert!(begun.elapsed() < Duration::from_secs(300), "it stops");
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        // Before the handler is there, the signal ends the process, as it does any other.
        let Some(code) = output.status.code() else { continue };
        let found: Vec<&str> = err.lines().filter(|line| line.trim_start().starts_with("Found ")).collect();
        let file = fs::read_to_string(results.path().join("results.jsonl")).unwrap_or_default();
        for line in &found {
            let seed = line.split(" at seed ").nth(1).and_then(|rest| rest.split(':').next()).unwrap();
            assert!(file.contains(seed), "moment {moment}: {line} is in the results: {err}");
        }
        match (code, found.len()) {
            (1, 1..) | (0 | 130, 0) => {}
            // Cargo was asked when the signal came.
            (3, 0) if err.contains("the build failed") => {}
            other => panic!("moment {moment}: {other:?}: {err}"),
        }
        if code != 130 && code != 3 {
            assert!(err.contains("Interrupted"), "moment {moment}: {err}");
        }
    }
}

#[test]
#[cfg(unix)]
fn what_was_found_before_ctrl_c_is_gone_on_with() {
    let results = results();
    let dir = results.path().to_str().unwrap();
    let base = ["explore", "hay", "--no-keep", "--message-format", "json", "--results", dir];
    let mut stopped = command(yard());
    let child = stopped.args(base).args(["-n", "100000"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let file = results.path().join("results.jsonl");
    sleep(Duration::from_secs(2));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    child.wait_with_output().unwrap();
    if !file.exists() {
        // Too slow a machine to have come to anything.
        return;
    }
    let told = raddle(yard(), &[&base[..], &["-n", "1500", "--resume"]].concat());
    let whole = raddle(yard(), &[&base[..], &["-n", "1500"]].concat());
    let seeds = |told: &crate::run::Told| told.json("result")[0]["seeds"].as_u64().unwrap();
    if seeds(&told) == 1500 {
        assert_eq!(told.json("result"), whole.json("result"));
    }
    assert!(seeds(&told) >= 1500);
}

#[test]
fn results_that_cannot_be_kept() {
    // A file where the folder would be; permissions would not stop root.
    let results = results();
    let file = results.path().join("file");
    fs::write(&file, "").unwrap();
    let dir = file.join("below").display().to_string();
    let told = raddle(yard(), &["explore", "a_needle", "-n", "3000", "--no-keep", "--results", &dir]);
    told.ends(1).says(&["warning: the results are not kept", "steady::a_needle failed: "]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk() {
    let full = || Stdio::from(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    let results = results();
    let dir = results.path().to_str().unwrap();
    let mut command = command(yard());
    command.args(["explore", "a_needle", "-n", "3000", "--no-keep", "--results", dir]).stdout(full());
    let status = command.stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(1), "nobody can read it, but the exit code still tells");
    let junit = ["explore", "in_order", "-n", "10", "--junit", "/dev/full", "--results", dir];
    raddle(yard(), &junit).ends(3).says(&["error: /dev/full: "]);
    raddle(yard(), &["timeline", "in_order", "1", "-o", "/dev/full"]).ends(3).says(&["error: /dev/full: "]);
}

#[test]
fn two_at_once_do_not_disturb_each_other() {
    let run = || {
        let results = results();
        let mut command = command(yard());
        command.args(["explore", "hay", "-n", "2000", "--message-format", "json", "--results"]);
        finish(command.arg(results.path())).ends(0).json("result")
    };
    let other = std::thread::spawn(run);
    assert_eq!(run(), other.join().unwrap());
}
