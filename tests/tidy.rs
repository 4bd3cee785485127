//! The house is kept as ARCHITECTURE.md draws it: imports run downwards only, each special name stays in its room, and
//! what the documents name exists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file below `folder` with one of these endings, relative to the root.
fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let is_hidden = path.file_name().unwrap().to_string_lossy().starts_with('.');
            if path.is_dir() && !is_hidden && path.file_name() != Some("target".as_ref()) {
                folders.push(path);
            } else if path.extension().is_some_and(|e| endings.iter().any(|&ending| e == ending)) {
                found.push(path.strip_prefix(root()).unwrap().to_path_buf());
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no {endings:?} below {folder}");
    found
}

/// The code of a file: without line comments (so without doc examples) and without its unit tests.
fn code(path: &Path) -> String {
    let text = read(path);
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The room a source file belongs to: `trace` for `src/trace/log.rs`, `clock` for `src/clock.rs`; a file or folder within a
/// room that has a floor of its own is a room of its own.
fn room(path: &Path, floors: &BTreeMap<String, usize>) -> String {
    let within = path.strip_prefix("src").unwrap().to_string_lossy().trim_end_matches(".rs").to_string();
    let first = within.split('/').next().unwrap_or_default().to_string();
    let second = within.split('/').take(2).collect::<Vec<_>>().join("/");
    if floors.contains_key(&second) { second } else { first }
}

/// Each room's floor, from ARCHITECTURE.md's table: rows `| 4a | … | `room`, `room` |`, lowest last.
fn floors() -> BTreeMap<String, usize> {
    let text = read("ARCHITECTURE.md");
    let table = text.split("<!-- floors -->").nth(1).expect("ARCHITECTURE.md has its table of floors");
    let rows: Vec<&str> = table.lines().filter(|l| l.starts_with("| ") && l.contains('`')).collect();
    assert!(rows.len() > 5, "the table of floors has its rows");
    let mut floors = BTreeMap::new();
    for (height, row) in rows.iter().rev().enumerate() {
        let cell = row.split('|').nth(3).expect("three columns");
        for name in cell.split('`').skip(1).step_by(2) {
            let name = name.trim_end_matches('/').trim_end_matches(".rs").to_string();
            assert!(floors.insert(name.clone(), height).is_none(), "{name} has one floor");
        }
    }
    floors
}

/// The rooms that `code` names: `crate::room`, `crate::room::part` where that has a floor, and the members of
/// `use crate::{…}`.
fn imports(code: &str, floors: &BTreeMap<String, usize>) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with('$') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        if let Some(list) = rest.strip_prefix('{') {
            let list = list.split('}').next().unwrap_or_default();
            rooms.extend(list.split(',').map(|item| word(item.trim())));
        } else {
            let room = word(rest);
            let part = rest[room.len()..].strip_prefix("::").map(|rest| format!("{room}/{}", word(rest)));
            rooms.insert(part.filter(|part| floors.contains_key(part)).unwrap_or(room));
        }
    }
    rooms.remove("");
    rooms
}

#[test]
fn imports_run_downwards_only() {
    let floors = floors();
    let mut rooms = BTreeSet::new();
    for path in files("src", &["rs"]) {
        let room = room(&path, &floors);
        rooms.insert(room.clone());
        let own = *floors.get(&room).unwrap_or_else(|| panic!("{room} has no floor in ARCHITECTURE.md"));
        for import in imports(&code(&path), &floors) {
            if import == room || import == "error" || room == "lib" {
                continue;
            }
            let floor =
                *floors.get(&import).unwrap_or_else(|| panic!("{}: crate::{import} is no room", path.display()));
            assert!(floor < own, "{} (floor {own}) imports {import} (floor {floor})", path.display());
        }
    }
    let known: BTreeSet<String> = floors.into_keys().collect();
    assert_eq!(known, rooms, "ARCHITECTURE.md's floors are the rooms of src/");
}

#[test]
fn the_boundary_imports_nothing() {
    for path in files("src/boundary", &["rs"]) {
        let imports = imports(&code(&path), &BTreeMap::new());
        assert!(imports.iter().all(|i| i == "boundary"), "{}: {imports:?}", path.display());
    }
}

/// Words that belong to one room each, whatever else is said.
#[test]
fn special_names_stay_in_their_rooms() {
    let rules: &[(&str, &[&str])] = &[
        ("unsafe ", &["src/boundary/"]),
        ("unsafe{", &["src/boundary/"]),
        ("async_task::", &["src/executor"]),
        ("insta::", &["src/snapshot.rs"]),
        ("\"RADDLE_", &["src/env.rs"]),
        ("rand_chacha", &["src/prng.rs"]),
        ("std::env::", &["src/env.rs"]),
        ("std::time::Instant", &["src/boundary/watchdog/", "src/boundary/zygote/", "src/smol/"]),
        ("std::time::{Duration, Instant}", &["src/boundary/watchdog/", "src/boundary/zygote/", "src/smol/"]),
        ("SystemTime", &[]),
        ("collections::HashMap", &["src/hash.rs"]),
        ("collections::HashSet", &["src/hash.rs"]),
        ("collections::{Hash", &["src/hash.rs"]),
        ("thread_local!", &["src/context.rs", "src/boundary/"]),
        ("println!", &["src/panics.rs", "src/check.rs", "src/snapshot.rs"]),
        ("todo!", &[]),
        ("unimplemented!", &[]),
    ];
    let is_test = |path: &PathBuf| path.iter().any(|part| part == "tests.rs" || part == "tests");
    for path in files("src", &["rs"]).into_iter().filter(|path| !is_test(path)) {
        let code = code(&path).replace("allow(unsafe_code)", "").replace("deny(unsafe_code)", "");
        let shown = path.to_string_lossy().into_owned();
        for (word, rooms) in rules {
            let allowed = rooms.iter().any(|room| shown.starts_with(room));
            // The frames that are hidden are named in text.
            let is_text = *word == "async_task::" && shown == "src/frames.rs";
            assert!(allowed || is_text || !code.contains(word), "{shown} names {word:?}, which belongs to {rooms:?}");
        }
    }
}

#[test]
fn every_unsafe_block_argues() {
    let mut blocks = 0;
    for path in files("src/boundary", &["rs"]) {
        let text = read(&path);
        let lines: Vec<&str> = text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if !code.contains("unsafe {") && !code.contains("unsafe impl") {
                continue;
            }
            blocks += 1;
            let above = lines[..index].iter().rev().take(12);
            let argued = line.contains("SAFETY:") || above.clone().any(|l| l.contains("SAFETY:"));
            assert!(argued, "{}:{}: an unsafe block without its argument", path.display(), index + 1);
        }
    }
    assert!(blocks > 10, "{blocks}: the check looks at the right places");
}

#[test]
fn files_have_head_comments() {
    for path in ["src", "tests", "sims", "benches", "suites"].into_iter().flat_map(|folder| files(folder, &["rs"])) {
        assert!(read(&path).starts_with("//!"), "{} says what it is for", path.display());
    }
}

/// Paths in backticks in the documents: `src/clock.rs`, `tests/`, `seeds/<module>.txt` aside.
#[test]
fn every_path_named_in_a_document_exists() {
    let mut seen = 0;
    for document in [
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "benches/README.md",
        "crates/cargo-raddle/README.md",
        "docs/many-machines.md",
        "docs/suites.md",
    ] {
        let text = read(document);
        for word in text.split('`').skip(1).step_by(2) {
            let is_path = word.contains('/') && !word.contains([' ', '<', ':', '…', '(', '*', '$', '=']);
            let top = word.split('/').next().unwrap_or_default();
            let is_ours =
                ["src", "tests", "sims", "snapshots", "suites", "benches", "crates", "examples", "docs", ".ci"]
                    .contains(&top);
            if is_path && is_ours {
                seen += 1;
                assert!(root().join(word).exists(), "{document} names {word}, which does not exist");
            }
        }
    }
    assert!(seen > 5, "{seen}: the check looks at the right places");
}

#[test]
fn the_readme_lists_every_environment_variable() {
    let readme = read("README.md");
    for variable in raddle::__private::TABLE {
        let row = format!("| `{}` | {} | {} |", variable.name, variable.values, variable.effect);
        assert!(readme.contains(&row), "README.md has no row:\n{row}");
    }
    let rows = readme.lines().filter(|line| line.starts_with("| `RADDLE_")).count();
    assert_eq!(rows, raddle::__private::TABLE.len(), "README.md has rows that src/env.rs does not have");
}

#[test]
fn snapshots_live_in_one_folder() {
    // A package of its own has a folder of its own.
    let is_home = |path: &PathBuf| path.starts_with("snapshots") || path.starts_with("sims/smol/snapshots");
    let stray: Vec<_> = files(".", &["snap"]).into_iter().filter(|path| !is_home(path)).collect();
    assert!(stray.is_empty(), "{stray:?}");
}

/// raddle is compared with other harnesses, but nobody who uses or builds it has to have them.
#[test]
fn the_peers_are_in_no_graph_but_that_of_benches() {
    let has = |lock: &str, name: &str| read(lock).contains(&format!("name = \"{name}\"\n"));
    assert!(has("benches/Cargo.lock", "shuttle") && has("benches/madsim/Cargo.lock", "madsim"));
    for name in ["shuttle", "madsim"] {
        assert!(!has("Cargo.lock", name), "{name} is in the graph of the workspace");
    }
    assert!(!has("benches/madsim/Cargo.lock", "raddle"), "raddle is compiled with `--cfg madsim`");
}

/// The line `Peers: async-executor 1.14.1, …` of the page that shows a measured table.
#[test]
fn the_benches_name_the_versions_of_the_peers() {
    let text = read("benches/README.md");
    let line = text.lines().find_map(|line| line.strip_prefix("Peers: ")).expect("a line of peers and versions");
    let locks = read("benches/Cargo.lock") + &read("benches/madsim/Cargo.lock");
    for peer in line.trim_end_matches('.').split(", ") {
        let (name, version) = peer.split_once(' ').expect("a name and a version");
        let entry = format!("name = \"{name}\"\nversion = \"{version}\"\n");
        assert!(locks.contains(&entry), "benches/README.md says {peer}, which no lock file has");
    }
}

#[test]
fn the_changelog_knows_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    assert!(read("CHANGELOG.md").contains(&format!("## {version}")), "CHANGELOG.md has no section {version}");
    let schedule = format!("schedule version {}", raddle::SCHEDULE_VERSION);
    assert!(read("CHANGELOG.md").to_lowercase().contains(&schedule), "CHANGELOG.md does not tell {schedule}");
}

/// The attribute's words for classes of blocking calls are the library's.
#[test]
fn the_attribute_knows_every_class() {
    let source = std::fs::read_to_string("crates/macros/src/blocking.rs").unwrap();
    let classes: Vec<_> = source.lines().filter(|line| line.trim_start().starts_with("Class { name: ")).collect();
    assert_eq!(classes.len(), raddle::Class::ALL.len());
    for (line, class) in classes.iter().zip(raddle::Class::ALL) {
        assert!(
            line.contains(&format!("name: {:?}, variant: \"{class:?}\"", class.name().to_lowercase())),
            "{class:?}: {line}"
        );
    }
}
