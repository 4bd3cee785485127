//! smol under simulation.

use crate::own_path;
use crate::trial::Asynchronous;
use raddle::smol;
use smol::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use smol::stream::StreamExt;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::time::Duration;

fn tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let client = std::thread::spawn(move || TcpStream::connect(address).unwrap().write_all(b"hello").unwrap());
    let mut text = String::new();
    listener.accept().unwrap().0.read_to_string(&mut text).unwrap();
    client.join().unwrap();
}

fn file() {
    let path = own_path();
    std::fs::write(&path, b"x").unwrap();
    std::fs::read(&path).unwrap();
    std::fs::remove_file(path).unwrap();
}

fn command() {
    assert_eq!(std::process::Command::new("echo").arg("x").output().unwrap().stdout, b"x\n");
}

pub const THINGS: &[Asynchronous] = &[
    (
        "fs",
        || {
            Box::pin(async {
                let path = own_path();
                smol::fs::write(&path, b"x").await.unwrap();
                smol::fs::read(&path).await.unwrap();
                smol::fs::remove_file(&path).await.unwrap();
            })
        },
        file,
    ),
    (
        "lines",
        || {
            Box::pin(async {
                let passwd = smol::io::BufReader::new(smol::fs::File::open("/etc/passwd").await.unwrap());
                assert!(passwd.lines().count().await > 0);
            })
        },
        file,
    ),
    (
        "read_dir",
        || Box::pin(async { assert!(smol::fs::read_dir("/etc").await.unwrap().count().await > 3) }),
        || assert!(std::fs::read_dir("/etc").unwrap().count() > 3),
    ),
    (
        "net",
        || {
            Box::pin(async {
                let listener = smol::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = listener.local_addr().unwrap();
                let client = smol::spawn(async move {
                    let mut stream = smol::net::TcpStream::connect(address).await.unwrap();
                    stream.write_all(b"hello").await.unwrap();
                });
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut text = String::new();
                stream.read_to_string(&mut text).await.unwrap();
                client.await;
            })
        },
        tcp,
    ),
    (
        "udp",
        || {
            Box::pin(async {
                let one = smol::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
                let two = smol::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
                one.send_to(b"hello", two.local_addr().unwrap()).await.unwrap();
                assert_eq!(two.recv_from(&mut [0; 9]).await.unwrap().0, 5);
            })
        },
        tcp,
    ),
    (
        "connect by name",
        || Box::pin(async { drop(smol::net::TcpStream::connect("localhost:1").await) }),
        || drop(TcpStream::connect("localhost:1")),
    ),
    (
        "resolve",
        || Box::pin(async { drop(smol::net::resolve("localhost:80").await) }),
        || drop("localhost:80".to_socket_addrs().map(Iterator::count)),
    ),
    (
        "process",
        || {
            Box::pin(async {
                let output = smol::process::Command::new("echo").arg("x").output().await.unwrap();
                assert_eq!(output.stdout, b"x\n");
            })
        },
        command,
    ),
    (
        "timer",
        || Box::pin(async { _ = smol::Timer::after(Duration::from_millis(3)).await }),
        || std::thread::sleep(Duration::from_micros(50)),
    ),
    ("tcp in a job", || Box::pin(smol::unblock(tcp)), tcp),
    ("command in a job", || Box::pin(smol::unblock(command)), command),
    (
        "channel",
        || {
            Box::pin(async {
                let (sender, receiver) = smol::channel::bounded(1);
                let sends = smol::spawn(async move {
                    for n in 0..5 {
                        sender.send(n).await.unwrap();
                    }
                });
                while receiver.recv().await.is_ok() {}
                sends.await;
            })
        },
        || smol::future::block_on(smol::future::yield_now()),
    ),
    (
        "lock in a static",
        || {
            Box::pin(async {
                static LOCK: smol::lock::Mutex<u32> = smol::lock::Mutex::new(0);
                *LOCK.lock().await += 1;
            })
        },
        || (),
    ),
    (
        "Unblock",
        || {
            Box::pin(async {
                let mut file = smol::Unblock::new(smol::unblock(|| std::fs::File::open("/etc/passwd")).await.unwrap());
                file.read_to_end(&mut Vec::new()).await.unwrap();
            })
        },
        file,
    ),
    (
        "Executor",
        || {
            Box::pin(async {
                let executor = smol::Executor::new();
                let task = executor.spawn(async { 1 });
                executor.run(task).await;
            })
        },
        || (),
    ),
    (
        "Async",
        || {
            Box::pin(async {
                let (one, two) = std::os::unix::net::UnixStream::pair().unwrap();
                let (mut one, mut two) = (smol::Async::new(one).unwrap(), smol::Async::new(two).unwrap());
                one.write_all(b"x").await.unwrap();
                two.read_exact(&mut [0; 1]).await.unwrap();
            })
        },
        tcp,
    ),
];
