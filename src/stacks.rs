//! Return addresses as text, and what they tell of a call.

use crate::boundary::{fork_lock, kernel};
use crate::frames;
use crate::place::{InShort, is_library, is_standard};
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// One address: the functions inlined there, innermost first, with their places.
pub(crate) type Symbols = Vec<(String, Option<String>)>;

/// Addresses that have been looked up: doing so reads the debug information, which takes long.
static KNOWN: Mutex<BTreeMap<usize, Symbols>> = Mutex::new(BTreeMap::new());

/// How many those are: asked for where a lock would be written to.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Lets `f` see what has been looked up, and add to it.
fn with_known<R>(f: impl FnOnce(&mut BTreeMap<usize, Symbols>) -> R) -> R {
    fork_lock::inside(|| {
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let result = f(&mut known);
        COUNT.store(known.len(), Ordering::Relaxed);
        result
    })
}

/// How many addresses have been looked up.
pub(crate) fn known() -> usize {
    COUNT.load(Ordering::Relaxed)
}

/// All addresses that have been looked up, if there are more than `before`: for the process that this one was forked from.
pub(crate) fn news(before: usize) -> Vec<(usize, Symbols)> {
    if known() <= before {
        return Vec::new();
    }
    with_known(|known| known.iter().map(|(&address, symbols)| (address, symbols.clone())).collect())
}

/// Takes over what a process forked from this one has looked up.
pub(crate) fn learn(news: Vec<(usize, Symbols)>) {
    if !news.is_empty() {
        with_known(|known| known.extend(news));
    }
}

/// Every function of a stack with its place (`file:line`), innermost first.
pub(crate) fn resolve(addresses: &[usize]) -> Symbols {
    let symbols = |known: &mut BTreeMap<usize, Symbols>, address| {
        known.entry(address).or_insert_with(|| look_up(address)).clone()
    };
    with_known(|known| addresses.iter().flat_map(|&address| symbols(known, address)).collect())
}

fn look_up(address: usize) -> Symbols {
    let mut symbols = Vec::new();
    // A return address is behind its call, which may be another line, or another function: the library takes one off.
    backtrace::resolve(address as *mut c_void, |symbol| {
        let name = symbol.name().map(|n| format!("{n:#}")).unwrap_or_default();
        let name = frames::with_path(name, symbol.filename().and_then(Path::to_str));
        let place = symbol.filename().zip(symbol.lineno()).map(|(file, line)| format!("{}:{line}", shorten(file)));
        if !name.is_empty() {
            symbols.push((name, place));
        }
    });
    if !symbols.iter().any(|(name, _)| name.contains("::")) {
        // A library of C's, perhaps without debug information: what it exports is known all the same.
        symbols.extend(kernel::exported(address).map(|name| (name, None)));
    }
    symbols
}

/// The folder that the compiler was started in: what `file!()` and a panic's place are relative to.
static ROOT: OnceLock<PathBuf> = OnceLock::new();

/// Looks for that folder, by a source file that the compiler named. It is where the test runs, or above that, as it is in a
/// workspace.
pub(crate) fn root_by(file: &str) {
    if ROOT.get().is_none()
        && Path::new(file).is_relative()
        && let Ok(here) = std::path::absolute(".")
        && let Some(root) = here.ancestors().find(|root| root.join(file).is_file())
    {
        let _ = ROOT.set(root.into());
    }
}

/// A path as the compiler has it, so that one file has one name: relative to the workspace, or to where the test runs.
pub(crate) fn shorten(file: &Path) -> String {
    let here = std::path::absolute(".").unwrap_or_default();
    let root = ROOT.get().unwrap_or(&here);
    let short = file.strip_prefix(root).or_else(|_| file.strip_prefix(&here));
    short.unwrap_or(file).display().to_string()
}

/// Where the user's own code awaits, innermost, and what of a library it awaits there.
pub(crate) fn awaiting(symbols: &[(String, Option<String>)]) -> (Option<String>, Option<String>) {
    let mut inside = None;
    for (name, place) in symbols.iter().filter(|(name, _)| frames::is_users(name)) {
        let Some(place) = place else { continue };
        if !is_library(place) {
            return (Some(place.clone()), inside.map(frames::path_of));
        }
        inside = Some(name.as_str());
    }
    (None, inside.map(frames::path_of))
}

/// What a stack tells its reader.
pub(crate) struct Told {
    /// The user's own frames and those of libraries that they call, innermost first: `function at file:line`.
    pub frames: Vec<String>,
    /// The place of the first of them.
    pub place: Option<String>,
    /// The innermost place in code that is no library's.
    pub own: Option<String>,
}

/// The stack without what says nothing about the code under test.
pub(crate) fn users(symbols: &[(String, Option<String>)]) -> Told {
    let is_std = |place: &Option<String>| place.as_deref().is_some_and(is_standard);
    let mine: Vec<_> = symbols.iter().filter(|(name, place)| frames::is_users(name) && !is_std(place)).collect();
    let mut places = mine.iter().filter_map(|(_, place)| place.as_deref());
    let place = places.clone().next().map(|place| InShort(place).to_string());
    let own = places.find(|place| !is_library(place)).map(str::to_string);
    let told = mine.iter().map(|(name, place)| match place {
        Some(place) => format!("{name} at {}", InShort(place)),
        None => name.clone(),
    });
    Told { frames: told.collect(), place, own }
}

/// A stack with nothing of the user's in it, in a line.
pub(crate) fn of_others(symbols: &[(String, Option<String>)]) -> String {
    const MOST: usize = 4;
    match symbols {
        [] => "(where it was is not known: its thread did not answer)".into(),
        _ => {
            let names: Vec<_> = symbols.iter().take(MOST).map(|(name, _)| name.as_str()).collect();
            format!("(it was in no code of yours: {})", names.join(", called by "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_of_others_is_told_in_a_line() {
        assert_eq!(of_others(&[]), "(where it was is not known: its thread did not answer)");
        let symbols = ["mmap", "malloc", "b", "c", "d"].map(|name| (name.to_string(), None));
        assert_eq!(
            of_others(&symbols),
            "(it was in no code of yours: mmap, called by malloc, called by b, called by c)"
        );
    }

    /// Where a thread was interrupted is told as one more, as if it were behind a call: at the first instruction, too.
    #[test]
    fn a_function_is_known_by_its_first_instruction() {
        #[inline(never)]
        fn is_looked_for() {
            std::hint::black_box(());
        }
        let first = std::hint::black_box(is_looked_for as fn()) as usize;
        let symbols = resolve(&[first + 1]);
        assert!(symbols.iter().any(|(name, _)| name.ends_with("is_looked_for")), "{symbols:?}");
    }

    #[test]
    fn a_stack_is_told_from_the_library_to_the_users_own_line() {
        let tempfile = "/home/me/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/tempfile-3.27.0/src/dir.rs:20";
        let symbols = [
            ("std::fs::create_dir", Some("/rustc/5980/library/std/src/fs.rs:7")),
            ("tempfile::dir::create", Some(tempfile)),
            ("bank::open::{{closure}}", Some("src/bank.rs:7")),
            ("bank::main::{{closure}}", Some("src/main.rs:3")),
        ];
        let symbols = symbols.map(|(name, place)| (name.to_string(), place.map(str::to_string)));
        let told = users(&symbols);
        assert_eq!(told.place.as_deref(), Some("tempfile-3.27.0/src/dir.rs:20"));
        assert_eq!(told.own.as_deref(), Some("src/bank.rs:7"));
        assert_eq!(
            told.frames,
            [
                "tempfile::dir::create at tempfile-3.27.0/src/dir.rs:20",
                "bank::open::{{closure}} at src/bank.rs:7",
                "bank::main::{{closure}} at src/main.rs:3"
            ]
        );
        assert_eq!(awaiting(&symbols), (Some("src/bank.rs:7".into()), Some("tempfile::dir::create".into())));
    }
}
