//! HTTP/1.1: a counter behind a server, and clients that raise it (hyper over `smol::net`).

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use smol::io::{AsyncRead, AsyncWrite};
use smol::net::{TcpListener, TcpStream};
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};

/// A stream of smol's as hyper wants it.
struct Io(TcpStream);

impl Read for Io {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, mut buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [0; 4096];
        let most = buf.remaining().min(bytes.len());
        let count = ready!(Pin::new(&mut self.0).poll_read(cx, &mut bytes[..most]))?;
        buf.put_slice(&bytes[..count]);
        Poll::Ready(Ok(()))
    }
}

impl Write for Io {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

async fn answer(request: Request<Incoming>, count: &AtomicU32) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, text) = match (request.method(), request.uri().path()) {
        (&Method::POST, "/count") => {
            let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            let by: u32 = std::str::from_utf8(&body).ok().and_then(|text| text.parse().ok()).unwrap_or(1);
            (StatusCode::OK, (count.fetch_add(by, Ordering::Relaxed) + by).to_string())
        }
        (&Method::GET, "/count") => (StatusCode::OK, count.load(Ordering::Relaxed).to_string()),
        _ => (StatusCode::NOT_FOUND, "nothing here".to_string()),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    Ok(response)
}

async fn serve(listener: TcpListener) {
    let count = Arc::new(AtomicU32::new(0));
    while let Ok((stream, _)) = listener.accept().await {
        let count = count.clone();
        smol::spawn(async move {
            let service = service_fn(|request| answer(request, &count));
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(Io(stream), service).await;
        })
        .detach();
    }
}

async fn ask(address: std::net::SocketAddr, requests: &[(Method, &str, &'static str)]) -> Vec<String> {
    let stream = TcpStream::connect(address).await.expect("the server listens");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(Io(stream)).await.expect("it speaks HTTP");
    let driving = smol::spawn(async move {
        let _ = connection.await;
    });
    let mut answers = Vec::new();
    for (method, path, body) in requests {
        let request = Request::builder().method(method).uri(*path).header("host", "counter");
        let request = request.body(Full::new(Bytes::from_static(body.as_bytes()))).expect("it is a request");
        let response = sender.send_request(request).await.expect("it is answered");
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.expect("the body comes").to_bytes();
        answers.push(format!("{status} {}", String::from_utf8_lossy(&body)));
    }
    drop(sender);
    driving.await;
    answers
}

/// Two clients raise the counter at the same time, and a third looks at it. What each is told depends on who was first.
pub async fn answers() -> Vec<Vec<String>> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it has one");
    let server = smol::spawn(serve(listener));
    let raise =
        |by| async move { ask(address, &[(Method::POST, "/count", by), (Method::GET, "/elsewhere", "")]).await };
    let (one, two) = (smol::spawn(raise("1")), smol::spawn(raise("10")));
    let mut answers = vec![one.await, two.await];
    answers.push(ask(address, &[(Method::GET, "/count", "")]).await);
    server.cancel().await;
    answers
}

/// What is so whoever was first.
pub async fn total() -> String {
    answers().await.pop().and_then(|mut answers| answers.pop()).expect("the third client was answered")
}
