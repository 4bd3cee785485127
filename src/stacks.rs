//! Return addresses as text, and what they tell of a call.

use crate::boundary::{fork_lock, kernel};
use crate::frames;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

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
    // A return address is behind its call, which may be another line, or another function.
    backtrace::resolve(address.wrapping_sub(1) as *mut c_void, |symbol| {
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

/// Relative to where the test runs, if it is below that.
pub(crate) fn shorten(file: &Path) -> String {
    let here = std::path::absolute(".").unwrap_or_default();
    file.strip_prefix(here).unwrap_or(file).display().to_string()
}

/// Where the user's own code awaits, innermost, and what of a library it awaits there.
pub(crate) fn awaiting(symbols: &[(String, Option<String>)]) -> (Option<String>, Option<String>) {
    let is_library = |place: &str| {
        place.starts_with("/rustc/") || place.contains("/registry/src/") || place.contains("/git/checkouts/")
    };
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

/// The user's own frames: `function at file:line`, and the first one's place.
pub(crate) fn users(symbols: &[(String, Option<String>)]) -> (Vec<String>, Option<String>) {
    let is_std = |place: &Option<String>| place.as_ref().is_some_and(|place| place.starts_with("/rustc/"));
    let mine: Vec<_> = symbols.iter().filter(|(name, place)| frames::is_users(name) && !is_std(place)).collect();
    let place = mine.iter().find_map(|(_, place)| place.clone());
    let told = mine.iter().map(|(name, place)| match place {
        Some(place) => format!("{name} at {place}"),
        None => name.clone(),
    });
    (told.collect(), place)
}
