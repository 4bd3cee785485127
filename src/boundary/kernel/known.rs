//! Functions of a library that are known by name, because they look at what a process has one of.
//!
//! parking_lot queues whoever waits, for whichever lock, in one table that the whole process has. Two things about it are
//! no run's own, and are kept out of all runs:
//! 1. *The lock of a row* ([`Of::Row`]) is held for a few instructions, in which no system call is made but for memory; so
//!    no thread of a world is ever suspended with it, and whoever waits for it waits for a thread outside: for one of
//!    another test's world, say. That is waited for in reality, and is no event.
//! 2. *Whose turn to be fair it is* ([`Of::Fairness`]): each row keeps the moment from which on a lock is handed to whoever
//!    waits, instead of being let go. Runs that come one after the other, or side by side, would find what others left
//!    there, by clocks that have nothing to do with each other. It is shown a clock that stands still, and so no lock is
//!    handed over but where the caller asks for it; who gets it is the seed's to say. (From the moment on at which a thread of the
//!    run first waits: to find out who reads the clock takes 2 µs.)
//!
//! Which functions these are is read in the binary's own table of symbols, once a process, before its first run: whatever a run
//! does first, it finds the table as all others do. In a binary that was stripped of it nothing is known: a process for each run
//! (`isolation = "process"`) has the table to itself.

use super::super::fork_lock::inside;
use super::memory::{backtrace, executable_start};
use std::ffi::c_void;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

/// What a function is known for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// It waits for the lock of a row of parking_lot's table.
    Row,
    /// It reads the clock to find out whether parking_lot has to be fair.
    Fairness,
}

/// What all their symbols say, mangled one way or the other.
const CRATE: &[u8] = b"parking_lot";

/// What one of them says besides.
const NAMES: [(Of, &[u8]); 8] = [
    (Of::Row, b"WordLock9lock_slow"),
    (Of::Fairness, b"14should_timeout"),
    // What that is compiled into in an optimised build.
    (Of::Fairness, b"unlock_slow"),
    (Of::Fairness, b"unlock_exclusive_slow"),
    (Of::Fairness, b"unlock_shared_slow"),
    (Of::Fairness, b"wake_parked_threads"),
    (Of::Fairness, b"10unpark_one"),
    (Of::Fairness, b"13unpark_filter"),
];

/// A function that is known: from, to.
struct Function {
    of: Of,
    from: usize,
    to: usize,
}

static KNOWN: OnceLock<Vec<Function>> = OnceLock::new();

/// Reads which functions are known, if nobody has. Not to be told with calls watched.
pub fn learn() {
    if KNOWN.get().is_none() {
        inside(|| KNOWN.get_or_init(|| functions(CRATE, &NAMES).unwrap_or_default()));
    }
}

/// Whether a function that is known for this has made the call, among the innermost `depth` frames (64 at most). Neither
/// allocates nor waits.
pub fn is_within(of: Of, depth: usize) -> bool {
    let Some(known) = KNOWN.get().filter(|known| known.iter().any(|function| function.of == of)) else { return false };
    let mut frames = [0; 64];
    let count = backtrace(&mut frames[..depth]);
    // Return addresses: the call is before them.
    let is_known = |at: usize| known.iter().any(|f| f.of == of && (f.from..f.to).contains(&(at - 1)));
    frames[..count].iter().any(|&at| is_known(at))
}

/// Sections and symbols of 64-bit ELF, in this machine's order of bytes.
const HEADER: usize = 64;
const SECTION: usize = 64;
const SYMBOL: usize = 24;
const SYMTAB: u32 = 2;
const FUNCTION: u8 = 2;
const FIXED: u16 = 2;

/// The binary's own functions whose symbols say `all`, and one of `names`; `None` if they cannot be read.
fn functions(all: &[u8], names: &[(Of, &[u8])]) -> Option<Vec<Function>> {
    let file = File::open("/proc/self/exe").ok()?;
    let read = |at: u64, length: usize| {
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, at).ok()?;
        Some(bytes)
    };
    let header = read(0, HEADER)?;
    let sections = read(long(&header, 40), usize::from(short(&header, 60)) * SECTION)?;
    let section = |index: usize| sections.get(index * SECTION..(index + 1) * SECTION);
    let content = |section: &[u8]| read(long(section, 24), long(section, 32) as usize);
    let table = sections.chunks_exact(SECTION).find(|section| word(section, 4) == SYMTAB)?;
    let texts = texts_with(&content(section(word(table, 40) as usize)?)?, all, names);
    if texts.is_empty() {
        return Some(Vec::new());
    }
    // Where it was loaded, unless its addresses are those of memory.
    let base = if short(&header, 16) == FIXED { 0 } else { executable_start() };
    let mut found = Vec::new();
    for symbol in content(table)?.chunks_exact(SYMBOL).filter(|symbol| symbol[4] & 15 == FUNCTION) {
        let at = word(symbol, 0) as usize;
        // Linkers have one text end with another, so a symbol's need not be all of it.
        let before = texts.partition_point(|(_, text)| text.start <= at);
        if let Some((of, _)) = texts[..before].last().filter(|(_, text)| at < text.end) {
            let from = base + long(symbol, 8) as usize;
            found.push(Function { of: *of, from, to: from + long(symbol, 16) as usize });
        }
    }
    Some(found)
}

/// Where the texts are, each with a zero behind it, that have `all` and one of `names` in them.
fn texts_with(texts: &[u8], all: &[u8], names: &[(Of, &[u8])]) -> Vec<(Of, Range<usize>)> {
    let mut found = Vec::new();
    let mut looked_at = 0;
    while let Some(at) = position(&texts[looked_at..], all) {
        let at = looked_at + at;
        let start = texts[..at].iter().rposition(|&byte| byte == 0).map_or(0, |zero| zero + 1);
        let end = texts[at..].iter().position(|&byte| byte == 0).map_or(texts.len(), |length| at + length);
        let known = names.iter().find(|(_, name)| position(&texts[start..end], name).is_some());
        found.extend(known.map(|&(of, _)| (of, start..end)));
        looked_at = end;
    }
    found
}

fn short(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes(part(bytes, at))
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(part(bytes, at))
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(part(bytes, at))
}

fn part<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    *bytes[at..].first_chunk().expect("a number that is there")
}

/// Where `part` begins in `text`.
fn position(text: &[u8], part: &[u8]) -> Option<usize> {
    let (text_at, part_at) = (text.as_ptr().cast::<c_void>(), part.as_ptr().cast::<c_void>());
    // SAFETY: reads within the two slices only.
    let found = unsafe { libc::memmem(text_at, text.len(), part_at, part.len()) };
    (!found.is_null()).then(|| found as usize - text_at as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[inline(never)]
    fn a_function_with_a_name_of_its_own(of: &Function) -> bool {
        let mut frames = [0; 16];
        let count = backtrace(&mut frames);
        frames[..count].iter().any(|&at| (of.from..of.to).contains(&(at - 1)))
    }

    #[test]
    fn functions_are_found_by_name_and_on_the_stack() {
        let names: [(Of, &[u8]); 1] = [(Of::Row, b"a_function_with_a_name_of_its_own")];
        let found = functions(b"kernel5known", &names).expect("this binary has its symbols");
        assert!(found.iter().any(a_function_with_a_name_of_its_own), "{} functions of this name", found.len());
        let nowhere = Function { of: Of::Row, from: found[0].from, to: found[0].from };
        assert!(!a_function_with_a_name_of_its_own(&nowhere));
        assert!(functions(b"kernel5known", &[(Of::Row, b"not a name")]).expect("symbols").is_empty());
        assert!(functions(b"not a crate", &names).expect("symbols").is_empty());
    }
}
