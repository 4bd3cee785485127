//! Whether this process runs under valgrind.

/// Valgrind's own client request RUNNING_ON_VALGRIND (valgrind.h): rotations that add up to
/// nothing on a processor, and that valgrind recognises and answers in rdx.
pub(super) fn is_running() -> bool {
    let request: [u64; 6] = [0x1001, 0, 0, 0, 0, 0];
    let answer: u64;
    // SAFETY: four rotations of rdi by 128 bits in all, and an exchange of rbx with itself:
    // nothing changes but the flags. The request is alive while valgrind reads it.
    unsafe {
        std::arch::asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") &raw const request,
            inlateout("rdx") 0u64 => answer,
            inlateout("rdi") 0u64 => _,
            options(nostack),
        );
    }
    answer != 0
}
