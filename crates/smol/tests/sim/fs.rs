//! `fs`: real files, by jobs of the run's pool.

use raddle::Sim;
use smol::fs::unix::{DirBuilderExt, DirEntryExt, OpenOptionsExt, PermissionsExt};
use smol::fs::{self, DirBuilder, File, OpenOptions};
use smol::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, SeekFrom};
use smol::stream::StreamExt;
use std::path::{Path, PathBuf};

/// A folder that is there while this is.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("raddle-smol-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn every_function_does_what_std_does() {
    let folder = Folder::new("functions");
    let own = folder.path().to_owned();
    let report = Sim::new().run(move || {
        let own = own.clone();
        async move {
            let (a, b, link, inner) = (own.join("a"), own.join("b"), own.join("link"), own.join("x/y"));
            fs::write(&a, "hello").await?;
            assert_eq!(fs::read(&a).await?, b"hello");
            assert_eq!(fs::copy(&a, &b).await?, 5);
            assert_eq!(fs::read_to_string(&b).await?, "hello");
            fs::rename(&b, own.join("c")).await?;
            fs::hard_link(&a, &b).await?;
            fs::unix::symlink(&a, &link).await?;
            assert_eq!(fs::read_link(&link).await?, a);
            assert_eq!(fs::canonicalize(&link).await?, fs::canonicalize(&a).await?);
            assert!(fs::symlink_metadata(&link).await?.is_symlink() && fs::metadata(&link).await?.is_file());
            fs::create_dir_all(&inner).await?;
            fs::remove_dir(&inner).await?;
            fs::create_dir(&inner).await?;
            fs::set_permissions(&a, fs::Permissions::from_mode(0o600)).await?;
            assert_eq!(fs::metadata(&a).await?.permissions().mode() & 0o777, 0o600);
            let mut names = Vec::new();
            let mut entries = fs::read_dir(&own).await?;
            while let Some(entry) = entries.next().await {
                let entry = entry?;
                assert!(entry.ino() > 0 && entry.path().starts_with(&own));
                assert_eq!(entry.file_type().await?.is_dir(), entry.metadata().await?.is_dir());
                names.push(entry.file_name().into_string().unwrap());
            }
            names.sort();
            assert_eq!(names, ["a", "b", "c", "link", "x"]);
            fs::remove_file(&link).await?;
            fs::remove_dir_all(own.join("x")).await?;
            assert_eq!(fs::read(&link).await.unwrap_err().kind(), std::io::ErrorKind::NotFound);
            DirBuilder::new().recursive(true).mode(0o700).create(own.join("p/q")).await?;
            assert_eq!(fs::metadata(own.join("p")).await?.permissions().mode() & 0o777, 0o700);
            Ok::<_, std::io::Error>(())
        }
    });
    assert!(report.is_ok(), "{report}");
}

#[test]
fn a_file_is_read_written_and_moved_in() {
    let folder = Folder::new("file");
    let own = folder.path().join("file");
    let found = raddle::Explore::new().seeds(0..16).run(move || {
        let own = own.clone();
        async move {
            let mut file =
                OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o644).open(&own).await?;
            file.write_all(b"one two three").await?;
            assert_eq!(file.seek(SeekFrom::Start(4)).await?, 4, "written first, then moved in");
            let mut three = [0; 3];
            file.read_exact(&mut three).await?;
            assert_eq!(&three, b"two");
            // It was read ahead of that; the writing goes where the reader is.
            file.write_all(b"_").await?;
            file.sync_all().await?;
            assert_eq!(fs::read(&own).await?, b"one two_three");
            file.set_len(3).await?;
            file.sync_data().await?;
            assert_eq!(file.metadata().await?.len(), 3);
            file.close().await?;
            let mut text = String::new();
            File::open(&own).await?.read_to_string(&mut text).await?;
            assert_eq!(text, "one");
            let mut log = OpenOptions::new().append(true).open(&own).await?;
            log.write_all(b"!").await?;
            log.flush().await?;
            assert_eq!(fs::read(&own).await?, b"one!");
            File::create(&own).await?;
            assert_eq!(fs::metadata(&own).await?.len(), 0);
            Ok::<_, std::io::Error>(())
        }
    });
    assert!(found.is_ok(), "{found}");
}

/// What was given to a file and not flushed may be missing: a crash of the code's own making.
#[test]
fn what_is_not_flushed_may_be_lost() {
    let folder = Folder::new("lost");
    let own = folder.path().join("file");
    let found = raddle::Explore::new().seeds(0..64).run(move || {
        let own = own.clone();
        async move {
            let mut file = File::create(&own).await.unwrap();
            file.write_all(b"x").await.unwrap();
            smol::future::yield_now().await;
            drop(file);
            fs::read(&own).await.unwrap().len()
        }
    });
    assert_eq!(found.outcomes().len(), 2, "{:?}", found.outcomes());
}
