//! Sim threads: threads of a world, of which one runs at a time and only when the loop says so.
//!
//! A sim thread runs on a *carrier*: a real pthread, so that libc and std set up its stack,
//! thread-locals, name and `ThreadId` as for any other thread. What differs is who executes it:
//! - **borrowed** ([`borrowed`]): the loop's own kernel thread switches to the carrier's stack and
//!   FS base, some 35 ns; the carrier's own kernel thread sleeps until the carrier is to end.
//! - **baton** ([`baton`]): the carrier's own kernel thread, woken and waited for. Slower, and
//!   possible everywhere.
//!
//! Both keep the same rules and pass the same suite (`tests.rs`). Carriers are kept and used again
//! for later bodies, so their thread-locals live on from one body to the next until
//! [`Threads::retire`].

mod baton;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod borrowed;
mod carrier;
mod gate;
mod native;
mod probe;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
mod switch_x86_64;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::sync::atomic::Ordering;

use super::turn;
use carrier::{Carrier, Handle, State};
pub use native::{Birth, Start};

/// How the turn goes from one thread to the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Backend {
    /// The loop's kernel thread runs every thread of the world.
    Borrowed,
    /// Each thread has its own kernel thread, one of which runs at a time.
    Baton,
}

/// Why [`Threads::resume`] came back.
pub enum Resumed {
    /// The body called [`suspend`] and waits to be resumed.
    Suspended,
    /// The body is over; with the payload if it panicked. The carrier can take another body.
    Finished(Option<Box<dyn Any + Send>>),
}

impl fmt::Debug for Resumed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Resumed::Suspended => "Suspended",
            Resumed::Finished(None) => "Finished",
            Resumed::Finished(Some(_)) => "Finished by a panic",
        })
    }
}

/// What the two back ends have in common: moving the turn to a carrier and back.
trait Hand: Sync {
    /// On the carrier's own kernel thread: its whole life. It waits for the turn, runs bodies until it is ended, and
    /// returns.
    fn live(&self, carrier: Handle);
    /// On the thread that has just made the carrier's pthread: returns when it may be given the turn.
    fn await_birth(&self, carrier: &Carrier);
    /// On the loop: lets the carrier run until it, or another one that it has passed the turn to, gives that back.
    fn give(&self, carrier: &Carrier);
    /// On the carrier: stops here and lets the loop run, until the loop gives the turn again.
    fn give_back(&self, carrier: &Carrier);
    /// On the loop: lets the carrier's own kernel thread go on from where the carrier gave the
    /// turn back, for good. The caller joins it.
    fn end(&self, carrier: &Carrier);
    /// On the loop: the carrier will never run again. Frees its kernel thread where possible;
    /// stack and thread-locals stay.
    fn forget(&self, carrier: &Carrier);
    /// In a forked child: keeps libc's hands off a carrier that came along. False if it cannot.
    fn adopt(&self, carrier: &Carrier) -> bool;
}

/// The sim threads of one world, by index.
///
/// Belongs to one world at a time; the carriers stay for the next run. Dropping it retires the
/// carriers that are free and abandons the others.
pub struct Threads {
    hand: &'static dyn Hand,
    backend: Backend,
    why_not_borrowed: Option<&'static str>,
    /// The process in which the carriers are safe from libc; see [`Threads::adopt`].
    process: Cell<u32>,
    /// Who has the turn, or gave it back last: by its index.
    last: Cell<usize>,
    /// Never borrowed while a body, a destructor of the user's or a thread-local's runs: all of
    /// them may come back here.
    slots: RefCell<Vec<Option<Handle>>>,
}

// SAFETY: what keeps it from being Send by itself is the carriers. One that has no body is inert:
// it holds only what its own thread-locals hold, which stay with its own pthread. One that has a
// body remembers the loop thread that started it, and nobody else can resume it or drop its body
// (`Carrier::assert_home`, `Threads::abandon`). So nothing that is not Send reaches a thread it
// may not be on.
unsafe impl Send for Threads {}

impl Threads {
    /// No carriers yet. `want` is what to use; `None` for the best there is. Where `Borrowed` is
    /// not possible it is the baton, and [`why_not_borrowed`](Self::why_not_borrowed) says why.
    pub fn new(want: Option<Backend>) -> Threads {
        let why_not_borrowed = match want {
            Some(Backend::Baton) => Some("the baton was asked for"),
            Some(Backend::Borrowed) | None => probe::why_not_borrowed(),
        };
        let (backend, hand): (Backend, &'static dyn Hand) = match why_not_borrowed {
            #[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
            None => (Backend::Borrowed, &borrowed::Borrowed),
            _ => (Backend::Baton, &baton::Baton),
        };
        Threads {
            hand,
            backend,
            why_not_borrowed,
            process: Cell::new(std::process::id()),
            last: Cell::new(0),
            slots: RefCell::new(Vec::new()),
        }
    }

    /// What is in use.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Why it is not [`Backend::Borrowed`], if it is not.
    pub fn why_not_borrowed(&self) -> Option<&'static str> {
        self.why_not_borrowed
    }

    /// Prepares carrier `index` to run `body` on its first resume.
    ///
    /// The carrier is created if it is missing, with std's default stack (2 MiB, or what
    /// `RUST_MIN_STACK` says), and so is each one named otherwise: that one is retired first, and
    /// its thread-local destructors run now. May be called on the loop and on a sim thread. `body`
    /// need not be `Send`: whatever it shares it shares with threads of this world, one of which
    /// runs at a time, and only the loop thread that is at work now can resume it.
    ///
    /// # Errors
    /// Those of creating a thread: typically `WouldBlock` at a limit of threads or memory. The
    /// body is dropped and the index stays free. `Unsupported` in a forked child if the carriers
    /// that came along could not be kept safe from a new thread.
    ///
    /// # Panics
    /// If carrier `index` has a body that is not finished, or `name` has a NUL byte in it.
    pub fn start(&self, index: usize, name: &str, body: Box<dyn FnOnce() + 'static>) -> io::Result<()> {
        let named_otherwise = match self.find(index) {
            Some(carrier) => {
                carrier.assert_state(&[State::Free], "start");
                &*carrier.name != name
            }
            None => false,
        };
        if named_otherwise {
            self.retire(index);
        }
        let carrier = match self.find(index) {
            Some(carrier) => carrier,
            None => self.create(index, name)?,
        };
        carrier.home.set(carrier::current_home());
        carrier.body.set(Some(body));
        carrier.state.set(State::Ready);
        Ok(())
    }

    /// On the loop thread: gives the turn to carrier `index` until it suspends or its body is
    /// over. While it runs it holds the turn the caller holds now. If it [passes](Self::pass) the turn on, what is told is
    /// of whoever gives it back: [`last`](Self::last).
    ///
    /// # Panics
    /// If the carrier has nothing to run, if it is called on a sim thread, on another loop thread
    /// than the one at work when the body was started, or under another turn than the one the body
    /// was first resumed under.
    #[inline]
    pub fn resume(&self, index: usize) -> Resumed {
        let carrier = self.get(index, "resume");
        assert!(current().is_none(), "resume is for the loop: this is sim thread {:?}", current());
        carrier.assert_home();
        let held = turn::held();
        match carrier.state.get() {
            State::Ready => carrier.turn.set(held),
            State::Suspended => assert!(
                carrier.turn.get() == held,
                "sim thread {index} was suspended under another turn than the one it is resumed under"
            ),
            _ => carrier.assert_state(&[State::Ready, State::Suspended], "resume"),
        }
        carrier.state.set(State::Running);
        self.last.set(index);
        // Without a call through a table where it is the one that is to be fast.
        match self.backend {
            #[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
            Backend::Borrowed => borrowed::Borrowed.give(&carrier),
            _ => self.hand.give(&carrier),
        }
        // Not the same one, perhaps.
        let last = self.last.get();
        let carrier = if last == index { carrier } else { self.get(last, "resume") };
        match carrier.state.get() {
            State::Free => Resumed::Finished(carrier.payload.take()),
            _ => Resumed::Suspended,
        }
    }

    /// The index of the carrier that [`resume`](Self::resume) came back from last.
    #[inline]
    pub fn last(&self) -> usize {
        self.last.get()
    }

    /// On a sim thread: its next [`suspend`] gives the turn to carrier `index` instead of the loop, which waits on. False, and
    /// nothing has happened, if only the loop can give it that: it has to be suspended, under the same loop thread and the
    /// same turn, and the back end has to be able to.
    #[inline(always)]
    pub fn passes_to(&self, index: usize) -> bool {
        let Some((from, to)) = carrier::running().zip(self.find(index)) else { return false };
        let may = self.backend == Backend::Borrowed
            && self.last.get() == from.index
            && to.state.get() == State::Suspended
            && to.home.get() == from.home.get()
            && to.turn.get() == from.turn.get();
        if may {
            // From here on nobody else can have it go on, and so it cannot end either.
            to.state.set(State::Running);
            from.next.set(Some(to));
            self.last.set(index);
        }
        may
    }

    /// Ends carrier `index` for real: its thread-local destructors run on it, in order, once,
    /// while the caller waits, and with the turn the caller holds. Then the OS thread is joined.
    /// In those destructors [`current`] is `None`: they cannot suspend.
    ///
    /// In a process forked after the carrier was made there is no such OS thread any more: the
    /// carrier is forgotten and no destructor runs.
    ///
    /// # Panics
    /// If there is no such carrier or it has a body that is not finished.
    pub fn retire(&self, index: usize) {
        let carrier = self.get(index, "retire");
        carrier.assert_state(&[State::Free], "retire");
        if carrier.native.get().is_some() {
            return self.release_native(index);
        }
        self.slots.borrow_mut()[index] = None;
        if carrier.is_inherited() {
            return;
        }
        if self.adopt().is_err() {
            // Better a thread too many than stacks that are unmapped while in use.
            return;
        }
        carrier.turn.set(turn::held());
        carrier.state.set(State::Ending);
        self.hand.end(&carrier);
        if let Some(thread) = carrier.thread.take() {
            // A panic cannot get here: bodies are caught, and one in a thread-local destructor
            // ends the process.
            let _ = thread.join();
        }
        // SAFETY: the slot is empty and its thread joined, so `carrier` is the only handle left.
        unsafe { carrier.free() };
    }

    /// Gives up carrier `index`, whose body will not go on: its stack and thread-locals are leaked
    /// on purpose, since others may have references into them, and nothing on them is dropped. A
    /// body that was never resumed is just dropped, and its carrier stays for another. The index
    /// is free either way.
    ///
    /// # Panics
    /// If there is no such carrier, or it is the one that is running.
    pub fn abandon(&self, index: usize) {
        let carrier = self.get(index, "abandon");
        carrier.assert_state(&[State::Free, State::Ready, State::Suspended], "abandon");
        match carrier.state.get() {
            State::Suspended => {
                self.slots.borrow_mut()[index] = None;
                carrier.state.set(State::Forgotten);
                if !carrier.is_inherited() {
                    self.hand.forget(&carrier);
                    drop(carrier.thread.take());
                }
            }
            State::Ready => {
                let body = carrier.body.take();
                carrier.state.set(State::Free);
                if carrier.native.get().is_some() {
                    // It never began, and never will.
                    self.slots.borrow_mut()[index] = None;
                    carrier.state.set(State::Forgotten);
                    if !carrier.is_inherited() {
                        self.hand.forget(&carrier);
                    }
                }
                if carrier.home.get() == carrier::current_home() {
                    drop(body);
                } else {
                    // It may hold what only the thread that started it can drop.
                    std::mem::forget(body);
                }
            }
            _ => {}
        }
    }

    /// How many carriers there are, in use or free.
    pub fn carriers(&self) -> usize {
        self.slots.borrow().iter().flatten().count()
    }

    /// Whether libc knows one of the carriers by this number of its kernel thread.
    pub fn has_number(&self, number: i32) -> bool {
        self.slots.borrow().iter().flatten().any(|carrier| carrier.number.load(Ordering::Relaxed) == number)
    }

    /// Whether there is a carrier `index`.
    pub fn exists(&self, index: usize) -> bool {
        self.find(index).is_some()
    }

    fn create(&self, index: usize, name: &str) -> io::Result<Handle> {
        self.adopt()?;
        let carrier = Carrier::make(index, name, self.hand, self.backend);
        let life = move || carrier.live();
        match std::thread::Builder::new().name(name.to_owned()).spawn(life) {
            Ok(thread) => carrier.thread.set(Some(thread)),
            Err(error) => {
                // SAFETY: no thread was made and no slot filled: this is the only handle.
                unsafe { carrier.free() };
                return Err(error);
            }
        }
        self.hand.await_birth(&carrier);
        self.keep(index, carrier);
        Ok(carrier)
    }

    fn keep(&self, index: usize, carrier: Handle) {
        let mut slots = self.slots.borrow_mut();
        if slots.len() <= index {
            slots.resize(index + 1, None);
        }
        slots[index] = Some(carrier);
    }

    /// Once in a forked child, before the first thread is made or ends there: libc takes the
    /// stacks of all threads but the forking one for free, and would hand them out or unmap them.
    fn adopt(&self) -> io::Result<()> {
        let process = std::process::id();
        if self.process.get() == process {
            return Ok(());
        }
        if !self.slots.borrow().iter().flatten().all(|carrier| self.hand.adopt(carrier)) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        self.process.set(process);
        Ok(())
    }

    #[inline]
    fn find(&self, index: usize) -> Option<Handle> {
        self.slots.borrow().get(index).copied().flatten()
    }

    #[inline]
    fn get(&self, index: usize, what: &str) -> Handle {
        match self.find(index) {
            Some(carrier) => carrier,
            None => panic!("{what}: there is no sim thread {index}"),
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        for index in 0..self.slots.get_mut().len() {
            let Some(carrier) = self.find(index) else { continue };
            match carrier.state.get() {
                // Not `retire`'s business, and a second panic here would end the process.
                State::Running | State::Ending | State::Forgotten => continue,
                State::Free => {}
                State::Ready | State::Suspended => self.abandon(index),
            }
            if self.find(index).is_some() {
                self.retire(index);
            }
        }
    }
}

/// On a sim thread: gives the turn back to the loop until resumed; or to the carrier that it [passes](Threads::passes_to) it
/// to, until it is passed back or resumed.
///
/// # Panics
/// On any other thread, and in a thread-local destructor of a sim thread.
#[inline(always)]
pub fn suspend() {
    let carrier = carrier::suspending();
    match carrier.backend {
        #[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri)))]
        Backend::Borrowed => borrowed::Borrowed.leave(carrier, carrier.next.take().as_deref()),
        _ => carrier.hand.give_back(carrier),
    }
}

/// The index of the sim thread whose body is running here, if one is.
#[inline]
pub fn current() -> Option<usize> {
    carrier::current()
}
