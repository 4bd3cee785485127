//! What a process and its children say to each other through: made once, and used by one child after the other.
//!
//! A child costs little more than its fork, so what it says must cost next to nothing. An answer that is not long is put
//! on the page that is shared anyway ([`Pulse`]); two pipes, for long ones with last words and for what is written to
//! descriptor 2, stay open from child to child. That a child has ended is told by the kernel, not by a pipe that ends.

use super::Pulse;
use super::imp::{loaders_state, write_all};
use super::pulse::Room;
use crate::boundary::bare;
use std::ffi::c_int;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

/// What the part of an answer that comes through the pipe begins with.
const REST: u8 = b'r';
/// What last words begin with: all that follows.
pub(super) const LAST_WORDS: u8 = b'w';
/// What says that another child is to be forked in place of this one, which waits for the word at the address that follows.
pub(super) const START_OVER: u8 = b's';

/// What says that a child has not begun, since a lock is held that the word stands for at the address that follows.
pub(super) const LATER: u8 = b'l';

/// So many words are looked at before a child begins.
pub(super) const MOST_WANTED: usize = 8;

/// Code under test finds the numbers free that it would find free without us.
const OUT_OF_THE_WAY: c_int = 400;

/// What a [`Pulse`] has of its process, for one without a pulse that is known: who it is, and its line.
static NAMELESS: (AtomicI32, AtomicI32) = (AtomicI32::new(0), AtomicI32::new(0));

/// The calling process.
fn this_process() -> i32 {
    // SAFETY: getpid touches nothing and cannot fail.
    unsafe { bare::call(libc::SYS_getpid, [0; 4]) as i32 }
}

/// One more than the descriptor for last words, if this process is a child that may have some to say, and none that code
/// under test has forked from it. For signal handlers, too.
pub(super) fn line_of_this_process() -> Option<&'static AtomicI32> {
    let id = this_process();
    let mut all = std::iter::successors(newest(), |known| known.next);
    match all.find(|known| known.pulse.process.load(Ordering::Relaxed) == id) {
        Some(known) => Some(&known.pulse.line),
        None => (NAMELESS.0.load(Ordering::Relaxed) == id).then_some(&NAMELESS.1),
    }
}

/// All pulses that were ever shared: one for each world. Read in signal handlers, and in processes that were forked while
/// another thread added one, so there is no lock.
static NEWEST: AtomicPtr<Known> = AtomicPtr::new(ptr::null_mut());

struct Known {
    pulse: &'static Pulse,
    next: Option<&'static Known>,
}

fn newest() -> Option<&'static Known> {
    // SAFETY: null, or what `remember` made, which is never freed and not written to once it is in the list.
    unsafe { NEWEST.load(Ordering::Acquire).as_ref() }
}

/// `pulse` is one that processes share.
pub(super) fn remember(pulse: &'static Pulse) {
    loop {
        let next = newest();
        let before = next.map_or(ptr::null_mut(), |known| ptr::from_ref(known).cast_mut());
        let known = Box::into_raw(Box::new(Known { pulse, next }));
        if NEWEST.compare_exchange(before, known, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            return;
        }
        // SAFETY: made above, and in nobody's hands.
        drop(unsafe { Box::from_raw(known) });
    }
}

/// The way to and from the children of one exploration.
pub struct Lines {
    /// Whose room these lines have, if it could be had.
    pulse: Option<&'static Pulse>,
    pipes: Option<Pipes>,
    /// The words of locks that children have waited for in vain, and [`loaders_state`].
    pub(super) wanted: Vec<usize>,
    /// The same, which were not free in all the time that there was: perhaps they are no locks.
    despaired_of: Vec<usize>,
    /// The last answer, if it was a long one.
    answer: Vec<u8>,
}

pub(super) struct Pipes {
    /// What children answer and say at last.
    pub heard: Ear,
    /// What they write to descriptor 2.
    pub said: Ear,
    pub answer: OwnedFd,
    pub error: OwnedFd,
}

impl Lines {
    /// Lines for children of a run that `pulse` tells of, which is [shared](Pulse::share) with them.
    pub fn new(pulse: &'static Pulse) -> Lines {
        let has_room = pulse.shared.load(Ordering::Relaxed) && !pulse.lent.swap(true, Ordering::Acquire);
        Lines {
            pulse: has_room.then_some(pulse),
            pipes: None,
            wanted: loaders_state().into_iter().collect(),
            despaired_of: Vec::new(),
            answer: Vec::new(),
        }
    }

    /// The pipes for the next child, with nothing in them.
    pub(super) fn open(&mut self) -> io::Result<&mut Pipes> {
        if let Some(pulse) = self.pulse {
            pulse.answered.store(0, Ordering::Relaxed);
            pulse.process.store(0, Ordering::Relaxed);
        }
        if self.pipes.is_none() {
            self.pipes = Some(Pipes::new()?);
        }
        match &mut self.pipes {
            Some(pipes) => {
                pipes.heard.bytes.clear();
                pipes.said.bytes.clear();
                Ok(pipes)
            }
            None => unreachable!("they were made above"),
        }
    }

    /// A child has waited in vain for this word: whether others are to see first whether it is free.
    pub(super) fn wants(&mut self, word: usize) -> bool {
        let is_new = !self.wanted.contains(&word) && !self.despaired_of.contains(&word);
        if is_new && self.wanted.len() < MOST_WANTED {
            self.wanted.push(word);
        }
        self.wanted.contains(&word)
    }

    /// This word was not free in all the time that there was.
    pub(super) fn despair_of(&mut self, word: usize) {
        self.wanted.retain(|&wanted| wanted != word);
        self.despaired_of.push(word);
    }

    /// What the child wants that has ended.
    pub(super) fn wish(&self) -> Option<Wish> {
        let (wish, word) = self.pipes.as_ref()?.heard.bytes.split_first()?;
        let word = usize::from_le_bytes(word.try_into().ok()?);
        match *wish {
            START_OVER => Some(Wish::StartOver { word }),
            LATER => Some(Wish::Later { word }),
            _ => None,
        }
    }

    /// The pipes of the child at work.
    pub(super) fn pipes(&mut self) -> Option<&mut Pipes> {
        self.pipes.as_mut()
    }

    /// What a child that has ended answered; nothing if it did not come to that. Whatever else was in the pipes is told by
    /// `last_words` and `said`.
    pub(super) fn take(&mut self) -> Taken<'_> {
        let Lines { pulse, pipes, answer, .. } = self;
        let mut taken = Taken { answer: None, last_words: None, said: Vec::new() };
        let Some(open) = pipes else { return taken };
        taken.said = std::mem::take(&mut open.said.bytes);
        if let Some(pulse) = pulse {
            // The number may be another process's by now.
            pulse.process.store(0, Ordering::Relaxed);
        }
        let (in_the_room, in_all) = match pulse {
            Some(pulse) => {
                let in_all = pulse.answered.load(Ordering::Acquire).checked_sub(1);
                let length = in_all.map_or(0, |all| all.min(Room::SIZE as u64) as usize);
                // SAFETY: so many bytes of the room were written before `answered`, by the only process that does so: the
                // child, which has ended. The next one is forked when these lines are not borrowed any more, and nobody else
                // has the room: the pulse is lent to them.
                (unsafe { std::slice::from_raw_parts(pulse.room.at().cast_const(), length) }, in_all)
            }
            None => (&[][..], None),
        };
        if in_all == Some(in_the_room.len() as u64) {
            // There was room for all of it.
            taken.answer = Some(in_the_room);
            return taken;
        }
        let heard = open.heard.bytes.split_first();
        let rest = heard.filter(|(first, _)| **first == REST).and_then(|(_, rest)| rest.split_first_chunk::<8>());
        if let Some((length, rest)) = rest
            && rest.len() as u64 == u64::from_le_bytes(*length)
            && (in_all.is_some() || pulse.is_none())
        {
            answer.clear();
            answer.extend_from_slice(in_the_room);
            answer.extend_from_slice(rest);
            taken.answer = Some(answer);
            return taken;
        }
        taken.last_words = heard.filter(|(first, _)| **first == LAST_WORDS).map(|(_, rest)| rest.to_vec());
        // Whoever has them open from here on is heard by nobody.
        *pipes = None;
        taken
    }

    /// In the child: where its answer goes. From here on it may have last words to say.
    pub(super) fn answer(&self) -> Answer {
        let process = this_process();
        let line = self.pipes.as_ref().map_or(-1, |pipes| pipes.answer.as_raw_fd());
        let (place, its_line) = match self.pulse {
            Some(pulse) => (&pulse.process, &pulse.line),
            None => (&NAMELESS.0, &NAMELESS.1),
        };
        its_line.store(line + 1, Ordering::Relaxed);
        place.store(process, Ordering::Relaxed);
        Answer { pulse: self.pulse, line, process, is_ours: None, used: 0, rest: Vec::new() }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        if let Some(pulse) = self.pulse {
            pulse.lent.store(false, Ordering::Release);
        }
    }
}

/// What a child wants, because of the lock that this word stands for.
pub(super) enum Wish {
    /// Another one in its place: it waited in vain.
    StartOver { word: usize },
    /// The same, when the lock is free: it has not begun.
    Later { word: usize },
}

/// What has come through lines.
pub(super) struct Taken<'a> {
    pub answer: Option<&'a [u8]>,
    pub last_words: Option<Vec<u8>>,
    pub said: Vec<u8>,
}

/// Where a child puts its answer.
pub struct Answer {
    pulse: Option<&'static Pulse>,
    line: RawFd,
    /// Who is to answer.
    process: i32,
    /// Whether that is this process, once it has been looked at.
    is_ours: Option<bool>,
    used: usize,
    /// What there is no room for.
    rest: Vec<u8>,
}

impl Answer {
    /// Adds to it.
    pub fn put(&mut self, bytes: &[u8]) {
        let process = self.process;
        if !*self.is_ours.get_or_insert_with(|| process == this_process()) {
            return;
        }
        let mut fits = 0;
        if let Some(pulse) = self.pulse
            && self.rest.is_empty()
        {
            fits = bytes.len().min(Room::SIZE - self.used);
            // SAFETY: there is room for so many bytes, of which none is anybody's but the child's that is to answer, and this is
            // it; it has one answer, and what reads it does so when it has ended.
            unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), pulse.room.at().add(self.used), fits) };
            self.used += fits;
        }
        if fits < bytes.len() {
            self.rest.extend_from_slice(&bytes[fits..]);
        }
    }

    /// Hands it over.
    pub(super) fn finish(self) {
        if !self.is_ours.unwrap_or_else(|| self.process == this_process()) {
            return;
        }
        if !self.rest.is_empty() || self.pulse.is_none() {
            let mut head = [REST; 9];
            head[1..].copy_from_slice(&(self.rest.len() as u64).to_le_bytes());
            write_all(self.line, &head);
            write_all(self.line, &self.rest);
        }
        if let Some(pulse) = self.pulse {
            pulse.answered.store((self.used + self.rest.len()) as u64 + 1, Ordering::Release);
        }
    }
}

impl Pipes {
    fn new() -> io::Result<Pipes> {
        let ((answers, answer), (errors, error)) = (pipe()?, pipe()?);
        let away = out_of_the_way;
        Ok(Pipes {
            heard: Ear::new(away(answers)),
            said: Ear::new(away(errors)),
            answer: away(answer),
            error: away(error),
        })
    }
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

/// The same with a high number, unless there are not so many here.
fn out_of_the_way(fd: OwnedFd) -> OwnedFd {
    // SAFETY: a plain call on an open descriptor. What it makes is nobody else's.
    unsafe {
        match libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, OUT_OF_THE_WAY) {
            -1 => fd,
            high => OwnedFd::from_raw_fd(high),
        }
    }
}

/// The reading end of a pipe, and what came through it.
pub(super) struct Ear {
    pub pipe: File,
    pub bytes: Vec<u8>,
}

impl Ear {
    fn new(pipe: OwnedFd) -> Ear {
        // SAFETY: an open descriptor; the command touches no memory. Should it fail, reading waits until there is something.
        unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
        Ear { pipe: File::from(pipe), bytes: Vec::new() }
    }

    /// Lets go of all but the last `most` bytes.
    pub fn forget_but(&mut self, most: usize) {
        forget_but(&mut self.bytes, most);
    }

    /// Takes in all there is.
    #[inline(never)]
    pub fn listen(&mut self) -> io::Result<()> {
        let mut room = [0; 4096];
        loop {
            match self.pipe.read(&mut room) {
                Ok(0) => return Ok(()),
                Ok(count) => self.bytes.extend_from_slice(&room[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Lets go of all but the last `most` bytes.
pub(super) fn forget_but(bytes: &mut Vec<u8>, most: usize) {
    let surplus = bytes.len().saturating_sub(most);
    bytes.drain(..surplus);
}
