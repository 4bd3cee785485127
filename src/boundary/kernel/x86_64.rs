//! Registers and numbers of Linux on x86-64: what another architecture has to bring, too.

use super::Selector;
use super::call::{Answer, Call, Op, Sort, Timeout};
use super::clone::clone_as;
use super::imp::{PROBE_MAGIC, answer, not_ours, set_mask};
use super::memory::{Process, is_in_libc, is_libcs, is_loaders, peek_words, peek_words_of, poke};
use super::opened;
use super::ring;
use std::arch::asm;
use std::ffi::{c_int, c_void};

/// A system call without `errno`. Negative results are errors.
#[inline]
pub(super) fn raw(number: i64, args: [i64; 6]) -> i64 {
    let result;
    // SAFETY: what a system call does to memory is what its caller asked for: either one of the few below, argued there, or
    // the call that code under test made itself. The kernel clobbers rax, rcx and r11 only.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") args[0],
            in("rsi") args[1],
            in("rdx") args[2],
            in("r10") args[3],
            in("r8") args[4],
            in("r9") args[5],
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    result
}

/// The handler of SIGSYS; see the room's head for what it may do.
pub(super) extern "C" fn trap(_: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let Some(selector) = super::SELECTOR.get() else {
        not_ours(info);
        return;
    };
    super::look_away(selector);
    // SAFETY: with SA_SIGINFO the third argument is the ucontext_t that the kernel returns to, ours until then.
    let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
    let registers = &mut context.uc_mcontext.gregs;
    let register = |which: c_int| registers[which as usize];
    let number = register(libc::REG_RAX);
    let args = [
        register(libc::REG_RDI),
        register(libc::REG_RSI),
        register(libc::REG_RDX),
        register(libc::REG_R10),
        register(libc::REG_R8),
        register(libc::REG_R9),
    ];
    let result = match number {
        // What the allocator asks for, perhaps with a lock held: nothing else is looked at.
        libc::SYS_brk
        | libc::SYS_mmap
        | libc::SYS_munmap
        | libc::SYS_madvise
        | libc::SYS_mprotect
        | libc::SYS_mremap => raw(number, args),
        libc::SYS_clone | libc::SYS_clone3 | libc::SYS_fork | libc::SYS_vfork => {
            let cloned = Cloned::of(number, args);
            if !cloned.has(libc::CLONE_THREAD) {
                answer(selector, &Call::new(Op::Process, number, args));
            }
            if cloned.has(libc::CLONE_VM) && !cloned.has(libc::CLONE_VFORK) {
                // It runs beside its caller. Threads that libc makes do not come here.
                answer(selector, &Call::new(Op::Thread, number, args));
            }
            if cloned.goes_its_own_way() {
                let at = register(libc::REG_RIP).to_ne_bytes();
                if poke((cloned.stack as usize).wrapping_sub(at.len()), &at) == at.len() {
                    // SAFETY: a clone with a stack of its own, below whose beginning there is where its caller stands; the
                    // registers are those of its caller.
                    let result = unsafe { clone_as(number, registers.as_ptr()) };
                    registers[libc::REG_RAX as usize] = result;
                    super::watch(selector);
                    return;
                }
            }
            if cloned.has(libc::CLONE_VM) || cloned.stack != 0 {
                // It returns twice: once more, unseen, where it stands.
                registers[libc::REG_RIP as usize] -= 2;
                return;
            }
            let result = opened::forked(|| raw(number, args));
            registers[libc::REG_RAX as usize] = result;
            if result == 0 {
                // The child has no turn in the world.
                return;
            }
            result
        }
        libc::SYS_rt_sigprocmask => {
            let result = set_mask(args, &mut context.uc_sigmask);
            context.uc_mcontext.gregs[libc::REG_RAX as usize] = result;
            super::watch(selector);
            return;
        }
        libc::SYS_getppid if args[0] == PROBE_MAGIC => PROBE_MAGIC,
        _ => {
            let at = register(libc::REG_RIP) as usize;
            let (op, is_libcs) = (decode(Process::This, number, args), is_libcs_own(number, args, at));
            let call = Call { op, is_libcs, number, args, at, stack: register(libc::REG_RSP) as usize };
            match answer(selector, &call) {
                Answer::Pass => opened::carry_out(&call),
                Answer::Return(result) => result,
            }
        }
    };
    context.uc_mcontext.gregs[libc::REG_RAX as usize] = result;
    super::watch(selector);
}

/// A system call that a function of libc was to make, and that the hook of that function makes instead: seen, if this thread
/// is watched, without a signal. Not for calls that return twice, or that change the mask.
///
/// # Safety
/// What the call does to memory is what the caller of that function asked for.
pub(in super::super) unsafe fn direct(number: i64, args: [i64; 6]) -> i64 {
    match super::watched() {
        Some(selector) => {
            let call = Call::new(decode(Process::This, number, args), number, args);
            // SAFETY: as the caller says.
            unsafe { seen(selector, &call) }
        }
        None if number == libc::SYS_futex => super::waits::futex_unseen(args),
        None => raw(number, args),
    }
}

/// The same for `clock_nanosleep`, whose time has been read: seconds and nanoseconds, if there is one.
///
/// # Safety
/// As [`direct`].
pub(in super::super) unsafe fn direct_sleep(args: [i64; 6], time: Option<(u64, u64)>) -> i64 {
    let nanos = time.map(|(seconds, nanos)| seconds.saturating_mul(1_000_000_000).saturating_add(nanos));
    let number = libc::SYS_clock_nanosleep;
    match super::watched() {
        Some(selector) => {
            let call = Call::new(sleep(args, nanos), number, args);
            // SAFETY: as the caller says.
            unsafe { seen(selector, &call) }
        }
        None => raw(number, args),
    }
}

/// [`direct`] on a thread that is watched, by `selector`.
///
/// # Safety
/// As [`direct`].
#[inline]
pub(in super::super) unsafe fn seen(selector: Selector, call: &Call) -> i64 {
    super::look_away(selector);
    let result = match answer(selector, call) {
        Answer::Pass => raw(call.number, call.args),
        Answer::Return(result) => result,
    };
    super::watch(selector);
    result
}

/// Whether a call is libc's own business, made where a lock of libc's may be held: by the loader, or on a word where libc has
/// its locks, not by the function `syscall`, which std and parking_lot use. A wait counts with the value that those have
/// when they are contended, and without a timeout.
fn is_libcs_own(number: i64, args: [i64; 6], at: usize) -> bool {
    /// More than our `syscall` is long.
    const LENGTH: usize = 128;
    if number != libc::SYS_futex {
        return is_loaders(at);
    }
    let function = libc::syscall as *const () as usize;
    let by_function = (function..function + LENGTH).contains(&at);
    let [word, op, value, time, ..] = args;
    let wakes = op as c_int & !libc::FUTEX_PRIVATE_FLAG == libc::FUTEX_WAKE;
    // What is in libc's own memory is no lock of anybody else's; what looks like the head of a heap may be.
    !by_function && (wakes || time == 0 && (value == 2 || is_in_libc(word as usize))) && is_libcs(word as usize)
}

/// What a call that makes a process or a thread asks for.
struct Cloned {
    flags: u64,
    /// Where the child's stack pointer begins; 0 for where its parent's is.
    stack: u64,
}

impl Cloned {
    fn of(number: i64, args: [i64; 6]) -> Cloned {
        match number {
            libc::SYS_clone => Cloned { flags: args[0] as u64, stack: args[1] as u64 },
            libc::SYS_clone3 => {
                // As far as the field `stack_size` of `struct clone_args`.
                let [flags, .., stack, size] = peek_words::<7>(args[0] as usize).unwrap_or_default();
                Cloned { flags, stack: if stack == 0 { 0 } else { stack.wrapping_add(size) } }
            }
            libc::SYS_vfork => Cloned { flags: (libc::CLONE_VM | libc::CLONE_VFORK) as u64, stack: 0 },
            _ => Cloned { flags: 0, stack: 0 },
        }
    }

    fn has(&self, flag: c_int) -> bool {
        self.flags & flag as u64 != 0
    }

    /// Whether its parent may be seen again at once: the child has the same memory and a stack of its own, and either
    /// thread-locals of its own, so that no selector is its own, or it is over, or another program, before its parent goes on.
    fn goes_its_own_way(&self) -> bool {
        self.has(libc::CLONE_VM) && self.stack != 0 && (self.has(libc::CLONE_SETTLS) || self.has(libc::CLONE_VFORK))
    }
}

/// A timespec's nanoseconds; `None` if there is none.
fn timespec(process: Process, address: i64) -> Option<u64> {
    if address == 0 {
        return None;
    }
    let [seconds, nanos] = peek_words_of(process, address as usize)?;
    Some(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
}

/// A setting of a timer that is a descriptor.
fn timer(args: [i64; 6]) -> Op {
    let [fd, flags, new, ..] = args;
    let [every, first] = [new, new + 16].map(|at| timespec(Process::This, at).unwrap_or(0));
    let until = match (first, flags as c_int & libc::TFD_TIMER_ABSTIME != 0) {
        (0, _) => Timeout::Never,
        (nanos, false) => Timeout::In(nanos),
        // Before the world began, as far as its clock of the wall goes: what the other clock shows.
        (nanos, true) if nanos < super::LEAST_REALTIME => Timeout::Monotonic(nanos),
        (nanos, true) => Timeout::Realtime(nanos),
    };
    Op::SetTimer { fd: fd as i32, until, every }
}

fn in_millis(millis: i64) -> Timeout {
    match millis as i32 {
        ..0 => Timeout::Never,
        millis => Timeout::In(millis as u64 * 1_000_000),
    }
}

/// A `clock_nanosleep`, for or until so many nanoseconds.
fn sleep(args: [i64; 6], nanos: Option<u64>) -> Op {
    let [clock, flags, ..] = args;
    match (nanos, flags as c_int & libc::TIMER_ABSTIME != 0) {
        (Some(nanos), false) => Op::Sleep(Timeout::In(nanos)),
        (Some(nanos), true) if clock as c_int == libc::CLOCK_REALTIME => Op::Sleep(Timeout::Realtime(nanos)),
        (Some(nanos), true) => Op::Sleep(Timeout::Monotonic(nanos)),
        (None, _) => Op::Other,
    }
}

/// `FICLONE` and `FICLONERANGE` of linux/fs.h.
const CLONE: u32 = 0x4004_9409;
const CLONE_RANGE: u32 = 0x4020_940d;

/// Of asm/unistd.h, and not of every libc crate.
const IO_PGETEVENTS: i64 = 333;
const FCHMODAT2: i64 = 452;

/// Which calls are looked at: all of Linux 6.18 that may wait for somebody or for a disk. Left out, because what they wait for
/// is short, or because no test calls them: looking at what is open (`fstat`, `lseek`, `fstatfs`, `bind`), making another
/// program of this one, what only administrators do, keys, modules, terminals' and other devices' ioctls, `futex_waitv` and the
/// futexes that hand their owner's priority on.
///
/// It may be a call of another process, as far as its times go: the rest is told as if it were one of this.
pub(super) fn decode(process: Process, number: i64, args: [i64; 6]) -> Op {
    let [a, b, c, d, ..] = args;
    let fd = a as i32;
    let timespec = |address| timespec(process, address);
    let in_time = |address| timespec(address).map_or(Timeout::Never, Timeout::In);
    let at_time = |address| timespec(address).map_or(Timeout::Never, Timeout::Realtime);
    let read = |call| Op::Read { call, fd };
    let write = |call| Op::Write { call, fd };
    let disk = |call| Op::Disk { call, fd };
    let name = |call, path: i64| Op::Name { call, path: path as usize };
    let no_wait = |flags: i64| flags & i64::from(libc::MSG_DONTWAIT) != 0;
    let no_wait_to_move = |flags: i64| flags & i64::from(libc::SPLICE_F_NONBLOCK) != 0;
    let signal = |until| Op::Attempt { sort: Sort::Signal, until };
    let semaphore = |until| Op::Attempt { sort: Sort::Semaphore, until };
    let message = |until| Op::Attempt { sort: Sort::Message, until };
    match number {
        libc::SYS_nanosleep => Op::Sleep(in_time(a)),
        libc::SYS_clock_nanosleep => sleep(args, timespec(c)),
        libc::SYS_futex => {
            let (word, value) = (a as usize, c as u32);
            match b as c_int & !(libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME) {
                libc::FUTEX_WAIT => Op::FutexWait { word, value, until: in_time(d) },
                libc::FUTEX_WAIT_BITSET => {
                    let is_realtime = b as c_int & libc::FUTEX_CLOCK_REALTIME != 0;
                    let until = match timespec(d) {
                        None => Timeout::Never,
                        Some(nanos) if is_realtime => Timeout::Realtime(nanos),
                        Some(nanos) => Timeout::Monotonic(nanos),
                    };
                    Op::FutexWait { word, value, until }
                }
                libc::FUTEX_WAKE | libc::FUTEX_WAKE_BITSET => Op::FutexWake { word, count: value },
                // Whoever is to wait for another word from here on is woken instead, as a wait may be at any time.
                libc::FUTEX_REQUEUE => Op::FutexWake { word, count: value.saturating_add(d as u32) },
                libc::FUTEX_CMP_REQUEUE if super::word_is(word, args[5] as u32) => {
                    Op::FutexWake { word, count: value.saturating_add(d as u32) }
                }
                _ => Op::Other,
            }
        }
        libc::SYS_open | libc::SYS_creat => Op::Open { path: a as usize },
        libc::SYS_openat | libc::SYS_openat2 => Op::Open { path: b as usize },
        libc::SYS_stat | libc::SYS_lstat => name("stat", a),
        libc::SYS_newfstatat if d & i64::from(libc::AT_EMPTY_PATH) != 0 => Op::Other,
        libc::SYS_newfstatat => name("stat", b),
        libc::SYS_statx if c & i64::from(libc::AT_EMPTY_PATH) != 0 => Op::Other,
        libc::SYS_statx => name("stat", b),
        libc::SYS_access => name("access", a),
        libc::SYS_faccessat | libc::SYS_faccessat2 => name("access", b),
        libc::SYS_readlink => name("readlink", a),
        libc::SYS_readlinkat => name("readlink", b),
        libc::SYS_rename => name("rename", a),
        libc::SYS_renameat | libc::SYS_renameat2 => name("rename", b),
        libc::SYS_link => name("link", a),
        libc::SYS_linkat => name("link", b),
        libc::SYS_symlink => name("symlink", a),
        libc::SYS_symlinkat => name("symlink", a),
        libc::SYS_unlink => name("unlink", a),
        libc::SYS_rmdir => name("rmdir", a),
        libc::SYS_unlinkat => name("unlink", b),
        libc::SYS_mkdir => name("mkdir", a),
        libc::SYS_mkdirat => name("mkdir", b),
        libc::SYS_chmod => name("chmod", a),
        libc::SYS_fchmodat => name("chmod", b),
        FCHMODAT2 => name("chmod", b),
        libc::SYS_fchmod => disk("fchmod"),
        libc::SYS_chown | libc::SYS_lchown => name("chown", a),
        libc::SYS_fchownat => name("chown", b),
        libc::SYS_fchown => disk("fchown"),
        libc::SYS_truncate => name("truncate", a),
        libc::SYS_mknod => name("mknod", a),
        libc::SYS_mknodat => name("mknod", b),
        libc::SYS_utime | libc::SYS_utimes => name("utimens", a),
        libc::SYS_utimensat if b == 0 => disk("futimens"),
        libc::SYS_utimensat | libc::SYS_futimesat => name("utimens", b),
        libc::SYS_statfs => name("statfs", a),
        libc::SYS_chdir => name("chdir", a),
        libc::SYS_chroot => name("chroot", a),
        libc::SYS_mount => name("mount", b),
        libc::SYS_umount2 => name("umount", a),
        libc::SYS_inotify_add_watch => name("inotify_add_watch", b),
        libc::SYS_name_to_handle_at => name("name_to_handle_at", b),
        libc::SYS_open_by_handle_at => name("open_by_handle_at", 0),
        libc::SYS_getxattr | libc::SYS_lgetxattr => name("getxattr", a),
        libc::SYS_setxattr | libc::SYS_lsetxattr => name("setxattr", a),
        libc::SYS_listxattr | libc::SYS_llistxattr => name("listxattr", a),
        libc::SYS_removexattr | libc::SYS_lremovexattr => name("removexattr", a),
        libc::SYS_fgetxattr => disk("fgetxattr"),
        libc::SYS_fsetxattr => disk("fsetxattr"),
        libc::SYS_flistxattr => disk("flistxattr"),
        libc::SYS_fremovexattr => disk("fremovexattr"),
        libc::SYS_getdents | libc::SYS_getdents64 => name("read a folder", 0),
        libc::SYS_read => read("read"),
        libc::SYS_pread64 => read("pread"),
        libc::SYS_readv => read("readv"),
        libc::SYS_preadv | libc::SYS_preadv2 => read("preadv"),
        libc::SYS_write => write("write"),
        libc::SYS_pwrite64 => write("pwrite"),
        libc::SYS_writev => write("writev"),
        libc::SYS_pwritev | libc::SYS_pwritev2 => write("pwritev"),
        libc::SYS_fsync => disk("fsync"),
        libc::SYS_fdatasync => disk("fdatasync"),
        libc::SYS_ftruncate => disk("ftruncate"),
        libc::SYS_sync_file_range => disk("sync_file_range"),
        libc::SYS_copy_file_range => disk("copy_file_range"),
        libc::SYS_fallocate => disk("fallocate"),
        libc::SYS_readahead => disk("readahead"),
        libc::SYS_syncfs => disk("syncfs"),
        libc::SYS_sync => Op::Disk { call: "sync", fd: -1 },
        libc::SYS_msync if c as c_int & libc::MS_SYNC != 0 => Op::Disk { call: "msync", fd: -1 },
        libc::SYS_ioctl if matches!(b as u32, CLONE | CLONE_RANGE) => disk("clone"),
        libc::SYS_io_getevents | IO_PGETEVENTS if b > 0 && timespec(args[4]) != Some(0) => {
            Op::Disk { call: "io_getevents", fd: -1 }
        }
        libc::SYS_sendfile => Op::Move { call: "sendfile", from: b as i32, to: fd, dont_wait: false },
        libc::SYS_splice => Op::Move { call: "splice", from: fd, to: c as i32, dont_wait: no_wait_to_move(args[5]) },
        libc::SYS_tee => Op::Move { call: "tee", from: fd, to: b as i32, dont_wait: no_wait_to_move(d) },
        libc::SYS_vmsplice if super::waits::is_to_read(fd) => {
            Op::Move { call: "vmsplice", from: fd, to: -1, dont_wait: no_wait_to_move(d) }
        }
        libc::SYS_vmsplice => Op::Move { call: "vmsplice", from: -1, to: fd, dont_wait: no_wait_to_move(d) },
        libc::SYS_flock if b as c_int & (libc::LOCK_NB | libc::LOCK_UN) == 0 => Op::Lock { call: "flock", fd },
        libc::SYS_fcntl if matches!(b as c_int, libc::F_SETLKW | libc::F_OFD_SETLKW) => {
            Op::Lock { call: "fcntl lock", fd }
        }
        libc::SYS_timerfd_settime => timer(args),
        libc::SYS_getsockname => Op::SocketAddress { fd, of_peer: false, address: b as usize, length: c as usize },
        libc::SYS_getpeername => Op::SocketAddress { fd, of_peer: true, address: b as usize, length: c as usize },
        libc::SYS_getsockopt | libc::SYS_setsockopt => Op::SocketOption { fd },
        libc::SYS_epoll_ctl if b as c_int == libc::EPOLL_CTL_ADD => Op::Watch { fd: c as i32 },
        libc::SYS_listen => Op::Listen { fd },
        libc::SYS_dup | libc::SYS_dup2 | libc::SYS_dup3 => Op::Duplicate { fd },
        libc::SYS_fcntl if matches!(b as c_int, libc::F_DUPFD | libc::F_DUPFD_CLOEXEC) => Op::Duplicate { fd },
        libc::SYS_sched_yield => Op::Yield,
        libc::SYS_sched_getaffinity => Op::Processors { set: c as usize, size: b as usize },
        libc::SYS_sched_setaffinity => Op::Pin { set: c as usize, size: b as usize },
        libc::SYS_connect => Op::Connect { fd, address: b as usize, length: c as usize },
        libc::SYS_accept | libc::SYS_accept4 => Op::Accept { fd },
        libc::SYS_recvfrom => Op::Receive { fd, dont_wait: no_wait(d) },
        libc::SYS_recvmsg => Op::Receive { fd, dont_wait: no_wait(c) },
        libc::SYS_recvmmsg => Op::Receive { fd, dont_wait: no_wait(d) },
        libc::SYS_sendto => Op::Send { fd, dont_wait: no_wait(d) },
        libc::SYS_sendmsg => Op::Send { fd, dont_wait: no_wait(c) },
        libc::SYS_sendmmsg => Op::Send { fd, dont_wait: no_wait(d) },
        libc::SYS_poll => Op::Poll { call: "poll", until: in_millis(c) },
        libc::SYS_ppoll => Op::Poll { call: "ppoll", until: in_time(c) },
        libc::SYS_select => {
            // A timeval: microseconds.
            let until = match (args[4], peek_words_of(process, args[4] as usize)) {
                (0, _) | (_, None) => Timeout::Never,
                (_, Some([seconds, micros])) => {
                    Timeout::In(seconds.saturating_mul(1_000_000_000).saturating_add(micros.saturating_mul(1000)))
                }
            };
            Op::Poll { call: "select", until }
        }
        libc::SYS_pselect6 => Op::Poll { call: "pselect", until: in_time(args[4]) },
        libc::SYS_epoll_wait | libc::SYS_epoll_pwait => Op::Poll { call: "epoll_wait", until: in_millis(d) },
        libc::SYS_epoll_pwait2 => Op::Poll { call: "epoll_wait", until: in_time(d) },
        libc::SYS_pause | libc::SYS_rt_sigsuspend => signal(Timeout::Never),
        libc::SYS_rt_sigtimedwait => signal(in_time(c)),
        libc::SYS_semop => semaphore(Timeout::Never),
        libc::SYS_semtimedop => semaphore(in_time(d)),
        libc::SYS_msgrcv | libc::SYS_msgsnd => message(Timeout::Never),
        libc::SYS_mq_timedreceive | libc::SYS_mq_timedsend => message(at_time(args[4])),
        libc::SYS_io_uring_enter if c > 0 && d & ring::GET_EVENTS != 0 => ring::op(args),
        libc::SYS_wait4 => Op::WaitChild { hang: c as c_int & libc::WNOHANG == 0 },
        libc::SYS_waitid => Op::WaitChild { hang: d as c_int & libc::WNOHANG == 0 },
        libc::SYS_close => Op::Close { fd },
        libc::SYS_getrandom => Op::Random { buffer: a as usize, length: b as usize },
        libc::SYS_prctl if a == i64::from(libc::PR_SET_NAME) => Op::Rename { name: b as usize },
        _ => Op::Other,
    }
}
