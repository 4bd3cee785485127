//! Segments as x86-64 Linux has them: memory with a guard below it, and two places to stand.

use super::super::kernel;
use std::arch::naked_asm;
use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::sync::{Mutex, PoisonError};

/// How much stack a segment has: what a program's main thread has. Only what is used takes memory.
const SIZE: usize = 8 << 20;
/// Below it, where nothing may be touched: more than a frame that is not probed.
const GUARD: usize = 64 << 10;

/// The lowest address of a segment's memory; 0 for none.
type Base = usize;

thread_local! {
    /// The segment that this thread enters next, if it is one that may.
    static OWN: Cell<Option<Base>> = const { Cell::new(None) };
    /// Where this thread stands below the segment that it is on; 0 if it is on none.
    static BELOW: Cell<usize> = const { Cell::new(0) };
    /// Whether this thread has left a segment behind.
    static HAS_LEFT: Cell<bool> = const { Cell::new(false) };
}

/// Segments that nobody is on. There are never more than threads at a time.
static SPARE: Mutex<Vec<Base>> = Mutex::new(Vec::new());

fn take() -> Base {
    let spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner).pop();
    spare.unwrap_or_else(map)
}

/// New memory; 0 if there is none to be had.
fn map() -> Base {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK;
    // SAFETY: new memory wherever there is room. The guard is a part of what was just mapped, and of nobody's.
    unsafe {
        let base = libc::mmap(ptr::null_mut(), GUARD + SIZE, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        if base == libc::MAP_FAILED {
            return 0;
        }
        libc::mprotect(base, GUARD, libc::PROT_NONE);
        base as usize
    }
}

pub(super) fn thread_begins() {
    OWN.set(Some(0));
}

/// Whether the thread has left a segment behind, and must not end as others do.
pub(super) fn thread_ends() -> bool {
    if let Some(base) = OWN.take().filter(|&base| base != 0) {
        SPARE.lock().unwrap_or_else(PoisonError::into_inner).push(base);
    }
    HAS_LEFT.get()
}

pub(super) fn is_overflown(address: usize, sp: usize) -> bool {
    /// More than a signal frame, which the kernel lays without a fault at any address if there is no room for it.
    const FRAME: usize = 16 << 10;
    let Some(base) = OWN.get().filter(|_| BELOW.get() != 0) else { return false };
    (base..base + GUARD).contains(&address) || (base..base + GUARD + FRAME).contains(&sp)
}

pub(super) fn can_enter() -> bool {
    let Some(base) = OWN.get() else { return false };
    if BELOW.get() != 0 || ptr::eq(kernel::selector(), &kernel::UNUSED) {
        return false;
    }
    if base == 0 {
        OWN.set(Some(take()));
    }
    OWN.get() != Some(0)
}

/// What is called on a segment, and what became of it.
struct Errand<F, R> {
    f: Option<F>,
    result: Option<R>,
}

/// Runs `f` on the segment of this thread; `None` if it was left. `f` must not unwind.
pub(super) fn enter<R, F: FnOnce() -> R>(f: F) -> Option<R> {
    extern "C" fn begin<F: FnOnce() -> R, R>(errand: *mut c_void) {
        // SAFETY: `enter` passes its errand, which is there until `go` returns: that is, as long as anything runs here.
        let errand = unsafe { &mut *errand.cast::<Errand<F, R>>() };
        errand.result = errand.f.take().map(|f| f());
    }
    let Some(base) = OWN.get() else { return Some(f()) };
    let mut errand = Errand { f: Some(f), result: None };
    let top = (base + GUARD + SIZE) as *mut u8;
    // SAFETY: `can_enter` has found a segment, on which nobody stands: BELOW is 0, and one that was left is no longer OWN.
    // Its top is the aligned end of its memory. BELOW is this thread's own, and `begin` takes an errand of these types.
    unsafe { go(BELOW.with(Cell::as_ptr), top, begin::<F, R>, (&raw mut errand).cast()) };
    BELOW.set(0);
    errand.result
}

pub(super) fn leave() {
    let below = BELOW.get();
    if below == 0 {
        return;
    }
    // Nobody is to use it again.
    OWN.set(Some(0));
    HAS_LEFT.set(true);
    // SAFETY: `go` has left where it stands in BELOW, and has not returned since, for then it would be 0. All that stands
    // above it is left for good, see the room's head.
    unsafe { come_back(below) }
}

/// Ends this kernel thread, and nothing else: its stack and its thread-locals stay.
pub(super) fn vanish() {
    // SAFETY: the bare call, which takes the kernel thread and nothing that libc knows of. Nobody joins it, says the caller.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
}

/// Calls `f` with `data` on the stack that ends at `top`, having left in `below` where it stands. Returns when `f` does, or
/// when [`come_back`] is called with what is in `below`.
///
/// The frame is told by rbp, which `f` keeps, so that unwinders and debuggers find their way down from the segment.
///
/// # Safety
/// `below` is writable; `top` is the 16-byte aligned end of a stack that nobody else uses; `f` takes `data`, and does not
/// unwind.
#[unsafe(naked)]
unsafe extern "C" fn go(below: *mut usize, top: *mut u8, f: extern "C" fn(*mut c_void), data: *mut c_void) {
    naked_asm!(
        ".cfi_startproc",
        "push rbp",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset rbp, 0",
        "mov rbp, rsp",
        ".cfi_def_cfa_register rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        ".cfi_offset rbx, -24",
        ".cfi_offset r12, -32",
        ".cfi_offset r13, -40",
        ".cfi_offset r14, -48",
        ".cfi_offset r15, -56",
        "sub rsp, 8",
        "stmxcsr dword ptr [rsp]",
        "fnstcw word ptr [rsp + 4]",
        "mov [rdi], rsp",
        "mov rsp, rsi",
        "mov rdi, rcx",
        "call rdx",
        "lea rsp, [rbp - 48]",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        ".cfi_def_cfa rsp, 8",
        ".cfi_same_value rbp",
        "ret",
        ".cfi_endproc",
    )
}

/// Goes on where [`go`] was called that has left `below`.
///
/// # Safety
/// That call has not returned, and nothing on its segment will run again.
#[unsafe(naked)]
unsafe extern "C" fn come_back(below: usize) -> ! {
    naked_asm!(
        "mov rsp, rdi",
        "ldmxcsr dword ptr [rsp]",
        "fldcw word ptr [rsp + 4]",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}
