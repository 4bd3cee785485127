//! Functions and locks of libraries that are known by name, because they look at what a process has one of.
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
//! Nor is what it takes to tell a backtrace, in std and in the crate `backtrace`: which symbols stand where is read from files by
//! whoever needs it first, and kept for all who come later, under a lock that the whole process has.
//! 3. *Looking up symbols* ([`looks_up_symbols`]) is no moment at which others may run: a process's first backtrace is as all others
//!    are, and no thread of a world is ever suspended with
//! 4. *the lock of it* ([`is_of_symbols`]), which whoever waits for it waits for a thread outside. That may take long, where many
//!    tell of panics.
//!
//! And an allocator that is not libc's has locks of its own, of which one may be held where another is waited for:
//! 5. *such a wait, and such a wake-up* ([`is_allocators`]) are as libc's are ([`Call::is_libcs`](super::Call::is_libcs)). jemalloc and
//!    mimalloc in the binary itself are known by name, and any that is a library by where `malloc` stands.
//!
//! Which functions these are is read in the binary's own table of symbols, once a process, before its first run: whatever a run
//! does first, it finds the table as all others do. In a binary that was stripped of it nothing is known: a process for each run
//! (`isolation = "process"`) has the table to itself.

use super::super::fork_lock::inside;
use super::memory::{backtrace, executable_start, library_with_malloc, static_word};
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
    /// It looks up which symbol stands where, for a backtrace.
    Symbols,
    /// No function, but the lock that this is done with.
    LockOfSymbols,
    /// An allocator, or a function of one that waits for its locks.
    Allocator,
}

/// What their symbols say, mangled one way or the other, and what some of those say besides. What begins with a zero is what they
/// begin with.
type Names<'a> = [(&'a [u8], &'a [(Of, &'a [u8])])];

const NAMES: &Names<'_> = &[
    (
        b"parking_lot",
        &[
            (Of::Row, b"WordLock9lock_slow"),
            (Of::Fairness, b"14should_timeout"),
            // What that is compiled into in an optimised build.
            (Of::Fairness, b"unlock_slow"),
            (Of::Fairness, b"unlock_exclusive_slow"),
            (Of::Fairness, b"unlock_shared_slow"),
            (Of::Fairness, b"wake_parked_threads"),
            (Of::Fairness, b"10unpark_one"),
            (Of::Fairness, b"13unpark_filter"),
        ],
    ),
    (b"9symbolize", &[(Of::Symbols, b"backtrace")]),
    (b"backtrace4lock4LOCK", &[(Of::LockOfSymbols, b"")]),
    (b"je_malloc_mutex_lock_slow", &[(Of::Allocator, b"")]),
    (b"\0mi_", &[(Of::Allocator, b"")]),
    (b"\0_mi_", &[(Of::Allocator, b"")]),
];

/// Where what is known stands, by what it is known for.
type Places = [Vec<Range<usize>>; 5];

static KNOWN: OnceLock<Places> = OnceLock::new();

/// Reads which functions are known, if nobody has. Not to be told with calls watched.
pub fn learn() {
    if KNOWN.get().is_none() {
        let learnt = || {
            let mut known = places(NAMES).unwrap_or_default();
            known[Of::Allocator as usize].extend(library_with_malloc());
            known
        };
        inside(|| KNOWN.get_or_init(learnt));
    }
}

fn known(of: Of) -> &'static [Range<usize>] {
    KNOWN.get().map_or(&[], |known| &known[of as usize])
}

/// Whether the word is of a lock that symbols are looked up with.
pub fn is_of_symbols(word: usize) -> bool {
    known(Of::LockOfSymbols).iter().any(|lock| lock.contains(&word))
}

/// Whether the calling thread looks up symbols, and so has the lock of it. Neither allocates nor waits.
pub fn looks_up_symbols() -> bool {
    // std's `Mutex` begins with the word that says whether it is held, by whomever.
    known(Of::LockOfSymbols).iter().any(|lock| static_word(lock.start) != 0) && is_within(Of::Symbols, DEPTH)
}

/// Whether an allocator that is not libc's makes this call, which waits for a lock of its own or wakes whoever does. Neither
/// allocates nor waits.
pub fn is_allocators() -> bool {
    is_within(Of::Allocator, DEPTH)
}

/// As deep as [`is_within`] looks.
const DEPTH: usize = 64;

/// Whether a function that is known for this has made the call, among the innermost `depth` frames (64 at most). Neither
/// allocates nor waits.
pub fn is_within(of: Of, depth: usize) -> bool {
    let functions = known(of);
    if functions.is_empty() {
        return false;
    }
    let mut frames = [0; DEPTH];
    let count = backtrace(&mut frames[..depth]);
    // Return addresses: the call is before them.
    frames[..count].iter().any(|&at| functions.iter().any(|function| function.contains(&(at - 1))))
}

/// Sections and symbols of 64-bit ELF, in this machine's order of bytes.
const HEADER: usize = 64;
const SECTION: usize = 64;
const SYMBOL: usize = 24;
const SYMTAB: u32 = 2;
const OBJECT: u8 = 1;
const FUNCTION: u8 = 2;
const FIXED: u16 = 2;

/// The binary's own functions and objects with these names; `None` if they cannot be read.
fn places(names: &Names<'_>) -> Option<Places> {
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
    let all = content(section(word(table, 40) as usize)?)?;
    let mut texts: Vec<_> = names.iter().flat_map(|(part, _)| texts_with(&all, part)).collect();
    texts.sort_by_key(|text| text.start);
    if texts.is_empty() {
        return Some(Places::default());
    }
    // Where it was loaded, unless its addresses are those of memory.
    let base = if short(&header, 16) == FIXED { 0 } else { executable_start() };
    let mut found = Places::default();
    for symbol in content(table)?.chunks_exact(SYMBOL) {
        let kind = symbol[4] & 15;
        if kind != FUNCTION && kind != OBJECT {
            continue;
        }
        let at = word(symbol, 0) as usize;
        // Linkers have one text end with another, so a symbol's need not be all of it.
        let before = texts.partition_point(|text| text.start <= at);
        let name = texts[..before].last().filter(|text| at < text.end).map(|text| &all[at..text.end]);
        if let Some(of) = name.and_then(|name| kind_of(name, names))
            && (kind == OBJECT) == (of == Of::LockOfSymbols)
        {
            let from = base + long(symbol, 8) as usize;
            found[of as usize].push(from..from + long(symbol, 16) as usize);
        }
    }
    Some(found)
}

/// What something of this name is known for.
fn kind_of(name: &[u8], names: &Names<'_>) -> Option<Of> {
    let is_such = |part: &[u8]| match part.strip_prefix(b"\0") {
        Some(begins) => name.starts_with(begins),
        None => position(name, part).is_some(),
    };
    let mut such = names.iter().filter(|(part, _)| is_such(part)).flat_map(|(_, besides)| *besides);
    such.find(|(_, part)| position(name, part).is_some()).map(|&(of, _)| of)
}

/// Where the texts are, each between zeros, that have `part` in them.
fn texts_with(texts: &[u8], part: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut looked_at = 0;
    while let Some(at) = position(&texts[looked_at..], part) {
        let at = looked_at + at;
        let start = texts[..=at].iter().rposition(|&byte| byte == 0).map_or(0, |zero| zero + 1);
        let end = texts[start..].iter().position(|&byte| byte == 0).map_or(texts.len(), |length| start + length);
        found.push(start..end);
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
    fn a_function_with_a_name_of_its_own(function: &Range<usize>) -> bool {
        let mut frames = [0; 16];
        let count = backtrace(&mut frames);
        frames[..count].iter().any(|&at| function.contains(&(at - 1)))
    }

    #[test]
    fn functions_are_found_by_name_and_on_the_stack() {
        let named = |part: &'static [u8], name: &'static [u8]| {
            let [row, ..] = places(&[(part, &[(Of::Row, name)])]).expect("this binary has its symbols");
            row
        };
        let found = named(b"kernel5known", b"a_function_with_a_name_of_its_own");
        assert!(found.iter().any(a_function_with_a_name_of_its_own), "{} functions of this name", found.len());
        assert!(!a_function_with_a_name_of_its_own(&(found[0].start..found[0].start)));
        assert!(named(b"kernel5known", b"not a name").is_empty());
        assert!(named(b"not a crate", b"a_function_with_a_name_of_its_own").is_empty());
    }

    #[test]
    fn names_are_known_by_a_part_or_by_their_beginning() {
        let of = |name: &str| kind_of(name.as_bytes(), NAMES);
        assert_eq!(of("_ZN15parking_lot_core9word_lock8WordLock9lock_slow17h0123456789abcdefE"), Some(Of::Row));
        assert_eq!(of("WordLock9lock_slow"), None);
        assert_eq!(of("_rjem_je_malloc_mutex_lock_slow"), Some(Of::Allocator));
        assert_eq!((of("mi_malloc"), of("_mi_theap_init")), (Some(Of::Allocator), Some(Of::Allocator)));
        assert_eq!((of("semi_malloc"), of("malloc"), of("mi")), (None, None, None));
        let texts = b"\0semi_free\0mi_free\0_mi_free\0mi_";
        assert_eq!(texts_with(texts, b"\0mi_"), [11..18, 28..31]);
        assert_eq!(texts_with(texts, b"mi_free"), [1..10, 11..18, 19..27]);
    }

    /// Both std's lock and that of the crate are known, and who looks up symbols is seen to.
    #[test]
    fn whoever_looks_up_symbols_has_a_known_lock() {
        learn();
        assert!(!looks_up_symbols());
        let locks: Vec<_> =
            known(Of::LockOfSymbols).iter().map(|lock| (lock.len(), is_of_symbols(lock.start))).collect();
        assert_eq!(locks, [(8, true); 2]);
        assert!(!is_of_symbols(&raw const KNOWN as usize));
        let mut seen = Vec::new();
        ::backtrace::resolve((learn as *mut c_void).wrapping_byte_add(1), |_| seen.push(looks_up_symbols()));
        assert!(!seen.is_empty() && seen.iter().all(|&looks| looks), "{seen:?}");
        assert!(!looks_up_symbols());
    }
}
