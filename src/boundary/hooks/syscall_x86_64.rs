//! glibc's `syscall` function, for the sake of two numbers: `getrandom` 0.2 (and so `rand` 0.8) asks the kernel this way
//! and by no symbol of its own; and std and parking_lot wait for words of memory this way, which is answered without a trap
//! (see [`direct`](super::direct)).
//!
//! In assembly, because the C function is variadic: in Rust it could only be defined with a fixed
//! list of arguments, which is another function type than the one its callers are compiled for.

use std::arch::naked_asm;

/// `syscall(2)`: what glibc's does, but that `SYS_getrandom` goes to our [`getrandom`], and `SYS_futex` to [`futex`]. Each
/// of the two finds its arguments where they are: that of the latter are the same seven.
///
/// # Safety
/// As the system call `number` demands of its arguments.
///
/// [`getrandom`]: super::imp::getrandom
/// [`futex`]: super::direct::futex
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn syscall(number: libc::c_long) -> libc::c_long {
    naked_asm!(
        ".cfi_startproc",
        "cmp rdi, {nr_getrandom}",
        "je 2f",
        "cmp rdi, {nr_futex}",
        "je {futex}",
        "mov rax, rdi",
        "mov rdi, rsi",
        "mov rsi, rdx",
        "mov rdx, rcx",
        "mov r10, r8",
        "mov r8, r9",
        // The sixth argument, if there is one; if not, some word of the caller's frame.
        "mov r9, [rsp + 8]",
        "syscall",
        "cmp rax, -4095",
        "jae 3f",
        "ret",
        "2:",
        "mov rdi, rsi",
        "mov rsi, rdx",
        "mov edx, ecx",
        "jmp {getrandom}",
        "3:",
        "neg eax",
        "push rax",
        ".cfi_adjust_cfa_offset 8",
        "call {errno}",
        "pop rcx",
        ".cfi_adjust_cfa_offset -8",
        "mov [rax], ecx",
        "mov rax, -1",
        "ret",
        ".cfi_endproc",
        nr_getrandom = const libc::SYS_getrandom,
        getrandom = sym super::imp::getrandom,
        nr_futex = const libc::SYS_futex,
        futex = sym super::direct::futex,
        errno = sym libc::__errno_location,
    )
}
