//! For how long blocking calls wait for a socket: an option of it (`SO_RCVTIMEO`, `SO_SNDTIMEO`), and no argument of theirs.
//!
//! The kernel counts by ticks of its own, so that what it tells is rounded up, on one machine to more than on another. So what
//! was asked for is kept, and holds as long as the kernel's own is that, rounded.

use super::Call;
use super::arch::raw;
use super::memory::peek;
use std::mem;
use std::ptr;

/// The timeout of a socket, for calls that read or for those that write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketTimeout {
    /// The socket's number, which all of its descriptors share.
    socket: u64,
    to_write: bool,
    nanos: u64,
}

impl SocketTimeout {
    /// The one that this call sets, for a socket that has `fd`.
    pub fn set_by(call: &Call, fd: i32) -> Option<SocketTimeout> {
        let [_, level, name, place, length, _] = call.args;
        let to_write = [false, true].into_iter().find(|&to_write| i64::from(option(to_write)) == name)?;
        let is_set = call.number == libc::SYS_setsockopt && level == i64::from(libc::SOL_SOCKET);
        let mut time = [[0; 8]; 2];
        if !is_set || length < 16 || peek(place as usize, time.as_flattened_mut()) != 16 {
            return None;
        }
        let [seconds, micros] = time.map(i64::from_ne_bytes);
        Some(SocketTimeout { socket: number_of(fd), to_write, nanos: nanos(seconds, micros) })
    }

    /// What holds for the socket that has `fd`, in nanoseconds, if these were `set`: `None` if calls wait for ever.
    pub fn of(fd: i32, to_write: bool, set: &[SocketTimeout]) -> Option<u64> {
        /// The longest tick of any kernel.
        const TICK: u64 = 10_000_000;
        let mut time = libc::timeval { tv_sec: 0, tv_usec: 0 };
        let mut length = size_of_val(&time) as u32;
        let (place, size) = (ptr::from_mut(&mut time) as i64, ptr::from_mut(&mut length) as i64);
        let (level, name) = (libc::SOL_SOCKET.into(), option(to_write).into());
        let result = raw(libc::SYS_getsockopt, [fd.into(), level, name, place, size, 0]);
        let told = nanos(time.tv_sec, time.tv_usec);
        if result != 0 || told == 0 {
            return None;
        }
        let socket = number_of(fd);
        // Unless somebody has set another since whose call was not seen.
        let is_it = |set: &&SocketTimeout| {
            let over = told.checked_sub(set.nanos);
            (set.socket, set.to_write) == (socket, to_write) && over.is_some_and(|over| over < TICK)
        };
        Some(set.iter().find(is_it).map_or(told, |set| set.nanos))
    }

    /// Whether this takes the place of `other`.
    pub fn replaces(&self, other: &SocketTimeout) -> bool {
        (self.socket, self.to_write) == (other.socket, other.to_write)
    }
}

fn option(to_write: bool) -> i32 {
    if to_write { libc::SO_SNDTIMEO } else { libc::SO_RCVTIMEO }
}

/// Of less than nothing, nothing.
fn nanos(seconds: i64, micros: i64) -> u64 {
    let [seconds, micros] = [seconds, micros].map(|part| part.max(0) as u64);
    seconds.saturating_mul(1_000_000_000).saturating_add(micros.saturating_mul(1000))
}

/// The number of a socket; 0 if it is none.
fn number_of(fd: i32) -> u64 {
    let mut about = mem::MaybeUninit::<libc::stat>::zeroed();
    raw(libc::SYS_fstat, [fd.into(), about.as_mut_ptr() as i64, 0, 0, 0, 0]);
    // SAFETY: zeroed, which is a valid value of integers, and filled by the kernel if there is anything to tell.
    unsafe { about.assume_init() }.st_ino
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::os::fd::AsRawFd;
    use std::time::Duration;

    /// What a call of `setsockopt` sets that asks for so much; the call itself is not made.
    fn asked(socket: &UdpSocket, name: i32, seconds: i64, micros: i64) -> Option<SocketTimeout> {
        let time = [seconds, micros];
        let (fd, place) = (socket.as_raw_fd(), ptr::from_ref(&time) as i64);
        let args = [fd.into(), libc::SOL_SOCKET.into(), name.into(), place, 16, 0];
        SocketTimeout::set_by(&Call::new(super::super::Op::SocketOption { fd }, libc::SYS_setsockopt, args), fd)
    }

    #[test]
    fn what_was_asked_for_holds_as_long_as_it_is_the_kernels() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let copy = socket.try_clone().unwrap();
        let of = |set: &[SocketTimeout], to_write| SocketTimeout::of(copy.as_raw_fd(), to_write, set);
        let three = asked(&socket, libc::SO_RCVTIMEO, 0, 3_001).unwrap();
        assert_eq!(of(&[three], false), None, "nothing is set");
        socket.set_read_timeout(Some(Duration::from_micros(3_001))).unwrap();
        assert_eq!((of(&[three], false), of(&[three], true)), (Some(3_001_000), None));
        // Whatever the kernel's ticks are.
        assert!((3_001_000..13_001_000).contains(&of(&[], false).unwrap()));
        socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        assert_eq!(of(&[three], false), Some(1_000_000_000), "another was set unseen");
        let ever = asked(&socket, libc::SO_RCVTIMEO, i64::MAX, 0).unwrap();
        assert!(ever.replaces(&three));
        assert_eq!(of(&[ever], false), Some(1_000_000_000));
        assert_eq!(asked(&socket, libc::SO_SNDTIMEO, -1, 0).unwrap().nanos, 0);
        assert_eq!(asked(&socket, libc::SO_BROADCAST, 1, 0), None);
    }
}
