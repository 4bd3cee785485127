//! zbus: two peers over a socket, without a bus between them. Each connection has an executor, and async-io's reactor below.

use crate::{explored, outcomes};
use futures_lite::{StreamExt, future};
use std::os::unix::net::UnixStream;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, connection::Builder, interface, proxy};

struct Counter(u32);

#[interface(name = "org.raddle.Counter")]
impl Counter {
    async fn add(&mut self, count: u32, #[zbus(signal_emitter)] emitter: SignalEmitter<'_>) -> zbus::fdo::Result<u32> {
        self.0 += count;
        emitter.changed(self.0).await?;
        Ok(self.0)
    }

    #[zbus(signal)]
    async fn changed(emitter: &SignalEmitter<'_>, to: u32) -> zbus::Result<()>;
}

#[proxy(interface = "org.raddle.Counter", default_service = "org.raddle", default_path = "/counter")]
trait Counter {
    fn add(&self, count: u32) -> zbus::Result<u32>;

    #[zbus(signal)]
    fn changed(&self, to: u32) -> zbus::Result<()>;
}

/// Two ends that know each other, and a counter at the first.
async fn peers() -> zbus::Result<(Connection, Connection)> {
    let (one, two) = UnixStream::pair()?;
    let server = Builder::async_io_unix_stream(one).server(zbus::Guid::generate())?.p2p();
    let server = server.serve_at("/counter", Counter(0))?.build();
    future::try_zip(server, Builder::async_io_unix_stream(two).p2p().build()).await
}

/// Two calls under way at once, whose order the seed decides; a signal for each, in the order of the calls.
#[test]
fn calls_and_signals() {
    let found = explored(24, || async {
        let (_server, client) = peers().await.unwrap();
        let counter = CounterProxy::new(&client).await.unwrap();
        let mut signals = counter.receive_changed().await.unwrap();
        let add = |count| {
            let counter = counter.clone();
            raddle::spawn(async move { counter.add(count).await.unwrap() })
        };
        let (one, two) = (add(1), add(2));
        let answers = (one.await, two.await);
        let mut seen = Vec::new();
        for _ in 0..2 {
            seen.push(signals.next().await.unwrap().args().unwrap().to);
        }
        assert_eq!(seen[1], 3, "nothing is lost");
        assert!(answers.0 == 3 || answers.1 == 3, "{answers:?}");
        (answers, seen)
    });
    assert_eq!(outcomes(&found), ["((1, 3), [1, 3])", "((3, 2), [2, 3])"]);
}
