//! Tasks and jobs without metadata, and what the rooms above keep in a world while a run lasts.

use super::{Birth, World};
use crate::executor::{self, BareTask};
use std::any::Any;
use std::future::Future;
use std::sync::Arc;

/// Something that lasts as long as a run.
pub(super) type Kept = Arc<dyn Any + Send + Sync>;

impl World {
    /// Makes a task whose handle knows nothing of raddle, and queues it.
    pub fn spawn_bare<F>(&self, birth: &Birth<'_>, future: F) -> BareTask<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (carrier, task) = executor::bare_task::<World, F>(self.prepare(birth), self.is_traced(), future);
        self.occupy(carrier.metadata().slot, carrier.waker());
        self.push(carrier);
        task
    }

    /// Makes a job whose handle knows nothing of raddle, and queues it with the pool. Each poll of `future` is on a worker;
    /// while it waits, it takes none.
    pub fn spawn_bare_job<F>(&self, birth: &Birth<'_>, future: F) -> BareTask<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (carrier, task) = executor::bare_job::<World, F>(self.prepare(birth), self.is_traced(), future);
        self.occupy(carrier.metadata().slot, carrier.waker());
        carrier.schedule();
        task
    }

    /// The run's own `T`, made when it is first asked for and dropped when the run is over.
    pub fn kept<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let known = self.kept.borrow().iter().find_map(|kept| kept.clone().downcast::<T>().ok());
        known.unwrap_or_else(|| {
            let made = Arc::new(T::default());
            self.kept.borrow_mut().push(made.clone());
            made
        })
    }

    /// The run is over; after a panic its things are leaked, as its tasks are.
    pub(super) fn keep_nothing(&self, leak: bool) {
        #[cfg(unix)]
        self.forget_tasks_outside();
        let kept = self.kept.take();
        if leak {
            std::mem::forget(kept);
        }
    }
}
