//! Forking on Linux: two pipes, a child that does its work, a parent that waits for its end.

use super::dying;
use super::{End, LastWords, Life, Pulse, TICK};
use std::ffi::{c_int, c_void};
use std::fs::File;
use std::io::{self, Read, Write};
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::panic::Location;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// What an answer begins with; its length and itself follow.
const ANSWER: u8 = b'a';
/// What last words begin with: all that follows.
pub(super) const LAST_WORDS: u8 = b'w';

/// How much is kept of the end of what a child writes to descriptor 2.
const TAIL: usize = 16 << 10;

/// How much of that is kept for a child that has not come to its end.
const MOST_SAID: usize = 4 << 20;

/// So many ticks a child gets that was asked to end, before it is made to.
const GRACE: u32 = 50;

pub(super) fn why_not() -> Option<&'static str> {
    None
}

/// Both ends of a new pipe, reading and writing, closed on exec.
fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends: [c_int; 2] = [-1; 2];
    // SAFETY: a place for two descriptors.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: both are open, and nobody else's.
    Ok(unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) })
}

pub(super) fn run<G>(
    held: G,
    last_words: LastWords,
    work: impl FnOnce() -> Vec<u8>,
    goes_on: &mut dyn FnMut() -> bool,
) -> io::Result<Life> {
    learn_what_is_loaded();
    dying::prepare(last_words);
    let (answers, answer) = pipe()?;
    let (errors, error) = pipe()?;
    let (mut stdout, stderr) = (io::stdout().lock(), io::stderr().lock());
    // What is in their buffers would be written twice. Nobody is told here that standard output is gone.
    let _ = stdout.flush();
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
            let line = settle_in(parent, answers, answer, errors, error);
            dying::watch(line);
            // What called this is the parent's business: nothing may unwind into it.
            let unwinding = Abort;
            let answer = work();
            mem::forget(unwinding);
            answer_with(line, &answer)
        }
        child => {
            drop((answer, error));
            match failed {
                Some(error) => Err(error),
                None => Child { id: child, end: None }.accompany(answers, errors, goes_on),
            }
        }
    }
}

/// Ends the process when it is dropped.
struct Abort;

impl Drop for Abort {
    fn drop(&mut self) {
        std::process::abort();
    }
}

/// In the child: has it die with its parent, and puts its descriptors out of the way. Where its answer goes.
fn settle_in(parent: libc::pid_t, answers: OwnedFd, answer: OwnedFd, errors: OwnedFd, error: OwnedFd) -> RawFd {
    /// Code under test finds the numbers free that it would find free without us.
    const OUT_OF_THE_WAY: c_int = 400;
    // SAFETY: plain system calls on descriptors that are open and owned here. The descriptor that is duplicated is left to
    // live as long as the process.
    let line = unsafe {
        libc::syscall(libc::SYS_prctl, libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        if libc::syscall(libc::SYS_getppid) != libc::c_long::from(parent) {
            // It died before this child could ask to be told.
            libc::_exit(0);
        }
        libc::syscall(libc::SYS_dup3, error.as_raw_fd(), 2, 0);
        libc::syscall(libc::SYS_fcntl, answer.as_raw_fd(), libc::F_DUPFD_CLOEXEC, OUT_OF_THE_WAY) as RawFd
    };
    drop((answers, errors, error));
    if line >= 0 {
        return line;
    }
    // There are not so many here.
    let line = answer.as_raw_fd();
    mem::forget(answer);
    line
}

/// In the child: hands its answer over, and ends it.
fn answer_with(line: RawFd, answer: &[u8]) -> ! {
    dying::no_more();
    let _ = io::stdout().lock().flush();
    let mut head = [ANSWER; 9];
    head[1..].copy_from_slice(&(answer.len() as u64).to_le_bytes());
    write_all(line, &head);
    write_all(line, answer);
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

/// A child of this process, which does not outlive this value.
struct Child {
    id: libc::pid_t,
    end: Option<End>,
}

impl Child {
    /// Waits for the child's end, takes in what it says, and asks every tick whether it may go on.
    fn accompany(mut self, answers: OwnedFd, errors: OwnedFd, goes_on: &mut dyn FnMut() -> bool) -> io::Result<Life> {
        let mut heard = Ear::new(answers);
        let mut said = Ear::new(errors);
        let mut asked_to_end: Option<u32> = None;
        let mut last_tick = Instant::now();
        // An answer that the pipe has room for is heard when the child has ended: so this is woken once, not twice.
        let mut is_long = false;
        loop {
            wait_for(&heard, is_long, &said, TICK.as_millis() as c_int)?;
            heard.listen()?;
            said.listen()?;
            if answer_in(&heard.bytes).is_some() {
                break;
            }
            is_long = !heard.bytes.is_empty();
            let is_tick = last_tick.elapsed() >= TICK;
            // One that has closed what it was to answer on may live; one that another process has open may have ended.
            if (is_tick || !heard.is_open()) && self.look() {
                break;
            }
            if !is_tick {
                continue;
            }
            last_tick = Instant::now();
            match &mut asked_to_end {
                None if !goes_on() => {
                    asked_to_end = Some(0);
                    self.signal(libc::SIGTERM);
                }
                None => {}
                Some(ticks) if *ticks == GRACE => self.signal(libc::SIGKILL),
                Some(ticks) => *ticks += 1,
            }
            said.forget_but(MOST_SAID);
        }
        self.wait();
        // What it wrote before it died is all there by now.
        heard.listen()?;
        said.listen()?;
        let answer = answer_in(&heard.bytes).map(<[u8]>::to_vec);
        if answer.is_some() && !said.bytes.is_empty() {
            // As if it had been written there; of one that died the finding tells.
            let _ = io::stderr().write_all(&said.bytes);
        }
        let last_words = heard.bytes.split_first().filter(|(first, _)| **first == LAST_WORDS);
        let last_words = last_words.map(|(_, rest)| rest.to_vec());
        said.forget_but(TAIL);
        let end = self.end.unwrap_or(End::Unknown);
        Ok(Life { answer, last_words, end, given_up: asked_to_end.is_some(), said: said.bytes })
    }

    fn signal(&self, signal: c_int) {
        if self.end.is_none() {
            // SAFETY: a child that has not been waited for, so nobody else has its number.
            unsafe { libc::kill(self.id, signal) };
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
        self.signal(libc::SIGKILL);
        self.wait();
    }
}

/// The answer in what has been heard, if all of it is there.
fn answer_in(heard: &[u8]) -> Option<&[u8]> {
    let rest = heard.strip_prefix(&[ANSWER])?;
    let (length, rest) = rest.split_first_chunk::<8>()?;
    rest.get(..usize::try_from(u64::from_le_bytes(*length)).ok()?)
}

/// The reading end of a pipe, and what came through it.
struct Ear {
    pipe: Option<File>,
    bytes: Vec<u8>,
}

impl Ear {
    fn new(pipe: OwnedFd) -> Ear {
        // SAFETY: an open descriptor; the command touches no memory. Should it fail, reading waits until there is something.
        unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
        Ear { pipe: Some(File::from(pipe)), bytes: Vec::new() }
    }

    /// Whether more may come.
    fn is_open(&self) -> bool {
        self.pipe.is_some()
    }

    /// Lets go of all but the last `most` bytes.
    fn forget_but(&mut self, most: usize) {
        let surplus = self.bytes.len().saturating_sub(most);
        self.bytes.drain(..surplus);
    }

    /// Takes in all there is.
    fn listen(&mut self) -> io::Result<()> {
        let Some(pipe) = &mut self.pipe else { return Ok(()) };
        let mut room = [0; 4096];
        loop {
            match pipe.read(&mut room) {
                Ok(0) => break self.pipe = None,
                Ok(count) => self.bytes.extend_from_slice(&room[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Waits until one of the pipes is at its end, or something is `said` (or `heard`, if that `is_long`), or so many milliseconds
/// have passed.
fn wait_for(heard: &Ear, is_long: bool, said: &Ear, millis: c_int) -> io::Result<()> {
    let mut polls = [(heard, is_long), (said, true)].map(|(ear, listens)| {
        let fd = ear.pipe.as_ref().map_or(-1, AsRawFd::as_raw_fd);
        libc::pollfd { fd, events: if listens { libc::POLLIN } else { 0 }, revents: 0 }
    });
    // SAFETY: as many entries as are said; negative descriptors are left out.
    match unsafe { libc::poll(polls.as_mut_ptr(), polls.len() as libc::nfds_t, millis) } {
        -1 => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            error => Err(error),
        },
        _ => Ok(()),
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

pub(super) fn location_at(address: usize) -> Option<&'static Location<'static>> {
    let loaded = LOADED.get()?;
    let end = address.checked_add(mem::size_of::<Location<'static>>())?;
    let is_there = loaded.iter().any(|&(from, to)| from <= address && end <= to);
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
