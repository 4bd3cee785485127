//! Nothing to do, or nothing that can be done: one clear line, and an exit code that tells which.

use crate::run::{finish, raddle, snapshot};
use crate::yard::{bare, yard};

#[test]
fn help_teaches() {
    snapshot!("help", raddle(yard(), &["--help"]).shown());
    snapshot!("help_explore", raddle(yard(), &["explore", "-h"]).shown());
    for verb in ["list", "replay", "shrink", "diff", "seeds", "timeline", "merge", "completions", "man"] {
        raddle(yard(), &[verb, "--help"]).ends(0).says(&[
            "Usage: cargo raddle ",
            verb,
            "Examples:",
            "cargo raddle ",
            verb,
        ]);
    }
}

#[test]
fn what_makes_no_sense() {
    for (words, line) in [
        (&["explore", "-n", "0"][..], "expected a number from 1 up"),
        (&["explore", "--for", "10"], "expected a number and ms, s, m or h"),
        (&["explore", "--for", "10s", "-n", "5"], "cannot be used with"),
        (&["explore", "--shard", "3/2"], "expected K/N with K from 1 to N"),
        (&["explore", "nothing_of_this_name"], "no scenario has `nothing_of_this_name` in its name"),
        (&["explore", "--strategy", "dfs"], "expected portfolio, random, reversal, "),
        (&["replay", "in_order", "1", "--strategy", "pct:0"], "pct:DEPTH or delay:DELAYS (up to 64)"),
        (&["replay", "in_order", "x"], "expected a number below 2^64"),
        (&["replay", "needle", "1"], "`needle` may be any of 2 scenarios: steady::a_needle, steady::two_needles"),
        (
            &["replay", "till::same", "1"],
            "`till::same` may be any of 2 scenarios: till/bin/till::same, till/lib/till::same",
        ),
        (&["dance"], "unrecognized subcommand 'dance'"),
        (&["explore", "--manifest-path", "/nowhere/Cargo.toml"], "manifest path `/nowhere/Cargo.toml` does not exist"),
    ] {
        let told = raddle(yard(), words);
        told.ends(2).says(&["error: ", line]);
        assert_eq!(told.out, "", "{words:?}");
    }
}

/// What raddle's README says there is can be asked for.
#[test]
fn every_strategy_of_the_library_is_known() {
    let readme = std::fs::read_to_string(crate::yard::raddle().join("README.md")).unwrap();
    let row = readme.lines().find(|line| line.starts_with("| `RADDLE_STRATEGY` |")).unwrap();
    let names: Vec<&str> = row.split('|').nth(2).unwrap().split('`').skip(1).step_by(2).collect();
    assert!(names.len() >= 11, "{names:?}");
    for name in names {
        let name = name.replace("DEPTH", "3").replace("DELAYS", "2");
        let told = raddle(yard(), &["explore", "--strategy", &name, "--manifest-path", "/nowhere/Cargo.toml"]);
        told.ends(2).says(&["manifest path `/nowhere/Cargo.toml` does not exist"]);
    }
}

#[test]
fn no_tests() {
    let project = bare("no-tests", "pub fn f() {}\n");
    raddle(&project, &["list"]).ends(0).says(&["warning: no test here has #[raddle::test]"]);
    raddle(&project, &["explore"]).ends(2).says(&["error: there is nothing to explore"]);
}

#[test]
fn a_build_that_fails() {
    let project = bare("broken-build", "pub fn f() -> u8 { \"no number\" }\n");
    let told = raddle(&project, &["explore"]);
    told.ends(3).says(&["mismatched types", "error: the build failed: nothing was run"]);
    assert_eq!(told.out, "");
    let told = raddle(&project, &["explore", "--message-format", "json"]);
    let error = &told.ends(3).json("error")[0];
    assert_eq!((&error["code"], &error["text"]), (&3.into(), &"the build failed: nothing was run".into()));
}

#[test]
fn no_project_at_all() {
    // The root: of any other folder somebody may have a project above it, in a folder for temporary files as well.
    let here = std::env::current_dir().unwrap();
    raddle(here.ancestors().last().unwrap(), &["list"]).ends(2).says(&["error: could not find `Cargo.toml`"]);
}

#[test]
fn colours_are_for_terminals_and_for_those_who_ask() {
    let err = |words: &[&str], variable: Option<(&str, &str)>| {
        let mut command = crate::run::command(yard());
        finish(command.args(["list", "in_order"]).args(words).envs(variable)).err
    };
    let escape = "\u{1b}[";
    let own = |text: String| text.lines().filter(|line| line.contains("Listed")).collect::<String>();
    assert!(!own(err(&[], None)).contains(escape));
    assert!(own(err(&["--color", "always"], None)).contains(escape));
    assert!(own(err(&[], Some(("CLICOLOR_FORCE", "1")))).contains(escape));
    assert!(!own(err(&["--color", "never"], Some(("CLICOLOR_FORCE", "1")))).contains(escape));
    assert!(!own(err(&[], Some(("NO_COLOR", "1")))).contains(escape));
}

#[test]
fn completions_and_the_manual() {
    raddle(yard(), &["completions", "bash"]).ends(0).says(&["cargo__raddle,explore)", "--keep-going"]);
    raddle(yard(), &["completions", "fish"]).ends(0).says(&["complete -c cargo-raddle"]);
    raddle(yard(), &["man"]).ends(0).says(&[".TH", "explore"]);
    for (verb, option) in [("explore", "keep\\-going"), ("replay", "trace"), ("timeline", "perfetto")] {
        let option = format!("\\-\\-{option}");
        raddle(yard(), &["man", verb]).ends(0).says(&[".TH", &format!("cargo-raddle-{verb}"), &option, "Examples:"]);
    }
    raddle(yard(), &["man", "dance"]).ends(2).says(&["error: there is no verb `dance`"]);
}

#[test]
fn a_stripped_release_build_is_found_as_well() {
    // The marker is data, so a symbol table is not needed. (Built only where .ci/run asks for it: it takes long.)
    if std::env::var_os("TEST_RELEASE").is_none() {
        return;
    }
    let list = ["list", "-p", "till", "--message-format", "json"];
    let debug = raddle(yard(), &list).json("scenario").len();
    assert_eq!(debug, 2);
    let mut command = crate::run::command(yard());
    command.env("CARGO_PROFILE_RELEASE_STRIP", "symbols").env("CARGO_PROFILE_RELEASE_LTO", "fat");
    let told = finish(command.args(list).arg("--release"));
    assert_eq!(told.json("scenario").len(), debug);
}
