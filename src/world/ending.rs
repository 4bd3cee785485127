//! How runs end: the findings of the scheduler itself, and the winding up.

use super::{NOBODY, Worker, World, is_native, number_of};
use crate::beacon;
use crate::boundary::kernel;
use crate::boundary::threads::Backend;
use crate::executor::{Queued, Runnable};
use crate::finding::{Finding, FindingKind};
use crate::instant::Instant;
use crate::leak::{self, Leak, LongPoll};
use crate::trace::{ActorKind, Trace};
use std::sync::atomic::Ordering;

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
    /// Child processes had a part in it.
    pub started_children: bool,
    /// Why system calls were not seen, if they were not.
    pub boundary_off: Option<&'static str>,
}

/// How many steps jobs get to come to their end after the scenario has returned.
const LAST_STEPS: u32 = 100_000;

/// How many of them may be other threads' in a row: a thread that does something now and then for ever brings no job to its end.
const OTHERS_STEPS: u32 = 10_000;

impl World {
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
        self.leave_statics();
        kernel::forget_all();
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
            started_children: self.has_started_children.get(),
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
        self.beacon.winds_up(self.run_tag().number());
        let most = LAST_STEPS.min(u32::try_from(self.max_steps.get()).unwrap_or(u32::MAX));
        let mut budget = most;
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
        budget = most;
        self.run_workers(leak, &mut budget);
        let mut abandoned = self.give_up_workers();
        // Who came to an end just now may have queued jobs, and what is dropped may: they are no later run's.
        loop {
            self.drop_queued_jobs(leak);
            let Some(runnable) = self.pop_ready() else { break };
            self.let_go(runnable.into(), leak);
            let (names, natives) = self.give_up_workers();
            abandoned.0.extend(names);
            abandoned.1.extend(natives);
        }
        self.registry.borrow_mut().abandon();
        self.beacon.is_wound_up();
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
    fn take_a_job_back(&self) -> Option<Queued> {
        let mut workers = self.workers.borrow_mut();
        let (index, job) =
            workers.iter_mut().enumerate().find_map(|(index, w)| Some((index as u32, w.next.take()?)))?;
        self.pool.borrow_mut().take_back(number_of(index));
        Some(job)
    }

    fn let_go(&self, runnable: Queued, leak: bool) {
        self.beacon.winds_on();
        if leak {
            std::mem::forget(runnable);
        } else {
            // Dropping a runnable cancels its task, and drops its future here and now.
            self.dropped.set(Some(runnable.metadata().key));
            self.beacon.set_site(runnable.metadata().label());
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
        let mut of_others = 0;
        while *budget > 0 {
            match self.pop_ready() {
                Some(runnable) if runnable.metadata().place().is_of_a_thread() => {
                    *budget -= 1;
                    of_others = match self.thread_behind(&runnable) {
                        Some(index) if !is_native(index) => 0,
                        _ => of_others + 1,
                    };
                    self.beacon.winds_on();
                    self.give_turn_between(runnable);
                    self.running.set(NOBODY);
                }
                Some(runnable) => self.let_go(runnable.into(), leak),
                None if of_others < OTHERS_STEPS && self.is_any_job_going_on() && self.advance() => {}
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

    /// Ends the thread of worker `index`, which is free; on the loop, in what was its last turn.
    pub fn retire_worker(&self, index: u32) {
        if let Some(stand_in) = self.stand_in.take() {
            let steps = stand_in.metadata().candidate().step;
            self.worker(index, |worker| worker.earlier_steps = steps);
            self.stand_in.set(Some(stand_in));
        }
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
