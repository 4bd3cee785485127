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

/// The kernel's word for a signal that it sends for a reason of its own.
const SI_KERNEL: c_int = 0x80;

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
    let (address, code, sp) = unsafe {
        let registers = &(*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs;
        ((*info).si_addr() as usize, (*info).si_code, registers[libc::REG_RSP as usize] as usize)
    };
    // Those that std does not know of.
    let whose = if segment::is_overflown(address, sp) {
        Some("\nthe loop has overflowed its stack\n")
    } else if code == SI_KERNEL && !has_room_for_a_frame(sp) {
        Some("\na thread of the run has overflowed its stack\n")
    } else {
        None
    };
    if whose.is_some() || address.abs_diff(sp) < NEAR {
        tell(whose.unwrap_or_default());
    }
    if whose.is_some() {
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

/// Whether there is memory below this stack pointer for what the kernel lays there when a signal comes.
///
/// A thread with little left whose system call is to be seen has no overflow of its own: it is the kernel that finds no
/// room for the frame of SIGSYS (more than 11 KiB where a processor has tiles), and sends SIGSEGV without an address.
fn has_room_for_a_frame(sp: usize) -> bool {
    /// What x86-64 keeps free below a stack pointer.
    const RED_ZONE: usize = 128;
    const PAGE: usize = 4096;
    /// Of `rt_sigprocmask`: no such thing, so that nothing is changed.
    const NO_WAY: c_int = -1;
    // SAFETY: reads what the kernel told this process at its start; errno's place is this thread's.
    let (frame, errno) = unsafe { (libc::getauxval(libc::AT_MINSIGSTKSZ) as usize, libc::__errno_location()) };
    // SAFETY: the same place, which `syscall` writes to, and which whatever was interrupted may still read.
    let before = unsafe { *errno };
    let lowest = sp.saturating_sub(RED_ZONE + frame.max(PAGE)) & !(PAGE - 1);
    let has_room = (lowest..sp).step_by(PAGE).all(|page| {
        // SAFETY: the kernel reads eight bytes of a page if they are there, and says EFAULT if they are not; it then refuses
        // to do anything with them.
        unsafe {
            libc::syscall(libc::SYS_rt_sigprocmask, NO_WAY, page, 0usize, 8usize);
            *errno != libc::EFAULT
        }
    });
    // SAFETY: as above.
    unsafe { *errno = before };
    has_room
}

/// Says what is known of the run, and `besides`.
fn tell(besides: &str) {
    let teller = TELLER.load(Ordering::Relaxed);
    if teller == 0 || TAKEN.swap(true, Ordering::AcqRel) {
        return;
    }
    // SAFETY: this thread is the first, and the only one.
    let text = unsafe { &mut *PAGE.0.get() };
    // SAFETY: if not 0, it was stored by `watch`, which takes nothing but a Teller.
    let teller = unsafe { mem::transmute::<usize, Teller>(teller) };
    teller(text);
    let _ = text.write_str(besides);
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
