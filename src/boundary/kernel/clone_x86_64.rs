//! A call that returns twice, the second time in a child with the same memory and a stack of its own.
//!
//! The child is to go on where its caller's instruction stands, and not in the handler's frame, which is its parent's. So
//! the instruction is made here with the caller's registers, and the child goes from here to where those belong; the parent
//! comes back, and the handler ends as for any other call.

use std::arch::naked_asm;

/// Carries such a call out, and gives what the parent gets.
///
/// # Safety
/// The call is a clone whose child has a stack of its own, and the word below that stack's beginning says where the child is
/// to go. `registers` are those that its caller had, arguments and all.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn clone_as(number: i64, registers: *const libc::greg_t) -> i64 {
    naked_asm!(
        ".cfi_startproc",
        "push rbx",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset rbx, 0",
        "push rbp",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset rbp, 0",
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
        "mov rax, rdi",
        // All that the child has of its caller; the instruction itself writes rcx and r11.
        "mov r8, [rsi + 8 * {r8}]",
        "mov r9, [rsi + 8 * {r9}]",
        "mov r10, [rsi + 8 * {r10}]",
        "mov r12, [rsi + 8 * {r12}]",
        "mov r13, [rsi + 8 * {r13}]",
        "mov r14, [rsi + 8 * {r14}]",
        "mov r15, [rsi + 8 * {r15}]",
        "mov rdi, [rsi + 8 * {rdi}]",
        "mov rbp, [rsi + 8 * {rbp}]",
        "mov rbx, [rsi + 8 * {rbx}]",
        "mov rdx, [rsi + 8 * {rdx}]",
        "mov rsi, [rsi + 8 * {rsi}]",
        "syscall",
        "test rax, rax",
        "jz 2f",
        "pop r15",
        ".cfi_adjust_cfa_offset -8",
        "pop r14",
        ".cfi_adjust_cfa_offset -8",
        "pop r13",
        ".cfi_adjust_cfa_offset -8",
        "pop r12",
        ".cfi_adjust_cfa_offset -8",
        "pop rbp",
        ".cfi_adjust_cfa_offset -8",
        "pop rbx",
        ".cfi_adjust_cfa_offset -8",
        "ret",
        "2:",
        "jmp qword ptr [rsp - 8]",
        ".cfi_endproc",
        r8 = const libc::REG_R8,
        r9 = const libc::REG_R9,
        r10 = const libc::REG_R10,
        r12 = const libc::REG_R12,
        r13 = const libc::REG_R13,
        r14 = const libc::REG_R14,
        r15 = const libc::REG_R15,
        rdi = const libc::REG_RDI,
        rbp = const libc::REG_RBP,
        rbx = const libc::REG_RBX,
        rdx = const libc::REG_RDX,
        rsi = const libc::REG_RSI,
    )
}
