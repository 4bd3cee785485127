//! The public interface is smol's, item by item.
//!
//! `names.rs` uses every public item and method of smol with its full type. It is compiled against smol itself and
//! against this crate; which traits each type has is computed in both, and compared. That `names.rs` leaves nothing out is
//! found out from the sources of the crates that smol is made of, as cargo has them. And `pages.rs` compares what rustdoc
//! says of both, the other way round as well.

#![allow(clippy::type_complexity, reason = "types are written out, since that is what is compared")]

mod pages;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

/// Tells whether a type has a trait, at compile time.
macro_rules! has {
    ($type:ty: $($bound:tt)+) => {{
        #[allow(dead_code)]
        trait Not {
            const HAS: bool = false;
        }
        impl<T: ?Sized> Not for T {}
        #[allow(dead_code)]
        struct Is<T: ?Sized>(std::marker::PhantomData<T>);
        #[allow(dead_code)]
        impl<T: ?Sized + $($bound)+> Is<T> {
            const HAS: bool = true;
        }
        <Is<$type>>::HAS
    }};
}

mod real {
    use ::smol;
    include!("names.rs");
}

mod ours {
    use ::raddle_smol as smol;
    include!("names.rs");
}

#[test]
fn every_type_has_the_traits_it_has_in_smol() {
    let (real, ours) = (real::traits(), ours::traits());
    assert!(real.len() > 800 && real.iter().filter(|(_, has)| *has).count() > 250, "{}", real.len());
    let other: Vec<String> = real
        .iter()
        .zip(&ours)
        .filter(|(real, ours)| real != ours)
        .map(|((name, real), (_, ours))| format!("{name} is {real} in smol, and {ours} here"))
        .collect();
    assert!(other.is_empty(), "{}", other.join("\n"));
}

/// The crates that smol's own items come from. (Those that are re-exported whole are the same here.)
const CRATES: [&str; 6] = ["async-executor", "async-fs", "async-io", "async-net", "async-process", "blocking"];

/// Public functions in those crates that are no part of smol, and why.
const ELSEWHERE: &[(&str, &str)] = &[
    // blocking: not re-exported by smol.
    ("set_max_blocking_threads", "blocking's own"),
    // async-io: `async_io::os`, not re-exported.
    ("raw", "async_io::os"),
    ("as_raw", "async_io::os"),
    ("ident", "async_io::os"),
    ("pid", "async_io::os"),
    // async-fs: Windows.
    ("symlink_file", "Windows"),
    // async-executor: only with its feature `static`.
    ("leak", "StaticExecutor"),
    ("spawn_scoped", "StaticExecutor"),
];

/// Public functions of a source file: those that stand on their own, or in an `impl` of a public type.
fn functions(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut is_windows = false;
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with("#[cfg(windows)]") || line.starts_with("pub mod windows") {
            is_windows = true;
        }
        if is_windows {
            is_windows = !line.starts_with('}');
            continue;
        }
        let Some(rest) = line.strip_prefix("pub ") else { continue };
        let words: Vec<&str> = rest.split_whitespace().collect();
        let Some(at) = words.iter().position(|&word| word == "fn") else { continue };
        let is_signature = words[..at].iter().all(|word| ["async", "const", "unsafe"].contains(word));
        if let (true, Some(name)) = (is_signature, words.get(at + 1)) {
            let name: String = name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            names.insert(name);
        }
    }
    names
}

/// Whether `text` has the function as `Type::name`, as `value.name`, or as `name(…)`.
fn is_called(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + name.len()..]);
        let is_word = !after.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        is_word
            && (before.ends_with("::") || before.ends_with('.') || (before.ends_with(' ') && after.starts_with('(')))
    })
}

/// Where the sources of `package` are.
fn sources(metadata: &str, package: &str) -> PathBuf {
    let mark = format!("/{package}-");
    let paths = metadata.split("\"manifest_path\":\"").skip(1).filter_map(|rest| rest.split('"').next());
    let found = paths.into_iter().find(|path| {
        let version = path.rsplit_once(&mark).map(|(_, rest)| rest);
        version.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    });
    PathBuf::from(found.unwrap_or_else(|| panic!("cargo knows of no {package}"))).parent().unwrap().join("src")
}

/// What cargo says of the packages that this one is made of, here.
fn metadata() -> String {
    let text = |command: &mut Command| {
        let output = command.output().expect("the toolchain runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("it is text")
    };
    let host = text(Command::new("rustc").arg("-vV"));
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let arguments = ["metadata", "--format-version=1", "--offline", "--all-features", "--filter-platform", host];
    text(Command::new(cargo).args(arguments).args(["--manifest-path", manifest]))
}

#[test]
fn names_leaves_nothing_out() {
    let names = include_str!("names.rs");
    let metadata = metadata();
    let mut missing = Vec::new();
    let mut seen = 0;
    for package in CRATES {
        let folder = sources(&metadata, package);
        // Modules that are not public, and what only other systems have.
        let hidden =
            ["driver.rs", "reactor.rs", "windows.rs", "static_executors.rs", "reaper.rs", "signal.rs", "wait.rs"];
        for file in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            if file.is_dir() || hidden.contains(&name.as_str()) {
                continue;
            }
            let text = std::fs::read_to_string(&file).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap();
            for function in functions(text) {
                seen += 1;
                let is_used = is_called(names, &function);
                if !is_used && !ELSEWHERE.iter().any(|(name, _)| *name == function) {
                    missing.push(format!("{package}: {function}"));
                }
            }
        }
    }
    assert!(seen > 120, "{seen}: it looks at the right places");
    assert!(missing.is_empty(), "names.rs does not use {missing:#?}");
}

/// Without `sim` there is nothing but smol in what is built: no raddle, whatever it may be called.
#[test]
fn without_sim_raddle_is_not_built() {
    let tree = |features: &[&str]| {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let arguments = ["tree", "--offline", "--edges=normal,build", "--prefix=none", "--manifest-path", manifest];
        let output = Command::new(cargo).args(arguments).args(features).output().expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("it is text");
        text.lines().skip(1).filter_map(|line| line.split(' ').next().map(str::to_string)).collect::<BTreeSet<_>>()
    };
    let plain = tree(&[]);
    assert!(plain.contains("smol") && !plain.iter().any(|package| package.contains("raddle")), "{plain:?}");
    assert!(tree(&["--features=sim"]).contains("raddle"), "it looks at the right place");
}
