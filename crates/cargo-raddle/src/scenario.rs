//! Scenarios: the `#[raddle::test]`s of a test binary, found by the markers that the attribute leaves in it.
//!
//! A marker is a text in the binary's read-only data, so it survives optimisation and stripping, and nothing has to be
//! run to find it. Its fields stand one after the other behind the character U+001F.

use crate::cli::Filter;
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SEPARATOR: u8 = 0x1f;
const BEGIN: &[u8] = b"\x1fraddle-test\x1f1\x1f";
const FIELDS: usize = 7;
/// No marker is longer than this: what looks like one is none.
const LONGEST: usize = 16 << 10;

/// A test binary as cargo built it.
#[derive(Debug)]
pub struct Binary {
    pub path: PathBuf,
    pub package: String,
    /// `lib`, `bin`, `test`, …
    pub kind: String,
    pub target: String,
    /// Where its tests run, as under `cargo test`.
    pub package_dir: PathBuf,
    pub version: String,
}

/// A `#[raddle::test]`.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub binary: Arc<Binary>,
    /// The name that is shown, and by which it is chosen: `crate::module::test`.
    pub name: String,
    /// The name within the binary, for the test harness.
    pub path: String,
    pub file: String,
    pub line: u32,
    manifest_dir: String,
    pub is_ignored: bool,
    /// It has `#[should_panic]`: a failure is what it is there for.
    pub should_fail: bool,
    /// The attribute's arguments, as `name=value` words.
    pub settings: String,
}

impl Scenario {
    /// The argument `name` of its attribute.
    pub fn setting(&self, name: &str) -> Option<&str> {
        let mut words = self.settings.split_whitespace().filter_map(|word| word.split_once('='));
        words.find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// Its source file. `file!()` is relative to the workspace's root: some folder above the package's, or that itself.
    pub fn source(&self) -> PathBuf {
        let mut roots = Path::new(&self.manifest_dir).ancestors();
        let found = roots.find_map(|root| Some(root.join(&self.file)).filter(|path| path.is_file()));
        found.unwrap_or_else(|| PathBuf::from(&self.file))
    }

    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}

/// Every scenario of the binaries, sorted by name.
///
/// # Errors
/// A binary cannot be read.
pub fn find(binaries: &[Arc<Binary>]) -> Result<Vec<Scenario>> {
    let mut scenarios = Vec::new();
    for binary in binaries {
        let bytes = std::fs::read(&binary.path)
            .map_err(|error| Error::internal(format!("{} cannot be read: {error}", binary.path.display())))?;
        scenarios.extend(markers(&bytes).filter_map(|fields| scenario(binary, &fields)));
    }
    let order = |s: &Scenario| (s.name.clone(), s.binary.package.clone(), s.binary.kind.clone());
    scenarios.sort_by_key(order);
    scenarios.dedup_by(|a, b| a.path == b.path && Arc::ptr_eq(&a.binary, &b.binary));
    tell_namesakes_apart(&mut scenarios);
    Ok(scenarios)
}

/// The fields of every marker in `bytes`.
fn markers(bytes: &[u8]) -> impl Iterator<Item = Vec<&str>> {
    memchr::memmem::find_iter(bytes, BEGIN).filter_map(move |at| {
        let rest = &bytes[at + BEGIN.len()..];
        let rest = &rest[..rest.len().min(LONGEST)];
        let mut fields: Vec<&str> = Vec::new();
        for field in rest.split(|&byte| byte == SEPARATOR) {
            fields.push(std::str::from_utf8(field).ok()?);
            if fields.len() > FIELDS {
                break;
            }
        }
        (fields.len() > FIELDS && fields.pop() == Some("end")).then_some(fields)
    })
}

fn scenario(binary: &Arc<Binary>, fields: &[&str]) -> Option<Scenario> {
    let [module, name, file, line, manifest_dir, flags, settings] = *fields else { return None };
    let path = match module.split_once("::") {
        Some((_, inner)) => format!("{inner}::{name}"),
        None => name.to_string(),
    };
    let has = |flag: &str| flags.split_whitespace().any(|f| f == flag);
    Some(Scenario {
        binary: binary.clone(),
        name: format!("{module}::{name}"),
        path,
        file: file.into(),
        line: line.parse().ok()?,
        manifest_dir: manifest_dir.into(),
        is_ignored: has("ignore"),
        should_fail: has("should_panic"),
        settings: settings.into(),
    })
}

/// Two crates may have the same name, as a package's library and its program often do.
fn tell_namesakes_apart(scenarios: &mut [Scenario]) {
    let names: Vec<String> = scenarios.iter().map(|s| s.name.clone()).collect();
    for (index, scenario) in scenarios.iter_mut().enumerate() {
        let is_namesake = |at: Option<usize>| at.and_then(|at| names.get(at)) == Some(&names[index]);
        if is_namesake(index.checked_sub(1)) || is_namesake(index.checked_add(1)) {
            let Binary { package, kind, .. } = &*scenario.binary;
            scenario.name = format!("{package}/{kind}/{}", names[index]);
        }
    }
}

/// Those that the filter lets through.
///
/// # Errors
/// Filters were given, and none lets anything through.
pub fn choose(scenarios: Vec<Scenario>, filter: &Filter) -> Result<Vec<Scenario>> {
    let wants = |scenario: &Scenario, word: &str| match filter.exact {
        true => scenario.name == word || scenario.path == word,
        false => scenario.name.contains(word),
    };
    let known = scenarios.len();
    let mut chosen = scenarios;
    chosen.retain(|s| filter.words.is_empty() || filter.words.iter().any(|word| wants(s, word)));
    if chosen.is_empty() && known > 0 {
        let words = filter.words.join("`, `");
        return Err(Error::usage(format!(
            "no scenario has `{words}` in its name; `cargo raddle list` shows all {known}"
        )));
    }
    chosen.retain(|s| !filter.skip.iter().any(|word| s.name.contains(word)));
    chosen.retain(|s| filter.include_ignored || !s.is_ignored);
    Ok(chosen)
}

/// The one that is meant by `name`.
///
/// # Errors
/// None is, or several are.
pub fn the_one(scenarios: Vec<Scenario>, name: &str) -> Result<Scenario> {
    let is_tail = |s: &Scenario| s.name.ends_with(&format!("::{name}"));
    let ways: [&dyn Fn(&Scenario) -> bool; 4] =
        [&|s| s.name == name, &|s| s.path == name, &is_tail, &|s| s.name.contains(name)];
    for way in ways {
        let mut found: Vec<&Scenario> = scenarios.iter().filter(|s| way(s)).collect();
        match found.len() {
            0 => {}
            1 => return Ok(found.remove(0).clone()),
            n => {
                let names: Vec<&str> = found.iter().take(5).map(|s| s.name.as_str()).collect();
                let more = if n > 5 { format!(" and {} more", n - 5) } else { String::new() };
                let names = names.join(", ");
                return Err(Error::usage(format!("`{name}` may be any of {n} scenarios: {names}{more}")));
            }
        }
    }
    let hint = "`cargo raddle list` shows all";
    Err(Error::usage(format!("no scenario has `{name}` in its name; {hint} {}", scenarios.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(kind: &str) -> Arc<Binary> {
        Arc::new(Binary {
            path: "/nowhere".into(),
            package: "bank".into(),
            kind: kind.into(),
            target: "bank".into(),
            package_dir: "/nowhere".into(),
            version: "0.1.0".into(),
        })
    }

    fn marker(module: &str, name: &str, flags: &str) -> Vec<u8> {
        let fields = [module, name, "tests/a.rs", "7", "/home/me/bank", flags, "seeds=9 strategy=pct:3", "end", ""];
        [BEGIN, fields.join("\u{1f}").as_bytes()].concat()
    }

    #[test]
    fn markers_are_found_between_other_bytes() {
        let mut bytes = vec![0, 255, SEPARATOR];
        bytes.extend(marker("bank::deep", "t", "ignore"));
        bytes.extend(b"garbage");
        bytes.extend(marker("bank", "u", "should_panic"));
        let found: Vec<_> = markers(&bytes).filter_map(|f| scenario(&binary("test"), &f)).collect();
        let names: Vec<_> = found.iter().map(|s| (s.name.as_str(), s.path.as_str())).collect();
        assert_eq!(names, [("bank::deep::t", "deep::t"), ("bank::u", "u")]);
        assert_eq!((found[0].is_ignored, found[0].should_fail), (true, false));
        assert_eq!((found[1].is_ignored, found[1].should_fail), (false, true));
        assert_eq!(found[0].setting("strategy"), Some("pct:3"));
        assert_eq!(found[0].setting("seed"), None);
        assert_eq!(found[0].place(), "tests/a.rs:7");
    }

    #[test]
    fn what_only_begins_like_a_marker_is_none() {
        let whole = marker("bank", "t", "");
        for length in 0..whole.len() - 1 {
            assert_eq!(markers(&whole[..length]).count(), 0, "{length}");
        }
        assert_eq!(markers(&whole).count(), 1);
        let mut broken = whole.clone();
        broken[BEGIN.len()] = 0xff;
        assert_eq!(markers(&broken).count(), 0, "not UTF-8");
        assert_eq!(markers(&[BEGIN, &whole].concat()).count(), 1, "one in front of another");
    }

    #[test]
    fn a_name_or_a_part_of_it() {
        let scenario = |module, name| {
            let bytes = marker(module, name, "");
            let fields = markers(&bytes).next().unwrap();
            super::scenario(&binary("test"), &fields).unwrap()
        };
        let all = || vec![scenario("bank", "loss"), scenario("bank", "no_loss"), scenario("bank::old", "loss")];
        assert_eq!(the_one(all(), "bank::loss").unwrap().name, "bank::loss");
        assert_eq!(the_one(all(), "old::loss").unwrap().name, "bank::old::loss");
        assert_eq!(the_one(all(), "no_").unwrap().name, "bank::no_loss");
        assert_eq!(the_one(all(), "loss").unwrap().name, "bank::loss", "a path in full");
        let error = the_one(all(), "los").unwrap_err().to_string();
        assert_eq!(error, "`los` may be any of 3 scenarios: bank::loss, bank::no_loss, bank::old::loss");
        assert!(the_one(all(), "win").unwrap_err().to_string().starts_with("no scenario has `win` in its name"));
    }

    #[test]
    fn namesakes_are_told_apart() {
        let of = |kind| {
            let bytes = marker("bank", "t", "");
            let fields = markers(&bytes).next().unwrap();
            super::scenario(&binary(kind), &fields).unwrap()
        };
        let mut both = [of("bin"), of("lib")];
        tell_namesakes_apart(&mut both);
        assert_eq!([&both[0].name, &both[1].name], ["bank/bin/bank::t", "bank/lib/bank::t"]);
    }
}
