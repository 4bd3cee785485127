//! Registers and numbers: Linux on x86-64 with glibc. The only room that knows them.

use super::{Answer, Call, Handler, Kind, Op, Selector, Timeout};
use std::arch::asm;
use std::ffi::{c_int, c_void};
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// `PR_SET_SYSCALL_USER_DISPATCH` of linux/prctl.h.
const SET_DISPATCH: c_int = 59;
/// What glibc's `rt_sigreturn` stub is long, at most.
const STUB: usize = 16;
/// A signal's number, as a bit of the kernel's mask.
const SIGSYS_BIT: u64 = 1 << (libc::SIGSYS - 1);

/// Where glibc's way back from a handler is.
static RESTORER: AtomicUsize = AtomicUsize::new(0);

/// A system call without `errno`. Negative results are errors.
#[inline]
fn raw(number: i64, args: [i64; 6]) -> i64 {
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

/// Who answers for a selector.
pub(super) fn handler_of(selector: Selector) -> Option<Handler> {
    let handler = selector.handler.load(Ordering::Relaxed);
    // SAFETY: if not 0, it was stored by `arm`, which takes nothing but a Handler.
    (handler != 0).then(|| unsafe { mem::transmute::<usize, Handler>(handler) })
}

/// Has the handler answer a call.
pub(super) fn answer(selector: Selector, call: &Call) -> Answer {
    handler_of(selector).map_or(Answer::Pass, |handler| handler(call))
}

pub(super) fn process_starts() {
    if let Some(selector) = super::SELECTOR.get() {
        answer(selector, &Call { op: Op::Process, is_libcs: false, number: libc::SYS_vfork, args: [0; 6] });
    }
}

/// Carries a call out.
pub fn perform(call: &Call) -> i64 {
    raw(call.number, call.args)
}

/// Carries a futex's wait out, for `nanos` of real time at most.
pub fn perform_for(call: &Call, nanos: u64) -> i64 {
    let op = i64::from(libc::FUTEX_WAIT) | (call.args[1] & i64::from(libc::FUTEX_PRIVATE_FLAG));
    let time = [nanos / 1_000_000_000, nanos % 1_000_000_000];
    raw(libc::SYS_futex, [call.args[0], op, call.args[2], time.as_ptr() as i64, 0, 0])
}

/// Carries a wait for descriptors out, with a timeout of zero.
pub fn perform_now(call: &Call) -> i64 {
    let mut args = call.args;
    let zero = [0u64; 2];
    let zero = zero.as_ptr() as i64;
    match call.number {
        libc::SYS_poll => args[2] = 0,
        libc::SYS_ppoll => args[2] = zero,
        libc::SYS_select | libc::SYS_pselect6 => args[4] = zero,
        libc::SYS_epoll_wait | libc::SYS_epoll_pwait => args[3] = 0,
        libc::SYS_epoll_pwait2 => args[3] = zero,
        _ => return -i64::from(libc::ENOSYS),
    }
    raw(call.number, args)
}

/// Whether a wait for descriptors, or for a child, would be over at once. Nothing is taken by asking.
pub fn is_over(call: &Call) -> bool {
    match call.number {
        libc::SYS_poll | libc::SYS_ppoll => perform_now(call) != 0,
        libc::SYS_epoll_wait | libc::SYS_epoll_pwait | libc::SYS_epoll_pwait2 => is_ready(call.args[0] as i32, false),
        libc::SYS_wait4 | libc::SYS_waitid => {
            let (which, id) = match (call.number, call.args[0]) {
                (libc::SYS_waitid, which) => (which, call.args[1]),
                (_, pid) if pid as i32 > 0 => (i64::from(libc::P_PID), pid),
                _ => (i64::from(libc::P_ALL), 0),
            };
            let mut info = [0u64; 16];
            let flags = i64::from(libc::WEXITED | libc::WNOHANG | libc::WNOWAIT);
            let result = raw(libc::SYS_waitid, [which, id, info.as_mut_ptr() as i64, flags, 0, 0]);
            // Nobody there leaves the information as it was: zeros.
            result != 0 || info[0] != 0
        }
        _ => true,
    }
}

/// Installs the handler of SIGSYS and finds the way back from it. Then one call is trapped, to see that it works.
pub(super) fn try_out() -> Option<&'static str> {
    /// Tried out on a thread of its own: the selector is this thread's.
    fn trapped() -> Result<(), &'static str> {
        static PROBE: super::Gate = super::Gate::new();
        super::SELECTOR.set(Some(&PROBE));
        if !switch_on(&PROBE) {
            return Err("the kernel refuses Syscall User Dispatch");
        }
        super::watch(&PROBE);
        let magic = raw(libc::SYS_getppid, [PROBE_MAGIC, 0, 0, 0, 0, 0]);
        super::look_away(&PROBE);
        switch_off();
        super::SELECTOR.set(None);
        if magic == PROBE_MAGIC { Ok(()) } else { Err("a call that was to be trapped was not") }
    }
    if crate::boundary::valgrind::is_running() {
        return Some("valgrind makes system calls of its own on the thread");
    }
    if let Err(why) = install() {
        return Some(why);
    }
    match std::thread::Builder::new().spawn(trapped).map(|thread| thread.join()) {
        Ok(Ok(Ok(()))) => None,
        Ok(Ok(Err(why))) => Some(why),
        _ => Some("no thread to try it out on"),
    }
}

/// An argument that nobody gives to `getppid`, and the answer to it.
const PROBE_MAGIC: i64 = 0x7261_6464;

fn install() -> Result<(), &'static str> {
    // The unwinder sets itself up at its first use: not in a handler.
    backtrace(&mut [0; 4]);
    // SAFETY: a sigaction of zeros is a valid one, and the handler has the type that SA_SIGINFO says.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        if libc::sigaction(libc::SIGSYS, ptr::null(), &mut action) != 0 || action.sa_sigaction != libc::SIG_DFL {
            return Err("somebody else handles SIGSYS");
        }
        let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = trap;
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_NODEFER;
        if libc::sigaction(libc::SIGSYS, &action, ptr::null_mut()) != 0 {
            return Err("the handler of SIGSYS cannot be installed");
        }
    }
    // As the kernel has it: handler, flags, restorer, mask.
    let mut action = [0u64; 4];
    let result = raw(libc::SYS_rt_sigaction, [i64::from(libc::SIGSYS), 0, action.as_mut_ptr() as i64, 8, 0, 0]);
    if result != 0 || action[2] == 0 {
        return Err("the way back from a signal handler cannot be found");
    }
    RESTORER.store(action[2] as usize, Ordering::Relaxed);
    Ok(())
}

pub(super) fn switch_on(selector: Selector) -> bool {
    let restorer = RESTORER.load(Ordering::Relaxed) as i64;
    let selector = selector.byte.as_ptr() as i64;
    raw(libc::SYS_prctl, [SET_DISPATCH.into(), 1, restorer, STUB as i64, selector, 0]) == 0
}

pub(super) fn switch_off() {
    raw(libc::SYS_prctl, [SET_DISPATCH.into(), 0, 0, 0, 0, 0]);
}

/// The handler of SIGSYS; see the room's head for what it may do.
extern "C" fn trap(_: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
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
            if makes_process(number, args) {
                answer(selector, &Call { op: Op::Process, is_libcs: false, number, args });
            }
            // It returns twice: once more, unseen, where it stands.
            registers[libc::REG_RIP as usize] -= 2;
            return;
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
            let call = Call { op: decode(number, args), is_libcs: is_libcs_lock(number, args, at), number, args };
            match answer(selector, &call) {
                Answer::Pass => raw(number, args),
                Answer::Return(result) => result,
            }
        }
    };
    context.uc_mcontext.gregs[libc::REG_RAX as usize] = result;
    super::watch(selector);
}

/// Whether a call waits for a lock of libc's own: with the value that those have when they are contended, without a timeout,
/// and not by the function `syscall`, which std and parking_lot use.
fn is_libcs_lock(number: i64, args: [i64; 6], at: usize) -> bool {
    /// More than our `syscall` is long.
    const LENGTH: usize = 128;
    let function = libc::syscall as *const () as usize;
    let by_function = (function..function + LENGTH).contains(&at);
    number == libc::SYS_futex && !by_function && args[2] == 2 && args[3] == 0
}

/// Whether it is a process that is cloned, not a thread.
fn makes_process(number: i64, args: [i64; 6]) -> bool {
    let mut flags = [0; 8];
    match number {
        libc::SYS_clone => args[0] & i64::from(libc::CLONE_THREAD) == 0,
        libc::SYS_clone3 => {
            peek(args[0] as usize, &mut flags);
            u64::from_ne_bytes(flags) & libc::CLONE_THREAD as u64 == 0
        }
        _ => true,
    }
}

/// A SIGSYS that was not raised by dispatch on a thread of ours: as without us, it ends the process.
#[cold]
fn not_ours(_: *mut libc::siginfo_t) {
    // SAFETY: sets the default action, and raises the signal again.
    unsafe {
        libc::signal(libc::SIGSYS, libc::SIG_DFL);
        libc::raise(libc::SIGSYS);
    }
}

/// `rt_sigprocmask`, applied to the mask that the handler returns to; SIGSYS stays open.
fn set_mask(args: [i64; 6], mask: &mut libc::sigset_t) -> i64 {
    let [how, set, old, size, ..] = args;
    if size != 8 {
        return -i64::from(libc::EINVAL);
    }
    let mask = ptr::from_mut(mask).cast::<u64>();
    // SAFETY: the kernel's mask is the first eight bytes of glibc's; `set` and `old` are null or as the caller of the system
    // call had to give them: readable and writable for `size` bytes.
    unsafe {
        let before = mask.read();
        if set != 0 {
            let set = (set as *const u64).read_unaligned();
            let after = match how as c_int {
                libc::SIG_BLOCK => before | set,
                libc::SIG_UNBLOCK => before & !set,
                libc::SIG_SETMASK => set,
                _ => return -i64::from(libc::EINVAL),
            };
            mask.write(after & !SIGSYS_BIT);
        }
        if old != 0 {
            (old as *mut u64).write_unaligned(before);
        }
    }
    0
}

/// A timespec's nanoseconds; `None` if there is none.
fn timespec(address: i64) -> Option<u64> {
    let mut bytes = [0; 16];
    if address == 0 || peek(address as usize, &mut bytes) != 16 {
        return None;
    }
    let word = |at: usize| u64::from_ne_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|n| bytes[at + n]));
    Some(word(0).saturating_mul(1_000_000_000).saturating_add(word(8)))
}

fn in_time(address: i64) -> Timeout {
    timespec(address).map_or(Timeout::Never, Timeout::In)
}

fn in_millis(millis: i64) -> Timeout {
    match millis as i32 {
        ..0 => Timeout::Never,
        millis => Timeout::In(millis as u64 * 1_000_000),
    }
}

fn decode(number: i64, args: [i64; 6]) -> Op {
    let [a, b, c, d, ..] = args;
    let fd = a as i32;
    let read = |call| Op::Read { call, fd };
    let write = |call| Op::Write { call, fd };
    let disk = |call| Op::Disk { call, fd };
    let name = |call, path: i64| Op::Name { call, path: path as usize };
    let no_wait = |flags: i64| flags & i64::from(libc::MSG_DONTWAIT) != 0;
    match number {
        libc::SYS_nanosleep => Op::Sleep(in_time(a)),
        libc::SYS_clock_nanosleep => match (timespec(c), b as c_int & libc::TIMER_ABSTIME != 0) {
            (Some(nanos), false) => Op::Sleep(Timeout::In(nanos)),
            (Some(nanos), true) if a as c_int == libc::CLOCK_REALTIME => Op::Sleep(Timeout::Realtime(nanos)),
            (Some(nanos), true) => Op::Sleep(Timeout::Monotonic(nanos)),
            (None, _) => Op::Other,
        },
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
        libc::SYS_utimensat => name("utimens", b),
        libc::SYS_getdents64 => name("read a folder", 0),
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
        libc::SYS_sendfile => disk("sendfile"),
        libc::SYS_splice => disk("splice"),
        libc::SYS_fallocate => disk("fallocate"),
        libc::SYS_flock if b as c_int & libc::LOCK_NB == 0 => disk("flock"),
        libc::SYS_fcntl if matches!(b as c_int, libc::F_SETLKW | libc::F_OFD_SETLKW) => disk("fcntl lock"),
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
            let until = timespec(args[4]).map_or(Timeout::Never, |_| {
                let mut micros = [0; 16];
                peek(args[4] as usize, &mut micros);
                let word = |at: usize| u64::from_ne_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|n| micros[at + n]));
                Timeout::In(word(0).saturating_mul(1_000_000_000).saturating_add(word(8).saturating_mul(1000)))
            });
            Op::Poll { call: "select", until }
        }
        libc::SYS_pselect6 => Op::Poll { call: "pselect", until: in_time(args[4]) },
        libc::SYS_epoll_wait | libc::SYS_epoll_pwait => Op::Poll { call: "epoll_wait", until: in_millis(d) },
        libc::SYS_epoll_pwait2 => Op::Poll { call: "epoll_wait", until: in_time(d) },
        libc::SYS_wait4 => Op::WaitChild { hang: c as c_int & libc::WNOHANG == 0 },
        libc::SYS_waitid => Op::WaitChild { hang: d as c_int & libc::WNOHANG == 0 },
        libc::SYS_close => Op::Close { fd },
        libc::SYS_getrandom => Op::Random,
        libc::SYS_prctl if a == i64::from(libc::PR_SET_NAME) => Op::Rename { name: b as usize },
        _ => Op::Other,
    }
}

/// What sort of thing `fd` is.
pub fn kind_of(fd: i32) -> Kind {
    let mut stat = mem::MaybeUninit::<libc::stat>::zeroed();
    if raw(libc::SYS_fstat, [fd.into(), stat.as_mut_ptr() as i64, 0, 0, 0, 0]) != 0 {
        return Kind::None;
    }
    // SAFETY: zeroed, which is a valid value of integers, and filled by the kernel.
    match unsafe { stat.assume_init() }.st_mode & libc::S_IFMT {
        libc::S_IFREG | libc::S_IFDIR if is_made_up(fd) => Kind::None,
        libc::S_IFREG | libc::S_IFDIR | libc::S_IFBLK => Kind::File,
        libc::S_IFIFO => Kind::Pipe,
        libc::S_IFSOCK => Kind::Socket,
        _ => Kind::Other,
    }
}

/// Whether the file has no disk behind it: the kernel writes what is read there.
fn is_made_up(fd: i32) -> bool {
    let mut stat = mem::MaybeUninit::<libc::statfs>::zeroed();
    if raw(libc::SYS_fstatfs, [fd.into(), stat.as_mut_ptr() as i64, 0, 0, 0, 0]) != 0 {
        return false;
    }
    // SAFETY: zeroed, which is a valid value of integers, and filled by the kernel.
    let magic = unsafe { stat.assume_init() }.f_type;
    matches!(magic, libc::PROC_SUPER_MAGIC | libc::SYSFS_MAGIC | libc::CGROUP_SUPER_MAGIC | libc::CGROUP2_SUPER_MAGIC)
}

/// Whether `fd` has `O_NONBLOCK`.
pub fn is_nonblocking(fd: i32) -> bool {
    let flags = raw(libc::SYS_fcntl, [fd.into(), libc::F_GETFL.into(), 0, 0, 0, 0]);
    flags >= 0 && flags & i64::from(libc::O_NONBLOCK) != 0
}

/// Whether reading (or writing) would not wait.
pub fn is_ready(fd: i32, to_write: bool) -> bool {
    let events = if to_write { libc::POLLOUT } else { libc::POLLIN };
    let mut poll = libc::pollfd { fd, events, revents: 0 };
    raw(libc::SYS_poll, [ptr::from_mut(&mut poll) as i64, 1, 0, 0, 0, 0]) != 0
}

/// Copies memory at an address that may be wrong; how many bytes could be read.
pub fn peek(address: usize, out: &mut [u8]) -> usize {
    let local = libc::iovec { iov_base: out.as_mut_ptr().cast(), iov_len: out.len() };
    // Up to the end of a page, and from there on: a text may end just before memory that is not there.
    let first = (4096 - address % 4096).min(out.len());
    let remote = [
        libc::iovec { iov_base: address as *mut c_void, iov_len: first },
        libc::iovec { iov_base: address.wrapping_add(first) as *mut c_void, iov_len: out.len() - first },
    ];
    let process = raw(libc::SYS_getpid, [0; 6]);
    let local = ptr::from_ref(&local) as i64;
    // The kernel writes to `out` only, and answers EFAULT for an address that cannot be read.
    let read = raw(libc::SYS_process_vm_readv, [process, local, 1, remote.as_ptr() as i64, 2, 0]);
    if read < 0 { 0 } else { read as usize }
}

/// Whether an address is in the binary's own static memory.
pub fn is_static(address: usize) -> bool {
    unsafe extern "C" {
        // Of the linker: only their addresses mean something.
        static __executable_start: u8;
        static _end: u8;
    }
    (&raw const __executable_start as usize..&raw const _end as usize).contains(&address)
}

/// Whether the word at an address holds `value`; also if the word is not there any more.
pub fn word_is(address: usize, value: u32) -> bool {
    let mut bytes = [0; 4];
    peek(address, &mut bytes) != 4 || u32::from_ne_bytes(bytes) == value
}

/// The name of the function that a library exports nearest below an address. Not for the handler.
pub fn exported(address: usize) -> Option<String> {
    let mut info = mem::MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: a place for a Dl_info, which zeros are a valid value of; any address may be asked about. The name is a text
    // of the library's that ends in NUL, there as long as the library is; it is copied at once.
    unsafe {
        if libc::dladdr(address as *const c_void, info.as_mut_ptr()) == 0 {
            return None;
        }
        let name = info.assume_init().dli_sname;
        (!name.is_null()).then(|| std::ffi::CStr::from_ptr(name).to_string_lossy().into_owned())
    }
}

unsafe extern "C" {
    // Of the unwinder that std links, by the Itanium C++ ABI.
    fn _Unwind_Backtrace(step: extern "C" fn(*mut c_void, *mut c_void) -> c_int, walk: *mut c_void) -> c_int;
    fn _Unwind_GetIP(frame: *mut c_void) -> usize;
}

/// What a walk knows.
struct Walk {
    out: *mut usize,
    room: usize,
    count: usize,
}

/// Return addresses, innermost first; how many there are. Neither allocates nor takes a lock since glibc 2.35
/// (`_dl_find_object`); before that it takes the loader's, which is recursive.
pub fn backtrace(out: &mut [usize]) -> usize {
    extern "C" fn step(frame: *mut c_void, walk: *mut c_void) -> c_int {
        // SAFETY: the unwinder passes its frame and the pointer it was given below, alive during the walk.
        let (walk, address) = unsafe { (&mut *walk.cast::<Walk>(), _Unwind_GetIP(frame)) };
        if address == 0 || walk.count == walk.room {
            return 1;
        }
        // SAFETY: below `room`, so within the slice.
        unsafe { walk.out.add(walk.count).write(address) };
        walk.count += 1;
        0
    }
    let mut walk = Walk { out: out.as_mut_ptr(), room: out.len(), count: 0 };
    // SAFETY: `step` and `walk` are what the unwinder calls and passes on; it only reads the stack.
    unsafe { _Unwind_Backtrace(step, (&raw mut walk).cast()) };
    walk.count
}
