//! Waits for what is neither a word nor a descriptor: signals, semaphores, messages, a local socket that somebody else has, and
//! whose queue is full. Whether they are over only the call itself can find out, which takes what it finds.

use super::arch::raw;
use super::call::Call;
use super::memory::peek;

/// What a call would wait for that says so with each operation: `struct sembuf`.
const OPERATION: usize = 6;

/// A list of more operations on semaphores is carried out as it is.
const MOST: usize = 64;

const AGAIN: i64 = -(libc::EAGAIN as i64);
const NO_MESSAGE: i64 = -(libc::ENOMSG as i64);
const TIMED_OUT: i64 = -(libc::ETIMEDOUT as i64);

/// Carries a wait out without waiting: its result, or `None` if it would wait.
pub fn attempt(call: &Call) -> Option<i64> {
    let zero = [0u64; 2];
    let zero = zero.as_ptr() as i64;
    let [a, b, c, d, e, ..] = call.args;
    let dont_wait = i64::from(libc::IPC_NOWAIT);
    let unless = |would_wait: i64, result: i64| (result != would_wait).then_some(result);
    match call.number {
        libc::SYS_rt_sigtimedwait => unless(AGAIN, raw(call.number, [a, b, zero, d, 0, 0])),
        // The mask holds while it waits, as it does here: a signal that is there is delivered.
        libc::SYS_rt_sigsuspend => unless(0, raw(libc::SYS_ppoll, [0, 0, zero, a, b, 0])),
        // One that was there was delivered before.
        libc::SYS_pause => None,
        // Until 1970. (One that does not wait says so itself.)
        libc::SYS_mq_timedreceive | libc::SYS_mq_timedsend => {
            unless(TIMED_OUT, raw(call.number, [a, b, c, d, zero, 0]))
        }
        libc::SYS_msgsnd if d & dont_wait == 0 => unless(AGAIN, raw(call.number, [a, b, c, d | dont_wait, 0, 0])),
        libc::SYS_msgrcv if e & dont_wait == 0 => unless(NO_MESSAGE, raw(call.number, [a, b, c, d, e | dont_wait, 0])),
        libc::SYS_connect => unless(AGAIN, nonblocking(a, || raw(call.number, call.args))),
        libc::SYS_write => unless(AGAIN, raw(libc::SYS_sendto, [a, b, c, libc::MSG_DONTWAIT.into(), 0, 0])),
        libc::SYS_sendto | libc::SYS_sendmmsg => {
            let [.., f] = call.args;
            unless(AGAIN, raw(call.number, [a, b, c, d | i64::from(libc::MSG_DONTWAIT), e, f]))
        }
        libc::SYS_sendmsg => unless(AGAIN, raw(call.number, [a, b, c | i64::from(libc::MSG_DONTWAIT), 0, 0, 0])),
        libc::SYS_semop | libc::SYS_semtimedop if (1..=MOST as i64).contains(&c) => operate([a, b, c]),
        number => Some(raw(number, call.args)),
    }
}

/// Does something while `fd` has `O_NONBLOCK`.
fn nonblocking(fd: i64, f: impl FnOnce() -> i64) -> i64 {
    let flags = raw(libc::SYS_fcntl, [fd, libc::F_GETFL.into(), 0, 0, 0, 0]);
    let set = |flags: i64| raw(libc::SYS_fcntl, [fd, libc::F_SETFL.into(), flags, 0, 0, 0]);
    set(flags | i64::from(libc::O_NONBLOCK));
    let result = f();
    set(flags);
    result
}

/// All the operations at once on a set of semaphores, or none.
fn operate([set, operations, count]: [i64; 3]) -> Option<i64> {
    let mut copies = [0; OPERATION * MOST];
    let copies = &mut copies[..OPERATION * count as usize];
    if peek(operations as usize, copies) != copies.len() {
        return Some(-i64::from(libc::EFAULT));
    }
    let mut none_may_wait = true;
    for operation in copies.chunks_exact_mut(OPERATION) {
        let flags = i16::from_ne_bytes([operation[4], operation[5]]);
        none_may_wait &= i32::from(flags) & libc::IPC_NOWAIT != 0;
        operation[4..].copy_from_slice(&(flags | libc::IPC_NOWAIT as i16).to_ne_bytes());
    }
    match raw(libc::SYS_semop, [set, copies.as_ptr() as i64, count, 0, 0, 0]) {
        AGAIN if !none_may_wait => None,
        result => Some(result),
    }
}

/// What a wait gives whose time has run out.
pub fn out_of_time(call: &Call) -> i64 {
    match call.number {
        libc::SYS_mq_timedreceive | libc::SYS_mq_timedsend => TIMED_OUT,
        _ => AGAIN,
    }
}
