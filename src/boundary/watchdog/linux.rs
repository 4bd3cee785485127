//! A directed real-time signal whose handler walks the stack into a static buffer.
//!
//! The handler makes no system call, allocates nothing and takes no lock of ours: it may have
//! interrupted anything.

use crate::boundary::bare;
use std::cell::UnsafeCell;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// The most addresses one sample holds.
const DEPTH: usize = 256;

/// A kernel thread and the process it belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Thread {
    process: libc::pid_t,
    thread: libc::pid_t,
}

/// Nobody wants a sample.
const IDLE: u32 = 0;
/// Somebody has sent a signal; set by the asker, under `ASKING`.
const ASKED: u32 = 1;
/// The handler is writing; only the thread that moved `ASKED` to this touches the buffer.
const WRITING: u32 = 2;
/// The buffer holds a sample; it is the asker's again.
const WRITTEN: u32 = 3;

/// One sample, handed over by its state.
struct Sample {
    state: AtomicU32,
    /// The number of the question, which travels in the signal: a handler that comes late, to a
    /// question given up, does not answer the next one.
    question: AtomicUsize,
    length: AtomicUsize,
    addresses: UnsafeCell<[usize; DEPTH]>,
}

// SAFETY: `addresses` is written in WRITING by the one handler that exchanged ASKED for it, and
// read in WRITTEN by the asker, of whom the mutex allows one; the state's release and acquire
// order the two.
unsafe impl Sync for Sample {}

static SAMPLE: Sample = Sample {
    state: AtomicU32::new(IDLE),
    question: AtomicUsize::new(0),
    length: AtomicUsize::new(0),
    addresses: UnsafeCell::new([0; DEPTH]),
};

/// Held while a sample is asked for and read.
static ASKING: Mutex<()> = Mutex::new(());

pub(super) fn this_thread() -> Thread {
    let id = |number| {
        // SAFETY: both only read what the kernel knows of the caller.
        unsafe { bare::call(number, [0; 4]) as libc::pid_t }
    };
    Thread { process: id(libc::SYS_getpid), thread: id(libc::SYS_gettid) }
}

pub(super) fn number(thread: Thread) -> Option<i32> {
    Some(thread.thread)
}

pub(super) fn processor_time(thread: Thread) -> Option<Duration> {
    /// By which a clock of a thread is told from others: CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED of the kernel.
    const OF_A_THREAD: libc::clockid_t = 6;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a place for a timespec; an unknown clock is answered with EINVAL.
    let result = unsafe { libc::clock_gettime((!thread.thread << 3) | OF_A_THREAD, &mut time) };
    (result == 0).then(|| Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

pub(super) fn sample_stack(thread: Thread, patience: Duration, out: &mut [usize]) -> usize {
    let _asking = ASKING.lock().unwrap_or_else(PoisonError::into_inner);
    let here = this_thread();
    let Some(signal) = signal() else { return 0 };
    if thread == here || thread.process != here.process {
        return 0;
    }
    // A handler of an earlier question that never came to its end: the buffer is still its own.
    if SAMPLE.state.load(Ordering::Acquire) == WRITING {
        return 0;
    }
    let question = SAMPLE.question.load(Ordering::Relaxed).wrapping_add(1);
    SAMPLE.question.store(question, Ordering::Relaxed);
    SAMPLE.state.store(ASKED, Ordering::Release);
    if send(here, thread, signal, question) {
        let start = Instant::now();
        while SAMPLE.state.load(Ordering::Acquire) != WRITTEN && start.elapsed() < patience {
            std::thread::sleep(Duration::from_micros(100));
        }
    }
    if SAMPLE.state.load(Ordering::Acquire) != WRITTEN {
        // Too late for a handler that has not begun. If one has, WRITING stays.
        let _ = SAMPLE.state.compare_exchange(ASKED, IDLE, Ordering::AcqRel, Ordering::Acquire);
        return 0;
    }
    let count = SAMPLE.length.load(Ordering::Relaxed).min(out.len());
    // SAFETY: WRITTEN was seen, so the handler is done with the buffer, and we hold the mutex.
    let addresses = unsafe { &*SAMPLE.addresses.get() };
    out[..count].copy_from_slice(&addresses[..count]);
    SAMPLE.state.store(IDLE, Ordering::Release);
    count
}

/// What the kernel takes for a queued signal: the head of its siginfo_t.
#[repr(C)]
struct Queued {
    signal: c_int,
    errno: c_int,
    code: c_int,
    #[cfg(target_pointer_width = "64")]
    _padding: c_int,
    process: libc::pid_t,
    user: libc::uid_t,
    value: usize,
    _rest: [u64; 13],
}

/// Sends `signal` with `value` in it; false if `thread` has ended, or the queue is full.
fn send(here: Thread, thread: Thread, signal: c_int, value: usize) -> bool {
    // SAFETY: getuid cannot fail.
    let user = unsafe { libc::getuid() };
    let info = Queued {
        signal,
        errno: 0,
        code: libc::SI_QUEUE,
        #[cfg(target_pointer_width = "64")]
        _padding: 0,
        process: here.process,
        user,
        value,
        _rest: [0; 13],
    };
    // SAFETY: the kernel reads a siginfo_t of 128 bytes, no more than `info` has; the signal has
    // our handler.
    let sent =
        unsafe { libc::syscall(libc::SYS_rt_tgsigqueueinfo, thread.process, thread.thread, signal, &raw const info) };
    sent == 0
}

/// The signal in use: from three below the last one down, the first that nobody handles.
fn signal() -> Option<c_int> {
    static SIGNAL: OnceLock<Option<c_int>> = OnceLock::new();
    *SIGNAL.get_or_init(|| {
        // The unwinder sets itself up at its first use: not in a handler.
        // SAFETY: a walk that ends at its first frame.
        unsafe { _Unwind_Backtrace(stop, ptr::null_mut()) };
        let candidates = (libc::SIGRTMIN()..=libc::SIGRTMAX() - 3).rev();
        candidates.into_iter().find(|&signal| install(signal))
    })
}

/// Installs the handler, if the signal is free.
fn install(signal: c_int) -> bool {
    // SAFETY: a sigaction of zeros is a valid one. The first call reads the present action, the
    // second sets one whose handler has the type that SA_SIGINFO says.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(signal, ptr::null(), &mut action) != 0 || action.sa_sigaction != libc::SIG_DFL {
            return false;
        }
        let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = handle;
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
        libc::sigaction(signal, &action, ptr::null_mut()) == 0
    }
}

/// What the walk knows.
struct Walk {
    /// Where the thread was interrupted: frames before that one are the handler's own.
    from: usize,
    seen: bool,
    count: usize,
}

unsafe extern "C" {
    // Of the unwinder that std links (libgcc_s or LLVM's libunwind), by the Itanium C++ ABI.
    fn _Unwind_Backtrace(step: extern "C" fn(*mut c_void, *mut c_void) -> c_int, walk: *mut c_void) -> c_int;
    fn _Unwind_GetIP(frame: *mut c_void) -> usize;
}

extern "C" fn handle(_: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: with SA_SIGINFO the second argument is the siginfo_t that was sent. Whatever kind it
    // is, it has memory where the value would be; a wrong one is no question of ours.
    let question = unsafe { (*info).si_value() }.sival_ptr as usize;
    if SAMPLE.question.load(Ordering::Relaxed) != question {
        return;
    }
    if SAMPLE.state.compare_exchange(ASKED, WRITING, Ordering::AcqRel, Ordering::Relaxed).is_err() {
        return;
    }
    let mut walk = Walk { from: interrupted_at(context), seen: false, count: 0 };
    // SAFETY: `step` and `walk` are what the unwinder calls and passes on. It reads the stack by
    // its unwind tables and changes nothing; it takes no lock that matters since glibc 2.35
    // (_dl_find_object), and before that one that is recursive.
    unsafe { _Unwind_Backtrace(step, (&raw mut walk).cast()) };
    if !walk.seen && walk.from != 0 {
        // The way back past the signal frame was lost; where it was interrupted is known anyhow.
        push(&mut walk, 0);
    }
    SAMPLE.length.store(walk.count, Ordering::Relaxed);
    SAMPLE.state.store(WRITTEN, Ordering::Release);
}

/// Ends a walk at its first frame.
extern "C" fn stop(_: *mut c_void, _: *mut c_void) -> c_int {
    1
}

/// One frame. 0 goes on, anything else ends the walk.
extern "C" fn step(frame: *mut c_void, walk: *mut c_void) -> c_int {
    // SAFETY: the unwinder passes its frame and the pointer `handle` gave it, alive during the walk.
    let (walk, address) = unsafe { (&mut *walk.cast::<Walk>(), _Unwind_GetIP(frame)) };
    walk.seen |= address == walk.from || walk.from == 0;
    if !walk.seen {
        return 0;
    }
    c_int::from(address == 0 || !push(walk, address))
}

/// Adds an address (0: that of the interruption); false if there is no room for more.
fn push(walk: &mut Walk, address: usize) -> bool {
    // All others are return addresses, behind the call that they are of.
    let address = if address == 0 || address == walk.from { walk.from + 1 } else { address };
    // SAFETY: the state is WRITING and this is the handler that made it so. Only the one element
    // is referred to.
    unsafe { *SAMPLE.addresses.get().cast::<usize>().add(walk.count) = address };
    walk.count += 1;
    walk.count < DEPTH
}

/// The instruction at which the signal came, or 0 if the target's layout is not known here.
pub(in super::super) fn interrupted_at(context: *mut c_void) -> usize {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: with SA_SIGINFO the third argument is a ucontext_t.
        let context = unsafe { &*context.cast::<libc::ucontext_t>() };
        context.uc_mcontext.gregs[libc::REG_RIP as usize].cast_unsigned() as usize
    }
    #[cfg(target_arch = "aarch64")]
    {
        // SAFETY: with SA_SIGINFO the third argument is a ucontext_t.
        unsafe { &*context.cast::<libc::ucontext_t>() }.uc_mcontext.pc as usize
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        let _ = context;
        0
    }
}
