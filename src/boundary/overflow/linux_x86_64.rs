//! The handler of SIGSEGV, for x86-64 Linux.

use super::super::{kernel, segment};
use super::Teller;
use std::cell::UnsafeCell;
use std::ffi::{c_int, c_void};
use std::fmt::{self, Write};
use std::mem::{self, MaybeUninit};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, Once, PoisonError};

/// How far from the stack pointer an overflow touches memory: frames are probed page by page, and signal frames have some
/// KiB.
const NEAR: usize = 64 << 10;

/// A [`Teller`], or 0.
static TELLER: AtomicUsize = AtomicUsize::new(0);

/// The action that was there before.
struct Former(UnsafeCell<MaybeUninit<libc::sigaction>>);

// SAFETY: written once, before the handler that reads it is installed.
unsafe impl Sync for Former {}

static FORMER: Former = Former(UnsafeCell::new(MaybeUninit::zeroed()));

pub(super) fn watch(teller: Teller) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if kernel::why_off().is_some() {
            return;
        }
        TELLER.store(teller as usize, Ordering::Relaxed);
        // SAFETY: a sigaction of zeros is a valid one, and the handler has the type that SA_SIGINFO says. Nobody reads
        // FORMER before the second call has installed that handler.
        unsafe {
            if libc::sigaction(libc::SIGSEGV, ptr::null(), FORMER.0.get().cast()) != 0 {
                return;
            }
            let mut action: libc::sigaction = mem::zeroed();
            let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = handle;
            action.sa_sigaction = handler as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigaction(libc::SIGSEGV, &action, ptr::null_mut());
        }
    });
}

extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let quiet = kernel::quiet();
    // SAFETY: with SA_SIGINFO these are the siginfo_t and the ucontext_t of the fault.
    let (address, code, sp, ip) = unsafe {
        let registers = &(*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs;
        let register = |which: c_int| registers[which as usize] as usize;
        ((*info).si_addr() as usize, (*info).si_code, register(libc::REG_RSP), register(libc::REG_RIP))
    };
    let is_segments = segment::is_overflown(address, sp);
    let is_frames = code == SI_KERNEL && is_behind_a_call(ip);
    if is_segments || is_frames || address.abs_diff(sp) < NEAR {
        tell(match (is_segments, is_frames) {
            (true, _) => Some("the loop"),
            (_, true) => Some("a thread of the run"),
            // Whose handler comes next says so itself.
            _ => None,
        });
    }
    if is_segments || is_frames {
        // SAFETY: ends the process, as std does after such a message.
        unsafe { libc::abort() };
    }
    // SAFETY: FORMER was filled before this handler was installed.
    let former = unsafe { (*FORMER.0.get()).assume_init_ref() };
    match former.sa_sigaction {
        libc::SIG_DFL | libc::SIG_IGN => {
            // SAFETY: from here on as without us: what faulted does so again.
            unsafe { libc::sigaction(signal, former, ptr::null_mut()) };
        }
        handler if former.sa_flags & libc::SA_SIGINFO != 0 => {
            type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);
            // SAFETY: a handler that was installed with SA_SIGINFO has this type, and gets what this one got.
            let handler = unsafe { mem::transmute::<usize, Handler>(handler) };
            handler(signal, info, context);
        }
        handler => {
            // SAFETY: one that was installed without it has this type.
            let handler = unsafe { mem::transmute::<usize, extern "C" fn(c_int)>(handler) };
            handler(signal);
        }
    }
    drop(quiet);
}

/// `SI_KERNEL` of Linux: the kernel's own doing, no access to memory.
const SI_KERNEL: c_int = 0x80;

/// Whether the instruction before `ip` is a system call. Together with SI_KERNEL: the signal that was to answer that call
/// found no room on the stack.
fn is_behind_a_call(ip: usize) -> bool {
    const SYSCALL: [u8; 2] = [0x0f, 0x05];
    let mut bytes = [0; 2];
    kernel::peek(ip.wrapping_sub(2), &mut bytes) == 2 && bytes == SYSCALL
}

/// A text in memory that was there before.
struct Text {
    bytes: [u8; 2048],
    length: usize,
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let count = text.len().min(self.bytes.len() - self.length);
        self.bytes[self.length..self.length + count].copy_from_slice(&text.as_bytes()[..count]);
        self.length += count;
        Ok(())
    }
}

/// Where the text is written, by whoever is first.
struct Page(UnsafeCell<Text>);

// SAFETY: TAKEN lets one thread at it, once.
unsafe impl Sync for Page {}

static PAGE: Page = Page(UnsafeCell::new(Text { bytes: [0; 2048], length: 0 }));
static TAKEN: AtomicBool = AtomicBool::new(false);

/// `whose` stack it is, where nobody else will say that it overflowed.
fn tell(whose: Option<&str>) {
    let teller = TELLER.load(Ordering::Relaxed);
    if teller == 0 || TAKEN.swap(true, Ordering::AcqRel) {
        return;
    }
    // SAFETY: this thread is the first, and the only one.
    let text = unsafe { &mut *PAGE.0.get() };
    // SAFETY: if not 0, it was stored by `watch`, which takes nothing but a Teller.
    let teller = unsafe { mem::transmute::<usize, Teller>(teller) };
    teller(text);
    if let Some(whose) = whose {
        let _ = writeln!(text, "\n{whose} has overflowed its stack");
    }
    // SAFETY: initialised bytes. What cannot be written is lost.
    unsafe { libc::syscall(libc::SYS_write, 2, text.bytes.as_ptr(), text.length) };
}

/// Room for the handler, and for the one that was there before.
const SIZE: usize = 64 << 10;

/// Room that nobody uses.
static SPARE: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// The room given, and what the kernel thread had before.
pub(super) struct Kept {
    room: usize,
    before: libc::stack_t,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.room)
    }
}

pub(super) fn make_room() -> Kept {
    // SAFETY: zeros are a valid value of a pointer, a number and a size.
    let mut kept = Kept { room: 0, before: unsafe { mem::zeroed() } };
    let spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let room = spare.unwrap_or_else(|| Box::leak(Box::new([0u8; SIZE])).as_mut_ptr() as usize);
    let stack = libc::stack_t { ss_sp: room as *mut c_void, ss_flags: 0, ss_size: SIZE };
    // SAFETY: memory that is there for ever and in nobody else's use, and a place for what there was.
    if unsafe { libc::sigaltstack(&stack, &mut kept.before) } == 0 {
        kept.room = room;
    }
    kept
}

pub(super) fn give_room_back(kept: &Kept) {
    if kept.room != 0 {
        // SAFETY: what this kernel thread had before, which is still its own: std frees it when the thread ends.
        unsafe { libc::sigaltstack(&kept.before, ptr::null_mut()) };
        SPARE.lock().unwrap_or_else(PoisonError::into_inner).push(kept.room);
    }
}
