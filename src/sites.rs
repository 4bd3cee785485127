//! Spawn sites: where in the code a task comes from, and what type its future has.

use crate::boundary::fork_lock::inside;
use crate::name::of_future;
use std::cell::Cell;
use std::panic::Location;
use std::sync::{PoisonError, RwLock};

/// Where a task is spawned: enough to name it, at the cost of three pointers.
#[derive(Clone, Copy)]
pub struct Site {
    pub at: &'static Location<'static>,
    pub type_name: fn() -> &'static str,
    /// The name given to it, where that is a literal.
    pub given: Option<&'static str>,
}

impl Site {
    /// The name without its number.
    pub fn name(&self) -> &'static str {
        self.given.unwrap_or_else(|| of_future((self.type_name)()))
    }

    /// Whether raddle has made it itself, a worker or a thread: where that is in its code tells nobody anything.
    pub fn is_raddles(&self) -> bool {
        matches!(self.given, Some("worker" | "thread")) && (self.type_name)().starts_with("raddle::")
    }

    #[inline]
    fn address(&self) -> (usize, usize, usize) {
        let at: *const Location<'static> = self.at;
        (at as usize, self.type_name as usize, self.given.map_or(0, |g| g.as_ptr() as usize))
    }
}

/// A site's number in the process-wide table.
pub type SiteId = u32;

static TABLE: RwLock<Vec<Site>> = RwLock::new(Vec::new());

/// The site with this number, if nobody is at the table: for those who cannot wait.
pub fn site_at_once(id: SiteId) -> Option<Site> {
    TABLE.try_read().ok()?.get(id as usize).copied()
}

/// The site with this number. The watchdog reads it from a thread of its own.
pub fn site(id: SiteId) -> Option<Site> {
    inside(|| TABLE.read().unwrap_or_else(PoisonError::into_inner).get(id as usize).copied())
}

/// The same where nobody may wait; `None` also if the table is being written.
pub fn site_now(id: SiteId) -> Option<Site> {
    TABLE.try_read().ok()?.get(id as usize).copied()
}

/// The sites that one world has met, in front of the process-wide table.
pub struct Sites {
    recent: [Cell<Known>; 64],
}

/// A site's address and its number.
#[derive(Clone, Copy)]
struct Known((usize, usize, usize), SiteId);

impl Sites {
    pub fn new() -> Sites {
        // No place in the code has the address 0.
        Sites { recent: [const { Cell::new(Known((0, 0, 0), 0)) }; 64] }
    }

    /// The number of `site`, if this world has met it lately.
    #[inline]
    pub fn known(&self, site: &Site) -> Option<SiteId> {
        let address = site.address();
        let Known(known, id) = self.place(address).get();
        (known == address).then_some(id)
    }

    /// The number of `site`, the same for the same place and type. It may have to wait for another world's look into
    /// the table: not to be called with system calls seen.
    #[cold]
    #[inline(never)]
    pub fn look_up(&self, site: Site) -> SiteId {
        let index = inside(|| {
            let mut table = TABLE.write().unwrap_or_else(PoisonError::into_inner);
            let known = table.iter().position(|s| s.address() == site.address());
            known.unwrap_or_else(|| {
                table.push(site);
                table.len() - 1
            })
        });
        let address = site.address();
        self.place(address).set(Known(address, index as SiteId));
        index as SiteId
    }

    #[inline]
    fn place(&self, address: (usize, usize, usize)) -> &Cell<Known> {
        &self.recent[(address.0 >> 3) % self.recent.len()]
    }
}
