//! Waiting for a child process without taking its status, so that whoever owns the child still can.

use std::io;
use std::mem::MaybeUninit;

/// Waits until the child process `pid` has ended. Its status stays to be taken.
///
/// # Errors
/// If it is no child of this process, or its status has been taken.
pub fn wait_until_ended(pid: u32) -> io::Result<()> {
    let mut info = MaybeUninit::<libc::siginfo_t>::uninit();
    loop {
        // SAFETY: `info` is a place for a siginfo_t, which waitid writes to and nobody reads.
        let result = unsafe { libc::waitid(libc::P_PID, pid, info.as_mut_ptr(), libc::WEXITED | libc::WNOWAIT) };
        let error = match result {
            0 => return Ok(()),
            _ => io::Error::last_os_error(),
        };
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}
