//! The findings of the scheduler itself: runs that cannot go on, or would never end.

use super::{Running, World};
use crate::beacon;
use crate::boundary::zygote;
use crate::finding::{Finding, FindingKind};
use crate::id::Key;
use crate::place::At;
use crate::sites;
use crate::trace::{Actor, ActorKind, Log, Source};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long a run that looks like a deadlock waits for threads outside the world, where it is told in full.
const GRACE: Duration = Duration::from_millis(50);

impl World {
    pub(super) fn found_livelock(&self) {
        let limit = self.max_steps.get();
        let now = self.now();
        let mut finding =
            Finding::new(FindingKind::Livelock, format!("still running after {limit} steps, at {now} virtual"));
        let log = self.log.borrow();
        if let Some(log) = log.as_ref() {
            let mut busiest: Vec<&Actor> = log.actors().iter().filter(|a| !a.ended).collect();
            busiest.sort_by_key(|a| std::cmp::Reverse(a.polls));
            let told = busiest.iter().take(5).map(|a| {
                let polls = if a.polls == 1 { "poll" } else { "polls" };
                format!("  {}: {} {polls}", with_site(a), a.polls)
            });
            finding.details.push(format!("the busiest tasks:\n{}", told.collect::<Vec<_>>().join("\n")));
        }
        drop(log);
        let hint = "a task that waits in a loop must wait for something (an event, a channel, `raddle::sleep`); \
                    `max_steps` raises the limit";
        self.find(finding.hint(hint));
    }

    pub(super) fn found_foreign_wake(&self) {
        let mut wakes = std::mem::take(&mut *beacon::lock(&self.beacon.locked.foreign));
        self.beacon.called.store(false, Ordering::Relaxed);
        let Some(first) = wakes.first() else { return };
        // A run without a trace knows no names, and one with a trace may not be woken again.
        let site = || Some(sites::site(first.site?)?.name().to_string());
        let name = self.known_name(first.key).or_else(site).unwrap_or_else(|| "a task".into());
        let message = format!("{name} was woken by thread {:?}, which is not part of this world", first.thread);
        let mut finding = Finding::new(FindingKind::ForeignWake, message).hint(
            "the order of such a wake is up to the operating system, so no seed can repeat it: start the thread's work \
             with `raddle::unblock`, or stop it before the scenario begins",
        );
        finding.task = Some(name);
        self.find(finding);
        wakes.drain(..).for_each(|wake| drop(wake.woken));
    }

    pub(super) fn found_deadlock(&self) {
        if let Some(word) = self.word_in_doubt() {
            // In a process forked for this run it may have been held by a thread that is not there.
            zygote::start_over(word);
        }
        if self.traced.get() {
            // A thread outside the world may be about to wake somebody, which would be another finding.
            let patience = Duration::from_millis(1);
            for _ in 0..GRACE.as_millis() {
                if self.beacon.called.load(Ordering::Acquire) {
                    return self.found_foreign_wake();
                }
                std::thread::sleep(patience);
            }
        }
        let (queued, threads, limit) = {
            let pool = self.pool.borrow();
            (pool.queued(), pool.threads().0, pool.threads().1)
        };
        let waiting = self.registry.borrow().len() - self.idle_workers();
        let mut finding = Finding::new(
            FindingKind::Deadlock,
            format!("nothing can run, and {waiting} {} for ever", if waiting == 1 { "waits" } else { "wait" }),
        );
        if queued > 0 && threads == limit {
            finding.message = format!(
                "the blocking pool is exhausted: all {limit} of its threads are in jobs that wait, and {queued} more \
                 {} in the queue",
                if queued == 1 { "is" } else { "are" }
            );
            finding.hint = Some(
                "a job must not wait for another job: await the inner one on the loop, or give the pool \
                                 more threads"
                    .into(),
            );
        }
        let (told, lost) = self.tell_alive("waiting");
        if queued == 0 && !lost.is_empty() {
            finding.message =
                format!("lost wakeup: {} can never be woken, nobody holds its waker any more", lost.join(", "));
            finding.hint = Some(
                "a future that returns `Pending` must keep the newest waker it was polled with, and pass a wakeup on \
                 that it was given and cannot use"
                    .into(),
            );
        }
        finding.details.extend(told);
        self.find(finding);
    }

    pub(super) fn idle_workers(&self) -> usize {
        self.workers.borrow().iter().filter(|w| w.waker.is_some() && w.job.is_none()).count()
    }

    /// Who is alive, in a traced run: a paragraph below `title`, and the names of those that nobody can wake.
    pub(super) fn tell_alive(&self, title: &str) -> (Option<String>, Vec<String>) {
        let wakers = self.live_wakers();
        let log = self.log.borrow();
        let Some(log) = log.as_ref() else { return (None, Vec::new()) };
        let name = |source: &Source| match source {
            Source::Spawn => "its spawning".to_string(),
            Source::Clock => "the clock".into(),
            Source::Outside => "a thread outside".into(),
            Source::Actor(index) => log.actors()[*index as usize].name.clone(),
        };
        let mut lines = Vec::new();
        let mut lost = Vec::new();
        for actor in log.actors().iter().filter(|a| wakers.contains_key(&a.key)) {
            let worker = self.worker_of(actor);
            if actor.kind == ActorKind::Worker && worker.is_none() {
                continue; // an idle worker waits by right
            }
            let mut line = format!("  {}", with_site(actor));
            if actor.kind == ActorKind::Job {
                line += match actor.polls {
                    0 => ": in the pool's queue",
                    _ => ": running",
                };
                lines.push(line);
                continue;
            }
            if let Some((what, job)) = worker {
                let job = job
                    .filter(|j| j.key != actor.key)
                    .map_or(String::new(), |j| format!(" in job {}", self_name(log, j.key)));
                line += &format!(": suspended{job}, waiting for {what}");
                lines.push(line);
                continue;
            }
            if let Some((step, at)) = actor.last_poll {
                line += &format!(": last polled at step {step}, {at}");
            }
            if let Some(source) = &actor.last_woken_by {
                line += &format!(", woken by {}", name(source));
            }
            if wakers[&actor.key] == 0 {
                line += "; nobody holds its waker";
                lost.push(actor.name.clone());
            }
            lines.push(line);
        }
        (Some(format!("{title}:\n{}", lines.join("\n"))), lost)
    }

    /// What the worker behind `actor` waits for, and in which job.
    pub(super) fn worker_of(&self, actor: &Actor) -> Option<(&'static str, Option<Running>)> {
        let workers = self.workers.borrow();
        let worker = workers.iter().find(|worker| worker.key == Some(actor.key))?;
        Some((worker.waits_for?, worker.job))
    }
}

fn self_name(log: &Log, key: Key) -> String {
    log.index(key).map_or_else(|| "a job".into(), |index| log.actors()[index as usize].name.clone())
}

/// Who it is, and where it was spawned. Of threads that is not known.
fn with_site(actor: &Actor) -> String {
    match actor.kind {
        ActorKind::Worker | ActorKind::Thread => actor.name.clone(),
        _ => format!("{} (spawned at {})", actor.name, At(actor.spawned_at)),
    }
}
