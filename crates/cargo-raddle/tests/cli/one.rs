//! Single runs: replay, shrink, diff.

use crate::run::{raddle, results, snapshot};
use crate::yard::yard;

/// A seed of a scenario that fails.
fn failing_seed(scenario: &str) -> String {
    let results = results();
    let dir = results.path().to_str().unwrap();
    let words = ["explore", scenario, "-n", "500", "--no-keep", "--message-format", "json", "--results", dir];
    raddle(yard(), &words).json("finding")[0]["seed"].as_str().unwrap().to_string()
}

#[test]
fn a_run_is_replayed() {
    snapshot!("replay", raddle(yard(), &["replay", "in_order", "7"]).shown());
    snapshot!("replay_trace", raddle(yard(), &["replay", "in_order", "0x7", "--trace"]).shown());
}

#[test]
fn a_long_run_is_told_in_short_unless_all_is_asked_for() {
    let lines = |words: &[&str]| {
        let told = raddle(yard(), &[&["replay", "workers::long", "1"], words].concat());
        let lines: Vec<String> = told.ends(0).out.lines().map(str::to_string).collect();
        lines
    };
    let (short, all, trace) = (lines(&[]), lines(&["--all"]), lines(&["--trace"]));
    assert!((100..250).contains(&short.len()), "{} lines", short.len());
    assert!(all.len() > 1_000 && trace.len() > 8 * 1_300, "{} and {} lines", all.len(), trace.len());
    assert!(short.iter().any(|line| line.contains(" lines left out …")), "{}", short.join("\n"));
    assert_eq!(short.last().unwrap(), "  in short: --all prints all lanes, --trace all events");
    let told = |lines: &[String]| !lines.iter().any(|line| line.contains("left out") || line.contains("in short"));
    assert!(told(&all) && told(&trace));
    raddle(yard(), &["replay", "in_order", "1", "--all", "--trace"]).ends(2).says(&["cannot be used with"]);
}

#[test]
fn what_a_replayed_test_prints_is_shown() {
    let told = raddle(yard(), &["replay", "chatters", "1", "-q"]);
    assert!(told.err.contains("and this") && told.err.contains("\"runs\":1"), "{told:?}");
    assert!(!told.err.contains("running 1 test") && !told.out.contains("and this"), "{told:?}");
}

#[test]
fn a_failing_run_is_replayed_and_shrunk() {
    let seed = failing_seed("lost_update");
    let told = raddle(yard(), &["replay", "lost_update", &seed]);
    told.ends(1).says(&[
        "it::lost_update failed: panicked at ",
        &format!("seed {seed}, strategy "),
        "scenario spawns one",
    ]);
    let told = raddle(yard(), &["shrink", "lost_update", &seed, "--message-format", "json"]);
    let run = &told.ends(1).json("run")[0]["run"];
    let was = run["minimised"]["was"].as_u64().unwrap();
    let left = run["minimised"]["deviations"].as_array().unwrap().len() as u64;
    assert!(left <= was && left <= 4, "{left} of {was}");
    assert_eq!(run["finding"]["kind"], "panic");
    // The same as cargo test has it.
    let told = raddle(yard(), &["shrink", "lost_update", &seed]);
    told.says(&["minimised: ", "replay: RADDLE_SEED="]);
}

#[test]
fn a_schedule_is_played() {
    let seed = failing_seed("overtaken");
    let told = raddle(yard(), &["shrink", "overtaken", &seed, "--message-format", "json"]);
    let run = &told.json("run")[0]["run"];
    let schedule = run["minimised"]["schedule"].as_str().unwrap();
    let told = raddle(yard(), &["replay", "overtaken", schedule, "--message-format", "json"]);
    let played = &told.ends(1).json("run")[0]["run"];
    assert_eq!(played["run"]["schedule"], schedule);
    assert_eq!(played["finding"]["fingerprint"], run["finding"]["fingerprint"]);
    raddle(yard(), &["replay", "overtaken", schedule]).ends(1).says(&[
        "steady::overtaken failed: panicked at ",
        "strategy replay",
        &format!("schedule: {schedule}"),
        "scenario spawns runner#2",
    ]);
    // The other way round at the two steps that decide it passes, and the two can be laid side by side.
    let passing = run["minimised"]["passing"].as_str().expect("two steps decide");
    raddle(yard(), &["replay", "overtaken", passing]).ends(0).says(&["steady::overtaken passed"]);
    let told = raddle(yard(), &["diff", "overtaken", passing, schedule]);
    told.ends(0).says(&["part at step ", "schedule v1,", ": passes", ": panicked at "]);
}

#[test]
fn a_schedule_that_does_not_fit_is_told() {
    let other = "v1,seed=0x1,7@0/1@0";
    let told = raddle(yard(), &["replay", "lost_update", other]);
    told.ends(2).says(&[
        "error: this schedule is of other code:",
        "7@0/1@0 does not fit: there is no task 7",
        ",anyway",
    ]);
    raddle(yard(), &["replay", "lost_update", &format!("{other},anyway")]).says(&["it::lost_update "]);
    for (words, line) in [
        (&["replay", "hay", "v1,seed=0x1,2@x/1@0"][..], "\"2@x/1@0\": expected v1,seed=SEED and then"),
        (&["replay", "hay", "v1,2@0/1@0"], "expected a schedule as a failure prints it"),
        (&["replay", "hay", "v1,seed=1", "--strategy", "fifo"], "--strategy does not go with it"),
        (&["shrink", "hay", "v1,seed=1"], "expected a number below 2^64"),
    ] {
        raddle(yard(), words).ends(2).says(&["error: ", line]);
    }
}

#[test]
fn two_runs_part_somewhere() {
    let told = raddle(yard(), &["diff", "within", "0", "0"]);
    told.ends(0).says(&["it::deep::within: seed 0x0 and seed 0x0 go the same way, all "]);
    let told = raddle(yard(), &["diff", "hay", "1", "2", "--message-format", "json"]);
    let diff = &told.ends(0).json("diff")[0];
    let at = diff["parts_at"].as_u64().expect("they differ") as usize;
    let event = |run: usize, at: usize| diff["runs"][run]["events"][at].clone();
    for before in 0..at {
        let text = |run| event(run, before)["step"].clone();
        assert_eq!(text(0), text(1));
    }
    assert_ne!(event(0, at), event(1, at));
    raddle(yard(), &["diff", "hay", "1", "2"]).ends(0).says(&[
        "seed 0x1 and seed 0x2 part at step ",
        "seed 0x1 ",
        "| seed 0x2",
        "\n> ",
        "seed 0x1: passes",
    ]);
}

#[test]
fn a_run_stops_at_a_step_under_a_debugger() {
    use std::io::Write;
    let is_there =
        |name: &str| std::process::Command::new(name).arg("--version").output().is_ok_and(|o| o.status.success());
    if !is_there("gdb") {
        eprintln!("NOT TESTED: replay --break. Install gdb (Debian: apt-get install gdb).");
        if !is_there("lldb") {
            raddle(yard(), &["replay", "in_order", "7", "--break", "2"]).ends(2).says(&["--break needs gdb or lldb"]);
        }
        return;
    }
    let mut command = crate::run::command(yard());
    command.args(["replay", "in_order", "7", "--break", "2"]);
    let piped = || std::process::Stdio::piped();
    let mut child = command.stdin(piped()).stdout(piped()).stderr(piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"print step\nbacktrace 2\ncontinue\nquit\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    for wanted in ["raddle::trace::log::reached", "$1 = 2", "it::in_order passed"] {
        assert!(out.contains(wanted), "{wanted} in {out}\n{err}");
    }
    assert!(err.contains("under gdb where step 2 begins"), "{err}");
}

#[test]
fn a_strategy_can_be_given() {
    let told = raddle(yard(), &["replay", "hay", "1", "--strategy", "fifo"]);
    told.ends(0).says(&["strategy fifo"]);
    let told = raddle(yard(), &["replay", "hay", "1", "--strategy", "lifo"]);
    told.ends(2).says(&["error: invalid value 'lifo' for '--strategy <STRATEGY>': expected portfolio, "]);
}
