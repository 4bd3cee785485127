//! Several machines: their results put together are what one machine would have come to.

use crate::run::{Told, raddle, results};
use crate::yard::yard;
use serde_json::Value;

const WORDS: [&str; 7] = ["explore", "needle", "hay", "--no-keep", "--message-format", "json", "--results"];

fn explore(dir: &str, words: &[&str]) -> Told {
    raddle(yard(), &[&WORDS[..], &[dir], words].concat())
}

/// The sums, and the texts of the findings.
fn sums(told: &Told) -> Vec<Value> {
    told.json("result")
}

#[track_caller]
fn come_to_the_same(words: &[&str]) {
    let whole = results();
    let one = explore(whole.path().to_str().unwrap(), words);
    one.ends(1);
    let parts = results();
    let mut dirs = Vec::new();
    for k in 1..=3 {
        let dir = parts.path().join(k.to_string());
        let told = explore(dir.to_str().unwrap(), &[words, &["--shard", &format!("{k}/3")]].concat());
        assert!(matches!(told.code, Some(0 | 1)), "{told:?}");
        dirs.push(dir.display().to_string());
    }
    let merge: Vec<&str> = ["merge", "--message-format", "json"].into_iter().chain(dirs.iter().map(|d| &**d)).collect();
    let merged = raddle(yard(), &merge);
    assert_eq!(sums(merged.ends(1)), sums(&one), "{words:?}");
    // Merged in two steps, and in another order.
    let half = parts.path().join("half");
    let half = half.to_str().unwrap();
    raddle(yard(), &["merge", "-q", &dirs[2], &dirs[0], "--results", half]);
    let merged = raddle(yard(), &["merge", "--message-format", "json", half, &dirs[1]]);
    assert_eq!(sums(merged.ends(1)), sums(&one), "{words:?}, in two steps");
}

#[test]
fn shards_up_to_the_first_failure() {
    come_to_the_same(&["-n", "4000"]);
}

#[test]
fn shards_of_everything() {
    come_to_the_same(&["-n", "2000", "--keep-going"]);
}

#[test]
fn what_does_not_belong_together_is_not_merged() {
    let all = results();
    let dir = |name: &str| all.path().join(name).display().to_string();
    explore(&dir("one"), &["-n", "300"]);
    explore(&dir("other"), &["-n", "300", "--strategy", "fifo"]);
    let told = raddle(yard(), &["merge", &dir("one"), &dir("other")]);
    told.ends(2).says(&["was explored in another way than elsewhere"]);
    let told = raddle(yard(), &["merge", &dir("one"), &dir("one")]);
    told.ends(2).says(&["has seeds that another file has as well"]);
    std::fs::create_dir(dir("empty")).unwrap();
    raddle(yard(), &["merge", &dir("empty")]).ends(2).says(&["has no results"]);
    std::fs::write(all.path().join("empty/results.jsonl"), "{}\n").unwrap();
    raddle(yard(), &["merge", &dir("empty")]).ends(3).says(&["line 1 of ", "cannot be read"]);
}
