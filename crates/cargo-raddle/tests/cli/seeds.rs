//! Kept seeds: written where the test is, listed, run again, dropped.

use crate::run::{raddle, results};
use crate::yard::own_package;
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
