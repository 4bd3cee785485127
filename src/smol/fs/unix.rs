//! `smol::fs::unix`: what only Unix has.

use super::{DirBuilder, DirEntry, OpenOptions};
use crate::smol::spawn::unblock;
use std::io;
use std::os::unix::fs as std_unix;
use std::path::Path;

pub use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};

/// Creates a symbolic link at `dst` that leads to `src`.
///
/// # Errors
/// Those of [`std::os::unix::fs::symlink`].
pub async fn symlink<P: AsRef<Path>, Q: AsRef<Path>>(src: P, dst: Q) -> io::Result<()> {
    let (src, dst) = (src.as_ref().to_owned(), dst.as_ref().to_owned());
    unblock(move || std_unix::symlink(src, dst)).await
}

/// Nobody else implements the traits below.
mod sealed {
    pub trait Sealed {}
    impl Sealed for super::DirBuilder {}
    impl Sealed for super::DirEntry {}
    impl Sealed for super::OpenOptions {}
}

/// What only Unix has for a [`DirBuilder`].
pub trait DirBuilderExt: sealed::Sealed {
    /// The mode of folders to create.
    fn mode(&mut self, mode: u32) -> &mut Self;
}

impl DirBuilderExt for DirBuilder {
    fn mode(&mut self, mode: u32) -> &mut Self {
        self.mode = Some(mode);
        self
    }
}

/// What only Unix has for a [`DirEntry`].
pub trait DirEntryExt: sealed::Sealed {
    /// The number of its inode.
    fn ino(&self) -> u64;
}

impl DirEntryExt for DirEntry {
    fn ino(&self) -> u64 {
        std_unix::DirEntryExt::ino(&*self.0)
    }
}

/// What only Unix has for [`OpenOptions`].
pub trait OpenOptionsExt: sealed::Sealed {
    /// The mode of a file that is created.
    fn mode(&mut self, mode: u32) -> &mut Self;
    /// Flags of one's own for the call.
    fn custom_flags(&mut self, flags: i32) -> &mut Self;
}

impl OpenOptionsExt for OpenOptions {
    fn mode(&mut self, mode: u32) -> &mut Self {
        std_unix::OpenOptionsExt::mode(&mut self.0, mode);
        self
    }
    fn custom_flags(&mut self, flags: i32) -> &mut Self {
        std_unix::OpenOptionsExt::custom_flags(&mut self.0, flags);
        self
    }
}
