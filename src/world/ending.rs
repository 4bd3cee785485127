//! How runs end: the findings of the scheduler itself, and the winding up.

use super::{NOBODY, Running, Worker, World, is_native, number_of};
use crate::beacon;
use crate::boundary::kernel;
use crate::boundary::threads::Backend;
use crate::boundary::zygote;
use crate::executor::Runnable;
use crate::finding::{Finding, FindingKind};
use crate::id::Key;
use crate::instant::Instant;
use crate::leak::{self, Leak, LongPoll};
use crate::trace::{Actor, ActorKind, Source, Trace};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What is left of a run that is over.
#[derive(Clone)]
pub(crate) struct Ended {
    pub finding: Option<Finding>,
    pub steps: u64,
    pub digest: u64,
    pub decisions: u64,
    pub deviations: u64,
    pub elapsed: Instant,
    /// The names of tasks and jobs that were alive when the scenario returned, where a trace was kept.
    pub pending_names: Vec<String>,
    /// Jobs that could not be brought to an end; their threads are given up.
    pub abandoned: Vec<String>,
    /// Those of them that code under test had started itself: where statics outlive the run, they may expect them.
    pub outliving: Vec<String>,
    pub trace: Option<Trace>,
    /// How worker threads took turns, and why not faster.
    pub threads: (Backend, Option<&'static str>),
    /// Blocking calls on the loop, and allowances that nothing used.
    pub leaks: Vec<Leak>,
    pub unused_allowances: Vec<String>,
    /// Those that something used.
    pub used_allowances: Vec<String>,
    /// Polls that used more processor time than they should, in words. Nothing that a seed could repeat.
    pub long_polls: Vec<LongPoll>,
    /// Neither the seed nor the strategy had any part in it.
    pub draws_nothing: bool,
    /// Why system calls were not seen, if they were not.
    pub boundary_off: Option<&'static str>,
}

/// How many steps jobs get to come to their end after the scenario has returned.
const LAST_STEPS: u32 = 100_000;

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
            let told = busiest
                .iter()
                .take(5)
                .map(|a| format!("  {} (spawned at {}): {} polls", a.name, a.spawned_at, a.polls));
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
        let name = self.name_of(first.key);
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
        if self.is_any_at_a_static_word() {
            // In a process forked for this run it may have been held by a thread that is not there.
            zygote::start_over();
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

    fn idle_workers(&self) -> usize {
        self.workers.borrow().iter().filter(|w| w.waker.is_some() && w.job.is_none()).count()
    }

    /// Who is alive, in a traced run: a paragraph below `title`, and the names of those that nobody can wake.
    fn tell_alive(&self, title: &str) -> (Option<String>, Vec<String>) {
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
            let mut line = format!("  {} (spawned at {})", actor.name, actor.spawned_at);
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
    fn worker_of(&self, actor: &Actor) -> Option<(&'static str, Option<Running>)> {
        let workers = self.workers.borrow();
        let worker = workers.iter().find(|worker| worker.key == Some(actor.key))?;
        Some((worker.waits_for?, worker.job))
    }

    /// Winds the run up: whatever is alive is ended, and the world is as good as new. If it is to be `leaked`, tasks are not
    /// dropped.
    pub fn end(&self, deny_pending: bool, leaked: bool) -> Box<Ended> {
        // From here on a wake from outside finds nobody. (Here and below: what is hardly ever there is asked for in the
        // shortest way. Without optimisation a run is mostly waiting for code that runs once in it.)
        let strays = {
            let mut foreign = beacon::lock(&self.beacon.locked.foreign);
            self.beacon.serial.store(0, Ordering::Release);
            (!foreign.is_empty()).then(|| std::mem::take(&mut *foreign))
        };
        drop(strays);
        self.find_unjoined_panics();
        let pending = self.registry.borrow().len() - self.alive_workers();
        let pending_names = self.pending_names();
        if deny_pending && pending > 0 && self.finding.borrow().is_none() {
            let named = match pending_names.len() {
                0 => String::new(),
                _ => format!(": {}", pending_names.join(", ")),
            };
            let message = format!("{pending} still alive when the scenario returned{named}");
            let hint = "await or cancel every task before returning, or drop `deny_pending`";
            let mut finding = Finding::new(FindingKind::Pending, message).hint(hint);
            finding.details.extend(self.tell_alive("still alive").0);
            self.find(finding);
        }
        let (steps, digest, elapsed) = (self.steps(), self.tally.digest(), self.now());
        let panicked = leaked || self.finding.borrow().as_ref().is_some_and(|f| f.kind == FindingKind::Panic);
        self.closing.set(true);
        self.record(|log| log.closing = true);
        let (abandoned, outliving) =
            if self.registry.borrow().len() > 0 { self.wind_up(panicked) } else { Default::default() };
        self.release_natives();
        self.forget_openings();
        // All have ended: the next run counts them anew.
        self.workers.reset(Vec::clear);
        #[cfg(feature = "smol")]
        self.keep_nothing(panicked || self.standstill.get().is_some());
        let wakers = self.clock.borrow_mut().reset();
        drop(wakers);
        self.dropped.set(None);
        self.tell_standstill();
        let (leaks, unused_allowances, used_allowances) = if self.sentinel.borrow().is_idle() {
            Default::default()
        } else {
            (self.tell_leaks(), self.allowances(false), self.allowances(true))
        };
        self.found_leaks(&leaks);
        let trace = self.take_trace();
        self.traced.set(false);
        let finding = if self.finding.is_used() { self.finding.take() } else { None };
        // It is handed on a dozen times, and large.
        Box::new(Ended {
            finding,
            steps,
            digest,
            decisions: self.tally.decisions(),
            deviations: self.tally.deviations(),
            elapsed,
            pending_names,
            abandoned,
            outliving,
            trace,
            threads: (self.threads.backend(), self.threads.why_not_borrowed()),
            leaks,
            unused_allowances,
            used_allowances,
            long_polls: self.tell_long_polls(),
            draws_nothing: false,
            boundary_off: kernel::why_off(),
        })
    }

    /// Blocking calls that are denied are why the run failed, if nothing else is.
    fn found_leaks(&self, leaks: &[Leak]) {
        if leaks.is_empty() {
            return;
        }
        let denied = leak::in_order(leaks);
        let Some(first) = denied.first() else { return };
        let told = leak::tell_all(&denied);
        let mut place = self.finding.borrow_mut();
        if let Some(finding) = place.as_mut() {
            finding.details.extend(told);
            return;
        }
        let message = match denied.len() {
            1 => first.headline(),
            2 => format!("{}, and 1 more call does", first.headline()),
            n => format!("{}, and {} more calls do", first.headline(), n - 1),
        };
        let mut finding = Finding::new(FindingKind::Leak, message);
        finding.shape = Some(format!("{} {}", first.shape(), denied.len()));
        finding.place = first.own.clone().or_else(|| first.place.clone());
        finding.task = Some(first.task.clone());
        (finding.step, finding.at) = (first.step, first.at);
        finding.details.extend(told);
        finding.hint = (!first.for_ever).then(|| leak::HINT.into());
        *place = Some(finding);
    }

    /// Waits in real time until something outside the world changes; false if nobody waits for that, or nothing does.
    pub(super) fn wait_outside(&self) -> bool {
        let waits_for_words = self.is_any_worker_at_a_word();
        let is_outside_quiet = self.outside.borrow().is_empty() && !self.is_any_task_outside();
        let rounds = match (is_outside_quiet, waits_for_words) {
            (true, false) => return false,
            (true, true) => 10,
            (false, _) => 5_000,
        };
        self.look_outside_for(rounds, &|| self.beacon.called.load(Ordering::Acquire))
    }

    /// Looks outside every millisecond of real time, for so many, until something has changed there or `enough`.
    pub fn look_outside_for(&self, millis: u32, enough: &dyn Fn() -> bool) -> bool {
        (0..millis).any(|_| {
            std::thread::sleep(Duration::from_millis(1));
            self.look_outside() || enough()
        })
    }

    /// Wakes workers whose outside world has changed. False if nothing did.
    #[inline]
    pub fn look_outside(&self) -> bool {
        if self.outside.borrow().is_empty() && !self.is_any_worker_at_a_word() && !self.is_any_task_outside() {
            return false;
        }
        self.look_outside_closely()
    }

    #[inline(never)]
    fn look_outside_closely(&self) -> bool {
        self.settle_children();
        let futexes = self.futexes_changed();
        let waiting = self.outside.take();
        let (ready, waiting): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(_, probe)| probe.is_ready(self));
        *self.outside.borrow_mut() = waiting;
        for &(index, _) in &ready {
            self.wake_worker(index);
        }
        let tasks = self.look_for_tasks_outside();
        futexes > 0 || !ready.is_empty() || tasks
    }

    fn alive_workers(&self) -> usize {
        if !self.workers.is_used() {
            return 0;
        }
        let workers = self.workers.borrow();
        workers.iter().step_by(2).filter(|w| w.waker.is_some() || w.starting).count()
    }

    fn pending_names(&self) -> Vec<String> {
        if !self.traced.get() {
            return Vec::new();
        }
        let log = self.log.borrow();
        let Some(log) = log.as_ref() else { return Vec::new() };
        let alive = self.counted_keys();
        let pending = log.actors().iter().filter(|a| a.kind != ActorKind::Worker && alive.contains(&a.key));
        pending.map(|a| a.name.clone()).collect()
    }

    /// Ends all tasks and workers. After a panic the tasks are leaked instead: their destructors may well panic again
    /// (on a poisoned lock), twice at once even, and that would end the process.
    fn wind_up(&self, leak: bool) -> (Vec<String>, Vec<String>) {
        let mut budget = LAST_STEPS;
        for _ in 0..100 {
            self.drop_queued_jobs(leak);
            if !leak {
                self.wake_tasks();
            }
            self.run_workers(leak, &mut budget);
            if leak || budget == 0 || self.only_workers_left() {
                break;
            }
        }
        self.drop_queued_jobs(leak);
        self.send_workers_home();
        self.run_workers(leak, &mut LAST_STEPS.clone());
        let abandoned = self.give_up_workers();
        while let Some(runnable) = self.pop_ready() {
            self.let_go(runnable, leak);
        }
        self.registry.borrow_mut().abandon();
        abandoned
    }

    fn pop_ready(&self) -> Option<Runnable> {
        self.ready.pop_oldest()
    }

    fn drop_queued_jobs(&self, leak: bool) {
        loop {
            let job = self.pool.borrow_mut().drain();
            let Some(job) = job.or_else(|| self.take_a_job_back()) else { break };
            self.let_go(job, leak);
        }
    }

    /// A job that a worker was given, and has not begun.
    fn take_a_job_back(&self) -> Option<Runnable> {
        let mut workers = self.workers.borrow_mut();
        let (index, job) =
            workers.iter_mut().enumerate().find_map(|(index, w)| Some((index as u32, w.next.take()?)))?;
        self.pool.borrow_mut().take_back(number_of(index));
        Some(job)
    }

    fn let_go(&self, runnable: Runnable, leak: bool) {
        if leak {
            std::mem::forget(runnable);
        } else {
            // Dropping a runnable cancels its task, and drops its future here and now.
            self.dropped.set(Some(runnable.metadata().key));
            self.beacon.site.store(runnable.metadata().site(), Ordering::Relaxed);
            kernel::watch(self.selector.get());
            drop(runnable);
            kernel::look_away(self.selector.get());
            self.dropped.set(None);
        }
    }

    /// Schedules every task, so that its runnable can be taken from the ready set and dropped.
    fn wake_tasks(&self) {
        let wakers = self.registry.borrow().wakers();
        wakers.into_iter().for_each(|(_, waker)| waker.wake());
        let threads: Vec<u32> = self.living_threads(|_| true);
        threads.into_iter().for_each(|index| self.wake_worker(index));
    }

    /// The sim threads that have been started and have not ended.
    fn living_threads(&self, such: impl Fn(&Worker) -> bool) -> Vec<u32> {
        let workers = self.workers.borrow();
        let such = workers.iter().enumerate().filter(|(_, worker)| worker.waker.is_some() && such(worker));
        such.map(|(index, _)| index as u32).collect()
    }

    fn only_workers_left(&self) -> bool {
        let jobs = self.workers.borrow().iter().filter(|w| w.job.is_some()).count();
        self.registry.borrow().len() <= self.alive_workers() + jobs
    }

    /// Lets go of ready tasks; gives ready workers their turns until their jobs are done or wait for ever.
    fn run_workers(&self, leak: bool, budget: &mut u32) {
        while *budget > 0 {
            match self.pop_ready() {
                Some(runnable) if runnable.metadata().is_of_a_thread() => {
                    *budget -= 1;
                    self.give_turn_between(runnable);
                    self.running.set(NOBODY);
                }
                Some(runnable) => self.let_go(runnable, leak),
                None if self.is_any_job_going_on() && self.advance() => {}
                None => break,
            }
        }
    }

    fn is_any_job_going_on(&self) -> bool {
        self.workers.borrow().iter().step_by(2).any(|w| w.job.is_some())
    }

    /// Tells idle workers to end.
    fn send_workers_home(&self) {
        self.workers.borrow_mut().iter_mut().filter(|w| w.job.is_none()).for_each(|w| w.quit = true);
        self.living_threads(|worker| worker.job.is_none()).into_iter().for_each(|index| self.wake_worker(index));
    }

    /// Gives up workers whose jobs would wait for ever: all names, and those of native threads.
    fn give_up_workers(&self) -> (Vec<String>, Vec<String>) {
        let stuck: Vec<_> = {
            let mut workers = self.workers.borrow_mut();
            let taken = workers.iter_mut().enumerate().filter(|(_, w)| w.waker.is_some() || w.starting);
            taken.map(|(index, worker)| (index, std::mem::take(worker))).collect()
        };
        let (mut names, mut natives) = (Vec::new(), Vec::new());
        for (index, worker) in stuck {
            self.threads.abandon(index);
            let whose = if is_native(index as u32) { worker.key } else { worker.job.map(|job| job.key) };
            let name = whose.map(|key| self.name_of(key));
            if is_native(index as u32) {
                // Names are known where a trace is kept.
                natives.extend(name.clone().map(|name| if self.traced.get() { name } else { "a thread".into() }));
            }
            names.extend(name);
        }
        self.workers.borrow_mut().clear();
        (names, natives)
    }

    /// Ends the thread of worker `index`, which is free.
    pub fn retire_worker(&self, index: u32) {
        self.dirty.borrow_mut().retain(|&dirty| dirty != index);
        self.threads.retire(index as usize);
    }

    /// Ends the threads of workers that keep something from this run in their thread-locals.
    pub fn retire_dirty_workers(&self) {
        if self.dirty.is_used() {
            let dirty = self.dirty.take();
            self.dirty.reset(|_| ());
            dirty.into_iter().for_each(|index| self.threads.retire(index as usize));
        }
    }

    /// Ends the threads of all workers.
    pub fn retire_all_workers(&self) {
        let most = self.most_workers.take();
        (0..most).filter(|&index| self.threads.exists(index)).for_each(|index| self.threads.retire(index));
    }

    /// The thread of worker `index` keeps something from this run.
    pub fn mark_dirty(&self, index: u32) {
        self.dirty.borrow_mut().push(index);
    }

    /// Lets `f` see worker `index`.
    #[inline]
    pub fn worker<R>(&self, index: u32, f: impl FnOnce(&mut Worker) -> R) -> R {
        let mut workers = self.workers.borrow_mut();
        match workers.get_mut(index as usize) {
            Some(worker) => f(worker),
            None => f(self.make_room(&mut workers, index as usize)),
        }
    }

    #[cold]
    #[inline(never)]
    fn make_room<'a>(&self, workers: &'a mut Vec<Worker>, index: usize) -> &'a mut Worker {
        workers.resize_with(index + 1, Worker::default);
        self.most_workers.set(self.most_workers.get().max(index + 1));
        &mut workers[index]
    }
}

fn self_name(log: &crate::trace::Log, key: Key) -> String {
    log.index(key).map_or_else(|| "a job".into(), |index| log.actors()[index as usize].name.clone())
}
