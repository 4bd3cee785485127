//! What a forked process does when it is about to die: it says what it can, and dies of what it was dying of.
//!
//! Signals that end a process (and `exit`) come by here. The process may be in any state, in the middle of the allocator
//! or with its stack used up, so this runs on a stack of its own, allocates nothing, takes no lock, and writes what
//! there is piece by piece: if it dies of that, what was written until then has arrived.

use super::super::kernel;
use super::super::watchdog::interrupted_at;
use super::LastWords;
use super::imp::write_all;
use super::lines::{LAST_WORDS, LATER, MOST_WANTED, START_OVER, line_of_this_process};
use crate::boundary::bare;
use std::ffi::{c_int, c_void};
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Once, OnceLock};

/// What a process dies of that it brings about itself, and the wish that it may end.
const SIGNALS: [c_int; 6] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGABRT, libc::SIGTERM];

/// The stack to die on, in bytes. Only what is used takes memory.
const STACK: usize = 128 << 10;

/// Where that stack is, once for all children, of which each has its own copy; 0 if there is none.
static ALTERNATE: AtomicUsize = AtomicUsize::new(0);

static LAST: OnceLock<LastWords> = OnceLock::new();

/// The handlers that were there before, by their places in [`SIGNALS`].
static BEFORE: [AtomicUsize; SIGNALS.len()] = [const { AtomicUsize::new(0) }; SIGNALS.len()];

/// In the process that is to be forked: what its children say.
pub(super) fn prepare(last_words: LastWords) {
    LAST.get_or_init(|| last_words);
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: a function without arguments, there for ever. In this process it does nothing.
        unsafe { libc::atexit(at_exit) };
        ACTION.get_or_init(Action::new);
        // The unwinder sets itself up at its first use: not in a handler.
        kernel::backtrace(&mut [0; 4]);
        // SAFETY: new memory, nobody's until a child names it its stack; of sigactions zeros are valid, and the calls below
        // only read what the actions are.
        unsafe {
            let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
            let stack = libc::mmap(ptr::null_mut(), STACK, access, flags, -1, 0);
            if stack != libc::MAP_FAILED {
                ALTERNATE.store(stack as usize, Ordering::Relaxed);
            }
            for (&signal, before) in SIGNALS.iter().zip(&BEFORE) {
                let mut old: libc::sigaction = mem::zeroed();
                libc::sigaction(signal, ptr::null(), &mut old);
                let takes_three = old.sa_flags & libc::SA_SIGINFO != 0;
                before.store(if takes_three { old.sa_sigaction } else { libc::SIG_DFL }, Ordering::Relaxed);
            }
        }
    });
}

/// In a child: from here on it says what it can when it dies, if it has a line for that.
pub(super) fn watch() {
    let place = ALTERNATE.load(Ordering::Relaxed);
    let stack = libc::stack_t { ss_sp: place as *mut c_void, ss_flags: 0, ss_size: STACK };
    let action = ACTION.get();
    // SAFETY: an alternate stack that nobody else uses, for the calling thread, which is this process's only one; the handler
    // has the type that SA_SIGINFO says.
    unsafe {
        if place != 0 {
            bare::call(libc::SYS_sigaltstack, [(&raw const stack) as usize, 0, 0, 0]);
        }
        for signal in SIGNALS {
            match action {
                Some(Action::Kernels(action)) => {
                    bare::call(libc::SYS_rt_sigaction, [signal as usize, action.as_ptr() as usize, 0, 8]);
                }
                Some(Action::Libcs(action)) => {
                    libc::sigaction(signal, action, ptr::null_mut());
                }
                None => {}
            }
        }
    }
}

/// What children install.
enum Action {
    /// As the kernel has it: handler, flags, restorer, mask.
    Kernels([u64; 4]),
    Libcs(libc::sigaction),
}

static ACTION: OnceLock<Action> = OnceLock::new();

impl Action {
    fn new() -> Action {
        /// Of the kernel's flags: there is a restorer.
        const RESTORER: u64 = 0x0400_0000;
        let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = die;
        let flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        if cfg!(target_arch = "x86_64") {
            // The way back from a handler is libc's, and the same for all: std's handler has it, or raddle's own.
            for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGSYS] {
                let mut there = [0u64; 4];
                // SAFETY: a place for the kernel's action, whose mask has eight bytes.
                let result =
                    unsafe { bare::call(libc::SYS_rt_sigaction, [signal as usize, 0, there.as_mut_ptr() as usize, 8]) };
                if result == 0 && there[1] & RESTORER != 0 {
                    return Action::Kernels([handler as usize as u64, flags as u64 | RESTORER, there[2], 0]);
                }
            }
        }
        // SAFETY: a sigaction of zeros is a valid one.
        let mut action: libc::sigaction = unsafe { mem::zeroed() };
        (action.sa_sigaction, action.sa_flags) = (handler as usize, flags);
        Action::Libcs(action)
    }
}

/// In a child: it has nothing more to say.
pub(super) fn no_more() {
    if let Some(line) = line_of_this_process() {
        line.store(0, Ordering::Relaxed);
    }
}

/// How many processes have begun this one's work, itself included.
static STARTS: AtomicU32 = AtomicU32::new(0);

/// Whether there were no threads but its own kind in the process that this one was forked from.
static IS_ALONE: AtomicBool = AtomicBool::new(false);

/// Words of locks that processes before this one could not have, which were free when this one was forked: 0 is none.
static FREE: [AtomicUsize; MOST_WANTED] = [const { AtomicUsize::new(0) }; MOST_WANTED];

/// In a child, before anything else: it is the last of so many that begin its work, of which others have waited in vain for what
/// these words stand for. Where one of them is held, by a thread that did not come along, it ends. If it `is_alone`, there was hardly
/// anybody who could.
pub(super) fn begins(starts: u32, is_alone: bool, wanted: &[usize]) {
    STARTS.store(starts, Ordering::Relaxed);
    IS_ALONE.store(is_alone, Ordering::Relaxed);
    let wanted = if is_alone && starts == 1 { &[] } else { wanted };
    for (&word, place) in wanted.iter().zip(&FREE) {
        if !kernel::word_is(word, 0) {
            leave(LATER, word);
        }
        place.store(word, Ordering::Relaxed);
    }
}

/// In a child that waits for this word: ends it, and another is forked in its place. Comes back if as many as `most` have begun its
/// work; if the word was free when this one was forked, so that whoever has it is here; if it is not `lasting`, and so may be of a
/// lock that was made here, and there was nobody else; and in all other processes.
pub(super) fn start_over(word: usize, most: u32, lasting: bool) {
    let word = word_of_the_lock(word);
    let was_free = FREE.iter().any(|free| free.load(Ordering::Relaxed) == word);
    let is_own = was_free || !lasting && IS_ALONE.load(Ordering::Relaxed);
    if STARTS.load(Ordering::Relaxed) < most && !is_own {
        leave(START_OVER, word);
    }
}

/// Who wants to write under an `RwLock` of std's waits for a word that counts; the one before it says who has the lock, and that there
/// is somebody who wants to write.
fn word_of_the_lock(word: usize) -> usize {
    const WRITERS_WAITING: u32 = 1 << 31;
    let before = word.wrapping_sub(size_of::<u32>());
    let mut state = [0; 4];
    let is_there = kernel::peek(before, &mut state) == state.len();
    if is_there && u32::from_ne_bytes(state) & WRITERS_WAITING != 0 { before } else { word }
}

/// In a child: says this about a word, and ends it. Comes back in all other processes.
fn leave(wish: u8, word: usize) {
    let Some(line) = line_of_this_process().map(|line| line.swap(0, Ordering::Relaxed) - 1) else { return };
    if line < 0 {
        return;
    }
    mem::forget(kernel::quiet());
    let mut said = [wish; 1 + size_of::<usize>()];
    said[1..].copy_from_slice(&word.to_le_bytes());
    write_all(line, &said);
    // SAFETY: ends the process, and nothing of it is run any more.
    unsafe { bare::call(libc::SYS_exit_group, [0; 4]) };
}

/// Says what there is to say, once. The process was interrupted `at` this instruction, if at any.
fn say(at: usize) {
    // A process that this child forked itself is not the one.
    let line = line_of_this_process().map_or(0, |line| line.swap(0, Ordering::Relaxed)) - 1;
    if line < 0 {
        return;
    }
    // Never watched again: what follows is the end.
    mem::forget(kernel::quiet());
    let Some(last_words) = LAST.get() else { return };
    let mut room = [0; 1024];
    room[0] = LAST_WORDS;
    let mut used = 1;
    last_words(&mut |mut bytes| {
        while !bytes.is_empty() {
            let part = bytes.len().min(room.len() - used);
            room[used..used + part].copy_from_slice(&bytes[..part]);
            used += part;
            bytes = &bytes[part..];
            if used == room.len() {
                write_all(line, &room);
                used = 0;
            }
        }
    });
    write_all(line, &room[..used]);
    let mut stack = [0; 64];
    let depth = kernel::backtrace(&mut stack);
    // All others are return addresses, behind the call that they are of.
    stack.iter_mut().filter(|address| **address == at).for_each(|address| *address += 1);
    let mut bytes = [0; 65 * 8];
    let words = std::iter::once(depth).chain(stack[..depth].iter().copied());
    bytes.chunks_exact_mut(8).zip(words).for_each(|(to, word)| to.copy_from_slice(&(word as u64).to_le_bytes()));
    write_all(line, &bytes[..(depth + 1) * 8]);
}

extern "C" fn at_exit() {
    say(0);
}

extern "C" fn die(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    mem::forget(kernel::quiet());
    say(interrupted_at(context));
    let before = SIGNALS.iter().position(|&known| known == signal).map_or(0, |at| BEFORE[at].load(Ordering::Relaxed));
    if before != libc::SIG_DFL && before != libc::SIG_IGN {
        // std's, which tells of a stack that was used up.
        // SAFETY: it was installed with SA_SIGINFO, so it has this type; it gets what this one got.
        unsafe {
            let before: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = mem::transmute(before);
            before(signal, info, context);
        }
    }
    // The kernel's thread is asked for, not libc's: a borrowed thread has the number of one that sleeps.
    // SAFETY: sets the default action and sends the signal to this thread, where it waits until this returns.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::syscall(libc::SYS_tgkill, libc::getpid(), libc::syscall(libc::SYS_gettid), signal);
    }
}
