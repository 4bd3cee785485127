//! What is told where one seed goes two ways.

use crate::finding::{Finding, FindingKind};
use crate::run::RunResult;
use crate::trace::{Event, PollEnd, Trace, What};

/// What to look for where one seed goes two ways. A counter in a static is the commonest: tokio's `watch` draws by one
/// which of its waiters it wakes first.
const OUTSIDE_THE_SEED: &str = "something outside the seed decides: an address, the wall clock, a thread of its own, hash \
                                order, or a static that an earlier run changed (as tokio's `sync::watch` counts in one): \
                                with isolation = \"process\" each run has statics of its own";

/// Where child processes have a part in it, they are the likeliest reason.
const CHILDREN: &str = "child processes of the run decide, which are real: for how long one sleeps, and which of several is \
                        first, is up to the machine. Have the run wait for one (`wait`, `output`) rather than ask for it by \
                        turns (`try_wait`)";

/// What to do about it.
fn hint(results: [&RunResult; 2]) -> String {
    match results.iter().any(|result| result.ended.started_children) {
        true => format!("{CHILDREN}; if that is not it: {OUTSIDE_THE_SEED}"),
        false => OUTSIDE_THE_SEED.to_string(),
    }
}

/// The first event at which two runs of the same seed differ.
pub(super) fn tell_divergence(a: &RunResult, b: &RunResult) -> Finding {
    let mut finding = Finding::new(FindingKind::Divergence, "the same seed went two ways").hint(hint([a, b]));
    let (Some(one), Some(two)) = (&a.ended.trace, &b.ended.trace) else { return finding };
    // A poll's event stands where it began: what came of it shows better in what follows, if anything does.
    let begun = |event: &Event| match event.what {
        What::Polled { actor, woken, before, .. } => What::Polled { actor, woken, before, end: PollEnd::Open },
        ref other => other.clone(),
    };
    let pairs = || one.events.iter().zip(&two.events);
    let place = pairs().position(|(x, y)| (x.step, x.at, x.worker, begun(x)) != (y.step, y.at, y.worker, begun(y)));
    let place = place.or_else(|| pairs().position(|(x, y)| x != y && one.events.len() == two.events.len()));
    let place = place.or((one.events.len() != two.events.len()).then(|| one.events.len().min(two.events.len())));
    match place {
        Some(place) => {
            let event = |trace: &Trace| match trace.events.get(place) {
                Some(event) => trace.tell(event),
                None => "nothing more".to_string(),
            };
            let (step, at) =
                one.events.get(place).or(two.events.get(place)).map(|e| (e.step, e.at)).unwrap_or_default();
            (finding.step, finding.at) = (step, at);
            finding.details.push(format!(
                "the first difference, at step {step}, {at} virtual:\n  one run:   {}\n  the other: {}",
                event(one),
                event(two)
            ));
        }
        None if a.returned.as_ref().map(|r| &r.text) != b.returned.as_ref().map(|r| &r.text) => {
            let text = |r: &RunResult| r.returned.as_ref().and_then(|r| r.text.clone()).unwrap_or_default();
            finding.details.push(format!(
                "the events are the same, what was returned is not:\n  one run:   {}\n  the other: {}",
                text(a),
                text(b)
            ));
        }
        None => finding.details.push("two more runs with a full trace went the same way as each other".into()),
    }
    finding
}

/// A failure that did not come back when its seed was run again.
pub(super) fn tell_another_end(failed: &RunResult, again: &RunResult) -> Finding {
    let say = |result: &RunResult| match &result.ended.finding {
        Some(finding) => finding.to_string(),
        None => "it passed".into(),
    };
    let mut finding =
        Finding::new(FindingKind::Divergence, "the failure did not come back when its seed was run again");
    finding.details.push(format!("  one run:   {}\n  the other: {}", say(failed), say(again)));
    finding.hint(hint([failed, again]))
}
