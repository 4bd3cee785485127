//! What a run comes to: what its scenario returned, what is found, and panics.

use super::{World, is_native};
use crate::boundary::threads;
use crate::finding::{Finding, FindingKind};
use crate::id::Key;
use std::fmt;
use std::sync::atomic::Ordering;

/// What a scenario returned, as text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Returned {
    /// Its `Debug` text; `None` for `()`.
    pub text: Option<String>,
    /// The `Debug` text of an `Err`.
    pub error: Option<String>,
    /// The user's own frames of the backtrace that the error had with it, a line each.
    pub stack: Option<String>,
}

/// What tokio says where its runtime is missing, for which a reader would look in vain here.
const TOKIO: &str = "must be called from the context of a Tokio 1.x runtime";
const USE_RADDLE: &str = "raddle is the executor here: use `raddle::spawn`, `raddle::sleep` and `raddle::timeout` in the place \
                          of tokio's, or give tokio's own runtime a job: `raddle::unblock(|| runtime.block_on(…))`";

/// What the panic hook saw last on a thread of this world.
pub(crate) struct PanicSeen {
    pub message: String,
    pub place: Option<String>,
    /// The backtrace, if the environment asks for one.
    pub stack: Option<String>,
}

impl PanicSeen {
    pub(super) fn into_finding(self, kind: FindingKind) -> Finding {
        let details = self.stack.map(|stack| format!("stack:\n{stack}")).into_iter().collect();
        let hint = self.message.contains(TOKIO).then(|| USE_RADDLE.into());
        Finding { place: self.place, details, hint, ..Finding::new(kind, self.message) }
    }
}

impl fmt::Display for PanicSeen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place.as_deref().map_or(String::new(), |place| format!(" (at {place})"));
        write!(f, "{}{place}", self.message)
    }
}

impl World {
    /// The scenario has returned.
    pub fn returned(&self, returned: Returned) {
        if let Some(error) = &returned.error {
            let mut finding = Finding::new(FindingKind::Error, error.clone());
            finding.task = Some("scenario".into());
            finding.details.extend(returned.stack.iter().map(|stack| format!("stack:\n{stack}")));
            self.find(finding);
        }
        self.returned.replace(Some(returned));
        self.stop();
    }

    /// The run is over as soon as the step that goes on is.
    pub(super) fn stop(&self) {
        self.stop.set(true);
        self.beacon.look_up_at.store(0, Ordering::Relaxed);
    }

    /// What the scenario returned, if it did.
    pub fn take_returned(&self) -> Option<Returned> {
        self.returned.take()
    }

    /// The first finding ends the run; later ones are consequences. Whether it is the first.
    pub fn find(&self, finding: Finding) -> bool {
        self.stop();
        !self.closing.get() && self.find_even_at_the_end(finding)
    }

    pub(super) fn find_even_at_the_end(&self, mut finding: Finding) -> bool {
        self.stop();
        let mut place = self.finding.borrow_mut();
        let is_first = place.is_none();
        if is_first {
            finding.step = self.steps();
            finding.at = self.now();
            *place = Some(finding);
        }
        is_first
    }

    /// What the panic hook saw on a thread of this world.
    pub fn saw_panic(&self, seen: PanicSeen) {
        if let Some(index) = threads::current().filter(|&index| is_native(index as u32)) {
            return self.native_panicked(index as u32, seen);
        }
        *self.panic.borrow_mut() = Some(seen);
    }

    /// What the panic hook saw last, if nobody has told of it.
    pub fn take_panic(&self) -> Option<PanicSeen> {
        if self.panic.is_busy() { None } else { self.panic.take() }
    }

    /// A task or job panicked with `payload`.
    #[cold]
    pub fn task_panicked(&self, payload: &(dyn std::any::Any + Send)) {
        self.task_panics();
        self.panicked_with(payload);
    }

    /// The task or job that runs is being unwound by a panic.
    #[cold]
    pub fn task_panics(&self) {
        let name = self.running_name();
        self.record(|log| log.panicked());
        let seen = self.panic.take();
        let is_root = self.running.get().key == Key::ROOT;
        if self.allow_panics.get() && !is_root {
            return;
        }
        self.unwinding.set(true);
        let was_seen = seen.is_some();
        let mut finding = match seen {
            Some(seen) => seen.into_finding(FindingKind::Panic),
            None => Finding::new(FindingKind::Panic, ""),
        };
        finding.task = Some(name);
        let is_first = self.find(finding);
        self.wants_payload.set(is_first && !was_seen);
    }

    /// The panic that was told of last has been caught, and is `payload`. The hook has not seen it, if it was resumed.
    #[cold]
    pub fn panicked_with(&self, payload: &(dyn std::any::Any + Send)) {
        self.unwinding.set(false);
        if let (true, Some(finding)) = (self.wants_payload.take(), self.finding.borrow_mut().as_mut()) {
            finding.message = payload_text(payload);
        }
    }
}

/// What a panic's payload says.
pub(crate) fn payload_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|s| s.to_string());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a value that is no text".into())
}
