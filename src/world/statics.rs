//! Locks in statics: the threads of a world have them, or threads outside it, and by whom a lock is held is nowhere to be read.

use super::World;
use crate::boundary::fork_lock::inside;
use crate::boundary::kernel;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ptr;
use std::sync::{Mutex, PoisonError};

/// What is known of the words of such locks in all worlds of this process.
static EVERYWHERE: Mutex<Everywhere> = Mutex::new(Everywhere { own: BTreeSet::new(), waiting: BTreeSet::new() });

struct Everywhere {
    /// Threads of one world or another have been found to wait for each other with them.
    own: BTreeSet<usize>,
    /// Threads of a run that goes on now do so: the word, and the address of their world.
    waiting: BTreeSet<(usize, usize)>,
}

/// What a world knows of them.
#[derive(Default)]
pub(super) struct Statics {
    /// Its threads wait for each other with them, in all runs.
    own: RefCell<Vec<usize>>,
    /// Those of them that tasks have been found to hold over an await.
    in_tasks: RefCell<Vec<usize>>,
    /// Those of its own that threads of this run have waited for.
    waited: RefCell<Vec<usize>>,
    /// Threads of this run that have let one go, and done nothing since.
    let_go: RefCell<Vec<(u32, usize)>>,
}

fn with_all<R>(f: impl FnOnce(&mut Everywhere) -> R) -> R {
    inside(|| f(&mut EVERYWHERE.lock().unwrap_or_else(PoisonError::into_inner)))
}

impl World {
    /// Whether threads of this world are known to wait for each other with this word.
    pub fn is_own_word(&self, word: usize) -> bool {
        self.statics.own.borrow().contains(&word)
    }

    /// The same of another world of this process.
    pub fn is_own_word_elsewhere(&self, word: usize) -> bool {
        with_all(|all| all.own.contains(&word))
    }

    /// Threads of this world wait for each other with this word.
    pub fn owns_word(&self, word: usize) {
        let mut own = self.statics.own.borrow_mut();
        if !own.contains(&word) {
            own.push(word);
            with_all(|all| all.own.insert(word));
        }
        drop(own);
        self.shares_word(word);
    }

    /// A thread of this world is about to wait for another one of it with this word. If those of another run that goes on now
    /// do so, too, each is outside for the other.
    pub fn shares_word(&self, word: usize) {
        let mut waited = self.statics.waited.borrow_mut();
        if waited.contains(&word) {
            return;
        }
        waited.push(word);
        with_all(|all| {
            all.waiting.insert((word, ptr::from_ref(self).addr()));
            if all.waiting.range((word, 0)..=(word, usize::MAX)).count() > 1 {
                kernel::note_wanted(word);
            }
        });
    }

    /// Whether somebody of this world but the thread with this index may hold the lock that the word is of: a thread that is in
    /// the midst of something, and neither waits for that lock nor has just let it go; or a task, if one has been found to, or
    /// if it is the loop that asks.
    pub fn may_hold_lock(&self, index: Option<u32>, word: usize) -> bool {
        if index.is_none() || self.statics.in_tasks.borrow().contains(&word) {
            return true;
        }
        let let_go = self.statics.let_go.borrow();
        self.workers.borrow().iter().zip(0..).any(|(worker, other)| {
            let is_busy = worker.job.is_some() && index != Some(other);
            is_busy && !self.is_at_word(other, word) && !let_go.contains(&(other, word))
        })
    }

    /// Nobody but a task can hold the lock that the word is of.
    pub fn has_word_in_a_task(&self, word: usize) {
        self.statics.in_tasks.borrow_mut().push(word);
    }

    /// The thread with this index has let the lock go that the word is of, and lets others run (`body`) before it does more.
    pub fn after_letting_go(&self, index: u32, word: usize, body: impl FnOnce()) {
        if !kernel::is_static(word) {
            return body();
        }
        self.statics.let_go.borrow_mut().push((index, word));
        body();
        self.statics.let_go.borrow_mut().retain(|&(other, _)| other != index);
    }

    /// The run is over: its threads wait for no words any more.
    pub(super) fn leave_statics(&self) {
        if self.statics.waited.borrow().is_empty() && self.statics.let_go.borrow().is_empty() {
            return;
        }
        self.statics.let_go.borrow_mut().clear();
        let (waited, own) = (self.statics.waited.take(), ptr::from_ref(self).addr());
        with_all(|all| waited.iter().for_each(|&word| _ = all.waiting.remove(&(word, own))));
    }
}
