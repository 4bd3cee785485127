//! The same as Chrome's trace events, which ui.perfetto.dev and chrome://tracing open.
//!
//! Their time axis is what raddle's is not: most steps take no virtual time. So each event is given a microsecond of
//! its own, and virtual time is an argument of each.

use crate::protocol::{Event, Looked};
use crate::replay::nanos;
use serde_json::{Value, json};

const PROCESS: u32 = 1;

/// The trace as JSON.
pub fn trace(name: &str, looked: &Looked) -> String {
    let run = &looked.run;
    let mut out = vec![json!({
        "ph": "M", "pid": PROCESS, "name": "process_name", "args": { "name": format!("{name} at seed {}", looked.seed) },
    })];
    let workers = run.actors.iter().enumerate().filter(|(_, actor)| actor.kind == "worker" || actor.kind == "thread");
    let lanes = std::iter::once((0, "loop")).chain(workers.map(|(index, actor)| (index as u32 + 1, &*actor.name)));
    for (order, (lane, name)) in lanes.enumerate() {
        out.push(json!({ "ph": "M", "pid": PROCESS, "tid": lane, "name": "thread_name", "args": { "name": name } }));
        let order = json!({ "sort_index": order });
        out.push(json!({ "ph": "M", "pid": PROCESS, "tid": lane, "name": "thread_sort_index", "args": order }));
    }
    let mut last_of = std::collections::HashMap::new();
    for (index, event) in run.events.iter().enumerate() {
        out.push(slice(index, event, run.actors.get(event.actor.unwrap_or(u32::MAX) as usize).map(|a| &*a.spawned_at)));
        if event.woken.as_deref() == Some("actor")
            && let Some(&(source, lane)) = event.by.and_then(|by| last_of.get(&by))
        {
            out.extend(arrow(index, source, lane, lane_of(event)));
        }
        if let Some(actor) = event.actor.filter(|_| event.what != "spawned") {
            last_of.insert(actor, (index, lane_of(event)));
        }
    }
    json!({ "traceEvents": out, "displayTimeUnit": "ns" }).to_string()
}

fn lane_of(event: &Event) -> u32 {
    event.worker.map_or(0, |worker| worker + 1)
}

fn slice(index: usize, event: &Event, spawned_at: Option<&str>) -> Value {
    let category = match event.what.as_str() {
        "blocked" => "leak",
        _ if event.before.is_some() => "deviation",
        what => what,
    };
    json!({
        "ph": "X", "pid": PROCESS, "tid": lane_of(event), "ts": index, "dur": 1, "name": event.text, "cat": category,
        "args": { "step": event.step, "virtual time": nanos(event.at), "spawned at": spawned_at },
    })
}

fn arrow(id: usize, source: usize, from: u32, to: u32) -> [Value; 2] {
    let end = |phase: &str, lane: u32, at: f64| json!({ "ph": phase, "pid": PROCESS, "tid": lane, "ts": at, "id": id, "name": "wake", "cat": "wake", "bp": "e" });
    [end("s", from, source as f64 + 0.5), end("f", to, id as f64)]
}
