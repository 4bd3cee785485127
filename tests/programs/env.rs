//! What the tasks, jobs and threads of a run share, and the scenario that a program is.

use super::program::Program;
use super::tasks::{block, ms};
use async_channel::{Receiver, Sender};
use event_listener::Event;
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::time::Duration;

/// What the tasks, jobs and threads of one run share.
pub struct Env {
    history: Mutex<String>,
    is_over: AtomicBool,
    /// Who has begun, or is to, and has not ended.
    pub alive: Arc<Mutex<BTreeSet<String>>>,
    pub locks: [async_lock::Mutex<()>; 2],
    pub lock: async_lock::RwLock<()>,
    pub semaphore: async_lock::Semaphore,
    pub barrier: async_lock::Barrier,
    pub once: async_lock::OnceCell<()>,
    pub channels: [(Sender<u8>, Receiver<u8>); 2],
    pub event: Event,
    pub counters: [AtomicU32; 2],
    pub resources: [Mutex<String>; 3],
    pub std_locks: [Mutex<()>; 2],
    pub tickets: (Mutex<u32>, Condvar),
    pub queue: (mpsc::SyncSender<u8>, Mutex<mpsc::Receiver<u8>>),
}

impl Env {
    pub fn new(alive: Arc<Mutex<BTreeSet<String>>>) -> Arc<Env> {
        let (sender, receiver) = mpsc::sync_channel(1);
        Arc::new(Env {
            history: Mutex::default(),
            is_over: AtomicBool::new(false),
            alive,
            locks: Default::default(),
            lock: Default::default(),
            semaphore: async_lock::Semaphore::new(2),
            barrier: async_lock::Barrier::new(2),
            once: async_lock::OnceCell::new(),
            channels: [async_channel::bounded(1), async_channel::unbounded()],
            event: Event::new(),
            counters: Default::default(),
            resources: Default::default(),
            std_locks: Default::default(),
            tickets: Default::default(),
            queue: (sender, Mutex::new(receiver)),
        })
    }

    pub fn note(&self, who: &Who, what: impl std::fmt::Display) {
        let text = format!("{}:{what} ", who.name);
        *self.history.lock().unwrap_or_else(PoisonError::into_inner) += &text;
    }

    pub fn begins(&self, name: &str) {
        self.alive.lock().unwrap_or_else(PoisonError::into_inner).insert(name.into());
    }

    pub fn ends(&self, name: &str) {
        // What happens while a run is wound up is no part of it.
        if self.is_over.load(SeqCst) {
            return;
        }
        self.alive.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// What is left at the end, beside the history.
    fn told(&self, announced: bool) -> String {
        let mut text = String::new();
        if !announced {
            text += &self.history.lock().unwrap_or_else(PoisonError::into_inner);
        }
        for resource in &self.resources {
            text += &format!("[{}]", resource.lock().unwrap_or_else(PoisonError::into_inner));
        }
        text
    }
}

/// A task, a job or a thread: its place in the tree of who made whom.
pub struct Who {
    pub name: String,
    children: AtomicU32,
}

impl Who {
    fn new(name: String) -> Arc<Who> {
        Arc::new(Who { name, children: AtomicU32::new(0) })
    }

    /// Its next child.
    pub fn child(&self, letter: char) -> Arc<Who> {
        Who::new(format!("{}{letter}{}", self.name, self.children.fetch_add(1, SeqCst)))
    }
}

/// The scenario that `program` is. What is announced is all that its outcome tells, if that is what it does.
pub fn scenario(
    program: &Program,
    announced: bool,
    alive: &Arc<Mutex<BTreeSet<String>>>,
) -> impl Fn() -> Pin<Box<dyn Future<Output = String>>> + Send + use<> {
    let (main, alive, rescued) = (program.main.clone(), alive.clone(), program.rescued);
    move || {
        alive.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let (main, env) = (main.clone(), Env::new(alive.clone()));
        Box::pin(async move {
            if rescued {
                raddle::task("rescue").spawn(rescue(env.clone())).detach();
            }
            let over = Over(env.clone());
            block(env.clone(), Who::new("m".into()), main).await;
            drop(over);
            env.told(announced)
        })
    }
}

/// Says when the scenario is done, or dropped.
struct Over(Arc<Env>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.is_over.store(true, SeqCst);
    }
}

/// Lets go whoever has waited for long.
async fn rescue(env: Arc<Env>) {
    for _ in 0..4 {
        raddle::sleep(Duration::from_millis(50)).await;
        env.channels.iter().for_each(|(sender, _)| _ = sender.close());
        env.event.notify(usize::MAX);
        let _ = raddle::timeout(ms(1), env.barrier.wait()).await;
        if let Ok(mut tickets) = env.tickets.0.try_lock() {
            *tickets += 4;
        }
        env.tickets.1.notify_all();
        let _ = env.queue.0.try_send(9);
        if let Ok(queue) = env.queue.1.try_lock() {
            let _ = queue.try_recv();
        }
    }
}
