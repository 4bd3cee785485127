//! `smol::fs::File`.

use crate::smol::spawn::unblock;
use crate::smol::unblock::Unblock;
use ::smol::io::{AsyncRead, AsyncSeek, AsyncWrite, AsyncWriteExt};
use ::smol::lock::Mutex;
use std::fmt;
use std::fs::{Metadata, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// An open file: [`smol::fs::File`](::smol::fs::File).
///
/// A job reads ahead of its reader and writes behind its writer, so what was written is in the file only after a flush;
/// a file that is dropped before that may lack it.
///
/// ```
/// use raddle::smol::{fs::File, io::AsyncReadExt};
/// # raddle::Sim::new().run(|| async {
/// let mut text = String::new();
/// File::open("Cargo.toml").await.unwrap().read_to_string(&mut text).await.unwrap();
/// assert!(text.contains("[package]"));
/// # }).unwrap();
/// ```
pub struct File {
    file: Arc<std::fs::File>,
    jobs: Mutex<Unblock<Shared>>,
    /// Where the reader is, since it has read: the file itself is read further ahead. Not known of what cannot seek.
    reader_at: Option<Result<u64, ()>>,
    is_dirty: bool,
}

/// The file as the jobs have it.
struct Shared(Arc<std::fs::File>);

impl Read for Shared {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(buffer)
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.0).write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        (&*self.0).flush()
    }
}

impl Seek for Shared {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        (&*self.0).seek(to)
    }
}

impl File {
    fn make(file: std::fs::File, is_dirty: bool) -> File {
        let file = Arc::new(file);
        let jobs = Mutex::new(Unblock::new(Shared(file.clone())));
        File { file, jobs, reader_at: None, is_dirty }
    }

    pub(super) fn clean(file: std::fs::File) -> File {
        File::make(file, false)
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    /// Those of [`std::fs::File::open`].
    pub async fn open<P: AsRef<Path>>(path: P) -> io::Result<File> {
        let path = path.as_ref().to_owned();
        unblock(move || std::fs::File::open(path)).await.map(File::clean)
    }

    /// Opens a file for writing: a new one, or an old one emptied.
    ///
    /// # Errors
    /// Those of [`std::fs::File::create`].
    pub async fn create<P: AsRef<Path>>(path: P) -> io::Result<File> {
        let path = path.as_ref().to_owned();
        unblock(move || std::fs::File::create(path)).await.map(File::clean)
    }

    /// Has a job do something with the file, when all is written that was given to it.
    async fn when_flushed<R: Send + 'static>(
        &self,
        f: impl FnOnce(&std::fs::File) -> io::Result<R> + Send + 'static,
    ) -> io::Result<R> {
        let mut jobs = self.jobs.lock().await;
        jobs.flush().await?;
        let file = self.file.clone();
        unblock(move || f(&file)).await
    }

    /// Has the file, with all that is known of it, reach the disk.
    ///
    /// # Errors
    /// Those of writing, and of [`std::fs::File::sync_all`].
    pub async fn sync_all(&self) -> io::Result<()> {
        self.when_flushed(std::fs::File::sync_all).await
    }

    /// Has the file's contents reach the disk.
    ///
    /// # Errors
    /// Those of writing, and of [`std::fs::File::sync_data`].
    pub async fn sync_data(&self) -> io::Result<()> {
        self.when_flushed(std::fs::File::sync_data).await
    }

    /// Cuts the file, or adds zeros to it.
    ///
    /// # Errors
    /// Those of writing, and of [`std::fs::File::set_len`].
    pub async fn set_len(&self, size: u64) -> io::Result<()> {
        self.when_flushed(move |file| file.set_len(size)).await
    }

    /// What is known of the file.
    ///
    /// # Errors
    /// Those of [`std::fs::File::metadata`].
    pub async fn metadata(&self) -> io::Result<Metadata> {
        let file = self.file.clone();
        unblock(move || file.metadata()).await
    }

    /// Changes the file's permissions.
    ///
    /// # Errors
    /// Those of [`std::fs::File::set_permissions`].
    pub async fn set_permissions(&self, perm: Permissions) -> io::Result<()> {
        let file = self.file.clone();
        unblock(move || file.set_permissions(perm)).await
    }

    fn jobs(&mut self) -> Pin<&mut Unblock<Shared>> {
        Pin::new(self.jobs.get_mut())
    }

    /// Has the file be where its reader is.
    fn poll_go_back(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(Ok(place)) = self.reader_at {
            ready!(self.jobs().poll_seek(cx, SeekFrom::Start(place)))?;
        }
        self.reader_at = None;
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for File {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.reader_at.is_none() {
            let place = ready!(self.as_mut().poll_seek(cx, SeekFrom::Current(0)));
            self.reader_at = Some(place.map_err(drop));
        }
        let count = ready!(self.jobs().poll_read(cx, buf))?;
        if let Some(Ok(place)) = &mut self.reader_at {
            *place += count as u64;
        }
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for File {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_go_back(cx))?;
        self.is_dirty = true;
        self.jobs().poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_dirty {
            ready!(self.jobs().poll_flush(cx))?;
            self.is_dirty = false;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.jobs().poll_close(cx)
    }
}

impl AsyncSeek for File {
    fn poll_seek(mut self: Pin<&mut Self>, cx: &mut Context<'_>, pos: SeekFrom) -> Poll<io::Result<u64>> {
        ready!(self.poll_go_back(cx))?;
        self.jobs().poll_seek(cx, pos)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.file.fmt(f)
    }
}

/// What was written to it before may not be flushed.
impl From<std::fs::File> for File {
    fn from(file: std::fs::File) -> File {
        File::make(file, true)
    }
}

impl From<OwnedFd> for File {
    fn from(descriptor: OwnedFd) -> File {
        std::fs::File::from(descriptor).into()
    }
}

impl AsRawFd for File {
    fn as_raw_fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
