//! What a world can say of itself when its process is about to die.

use super::World;
use crate::boundary::threads;
use crate::parcel::{Parcel, Sink};
use crate::sites::{self, SiteId};

impl World {
    /// Where the job was spawned that sim thread `index` is in, and the number of that worker, if it is one in a job.
    /// Neither allocates nor waits.
    pub fn job_at_once(&self, index: usize) -> Option<(SiteId, usize)> {
        let site = self.workers.try_borrow()?.get(index)?.job_site?;
        Some((site, index / 2))
    }

    /// Says how far the run is, who runs, and what the trace has. Neither allocates nor waits; what is being changed at this
    /// moment is left out.
    pub fn last_words(&self, sink: &mut dyn Sink) {
        [self.tally.digest(), self.tally.decisions(), self.tally.deviations()]
            .into_iter()
            .for_each(|number| number.put(sink));
        let job = threads::current().and_then(|index| self.job_at_once(index)).map(|(site, _)| site);
        let site = sites::site_at_once(job.unwrap_or_else(|| self.beacon.site()));
        let name = site.map_or("", |site| site.name());
        // As a String is put.
        name.len().put(sink);
        sink.bytes(name.as_bytes());
        match self.log.try_borrow().as_deref() {
            Some(Some(log)) => {
                true.put(sink);
                log.put(sink);
            }
            _ => false.put(sink),
        }
    }
}
