//! Kept seeds: written where the test is, listed, run again, dropped.

use crate::run::{raddle, results};
use crate::yard::{own_package, write};
use std::fs;

#[test]
fn a_failing_seed_is_kept_until_it_passes() {
    let package = own_package("keeping");
    let file = package.join("tests/seeds/it.txt");
    let results = results();
    let dir = results.path().to_str().unwrap();
    let explore = ["explore", "lost_update", "-n", "500", "--results", dir];
    raddle(&package, &explore)
        .ends(1)
        .says(&["kept: tests/seeds/it.txt (this seed runs first from now on", "replay: "]);
    let kept = fs::read_to_string(&file).unwrap();
    let line = kept.lines().find(|line| line.starts_with("lost_update 0x")).expect("it was kept").to_string();
    raddle(&package, &explore).ends(1).says(&["kept: tests/seeds/it.txt had this seed already"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), kept);

    let seed = line.split(' ').nth(1).unwrap();
    raddle(&package, &["list", "lost"]).ends(0).says(&["it::lost_update ", seed]);
    raddle(&package, &["seeds"]).ends(0).says(&[&format!("it::lost_update {seed} ")]);
    raddle(&package, &["seeds", "--check"]).ends(1).says(&[seed, ": fails: panicked at "]);
    raddle(&package, &["seeds", "--prune", "--yes"]).ends(1);
    assert_eq!(fs::read_to_string(&file).unwrap(), kept, "what fails stays");

    // Another seed of it passes, and one belongs to somebody else.
    let passing = "lost_update 0x1 fifo # once\n";
    let others = "gone 0x2 random # of a test that is no more\n";
    fs::write(&file, format!("{kept}{passing}{others}")).unwrap();
    raddle(&package, &["seeds", "--check"]).ends(1).says(&["0x1 fifo: passes now (was: once)"]);
    raddle(&package, &["seeds", "--prune"]).ends(2).says(&["1 seed could be dropped", "add --yes"]);
    assert!(fs::read_to_string(&file).unwrap().contains(passing), "nobody was asked");
    raddle(&package, &["seeds", "--prune", "-y"]).ends(1).says(&["Dropped 1 seed"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("{kept}{others}"));

    fs::write(&file, "nonsense\n").unwrap();
    raddle(&package, &["seeds"]).ends(3).says(&["line 1 of seed file", "\"nonsense\"", "TEST SEED STRATEGY"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "nonsense\n");
}

#[test]
fn kept_seeds_are_explored_first() {
    let package = own_package("kept-first");
    let results = results();
    let dir = results.path().to_str().unwrap();
    let base = ["explore", "lost_update", "--message-format", "json", "--results", dir];
    let explore = |words: &[&str]| raddle(&package, &[&base[..], words].concat());
    let seed = explore(&["-n", "500"]).ends(1).json("finding")[0]["seed"].clone();
    let file = package.join("tests/seeds/it.txt");
    let kept = fs::read_to_string(&file).unwrap();

    // It is the first, and as that of `cargo test` it is the last.
    for jobs in ["1", "3"] {
        let told = explore(&["-n", "500", "-j", jobs]);
        let result = &told.ends(1).json("result")[0];
        assert_eq!((&result["seeds"], &result["findings"][0]["seed"]), (&1.into(), &seed), "{jobs} jobs: {result}");
    }
    // One that passes now is no obstacle, nor is one that fails to `--keep-going`.
    fs::write(&file, format!("lost_update 0x1 fifo # once\n{kept}")).unwrap();
    let sum = |words: &[&str]| explore(words).ends(1).json("result").remove(0);
    assert_eq!(sum(&["-n", "500"])["seeds"], 2);
    let all = sum(&["-n", "300", "--keep-going", "-j", "1"]);
    assert_eq!((&all["seeds"], &all["findings"][0]["seed"]), (&302.into(), &seed));
    assert_eq!(sum(&["-n", "300", "--keep-going", "-j", "2"]), all);
    // They are not run again where an exploration goes on, and of many machines only the first has them.
    explore(&["-n", "100", "--keep-going"]);
    assert_eq!(sum(&["-n", "300", "--keep-going", "--resume"]), all);
    let shards = ["1", "2"].map(|k| results.path().join(k).display().to_string());
    for (k, shard) in [(1, &shards[0]), (2, &shards[1])] {
        raddle(
            &package,
            &["explore", "lost_update", "-n", "300", "--keep-going", "--shard", &format!("{k}/2"), "--results", shard],
        );
    }
    let merged = raddle(&package, &["merge", &shards[0], &shards[1], "--message-format", "json"]);
    assert_eq!(merged.json("result")[0], all);
}

#[test]
#[cfg(unix)]
fn a_seed_file_that_cannot_be_written_loses_nothing() {
    let package = own_package("unwritable");
    // A folder that cannot be made; permissions would not stop root.
    std::os::unix::fs::symlink("/nowhere/at/all", package.join("tests/seeds")).unwrap();
    let results = results();
    let dir = results.path().to_str().unwrap();
    let told = raddle(&package, &["explore", "lost_update", "-n", "500", "--results", dir]);
    told.ends(1).says(&["it::lost_update failed: ", "not kept: ", "replay: "]);
}

#[test]
fn a_seed_that_passes_under_one_strategy_stays_under_another() {
    let package = own_package("kept-twice");
    let own = r#"
#[raddle::test]
async fn in_turn() {
    let first = Arc::new(AtomicU32::new(0));
    let runners = [1, 2].map(|n| {
        let first = first.clone();
        raddle::spawn(async move { first.compare_exchange(0, n, SeqCst, SeqCst).is_ok() })
    });
    for runner in runners {
        runner.await;
    }
    assert_eq!(first.load(SeqCst), 1, "overtaken");
}

#[raddle::test]
async fn fails_in_plain_order() {
    panic!("not yet written");
}
"#;
    let source = package.join("tests/it.rs");
    write(&source, &(fs::read_to_string(&source).unwrap() + own));
    let results = results();
    let dir = results.path().to_str().unwrap();
    let explore = ["explore", "in_turn", "--strategy", "random", "-n", "200", "--results", dir];
    raddle(&package, &explore).ends(1);
    let file = package.join("tests/seeds/it.txt");
    let fails = fs::read_to_string(&file).unwrap();
    let line = fails.lines().find(|line| line.starts_with("in_turn 0x")).expect("it was kept");
    let seed = line.split(' ').nth(1).unwrap();
    assert!(line.contains(" random "), "{line}");
    // What fails in plain order is run first in any case, and as little written down as by `cargo test`.
    let plain = raddle(&package, &["explore", "fails_in_plain_order", "-n", "5", "--results", dir]);
    plain.ends(1).says(&["fails_in_plain_order failed: ", "replay: "]);
    assert_eq!(fs::read_to_string(&file).unwrap(), fails);
    fs::write(&file, format!("{fails}in_turn {seed} fifo # the same in plain order\n")).unwrap();
    raddle(&package, &["seeds", "--prune", "--yes"]).ends(1).says(&["Dropped 1 seed"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), fails);
}
