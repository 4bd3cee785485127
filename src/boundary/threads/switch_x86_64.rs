//! The switch itself, for x86-64 System V with FSGSBASE.
//!
//! Saved across it: what the ABI says a callee keeps (rbx, rbp, r12 to r15, the stack pointer,
//! the control bits of mxcsr and the x87 control word). Everything else is the caller's to save,
//! and the compiler does, as around any call.

use std::arch::{asm, naked_asm};

/// Where a stopped stack stands.
#[repr(C)]
#[derive(Default, Clone, Copy)]
pub(super) struct Context {
    /// Its stack pointer, at the frame that `switch` or `park` left.
    sp: usize,
    /// Its FS base.
    pub(super) fs: usize,
}

/// Gate values: the kernel thread sleeps and the stack is the loop's to run.
pub(super) const PARKED: u32 = 1;
/// The kernel thread is to go on from where its stack was stopped last.
pub(super) const LEAVE: u32 = 2;
/// The kernel thread is to exit at once; its stack stays.
pub(super) const VANISH: u32 = 3;

/// The FS base of the calling kernel thread.
///
/// # Safety
/// FSGSBASE must be allowed (AT_HWCAP2 bit 1).
#[inline(always)]
pub(super) unsafe fn fs_base() -> usize {
    let base;
    // SAFETY: allowed, says the caller; it only reads a register.
    unsafe { asm!("rdfsbase {}", out(reg) base, options(nomem, nostack, preserves_flags)) };
    base
}

/// Stops here, leaving the place in `from`, and goes on from `to`. Returns when somebody switches
/// to `from`. `to_its_like` says that `to` was stopped by the same call, as `from` is now: the processor then predicts where a
/// return goes to, and the returns behind it, if both were called from the same place.
///
/// The frame has the same shape on both stacks, so its CFI holds before and after the exchange and
/// a sampling unwinder finds its way at any instruction.
///
/// # Safety
/// `from` is writable. `to` was filled by `switch` or `park`, its stack is alive, nobody runs on
/// it, and it was not switched to since. `to.fs` is the FS base that belongs to that stack.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn switch(from: *mut Context, to: *const Context, to_its_like: bool) {
    naked_asm!(
        ".cfi_startproc",
        "push rbp",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset rbp, 0",
        "push rbx",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset rbx, 0",
        "push r12",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset r12, 0",
        "push r13",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset r13, 0",
        "push r14",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset r14, 0",
        "push r15",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset r15, 0",
        "sub rsp, 8",
        ".cfi_adjust_cfa_offset 8",
        "stmxcsr dword ptr [rsp]",
        "fnstcw word ptr [rsp + 4]",
        "mov r8d, edx",
        "mov eax, [rsp]",
        "movzx ecx, word ptr [rsp + 4]",
        "mov [rdi], rsp",
        "mov rdx, [rsi + 8]",
        "mov rsp, [rsi]",
        "wrfsbase rdx",
        // To load these is dear, and they are hardly ever others.
        "cmp eax, [rsp]",
        "jne 2f",
        "cmp cx, [rsp + 4]",
        "je 3f",
        "2:",
        "ldmxcsr dword ptr [rsp]",
        "fldcw word ptr [rsp + 4]",
        "3:",
        "add rsp, 8",
        ".cfi_adjust_cfa_offset -8",
        "pop r15",
        ".cfi_adjust_cfa_offset -8",
        ".cfi_restore r15",
        "pop r14",
        ".cfi_adjust_cfa_offset -8",
        ".cfi_restore r14",
        "pop r13",
        ".cfi_adjust_cfa_offset -8",
        ".cfi_restore r13",
        "pop r12",
        ".cfi_adjust_cfa_offset -8",
        ".cfi_restore r12",
        "pop rbx",
        ".cfi_adjust_cfa_offset -8",
        ".cfi_restore rbx",
        "pop rbp",
        ".cfi_adjust_cfa_offset -8",
        ".cfi_restore rbp",
        "test r8b, r8b",
        "jz 4f",
        "ret",
        // Not `ret`: the processor would predict a return to where this was called from.
        "4:",
        "pop rcx",
        ".cfi_adjust_cfa_offset -8",
        ".cfi_register rip, rcx",
        "jmp rcx",
        ".cfi_endproc",
    )
}

/// Leaves the place where the calling thread stands in `own`, FS base included, says PARKED in
/// `gate`, and puts the kernel thread to sleep on the stack that ends at `berth`, until the gate
/// says LEAVE or VANISH. Returns as often as somebody goes on from `own`: first by `switch`, in
/// the end perhaps by this kernel thread.
///
/// The wait itself is written out here because from the moment of PARKED on, this kernel thread
/// may not touch its own stack: another one runs there.
///
/// # Safety
/// `own` and `gate` outlive the kernel thread; `berth` is 16-byte aligned, with enough room below
/// it for a signal handler, for as long. After LEAVE `own` must hold where its stack was stopped
/// last, with nobody running on it, then or later. FSGSBASE must be allowed.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn park(own: *mut Context, gate: *mut u32, berth: *mut u8) {
    naked_asm!(
        ".cfi_startproc",
        "push rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "sub rsp, 8",
        ".cfi_adjust_cfa_offset 56",
        "stmxcsr dword ptr [rsp]",
        "fnstcw word ptr [rsp + 4]",
        "mov [rdi], rsp",
        "rdfsbase rax",
        "mov [rdi + 8], rax",
        "mov r12, rdi",
        "mov r13, rsi",
        "mov rsp, rdx",
        // This is no place to unwind from: the frames above belong to somebody else by now.
        ".cfi_remember_state",
        ".cfi_undefined rip",
        "mov dword ptr [r13], {parked}", // x86 stores are releases
        "mov eax, {futex}",
        "mov rdi, r13",
        "mov esi, {wake}",
        "mov edx, 0x7fffffff",
        "syscall",
        "2:",
        "mov eax, [r13]", // and loads acquires
        "cmp eax, {leave}",
        "je 3f",
        "cmp eax, {vanish}",
        "je 4f",
        "mov edx, eax",
        "mov eax, {futex}",
        "mov rdi, r13",
        "mov esi, {wait}",
        "xor r10d, r10d",
        "syscall",
        "jmp 2b",
        "4:",
        "mov eax, {exit}",
        "xor edi, edi",
        "syscall",
        "ud2",
        "3:",
        "mov rsp, [r12]",
        ".cfi_restore_state",
        "ldmxcsr dword ptr [rsp]",
        "fldcw word ptr [rsp + 4]",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        ".cfi_adjust_cfa_offset -56",
        "ret",
        ".cfi_endproc",
        parked = const PARKED,
        leave = const LEAVE,
        vanish = const VANISH,
        futex = const libc::SYS_futex,
        exit = const libc::SYS_exit,
        wake = const libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
        wait = const libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
    )
}
