//! What programs do: smol, by raddle's façade.

use super::env::{Env, Who};
use super::jobs::steps;
use super::maker::Maker;
use super::program::{Block, End, Part, Steps, parts_of};
use super::tasks::{block, ms};
use futures_lite::FutureExt;
use raddle::smol::{self, Async, LocalExecutor, Timer, Unblock};
use smol::io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufReader};
use smol::stream::StreamExt;
use std::io::{SeekFrom, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

#[derive(Clone, Debug, PartialEq)]
pub enum Facade {
    After(u8),
    Ticks(u8),
    /// Set anew once it is half over, and perhaps cleared.
    Reset(u8, bool),
    Spawn(End, Vec<Block>),
    Unblock(End, Steps),
    /// A client and a server, both tasks, on the run's network.
    Tcp(u8, Vec<Block>),
    /// A server that is gone when its client comes back.
    Refused(Vec<Block>),
    Udp(u8, Vec<Block>),
    /// Two Unix sockets: smol's, or std's adapted.
    Pair(bool, Vec<Block>),
    File(Vec<Block>),
    Folder,
    Child(u8),
    /// What a thread writes into a pipe, read by lines off the loop.
    Lines(Steps),
    /// An iterator that blocks.
    Iter(Steps),
    /// Tasks of an executor of their own, which is dropped before they all are done, or not.
    Executor(bool, Vec<Block>),
    Local(bool, Vec<Block>),
    /// A job that polls tasks itself.
    BlockOn(Vec<Block>),
    /// A channel with `after` beside.
    Select(u8, Vec<Block>),
    Ticked(Vec<Block>),
}

pub fn make(maker: &mut Maker) -> Option<Facade> {
    scratch();
    let kind = maker.kind;
    let (ms, flag) = (maker.rng.u8(..4), maker.rng.bool());
    let one = |maker: &mut Maker| vec![maker.block(2)];
    let two = |maker: &mut Maker| vec![maker.block(2), maker.block(2)];
    Some(match maker.rng.u8(..19) {
        0 if kind.timed => Facade::After(ms),
        1 if kind.timed => Facade::Ticks(ms),
        2 if kind.timed => Facade::Reset(ms, flag),
        3 if kind.forks => Facade::Spawn(maker.end(), one(maker)),
        4 if kind.jobs => Facade::Unblock(maker.end(), maker.steps(3)),
        5 if kind.timed => Facade::Tcp(ms, two(maker)),
        6 if kind.timed => Facade::Refused(one(maker)),
        7 if kind.timed => Facade::Udp(ms, one(maker)),
        8 if kind.forks => Facade::Pair(flag, two(maker)),
        9 if kind.jobs => Facade::File(one(maker)),
        10 if kind.jobs => Facade::Folder,
        11 if kind.children && ms == 0 => Facade::Child(maker.rng.u8(..3)),
        12 if kind.threads => Facade::Lines(maker.steps(2)),
        13 if kind.jobs => Facade::Iter(maker.steps(2)),
        14 => Facade::Executor(flag, maker.blocks(3)),
        15 => Facade::Local(flag, maker.blocks(3)),
        16 if kind.jobs => Facade::BlockOn(one(maker)),
        17 if kind.timed => Facade::Select(ms, one(maker)),
        18 => Facade::Ticked(maker.blocks(2)),
        _ => return None,
    })
}

impl Facade {
    pub fn parts(&mut self) -> Vec<Part<'_>> {
        match self {
            Facade::Unblock(_, steps) | Facade::Lines(steps) | Facade::Iter(steps) => vec![Part::Steps(steps)],
            Facade::Spawn(_, all) | Facade::Tcp(_, all) | Facade::Refused(all) | Facade::Udp(_, all) => parts_of(all),
            Facade::Pair(_, all) | Facade::File(all) | Facade::Executor(_, all) | Facade::Local(_, all) => {
                parts_of(all)
            }
            Facade::BlockOn(all) | Facade::Select(_, all) | Facade::Ticked(all) => parts_of(all),
            _ => vec![],
        }
    }
}

/// The folder for files of this process's programs, made outside of runs: a run that is over may leave some, and what processes
/// that are gone have left is removed.
fn scratch() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("programs");
        for left in std::fs::read_dir(&all).into_iter().flatten().flatten() {
            if cfg!(target_os = "linux") && !Path::new("/proc").join(left.file_name()).exists() {
                let _ = std::fs::remove_dir_all(left.path());
            }
        }
        let own = all.join(std::process::id().to_string());
        std::fs::create_dir_all(&own).expect("a folder in the target's");
        own
    })
}

/// A file's name that no other run has, and that is nowhere told.
fn path() -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, SeqCst);
    scratch().join(format!("{}-{number:08}", std::process::id()))
}

async fn finish(env: &Arc<Env>, who: &Arc<Who>, task: smol::Task<()>, end: End) {
    match end {
        End::Join | End::Elsewhere => task.await,
        End::Detach => task.detach(),
        End::Cancel => env.note(who, format_args!("cancelled{:?}", task.cancel().await)),
        End::Drop => drop(task),
    }
}

pub async fn one(env: &Arc<Env>, who: &Arc<Who>, what: Facade) {
    match what {
        Facade::After(_) | Facade::Ticks(_) | Facade::Reset(..) | Facade::Select(..) => timed(env, who, what).await,
        Facade::Tcp(..) | Facade::Refused(_) | Facade::Udp(..) | Facade::Pair(..) => net(env, who, what).await,
        Facade::Executor(..) | Facade::Local(..) | Facade::BlockOn(_) | Facade::Ticked(_) => run(env, who, what).await,
        _ => blocking(env, who, what).await,
    }
}

async fn timed(env: &Arc<Env>, who: &Arc<Who>, what: Facade) {
    match what {
        Facade::After(n) => {
            Timer::after(ms(n)).await;
            env.note(who, format_args!("after@{}", raddle::now()));
        }
        Facade::Ticks(n) => {
            let mut timer = Timer::interval(ms(n) + Duration::from_micros(500));
            timer.next().await;
            timer.next().await;
            env.note(who, format_args!("ticks@{}", raddle::now()));
        }
        Facade::Reset(n, clears) => {
            let mut timer = Timer::after(ms(n) + ms(n));
            let first = smol::future::poll_once(&mut timer).await.is_some();
            Timer::after(ms(n)).await;
            if clears {
                timer.clear();
                let fires = timer.will_fire();
                env.note(who, format_args!("cleared{fires}"));
            }
            timer.set_after(ms(1));
            timer.await;
            env.note(who, format_args!("reset{first}@{}", raddle::now()));
        }
        Facade::Select(n, mut all) => {
            let (sender, receiver) = smol::channel::bounded::<u8>(1);
            let (own, env2, body) = (who.child('s'), env.clone(), all.remove(0));
            let sends = smol::spawn(async move {
                block(env2, own, body).await;
                let _ = sender.send(1).await;
            });
            let late = async {
                Timer::after(ms(n)).await;
                None
            };
            let got = async { receiver.recv().await.ok() }.or(late).await;
            env.note(who, format_args!("got{got:?}@{}", raddle::now()));
            drop(receiver);
            sends.await;
        }
        other => unreachable!("{other:?}"),
    }
}

async fn net(env: &Arc<Env>, who: &Arc<Who>, what: Facade) {
    use smol::net::{TcpListener, TcpStream, UdpSocket};
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    match what {
        Facade::Tcp(n, mut all) => {
            let listener = TcpListener::bind(any).await.unwrap();
            let address = listener.local_addr().unwrap();
            let (theirs, ours) = (all.remove(0), all.remove(0));
            let (own, env2) = (who.child('s'), env.clone());
            let client = smol::spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                let wrote = stream.write_all(&vec![1; usize::from(n) * 50_000 + 1]).await.map_err(|e| e.kind());
                block(env2.clone(), own.clone(), theirs).await;
                let _ = stream.shutdown(Shutdown::Write);
                let mut rest = Vec::new();
                let read = stream.read_to_end(&mut rest).await.map_err(|e| e.kind());
                env2.note(&own, format_args!("client{wrote:?}{read:?}@{}", raddle::now()));
            });
            let (mut stream, _) = listener.accept().await.unwrap();
            block(env.clone(), who.clone(), ours).await;
            let mut bytes = Vec::new();
            // Now and then it goes before all is read.
            let read = if n == 3 {
                stream.read(&mut [0; 100]).await.map_err(|e| e.kind())
            } else {
                stream.read_to_end(&mut bytes).await.map_err(|e| e.kind())
            };
            let wrote = stream.write_all(b"thanks").await.map_err(|e| e.kind());
            drop(stream);
            env.note(who, format_args!("server{read:?}{wrote:?}@{}", raddle::now()));
            client.await;
        }
        Facade::Refused(mut all) => {
            let listener = TcpListener::bind(any).await.unwrap();
            let address = listener.local_addr().unwrap();
            let first = TcpStream::connect(address).await.map_err(|e| e.kind());
            block(env.clone(), who.clone(), all.remove(0)).await;
            drop(listener);
            let second = TcpStream::connect(address).await.map_err(|e| e.kind());
            let read = match first {
                Ok(mut stream) => stream.read(&mut [0]).await.map_err(|e| e.kind()),
                Err(error) => Err(error),
            };
            env.note(who, format_args!("{:?}{read:?}", second.err()));
        }
        Facade::Udp(n, mut all) => {
            let ours = UdpSocket::bind(any).await.unwrap();
            let address = ours.local_addr().unwrap();
            let (own, env2, body) = (who.child('s'), env.clone(), all.remove(0));
            let sends = smol::spawn(async move {
                let theirs = UdpSocket::bind(any).await.unwrap();
                theirs.send_to(b"one", address).await.unwrap();
                block(env2, own, body).await;
                theirs.send_to(b"other", address).await.unwrap();
            });
            for _ in 0..2 {
                let mut bytes = [0; 8];
                let got = async { ours.recv(&mut bytes).await.ok() };
                let late = async {
                    Timer::after(ms(n)).await;
                    None
                };
                let got = got.or(late).await;
                env.note(who, format_args!("got{got:?}@{}", raddle::now()));
            }
            sends.await;
        }
        Facade::Pair(adapted, all) if adapted => {
            let (ours, theirs) = Async::<UnixStream>::pair().unwrap();
            talk(env, who, ours, theirs, all).await;
        }
        Facade::Pair(_, all) => {
            let (ours, theirs) = smol::net::unix::UnixStream::pair().unwrap();
            talk(env, who, ours, theirs, all).await;
        }
        other => unreachable!("{other:?}"),
    }
}

/// Over two ends, one of them a task's.
async fn talk<S>(env: &Arc<Env>, who: &Arc<Who>, mut ours: S, mut theirs: S, mut all: Vec<Block>)
where
    S: smol::io::AsyncRead + smol::io::AsyncWrite + Unpin + Send + 'static,
{
    let (a, b) = (all.remove(0), all.remove(0));
    let (own, env2) = (who.child('s'), env.clone());
    let other = smol::spawn(async move {
        block(env2.clone(), own.clone(), a).await;
        let wrote = theirs.write_all(b"ping").await.map_err(|e| e.kind());
        let mut bytes = [0; 4];
        let read = theirs.read_exact(&mut bytes).await.map_err(|e| e.kind());
        env2.note(&own, format_args!("{wrote:?}{read:?}"));
    });
    let mut bytes = [0; 4];
    let read = ours.read_exact(&mut bytes).await.map_err(|e| e.kind());
    block(env.clone(), who.clone(), b).await;
    let wrote = ours.write_all(b"pong").await.map_err(|e| e.kind());
    env.note(who, format_args!("{wrote:?}{read:?}"));
    drop(ours);
    other.await;
}

async fn run(env: &Arc<Env>, who: &Arc<Who>, what: Facade) {
    match what {
        Facade::Executor(waits, all) => {
            let executor = smol::Executor::new();
            let tasks: Vec<_> =
                all.into_iter().map(|body| executor.spawn(block(env.clone(), who.child('e'), body))).collect();
            let joins = async {
                let count = if waits { tasks.len() } else { 1 };
                for task in tasks.into_iter().take(count) {
                    task.await;
                }
            };
            executor.run(joins).await;
            env.note(who, format_args!("ran{}", executor.is_empty()));
        }
        Facade::Local(waits, all) => {
            // What is not `Send` cannot be held in a program's tasks, which are: it runs in a task of its own.
            let (env2, own) = (env.clone(), who.child('s'));
            let make = move || async move {
                let executor = LocalExecutor::new();
                let tasks: Vec<_> =
                    all.into_iter().map(|body| executor.spawn(block(env2.clone(), own.child('e'), body))).collect();
                let joins = async {
                    for task in tasks.into_iter().take(if waits { 9 } else { 1 }) {
                        task.await;
                    }
                };
                executor.run(joins).await;
                env2.note(&own, format_args!("ran{}", executor.is_empty()));
            };
            smol::unblock(move || smol::block_on(make())).await;
        }
        Facade::BlockOn(mut all) => {
            let (own, env2, body) = (who.child('j'), env.clone(), all.remove(0));
            smol::unblock(move || smol::block_on(block(env2, own, body))).await;
            env.note(who, "blocked");
        }
        Facade::Ticked(all) => {
            let executor = smol::Executor::new();
            for body in all {
                executor.spawn(block(env.clone(), who.child('e'), body)).detach();
            }
            let mut ticks = 0;
            while executor.try_tick() && ticks < 20 {
                ticks += 1;
                smol::future::yield_now().await;
            }
            env.note(who, format_args!("ticks{ticks}{}", executor.is_empty()));
        }
        other => unreachable!("{other:?}"),
    }
}

async fn blocking(env: &Arc<Env>, who: &Arc<Who>, what: Facade) {
    match what {
        Facade::Spawn(end, mut all) => {
            let (own, env2, body) = (who.child('s'), env.clone(), all.remove(0));
            let task = smol::spawn(async move {
                block(env2.clone(), own.clone(), body).await;
                env2.note(&own, "end");
            });
            finish(env, who, task, end).await;
        }
        Facade::Unblock(end, inner) => {
            let (own, env2) = (who.child('j'), env.clone());
            let task = smol::unblock(move || steps(&env2, &own, inner));
            finish(env, who, task, end).await;
        }
        Facade::File(mut all) => {
            let path = path();
            let mut file = smol::fs::File::create(&path).await.unwrap();
            file.write_all(b"some").await.unwrap();
            block(env.clone(), who.clone(), all.remove(0)).await;
            file.flush().await.unwrap();
            let at = file.seek(SeekFrom::Start(2)).await.unwrap();
            file.write_all(b"thing").await.unwrap();
            file.sync_data().await.unwrap();
            drop(file);
            let text = smol::fs::read_to_string(&path).await.map_err(|e| e.kind());
            let gone = smol::fs::remove_file(&path).await.is_ok();
            env.note(who, format_args!("{at}{text:?}{gone}"));
        }
        Facade::Folder => {
            let path = path();
            smol::fs::create_dir(&path).await.unwrap();
            let wrote = smol::fs::write(path.join("a"), "b").await.is_ok();
            let mut entries = smol::fs::read_dir(&path).await.unwrap();
            while let Some(entry) = entries.next().await {
                env.note(who, format_args!("{:?}", entry.map(|entry| entry.file_name()).map_err(|e| e.kind())));
            }
            let gone = smol::fs::remove_dir_all(&path).await.is_ok();
            env.note(who, format_args!("{wrote}{gone}"));
        }
        Facade::Child(n) => {
            let status = match n {
                0 => smol::process::Command::new("true").status().await.map(|status| status.to_string()),
                1 => smol::process::Command::new("echo").arg("a").output().await.map(|out| format!("{:?}", out.stdout)),
                _ => smol::process::Command::new("false").status().await.map(|status| status.to_string()),
            };
            env.note(who, format_args!("{:?}", status.map_err(|e| e.kind())));
        }
        Facade::Lines(inner) => {
            let (reader, mut writer) = std::io::pipe().unwrap();
            let (own, env2) = (who.child('j'), env.clone());
            let writes = smol::unblock(move || {
                let _ = writer.write_all(b"a\nbc\n");
                steps(&env2, &own, inner);
                let _ = writer.write_all(b"d");
            });
            let mut lines = BufReader::new(Unblock::new(reader)).lines();
            while let Some(line) = lines.next().await {
                env.note(who, format_args!("line{:?}", line.map_err(|e| e.kind())));
            }
            writes.await;
        }
        Facade::Iter(inner) => {
            let (own, env2) = (who.child('j'), env.clone());
            let items = (0..3).inspect(move |_| steps(&env2, &own, inner.clone()));
            let mut items = Unblock::new(items);
            let first = items.next().await;
            let count = items.count().await;
            env.note(who, format_args!("items{first:?}{count}"));
        }
        other => unreachable!("{other:?}"),
    }
}
