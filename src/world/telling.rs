//! What the sentinel and the watchdog saw in a run, in words.

use super::World;
use crate::beacon;
use crate::boundary::kernel;
use crate::id::Key;
use crate::leak::{Leak, LongPoll};
use crate::place::At;
use crate::sentinel::{Class, Incident, NAMED, Policy, Sentinel};
use crate::stacks::{self, Told};
use crate::{frames, sites};
use std::sync::atomic::Ordering;
use std::time::Duration;

impl World {
    /// What was seen, told in full: calls of one sort at one line of code once. The trace tells them likewise.
    pub(super) fn tell_leaks(&self) -> Vec<Leak> {
        let sentinel = self.sentinel.borrow();
        let mut leaks: Vec<(&'static str, Leak)> = Vec::new();
        let mut in_lanes = Vec::new();
        for incident in sentinel.incidents() {
            let told = self.tell_leak(incident, &sentinel);
            let is_same = |known: &(&'static str, Leak), verb: &'static str, leak: &Leak| {
                let places = |leak: &Leak| (leak.place.clone(), leak.own.clone());
                known.0 == verb
                    && known.1.class == leak.class
                    && leak.place.is_some()
                    && places(&known.1) == places(leak)
            };
            let words = match told {
                None => None,
                Some((verb, leak)) => match leaks.iter_mut().find(|known| is_same(known, verb, &leak)) {
                    Some((_, known)) => {
                        known.seen_again(&leak);
                        None
                    }
                    None => {
                        let words = leak.call_and_holder() + if leak.for_ever { ", for ever" } else { "" };
                        leaks.push((verb, leak));
                        Some(words)
                    }
                },
            };
            in_lanes.push((incident.who, in_short(incident), words));
        }
        self.record(|log| log.tell_blocking(&in_lanes));
        leaks.into_iter().map(|(_, leak)| leak).collect()
    }

    /// One incident in full, and the call in a word; `None` if there is nothing wrong with it.
    fn tell_leak(&self, incident: &Incident, sentinel: &Sentinel) -> Option<(&'static str, Leak)> {
        let symbols = stacks::resolve(&incident.frames[..incident.depth]);
        let has = |part: &str| symbols.iter().any(|(name, _)| name.contains(part));
        if is_told_backtrace(symbols.iter().map(|(name, _)| name.as_str())) {
            return None;
        }
        let is_dns = symbols.iter().any(|(name, _)| name == "getaddrinfo" || name.contains("lookup_host"));
        let class = if is_dns { Class::Dns } else { incident.class };
        let detail = incident.detail.as_str();
        let policies = &sentinel.policies;
        let policy = match policies.path_for(class, detail) {
            _ if incident.for_ever => Policy::Deny,
            Some(path) => {
                sentinel.uses_path(path);
                return None;
            }
            None => policies.of(class),
        };
        if policy == Policy::Allow {
            sentinel.uses_class(class);
            return None;
        }
        let mut allowances = sentinel.within().iter();
        if !incident.for_ever
            && let Some(allowance) =
                allowances.find(|a| symbols.iter().any(|(name, _)| frames::is_of(name, a.function)))
        {
            allowance.used.set(true);
            return None;
        }
        let Told { frames, place, own } = stacks::users(&symbols);
        let verb = if is_dns { "getaddrinfo" } else { verb(incident, &has) };
        let call = if is_dns { verb.to_string() } else { format!("{verb} {detail}").trim_end().to_string() };
        let site = sites::site(incident.site);
        let names = |keys: &[Key; NAMED], count: usize| {
            let mut names: Vec<String> = keys[..count.min(NAMED)].iter().map(|&key| self.name_of(key)).collect();
            if count > NAMED {
                names.push(format!("{} more", count - NAMED));
            }
            names
        };
        let task = match self.name_of(incident.who) {
            name if name == "a task" => site.map_or(name, |s| s.name().to_string()),
            name => name,
        };
        let leak = Leak {
            class,
            denied: policy == Policy::Deny,
            call,
            holder: incident.holder.map(|holder| self.holder_in_words(holder)),
            for_ever: incident.for_ever,
            task,
            spawned_at: site.map(|s| s.at),
            frames,
            place,
            own,
            step: incident.step,
            at: incident.at,
            count: incident.count,
            stood: Duration::from_nanos(incident.stood),
            ready: names(&incident.ready, incident.ready_count),
            late: names(&incident.late, incident.late_count),
        };
        Some((verb, leak))
    }

    /// Polls that the watchdog saw use more processor time than they should.
    pub(super) fn tell_long_polls(&self) -> Vec<LongPoll> {
        if !self.beacon.has_long_polls.load(Ordering::Relaxed) {
            return Vec::new();
        }
        self.beacon.has_long_polls.store(false, Ordering::Relaxed);
        let mut seen = beacon::lock(&self.beacon.locked.long_polls);
        let budget_ms = self.beacon.budget_ms.load(Ordering::Relaxed);
        let run = self.run_tag().number();
        let told = seen.drain(..).filter(|poll| poll.serial == run).filter_map(|poll| {
            let symbols = stacks::resolve(&poll.stack);
            if is_told_backtrace(symbols.iter().map(|(name, _)| name.as_str())) {
                return None;
            }
            let task = match sites::site(poll.site) {
                Some(site) => format!("{} (spawned at {})", site.name(), At(site.at)),
                None => "the scenario".into(),
            };
            let mut frames = stacks::users(&symbols).frames;
            if frames.is_empty() {
                frames.push(stacks::of_others(&symbols));
            }
            Some(LongPoll { task, budget_ms, step: poll.step, frames })
        });
        told.collect()
    }

    /// Allowances that something needed, or nothing did. Where nobody can look, nothing is known of any.
    pub(super) fn allowances(&self, used: bool) -> Vec<String> {
        if kernel::why_off().is_some() {
            return Vec::new();
        }
        let sentinel = self.sentinel.borrow();
        let such = sentinel.scopes().iter().filter(|scope| scope.used == used);
        let within = sentinel.within().iter().filter(|allowance| allowance.used.get() == used);
        such.map(|scope| format!("\"{}\" at {}", scope.reason, At(scope.at)))
            .chain(within.map(|a| format!("\"{}\" in `{}` at {}", a.reason, a.function, At(a.at))))
            .chain(sentinel.allowed_by_test(used))
            .collect()
    }
}

/// Whether a stack with these functions is that of a backtrace being told, which is nobody's doing.
fn is_told_backtrace<'a>(mut names: impl Iterator<Item = &'a str>) -> bool {
    names.any(|name| name.contains("backtrace_rs::symbolize") || name.contains("backtrace::symbolize"))
}

/// The call in a word, as its caller knows it.
fn verb(incident: &Incident, has: &dyn Fn(&str) -> bool) -> &'static str {
    match incident.class {
        Class::Sleep if has("std::thread::sleep") || has("thread::functions::sleep") => "thread::sleep",
        Class::Lock if has("block_on") => "block_on",
        Class::Lock if has("mpsc") || has("mpmc") => "a channel's receive",
        Class::Lock if has("condvar") || has("Condvar") => "wait for a Condvar",
        Class::Lock if has("RwLock") || has("rwlock") => "lock of an RwLock that is held",
        Class::Lock if has("Mutex") || has("mutex") => "lock of a Mutex that is held",
        Class::Lock if has("JoinHandle") || has("JoinInner") => "thread::join",
        Class::Lock if has("sync::once") || has("OnceLock") || has("LazyLock") => "wait for a Once",
        Class::Lock if has("Barrier") => "wait at a Barrier",
        Class::Lock if has("thread::park") || has("park") => "thread::park",
        _ => incident.verb,
    }
}

/// The call as the trace has it while the run goes on, when nobody knows yet whose it was.
pub(super) fn in_short(incident: &Incident) -> String {
    format!("{} {}", incident.verb, incident.detail.as_str()).trim_end().to_string()
}
