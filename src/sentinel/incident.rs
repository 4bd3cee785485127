//! A blocking call on the loop as it was seen: memory that was there before.

use super::Class;
use crate::id::Key;
use crate::instant::Instant;
use crate::sites::SiteId;
use std::fmt;

/// A few words in a place that was there before.
#[derive(Clone, Copy)]
pub struct Detail {
    bytes: [u8; Detail::MOST],
    length: u8,
}

impl Detail {
    pub const fn new() -> Detail {
        Detail { bytes: [0; Detail::MOST], length: 0 }
    }

    /// This text, or its beginning.
    pub fn of(text: &str) -> Detail {
        let mut detail = Detail::new();
        // What is too long is cut.
        let _ = fmt::Write::write_str(&mut detail, text);
        detail
    }

    /// How many bytes are kept: a long path, and the quotes about it.
    const MOST: usize = 248;
    /// How long a path may be of which both quotes are kept.
    pub const PATH: usize = Detail::MOST - 2;

    pub fn as_str(&self) -> &str {
        let bytes = &self.bytes[..usize::from(self.length)];
        std::str::from_utf8(bytes).unwrap_or_else(|e| std::str::from_utf8(&bytes[..e.valid_up_to()]).unwrap_or(""))
    }
}

impl fmt::Write for Detail {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let at = usize::from(self.length);
        let count = text.len().min(self.bytes.len() - at);
        self.bytes[at..at + count].copy_from_slice(&text.as_bytes()[..count]);
        self.length += count as u8;
        Ok(())
    }
}

/// How many return addresses are kept of a call.
pub const DEPTH: usize = 48;
/// How many names of those kept waiting.
pub const NAMED: usize = 6;

/// Who had what the loop waited for: whoever woke it, in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The task, the job or the thread.
    pub who: Key,
    /// The worker that a job was on.
    pub on: Option<Key>,
}

/// A blocking call on the loop as it was seen: plain numbers, written without an allocation.
#[derive(Clone, Copy)]
pub struct Incident {
    pub class: Class,
    /// The call in a word, and its arguments.
    pub verb: &'static str,
    pub detail: Detail,
    pub frames: [usize; DEPTH],
    pub depth: usize,
    pub who: Key,
    pub site: SiteId,
    pub step: u64,
    pub at: Instant,
    pub count: u32,
    /// Virtual nanoseconds for which the loop stood still.
    pub stood: u64,
    pub ready: [Key; NAMED],
    pub ready_count: usize,
    pub late: [Key; NAMED],
    pub late_count: usize,
    /// Who let the loop go on, or would have.
    pub holder: Option<Holder>,
    /// The loop could never have gone on.
    pub for_ever: bool,
}
