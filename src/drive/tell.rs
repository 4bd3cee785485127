//! Runs and findings as JSON. What the fields mean is written in crates/cargo-raddle/README.md.

use super::json::{Object, array, texts};
use crate::coverage::Share;
use crate::deviation::Deviation;
use crate::explore::Explored;
use crate::finding::Finding;
use crate::leak::Leak;
use crate::place::At;
use crate::report::{Failure, Report, tell_deviation};
use crate::trace::{Actor, ActorKind, Event, PollEnd, Source, Trace, What};
use std::fmt::Write;

/// What came of a stretch of seeds.
pub(super) fn explored(explored: &Explored) -> String {
    let mut digests = explored.digests.clone();
    digests.sort_unstable();
    let mut hex = String::with_capacity(digests.len() * 16);
    digests.iter().for_each(|digest| {
        let _ = write!(hex, "{digest:016x}");
    });
    let findings = explored.failures.iter().filter_map(|failing| {
        let found = failing.original.ended.finding.as_ref()?;
        Some(finding(found).text("seed", &failing.original.seed.to_string()).number("count", failing.count).end())
    });
    let outcomes = explored.outcomes.iter().map(|seen| {
        let object = Object::new().maybe("text", seen.text.as_ref()).number("count", seen.count);
        object.text("seed", &seen.seed.to_string()).number("deviations", seen.deviations).end()
    });
    Object::new()
        .text("type", "explored")
        .number("runs", explored.runs)
        .number("steps", explored.steps)
        .number("most_decisions", explored.coverage.most_decisions())
        .switch("draws_nothing", explored.coverage.draws_nothing())
        .text("strategy", &explored.strategy.to_string())
        .text("digests", &hex)
        .json("strategies", &array(explored.coverage.strategies().iter().map(share)))
        .json("findings", &array(findings))
        .json("outcomes", &array(outcomes))
        .end()
}

/// What one of the strategies of a portfolio contributed.
fn share(share: &Share) -> String {
    let object = Object::new().text("strategy", &share.strategy).number("runs", share.runs);
    object.number("new", share.new).number("failed", share.failed).end()
}

/// One seed, looked at from all sides.
pub(super) fn looked(report: &Report<()>, failure: Option<&Failure>) -> String {
    let object = Object::new().text("type", "looked").text("seed", &report.seed().to_string());
    let object = match failure {
        None => {
            let found = report.finding().map_or("null".into(), |found| finding(found).end());
            object.json("finding", &found).text("text", &report.to_string()).json("minimised", "null")
        }
        Some(failure) => {
            let found = failure.finding().map_or("null".into(), |found| finding(found).end());
            let object = object.json("finding", &found).text("text", &failure.to_string());
            let minimised = match failure.reruns() {
                None => "null".into(),
                Some(reruns) => Object::new()
                    .number("was", failure.deviations())
                    .number("reruns", reruns as u64)
                    .json("deviations", &deviations(failure.report().trace(), failure.minimised()))
                    .text("schedule", &failure.schedule().to_string())
                    .maybe("passing", failure.passing_schedule().map(|schedule| schedule.to_string()))
                    .end(),
            };
            object.json("minimised", &minimised).text("replay", &failure.replay())
        }
    };
    object.json("run", &run(report)).end()
}

fn finding(found: &Finding) -> Object {
    Object::new()
        .text("kind", found.kind().name())
        .text("fingerprint", &found.fingerprint())
        .text("headline", &found.to_string())
        .text("message", found.message())
        .maybe("place", found.place())
        .maybe("task", found.task())
        .number("step", found.step())
        .number("at", found.at().as_nanos())
        .json("details", &texts(found.details()))
        .maybe("hint", found.hint.as_ref())
}

/// A run with everything that happened in it.
fn run(report: &Report<()>) -> String {
    let trace = report.trace();
    let lanes = trace.lanes_with_steps();
    let short = Some(trace.lanes_in_short()).filter(|short| *short != lanes);
    let gap = trace.gap.map_or("null".into(), |(place, count)| {
        Object::new().number("place", place as u64).number("count", count).end()
    });
    Object::new()
        .text("strategy", &report.strategy().to_string())
        .text("digest", &report.digest().to_string())
        .number("steps", report.steps())
        .number("decisions", report.decisions())
        .number("elapsed", report.elapsed().as_nanos() as u64)
        .text("threads", &report.threads())
        .text("boundary", &report.boundary())
        .json("pending", &texts(report.pending()))
        .json("finding", &report.finding().map_or("null".into(), |found| finding(found).end()))
        .json("deviations", &deviations(trace, trace.deviations()))
        .text("schedule", &report.schedule().to_string())
        .json("leaks", &array(report.leaks().iter().map(leak)))
        .json("actors", &array(trace.actors().iter().map(actor)))
        .json("events", &array(trace.events().iter().map(|e| event(trace, e))))
        .json("gap", &gap)
        .text("lanes", &lanes)
        .maybe("lanes_in_short", short)
        .end()
}

fn deviations(trace: &Trace, deviations: &[Deviation]) -> String {
    array(deviations.iter().map(|deviation| {
        let step = trace.step_of(deviation);
        let object = Object::new().text("text", &tell_deviation(trace, deviation));
        object.json("step", &step.map_or("null".into(), |step| step.to_string())).end()
    }))
}

fn leak(leak: &Leak) -> String {
    Object::new()
        .text("call", leak.call())
        .text("task", leak.task())
        .maybe("place", leak.place())
        .json("frames", &texts(leak.frames()))
        .number("step", leak.step)
        .number("at", leak.at.as_nanos())
        .number("stood", leak.stood.as_nanos() as u64)
        .switch("denied", leak.denied)
        .text("text", &leak.to_string())
        .end()
}

fn actor(actor: &Actor) -> String {
    let kind = match actor.kind() {
        ActorKind::Scenario => "scenario",
        ActorKind::Task => "task",
        ActorKind::Job => "job",
        ActorKind::Worker => "worker",
        ActorKind::Thread => "thread",
    };
    let object = Object::new().text("name", actor.name()).text("kind", kind);
    object.text("spawned_at", &At(actor.spawned_at()).to_string()).index("parent", actor.parent()).end()
}

fn event(trace: &Trace, event: &Event) -> String {
    let object = Object::new()
        .number("step", event.step)
        .number("at", event.at.as_nanos())
        .index("worker", event.worker)
        .text("text", &trace.tell(event));
    match &event.what {
        What::Spawned { actor, by } => object.text("what", "spawned").index("actor", Some(*actor)).index("by", *by),
        What::Polled { actor, woken, before, end } => {
            let object = object.text("what", "polled").index("actor", Some(*actor)).index("before", *before);
            let object = object.text("end", end_name(*end));
            match woken {
                None => object,
                Some(Source::Spawn) => object.text("woken", "spawn"),
                Some(Source::Clock) => object.text("woken", "clock"),
                Some(Source::Outside) => object.text("woken", "outside"),
                Some(Source::Actor(by)) => object.text("woken", "actor").index("by", Some(*by)),
            }
        }
        What::JobBegan { job } => object.text("what", "job began").index("actor", Some(*job)),
        What::JobEnded { job, end } => {
            object.text("what", "job ended").index("actor", Some(*job)).text("end", end_name(*end))
        }
        What::TimeMoved { from, before } => {
            object.text("what", "time moved").number("from", from.as_nanos()).index("before", *before)
        }
        What::Dropped { actor } => object.text("what", "dropped").index("actor", Some(*actor)),
        What::Chose { by, number, .. } => {
            object.text("what", "chose").index("actor", Some(*by)).number("number", u64::from(*number))
        }
        What::Blocked { by, call } => object.text("what", "blocked").index("actor", *by).text("call", call),
        What::Note { by, text } => object.text("what", "note").index("actor", *by).text("note", text),
    }
    .end()
}

fn end_name(end: PollEnd) -> &'static str {
    match end {
        PollEnd::Open => "open",
        PollEnd::Pending => "pending",
        PollEnd::Done => "done",
        PollEnd::Panicked => "panicked",
        PollEnd::Cancelled => "cancelled",
    }
}
