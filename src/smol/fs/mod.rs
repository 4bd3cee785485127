//! `smol::fs`: files and folders, by jobs of the pool.
//!
//! In a run they are the run's pool's, and the files are real ones: a scenario that writes gives itself a folder of its
//! own, and takes care that the next run finds it as the last one did (see [`smol::fs`](::smol::fs) for each item).

mod builders;
mod file;
mod folder;
pub mod unix;

pub use builders::{DirBuilder, OpenOptions};
pub use file::File;
pub use folder::{DirEntry, ReadDir, read_dir};
pub use std::fs::{FileType, Metadata, Permissions};

use super::spawn::unblock;
use std::io;
use std::path::{Path, PathBuf};

/// Functions of one path, as std has them.
macro_rules! of_a_path {
    ($($about:literal $name:ident -> $result:ty;)+) => {$(
        #[doc = $about]
        ///
        /// # Errors
        /// Those of the function of this name in [`std::fs`].
        pub async fn $name<P: AsRef<Path>>(path: P) -> io::Result<$result> {
            let path = path.as_ref().to_owned();
            unblock(move || std::fs::$name(path)).await
        }
    )+};
}

of_a_path! {
    "The path in full, with all links followed."
    canonicalize -> PathBuf;
    "Creates a folder."
    create_dir -> ();
    "Creates a folder and those above it that are missing."
    create_dir_all -> ();
    "What is known of a path, with links followed."
    metadata -> Metadata;
    "Reads a whole file."
    read -> Vec<u8>;
    "Where a link leads."
    read_link -> PathBuf;
    "Reads a whole file as text."
    read_to_string -> String;
    "Removes an empty folder."
    remove_dir -> ();
    "Removes a folder with all that is in it."
    remove_dir_all -> ();
    "Removes a file."
    remove_file -> ();
    "What is known of a path, links themselves included."
    symlink_metadata -> Metadata;
}

/// Functions of two paths.
macro_rules! of_two_paths {
    ($($about:literal $name:ident -> $result:ty;)+) => {$(
        #[doc = $about]
        ///
        /// # Errors
        /// Those of the function of this name in [`std::fs`].
        pub async fn $name<P: AsRef<Path>, Q: AsRef<Path>>(src: P, dst: Q) -> io::Result<$result> {
            let (src, dst) = (src.as_ref().to_owned(), dst.as_ref().to_owned());
            unblock(move || std::fs::$name(src, dst)).await
        }
    )+};
}

of_two_paths! {
    "Copies a file with its permissions; gives the number of bytes."
    copy -> u64;
    "Creates a hard link."
    hard_link -> ();
    "Renames a file or folder."
    rename -> ();
}

/// Changes the permissions of a file or folder.
///
/// # Errors
/// Those of [`std::fs::set_permissions`].
pub async fn set_permissions<P: AsRef<Path>>(path: P, perm: Permissions) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    unblock(move || std::fs::set_permissions(path, perm)).await
}

/// Writes a whole file, in place of what was there.
///
/// # Errors
/// Those of [`std::fs::write`].
pub async fn write<P: AsRef<Path>, C: AsRef<[u8]>>(path: P, contents: C) -> io::Result<()> {
    let (path, contents) = (path.as_ref().to_owned(), contents.as_ref().to_owned());
    unblock(move || std::fs::write(path, contents)).await
}
