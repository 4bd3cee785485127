//! What libc does for itself, in a function that code under test has called.
//!
//! To find the address of a host, a user's name or the time of day somewhere, libc reads files of the system, and asks again
//! whether they have changed, with a lock of its own held. Were another thread of a world to run at such a call, that lock would
//! be one that runs wait for; and whether it is free would be up to other tests, which share libc. So
//! 1. such a call is no moment at which others may run: [`is_for_libc`];
//! 2. a wait for such a lock waits for a thread outside the world, and is no event of the run: by where the lock is (see
//!    [`is_libcs`](super::memory::is_libcs)), or, since the name services have theirs on the heap, by who waits:
//!    [`is_in_a_lookup`].
//!
//! Both are told by the functions that libc exports. A function that makes a call itself, or has one other make it, does what
//! its caller asks for. Which of those that go deeper do so as well is a list; what is not in it loses a moment at which others
//! may run, and nothing else.

use super::super::fork_lock::inside;
use super::call::Call;
use super::memory::{find_libc, function, is_in_libc, is_static, jumps_on_to, walk};
use std::ffi::CStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Ask name services.
const LOOKUPS: [&CStr; 30] = [
    c"getaddrinfo",
    c"getnameinfo",
    c"gethostbyname",
    c"gethostbyname_r",
    c"gethostbyname2",
    c"gethostbyname2_r",
    c"gethostbyaddr",
    c"gethostbyaddr_r",
    c"getpwnam",
    c"getpwnam_r",
    c"getpwuid",
    c"getpwuid_r",
    c"getgrnam",
    c"getgrnam_r",
    c"getgrgid",
    c"getgrgid_r",
    c"getgrouplist",
    c"initgroups",
    c"getspnam",
    c"getspnam_r",
    c"getservbyname",
    c"getservbyname_r",
    c"getservbyport",
    c"getservbyport_r",
    c"getprotobyname",
    c"getprotobyname_r",
    c"getprotobynumber",
    c"getprotobynumber_r",
    c"getnetbyname",
    c"getnetbyname_r",
];

/// Do with files, folders, descriptors and processes what their caller asks for.
const CALLERS_OWN: [&CStr; 82] = [
    c"fopen",
    c"fopen64",
    c"freopen",
    c"freopen64",
    c"fdopen",
    c"fclose",
    c"fflush",
    c"fread",
    c"fread_unlocked",
    c"fwrite",
    c"fwrite_unlocked",
    c"fgets",
    c"fgetc",
    c"getc",
    c"getc_unlocked",
    c"getchar",
    c"getline",
    c"getdelim",
    c"fscanf",
    c"scanf",
    c"vfscanf",
    c"fputs",
    c"fputc",
    c"putc",
    c"putchar",
    c"puts",
    c"printf",
    c"vprintf",
    c"fprintf",
    c"vfprintf",
    c"dprintf",
    c"vdprintf",
    c"perror",
    c"fseek",
    c"fseeko",
    c"fseeko64",
    c"ftell",
    c"rewind",
    c"opendir",
    c"fdopendir",
    c"readdir",
    c"readdir64",
    c"readdir_r",
    c"readdir64_r",
    c"rewinddir",
    c"seekdir",
    c"closedir",
    c"scandir",
    c"scandir64",
    c"scandirat",
    c"scandirat64",
    c"mkstemp",
    c"mkstemp64",
    c"mkostemp",
    c"mkostemp64",
    c"mkstemps",
    c"mkstemps64",
    c"mkdtemp",
    c"tmpfile",
    c"tmpfile64",
    c"tempnam",
    c"realpath",
    c"canonicalize_file_name",
    c"getcwd",
    c"ftw",
    c"ftw64",
    c"nftw",
    c"nftw64",
    c"fts_open",
    c"fts_read",
    c"fts_children",
    c"glob",
    c"glob64",
    c"remove",
    c"shm_open",
    c"shm_unlink",
    c"system",
    c"popen",
    c"pclose",
    c"posix_openpt",
    c"grantpt",
    c"ttyname_r",
];

/// Functions: from, to.
type Functions = Vec<(usize, usize)>;

static FOUND: OnceLock<[Functions; 2]> = OnceLock::new();

/// Finds out where those of both lists stand, if nobody has. Not to be told with calls watched.
pub fn learn() {
    let find = |names: &[&CStr]| {
        let functions: Functions = names.iter().filter_map(|name| function(name)).collect();
        let jumped_to: Functions = functions.iter().filter_map(|&function| jumps_on_to(function)).collect();
        [functions, jumped_to].concat()
    };
    if FOUND.get().is_none() {
        // A jump to another function is known by where that is.
        find_libc();
        inside(|| FOUND.get_or_init(|| [find(&LOOKUPS), find(&CALLERS_OWN)]));
    }
}

/// Where those of both lists stand, as has been [learnt](learn) before there are calls to see. (It may not be found out when the
/// first is asked about: that allocates, and libc's allocator opens and closes files for itself while it has its own lock.)
fn found() -> &'static [Functions; 2] {
    static NONE: [Functions; 2] = [Vec::new(), Vec::new()];
    FOUND.get().unwrap_or(&NONE)
}

fn is_in(functions: &Functions, at: usize) -> bool {
    functions.iter().any(|&(from, to)| (from..to).contains(&at))
}

/// Frames that are looked at, at most: those of the handler in a build without optimisation, and some more than libc's have ever
/// been.
const DEPTH: usize = 64;

/// Shows the frames between the call and whoever called libc, innermost first, until `see` says no: an address behind a call, one
/// back, and where the stack pointer is there.
pub(super) fn frames(call: &Call, mut see: impl FnMut(usize, usize) -> bool) {
    let (mut is_there, mut depth) = (false, 0);
    walk(|address, stack| {
        depth += 1;
        let goes_on = if is_there { see(address - 1, stack) } else { true };
        is_there |= address == call.at;
        goes_on && depth < DEPTH
    });
}

/// How far above the stack pointer a function of libc's that makes calls has the address to which it returns, by the place of its
/// instruction: that has been found by a walk, which takes a few times as long. The lower halves of both; 0 for none.
static DISTANCES: [AtomicU64; 64] = [const { AtomicU64::new(0) }; 64];

/// What has a larger frame is walked each time. Above the stack of a thread stands more than so much that is its own as well: libc's
/// description of it.
const LARGEST_FRAME: usize = 2 << 10;

fn distance_of(at: usize) -> &'static AtomicU64 {
    &DISTANCES[(at >> 1) % DISTANCES.len()]
}

/// To where the function that makes this call returns, if that has been found out for its instruction.
fn returns_to(call: &Call) -> Option<usize> {
    let known = distance_of(call.at).load(Ordering::Relaxed);
    if known >> 32 != call.at as u64 & u64::from(u32::MAX) {
        return None;
    }
    // SAFETY: less than LARGEST_FRAME above where this thread's stack pointer is, so that it can be read. A walk has found the
    // address there that the function returns to which makes calls at this instruction; were its frames of several sizes, this
    // would be some other word, and be taken for an address in nobody's code.
    Some(unsafe { ((call.stack + known as u32 as usize) as *const usize).read() })
}

/// A walk has found that the function that makes this call returns to there, where the stack pointer is this.
fn learn_where_it_returns_to(call: &Call, address: usize, stack: usize) {
    let place = stack.wrapping_sub(size_of::<usize>());
    let distance = place.wrapping_sub(call.stack);
    // SAFETY: as in `returns_to`.
    if distance < LARGEST_FRAME && unsafe { (place as *const usize).read() } == address {
        distance_of(call.at).store((call.at as u64) << 32 | distance as u64, Ordering::Relaxed);
    }
}

/// Whether libc makes this call for itself. Not to be told with calls watched.
pub fn is_for_libc(call: &Call) -> bool {
    if !is_in_libc(call.at) || returns_to(call).is_some_and(|address| !is_in_libc(address.wrapping_sub(1))) {
        return false;
    }
    // How many of libc's functions are between the one that makes the call and code under test, and where the outermost stands.
    let (mut between, mut outermost) = (0, 0);
    frames(call, |at, stack| {
        if between == 0 {
            learn_where_it_returns_to(call, at + 1, stack);
        }
        let is_libcs = is_in_libc(at);
        if is_libcs {
            (between, outermost) = (between + 1, at);
        }
        is_libcs
    });
    let [_, callers_own] = found();
    between > 1 && !is_in(callers_own, outermost)
}

/// Whether libc makes this call for one of its name services. Not to be told with calls watched.
pub fn is_in_a_lookup(call: &Call) -> bool {
    if !is_in_libc(call.at) {
        return false;
    }
    let [lookups, _] = found();
    let mut is_within = false;
    frames(call, |at, _| {
        is_within = is_in(lookups, at);
        // There may be a library of some service's between.
        !is_within && !is_static(at)
    });
    is_within
}

#[cfg(test)]
mod tests {
    use super::super::{Answer, Op, arm, look_away, selector, watch, why_off};
    use super::*;
    use std::cell::RefCell;
    use std::ffi::c_char;

    /// What was asked for, and whether libc did so for itself, and for a name service.
    type Seen = (Op, bool, bool);

    thread_local! {
        static SEEN: RefCell<Vec<Seen>> = const { RefCell::new(Vec::new()) };
    }

    fn seen(f: impl FnOnce() + Send + 'static) -> Vec<Seen> {
        learn();
        let thread = || {
            let _armed = arm(|call| {
                let told = (call.op, is_for_libc(call), is_in_a_lookup(call));
                SEEN.with_borrow_mut(|seen| seen.push(told));
                Answer::Pass
            });
            watch(selector());
            f();
            look_away(selector());
            SEEN.take()
        };
        std::thread::spawn(thread).join().unwrap()
    }

    #[track_caller]
    fn opens(f: fn()) -> Vec<(bool, bool)> {
        let seen = seen(f).into_iter();
        seen.filter(|(op, ..)| matches!(op, Op::Open { .. } | Op::Name { .. }))
            .map(|(_, own, lookup)| (own, lookup))
            .collect()
    }

    /// Functions of libc's that make calls by others of its functions, or may: a file is looked for by each, and found by none.
    fn by_c() {
        const NONE: *const c_char = c"/nowhere/to/be/found".as_ptr();
        let (at, null) = (libc::AT_FDCWD, std::ptr::null_mut());
        let mut name = *b"/nowhere/XXXXXX\0";
        // SAFETY: texts that end in NUL, places for what is told, and null where that may be.
        unsafe {
            let mut told = std::mem::zeroed();
            libc::stat(NONE, &mut told);
            libc::lstat(NONE, &mut told);
            libc::creat(NONE, 0o600);
            libc::utimes(NONE, std::ptr::null());
            libc::utime(NONE, std::ptr::null());
            libc::utimensat(at, NONE, std::ptr::null(), 0);
            libc::faccessat(at, NONE, libc::R_OK, libc::AT_EACCESS);
            libc::fchmodat(at, NONE, 0o600, libc::AT_SYMLINK_NOFOLLOW);
            libc::remove(NONE);
            assert!(libc::realpath(NONE, null).is_null());
            assert!(libc::opendir(NONE).is_null());
            libc::mkstemp(name.as_mut_ptr().cast());
        }
    }

    #[test]
    fn what_code_under_test_opens_is_its_own() {
        let files = opens(|| drop(std::fs::File::open("/dev/null").unwrap()));
        assert_eq!(files, [(false, false)]);
        // What is known of the function by then is the same.
        let files = opens(|| (0..3).for_each(|_| drop(std::fs::File::open("/dev/null").unwrap())));
        assert_eq!(files, [(false, false); 3]);
        // SAFETY: texts that end in NUL; what is opened is closed.
        let streams =
            opens(|| unsafe { assert_eq!(libc::fclose(libc::fopen(c"/dev/null".as_ptr(), c"re".as_ptr())), 0) });
        assert_eq!(streams, [(false, false)]);
        let by_c = opens(by_c);
        assert!(by_c.len() >= 12 && by_c.iter().all(|&told| told == (false, false)), "{by_c:?}");
        let folders = opens(|| assert!(std::fs::read_dir("/").unwrap().count() > 0));
        assert!(!folders.is_empty() && folders.iter().all(|&told| told == (false, false)), "{folders:?}");
    }

    #[test]
    fn what_a_name_service_opens_is_libcs() {
        let user = opens(|| {
            let mut buffer = [0; 4096];
            // SAFETY: places for an entry, its texts and a pointer.
            unsafe {
                let (mut entry, mut found) = (std::mem::zeroed(), std::ptr::null_mut());
                libc::getpwuid_r(0, &mut entry, buffer.as_mut_ptr(), buffer.len(), &mut found);
            }
        });
        assert!(!user.is_empty() && user.iter().all(|&told| told == (true, true)), "{user:?}");
    }

    #[test]
    fn what_is_opened_for_the_time_of_day_is_libcs() {
        unsafe extern "C" {
            safe fn tzset();
        }
        let time = opens(|| {
            // Asks each time whether that has changed.
            tzset();
            let time: libc::time_t = 0;
            // SAFETY: a time. What it gives is libc's.
            unsafe { libc::localtime(&time) };
        });
        assert!(!time.is_empty() && time.iter().all(|&told| told == (true, false)), "{time:?}");
    }

    #[test]
    fn functions_are_found() {
        assert_eq!(why_off(), None, "libc has been found by then");
        learn();
        let [lookups, callers_own] = found();
        assert!(lookups.len() > LOOKUPS.len() - 4 && callers_own.len() > CALLERS_OWN.len() - 8);
        let fopen = libc::fopen as unsafe extern "C" fn(_, _) -> *mut libc::FILE as usize;
        assert!(is_in(callers_own, fopen) && !is_in(lookups, fopen));
        assert_eq!(function(c"no such function, to be sure"), None);
    }
}
