//! The README's first failing test: typed in as it stands there, it prints what stands there.

use crate::run::{finish, raddle, shell};
use crate::yard::{self, own_package, write};
use std::fs;
use std::path::PathBuf;

/// What follows a line that opens a block of code, from `text` on; and the rest.
fn block<'a>(text: &'a str, language: &str) -> (&'a str, &'a str) {
    let open = format!("```{language}\n");
    let inside = text.split_once(&open).unwrap_or_else(|| panic!("no {language} in {text}")).1;
    inside.split_once("```").expect("it ends")
}

/// The package as the README has it, and what it says `cargo test` prints.
fn bank() -> (PathBuf, String) {
    let readme = fs::read_to_string(yard::raddle().join("README.md")).unwrap();
    let text = readme.split_once("## A first failing test").expect("it has that").1;
    let (dependencies, text) = block(text, "toml");
    let (lib, text) = block(text, "rust,ignore");
    let (test, text) = block(text, "rust,ignore");
    let (printed, _) = block(text, "text");
    let root = own_package("bank");
    let path = format!("raddle = {{ path = {:?}, default-features = false }}", yard::raddle());
    let dependencies = dependencies.replace("raddle = \"0.1\"", &path);
    let package = "[package]\nname = \"bank\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    write(&root.join("Cargo.toml"), &format!("{package}\n{dependencies}\n[workspace]\n"));
    let _ = fs::remove_file(root.join("tests/it.rs"));
    write(&root.join("src/lib.rs"), lib);
    write(&root.join("tests/bank.rs"), test);
    yard::fetch(&root);
    (root, printed.into())
}

#[test]
fn the_first_failing_test_prints_what_the_readme_says() {
    let (root, printed) = bank();
    let told = finish(&mut shell(&root, "cargo test --test bank"));
    assert_eq!(told.code, Some(101), "{told:?}");
    let from = told.out.find("no_money_is_lost failed: ").unwrap_or_else(|| panic!("{told:?}"));
    let got: Vec<&str> = told.out[from..].lines().take(printed.lines().count()).collect();
    assert_eq!(got.join("\n"), printed.trim_end(), "the README says otherwise");

    // The line that replays it, and the schedule in its place.
    let replay = printed.lines().find_map(|line| line.strip_prefix("  replay: ")).expect("it is told");
    let schedule = printed.lines().find_map(|line| line.strip_prefix("  schedule: ")).expect("it is told");
    let command = replay.split_once(' ').expect("a variable, and a command").1;
    for line in [replay, &format!("RADDLE_SCHEDULE={schedule} {command}")] {
        let told = finish(&mut shell(&root, line));
        told.ends(101).says(&["no_money_is_lost failed: panicked at tests/bank.rs:19:5: "]);
    }
    let told = raddle(&root, &["replay", "no_money_is_lost", schedule]);
    told.ends(1).says(&["bank::no_money_is_lost failed: ", "transfer: pending, before auditor"]);
}
