//! Where a thread that does not come back is standing, looked at from another thread.
//!
//! Under borrowing the loop's kernel thread runs every thread of the world, so that is the one to
//! look at, and what it finds is the stack of whoever has the turn.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

#[cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
#[path = "linux.rs"]
mod imp;
#[cfg(not(all(target_os = "linux", target_env = "gnu", not(miri))))]
#[path = "unsupported.rs"]
mod imp;

#[cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
pub(super) use imp::interrupted_at;

/// A kernel thread of this process. If the thread has ended, or the handle comes from before a
/// fork, sampling it finds nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ThreadHandle(imp::Thread);

impl ThreadHandle {
    /// Whether the kernel knows it by this number.
    pub fn has_number(self, number: i32) -> bool {
        imp::number(self.0) == Some(number)
    }
}

/// The calling kernel thread: to be asked on the loop.
pub fn this_thread() -> ThreadHandle {
    ThreadHandle(imp::this_thread())
}

/// The process that has a thread that watches. One that was forked from it has not, until it starts its own.
static WATCHED: AtomicU32 = AtomicU32::new(0);

/// The calling thread watches, and ends with its process.
pub fn stays() {
    WATCHED.store(std::process::id(), Ordering::Relaxed);
    #[cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
    super::left_stacks::stays();
}

/// Whether a thread of `process`, which is this one, watches. For signal handlers, too.
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
pub fn is_in(process: u32) -> bool {
    WATCHED.load(Ordering::Relaxed) == process
}

/// Interrupts `thread` and writes where it is, innermost first: the address it was at, then the
/// return addresses of its callers. Returns how many were written.
///
/// 0 if it cannot be done: the thread has ended, is the calling one, does not take the signal
/// within so much real time, or the target is not supported. Calls from several threads wait
/// for one another.
///
/// The sampled thread may be anywhere, in malloc or the loader too: symbolise on the caller's side.
/// A system call it is blocked in may end with EINTR, so this is for threads that are given up on.
pub fn sample_stack(thread: ThreadHandle, patience: Duration, out: &mut [usize]) -> usize {
    imp::sample_stack(thread.0, patience, out)
}

/// The processor time that `thread` has used in its life; `None` if it has ended or the target is not supported. Under
/// borrowing the loop's thread uses that of every thread of its world.
pub fn processor_time(thread: ThreadHandle) -> Option<Duration> {
    imp::processor_time(thread.0)
}

#[cfg(all(test, target_os = "linux", target_env = "gnu", not(miri)))]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;

    const PATIENCE: Duration = Duration::from_secs(1);

    #[inline(never)]
    fn spins_for_long(stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    }

    fn symbol_is_in(addresses: &[usize], function: *const ()) -> bool {
        // Return addresses lie within the function; the ones around it are far smaller than this.
        addresses.iter().any(|a| (function as usize..function as usize + 512).contains(a))
    }

    /// Not there yet: a signal each time would keep it from getting there.
    fn is_on_its_way() -> bool {
        std::thread::sleep(Duration::from_millis(1));
        false
    }

    #[test]
    fn a_spinning_thread_is_found() {
        static STOP: AtomicBool = AtomicBool::new(false);
        let (tell, told) = mpsc::channel();
        let spinner = std::thread::spawn(move || {
            tell.send(this_thread()).unwrap();
            spins_for_long(&STOP);
        });
        let thread = told.recv().unwrap();
        std::thread::yield_now();
        let mut out = [0; 64];
        let found = (0..1000).any(|_| {
            let count = sample_stack(thread, PATIENCE, &mut out);
            assert!(count > 3);
            symbol_is_in(&out[..count], spins_for_long as *const ()) || is_on_its_way()
        });
        assert!(found);
        assert_eq!(sample_stack(thread, PATIENCE, &mut out[..2]), 2);
        assert!(processor_time(thread).unwrap() > Duration::ZERO);
        STOP.store(true, Ordering::Relaxed);
        spinner.join().unwrap();
        assert_eq!(sample_stack(thread, PATIENCE, &mut out), 0);
        assert_eq!(sample_stack(this_thread(), PATIENCE, &mut out), 0);
    }

    /// Is at its own first instruction nearly all the time, which reads `count` bytes; the rest begins it anew.
    #[cfg(target_arch = "x86_64")]
    #[unsafe(naked)]
    extern "C" fn spins_where_it_begins(
        stop: &AtomicBool,
        bytes: *const u8,
        bytes_again: *const u8,
        count: usize,
        count_again: usize,
    ) {
        std::arch::naked_asm!(
            "rep lodsb",
            "mov rsi, rdx",
            "mov rcx, r8",
            "cmp byte ptr [rdi], 0",
            "je {itself}",
            "ret",
            itself = sym spins_where_it_begins,
        )
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn a_thread_is_found_at_the_first_instruction_of_a_function() {
        static STOP: AtomicBool = AtomicBool::new(false);
        let (tell, told) = mpsc::channel();
        let spinner = std::thread::spawn(move || {
            let bytes = vec![0; 1 << 20];
            tell.send(this_thread()).unwrap();
            spins_where_it_begins(&STOP, bytes.as_ptr(), bytes.as_ptr(), bytes.len(), bytes.len());
        });
        let thread = told.recv().unwrap();
        let begin = spins_where_it_begins as *const () as usize;
        let mut out = [0; 64];
        // All are taken to be return addresses: behind the instruction, which belongs to the function then.
        let found = (0..1000).any(|_| {
            let count = sample_stack(thread, PATIENCE, &mut out);
            assert!(!out[..count].contains(&begin), "that would be the end of another function");
            out[..count].contains(&(begin + 1)) || is_on_its_way()
        });
        assert!(found);
        STOP.store(true, Ordering::Relaxed);
        spinner.join().unwrap();
    }

    #[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
    #[test]
    fn a_borrowed_thread_is_found_on_the_loops() {
        use super::super::threads::{Backend, Threads};
        static STOP: AtomicBool = AtomicBool::new(false);
        let threads = Threads::new(None);
        if threads.backend() != Backend::Borrowed {
            return;
        }
        let thread = this_thread();
        let watch = std::thread::spawn(move || {
            let mut out = [0; 64];
            let found = (0..1000).any(|_| {
                let count = sample_stack(thread, PATIENCE, &mut out);
                symbol_is_in(&out[..count], spins_for_long as *const ()) || is_on_its_way()
            });
            STOP.store(true, Ordering::Relaxed);
            found
        });
        threads.start(0, "worker", Box::new(|| spins_for_long(&STOP))).unwrap();
        threads.resume(0);
        assert!(watch.join().unwrap());
    }

    #[test]
    fn a_thread_that_masks_the_signal_times_out() {
        let (tell, told) = mpsc::channel();
        let (stop, stopped) = mpsc::channel::<()>();
        let masked = std::thread::spawn(move || {
            // SAFETY: masks everything on this thread, which ends with the test.
            unsafe {
                let mut all = std::mem::zeroed();
                libc::sigfillset(&mut all);
                libc::pthread_sigmask(libc::SIG_SETMASK, &all, std::ptr::null_mut());
            }
            tell.send(this_thread()).unwrap();
            let _ = stopped.recv();
        });
        assert_eq!(sample_stack(told.recv().unwrap(), PATIENCE, &mut [0; 8]), 0);
        drop(stop);
        masked.join().unwrap();
    }
}
