//! A word that one thread sleeps on until another changes it.
//!
//! Not `thread::park`: that token belongs to the code under test. Not a `Mutex`: on Linux this
//! neither allocates nor touches `errno`.

use std::sync::atomic::{AtomicU32, Ordering};
#[cfg(not(target_os = "linux"))]
use std::sync::{Condvar, Mutex};

/// See the module. Starts at 0.
pub(super) struct Gate {
    word: AtomicU32,
    #[cfg(not(target_os = "linux"))]
    changed: (Mutex<()>, Condvar),
}

impl Gate {
    /// A gate at 0.
    pub(super) fn new() -> Gate {
        Gate {
            word: AtomicU32::new(0),
            #[cfg(not(target_os = "linux"))]
            changed: (Mutex::new(()), Condvar::new()),
        }
    }

    /// The word itself, for a thread that waits for it without a stack.
    #[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
    pub(super) fn word(&self) -> &AtomicU32 {
        &self.word
    }

    /// Changes the word; what this thread wrote before is visible to a waiter that sees it.
    pub(super) fn set(&self, value: u32) {
        #[cfg(target_os = "linux")]
        {
            self.word.store(value, Ordering::Release);
            futex::wake(&self.word);
        }
        #[cfg(not(target_os = "linux"))]
        {
            let guard = self.changed.0.lock().unwrap_or_else(|e| e.into_inner());
            self.word.store(value, Ordering::Release);
            drop(guard);
            self.changed.1.notify_all();
        }
    }

    /// Sleeps until the word satisfies `enough`, and returns it.
    pub(super) fn wait_until(&self, enough: impl Fn(u32) -> bool) -> u32 {
        for _ in 0..SPINS {
            let value = self.word.load(Ordering::Acquire);
            if enough(value) {
                return value;
            }
            std::hint::spin_loop();
        }
        #[cfg(target_os = "linux")]
        loop {
            let value = self.word.load(Ordering::Acquire);
            if enough(value) {
                return value;
            }
            futex::wait(&self.word, value);
        }
        #[cfg(not(target_os = "linux"))]
        {
            let mut guard = self.changed.0.lock().unwrap_or_else(|e| e.into_inner());
            loop {
                let value = self.word.load(Ordering::Acquire);
                if enough(value) {
                    return value;
                }
                guard = self.changed.1.wait(guard).unwrap_or_else(|e| e.into_inner());
            }
        }
    }
}

/// Looks before the first sleep. Few: the other side usually has a whole body to run.
const SPINS: u32 = 32;

/// `futex` without `errno`, which belongs to the code that is suspended here.
#[cfg(target_os = "linux")]
mod futex {
    use std::sync::atomic::AtomicU32;

    /// Sleeps while the word is `value`; may return early.
    pub(super) fn wait(word: &AtomicU32, value: u32) {
        call(word, libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG, value);
    }

    /// Wakes every waiter.
    pub(super) fn wake(word: &AtomicU32) {
        call(word, libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, i32::MAX as u32);
    }

    #[cfg(all(target_arch = "x86_64", not(miri)))]
    fn call(word: &AtomicU32, op: libc::c_int, value: u32) {
        // SAFETY: FUTEX_WAIT without a timeout and FUTEX_WAKE read at most the word, which is
        // alive. The kernel clobbers rax, rcx and r11 only and leaves the stack alone.
        unsafe {
            std::arch::asm!(
                "syscall",
                inlateout("rax") libc::SYS_futex => _,
                in("rdi") word.as_ptr(),
                in("rsi") i64::from(op),
                in("rdx") u64::from(value),
                in("r10") 0u64,
                out("rcx") _,
                out("r11") _,
                options(nostack),
            );
        }
    }

    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    fn call(word: &AtomicU32, op: libc::c_int, value: u32) {
        // SAFETY: as above; `__errno_location` is this thread's own errno, always valid.
        unsafe {
            let errno = libc::__errno_location();
            let before = *errno;
            let none = std::ptr::null::<libc::timespec>();
            libc::syscall(libc::SYS_futex, word.as_ptr(), op, value, none);
            *errno = before;
        }
    }
}
