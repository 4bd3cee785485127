//! The threads that code under test starts itself, as their world sees them.
//!
//! To the scheduler each is a worker that is in one job for as long as it lives. Workers of the pool have the even indices
//! among a world's sim threads, native threads the odd ones.

use super::{PanicSeen, Worker, World};
use crate::boundary::threads::Birth;
use crate::finding::FindingKind;
use crate::id::Key;
use crate::sentinel::Detail;
use std::ffi::c_void;
use std::fmt::Write;

/// The sim thread of worker `number` of the pool.
pub(crate) const fn of_worker(number: u32) -> u32 {
    number * 2
}

/// The number in the pool of the worker that is sim thread `index`.
pub(crate) const fn number_of(index: u32) -> u32 {
    index / 2
}

const fn of_native(place: usize) -> u32 {
    place as u32 * 2 + 1
}

/// Whether sim thread `index` is one that code under test started.
pub(crate) const fn is_native(index: u32) -> bool {
    index % 2 == 1
}

/// A native thread.
pub(crate) struct Native {
    /// Its pthread's number; 0 until it has one.
    number: usize,
    /// Its function has returned.
    is_over: bool,
    /// Nobody will join it.
    is_detached: bool,
    /// The sim threads that wait for its end.
    joiners: Vec<u32>,
    /// What the panic hook saw on it last, and nothing has happened there since.
    panic: Option<(Key, PanicSeen)>,
}

impl World {
    /// The identity of the next child of whoever is running.
    pub fn next_child_key(&self) -> Key {
        let running = self.running.get();
        running.key.child(self.registry.borrow_mut().next_child(running.slot()))
    }

    /// Makes a native thread's sim thread: its index.
    ///
    /// # Errors
    /// The `errno` with which no thread could be made.
    pub fn start_native(
        &self,
        birth: &mut Birth<'_>,
        is_detached: bool,
        main: impl FnOnce(&mut dyn FnMut()) + 'static,
    ) -> Result<u32, i32> {
        self.has_company.set(true);
        let place = {
            let mut natives = self.natives.borrow_mut();
            let place = natives.iter().position(Option::is_none).unwrap_or(natives.len());
            if place == natives.len() {
                natives.push(None);
            }
            let native = Native { number: 0, is_over: false, is_detached, joiners: Vec::new(), panic: None };
            natives[place] = Some(native);
            place
        };
        let index = of_native(place);
        self.worker(index, |worker| *worker = Worker { starting: true, ..Worker::default() });
        let made = self.threads.start_native(index as usize, birth, Box::new(main));
        match made {
            Ok(number) => {
                self.native(index, |native| native.number = number);
                Ok(index)
            }
            Err(errno) => {
                self.worker(index, std::mem::take);
                self.natives.borrow_mut()[place] = None;
                Err(errno)
            }
        }
    }

    fn native<R>(&self, index: u32, f: impl FnOnce(&mut Native) -> R) -> Option<R> {
        self.natives.borrow_mut().get_mut(index as usize / 2)?.as_mut().map(f)
    }

    /// The sim thread of the pthread with this number.
    pub fn native_of(&self, number: usize) -> Option<u32> {
        let natives = self.natives.borrow();
        let is_it = |native: &Option<Native>| native.as_ref().is_some_and(|native| native.number == number);
        natives.iter().position(is_it).map(of_native)
    }

    /// Whether the function of native thread `index` has returned.
    pub fn native_is_over(&self, index: u32) -> bool {
        self.native(index, |native| native.is_over).unwrap_or(true)
    }

    /// Sim thread `joiner` waits for the end of native thread `index`.
    pub fn native_is_awaited(&self, index: u32, joiner: u32) {
        self.native(index, |native| native.joiners.push(joiner));
    }

    /// The function of native thread `index` has returned, and its turn is over.
    pub fn native_ended(&self, index: u32) {
        let Some((joiners, is_detached)) = self.native(index, |native| {
            native.is_over = true;
            (std::mem::take(&mut native.joiners), native.is_detached)
        }) else {
            return;
        };
        for joiner in joiners {
            self.wake_worker(joiner);
        }
        if is_detached {
            self.found_panic_of(index);
            self.join_native(index);
        }
    }

    /// Joins native thread `index`, whose function has returned: with what.
    pub fn join_native(&self, index: u32) -> *mut c_void {
        let value = self.threads.join_native(index as usize);
        self.natives.borrow_mut()[index as usize / 2] = None;
        value
    }

    /// Nobody will wait for native thread `index`.
    pub fn detach_native(&self, index: u32) {
        let is_over = self.native(index, |native| {
            native.is_detached = true;
            native.is_over
        });
        if is_over == Some(true) {
            self.found_panic_of(index);
            self.join_native(index);
        }
    }

    /// A native thread panicked; if that is the last it does, and nobody joins it, it is a finding.
    pub(super) fn native_panicked(&self, index: u32, seen: PanicSeen) {
        let key = self.running.get().key;
        self.native(index, |native| native.panic = Some((key, seen)));
    }

    /// A native thread goes on, and no panic does.
    pub fn native_goes_on(&self, index: u32) {
        let panic = self.native(index, |native| native.panic.take());
        drop(panic);
    }

    fn found_panic_of(&self, index: u32) {
        let panic = self.native(index, |native| native.panic.take()).flatten();
        let Some((key, seen)) = panic.filter(|_| !self.allow_panics.get()) else { return };
        let mut finding = seen.into_finding(FindingKind::Panic);
        finding.task = Some(self.name_of(key));
        finding.hint = Some("nobody joins this thread, so that nobody would have been told".into());
        self.find(finding);
    }

    /// Native threads that panicked before the run was over, and that nobody has joined.
    #[inline(always)]
    pub(super) fn find_unjoined_panics(&self) {
        if self.natives.is_used() {
            self.look_for_unjoined_panics();
        }
    }

    fn look_for_unjoined_panics(&self) {
        let ended: Vec<u32> = {
            let natives = self.natives.borrow();
            let is_over = |native: &Option<Native>| native.as_ref().is_some_and(|native| native.is_over);
            (0..natives.len()).filter(|&place| is_over(&natives[place])).map(of_native).collect()
        };
        ended.into_iter().for_each(|index: u32| self.found_panic_of(index));
    }

    /// The run is over: threads that have ended, and that nobody has joined, go their way.
    #[inline(always)]
    pub(super) fn release_natives(&self) {
        if self.natives.is_used() {
            self.release_used_natives();
        }
    }

    fn release_used_natives(&self) {
        let natives = std::mem::take(&mut *self.natives.borrow_mut());
        for (place, native) in natives.into_iter().enumerate() {
            if native.is_some_and(|native| native.is_over) {
                self.threads.retire(of_native(place) as usize);
            }
        }
    }

    /// The sim thread behind a task of this key, if there is one.
    pub(super) fn thread_of(&self, key: Key) -> Option<u32> {
        let is_it = |worker: &Worker| worker.key == Some(key);
        self.workers.borrow().iter().position(is_it).map(|index| index as u32)
    }

    /// The native thread that has its turn begins: what it does is its job.
    pub fn native_runs(&self) {
        self.worker(self.turn_of.get(), |worker| worker.job = Some(self.running.get()));
    }

    /// The running thread gave itself a name.
    pub fn rename(&self, name: &str) {
        let key = self.running.get().key;
        self.record(|log| log.rename(key, name));
    }

    /// The name of native thread `index`, where a trace is kept.
    pub fn native_in_words(&self, index: u32) -> Detail {
        let key = self.worker(index, |worker| worker.key);
        let mut words = Detail::new();
        let log = self.log.borrow();
        let known = key.and_then(|key| log.as_ref().and_then(|log| Some(&log.actors()[log.index(key)? as usize].name)));
        let _ = known.map(|name| write!(words, "of {name}"));
        words
    }
}
