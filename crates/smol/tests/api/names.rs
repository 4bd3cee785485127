// Every public item and method of smol, used with its full type. Included twice: see main.rs.

use smol::channel::Receiver;
use smol::fs::unix::{DirBuilderExt, DirEntryExt, OpenOptionsExt};
use smol::fs::{DirBuilder, DirEntry, File, FileType, Metadata, OpenOptions, Permissions, ReadDir};
use smol::future::Future;
use smol::io::{AsyncRead, AsyncSeek, AsyncWrite};
use smol::lock::Mutex;
use smol::net::unix::{UnixDatagram, UnixListener, UnixStream};
use smol::net::{AsyncToSocketAddrs, Incoming, SocketAddr, TcpListener, TcpStream, UdpSocket, resolve};
use smol::process::unix::CommandExt;
use smol::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Output, Stdio};
use smol::stream::Stream;
use smol::{Async, Executor, LocalExecutor, Task, Timer, Unblock, block_on, spawn, unblock};
use std::ffi::{OsStr, OsString};
use std::io::Result;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net as std_unix;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// The future can be sent, and its output is of this type.
macro_rules! awaits {
    ($($future:expr => $type:ty;)+) => {$({
        let future = $future;
        is_send(&future);
        let _: $type = future.await;
    })+};
}

/// The function is of this type.
macro_rules! is {
    ($($function:expr => $type:ty;)+) => {$({
        let _: $type = $function;
    })+};
}

fn is_send<T: Send>(_: &T) {}

macro_rules! types_and_traits {
    ([$($type:ty),+ $(,)?] $traits:tt) => {{
        let mut all = Vec::new();
        $(types_and_traits!(@ all, $type, $traits);)+
        all
    }};
    (@ $all:ident, $type:ty, [$([$($bound:tt)+]),+ $(,)?]) => {
        $($all.push((format!("{}: {}", stringify!($type), stringify!($($bound)+)), has!($type: $($bound)+)));)+
    };
}

/// Which traits each type has.
pub fn traits() -> Vec<(String, bool)> {
    types_and_traits! {
        [
            Async<std::fs::File>, Async<std::net::TcpListener>, Async<std::net::TcpStream>, Async<std::net::UdpSocket>,
            Async<std_unix::UnixDatagram>, Async<std_unix::UnixListener>, Async<std_unix::UnixStream>,
            Async<std::rc::Rc<std::fs::File>>, Async<std::process::ChildStdout>, Executor<'static>, LocalExecutor<'static>,
            Task<u8>, Timer, Unblock<std::io::Cursor<Vec<u8>>>, Unblock<std::cell::Cell<u8>>,
            Unblock<std::ops::Range<u8>>, Unblock<std::rc::Rc<u8>>, DirBuilder, DirEntry, File, OpenOptions, ReadDir,
            Incoming<'static>, TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream,
            smol::net::unix::Incoming<'static>, Child, ChildStderr, ChildStdin, ChildStdout, Command,
            Mutex<u8>, Receiver<u8>,
        ]
        [
            [Send], [Sync], [Unpin], [UnwindSafe], [RefUnwindSafe], [Clone], [Default], [std::fmt::Debug], [AsFd], [AsRawFd],
            [Future], [Stream], [AsyncRead], [AsyncSeek], [AsyncWrite], [TryFrom<OwnedFd>], [TryInto<OwnedFd>],
            [From<OwnedFd>], [From<std::fs::File>], [From<std::process::Command>],
            [From<Async<std::net::TcpListener>>], [From<Async<std::net::TcpStream>>], [From<Async<std::net::UdpSocket>>],
            [From<Async<std_unix::UnixListener>>], [From<Async<std_unix::UnixStream>>],
            [From<Async<std_unix::UnixDatagram>>], [TryFrom<std::net::TcpListener>], [TryFrom<std::net::TcpStream>],
            [TryFrom<std::net::UdpSocket>], [TryFrom<std_unix::UnixListener>], [TryFrom<std_unix::UnixStream>],
            [TryFrom<std_unix::UnixDatagram>], [Into<Arc<Async<std::net::TcpListener>>>],
            [Into<Arc<Async<std::net::TcpStream>>>], [Into<Arc<Async<std::net::UdpSocket>>>],
            [Into<Arc<Async<std_unix::UnixListener>>>], [Into<Arc<Async<std_unix::UnixStream>>>],
            [Into<Arc<Async<std_unix::UnixDatagram>>>], [AsRef<std::fs::File>],
        ]
    }
    .into_iter()
    .chain(types_and_traits! {
        [
            SocketAddr, SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16), (&'static str, u16),
            (String, u16), str, &'static [SocketAddr], &'static str, String, &'static &'static String, Vec<SocketAddr>, u8,
        ]
        [[AsyncToSocketAddrs]]
    })
    .chain(types_and_traits! {
        [&'static Async<std::net::TcpStream>, &'static Async<std_unix::UnixStream>, &'static Async<std::fs::File>, &'static Async<u8>]
        [[AsyncRead], [AsyncWrite]]
    })
    .collect()
}

static STATIC: Executor<'static> = Executor::new();

#[allow(dead_code)]
async fn of_itself(stop: Receiver<()>) {
    awaits! {
        spawn(async { 1_u8 }) => u8;
        unblock(|| 1_u8) => u8;
    }
    is! {
        block_on(async { 1_u8 }) => u8;
        STATIC.is_empty() => bool;
    }
    smol::pin!(stop);
    let _ = smol::future::poll_once(smol::stream::StreamExt::next(&mut smol::stream::once(1))).await;
    let _: smol::lock::Semaphore = smol::lock::Semaphore::new(1);
    let _ = smol::channel::bounded::<u8>(1);
    #[allow(unused_imports)]
    use smol::prelude::*;
}

// `ready!` returns from the function around it.
#[allow(dead_code)]
fn polled(cx: &mut Context<'_>, timer: &mut Timer) -> Poll<Instant> {
    Poll::Ready(smol::ready!(std::pin::Pin::new(timer).poll(cx)))
}

#[allow(dead_code)]
async fn of_executors<'a>(executor: &Executor<'a>, local: &LocalExecutor<'a>, text: &'a str) {
    let mut handles: Vec<Task<usize>> = Vec::new();
    is! {
        Executor::new() => Executor<'a>;
        executor.spawn(async move { text.len() }) => Task<usize>;
        executor.spawn_many([async move { text.len() }], &mut handles) => ();
        executor.try_tick() => bool;
        executor.is_empty() => bool;
        LocalExecutor::new() => LocalExecutor<'a>;
        local.spawn(async move { std::rc::Rc::new(text) }) => Task<std::rc::Rc<&'a str>>;
        local.spawn_many([async move { text.len() }], &mut handles) => ();
        local.try_tick() => bool;
        local.is_empty() => bool;
    }
    awaits! {
        executor.tick() => ();
        executor.run(async { 1_u8 }) => u8;
    }
    let _: ((), u8) = (local.tick().await, local.run(async { 1_u8 }).await);
}

#[allow(dead_code)]
async fn of_timers(mut timer: Timer) {
    is! {
        Timer::never => fn() -> Timer;
        Timer::after => fn(Duration) -> Timer;
        Timer::at => fn(Instant) -> Timer;
        Timer::interval => fn(Duration) -> Timer;
        Timer::interval_at => fn(Instant, Duration) -> Timer;
        Timer::will_fire => fn(&Timer) -> bool;
        Timer::set_after => fn(&mut Timer, Duration);
        Timer::set_at => fn(&mut Timer, Instant);
        Timer::set_interval => fn(&mut Timer, Duration);
        Timer::set_interval_at => fn(&mut Timer, Instant, Duration);
        Timer::clear => fn(&mut Timer);
    }
    awaits! {
        &mut timer => Instant;
        smol::stream::StreamExt::next(&mut timer) => Option<Instant>;
    }
}

#[allow(dead_code)]
async fn of_unblock(mut list: Unblock<Vec<u8>>) {
    is! {
        Unblock::new => fn(u8) -> Unblock<u8>;
        Unblock::with_capacity => fn(usize, u8) -> Unblock<u8>;
    }
    awaits! {
        list.get_mut() => &mut Vec<u8>;
        list.with_mut(|list| list.len()) => usize;
        list.into_inner() => Vec<u8>;
    }
}

#[allow(dead_code)]
async fn of_async<T: AsFd + Send + Sync>(io: T, mut own: Async<T>, shared: Arc<Async<T>>, cx: &mut Context<'_>) {
    is! {
        Async::<T>::new => fn(T) -> Result<Async<T>>;
        Async::<T>::new_nonblocking => fn(T) -> Result<Async<T>>;
        own.get_ref() => &T;
        own.as_ref() => &T;
        own.poll_readable(cx) => Poll<Result<()>>;
        own.poll_writable(cx) => Poll<Result<()>>;
    }
    awaits! {
        own.readable() => Result<()>;
        own.writable() => Result<()>;
        shared.clone().readable_owned() => Result<()>;
        shared.writable_owned() => Result<()>;
        own.read_with(|_: &T| Ok(1_u8)) => Result<u8>;
        own.write_with(|_: &T| Ok(1_u8)) => Result<u8>;
    }
    // SAFETY: nothing is done with it; and nobody calls this.
    unsafe {
        let _: &mut T = own.get_mut();
        awaits! {
            own.read_with_mut(|_: &mut T| Ok(1_u8)) => Result<u8>;
            own.write_with_mut(|_: &mut T| Ok(1_u8)) => Result<u8>;
        }
    }
    let _: Result<T> = own.into_inner();
    drop(io);
}

#[allow(dead_code)]
async fn of_async_sockets(
    address: SocketAddr,
    path: &Path,
    bytes: &mut [u8],
    sockets: (&Async<std::net::TcpListener>, &Async<std::net::TcpStream>, &Async<std::net::UdpSocket>),
    unix: (&Async<std_unix::UnixListener>, &Async<std_unix::UnixDatagram>),
) {
    fn streams<T>(stream: impl Stream<Item = Result<T>> + Send) {
        drop(stream);
    }
    is! {
        Async::<std::net::TcpListener>::bind(address) => Result<Async<std::net::TcpListener>>;
        Async::<std::net::UdpSocket>::bind(([0; 4], 0)) => Result<Async<std::net::UdpSocket>>;
        Async::<std_unix::UnixListener>::bind("path") => Result<Async<std_unix::UnixListener>>;
        Async::<std_unix::UnixStream>::pair => fn() -> Result<(Async<std_unix::UnixStream>, Async<std_unix::UnixStream>)>;
        Async::<std_unix::UnixDatagram>::bind(path) => Result<Async<std_unix::UnixDatagram>>;
        Async::<std_unix::UnixDatagram>::unbound => fn() -> Result<Async<std_unix::UnixDatagram>>;
        Async::<std_unix::UnixDatagram>::pair() => Result<(Async<std_unix::UnixDatagram>, Async<std_unix::UnixDatagram>)>;
        streams::<Async<std::net::TcpStream>>(sockets.0.incoming()) => ();
        streams::<Async<std_unix::UnixStream>>(unix.0.incoming()) => ();
    }
    awaits! {
        sockets.0.accept() => Result<(Async<std::net::TcpStream>, SocketAddr)>;
        Async::<std::net::TcpStream>::connect(address) => Result<Async<std::net::TcpStream>>;
        sockets.1.peek(bytes) => Result<usize>;
        sockets.2.recv_from(bytes) => Result<(usize, SocketAddr)>;
        sockets.2.peek_from(bytes) => Result<(usize, SocketAddr)>;
        sockets.2.send_to(bytes, address) => Result<usize>;
        sockets.2.recv(bytes) => Result<usize>;
        sockets.2.peek(bytes) => Result<usize>;
        sockets.2.send(bytes) => Result<usize>;
        unix.0.accept() => Result<(Async<std_unix::UnixStream>, std_unix::SocketAddr)>;
        Async::<std_unix::UnixStream>::connect(path) => Result<Async<std_unix::UnixStream>>;
        unix.1.recv_from(bytes) => Result<(usize, std_unix::SocketAddr)>;
        unix.1.send_to(bytes, path) => Result<usize>;
        unix.1.recv(bytes) => Result<usize>;
        unix.1.send(bytes) => Result<usize>;
    }
}

#[allow(dead_code)]
async fn of_fs(path: &Path, file: &File, entry: &DirEntry, permissions: Permissions) {
    use smol::fs;
    awaits! {
        fs::canonicalize(path) => Result<PathBuf>;
        fs::copy(path, "b") => Result<u64>;
        fs::create_dir(path) => Result<()>;
        fs::create_dir_all(path) => Result<()>;
        fs::hard_link(path, "b") => Result<()>;
        fs::metadata(path) => Result<Metadata>;
        fs::read(path) => Result<Vec<u8>>;
        fs::read_dir(path) => Result<ReadDir>;
        fs::read_link(path) => Result<PathBuf>;
        fs::read_to_string(path) => Result<String>;
        fs::remove_dir(path) => Result<()>;
        fs::remove_dir_all(path) => Result<()>;
        fs::remove_file(path) => Result<()>;
        fs::rename(path, "b") => Result<()>;
        fs::set_permissions(path, permissions.clone()) => Result<()>;
        fs::symlink_metadata(path) => Result<Metadata>;
        fs::write(path, b"text") => Result<()>;
        fs::unix::symlink(path, "b") => Result<()>;
        File::open(path) => Result<File>;
        File::create(path) => Result<File>;
        file.sync_all() => Result<()>;
        file.sync_data() => Result<()>;
        file.set_len(1) => Result<()>;
        file.metadata() => Result<Metadata>;
        file.set_permissions(permissions) => Result<()>;
        entry.metadata() => Result<Metadata>;
        entry.file_type() => Result<FileType>;
        DirBuilder::new().mode(1).recursive(true).create(path) => Result<()>;
        OpenOptions::new().open(path) => Result<File>;
    }
    is! {
        entry.path() => PathBuf;
        entry.file_name() => OsString;
        entry.ino() => u64;
        DirBuilder::new => fn() -> DirBuilder;
        OpenOptions::new => fn() -> OpenOptions;
    }
    let mut options = OpenOptions::new();
    let options: &mut OpenOptions = options.read(true).write(true).append(true).truncate(true).create(true);
    let _: &mut OpenOptions = options.create_new(true).mode(1).custom_flags(1);
}

#[allow(dead_code)]
async fn of_tcp(listener: &TcpListener, stream: &TcpStream, bytes: &mut [u8]) {
    awaits! {
        resolve("localhost:1") => Result<Vec<SocketAddr>>;
        TcpListener::bind(("localhost", 1)) => Result<TcpListener>;
        listener.accept() => Result<(TcpStream, SocketAddr)>;
        TcpStream::connect("localhost:1") => Result<TcpStream>;
        stream.peek(bytes) => Result<usize>;
    }
    is! {
        listener.local_addr() => Result<SocketAddr>;
        listener.incoming() => Incoming<'_>;
        listener.ttl() => Result<u32>;
        listener.set_ttl(1) => Result<()>;
        stream.local_addr() => Result<SocketAddr>;
        stream.peer_addr() => Result<SocketAddr>;
        stream.shutdown(smol::net::Shutdown::Both) => Result<()>;
        stream.nodelay() => Result<bool>;
        stream.set_nodelay(true) => Result<()>;
        stream.ttl() => Result<u32>;
        stream.set_ttl(1) => Result<()>;
        "1".parse::<SocketAddr>() => std::result::Result<SocketAddr, smol::net::AddrParseError>;
    }
}

#[allow(dead_code)]
async fn of_udp(socket: &UdpSocket, bytes: &mut [u8], four: Ipv4Addr, six: Ipv6Addr) {
    awaits! {
        UdpSocket::bind("localhost:1") => Result<UdpSocket>;
        socket.connect("localhost:1") => Result<()>;
        socket.recv_from(bytes) => Result<(usize, SocketAddr)>;
        socket.peek_from(bytes) => Result<(usize, SocketAddr)>;
        socket.send_to(bytes, "localhost:1") => Result<usize>;
        socket.recv(bytes) => Result<usize>;
        socket.peek(bytes) => Result<usize>;
        socket.send(bytes) => Result<usize>;
    }
    is! {
        socket.local_addr() => Result<SocketAddr>;
        socket.peer_addr() => Result<SocketAddr>;
        socket.broadcast() => Result<bool>;
        socket.set_broadcast(true) => Result<()>;
        socket.multicast_loop_v4() => Result<bool>;
        socket.set_multicast_loop_v4(true) => Result<()>;
        socket.multicast_ttl_v4() => Result<u32>;
        socket.set_multicast_ttl_v4(1) => Result<()>;
        socket.multicast_loop_v6() => Result<bool>;
        socket.set_multicast_loop_v6(true) => Result<()>;
        socket.ttl() => Result<u32>;
        socket.set_ttl(1) => Result<()>;
        socket.join_multicast_v4(four, four) => Result<()>;
        socket.leave_multicast_v4(four, four) => Result<()>;
        socket.join_multicast_v6(&six, 1) => Result<()>;
        socket.leave_multicast_v6(&six, 1) => Result<()>;
    }
}

#[allow(dead_code)]
async fn of_unix(listener: &UnixListener, stream: &UnixStream, datagrams: &UnixDatagram, bytes: &mut [u8]) {
    use smol::net::unix::{Incoming, SocketAddr};
    awaits! {
        listener.accept() => Result<(UnixStream, SocketAddr)>;
        UnixStream::connect("path") => Result<UnixStream>;
        datagrams.recv_from(bytes) => Result<(usize, SocketAddr)>;
        datagrams.send_to(bytes, "path") => Result<usize>;
        datagrams.recv(bytes) => Result<usize>;
        datagrams.send(bytes) => Result<usize>;
    }
    is! {
        UnixListener::bind("path") => Result<UnixListener>;
        listener.incoming() => Incoming<'_>;
        listener.local_addr() => Result<SocketAddr>;
        UnixStream::pair => fn() -> Result<(UnixStream, UnixStream)>;
        stream.local_addr() => Result<SocketAddr>;
        stream.peer_addr() => Result<SocketAddr>;
        stream.shutdown(smol::net::Shutdown::Both) => Result<()>;
        UnixDatagram::bind("path") => Result<UnixDatagram>;
        UnixDatagram::unbound => fn() -> Result<UnixDatagram>;
        UnixDatagram::pair => fn() -> Result<(UnixDatagram, UnixDatagram)>;
        datagrams.connect("path") => Result<()>;
        datagrams.local_addr() => Result<SocketAddr>;
        datagrams.peer_addr() => Result<SocketAddr>;
        datagrams.shutdown(smol::net::Shutdown::Both) => Result<()>;
    }
}

#[allow(dead_code)]
async fn of_processes(mut child: Child, (stdin, stdout, stderr): (ChildStdin, ChildStdout, ChildStderr)) {
    let mut command = Command::new("program");
    let built: &mut Command = command.arg("a").args(["b"]).env("C", "d").envs([("E", "f")]).env_remove("C");
    let built: &mut Command = built.env_clear().current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped());
    let built: &mut Command = built.stderr(Stdio::inherit()).reap_on_drop(true).kill_on_drop(true);
    let built: &mut Command = built.uid(1).gid(1).arg0("name");
    is! {
        built.get_args() => std::process::CommandArgs<'_>;
        built.get_envs() => std::process::CommandEnvs<'_>;
        built.get_current_dir() => Option<&Path>;
        built.get_program() => &OsStr;
        built.spawn() => Result<Child>;
        built.exec() => std::io::Error;
        child.id() => u32;
        child.kill() => Result<()>;
        child.try_status() => Result<Option<ExitStatus>>;
        child.stdin.take() => Option<ChildStdin>;
        child.stdout.take() => Option<ChildStdout>;
        child.stderr.take() => Option<ChildStderr>;
        smol::process::driver() => _;
    }
    awaits! {
        built.status() => Result<ExitStatus>;
        built.output() => Result<Output>;
        child.status() => Result<ExitStatus>;
        child.output() => Result<Output>;
        stdin.into_stdio() => Result<Stdio>;
        stdout.into_stdio() => Result<Stdio>;
        stderr.into_stdio() => Result<Stdio>;
    }
}
