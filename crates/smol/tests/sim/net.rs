//! `net` and `Async`: the run's own network.

use super::fs::Folder;
use raddle::Sim;
use smol::Async;
use smol::io::{AsyncReadExt, AsyncWriteExt, ErrorKind};
use smol::net::unix::{UnixDatagram, UnixListener, UnixStream};
use smol::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket, resolve};
use smol::stream::StreamExt;
use std::io::Result;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

#[track_caller]
fn passes<F: Future<Output = Result<()>> + 'static>(scenario: impl Fn() -> F + Send + Sync + 'static) {
    let found = raddle::Explore::new().seeds(0..64).run(scenario);
    assert!(found.is_ok(), "{found}");
}

/// Two ends of a connection.
async fn connected() -> Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (client, accepted) = smol::future::try_zip(TcpStream::connect(address), listener.accept()).await?;
    Ok((client, accepted.0))
}

#[test]
fn connects_and_knows_the_addresses() {
    passes(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        assert_eq!(address.to_string(), "127.0.0.1:32768", "the first ephemeral port, in every run");
        let dialing = smol::spawn(async move { TcpStream::connect(("localhost", address.port())).await });
        let (server, from) = listener.accept().await?;
        let client = dialing.await?;
        assert_eq!((client.peer_addr()?, server.peer_addr()?), (address, from));
        assert_eq!((server.local_addr()?, client.local_addr()?), (address, from));
        assert_eq!((client.ttl()?, client.nodelay()?, listener.ttl()?), (64, false, 64));
        client.set_ttl(5)?;
        client.set_nodelay(true)?;
        listener.set_ttl(7)?;
        assert_eq!((client.ttl()?, client.nodelay()?, listener.ttl()?), (5, true, 7));
        assert_eq!(listener.clone().local_addr()?, address);
        assert!(raddle::now().as_nanos() > 0, "that takes time");
        Ok(())
    });
}

/// Several pieces are written and read at once, as over the system's TCP.
#[test]
fn pieces_are_written_and_read_together() {
    use std::io::{IoSlice, IoSliceMut};
    passes(|| async {
        let (mut client, server) = connected().await?;
        let wrote = client.write_vectored(&[IoSlice::new(b"one"), IoSlice::new(b""), IoSlice::new(b"two")]).await?;
        assert_eq!(wrote, 6);
        let server: Arc<Async<std::net::TcpStream>> = server.into();
        server.readable().await?;
        let (mut first, mut second) = ([0; 4], [0; 4]);
        let mut pieces = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        assert_eq!((&*server).read_vectored(&mut pieces).await?, 6, "in one piece, as it was written");
        assert_eq!((&first, &second), (b"onet", b"wo\0\0"));
        (&*server).write_all(b"three").await?;
        let mut answer = [0; 5];
        client.read_exact(&mut answer).await?;
        assert_eq!(&answer, b"three");
        Ok(())
    });
}

/// Something that others may be given, but not look at, may be given to others when it is awaited.
#[test]
fn what_is_awaited_can_be_sent_if_it_can() {
    struct Counted(std::cell::Cell<u8>, std::os::unix::net::UnixStream);
    impl std::os::fd::AsFd for Counted {
        fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
            self.1.as_fd()
        }
    }
    passes(|| async {
        let (here, _there) = std::os::unix::net::UnixStream::pair()?;
        let counted = Async::new(Counted(std::cell::Cell::new(0), here))?;
        let task = smol::spawn(async move {
            smol::future::yield_now().await;
            counted.get_ref().0.set(1);
            Result::Ok(counted.into_inner()?.0.get())
        });
        assert_eq!(task.await?, 1);
        Ok(())
    });
}

/// What an `Async` gives as its I/O object has the addresses of the socket of the run that it stands for.
#[test]
fn the_object_of_an_async_knows_its_addresses() {
    passes(|| async {
        for address in ["127.0.0.1:6000", "[::1]:6000"] {
            let address: SocketAddr = address.parse().expect("an address");
            let listener = Async::<std::net::TcpListener>::bind(address)?;
            assert_eq!(listener.get_ref().local_addr()?, address);
            let dialing = Async::<std::net::TcpStream>::connect(address);
            let (client, (server, from)) = smol::future::try_zip(dialing, listener.accept()).await?;
            assert_eq!((server.get_ref().local_addr()?, server.get_ref().peer_addr()?), (address, from));
            assert_eq!((client.get_ref().local_addr()?, client.get_ref().peer_addr()?), (from, address));
            let number = client.get_ref().as_raw_fd();
            drop(client);
            // The descriptor's number is free for another, which stands for nothing. The system gives it any port, so
            // its address is one that the run has nothing at.
            let other = std::net::UdpSocket::bind("127.0.0.2:0")?;
            assert!(other.as_raw_fd() != number || other.local_addr()? != from);
            let bound = Async::<std::net::UdpSocket>::bind((address.ip(), 7000))?;
            assert_eq!(bound.get_ref().local_addr()?.port(), 7000);
            assert_eq!(bound.get_ref().peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
        }
        Ok(())
    });
}

#[test]
fn hosts_have_every_address_and_nobody_has_one_twice() {
    passes(|| async {
        let one = TcpListener::bind("10.0.0.1:80").await?;
        let two = TcpListener::bind("10.0.0.2:80").await?;
        assert_eq!(TcpListener::bind("10.0.0.2:80").await.unwrap_err().kind(), ErrorKind::AddrInUse);
        assert_eq!(TcpListener::bind("0.0.0.0:80").await.unwrap_err().kind(), ErrorKind::AddrInUse);
        let error = TcpStream::connect("10.0.0.3:80").await.unwrap_err();
        assert_eq!(error.to_string(), "Connection refused (os error 111)");
        let (_client, accepted) = smol::future::try_zip(TcpStream::connect("10.0.0.2:80"), two.accept()).await?;
        assert_eq!(accepted.0.local_addr()?.to_string(), "10.0.0.2:80");
        drop(one);
        TcpListener::bind("10.0.0.1:80").await?;
        let any = TcpListener::bind("0.0.0.0:81").await?;
        smol::future::try_zip(TcpStream::connect("10.0.0.9:81"), any.accept()).await?;
        let six = TcpListener::bind("[::1]:80").await?;
        smol::future::try_zip(TcpStream::connect("[::1]:80"), six.accept()).await?;
        assert_eq!(resolve("localhost:1").await?, [SocketAddr::from(([127, 0, 0, 1], 1))]);
        assert!(resolve("example.org:1").await.unwrap_err().to_string().contains("is not known in this run"));
        assert_eq!(resolve("nonsense").await.unwrap_err().kind(), ErrorKind::InvalidInput);
        Ok(())
    });
}

#[test]
fn bytes_arrive_in_order_after_a_while() {
    passes(|| async {
        let (mut client, mut server) = connected().await?;
        let sent: Vec<u8> = (0..300_000_u32).map(|n| n as u8).collect();
        let bytes = sent.clone();
        let writing = smol::spawn(async move {
            client.write_all(&bytes).await?;
            let before = raddle::now();
            client.write_all(b"late").await?;
            client.close().await?;
            Ok::<_, std::io::Error>(before)
        });
        let mut received = Vec::new();
        server.read_to_end(&mut received).await?;
        assert!(raddle::now() - writing.await? >= Duration::from_micros(50));
        assert_eq!(received.len(), sent.len() + 4);
        assert!(received.starts_with(&sent) && received.ends_with(b"late"));
        Ok(())
    });
}

#[test]
fn a_writer_waits_while_nobody_reads() {
    passes(|| async {
        let (mut client, mut server) = connected().await?;
        let writing = smol::spawn(async move { client.write_all(&[0; 1_000_000]).await });
        smol::Timer::after(Duration::from_secs(1)).await;
        assert!(!writing.is_finished(), "the buffers are full");
        let mut received = vec![0; 1_000_000];
        server.read_exact(&mut received).await?;
        writing.await
    });
}

#[test]
fn half_closed_it_goes_on_in_the_other_direction() {
    passes(|| async {
        let (mut client, mut server) = connected().await?;
        client.write_all(b"question").await?;
        client.shutdown(Shutdown::Write)?;
        assert_eq!(client.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        let mut text = String::new();
        server.read_to_string(&mut text).await?;
        assert_eq!(text, "question");
        server.write_all(b"answer").await?;
        let mut peeked = [0; 3];
        assert_eq!(client.peek(&mut peeked).await?, 3);
        drop(server);
        text.clear();
        client.read_to_string(&mut text).await?;
        assert_eq!((text.as_str(), &peeked), ("answer", b"ans"));
        Ok(())
    });
}

#[test]
fn one_that_is_dropped_with_something_unread_is_reset() {
    passes(|| async {
        let (mut client, server) = connected().await?;
        client.write_all(b"nobody reads this").await?;
        smol::Timer::after(Duration::from_secs(1)).await;
        drop(server);
        assert_eq!(client.read(&mut [0]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        let (mut client, server) = connected().await?;
        drop(server);
        assert_eq!(client.read(&mut [0]).await?, 0, "nothing was unread: an end");
        assert_eq!(client.write(b"x").await?, 1, "it goes out");
        assert_eq!(client.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let mut unaccepted = TcpStream::connect(listener.local_addr()?).await?;
        drop(listener);
        assert_eq!(unaccepted.read(&mut [0]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        Ok(())
    });
}

/// As Linux does it: what had come before the connection broke is read first, then the error is told once.
#[test]
fn what_came_before_a_reset_is_read() {
    passes(|| async {
        let (mut client, mut server) = connected().await?;
        client.write_all(b"nobody reads this").await?;
        server.write_all(b"greeting").await?;
        smol::Timer::after(Duration::from_secs(1)).await;
        drop(server);
        smol::Timer::after(Duration::from_secs(1)).await;
        let mut text = [0; 8];
        client.read_exact(&mut text).await?;
        assert_eq!(&text, b"greeting");
        assert_eq!(client.read(&mut [0]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(client.read(&mut [0]).await?, 0);
        assert_eq!(client.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);

        let (mut client, server) = connected().await?;
        client.write_all(b"nobody reads this").await?;
        smol::Timer::after(Duration::from_secs(1)).await;
        server.shutdown(Shutdown::Write)?;
        drop(server);
        smol::Timer::after(Duration::from_secs(1)).await;
        assert_eq!(client.read(&mut [0]).await?, 0, "it had ended before it broke");
        assert_eq!(client.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        Ok(())
    });
}

#[test]
fn a_server_over_incoming_serves_many() {
    let outcomes = super::explore(|| async {
        let listener = TcpListener::bind("127.0.0.1:80").await.unwrap();
        let serving = smol::spawn(async move {
            let mut incoming = listener.incoming();
            while let Some(stream) = incoming.next().await {
                let stream = stream.unwrap();
                smol::spawn(async move { smol::io::copy(stream.clone(), stream).await }).detach();
            }
        });
        let log = Arc::new(std::sync::Mutex::new(Vec::new()));
        let clients: Vec<_> = (0..3_u8)
            .map(|n| {
                let log = log.clone();
                smol::spawn(async move {
                    let mut stream = TcpStream::connect("127.0.0.1:80").await.unwrap();
                    stream.write_all(&[n]).await.unwrap();
                    let mut back = [0];
                    stream.read_exact(&mut back).await.unwrap();
                    log.lock().unwrap().push(back[0]);
                })
            })
            .collect();
        for client in clients {
            client.await;
        }
        drop(serving);
        log.lock().unwrap().clone()
    });
    assert_eq!(outcomes, 6, "latency alone orders them in every way");
}

#[test]
fn datagrams() {
    passes(|| async {
        let one = UdpSocket::bind("127.0.0.1:0").await?;
        let two = UdpSocket::bind("127.0.0.1:0").await?;
        let mut buffer = [0; 16];
        one.send_to(b"hello world", two.local_addr()?).await?;
        assert_eq!(two.peek_from(&mut buffer).await?, (11, one.local_addr()?));
        assert_eq!(two.recv_from(&mut buffer[..5]).await?, (5, one.local_addr()?), "the rest is gone");
        one.send_to(b"to nobody", "127.0.0.1:1").await?;
        assert_eq!(one.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
        one.connect(two.local_addr()?).await?;
        two.connect(one.local_addr()?).await?;
        assert_eq!(one.peer_addr()?, two.local_addr()?);
        UdpSocket::bind("127.0.0.1:0").await?.send_to(b"stranger", two.local_addr()?).await?;
        one.send(b"friend").await?;
        assert_eq!(two.peek(&mut buffer).await?, 6);
        assert_eq!(two.recv(&mut buffer).await?, 6);
        one.set_broadcast(true)?;
        one.set_ttl(3)?;
        assert_eq!((one.broadcast()?, one.ttl()?, one.multicast_loop_v4()?), (true, 3, true));
        let group = UdpSocket::bind("0.0.0.0:5000").await?;
        group.join_multicast_v4([224, 0, 0, 9].into(), [0, 0, 0, 0].into())?;
        UdpSocket::bind("127.0.0.1:0").await?.send_to(b"all", "224.0.0.9:5000").await?;
        assert_eq!(group.recv_from(&mut buffer).await?.0, 3);
        Ok(())
    });
}

#[test]
fn unix_sockets() {
    let folder = Folder::new("sockets");
    let own = folder.path().to_owned();
    let found = raddle::Explore::new().seeds(0..16).run(move || {
        let own = own.clone();
        async move {
            let path = own.join("server");
            let listener = UnixListener::bind(&path)?;
            let theirs = path.clone();
            let dialing = smol::spawn(async move { UnixStream::connect(theirs).await });
            let (mut server, _) = listener.accept().await?;
            let mut client = dialing.await?;
            assert_eq!(client.peer_addr()?.as_pathname(), Some(path.as_path()));
            let reading = smol::spawn(async move {
                let mut text = String::new();
                client.read_to_string(&mut text).await.map(|_| text)
            });
            smol::future::yield_now().await;
            server.write_all(b"hello").await?;
            server.close().await?;
            assert_eq!(reading.await?, "hello");
            let (one, two) = UnixDatagram::pair()?;
            let receiving = smol::spawn(async move {
                let mut buffer = [0; 9];
                two.recv(&mut buffer).await
            });
            smol::future::yield_now().await;
            one.send(b"datagram").await?;
            assert_eq!(receiving.await?, 8);
            smol::fs::remove_file(path).await
        }
    });
    assert!(found.is_ok(), "{found}");
}

/// The older face of the same sockets, and descriptors of one's own.
#[test]
fn async_over_sockets_and_pipes() {
    passes(|| async {
        let listener = Async::<std::net::TcpListener>::bind(([127, 0, 0, 1], 7000))?;
        let dialing = smol::spawn(Async::<std::net::TcpStream>::connect(([127, 0, 0, 1], 7000)));
        let (mut server, _) = listener.accept().await?;
        let client = dialing.await?;
        (&client).write_all(b"hello").await?;
        server.readable().await?;
        let mut buffer = [0; 5];
        server.read_exact(&mut buffer).await?;
        assert_eq!(&buffer, b"hello");
        let stream: TcpStream = client.into();
        assert_eq!(stream.peer_addr()?.port(), 7000);
        let shared: Arc<Async<std::net::TcpStream>> = stream.into();
        server.write_all(b"back").await?;
        assert_eq!(shared.peek(&mut buffer).await?, 4);

        let (reader, writer) = std::io::pipe()?;
        let (mut reader, mut writer) = (Async::new(reader)?, Async::new(writer)?);
        let reading = smol::spawn(async move {
            let mut text = String::new();
            reader.read_to_string(&mut text).await.map(|_| text)
        });
        smol::future::yield_now().await;
        writer.write_all(b"through a pipe").await?;
        drop(writer);
        assert_eq!(reading.await?, "through a pipe");

        let (one, two) = Async::<std::os::unix::net::UnixStream>::pair()?;
        let two = Arc::new(two);
        let waiting = smol::spawn(two.clone().readable_owned());
        smol::future::yield_now().await;
        one.write_with(|mut io| std::io::Write::write(&mut io, b"x")).await?;
        waiting.await?;
        assert_eq!(two.read_with(|mut io| std::io::Read::read(&mut io, &mut [0; 4])).await?, 1);
        Ok(())
    });
}

#[test]
fn who_waits_for_ever_is_a_deadlock() {
    let report = Sim::new().run(|| async {
        let (mut client, _server) = connected().await.unwrap();
        client.read(&mut [0]).await.unwrap();
    });
    assert_eq!(report.finding().map(|f| f.kind()), Some(raddle::FindingKind::Deadlock), "{report}");
}

/// How long a message is under way is a choice: of those that have to be late only one is, by as little as it takes.
#[test]
fn latencies_are_minimised_to_the_shortest_that_fail() {
    let scenario = || async {
        let (mut client, mut server) = connected().await?;
        for _ in 0..3 {
            client.write_all(b"now").await?;
            let sent = raddle::now();
            server.read_exact(&mut [0; 3]).await?;
            let took = raddle::now() - sent;
            assert!(took < Duration::from_micros(700), "late");
        }
        Result::Ok(())
    };
    let found = raddle::Explore::new().seeds(0..100).stop_at_first_failure(true).run(scenario);
    let failure = found.first_failure().unwrap_or_else(|| panic!("{found}"));
    let kept: Vec<_> = failure.minimised().iter().map(|deviation| deviation.chosen()).collect();
    // 50 µs are the plain ones.
    assert_eq!(kept, [Some(650)], "{failure}");
    let schedule = failure.schedule();
    let again = Sim::new().schedule(schedule.clone()).run(scenario);
    assert_eq!(again.misfits(&schedule), Vec::<String>::new());
    assert_eq!(again.finding().map(|f| f.fingerprint()), failure.finding().map(|f| f.fingerprint()));
    let plain = raddle::Explore::new().strategy(raddle::StrategyKind::Fifo).run(scenario);
    assert!(plain.is_ok(), "in plain order all are as short as they can be: {plain}");
}

/// An exhaustive search takes the times as they are, the same in all runs, and says so.
#[test]
fn an_exhaustive_search_tells_that_times_are_one_seeds() {
    let explore = || raddle::Explore::new().seeds(0..10_000).strategy(raddle::StrategyKind::Exhaustive);
    let found = explore().run(|| async {
        let receiver = UdpSocket::bind("10.0.0.1:5000").await?;
        let send = |name: &'static str| async move {
            UdpSocket::bind("10.0.0.2:0").await?.send_to(name.as_bytes(), "10.0.0.1:5000").await.map(drop)
        };
        let tasks = ["a", "b"].map(|name| smol::spawn(send(name)));
        let mut got = String::new();
        for task in tasks {
            task.await?;
            let mut one = [0];
            receiver.recv(&mut one).await?;
            got.push(one[0].into());
        }
        Result::Ok(got)
    });
    let complete = found.coverage().complete().expect("it is exhaustive");
    assert!(complete.finished && complete.one_latency, "{found}");
    assert!(found.to_string().contains("exhaustive, with the latencies of one seed: there are "), "{found}");
    let found = explore().run(|| async { smol::spawn(async {}).await });
    assert!(found.coverage().complete().is_some_and(|complete| complete.finished && !complete.one_latency), "{found}");
}
