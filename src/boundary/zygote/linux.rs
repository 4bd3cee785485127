//! Forking on Linux: a child that does its work, a parent that waits for its end.

use super::super::{kernel, left_stacks};
use super::dying;
use super::lines::{self, Answer, Lines, Wish, forget_but};
use super::{End, LastWords, Life, Pulse, TICK};
use crate::boundary::bare;
use std::ffi::{c_int, c_void};
use std::io::{self, Write};
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::panic::Location;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

/// How much is kept of the end of what a child writes to descriptor 2.
const TAIL: usize = 16 << 10;

/// How much of that is kept for a child that has not come to its end.
const MOST_SAID: usize = 4 << 20;

/// How many children begin one piece of work at most, of which all but the last may [`start_over`].
const MOST_STARTS: u32 = 4;

/// So long, in all, children are forked that have nothing to do but to see that a lock is not free which one before them could not
/// have. Beside threads that have it nearly all the time that may be some hundred.
const PATIENCE: Duration = Duration::from_secs(3);

/// So long the next child waits for its turn where it is not known whether there is a lock.
const DOUBT: Duration = Duration::from_millis(30);

/// How often a lock is looked at.
const GLANCE: Duration = Duration::from_millis(1);

/// So long after one that saw it held the next child is forked.
const MOMENT: Duration = Duration::from_micros(200);

/// So many ticks a child gets that was asked to end, before it is made to.
const GRACE: u32 = 50;

pub(super) fn why_not() -> Option<&'static str> {
    None
}

pub(super) fn is_child() -> bool {
    lines::line_of_this_process().is_some()
}

pub(super) fn start_over(word: usize) {
    dying::start_over(word, MOST_STARTS, is_lasting(word));
}

pub(super) fn prepare(last_words: LastWords) {
    learn_what_is_loaded();
    dying::prepare(last_words);
    // Both make something of themselves at their first use.
    drop((io::stdout().lock(), io::stderr().lock()));
}

pub(super) fn run<'a, G>(
    lines: &'a mut Lines,
    mut hold: impl FnMut() -> G,
    work: impl FnOnce(&mut Answer),
    goes_on: &mut dyn FnMut() -> bool,
) -> io::Result<Life<'a>> {
    learn_what_is_loaded();
    if !left_stacks::are_kept() {
        return Err(io::Error::other("this C library's threads are not known, so that their stacks cannot be kept"));
    }
    let mut starts = 1;
    let mut until = None;
    let mut is_alone;
    loop {
        is_alone = kernel::kernel_threads().is_some_and(|count| count <= own_threads());
        let Some(child) = start(lines, &mut hold)? else { break };
        let (end, given_up) = child.accompany(lines, goes_on)?;
        match lines.wish() {
            Some(Wish::Later { word }) => {
                let until = *until.get_or_insert_with(|| Instant::now() + PATIENCE);
                match Instant::now() < until {
                    // It may be free for moments only.
                    true => thread::sleep(MOMENT),
                    false => lines.despair_of(word),
                }
            }
            Some(Wish::StartOver { word }) if starts < MOST_STARTS => {
                starts += 1;
                let until = *until.get_or_insert_with(|| Instant::now() + PATIENCE);
                match is_lasting(word) && lines.wants(word) {
                    true => wait_until_free(word, lines, until),
                    // What is at that address here is another thread's, or nobody's.
                    false => thread::sleep(DOUBT),
                }
            }
            _ => return Ok(tell(lines, end, given_up)),
        }
    }
    // The child.
    let mut answer = lines.answer();
    dying::begins(starts, is_alone, &lines.wanted);
    dying::watch();
    // What called this is the parent's business: nothing may unwind into it.
    let unwinding = Abort;
    work(&mut answer);
    mem::forget(unwinding);
    hand_over(answer)
}

/// The threads of a process with nobody else in it: the one that forks, the watchdog's, the one that waits for the first of them, and,
/// if that is a test's own, a test harness's that waits for it. (The first has the name of the third.)
fn own_threads() -> u64 {
    if thread::current().name() == Some("main") { 3 } else { 4 }
}

/// Whether this word is in a static, and so the same in each process.
fn is_lasting(word: usize) -> bool {
    is_loaded(word, size_of::<u32>())
}

/// A child could not have the lock of this word. Its holder is a thread of this process, if anybody: the next child is forked
/// when that has let go of it, as far as patience goes. A word that is zero is taken for that of a free lock, as it is with std's and
/// with libc's; one that counts on, as that of a condition variable does, is of none.
#[inline(never)]
fn wait_until_free(word: usize, lines: &mut Lines, until: Instant) {
    let mut first = None;
    loop {
        let mut bytes = [0; 4];
        let is_there = kernel::peek(word, &mut bytes) == bytes.len();
        let value = u32::from_ne_bytes(bytes);
        if !is_there || value == 0 {
            break;
        }
        if counts_on(*first.get_or_insert(value), value) || Instant::now() >= until {
            lines.despair_of(word);
            break;
        }
        thread::sleep(GLANCE);
    }
}

/// Whether a word that had one value, and has another now, is a counter. A lock has few values that are this close to each other: 1
/// and 2.
fn counts_on(first: u32, value: u32) -> bool {
    const FAR: u32 = 1 << 16;
    first > 2 && value > first && value - first < FAR
}

/// Forks a child: nothing, in it.
#[inline(always)]
fn start<G>(lines: &mut Lines, hold: &mut impl FnMut() -> G) -> io::Result<Option<Child>> {
    let pipes = lines.open()?;
    let error = pipes.error.as_raw_fd();
    let (mut stdout, stderr) = (io::stdout().lock(), io::stderr().lock());
    // What is in their buffers would be written twice. Nobody is told here that standard output is gone.
    let _ = stdout.flush();
    let held = hold();
    // SAFETY: every stream of C's; glibc's fork keeps their locks in order. getpid cannot fail. See the room's head for
    // what the child may do after fork.
    let (parent, child) = unsafe {
        libc::fflush(ptr::null_mut());
        (libc::getpid(), libc::fork())
    };
    let failed = (child < 0).then(io::Error::last_os_error);
    drop((stdout, stderr, held));
    match child {
        0 => {
            settle_in(parent, error);
            left_stacks::keep();
            Ok(None)
        }
        child => match failed {
            Some(error) => Err(error),
            None => Ok(Some(Child { id: child, end: None })),
        },
    }
}

/// Ends the process when it is dropped.
struct Abort;

impl Drop for Abort {
    fn drop(&mut self) {
        std::process::abort();
    }
}

/// In the child: has it die with its parent, and write to `error` what it writes to descriptor 2.
fn settle_in(parent: libc::pid_t, error: RawFd) {
    // SAFETY: plain system calls, of which one has a descriptor that is open.
    unsafe {
        bare::call(libc::SYS_prctl, [libc::PR_SET_PDEATHSIG as usize, libc::SIGKILL as usize, 0, 0]);
        if bare::call(libc::SYS_getppid, [0; 4]) != parent as isize {
            // It died before this child could ask to be told.
            libc::_exit(0);
        }
        bare::call(libc::SYS_dup3, [error as usize, 2, 0, 0]);
    }
}

/// In the child: hands its answer over, and ends it.
fn hand_over(answer: Answer) -> ! {
    dying::no_more();
    let _ = io::stdout().lock().flush();
    answer.finish();
    // SAFETY: both end what this process has to do; C's streams are flushed because _exit does not.
    unsafe {
        libc::fflush(ptr::null_mut());
        libc::_exit(0)
    }
}

/// Writes all of `bytes`, unless nobody reads any more. Neither allocates nor locks.
pub(super) fn write_all(to: RawFd, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        // SAFETY: `bytes` are readable; a wrong descriptor is answered with EBADF.
        let written = unsafe { libc::write(to, bytes.as_ptr().cast(), bytes.len()) };
        match written {
            1.. => bytes = &bytes[written as usize..],
            // SAFETY: this thread's own errno, always valid.
            _ if unsafe { *libc::__errno_location() } == libc::EINTR => {}
            _ => return,
        }
    }
}

/// What became of a child that has ended.
#[inline(never)]
fn tell(lines: &mut Lines, end: End, given_up: bool) -> Life<'_> {
    let lines::Taken { answer, last_words, mut said } = lines.take();
    if answer.is_some() && !said.is_empty() {
        // As if it had been written there; of one that died the finding tells.
        let _ = io::stderr().write_all(&said);
    }
    forget_but(&mut said, TAIL);
    Life { answer, last_words, end, given_up, said }
}

/// A child of this process, which does not outlive this value.
struct Child {
    id: libc::pid_t,
    end: Option<End>,
}

impl Child {
    /// Waits for the child's end, takes in what it says, and asks every tick whether it may go on. How it ended, and
    /// whether it was asked to.
    #[inline(never)]
    fn accompany(mut self, lines: &mut Lines, goes_on: &mut dyn FnMut() -> bool) -> io::Result<(End, bool)> {
        let end = self.descriptor();
        let mut asked_to_end: Option<u32> = None;
        let mut last_tick = Instant::now();
        while let Some(pipes) = lines.pipes() {
            // In this order: where the end is seen, all that was said before it is seen as well.
            let fds = [
                end.as_ref().map_or(-1, AsRawFd::as_raw_fd),
                pipes.heard.pipe.as_raw_fd(),
                pipes.said.pipe.as_raw_fd(),
            ];
            let [has_ended, heard, said] = wait_for(fds, TICK.as_millis() as c_int)?;
            // Without a descriptor of the child's what it says is looked for each time.
            if heard || end.is_none() {
                pipes.heard.listen()?;
            }
            if said || end.is_none() {
                pipes.said.listen()?;
            }
            if has_ended {
                break;
            }
            if last_tick.elapsed() < TICK {
                continue;
            }
            if self.look() {
                // What it wrote before it died is all there by now.
                pipes.heard.listen()?;
                pipes.said.listen()?;
                break;
            }
            last_tick = Instant::now();
            match &mut asked_to_end {
                None if !goes_on() => {
                    asked_to_end = Some(0);
                    self.ask_to_end();
                }
                None => {}
                Some(ticks) if *ticks == GRACE => self.kill(),
                Some(ticks) => *ticks += 1,
            }
            pipes.said.forget_but(MOST_SAID);
        }
        self.wait();
        Ok((self.end.unwrap_or(End::Unknown), asked_to_end.is_some()))
    }

    /// What can be waited for until it has ended; nothing where the kernel is older than that.
    fn descriptor(&self) -> Option<OwnedFd> {
        // SAFETY: a child that has not been waited for, so nobody else has its number. What it makes is nobody else's.
        unsafe {
            let fd = bare::call(libc::SYS_pidfd_open, [self.id as usize, 0, 0, 0]) as RawFd;
            (fd >= 0).then(|| OwnedFd::from_raw_fd(fd))
        }
    }

    /// Asks for the end that has last words. The thread is asked that does the work, whose number is its process's: another one
    /// knows of no run, and the kernel may choose another for a process that is asked.
    fn ask_to_end(&self) {
        if self.end.is_none() {
            let number = self.id as usize;
            // SAFETY: a child that has not been waited for, so nobody else has its number.
            unsafe { bare::call(libc::SYS_tgkill, [number, number, libc::SIGTERM as usize, 0]) };
        }
    }

    fn kill(&self) {
        if self.end.is_none() {
            // SAFETY: as in `ask_to_end`.
            unsafe { libc::kill(self.id, libc::SIGKILL) };
        }
    }

    /// Whether it has ended.
    fn look(&mut self) -> bool {
        self.take_status(libc::WNOHANG);
        self.end.is_some()
    }

    /// Waits for its end.
    fn wait(&mut self) {
        self.take_status(0);
    }

    fn take_status(&mut self, flags: c_int) {
        while self.end.is_none() {
            let mut status = 0;
            // SAFETY: a place for a status.
            let who = unsafe { libc::waitpid(self.id, &mut status, flags) };
            self.end = match who {
                0 => return,
                -1 if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => continue,
                -1 => Some(End::Unknown),
                _ if libc::WIFSIGNALED(status) => Some(End::Signal(libc::WTERMSIG(status))),
                _ => Some(End::Exit(libc::WEXITSTATUS(status))),
            };
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
        self.wait();
    }
}

/// Waits until one of these can be read, or so many milliseconds have passed: which of them can.
fn wait_for(fds: [RawFd; 3], millis: c_int) -> io::Result<[bool; 3]> {
    let mut polls = fds.map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 });
    // SAFETY: as many entries as are said; negative descriptors are left out.
    match unsafe { libc::poll(polls.as_mut_ptr(), polls.len() as libc::nfds_t, millis) } {
        -1 => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok([false; 3]),
            error => Err(error),
        },
        _ => Ok(polls.map(|poll| poll.revents != 0)),
    }
}

pub(super) fn share(pulse: &'static Pulse) {
    if pulse.shared.load(Ordering::Relaxed) {
        return;
    }
    let numbers = [&pulse.serial, &pulse.steps, &pulse.look_up_at, &pulse.now, &pulse.seed];
    let before = numbers.map(|number| number.load(Ordering::Relaxed));
    let place = ptr::from_ref(pulse).cast_mut().cast::<c_void>();
    // SAFETY: the value is page after page of its own by its alignment, lives for ever, and consists of atomic integers
    // only, for which every content is valid: whoever reads meanwhile sees the old numbers, zeros or the new ones.
    let mapped = unsafe {
        libc::mmap(
            place,
            mem::size_of::<Pulse>(),
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS | libc::MAP_FIXED,
            -1,
            0,
        )
    };
    if mapped == place {
        numbers.iter().zip(before).for_each(|(number, value)| number.store(value, Ordering::Relaxed));
        pulse.shared.store(true, Ordering::Relaxed);
        lines::remember(pulse);
    }
}

/// Where something is loaded: from, to.
static LOADED: OnceLock<Vec<(usize, usize)>> = OnceLock::new();

/// Notes what is loaded, once: what is loaded later may be elsewhere in a child.
fn learn_what_is_loaded() {
    unsafe extern "C" fn look(info: *mut libc::dl_phdr_info, _: usize, found: *mut c_void) -> c_int {
        // SAFETY: the loader passes its description of an object, with so many program headers; `found` is what it was
        // given below.
        let (base, headers, found) = unsafe {
            let info = &*info;
            let headers = std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into());
            (info.dlpi_addr as usize, headers, &mut *found.cast::<Vec<(usize, usize)>>())
        };
        for header in headers.iter().filter(|header| header.p_type == libc::PT_LOAD) {
            let from = base + header.p_vaddr as usize;
            found.push((from, from + header.p_memsz as usize));
        }
        0
    }
    LOADED.get_or_init(|| {
        let mut found: Vec<(usize, usize)> = Vec::new();
        // SAFETY: `look` takes what the loader passes, and the list, which lives during the call.
        unsafe { libc::dl_iterate_phdr(Some(look), (&raw mut found).cast()) };
        found
    });
}

/// The word that the loader keeps for debuggers: whether its list of what is loaded is whole. Like a lock's it is zero if so. A child
/// that is forked while another thread has something loaded cannot have anything loaded itself: the loader ends it.
pub(super) fn loaders_state() -> Option<usize> {
    /// Of link.h's `r_debug`: a version, two pointers.
    const OFFSET: usize = 24;
    static FOUND: OnceLock<usize> = OnceLock::new();
    // SAFETY: a name that ends in NUL.
    let found = FOUND.get_or_init(|| unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"_r_debug".as_ptr()) } as usize);
    found.checked_add(OFFSET).filter(|_| *found != 0)
}

/// Whether so many bytes are of what was loaded when this process first forked: code, or statics.
fn is_loaded(address: usize, length: usize) -> bool {
    let is_in = |end| LOADED.get().is_some_and(|loaded| loaded.iter().any(|&(from, to)| from <= address && end <= to));
    address.checked_add(length).is_some_and(is_in)
}

pub(super) fn location_at(address: usize) -> Option<&'static Location<'static>> {
    let is_there = is_loaded(address, mem::size_of::<Location<'static>>());
    if !is_there || !address.is_multiple_of(mem::align_of::<Location<'static>>()) {
        return None;
    }
    // SAFETY: a process forked from this one had a `&'static Location` with this address. What was loaded before it was
    // forked, and this was, stands at the same place in both, and is not written to after the loader has relocated it: so
    // the same `Location` is here, for as long as its object is loaded, which is what 'static said there. (A child whose
    // memory was overwritten could say anything; but then code that is unsound has run in this program.)
    Some(unsafe { &*(address as *const Location<'static>) })
}

pub(super) fn signal_name(number: i32) -> Option<&'static str> {
    Some(match number {
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGBUS => "SIGBUS",
        libc::SIGILL => "SIGILL",
        libc::SIGFPE => "SIGFPE",
        libc::SIGABRT => "SIGABRT",
        libc::SIGKILL => "SIGKILL",
        libc::SIGTERM => "SIGTERM",
        libc::SIGINT => "SIGINT",
        libc::SIGQUIT => "SIGQUIT",
        libc::SIGHUP => "SIGHUP",
        libc::SIGPIPE => "SIGPIPE",
        libc::SIGALRM => "SIGALRM",
        libc::SIGTRAP => "SIGTRAP",
        libc::SIGSYS => "SIGSYS",
        libc::SIGXCPU => "SIGXCPU",
        _ => return None,
    })
}
