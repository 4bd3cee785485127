//! FIFOs: opening one end waits until somebody opens the other.

use super::arch::raw;
use super::call::Call;
use super::opened::opened;
use super::waits::is_ready;
use std::mem;

/// Whether a call opens a FIFO and would wait for somebody at the other end; if so, whether it is to be written to.
pub fn opens_fifo(call: &Call) -> Option<bool> {
    let (folder, path, flags) = open(call)?;
    if flags & i64::from(libc::O_NONBLOCK | libc::O_PATH | libc::O_DIRECTORY) != 0 {
        return None;
    }
    let writes = match flags as i32 & libc::O_ACCMODE {
        libc::O_RDONLY => false,
        libc::O_WRONLY => true,
        // It is its own other end.
        _ => return None,
    };
    let follow = if flags & i64::from(libc::O_NOFOLLOW) != 0 { libc::AT_SYMLINK_NOFOLLOW } else { 0 };
    let mut stat = mem::MaybeUninit::<libc::stat>::zeroed();
    if raw(libc::SYS_newfstatat, [folder, path, stat.as_mut_ptr() as i64, follow.into(), 0, 0]) != 0 {
        return None;
    }
    // SAFETY: zeroed, which is a valid value of integers, and filled by the kernel.
    let stat = unsafe { stat.assume_init() };
    (stat.st_mode & libc::S_IFMT == libc::S_IFIFO).then_some(writes)
}

/// The folder, the path and the flags of a call that opens.
fn open(call: &Call) -> Option<(i64, i64, i64)> {
    let [a, b, c, ..] = call.args;
    let here = i64::from(libc::AT_FDCWD);
    match call.number {
        libc::SYS_open => Some((here, a, b)),
        libc::SYS_creat => Some((here, a, i64::from(libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC))),
        libc::SYS_openat => Some((a, b, c)),
        _ => None,
    }
}

/// Carries out a call that opens a FIFO, without waiting for the other end: a descriptor with `O_NONBLOCK`, or an error.
/// `None`: it is to be written to, and nobody reads it so far.
pub fn open_fifo(call: &Call) -> Option<i64> {
    let (folder, path, flags) = open(call)?;
    let mode = if call.number == libc::SYS_openat { call.args[3] } else { call.args[2] };
    let open = || raw(libc::SYS_openat, [folder, path, flags | i64::from(libc::O_NONBLOCK), mode, 0, 0]);
    let result = opened(open);
    (result != -i64::from(libc::ENXIO)).then_some(result)
}

/// Whether somebody has opened the other end of a FIFO that has been opened for reading.
pub fn has_writer(fd: i32) -> bool {
    // There is something to read, or somebody has been there.
    if is_ready(fd, false) {
        return true;
    }
    // A copy of a pipe's content, which takes nothing: where there is none it says whether there may be more.
    let mut pipe = [-1i32; 2];
    if raw(libc::SYS_pipe2, [pipe.as_mut_ptr() as i64, libc::O_CLOEXEC.into(), 0, 0, 0, 0]) != 0 {
        return false;
    }
    let copied = raw(libc::SYS_tee, [fd.into(), pipe[1].into(), 1, libc::SPLICE_F_NONBLOCK.into(), 0, 0]);
    pipe.into_iter().for_each(|end| _ = raw(libc::SYS_close, [end.into(), 0, 0, 0, 0, 0]));
    copied != 0
}

/// Takes `O_NONBLOCK` from a descriptor.
pub fn have_wait(fd: i32) {
    let flags = raw(libc::SYS_fcntl, [fd.into(), libc::F_GETFL.into(), 0, 0, 0, 0]);
    if flags >= 0 {
        let flags = flags & !i64::from(libc::O_NONBLOCK);
        raw(libc::SYS_fcntl, [fd.into(), libc::F_SETFL.into(), flags, 0, 0, 0]);
    }
}
