//! list and explore on a workspace.

use crate::run::{raddle, results, snapshot};
use crate::yard::{own_package, write, yard};
use serde_json::Value;

/// What an exploration came to, without how long it took.
fn sums(words: &[&str]) -> Vec<Value> {
    let results = results();
    let dir = results.path().to_str().unwrap();
    let all = [&["explore", "--message-format", "json", "--no-keep", "--results", dir], words].concat();
    let told = raddle(yard(), &all);
    assert!(matches!(told.code, Some(0 | 1)), "{told:?}");
    told.json("result")
}

#[test]
fn every_scenario_is_listed_and_no_test_is_run() {
    snapshot!("list", raddle(yard(), &["list"]).shown());
}

#[test]
fn the_list_in_json() {
    let told = raddle(yard(), &["list", "--message-format", "json", "lost"]);
    let line = &told.json("scenario")[0];
    let wanted = [
        ("scenario", "it::lost_update"),
        ("package", "bank"),
        ("kind", "test"),
        ("target", "it"),
        ("test", "lost_update"),
        ("file", "bank/tests/it.rs"),
    ];
    for (key, value) in wanted {
        assert_eq!(line[key], value, "{line}");
    }
}

#[test]
fn a_workspace_is_explored() {
    let results = results();
    let dir = results.path().to_str().unwrap();
    let words = ["explore", "-n", "40", "-j", "1", "--no-keep", "--results", dir, "--skip", "lost", "--skip", "within"];
    let told = raddle(yard(), &[&words[..], &["-p", "bank", "-p", "till"]].concat());
    snapshot!("explore", told.shown());
}

#[test]
fn what_draws_nothing_is_run_once() {
    let told = |words: &[&str]| -> Vec<(u64, bool)> {
        let results = sums(&[&["in_order", "expected", "ledger"], words].concat());
        let told = |row: &Value| Some((row["seeds"].as_u64()?, row["draws_nothing"].as_bool()?));
        results.iter().map(|row| told(row).unwrap()).collect()
    };
    // One of the four fails.
    for words in [&["-n", "3000", "-j", "1"][..], &["-n", "3000", "-j", "5"], &["-n", "3000", "-k"], &["--for", "60s"]]
    {
        assert_eq!(told(words), [(1, true); 4], "{words:?}");
    }
    // Who has all checked looks for what no seed decides.
    assert_eq!(told(&["-n", "20", "--check", "--skip", "expected"]), [(20, false); 2]);
}

#[test]
fn a_failure_is_told_whole() {
    let results = results();
    let dir = results.path().to_str().unwrap();
    let told = raddle(yard(), &["explore", "lost_update", "-n", "500", "--no-keep", "--results", dir]);
    told.ends(1).says(&[
        "Found it::lost_update at seed 0x",
        "Finished ",
        ": 1 finding",
        "it::lost_update failed: panicked at bank/tests/it.rs:",
        "an update was lost",
        "minimised: ",
        "interleaving ",
        "replay: RADDLE_SEED=0x",
        " cargo test -p bank --test it -- --exact lost_update",
        "it::lost_update ",
        " at 0x",
    ]);
}

#[test]
fn quiet_says_what_was_found_and_nothing_else() {
    let results = results();
    let dir = results.path().to_str().unwrap();
    let quiet = ["explore", "-q", "--no-keep", "--results", dir, "-n", "300"];
    let told = raddle(yard(), &[&quiet[..], &["in_order"]].concat());
    assert_eq!((told.out.as_str(), told.err.as_str(), told.code), ("", "", Some(0)));
    let told = raddle(yard(), &[&quiet[..], &["lost"]].concat());
    assert_eq!(told.err, "");
    told.ends(1).says(&["it::lost_update failed: "]);
}

#[test]
fn the_number_of_jobs_changes_nothing() {
    for words in [&["needle", "hay", "-n", "3000"][..], &["needle", "hay", "-n", "1500", "--keep-going"]] {
        let one = sums(&[words, &["-j", "1"]].concat());
        assert_eq!(one.len(), 3);
        assert!(one[0]["findings"].as_array().is_some_and(|found| !found.is_empty()), "{}", one[0]);
        for jobs in ["2", "5"] {
            assert_eq!(sums(&[words, &["-j", jobs]].concat()), one, "{jobs} jobs, {words:?}");
        }
    }
}

#[test]
fn keeping_going_finds_what_is_behind_the_first() {
    let found = |words: &[&str]| {
        let results = sums(&[&["two_needles", "-n", "1500"], words].concat());
        let findings = results[0]["findings"].as_array().unwrap().len();
        (findings, results[0]["seeds"].as_u64().unwrap())
    };
    let (one, seeds) = found(&[]);
    assert_eq!(one, 1);
    assert!(seeds < 1500);
    assert_eq!(found(&["--keep-going"]), (2, 1500));
}

#[test]
fn a_time_instead_of_a_number() {
    let results = results();
    let dir = results.path().to_str().unwrap();
    let words = ["explore", "hay", "in_order", "--for", "2s", "--message-format", "json", "--results", dir];
    let told = raddle(yard(), &words);
    let sums = told.ends(0).json("result");
    assert!(sums.iter().all(|row| row["seeds"].as_u64() > Some(0)), "each gets its share: {sums:?}");
}

#[test]
fn junit_and_annotations() {
    let results = results();
    let junit = results.path().join("junit.xml");
    let (dir, file) = (results.path().to_str().unwrap(), junit.to_str().unwrap());
    let mut command = crate::run::command(yard());
    command.args(["explore", "needle", "-n", "3000", "--no-keep", "--results", dir, "--junit", file]);
    let told = crate::run::finish(command.env("GITHUB_ACTIONS", "true"));
    told.ends(1).says(&["::error file=odd/tests/steady.rs,line=", ",title=steady%3A%3A", "%0A"]);
    let xml = std::fs::read_to_string(junit).unwrap();
    for wanted in ["<testsuite name=\"odd\" tests=\"2\"", "name=\"steady::a_needle\"", "<failure message=", "found it"]
    {
        assert!(xml.contains(wanted), "{wanted} in {xml}");
    }
}

#[test]
fn nothing_stale_is_told() {
    let package = crate::yard::own_package("stale");
    let source = package.join("tests/it.rs");
    let results = results();
    let dir = results.path().to_str().unwrap();
    let base = ["explore", "in_order", "--exact", "--no-keep", "--results", dir];
    let explore = |words: &[&str]| raddle(&package, &[&base[..], words].concat());
    let base_name = |told: &crate::run::Told| told.json("result")[0]["scenario"].clone();
    let json = ["--message-format", "json"];
    let first = explore(&[&json[..], &["-n", "50"]].concat());
    // (All its seeds are alike.)
    assert_eq!((base_name(first.ends(0)), &first.json("result")[0]["seeds"]), ("it::in_order".into(), &1.into()));

    // The test is another one now: what the old one came to is not gone on with.
    let text = std::fs::read_to_string(&source).unwrap();
    let other = text.replace("raddle::spawn(async { 7 })", "raddle::spawn(async { raddle::yield_now().await; 7 })");
    assert_ne!(text, other);
    crate::yard::write(&source, &other);
    let told = explore(&[&json[..], &["-n", "80", "--resume"]].concat());
    told.ends(0).says(&["warning: it::in_order begins anew: it was built or is explored differently now"]);
    let (before, now) = (&first.json("result")[0], &told.json("result")[0]);
    assert_eq!(now["seeds"], 1);
    assert_ne!(before["digest"], now["digest"]);

    // It cannot be built any more: neither old binaries are run nor old results told.
    let kept = std::fs::read_to_string(results.path().join("results.jsonl")).unwrap();
    crate::yard::write(&source, &format!("{other}\nthis is no Rust\n"));
    for verb in [&["explore"][..], &["list"], &["replay", "in_order", "1"]] {
        let told = raddle(&package, &[verb, &["-q"]].concat());
        told.ends(3).says(&["error: the build failed: nothing was run"]);
        assert_eq!(told.out, "");
    }
    assert_eq!(std::fs::read_to_string(results.path().join("results.jsonl")).unwrap(), kept);
    crate::yard::write(&source, &text);
}

#[test]
fn junit_tells_what_should_fail_and_does_not() {
    let results = results();
    let junit = results.path().join("junit.xml");
    let (dir, file) = (results.path().to_str().unwrap(), junit.to_str().unwrap());
    let base = ["explore", "expected", "-n", "40", "--no-keep", "--results", dir, "--junit", file];
    raddle(yard(), &base).ends(1).says(&["it::expected_in_vain ", "should fail, and did not"]);
    let failures = || std::fs::read_to_string(&junit).unwrap().matches("<failure message=\"should fail").count();
    assert_eq!(failures(), 1);
    // Another machine may have the seed at which it does.
    raddle(yard(), &[&base[..], &["--shard", "1/2"]].concat()).ends(0);
    assert_eq!(failures(), 0);
}

#[test]
fn what_was_done_is_not_done_again() {
    let results = results();
    let dir = results.path().to_str().unwrap();
    let base = ["explore", "hay", "--message-format", "json", "--no-keep", "--results", dir];
    let sum = |words: &[&str]| {
        let told = raddle(yard(), &[&base[..], words].concat());
        (told.ends(0).json("result").remove(0), told.err)
    };
    let (first, _) = sum(&["-n", "600"]);
    assert_eq!(first["seeds"], 600);
    let (more, _) = sum(&["-n", "1000", "--resume"]);
    let (again, _) = sum(&["-n", "1000"]);
    assert_eq!(more, again, "in two goes or in one");
    let (still, _) = sum(&["-n", "1000", "--resume"]);
    assert_eq!(still, again, "there was nothing left to do");
    let (still, _) = sum(&["-n", "1000", "--resume"]);
    assert_eq!(still, again, "and what was done is still there");
    let (other, warning) = sum(&["-n", "100", "--resume", "--strategy", "pct:2"]);
    assert_eq!(other["seeds"], 100, "seeds of another strategy are others");
    assert!(warning.contains("steady::hay begins anew"), "{warning}");
}

/// Every sixteenth seed or so goes another way each time: not the first, which is always run twice.
const DIVERGES: &str = r#"
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

static RUNS: AtomicU32 = AtomicU32::new(0);

#[raddle::test(strategy = "fifo", regressions = false)]
async fn diverges() {
    if raddle::rng().below(16) == 7 && RUNS.fetch_add(1, SeqCst) % 2 == 0 {
        raddle::yield_now().await;
    }
}
"#;

#[test]
fn every_seed_is_run_twice_if_asked_for() {
    let package = own_package("check");
    write(&package.join("tests/diverges.rs"), DIVERGES);
    let dir = results();
    let words = ["explore", "diverges", "-n", "200", "--check", "--results", dir.path().to_str().unwrap()];
    raddle(&package, &words).ends(1).says(&["diverges failed: divergence: "]);
}
