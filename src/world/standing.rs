//! A loop that stands still, and threads that wait: what the system calls of a world's threads do to it.

use super::{Running, World};
use crate::beacon;
use crate::boundary::kernel;
use crate::boundary::threads::Backend;
use crate::id::Key;
use crate::instant::Instant;
use crate::leak::Leak;
use crate::sentinel::{Class, Detail, Incident, NAMED, Policy};
use crate::trace::What;
use crate::{sites, stacks};
use std::sync::atomic::Ordering;
use std::task::Waker;
use std::time::Duration;

/// A thread that waits for a word of memory.
pub(crate) struct FutexWaiter {
    id: u64,
    word: usize,
    value: u32,
    /// `None`: the loop.
    pub worker: Option<u32>,
    woken: bool,
}

/// How it is found out whether something outside the world has happened.
#[derive(Clone, Copy)]
pub(crate) enum Probe {
    /// A descriptor can be read, or written to.
    Descriptor { fd: i32, write: bool },
    /// One of those that the call is about is ready.
    Call(kernel::Call),
}

impl Probe {
    pub fn is_ready(self) -> bool {
        match self {
            Probe::Descriptor { fd, write } => kernel::is_ready(fd, write),
            Probe::Call(call) => kernel::is_over(&call),
        }
    }
}

impl World {
    /// Whether anybody could run.
    pub fn is_anybody_ready(&self) -> bool {
        self.ready.len() > 0
    }

    pub(super) fn is_any_worker_at_a_word(&self) -> bool {
        self.futexes.borrow().iter().any(|w| w.worker.is_some())
    }

    /// Whether the call comes from within the harness itself, which holds something borrowed.
    pub fn is_busy(&self) -> bool {
        self.sentinel.try_borrow_mut().is_err()
            || self.log.try_borrow_mut().is_err()
            || self.ready.is_busy()
            || self.strategy.is_deciding()
            || self.clock.try_borrow_mut().is_err()
            || self.registry.try_borrow_mut().is_err()
            || self.workers.try_borrow_mut().is_err()
            || self.natives.try_borrow_mut().is_err()
            || self.pool.try_borrow_mut().is_err()
            || self.futexes.try_borrow_mut().is_err()
    }

    /// The running task made a blocking call. Gives the incident's place, if it is kept.
    pub fn saw_blocking(&self, class: Class, verb: &'static str, detail: Detail) -> Option<usize> {
        let mut sentinel = self.sentinel.borrow_mut();
        if !sentinel.is_news(class) {
            return None;
        }
        let mut incident = Incident {
            class,
            verb,
            detail,
            frames: [0; crate::sentinel::DEPTH],
            depth: 0,
            who: self.running.get().key,
            site: self.beacon.site.load(Ordering::Relaxed),
            step: self.steps(),
            at: self.now(),
            count: 1,
            stood: 0,
            ready: [Key::ROOT; NAMED],
            ready_count: 0,
            late: [Key::ROOT; NAMED],
            late_count: 0,
        };
        incident.depth = kernel::backtrace(&mut incident.frames);
        let index = sentinel.add(incident)?;
        let (count, who) = (sentinel.incident(index).count, incident.who);
        drop(sentinel);
        if count == 1 && class != Class::Output && class != Class::Close {
            self.record(|log| {
                let by = log.index(who);
                let call = format!("{verb} {}", detail.as_str()).trim_end().to_string();
                log.event(What::Blocked { by, call });
            });
        }
        Some(index)
    }

    /// The loop does nothing for so long: time moves, and nobody runs.
    pub fn stand_still(&self, nanos: u64, incident: Option<usize>) {
        let now = Instant::from_nanos(self.now().as_nanos().saturating_add(nanos));
        self.beacon.now.store(now.as_nanos(), Ordering::Relaxed);
        self.mix(now.as_nanos() ^ 0x0073_7469_6c6c);
        self.record(|log| log.now = now);
        if let Some(index) = incident {
            self.ready.settle();
            let view = self.ready.view();
            let mut sentinel = self.sentinel.borrow_mut();
            let incident = sentinel.incident(index);
            incident.stood = incident.stood.saturating_add(nanos);
            if incident.ready_count == 0 {
                incident.ready_count = view.len();
                let keys = view.by_age().map(|i| view.get(i).key());
                incident.ready.iter_mut().zip(keys).for_each(|(place, key)| *place = key);
            }
        }
        self.stood.set(true);
        self.stood_for.set(incident);
        self.beacon.call();
    }

    /// Fires the timers that time has passed while the loop stood still.
    pub fn catch_up(&self) {
        let before = self.ready.len();
        let own = self.running.get();
        loop {
            let next = self.clock.borrow_mut().next();
            if next.is_none_or(|next| next > self.now().as_nanos()) || !self.advance() {
                break;
            }
        }
        self.running.set(own);
        let Some(index) = self.stood_for.get() else { return };
        self.ready.settle();
        let view = self.ready.view();
        let mut sentinel = self.sentinel.borrow_mut();
        let incident = sentinel.incident(index);
        for place in view.by_age().skip(before) {
            if let Some(late) = incident.late.get_mut(incident.late_count) {
                *late = view.get(place).key();
                incident.late_count += 1;
            }
        }
    }

    /// The next deadline of the world.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.clock.borrow_mut().next().map(Instant::from_nanos)
    }

    /// Gives the oldest ready worker a turn, within another step. False if none is ready.
    pub fn step_a_worker(&self) -> bool {
        let taken = {
            self.ready.settle();
            let view = self.ready.view();
            let place = view.by_age().find(|&i| self.thread_of(view.get(i).key()).is_some());
            place.map(|place| self.ready.take(place))
        };
        let Some(runnable) = taken else { return false };
        self.beacon.steps.store(self.steps() + 1, Ordering::Relaxed);
        let meta = runnable.metadata();
        self.mix(meta.key.get());
        let own = self.running.get();
        self.running.set(Running { slot: meta.slot, key: meta.key });
        runnable.run();
        self.running.set(own);
        true
    }

    // ---- words of memory

    /// A thread waits for `word`. Gives its place in the queue.
    pub fn futex_waits(&self, word: usize, value: u32, worker: Option<u32>) -> u64 {
        let id = self.next_futex.get();
        self.next_futex.set(id + 1);
        self.futexes.borrow_mut().push(FutexWaiter { id, word, value, worker, woken: false });
        id
    }

    /// Whether threads of this world are known to wait for each other with this word.
    pub fn is_own_word(&self, word: usize) -> bool {
        self.own_words.borrow().contains(&word)
    }

    pub fn owns_word(&self, word: usize) {
        self.own_words.borrow_mut().push(word);
    }

    pub fn futex_is_woken(&self, id: u64) -> bool {
        self.futexes.borrow().iter().any(|w| w.id == id && w.woken)
    }

    pub fn futex_done(&self, id: u64) {
        self.futexes.borrow_mut().retain(|w| w.id != id);
    }

    /// The oldest waiter for `word` is woken; its worker, if it is one's. `None` if nobody waits.
    pub fn futex_wake(&self, word: usize) -> Option<Option<u32>> {
        let mut futexes = self.futexes.borrow_mut();
        let waiter = futexes.iter_mut().find(|w| w.word == word && !w.woken)?;
        waiter.woken = true;
        Some(waiter.worker)
    }

    /// Waiters whose word was changed by somebody whose wake-up was not seen: they are woken. How many there were.
    pub fn futexes_changed(&self) -> usize {
        let mut wakers: Vec<Waker> = Vec::new();
        {
            let mut futexes = self.futexes.borrow_mut();
            let workers = self.workers.borrow();
            for waiter in futexes.iter_mut().filter(|w| !w.woken && !kernel::word_is(w.word, w.value)) {
                waiter.woken = true;
                let waker = waiter.worker.and_then(|index| workers.get(index as usize)?.waker.clone());
                wakers.extend(waker);
            }
        }
        let count = wakers.len();
        wakers.into_iter().for_each(Waker::wake);
        count
    }

    // ---- arming

    /// On a worker's thread: its calls are to be seen as the loop's are.
    pub fn arm_worker(&self) -> Option<kernel::Armed> {
        let selector = self.selector.get();
        match self.threads.backend() {
            Backend::Borrowed => {
                kernel::adopt(Some(selector));
                None
            }
            Backend::Baton => kernel::arm_like(selector),
        }
    }

    // ---- telling

    /// What was seen, told in full.
    pub(super) fn tell_leaks(&self) -> Vec<Leak> {
        let sentinel = self.sentinel.borrow();
        let mut leaks: Vec<Leak> = Vec::new();
        for incident in sentinel.incidents() {
            let symbols = stacks::resolve(&incident.frames[..incident.depth]);
            let has = |part: &str| symbols.iter().any(|(name, _)| name.contains(part));
            if has("backtrace_rs::symbolize") || has("backtrace::symbolize") {
                continue; // a backtrace is being told
            }
            let is_dns = symbols.iter().any(|(name, _)| name == "getaddrinfo" || name.contains("lookup_host"));
            let class = if is_dns { Class::Dns } else { incident.class };
            let detail = incident.detail.as_str();
            let policy = match sentinel.policies.path_for(class, detail.trim_matches('"')) {
                Some(_) => Policy::Allow,
                None => sentinel.policies.of(class),
            };
            if policy == Policy::Allow {
                continue;
            }
            let (frames, place) = stacks::users(&symbols);
            let call = if is_dns { "getaddrinfo".to_string() } else { call_in_words(incident, &has) };
            if let Some(known) = leaks.iter_mut().find(|l| is_dns && l.class == Class::Dns && l.place == place) {
                known.count = known.count.max(incident.count);
                continue;
            }
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
            leaks.push(Leak {
                class,
                denied: policy == Policy::Deny,
                call,
                task,
                spawned_at: site.map(|s| s.at),
                frames,
                place,
                step: incident.step,
                at: incident.at,
                count: incident.count,
                stood: Duration::from_nanos(incident.stood),
                ready: names(&incident.ready, incident.ready_count),
                late: names(&incident.late, incident.late_count),
            });
        }
        leaks
    }

    /// Polls that the watchdog saw use more processor time than they should.
    pub(super) fn tell_long_polls(&self) -> Vec<String> {
        if !self.beacon.has_long_polls.load(Ordering::Relaxed) {
            return Vec::new();
        }
        self.beacon.has_long_polls.store(false, Ordering::Relaxed);
        let mut seen = beacon::lock(&self.beacon.long_polls);
        let budget = self.beacon.budget_ms.load(Ordering::Relaxed);
        let told = seen.drain(..).map(|poll| {
            let task = match sites::site(poll.site) {
                Some(site) => format!("{} (spawned at {})", site.name(), site.at),
                None => "the scenario".into(),
            };
            let (frames, _) = stacks::users(&stacks::resolve(&poll.stack));
            let at: String = frames.iter().map(|frame| format!("\n    {frame}")).collect();
            format!("{task} used the processor for more than {budget} ms in step {}{at}", poll.step)
        });
        told.collect()
    }

    /// Allowances by scope in which something blocked, or nothing did.
    pub(super) fn allowances(&self, used: bool) -> Vec<String> {
        let sentinel = self.sentinel.borrow();
        let such = sentinel.scopes().iter().filter(|scope| scope.used == used);
        such.map(|scope| format!("\"{}\" at {}", scope.reason, scope.at)).collect()
    }
}

/// The call as its caller knows it.
fn call_in_words(incident: &Incident, has: &dyn Fn(&str) -> bool) -> String {
    let detail = incident.detail.as_str();
    let verb = match incident.class {
        Class::Sleep if has("std::thread::sleep") || has("thread::functions::sleep") => "thread::sleep",
        Class::Lock if has("block_on") => "block_on",
        Class::Lock if has("mpsc") || has("mpmc") => "a channel's receive",
        Class::Lock if has("condvar") || has("Condvar") => "wait for a Condvar",
        Class::Lock if has("RwLock") || has("rwlock") => "lock of an RwLock that is held",
        Class::Lock if has("Mutex") || has("mutex") => "lock of a Mutex that is held",
        Class::Lock if has("JoinHandle") || has("JoinInner") => "thread::join",
        Class::Lock if has("thread::park") || has("park") => "thread::park",
        Class::Lock if has("Barrier") => "wait at a Barrier",
        _ => incident.verb,
    };
    format!("{verb} {detail}").trim_end().to_string()
}
