//! `smol::fs::OpenOptions` and `smol::fs::DirBuilder`.

use super::File;
use crate::smol::spawn::unblock;
use std::future::Future;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// How a file is opened: [`smol::fs::OpenOptions`](::smol::fs::OpenOptions).
#[derive(Clone, Debug)]
pub struct OpenOptions(pub(super) std::fs::OpenOptions);

impl Default for OpenOptions {
    fn default() -> Self {
        Self::new()
    }
}

macro_rules! switches {
    ($($about:literal $name:ident;)+) => {$(
        #[doc = $about]
        pub fn $name(&mut self, $name: bool) -> &mut OpenOptions {
            self.0.$name($name);
            self
        }
    )+};
}

impl OpenOptions {
    /// All switched off.
    pub fn new() -> OpenOptions {
        OpenOptions(std::fs::OpenOptions::new())
    }

    switches! {
        "Whether it can be read."
        read;
        "Whether it can be written to."
        write;
        "Whether writing goes to its end."
        append;
        "Whether it is emptied first."
        truncate;
        "Whether it is created if it is not there."
        create;
        "Whether it is created, and must not be there."
        create_new;
    }

    /// Opens the file.
    ///
    /// # Errors
    /// Those of [`std::fs::OpenOptions::open`].
    pub fn open<P: AsRef<Path>>(&self, path: P) -> impl Future<Output = io::Result<File>> + use<P> {
        let (options, path) = (self.0.clone(), path.as_ref().to_owned());
        async move { unblock(move || options.open(path)).await.map(File::clean) }
    }
}

/// How a folder is created: [`smol::fs::DirBuilder`](::smol::fs::DirBuilder).
#[derive(Debug, Default)]
pub struct DirBuilder {
    recursive: bool,
    pub(super) mode: Option<u32>,
}

impl DirBuilder {
    /// As [`create_dir`](super::create_dir) does it.
    pub fn new() -> DirBuilder {
        DirBuilder::default()
    }

    /// Whether folders above that are missing are created as well.
    pub fn recursive(&mut self, recursive: bool) -> &mut Self {
        self.recursive = recursive;
        self
    }

    /// Creates the folder.
    ///
    /// # Errors
    /// Those of [`std::fs::DirBuilder::create`].
    pub fn create<P: AsRef<Path>>(&self, path: P) -> impl Future<Output = io::Result<()>> + use<P> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(self.recursive);
        if let Some(mode) = self.mode {
            builder.mode(mode);
        }
        let path = path.as_ref().to_owned();
        unblock(move || builder.create(path))
    }
}
