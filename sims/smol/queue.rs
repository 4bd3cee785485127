//! A queue of jobs on disk (`smol::fs`): whoever adds one writes a file, a worker does it, notes that in a log, and removes
//! the file. In the middle the program crashes; when it starts again the queue is what the disk says.
//!
//! A job is done at least once: if the crash is between the log and the removal, twice.

use smol::Timer;
use smol::fs::{self, OpenOptions};
use smol::io::AsyncWriteExt;
use smol::stream::StreamExt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A queue in a folder.
#[derive(Clone)]
pub struct Queue {
    folder: PathBuf,
}

impl Queue {
    /// Opens the queue in `folder`; half written jobs are thrown away.
    pub async fn open(folder: &Path) -> io::Result<Queue> {
        fs::create_dir_all(folder).await?;
        for path in files(folder).await? {
            if path.extension().is_some_and(|extension| extension == "part") {
                fs::remove_file(path).await?;
            }
        }
        Ok(Queue { folder: folder.to_owned() })
    }

    /// Adds a job: under another name first, since a crash may leave half of it.
    pub async fn add(&self, name: &str) -> io::Result<()> {
        let part = self.folder.join(name).with_extension("part");
        let mut file = fs::File::create(&part).await?;
        file.write_all(name.as_bytes()).await?;
        file.sync_all().await?;
        fs::rename(&part, self.folder.join(name).with_extension("job")).await
    }

    /// Does the jobs that wait, oldest name first.
    pub async fn work(&self) -> io::Result<()> {
        let mut jobs = files(&self.folder).await?;
        jobs.retain(|path| path.extension().is_some_and(|extension| extension == "job"));
        for job in jobs {
            let name = fs::read_to_string(&job).await?;
            Timer::after(Duration::from_millis(2)).await;
            let mut log = OpenOptions::new().append(true).create(true).open(self.folder.join("log")).await?;
            log.write_all(format!("{name}\n").as_bytes()).await?;
            log.sync_all().await?;
            fs::remove_file(&job).await?;
        }
        Ok(())
    }

    /// What has been done, in order.
    pub async fn done(&self) -> io::Result<Vec<String>> {
        let text = fs::read_to_string(self.folder.join("log")).await?;
        Ok(text.lines().map(str::to_string).collect())
    }
}

async fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).await?.map(|entry| entry.map(|e| e.path())).try_collect().await?;
    files.sort();
    Ok(files)
}

/// Adds two jobs and works, crashes when `crash` is over, starts again and works to the end. What was done, in order.
pub async fn survives(folder: &Path, crash: impl Future<Output = ()>) -> io::Result<Vec<String>> {
    let _ = fs::remove_dir_all(folder).await;
    let before = async {
        let queue = Queue::open(folder).await?;
        for name in ["1", "2"] {
            queue.add(name).await?;
        }
        queue.work().await
    };
    // A crash: what was going on is gone, and nobody hears of it.
    let crashed = smol::future::or(async { Some(before.await) }, async {
        crash.await;
        None
    });
    if let Some(ended) = crashed.await {
        ended?;
    }
    let queue = Queue::open(folder).await?;
    for name in ["1", "2"] {
        // Whoever was not told that a job was added adds it again, unless it is there or done.
        let is_known = queue.done().await.is_ok_and(|done| done.iter().any(|known| known == name));
        if !is_known {
            queue.add(name).await?;
        }
    }
    queue.work().await?;
    let done = queue.done().await?;
    for name in ["1", "2"] {
        assert!(done.iter().any(|known| known == name), "job {name} is lost: {done:?}");
    }
    Ok(done)
}
