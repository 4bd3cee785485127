//! async-tungstenite over async-net: a room that passes on what is said to all others.

use crate::{explored, outcomes};
use async_net::{TcpListener, TcpStream};
use async_tungstenite::tungstenite::Message;
use async_tungstenite::{WebSocketReceiver, WebSocketSender, accept_async, client_async};
use futures_lite::StreamExt;
use std::net::SocketAddr;
use std::sync::Arc;

#[test]
fn everybody_hears_the_others() {
    let found = explored(24, || async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let room = raddle::task("room").spawn(room(listener, 3));
        let say = |what| raddle::task(what).spawn(member(address, what, 2));
        let (a, b, c) = (say("a"), say("b"), say("c"));
        let mut heard = [a.await, b.await, c.await];
        room.await;
        let in_order = heard.clone();
        heard.iter_mut().for_each(|words| words.sort_unstable());
        assert_eq!(heard, [["b", "c"], ["a", "c"], ["a", "b"]]);
        in_order.map(|words| words.concat()).join(" ")
    });
    let seen = outcomes(&found);
    assert!(seen.len() > 3, "the seed decides who is heard first: {seen:?}");
}

type Everybody = Arc<async_lock::Mutex<Vec<WebSocketSender<TcpStream>>>>;

/// Passes on what one says until it leaves.
async fn listen(who: usize, mut from: WebSocketReceiver<TcpStream>, to: Everybody) {
    while let Some(Ok(message)) = from.next().await {
        if !message.is_text() {
            continue;
        }
        for (index, other) in to.lock().await.iter_mut().enumerate() {
            if index != who {
                let _ = other.send(message.clone()).await;
            }
        }
    }
}

async fn room(listener: TcpListener, members: usize) {
    let everybody = Everybody::default();
    let mut tasks = Vec::new();
    let mut joined = Vec::new();
    for _ in 0..members {
        let (stream, _) = listener.accept().await.unwrap();
        let (to, from) = accept_async(stream).await.unwrap().split();
        everybody.lock().await.push(to);
        joined.push(from);
    }
    for (who, from) in joined.into_iter().enumerate() {
        tasks.push(raddle::task("member").spawn(listen(who, from, everybody.clone())));
    }
    for other in everybody.lock().await.iter_mut() {
        other.send(Message::text("welcome")).await.unwrap();
    }
    for task in tasks {
        task.await;
    }
}

/// What one hears of the others.
async fn member(address: SocketAddr, says: &'static str, others: usize) -> Vec<String> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut socket, _) = client_async(format!("ws://{address}/"), stream).await.unwrap();
    let welcome = socket.next().await.unwrap().unwrap();
    assert_eq!(welcome.to_text().unwrap(), "welcome", "said before anybody speaks");
    socket.send(Message::text(says)).await.unwrap();
    let mut heard = Vec::new();
    while heard.len() < others {
        heard.push(socket.next().await.unwrap().unwrap().to_text().unwrap().to_string());
    }
    socket.close(None).await.unwrap();
    heard
}
