//! Tasks and jobs: how they are made, named and queued.

use super::{Birth, NOBODY, Running, Scenario, World};
use crate::boundary::home::AtHome;
use crate::boundary::kernel;
use crate::executor::{self, Host, Job, Making, Runnable, Task, TaskMeta};
use crate::id::Key;
use crate::sites::{Site, SiteId};
use crate::trace::ActorKind;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

impl World {
    /// Makes a task that may be dropped on any thread, and queues it.
    #[inline]
    pub fn spawn<F>(&self, birth: &Birth<'_>, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (runnable, task) = executor::task::<World, F>(self.prepare(birth), self.making(), future);
        self.push(runnable);
        task
    }

    /// Makes a task that stays on the loop's thread, and queues it.
    #[inline]
    pub fn spawn_local<F>(&self, birth: &Birth<'_>, future: F) -> Task<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let (runnable, task) = executor::local_task::<World, F>(self.prepare(birth), self.making(), future);
        self.push(runnable);
        task
    }

    /// Makes a job, and queues it with the pool.
    #[inline]
    pub fn spawn_job<T, F>(&self, birth: &Birth<'_>, closure: F) -> Job<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (work, job) = executor::job::<World, _, _>(self.prepare(birth), self.traced.get(), closure);
        self.push_job(work);
        job
    }

    /// The number of a site that is new here. The table is all worlds': waiting for another of them is no business of the
    /// code under test.
    #[cold]
    pub(super) fn new_site(&self, site: Site) -> SiteId {
        let _quiet = kernel::quiet();
        self.sites.look_up(site)
    }

    /// How tasks of this run are made. A panic ends the run, unless panics are left to whoever awaits.
    #[inline(always)]
    pub(super) fn making(&self) -> Making {
        Making { traced: self.traced.get(), hands_panics_on: self.allow_panics.get() }
    }

    #[inline]
    pub(super) fn prepare(&self, birth: &Birth<'_>) -> TaskMeta {
        if self.traced.get() { self.prepare_traced(birth) } else { self.prepare_plain(birth) }
    }

    #[inline(always)]
    fn prepare_plain(&self, birth: &Birth<'_>) -> TaskMeta {
        let site = match self.sites.known(&birth.site) {
            Some(site) => site,
            None => self.new_site(birth.site),
        };
        let (slot, key) = self.reserve(birth.key);
        TaskMeta::new(self.run_tag(), slot, key, site)
    }

    /// Apart, so that a spawn in a run without a trace saves no registers for it.
    #[cold]
    #[inline(never)]
    fn prepare_traced(&self, birth: &Birth<'_>) -> TaskMeta {
        let meta = self.prepare_plain(birth);
        self.record_birth(meta.slot(), meta.key, birth);
        meta
    }

    /// Looks `site` up before there is a run: for the processes that runs have to themselves.
    pub fn learn_site(&self, site: Site) {
        if self.sites.known(&site).is_none() {
            self.sites.look_up(site);
        }
    }

    /// A place in the registry and an identity for a new task.
    #[inline]
    pub(super) fn reserve(&self, key: Option<Key>) -> (u32, Key) {
        let mut registry = self.registry.borrow_mut();
        let key = match key {
            Some(key) => key,
            None => {
                let running = self.running.get();
                running.key.child(registry.next_child(running.slot()))
            }
        };
        (registry.reserve(), key)
    }

    /// The task in `slot` waits, for the first time or (in a traced run) again.
    pub fn waits(&self, slot: u32, waker: &Waker) {
        if !self.traced.get() || !self.registry.borrow().is_occupied(slot) {
            let waker = waker.clone();
            self.registry.borrow_mut().occupy(slot, waker);
        }
    }

    pub fn running(&self) -> Running {
        self.running.get()
    }

    pub fn set_running(&self, running: Running) {
        self.running.set(running);
    }

    /// A task or worker became ready.
    #[inline]
    pub fn push(&self, runnable: Runnable) {
        if self.traced.get() {
            self.record_wake(runnable.metadata().key);
        }
        self.ready.push(runnable);
    }

    /// Makes the scenario's own task of what `scenario` gives, which may spawn before it is first polled.
    pub fn spawn_scenario(&self, site: Site, scenario: impl FnOnce() -> Scenario) {
        let birth = Birth { kind: ActorKind::Scenario, site, name: Some("scenario"), key: Some(Key::ROOT) };
        let meta = self.prepare(&birth);
        let slot = meta.slot();
        self.running.set(Running::of(&meta));
        let future = match catch_unwind(AssertUnwindSafe(scenario)) {
            Ok(future) => future,
            Err(payload) => {
                self.registry.borrow_mut().release(slot);
                return self.task_panicked(&*payload);
            }
        };
        let scenario = AtHome::new(future);
        // Nobody awaits it.
        let how = Making { hands_panics_on: false, ..self.making() };
        let (runnable, task) = executor::task::<World, _>(meta, how, scenario);
        task.detach();
        self.push(runnable);
        self.running.set(NOBODY);
    }
}
