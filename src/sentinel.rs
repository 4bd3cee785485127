//! The sentinel: which calls block, what a test says to that, and what was seen. A plain state machine: it makes no call.

mod class;
mod incident;
mod policies;

pub use class::{Class, Policy, Touch, verdict};
pub use incident::{DEPTH, Detail, Holder, Incident, NAMED};
pub use policies::Policies;

use std::cell::Cell;
use std::panic::Location;

/// How many call sites of one run are kept.
const MOST: usize = 64;

/// An allowance by scope: [`allow_blocking`](crate::allow_blocking).
pub struct Scope {
    pub reason: &'static str,
    pub at: &'static Location<'static>,
    pub used: bool,
}

/// An allowance by function: [`allow_blocking_in`](crate::allow_blocking_in).
pub struct Within {
    pub function: &'static str,
    pub reason: &'static str,
    pub at: &'static Location<'static>,
    pub used: Cell<bool>,
}

/// What was seen in a run.
pub struct Sentinel {
    pub policies: Policies,
    incidents: Vec<Incident>,
    left_out: u64,
    scopes: Vec<Scope>,
    open: Vec<usize>,
    within: Vec<Within>,
    /// Allowances of the test itself that something has needed, by class and by path.
    used_classes: [Cell<bool>; Class::ALL.len()],
    used_paths: Vec<Cell<bool>>,
}

impl Sentinel {
    pub fn new() -> Sentinel {
        Sentinel {
            policies: Policies::default(),
            incidents: Vec::with_capacity(MOST),
            left_out: 0,
            scopes: Vec::new(),
            open: Vec::with_capacity(8),
            within: Vec::new(),
            used_classes: Default::default(),
            used_paths: Vec::new(),
        }
    }

    /// Judges by `policies` from the next run on.
    pub fn obey(&mut self, policies: &Policies) {
        self.policies = policies.clone();
        self.used_paths = policies.paths.iter().map(|_| Cell::new(false)).collect();
    }

    /// A new run.
    pub fn reset(&mut self) {
        self.incidents.clear();
        self.left_out = 0;
        self.scopes.clear();
        self.open.clear();
        self.within.clear();
        self.used_classes.iter().chain(&self.used_paths).for_each(|used| used.set(false));
    }

    /// Whether nothing was seen and nothing allowed.
    pub fn is_idle(&self) -> bool {
        self.incidents.is_empty() && self.scopes.is_empty() && self.within.is_empty() && self.policies.allow_nothing()
    }

    /// Whether a blocking call of `class` is to be written down now. One that is allowed counts as a use of its allowance.
    pub fn is_news(&mut self, class: Class) -> bool {
        if let Some(&scope) = self.open.last() {
            self.scopes[scope].used = true;
            return false;
        }
        // Who looks up a host may touch files and sockets.
        if self.policies.of(class) != Policy::Allow || class == Class::Socket || class == Class::File {
            return true;
        }
        self.uses_class(class);
        false
    }

    /// Something of `class` blocked that is allowed as such.
    pub fn uses_class(&self, class: Class) {
        self.used_classes[class as usize].set(true);
    }

    /// Something blocked that the allowance of this index covers.
    pub fn uses_path(&self, path: usize) {
        self.used_paths[path].set(true);
    }

    /// What the test itself allows, and that something needed, or nothing did: as it is told.
    pub fn allowed_by_test(&self, used: bool) -> impl Iterator<Item = String> {
        let classes = Class::ALL.into_iter().zip(&self.used_classes);
        let classes = classes.filter(move |(class, was)| self.policies.is_allowed_by_test(*class) && was.get() == used);
        let paths = self.policies.paths.iter().zip(&self.used_paths).filter(move |(_, was)| was.get() == used);
        let classes = classes.map(|(class, _)| format!("all calls of class {}", class.name()));
        classes.chain(paths.map(|(a, _)| format!("{:?} for class {} at {:?}", a.reason, a.class.name(), a.path)))
    }

    /// Whether a test has nothing against a call of `class` made now.
    pub fn is_allowed(&self, class: Class) -> bool {
        !self.open.is_empty() || self.policies.of(class) != Policy::Deny
    }

    /// Makes sure that there is room for another incident.
    pub fn make_room(&mut self) {
        if self.incidents.len() == self.incidents.capacity() {
            self.incidents.pop();
            self.left_out += 1;
        }
    }

    /// Writes an incident down, and gives its index; the same call site is counted, not written twice. Never allocates.
    pub fn add(&mut self, incident: Incident) -> Option<usize> {
        // What is allowed at a call site is told apart from what is not.
        let allowance = |i: &Incident| match self.policies.paths.is_empty() {
            true => None,
            false => self.policies.path_for(i.class, i.detail.as_str()),
        };
        let allowed = allowance(&incident);
        let same = |i: &Incident| {
            i.class == incident.class
                && i.frames[..i.depth] == incident.frames[..incident.depth]
                && allowance(i) == allowed
        };
        if let Some(known) = self.incidents.iter().position(same) {
            self.incidents[known].count += 1;
            return Some(known);
        }
        if self.incidents.len() == self.incidents.capacity() {
            self.left_out += 1;
            return None;
        }
        self.incidents.push(incident);
        Some(self.incidents.len() - 1)
    }

    pub fn incident(&mut self, index: usize) -> &mut Incident {
        &mut self.incidents[index]
    }

    pub fn incidents(&self) -> &[Incident] {
        &self.incidents
    }

    /// Opens a scope in which blocking is allowed.
    pub fn open(&mut self, reason: &'static str, at: &'static Location<'static>) {
        let known = self.scopes.iter().position(|s| std::ptr::eq(s.at, at));
        let index = known.unwrap_or_else(|| {
            self.scopes.push(Scope { reason, at, used: false });
            self.scopes.len() - 1
        });
        self.open.push(index);
    }

    /// Closes the last one.
    pub fn close(&mut self) {
        self.open.pop();
    }

    pub fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    /// From now on blocking is allowed in `function` and in what it calls.
    pub fn allow_in(&mut self, function: &'static str, reason: &'static str, at: &'static Location<'static>) {
        if !self.within.iter().any(|known| known.function == function) {
            self.within.push(Within { function, reason, at, used: Cell::new(false) });
        }
    }

    pub fn within(&self) -> &[Within] {
        &self.within
    }
}
