//! A chat over websockets (async-tungstenite over `smol::net`): what one says all hear, in the same order.

use async_tungstenite::tungstenite::Message;
use async_tungstenite::{accept_async, client_async};
use futures_util::StreamExt;
use smol::channel::{Sender, unbounded};
use smol::net::{TcpListener, TcpStream};

enum Event {
    Joined(Sender<String>),
    Said(String),
}

/// Knows who is there, and passes on what is said.
async fn room(events: smol::channel::Receiver<Event>) {
    let mut members: Vec<Sender<String>> = Vec::new();
    while let Ok(event) = events.recv().await {
        match event {
            Event::Joined(member) => {
                members.push(member);
                let text = format!("{} here", members.len());
                members.iter().for_each(|member| drop(member.try_send(text.clone())));
            }
            Event::Said(text) => members.iter().for_each(|member| drop(member.try_send(text.clone()))),
        }
    }
}

async fn member(stream: TcpStream, events: Sender<Event>) {
    let Ok(socket) = accept_async(stream).await else { return };
    let (mut to, mut from) = socket.split();
    let (sender, lines) = unbounded();
    let _ = events.send(Event::Joined(sender)).await;
    let writing = smol::spawn(async move {
        while let Ok(line) = lines.recv().await {
            if to.send(Message::text(line)).await.is_err() {
                break;
            }
        }
    });
    while let Some(Ok(message)) = from.next().await {
        if let Message::Text(text) = message {
            let _ = events.send(Event::Said(text.to_string())).await;
        }
    }
    writing.cancel().await;
}

async fn serve(listener: TcpListener) {
    let (events, received) = unbounded();
    let _room = smol::spawn(room(received));
    while let Ok((stream, _)) = listener.accept().await {
        smol::spawn(member(stream, events.clone())).detach();
    }
}

/// Joins, waits until all are here, says something, and hears `lines` lines.
async fn visit(address: std::net::SocketAddr, says: &'static str, all: &str, lines: usize) -> Vec<String> {
    let stream = TcpStream::connect(address).await.expect("the server listens");
    let (mut socket, _) = client_async("ws://chat/", stream).await.expect("it speaks websocket");
    let mut heard = Vec::new();
    let mut is_complete = false;
    while heard.len() < lines {
        let Some(Ok(Message::Text(text))) = socket.next().await else { break };
        if is_complete {
            heard.push(text.to_string());
        } else if text.as_str() == all {
            is_complete = true;
            socket.send(Message::text(says)).await.expect("it is heard");
        }
    }
    let _ = socket.close(None).await;
    heard
}

/// What two visitors hear once both are there. Everybody hears the same, in the same order.
pub async fn heard() -> Vec<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it has one");
    let server = smol::spawn(serve(listener));
    let one = smol::spawn(visit(address, "hello", "2 here", 2));
    let two = smol::spawn(visit(address, "good morning", "2 here", 2));
    let (one, two) = (one.await, two.await);
    server.cancel().await;
    assert_eq!(one, two, "all hear the same, in the same order");
    one
}

/// What is so in every order.
pub async fn sorted() -> Vec<String> {
    let mut heard = heard().await;
    heard.sort();
    heard
}
