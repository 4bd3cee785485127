//! What somebody at a terminal sees: the live display, colours, a question that wants an answer.

use crate::run::{Told, finish, raddle, results, shell};
use crate::yard::{own_package, yard};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs the command at a terminal of its own, where somebody types `keys`: all that is on it, and the exit code. By
/// `script`, of Debian's bsdutils or util-linux; without it nothing is tested.
fn at_a_terminal(dir: &Path, variables: &[(&str, &str)], words: &str, keys: &str) -> Option<Told> {
    let is_there = Command::new("script").arg("--version").output().is_ok_and(|o| o.status.success());
    if !is_there {
        eprintln!("NOT TESTED: a terminal. Install script (Debian: apt-get install bsdutils).");
        return None;
    }
    let script = format!("exec script -qec 'stty cols 120 rows 40; exec cargo raddle {words}' /dev/null");
    let mut command = shell(dir, &script);
    command.env("TERM", "xterm").envs(variables.iter().copied());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("script can be started");
    // It stays open until the end: who has gone cannot be asked.
    let mut keyboard = child.stdin.take().expect("it is piped");
    keyboard.write_all(keys.as_bytes()).expect("somebody reads");
    let output = child.wait_with_output().expect("it ends");
    drop(keyboard);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some(Told { out: text(&output.stdout), err: text(&output.stderr), code: output.status.code() })
}

/// Whether anything is coloured or bold: moving about is neither.
fn is_coloured(text: &str) -> bool {
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once("\u{1b}[") {
        let code: String = behind.chars().take_while(|c| c.is_ascii_digit() || *c == ';').collect();
        let is_plain = code.is_empty() || code == "0";
        if behind[code.len()..].starts_with('m') && !is_plain {
            return true;
        }
        rest = behind;
    }
    false
}

#[test]
fn an_exploration_shows_how_far_it_is() {
    raddle(yard(), &["list"]);
    let results = results();
    let words = format!("explore hay needle -n 4000 -k --no-keep --results {}", results.path().display());
    let Some(told) = at_a_terminal(yard(), &[], &words, "") else { return };
    told.ends(1).says(&["seeds (", "/s), ", " new/s)"]);
    told.says(&["Found", "steady::a_needle at seed 0x", "Finished", "12,000 seeds in 3 scenarios"]);
    assert!(told.out.contains("\u{1b}[2K") || told.out.contains("\u{1b}[K"), "the line is drawn over: {}", told.out);
    // It is gone in the end: the last lines are the table and the sum.
    let last = told.out.trim_end().lines().next_back().unwrap_or_default();
    assert!(last.contains("Finished"), "{last}");
    assert!(is_coloured(&told.out));
    let plain = at_a_terminal(yard(), &[("NO_COLOR", "1")], &words, "").expect("it is there");
    assert!(!is_coloured(&plain.ends(1).out), "{}", plain.out);
    // Nothing that moves, and no sum; the findings are what was asked for.
    let quiet = at_a_terminal(yard(), &[], &format!("{words} -q"), "").expect("it is there");
    quiet.ends(1).says(&["steady::a_needle failed: "]);
    assert!(!quiet.out.contains("/s)") && !quiet.out.contains("Finished"), "{}", quiet.out);
}

#[test]
fn seeds_are_dropped_by_those_who_agree() {
    let package = own_package("asked");
    raddle(&package, &["list"]);
    let file = package.join("tests/seeds/it.txt");
    fs::create_dir(file.parent().unwrap()).unwrap();
    let kept = "in_order 0x1 fifo # once\n";
    fs::write(&file, kept).unwrap();
    for refusal in ["n\n", "\n", "perhaps\n"] {
        let Some(told) = at_a_terminal(&package, &[], "seeds --prune", refusal) else { return };
        told.ends(0).says(&["0x1 fifo: ", "passes now", "Drop 1 seed from the seed files? [y/N] "]);
        assert!(!told.out.contains("Dropped"), "{}", told.out);
        assert_eq!(fs::read_to_string(&file).unwrap(), kept, "{refusal:?}");
    }
    let told = at_a_terminal(&package, &[], "seeds --prune", "y\n").expect("it is there");
    told.ends(0).says(&["Drop 1 seed from the seed files? [y/N] ", "Dropped", "1 seed"]);
    assert!(!file.exists(), "there was no other");
    let again = finish(&mut shell(&package, "cargo raddle seeds"));
    again.ends(0).says(&["Listed 0 kept seeds"]);
}
