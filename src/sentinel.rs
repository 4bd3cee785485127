//! The sentinel: which calls block, what a test says to that, and what was seen. A plain state machine: it makes no call.

use crate::id::Key;
use crate::instant::Instant;
use crate::sites::SiteId;
use std::cell::Cell;
use std::fmt;
use std::panic::Location;

/// What sort of blocking call it is: what a test allows or denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Class {
    /// `std::thread::sleep` and its kin.
    Sleep,
    /// A lock that is held, a condition variable, a channel, `park`, `block_on`.
    Lock,
    /// Waiting for a thread to end.
    Join,
    /// Starting a child process, or waiting for one.
    Process,
    /// Files and folders: data, durability, names.
    File,
    /// A socket without `O_NONBLOCK`.
    Socket,
    /// `poll`, `select` and `epoll_wait` with a timeout other than zero.
    Readiness,
    /// Resolving a host's name.
    Dns,
    /// An empty (or full) pipe, a terminal.
    Pipe,
    /// Writing to standard output or error. Allowed by default.
    Output,
    /// Closing a file. Allowed by default.
    Close,
}

impl Class {
    /// All of them.
    pub const ALL: [Class; 11] = [
        Class::Sleep,
        Class::Lock,
        Class::Join,
        Class::Process,
        Class::File,
        Class::Socket,
        Class::Readiness,
        Class::Dns,
        Class::Pipe,
        Class::Output,
        Class::Close,
    ];

    /// The class in a word or two.
    pub fn name(self) -> &'static str {
        match self {
            Class::Sleep => "sleep",
            Class::Lock => "lock",
            Class::Join => "join",
            Class::Process => "process",
            Class::File => "file",
            Class::Socket => "socket",
            Class::Readiness => "readiness",
            Class::Dns => "DNS",
            Class::Pipe => "pipe",
            Class::Output => "output",
            Class::Close => "close",
        }
    }

    /// What to do instead.
    pub fn advice(self) -> &'static str {
        match self {
            Class::Sleep => "await a timer (`raddle::sleep`, `smol::Timer`), or move the work into `unblock`",
            Class::Lock => {
                "use a lock or channel that is awaited (`async_lock::Mutex`, `async_channel`), and do not hold a \
                 `std::sync::MutexGuard` across an await; `block_on` belongs into `unblock`"
            }
            Class::Join => "join the thread within `unblock`, or have it send its result through an async channel",
            Class::Process => "use `smol::process`, or run the command within `unblock`",
            Class::File => "use `smol::fs`, or move the work into `unblock`",
            Class::Socket => "use `smol::net` or `smol::Async`, or set the socket nonblocking",
            Class::Readiness => "let the reactor wait (`smol::Async`), or move the wait into `unblock`",
            Class::Dns => "use `smol::net::resolve`, or move the look-up into `unblock`",
            Class::Pipe => "use `smol::Unblock` for it, or move the reading into `unblock`",
            Class::Output | Class::Close => "move it into `unblock`",
        }
    }
}

/// What a test says to a class of blocking calls on the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The run fails.
    Deny,
    /// It is told in the report, and the run goes on.
    Report,
    /// Nothing is said.
    Allow,
}

/// What a call touches, as far as that decides whether it blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    Sleep {
        nanos: u64,
    },
    /// A wait that has not come true already.
    Wait {
        is_over: bool,
    },
    /// The end of a thread.
    Join {
        is_over: bool,
    },
    Process,
    /// A child: `hang` without `WNOHANG`.
    Child {
        hang: bool,
    },
    FileData,
    FileName,
    Socket {
        nonblocking: bool,
    },
    /// A pipe, a terminal, an event.
    Pipe {
        nonblocking: bool,
        ready: bool,
    },
    Output,
    Poll {
        zero: bool,
    },
    Close,
}

/// The class under which a call blocks; `None` if it does not.
pub fn verdict(touch: Touch) -> Option<Class> {
    match touch {
        Touch::Sleep { nanos } => (nanos > 0).then_some(Class::Sleep),
        Touch::Wait { is_over } => (!is_over).then_some(Class::Lock),
        Touch::Join { is_over } => (!is_over).then_some(Class::Join),
        Touch::Process => Some(Class::Process),
        Touch::Child { hang } => hang.then_some(Class::Process),
        Touch::FileData | Touch::FileName => Some(Class::File),
        Touch::Socket { nonblocking } => (!nonblocking).then_some(Class::Socket),
        Touch::Pipe { nonblocking, ready } => (!nonblocking && !ready).then_some(Class::Pipe),
        Touch::Output => Some(Class::Output),
        Touch::Poll { zero } => (!zero).then_some(Class::Readiness),
        Touch::Close => Some(Class::Close),
    }
}

/// What a test allows.
#[derive(Clone, Debug)]
pub struct Policies {
    classes: [Policy; Class::ALL.len()],
    /// What the test itself has said of each, so that it may be told that nothing needs it.
    is_given: [bool; Class::ALL.len()],
    paths: Vec<AllowedPath>,
}

/// An allowance by class and path.
#[derive(Clone, Debug)]
struct AllowedPath {
    reason: String,
    class: Class,
    /// As it was given.
    path: String,
    /// Every way in which a call may name it, without `./` before it and `/` behind it.
    names: Vec<String>,
}

impl AllowedPath {
    /// Whether a call of `class` with these arguments is about it, or about what is below.
    fn covers(&self, class: Class, detail: &str) -> bool {
        let detail = detail.trim_matches('"');
        let detail = detail.strip_prefix("./").unwrap_or(detail);
        let end = if class == Class::Socket { ':' } else { '/' };
        let is_below = |name: &String| match detail.strip_prefix(name.as_str()) {
            Some(rest) => rest.is_empty() || rest.starts_with(end) || name.ends_with('/'),
            None => false,
        };
        self.class == class && self.names.iter().any(is_below) && !detail.split('/').any(|part| part == "..")
    }
}

impl Default for Policies {
    fn default() -> Policies {
        let mut classes = [Policy::Deny; Class::ALL.len()];
        classes[Class::Output as usize] = Policy::Allow;
        classes[Class::Close as usize] = Policy::Allow;
        Policies { classes, is_given: [false; Class::ALL.len()], paths: Vec::new() }
    }
}

impl Policies {
    pub fn set(&mut self, class: Class, policy: Policy) {
        self.classes[class as usize] = policy;
        self.is_given[class as usize] = true;
    }

    /// Calls of `class` that name `path`, or what is below it, are allowed; `names` are the other ways to name it.
    pub fn allow_path(&mut self, reason: &str, class: Class, path: &str, names: Vec<String>) {
        let bare = |name: String| {
            let name = name.strip_prefix("./").unwrap_or(&name);
            name.strip_suffix('/').filter(|name| !name.is_empty()).unwrap_or(name).to_string()
        };
        let names = names.into_iter().chain([path.to_string()]).map(bare).filter(|name| !name.is_empty());
        self.paths.push(AllowedPath { reason: reason.into(), class, path: path.into(), names: names.collect() });
    }

    pub fn of(&self, class: Class) -> Policy {
        self.classes[class as usize]
    }

    /// The allowance that covers a call of `class` with these arguments, as an index.
    pub fn path_for(&self, class: Class, detail: &str) -> Option<usize> {
        self.paths.iter().position(|allowed| allowed.covers(class, detail))
    }

    /// Whether nothing of it could turn out not to be needed.
    fn allow_nothing(&self) -> bool {
        self.paths.is_empty() && !Class::ALL.into_iter().any(|class| self.is_allowed_by_test(class))
    }

    fn is_allowed_by_test(&self, class: Class) -> bool {
        self.is_given[class as usize] && self.of(class) == Policy::Allow
    }
}

/// A few words in a place that was there before.
#[derive(Clone, Copy)]
pub struct Detail {
    bytes: [u8; Detail::MOST],
    length: u8,
}

impl Detail {
    pub const fn new() -> Detail {
        Detail { bytes: [0; Detail::MOST], length: 0 }
    }

    /// How many bytes are kept: a long path, and the quotes about it.
    const MOST: usize = 248;
    /// How long a path may be of which both quotes are kept.
    pub const PATH: usize = Detail::MOST - 2;

    pub fn as_str(&self) -> &str {
        let bytes = &self.bytes[..usize::from(self.length)];
        std::str::from_utf8(bytes).unwrap_or_else(|e| std::str::from_utf8(&bytes[..e.valid_up_to()]).unwrap_or(""))
    }
}

impl fmt::Write for Detail {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let at = usize::from(self.length);
        let count = text.len().min(self.bytes.len() - at);
        self.bytes[at..at + count].copy_from_slice(&text.as_bytes()[..count]);
        self.length += count as u8;
        Ok(())
    }
}

/// How many return addresses are kept of a call.
pub const DEPTH: usize = 48;
/// How many names of those kept waiting.
pub const NAMED: usize = 6;
/// How many call sites of one run are kept.
const MOST: usize = 64;

/// Who had what the loop waited for: whoever woke it, in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The task, the job or the thread.
    pub who: Key,
    /// The worker that a job was on.
    pub on: Option<Key>,
}

/// A blocking call on the loop as it was seen: plain numbers, written without an allocation.
#[derive(Clone, Copy)]
pub struct Incident {
    pub class: Class,
    /// The call in a word, and its arguments.
    pub verb: &'static str,
    pub detail: Detail,
    pub frames: [usize; DEPTH],
    pub depth: usize,
    pub who: Key,
    pub site: SiteId,
    pub step: u64,
    pub at: Instant,
    pub count: u32,
    /// Virtual nanoseconds for which the loop stood still.
    pub stood: u64,
    pub ready: [Key; NAMED],
    pub ready_count: usize,
    pub late: [Key; NAMED],
    pub late_count: usize,
    /// Who let the loop go on, or would have.
    pub holder: Option<Holder>,
    /// The loop could never have gone on.
    pub for_ever: bool,
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_decide_whether_a_call_blocks() {
        for (touch, class) in [
            (Touch::Sleep { nanos: 1 }, Some(Class::Sleep)),
            (Touch::Sleep { nanos: 0 }, None),
            (Touch::Wait { is_over: false }, Some(Class::Lock)),
            (Touch::Wait { is_over: true }, None),
            (Touch::Join { is_over: false }, Some(Class::Join)),
            (Touch::Join { is_over: true }, None),
            (Touch::Socket { nonblocking: false }, Some(Class::Socket)),
            (Touch::Socket { nonblocking: true }, None),
            (Touch::Pipe { nonblocking: false, ready: false }, Some(Class::Pipe)),
            (Touch::Pipe { nonblocking: false, ready: true }, None),
            (Touch::Pipe { nonblocking: true, ready: false }, None),
            (Touch::Poll { zero: true }, None),
            (Touch::Poll { zero: false }, Some(Class::Readiness)),
            (Touch::Child { hang: false }, None),
            (Touch::Child { hang: true }, Some(Class::Process)),
        ] {
            assert_eq!(verdict(touch), class, "{touch:?}");
        }
    }

    #[test]
    fn a_path_is_allowed_for_its_class_and_with_what_is_below() {
        let mut policies = Policies::default();
        policies.allow_path("prepares the test", Class::File, "/etc/", Vec::new());
        policies.allow_path("the test's own server", Class::Socket, "10.0.0.1", Vec::new());
        for (class, detail, allowance) in [
            (Class::File, "\"/etc/hosts\"", Some(0)),
            (Class::File, "\"/etc\"", Some(0)),
            (Class::File, "\"/etcetera\"", None),
            (Class::File, "\"/etc/../home/me\"", None),
            (Class::File, "\"/tmp/x\"", None),
            (Class::Socket, "\"/etc/hosts\"", None),
            (Class::Socket, "10.0.0.1:5432", Some(1)),
            (Class::Socket, "10.0.0.10:5432", None),
        ] {
            assert_eq!(policies.path_for(class, detail), allowance, "{detail}");
        }
        assert_eq!(policies.of(Class::Output), Policy::Allow);
    }

    #[test]
    fn a_path_is_allowed_however_a_call_names_it() {
        for given in ["src", "./src", "src/"] {
            let mut policies = Policies::default();
            policies.allow_path("reads itself", Class::File, given, vec!["/home/me/src/".into()]);
            for detail in ["\"src/lib.rs\"", "\"./src/lib.rs\"", "\"/home/me/src/lib.rs\"", "\"src\""] {
                assert_eq!(policies.path_for(Class::File, detail), Some(0), "{given} covers {detail}");
            }
            assert_eq!(policies.path_for(Class::File, "\"tests/lib.rs\""), None, "{given}");
        }
        let mut policies = Policies::default();
        policies.allow_path("all of it", Class::File, "/", Vec::new());
        assert_eq!(policies.path_for(Class::File, "\"/etc/hosts\""), Some(0));
    }
}
