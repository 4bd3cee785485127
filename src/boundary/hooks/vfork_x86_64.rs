//! `vfork`, which returns twice to its caller, the first time in a child that uses its stack.
//!
//! In assembly for that reason: what has to be known after the child's return is kept in registers, which both get. By the
//! instruction alone it could not be seen any more what the caller does from there on: a handler's frame would be on that
//! same stack.

use super::super::kernel;
use std::arch::naked_asm;

/// `vfork(2)`: what glibc's does, with system calls unseen until the parent goes on.
///
/// # Safety
/// As the original.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vfork() -> libc::pid_t {
    naked_asm!(
        ".cfi_startproc",
        "sub rsp, 8",
        ".cfi_adjust_cfa_offset 8",
        "call {begins}",
        "add rsp, 8",
        ".cfi_adjust_cfa_offset -8",
        "mov rsi, rax",
        // The child may write over it.
        "pop rdi",
        ".cfi_adjust_cfa_offset -8",
        ".cfi_register rip, rdi",
        "mov eax, {number}",
        "syscall",
        "push rdi",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset rip, 0",
        "test eax, eax",
        "jz 3f",
        // The parent: its calls are seen again if they were.
        "test rsi, rsi",
        "jz 2f",
        "mov byte ptr [rsi], {block}",
        "2:",
        "cmp eax, -4095",
        "jae 4f",
        "3:",
        "ret",
        "4:",
        "neg eax",
        "push rax",
        ".cfi_adjust_cfa_offset 8",
        "call {errno}",
        "pop rcx",
        ".cfi_adjust_cfa_offset -8",
        "mov [rax], ecx",
        "mov eax, -1",
        "ret",
        ".cfi_endproc",
        begins = sym begins,
        number = const libc::SYS_vfork,
        block = const kernel::BLOCK,
        errno = sym libc::__errno_location,
    )
}

/// From here on calls are unseen. The byte that says so, if they were seen before.
extern "C" fn begins() -> *mut u8 {
    kernel::process_starts_unseen()
}
