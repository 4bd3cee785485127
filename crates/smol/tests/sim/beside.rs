//! What a run has open, while a process that was forked for another run is there.
#![cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]

use raddle::{Isolation, Sim};
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::unix::UnixStream;
use smol::process::{Command, Stdio};
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// Waits without a call, in real time; not for ever.
fn spin(rounds: u64, is_over: impl Fn() -> bool) {
    for _ in 0..rounds {
        if is_over() {
            return;
        }
        std::hint::spin_loop();
    }
}

/// How far the two are: nothing, open, there, gone.
#[derive(Clone, Default)]
struct Stage(Arc<AtomicU32>);

impl Stage {
    fn set(&self, stage: u32) {
        self.0.store(stage, Ordering::Release);
    }

    fn is(&self, stage: u32) -> bool {
        self.0.load(Ordering::Acquire) >= stage
    }
}

/// A run does not wait for a process beside it that was forked while it had everything open, and goes the same way if it
/// `is_reproducible` otherwise: `scenario` awaits nothing of what it gets, and calls it then.
fn is_the_same<F, T>(
    name: &str,
    is_reproducible: bool,
    scenario: impl Fn(Box<dyn Fn()>) -> F + Copy + Send + Sync + 'static,
) where
    F: Future<Output = T> + 'static,
    T: std::fmt::Debug + Send + 'static,
{
    let run = |stage: Option<Stage>| {
        let sim = Sim::new().require_boundary(true).watchdog(Duration::from_secs(60));
        let report = sim.run(move || {
            let stage = stage.clone();
            scenario(Box::new(move || {
                if let Some(stage) = &stage {
                    stage.set(1);
                    spin(u64::MAX, || stage.is(2));
                }
            }))
        });
        assert!(report.is_ok(), "{report}");
        (report.digest(), report.steps())
    };
    let alone = run(None);
    let folder = std::env::temp_dir().join(format!("raddle-smol-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = |what: &str| -> PathBuf { folder.join(what) };
    let (there, may_go) = (path("there"), path("may_go"));
    let stage = Stage::default();
    let nap = || thread::sleep(Duration::from_micros(100));
    thread::scope(|scope| {
        let (theirs, sign) = (stage.clone(), there.clone());
        scope.spawn(move || {
            while !sign.exists() {
                nap();
            }
            theirs.set(2);
        });
        let (opened, may_go) = (stage.clone(), may_go.clone());
        scope.spawn(move || {
            while !opened.is(1) {
                nap();
            }
            let report = Sim::new().isolation(Isolation::Process).run(move || {
                let (there, may_go) = (there.clone(), may_go.clone());
                raddle::unblock(move || {
                    std::fs::write(there, "").unwrap();
                    // As long as nobody says so for many seconds.
                    (0..1000).any(|_| {
                        spin(500_000, || false);
                        may_go.exists()
                    })
                })
            });
            opened.set(3);
            assert!(report.is_ok(), "{report}");
        });
        let in_company = run(Some(stage.clone()));
        assert!(!stage.is(3), "the run waited for the other's process");
        std::fs::write(path("may_go"), "").unwrap();
        if is_reproducible {
            assert_eq!(alone, in_company);
        }
    });
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_end_of_a_connection() {
    is_the_same("connection", true, |meanwhile| async move {
        let (mut reader, writer) = UnixStream::pair().unwrap();
        let others: Vec<_> = (0..8).map(|_| smol::spawn(smol::future::yield_now())).collect();
        meanwhile();
        drop(writer);
        assert_eq!(reader.read(&mut [0]).await.unwrap(), 0);
        for other in others {
            other.await;
        }
    });
}

#[test]
fn the_end_of_what_a_child_is_told() {
    // When the child reads and ends is up to the child.
    is_the_same("child", false, |meanwhile| async move {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut to, mut from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        to.write_all(b"x").await.unwrap();
        meanwhile();
        drop(to);
        let mut text = String::new();
        from.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "x");
        assert!(child.status().await.unwrap().success());
    });
}

/// A program that was given an end may be long in using it: whoever waits at the other waits for that.
#[test]
fn what_a_child_was_given_is_waited_for() {
    let report = Sim::new().run(|| async {
        let (mut ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut plan = Command::new("sh");
        plan.args(["-c", "sleep 0.3; echo done >&0"]).stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)));
        let mut child = plan.spawn().unwrap();
        drop(plan);
        let read = move || {
            let mut text = String::new();
            std::io::Read::read_to_string(&mut ours, &mut text).unwrap();
            text
        };
        let text = smol::unblock(read).await;
        assert!(child.status().await.unwrap().success());
        text
    });
    assert_eq!(report.unwrap(), "done\n");
}
