//! Ctrl-C: noted, and looked at by whoever waits.

use crate::error::{Error, Result};
use std::sync::atomic::{AtomicU32, Ordering};

static TIMES: AtomicU32 = AtomicU32::new(0);

/// From now on Ctrl-C (or SIGTERM) stops what goes on and leaves what there is; a third one ends the program.
///
/// # Errors
/// The system does not allow it.
pub fn install() -> Result<()> {
    let handler = || {
        if TIMES.fetch_add(1, Ordering::SeqCst) >= 2 {
            std::process::exit(130);
        }
    };
    ctrlc::set_handler(handler).map_err(|error| Error::internal(format!("Ctrl-C cannot be caught: {error}")))
}

pub fn is_set() -> bool {
    TIMES.load(Ordering::SeqCst) > 0
}
