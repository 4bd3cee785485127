//! isahc, which is libcurl on a thread of its own, asks a server on async-net.

use crate::{explored, outcomes};
use async_io::Timer;
use async_net::{TcpListener, TcpStream};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use isahc::prelude::*;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Answers one request a connection, a while later.
async fn answer(mut stream: TcpStream, order: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).await.unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_string();
    order.lock().unwrap().push(path.clone());
    Timer::after(Duration::from_millis(20)).await;
    let text = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{path}", path.len());
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// Two requests of one client, under way at once.
#[test]
fn requests_of_isahc() {
    let found = explored(16, || async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let server = raddle::task("server").spawn({
            let order = order.clone();
            async move {
                let mut connections = Vec::new();
                for _ in 0..2 {
                    let (stream, _) = listener.accept().await.unwrap();
                    connections.push(raddle::task("connection").spawn(answer(stream, order.clone())));
                }
                for connection in connections {
                    connection.await;
                }
            }
        });
        // Whoever makes a client waits for its thread to begin, and whoever drops it for its end.
        let client = blocking::unblock(isahc::HttpClient::new).await.unwrap();
        let before = Instant::now();
        let ask = |path: &'static str| {
            let client = client.clone();
            raddle::task(path).spawn(async move {
                let mut response = client.get_async(format!("http://{address}{path}")).await.unwrap();
                String::from_utf8(response.bytes().await.unwrap()).unwrap()
            })
        };
        let (one, two) = (ask("/a"), ask("/b"));
        assert_eq!([one.await, two.await], ["/a", "/b"]);
        server.await;
        let took = before.elapsed().as_millis();
        blocking::unblock(move || drop(client)).await;
        (order.lock().unwrap().join(" "), took)
    });
    assert_eq!(outcomes(&found), ["(\"/a /b\", 20)", "(\"/b /a\", 20)"]);
}

/// In a task that has all others wait, which raddle says.
#[test]
fn a_client_of_isahc_blocks() {
    let found = explored(4, || async { drop(isahc::HttpClient::new().unwrap()) });
    let told = found.to_string();
    for words in ["wait for a Condvar", "isahc::client::HttpClient::new", "thread::join of isahc-agent-0"] {
        assert!(told.contains(words), "{words} in {told}");
    }
}
