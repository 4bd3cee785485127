//! `Unblock`: reading, writing, seeking and iterating on the pool.

use raddle::Sim;
use smol::Unblock;
use smol::future::FutureExt;
use smol::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, SeekFrom};
use smol::stream::StreamExt;
use std::io::{self, Cursor, Read, Write};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[track_caller]
fn passes<F: Future<Output = ()> + 'static>(scenario: impl Fn() -> F + Send + Sync + 'static) {
    let found = raddle::Explore::new().seeds(0..32).run(scenario);
    assert!(found.is_ok(), "{found}");
}

/// Notes the names of the threads it is used on.
struct Noting(Arc<Mutex<Vec<u8>>>, usize);

impl Write for Noting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        assert_eq!(std::thread::current().name(), Some("worker-1"));
        let count = bytes.len().min(self.1);
        self.0.lock().unwrap().extend(&bytes[..count]);
        Ok(count)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().unwrap().push(b'!');
        Ok(())
    }
}

#[test]
fn reads_to_the_end_and_again() {
    passes(|| async {
        let bytes: Vec<u8> = (0..200_000_u32).map(|n| n as u8).collect();
        let mut blocking = Unblock::new(Cursor::new(bytes.clone()));
        let mut read = Vec::new();
        assert_eq!(blocking.read_to_end(&mut read).await.unwrap(), bytes.len());
        assert_eq!(read, bytes);
        assert_eq!(blocking.read(&mut [0; 3]).await.unwrap(), 0);
        assert_eq!(blocking.seek(SeekFrom::Start(5)).await.unwrap(), 5);
        let mut some = [0; 3];
        blocking.read_exact(&mut some).await.unwrap();
        assert_eq!(some, [5, 6, 7]);
        assert_eq!(blocking.into_inner().await.into_inner(), bytes);
    });
}

/// In a job whoever reads may run as soon as it is woken, and so before the job that has come to the end is over. That end is
/// told, and reading is not begun anew each time.
#[test]
fn the_end_is_told_however_late_the_job_is_over() {
    let scenario = || async {
        smol::unblock(|| {
            smol::block_on(async {
                let mut blocking = Unblock::new(Cursor::new(vec![7; 100_000]));
                let mut read = Vec::new();
                assert_eq!(blocking.read_to_end(&mut read).await.unwrap(), 100_000);
                let mut items = Unblock::new(0..100);
                let mut count = 0;
                while items.next().await.is_some() {
                    count += 1;
                }
                count
            })
        })
        .await
    };
    let report = Sim::new().strategy(raddle::StrategyKind::Fifo).max_steps(10_000).run(scenario);
    assert_eq!(report.value(), Some(&100), "{report}");
    let found = raddle::Explore::new().seeds(0..32).max_steps(10_000).run(scenario);
    assert!(found.is_ok(), "{found}");
}

#[test]
fn writes_behind_and_flushes() {
    passes(|| async {
        let written = Arc::new(Mutex::new(Vec::new()));
        let mut blocking = Unblock::new(Noting(written.clone(), 3));
        blocking.write_all(b"hello world").await.unwrap();
        blocking.flush().await.unwrap();
        assert_eq!(*written.lock().unwrap(), b"hello world!");
        blocking.write_all(b"more").await.unwrap();
        blocking.close().await.unwrap();
        assert_eq!(*written.lock().unwrap(), b"hello world!more!");
        assert_eq!(format!("{blocking:?}"), "Unblock { io: <closed> }");
    });
}

impl std::fmt::Debug for Noting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Noting")
    }
}

/// A reader that never ends, and counts.
struct Endless(Arc<AtomicUsize>);

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.fetch_add(buffer.len(), Relaxed);
        Ok(buffer.len())
    }
}

/// With one worker, a job whose pipe is full must not keep others from theirs.
#[test]
fn a_full_pipe_frees_the_worker() {
    let report = Sim::new().pool_threads(1).run(|| async {
        let read = Arc::new(AtomicUsize::new(0));
        let mut blocking = Unblock::with_capacity(1_000, Endless(read.clone()));
        let mut byte = [0];
        blocking.read_exact(&mut byte).await.unwrap();
        smol::Timer::after(Duration::from_secs(1)).await;
        let ahead = read.load(Relaxed);
        assert!((1_000..=1_001).contains(&ahead), "{ahead}: it reads as far ahead as there is room");
        assert_eq!(smol::unblock(|| 7).await, 7);
        let _ = blocking.get_mut().await;
    });
    assert!(report.is_ok(), "{report}");
}

#[test]
fn errors_are_told_once() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("no good"))
        }
    }
    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::other("no good"))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    passes(|| async {
        let mut blocking = Unblock::new(Failing);
        assert_eq!(blocking.read(&mut [0]).await.unwrap_err().to_string(), "no good");
        blocking.write_all(b"x").await.unwrap();
        assert_eq!(blocking.flush().await.unwrap_err().to_string(), "no good");
        blocking.flush().await.unwrap();
    });
}

#[test]
fn iterates_and_runs_closures() {
    passes(|| async {
        let mut numbers = Unblock::with_capacity(2, 0..5);
        let taken: Vec<_> = (&mut numbers).take(2).collect().await;
        assert_eq!(taken, [0, 1]);
        let rest: Vec<_> = numbers.collect().await;
        assert_eq!(rest, [2, 3, 4]);
        let mut list = Unblock::new(vec![1]);
        assert_eq!(
            list.with_mut(|list| {
                list.push(2);
                list.len()
            })
            .await,
            2
        );
        assert_eq!(list.get_mut().await, &[1, 2]);
        assert_eq!(list.into_inner().await, [1, 2]);
    });
}

/// Whoever looks at the text finds the one that `blocking` has.
#[test]
fn a_closure_that_panics_is_told_in_blockings_words() {
    let report = Sim::new().allow_panics(true).run(|| async {
        let mut value = Unblock::new(());
        let told = AssertUnwindSafe(value.with_mut(|()| panic!("on purpose"))).catch_unwind().await;
        told.unwrap_err().downcast_ref::<String>().cloned()
    });
    let text = report.unwrap().expect("a text");
    assert_eq!(text, "`Unblock::with_mut()` operation has panicked: RecvError");
}
