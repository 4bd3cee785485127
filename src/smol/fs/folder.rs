//! `smol::fs::read_dir`.

use crate::smol::spawn::unblock;
use ::smol::Task;
use ::smol::stream::Stream;
use std::ffi::OsString;
use std::fmt;
use std::fs::{FileType, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// The entries of a folder, in the order that the system has them in.
///
/// # Errors
/// Those of [`std::fs::read_dir`].
pub async fn read_dir<P: AsRef<Path>>(path: P) -> io::Result<ReadDir> {
    let path = path.as_ref().to_owned();
    let entries = unblock(move || std::fs::read_dir(path)).await?;
    Ok(ReadDir(Reading::Idle(entries)))
}

/// The stream that [`read_dir`] gives.
pub struct ReadDir(Reading);

type Next = (std::fs::ReadDir, Option<io::Result<std::fs::DirEntry>>);

enum Reading {
    Idle(std::fs::ReadDir),
    Busy(Task<Next>),
    /// Between the two.
    Moving,
}

impl fmt::Debug for ReadDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadDir")
    }
}

impl Stream for ReadDir {
    type Item = io::Result<DirEntry>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut job = match std::mem::replace(&mut self.0, Reading::Moving) {
            Reading::Idle(mut entries) => unblock(move || {
                let next = entries.next();
                (entries, next)
            }),
            Reading::Busy(job) => job,
            Reading::Moving => panic!("a job that read a folder has panicked"),
        };
        let polled = Pin::new(&mut job).poll(cx);
        if polled.is_pending() {
            self.0 = Reading::Busy(job);
        }
        let (entries, next) = ready!(polled);
        self.0 = Reading::Idle(entries);
        Poll::Ready(next.map(|entry| entry.map(|entry| DirEntry(Arc::new(entry)))))
    }
}

/// An entry of a folder: [`smol::fs::DirEntry`](::smol::fs::DirEntry).
#[derive(Clone)]
pub struct DirEntry(pub(super) Arc<std::fs::DirEntry>);

impl DirEntry {
    /// Its path: the folder's as it was given, and its name.
    pub fn path(&self) -> PathBuf {
        self.0.path()
    }

    /// What is known of it; of a link, of the link itself.
    ///
    /// # Errors
    /// Those of [`std::fs::DirEntry::metadata`].
    pub async fn metadata(&self) -> io::Result<Metadata> {
        let entry = self.0.clone();
        unblock(move || entry.metadata()).await
    }

    /// Whether it is a file, a folder, or something else.
    ///
    /// # Errors
    /// Those of [`std::fs::DirEntry::file_type`].
    pub async fn file_type(&self) -> io::Result<FileType> {
        let entry = self.0.clone();
        unblock(move || entry.file_type()).await
    }

    /// Its name.
    pub fn file_name(&self) -> OsString {
        self.0.file_name()
    }
}

impl fmt::Debug for DirEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DirEntry").field(&self.path()).finish()
    }
}
