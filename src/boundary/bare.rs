//! System calls without libc's functions, for a process that has just been forked: each page of code that it is the first
//! to go to costs it as much as a dozen calls.

use std::ffi::c_long;

/// Calls the kernel: a negative number if it refuses.
///
/// # Safety
/// As of the call that is asked for.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub unsafe fn call(number: c_long, args: [usize; 4]) -> isize {
    let result: isize;
    // SAFETY: the call is the caller's to argue for; the kernel keeps all registers but these.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") number as isize => result,
            in("rdi") args[0],
            in("rsi") args[1],
            in("rdx") args[2],
            in("r10") args[3],
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack)
        );
    }
    result
}

/// Calls the kernel: a negative number if it refuses.
///
/// # Safety
/// As of the call that is asked for.
#[cfg(not(target_arch = "x86_64"))]
pub unsafe fn call(number: c_long, args: [usize; 4]) -> isize {
    // SAFETY: the call is the caller's to argue for.
    unsafe { libc::syscall(number, args[0], args[1], args[2], args[3]) as isize }
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_the_same_call() {
        // SAFETY: neither touches memory; no descriptor has that number.
        unsafe {
            assert_eq!(super::call(libc::SYS_getpid, [0; 4]) as u32, std::process::id());
            assert!(super::call(libc::SYS_close, [usize::MAX; 4]) < 0);
        }
    }
}
