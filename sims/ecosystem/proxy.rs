//! smol itself, its executor and all, and async-dup: something that stands between a client and a server.

use crate::{explored, outcomes};
use smol::Async;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::{TcpListener, TcpStream};
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant};

/// Passes one connection on, both ways at once.
async fn pass_on(listener: Async<std::net::TcpListener>, to: SocketAddr) -> smol::io::Result<(u64, u64)> {
    let (client, _) = listener.accept().await?;
    let server = Async::<std::net::TcpStream>::connect(to).await?;
    let (client, server) = (async_dup::Arc::new(client), async_dup::Arc::new(server));
    let forth = {
        let (client, mut server) = (client.clone(), server.clone());
        async move {
            let count = smol::io::copy(client, &mut server).await?;
            server.get_ref().shutdown(Shutdown::Write)?;
            Ok(count)
        }
    };
    let back = async move {
        let count = smol::io::copy(server, &mut client.clone()).await?;
        client.get_ref().shutdown(Shutdown::Write)?;
        Ok(count)
    };
    smol::future::try_zip(forth, back).await
}

#[test]
fn what_passes_through_a_proxy() {
    let found = explored(24, || async {
        let before = Instant::now();
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Async::<std::net::TcpListener>::bind(([127, 0, 0, 1], 0)).unwrap();
        let (inner, outer) = (server.local_addr().unwrap(), proxy.get_ref().local_addr().unwrap());
        let serving = smol::spawn(async move {
            let (mut stream, _) = server.accept().await.unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).await.unwrap();
            let text = smol::unblock(move || {
                std::thread::sleep(Duration::from_millis(30));
                text.to_uppercase()
            });
            stream.write_all(text.await.as_bytes()).await.unwrap();
        });
        let passing = smol::spawn(pass_on(proxy, inner));
        let mut stream = TcpStream::connect(outer).await.unwrap();
        for word in ["to ", "be ", "or ", "not"] {
            stream.write_all(word.as_bytes()).await.unwrap();
            smol::Timer::after(Duration::from_millis(5)).await;
        }
        stream.shutdown(Shutdown::Write).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        serving.await;
        (text, passing.await.unwrap(), before.elapsed().as_millis())
    });
    assert_eq!(outcomes(&found), ["(\"TO BE OR NOT\", (12, 12), 50)"]);
}
