//! Places in the code as they are told: without the folders of one machine, where those say nothing.

use std::fmt;
use std::panic::Location;

/// Where cargo unpacks crates, and checks out repositories, below its home; where rustup keeps the sources of the standard
/// library, and what the compiler calls them where they are not kept.
const REGISTRY: [&str; 2] = ["/registry/src/", r"\registry\src\"];
const CHECKOUTS: [&str; 2] = ["/git/checkouts/", r"\git\checkouts\"];
const RUSTLIB: [&str; 2] = ["/lib/rustlib/src/rust/", r"\lib\rustlib\src\rust\"];
const RUSTC: &str = "/rustc/";

/// A source file, perhaps with a line behind it, as it is told. Printing it allocates nothing.
///
/// | file | told |
/// |---|---|
/// | `…/registry/src/index…/tempfile-3.27.0/src/lib.rs:596` | `tempfile-3.27.0/src/lib.rs:596` |
/// | `…/git/checkouts/tempfile-0123456789abcdef/89abcde/src/lib.rs` | `tempfile-89abcde/src/lib.rs` |
/// | `/rustc/5980…/library/core/src/slice/mod.rs` | `library/core/src/slice/mod.rs` |
/// | any other | as it is |
#[derive(Clone, Copy, Debug)]
pub(crate) struct InShort<'a>(pub &'a str);

/// The name and the contents of the folder in a folder of that name: of the registry, or of the repository. cargo has such a
/// name end in a hash of the address, which tells it from a folder of the user's own; it is left out.
fn below<'a>(path: &'a str, folders: [&str; 2]) -> Option<(&'a str, &'a str)> {
    let (_, below) = folders.iter().find_map(|folder| path.split_once(folder))?;
    let (folder, within) = below.split_once(is_separator)?;
    let (name, hash) = folder.rsplit_once('-')?;
    let is_hash = hash.len() >= 8 && hash.chars().all(|c| c.is_ascii_hexdigit());
    is_hash.then_some((name, within))
}

fn is_separator(c: char) -> bool {
    c == '/' || c == '\\'
}

impl fmt::Display for InShort<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InShort(path) = *self;
        if let Some((_, within)) = below(path, REGISTRY) {
            return f.write_str(within);
        }
        if let Some((name, within)) = below(path, CHECKOUTS) {
            return write!(f, "{name}-{within}");
        }
        f.write_str(standard(path).unwrap_or(path))
    }
}

/// `library/core/src/…` for what is the standard library's.
fn standard(path: &str) -> Option<&str> {
    let kept = RUSTLIB.iter().find_map(|folder| path.split_once(folder)).map(|(_, within)| within);
    kept.or_else(|| path.strip_prefix(RUSTC)?.split_once('/').map(|(_, within)| within))
}

/// Whether a place is in the standard library.
pub(crate) fn is_standard(place: &str) -> bool {
    standard(place).is_some()
}

/// Whether a place is in the standard library or in a crate from elsewhere.
pub(crate) fn is_library(place: &str) -> bool {
    is_standard(place) || below(place, REGISTRY).is_some() || below(place, CHECKOUTS).is_some()
}

/// `file:line:column`, the file in short.
pub(crate) struct At(pub &'static Location<'static>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", InShort(self.0.file()), self.0.line(), self.0.column())
    }
}

/// A place that has been told, without the folders in front of the package: the same on every machine. (The compiler names
/// the files of a package that lies beside the workspace by their whole path.)
pub(crate) fn anywhere(place: &str) -> &str {
    let drive = place.as_bytes().get(1) == Some(&b':') && place[2..].starts_with(is_separator);
    if !place.starts_with(is_separator) && !drive {
        return place;
    }
    let source = ["/src/", r"\src\"].iter().filter_map(|src| place.rfind(src)).max();
    let folders = match source.or_else(|| place.rfind(is_separator)) {
        // What a package is called is the name of its folder, as a rule.
        Some(at) => place[..at].rfind(is_separator).map_or(0, |folder| folder + 1),
        None => 0,
    };
    place[folders..].trim_start_matches(is_separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_dependencys_is_told_in_short() {
        for (path, told, is) in [
            (
                "/home/me/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/tempfile-3.27.0/src/dir.rs:20:7",
                "tempfile-3.27.0/src/dir.rs:20:7",
                true,
            ),
            (
                r"C:\Users\me\.cargo\registry\src\index.crates.io-1949cf8c6b5b557f\tempfile-3.27.0\src\dir.rs",
                r"tempfile-3.27.0\src\dir.rs",
                true,
            ),
            (
                "/home/me/.cargo/git/checkouts/async-io-0123456789abcdef/89abcde/src/reactor.rs:3",
                "async-io-89abcde/src/reactor.rs:3",
                true,
            ),
            ("/rustc/59807616e1fa/library/core/src/slice/mod.rs:7:1", "library/core/src/slice/mod.rs:7:1", true),
            (
                "/home/me/.rustup/toolchains/stable/lib/rustlib/src/rust/library/alloc/src/vec/mod.rs",
                "library/alloc/src/vec/mod.rs",
                true,
            ),
            ("src/bank.rs:7:5", "src/bank.rs:7:5", false),
            ("crates/registry/src/store-b/mod.rs:7", "crates/registry/src/store-b/mod.rs:7", false),
            ("/home/me/bank/src/bank.rs:7:5", "/home/me/bank/src/bank.rs:7:5", false),
            ("/registry/src/", "/registry/src/", false),
        ] {
            assert_eq!(InShort(path).to_string(), told);
            assert_eq!(is_library(path), is, "{path}");
        }
    }

    #[test]
    fn a_place_is_the_same_anywhere() {
        for (place, same) in [
            ("src/bank.rs:7:5", "src/bank.rs:7:5"),
            ("tempfile-3.27.0/src/dir.rs:20:7", "tempfile-3.27.0/src/dir.rs:20:7"),
            ("/home/me/code/ledger/src/store/mod.rs:7:5", "ledger/src/store/mod.rs:7:5"),
            ("/home/me/src/ledger/src/lib.rs:7:5", "ledger/src/lib.rs:7:5"),
            ("/home/me/code/ledger/tests/it.rs:7:5", "tests/it.rs:7:5"),
            (r"C:\code\ledger\src\lib.rs:7:5", r"ledger\src\lib.rs:7:5"),
            ("/src/lib.rs:7:5", "src/lib.rs:7:5"),
            ("/lib.rs", "lib.rs"),
            ("", ""),
        ] {
            assert_eq!(anywhere(place), same);
        }
    }
}
