//! With the `tracing` feature: what tasks and jobs log is told whose it is, and when.

use super::World;
use crate::executor::TaskMeta;
use crate::sites;
use tracing::Level;
use tracing::span::EnteredSpan;

impl World {
    /// A span for the task or job that is about to run on this thread: its name, virtual time and the seed.
    pub fn span(&self, meta: &TaskMeta) -> Option<EnteredSpan> {
        if !tracing::enabled!(target: "raddle", Level::ERROR) {
            return None;
        }
        let site = sites::site(meta.site()).map_or("a task", |site| site.name());
        let name = if self.is_traced() { self.name_of(meta.key) } else { site.to_string() };
        let (now, seed) = (self.now(), self.seed());
        let span = tracing::error_span!(target: "raddle", "run", task = %name, at = %now, seed = %seed);
        Some(span.entered())
    }
}
