//! The live tasks of a run: by the wakers of those that wait they can be ended with it.

use std::task::Waker;

/// A slab of live tasks.
pub struct Registry {
    entries: Vec<Entry>,
    free: u32,
    live: usize,
}

struct Entry {
    /// None before it has waited: it is ready then, or a job.
    waker: Option<Waker>,
    /// How many children it has spawned; the next free place if it is free itself.
    number: u32,
    /// The sim thread behind it, or [`NONE`].
    thread: u32,
}

const NONE: u32 = u32::MAX;

impl Registry {
    pub fn new() -> Registry {
        Registry { entries: Vec::new(), free: NONE, live: 0 }
    }

    /// How many tasks are alive.
    pub fn len(&self) -> usize {
        self.live
    }

    /// A place for a task that is about to be made.
    #[inline]
    pub fn reserve(&mut self) -> u32 {
        self.live += 1;
        match self.entries.get_mut(self.free as usize) {
            Some(entry) => {
                let slot = self.free;
                self.free = entry.number;
                (entry.number, entry.thread) = (0, NONE);
                slot
            }
            None => {
                self.entries.push(Entry { waker: None, number: 0, thread: NONE });
                self.entries.len() as u32 - 1
            }
        }
    }

    /// What is in `slot` stands for this sim thread.
    pub fn stands_for(&mut self, slot: u32, thread: u32) {
        self.entries[slot as usize].thread = thread;
    }

    /// The sim thread that what is in `slot` stands for.
    #[inline]
    pub fn thread(&self, slot: u32) -> Option<u32> {
        self.entries.get(slot as usize).map(|entry| entry.thread).filter(|&thread| thread != NONE)
    }

    /// The task in `slot` waits, and is woken by `waker`.
    #[inline]
    pub fn occupy(&mut self, slot: u32, waker: Waker) {
        self.entries[slot as usize].waker = Some(waker);
    }

    /// Whether the waker of the task in `slot` is known.
    #[inline]
    pub fn is_occupied(&self, slot: u32) -> bool {
        self.entries.get(slot as usize).is_some_and(|entry| entry.waker.is_some())
    }

    /// The task in `slot` is gone. Its waker is for the caller to drop once nothing is borrowed.
    #[inline]
    pub fn release(&mut self, slot: u32) -> Option<Waker> {
        let entry = self.entries.get_mut(slot as usize)?;
        let waker = entry.waker.take();
        entry.number = self.free;
        self.free = slot;
        self.live -= 1;
        waker
    }

    /// Which child the next one of the task in `slot` is.
    #[inline]
    pub fn next_child(&mut self, slot: u32) -> u32 {
        match self.entries.get_mut(slot as usize) {
            Some(entry) => {
                entry.number += 1;
                entry.number - 1
            }
            None => 0,
        }
    }

    /// Clones of the wakers of all live tasks that have ever waited.
    pub fn wakers(&self) -> Vec<(u32, Waker)> {
        let place = |(slot, entry): (usize, &Entry)| Some((slot as u32, entry.waker.clone()?));
        self.entries.iter().enumerate().filter_map(place).collect()
    }

    /// Forgets every task, and leaks those that are alive.
    pub fn abandon(&mut self) {
        for entry in self.entries.drain(..) {
            std::mem::forget(entry.waker);
        }
        self.free = NONE;
        self.live = 0;
    }
}
