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
//!    handed over but where the caller asks for it; who gets it is the seed's to say.
//!
//! Which functions these are is read in the binary's own table of symbols, once a process and when a thread of a world first
//! waits for a word or gives way. In a binary that was stripped of it nothing is known: a process for each run
//! (`isolation = "process"`) has the table to itself.

use super::super::fork_lock::inside;
use super::memory::{backtrace, executable_start};
use std::ffi::c_void;
use std::fs::File;
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

/// What its symbol says, mangled one way or the other: both must be there.
const NAMES: [(Of, &[u8], &[u8]); 8] = [
    (Of::Row, b"word_lock", b"9lock_slow"),
    (Of::Fairness, b"parking_lot", b"14should_timeout"),
    // What that is compiled into in an optimised build.
    (Of::Fairness, b"parking_lot", b"unlock_slow"),
    (Of::Fairness, b"parking_lot", b"unlock_exclusive_slow"),
    (Of::Fairness, b"parking_lot", b"unlock_shared_slow"),
    (Of::Fairness, b"parking_lot", b"wake_parked_threads"),
    (Of::Fairness, b"parking_lot", b"10unpark_one"),
    (Of::Fairness, b"parking_lot", b"13unpark_filter"),
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
        inside(|| KNOWN.get_or_init(|| functions(&NAMES).unwrap_or_default()));
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

/// The binary's own functions of these names; `None` if they cannot be read.
fn functions(names: &[(Of, &[u8], &[u8])]) -> Option<Vec<Function>> {
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
    let texts = content(section(word(table, 40) as usize)?)?;
    if !names.iter().any(|(_, one, other)| contains(&texts, one) && contains(&texts, other)) {
        return Some(Vec::new());
    }
    // Where it was loaded, unless its addresses are those of memory.
    let base = if short(&header, 16) == FIXED { 0 } else { executable_start() };
    let mut found = Vec::new();
    for symbol in content(table)?.chunks_exact(SYMBOL).filter(|symbol| symbol[4] & 15 == FUNCTION) {
        let rest = texts.get(word(symbol, 0) as usize..).unwrap_or_default();
        let name = rest.split(|&byte| byte == 0).next().unwrap_or_default();
        let known = names.iter().find(|(_, one, other)| contains(name, one) && contains(name, other));
        if let Some(&(of, ..)) = known {
            let from = base + long(symbol, 8) as usize;
            found.push(Function { of, from, to: from + long(symbol, 16) as usize });
        }
    }
    Some(found)
}

fn short(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes([bytes[at], bytes[at + 1]])
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes([0, 1, 2, 3].map(|n| bytes[at + n]))
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|n| bytes[at + n]))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    let (text_at, part_at) = (text.as_ptr().cast::<c_void>(), part.as_ptr().cast::<c_void>());
    // SAFETY: reads within the two slices only.
    !unsafe { libc::memmem(text_at, text.len(), part_at, part.len()) }.is_null()
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
        let names: [(Of, &[u8], &[u8]); 1] = [(Of::Row, b"kernel5known", b"a_function_with_a_name_of_its_own")];
        let found = functions(&names).expect("this binary has its symbols");
        assert!(found.iter().any(a_function_with_a_name_of_its_own), "{} functions of this name", found.len());
        let nowhere = Function { of: Of::Row, from: found[0].from, to: found[0].from };
        assert!(!a_function_with_a_name_of_its_own(&nowhere));
        let none: [(Of, &[u8], &[u8]); 1] = [(Of::Row, b"kernel5known", b"not a name")];
        assert!(functions(&none).expect("symbols").is_empty());
    }
}
