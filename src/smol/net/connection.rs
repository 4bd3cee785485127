//! The connections of a run, and the sockets that listen for them.

use super::wire::Wire;
use super::{destination, errno, network, own_address};
use crate::beacon::lock;
use crate::context;
use crate::timers::sleep;
use crate::world::World;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::mem;
use std::net::{Shutdown, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

/// How many connections wait to be accepted at most: `net.core.somaxconn` before Linux 5.4, and what std asks for.
const BACKLOG: usize = 128;

/// A socket that listens, in a run.
pub(in crate::smol) struct Listening {
    pub address: SocketAddr,
    pub ttl: AtomicU32,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Connection>,
    acceptors: Vec<Waker>,
    /// Those who wait for room.
    dialers: Vec<Waker>,
    is_closed: bool,
}

/// One end of a connection of a run.
pub(in crate::smol) struct Connection {
    pub local: SocketAddr,
    pub peer: SocketAddr,
    incoming: Arc<Wire>,
    outgoing: Arc<Wire>,
    pub nodelay: AtomicBool,
    pub ttl: AtomicU32,
}

impl Listening {
    pub fn bind(world: &World, address: SocketAddr) -> io::Result<Arc<Listening>> {
        let network = network(world);
        network.bind(&network.listeners, address, |address| {
            Arc::new(Listening { address, ttl: AtomicU32::new(64), queue: Mutex::default() })
        })
    }

    /// Waits for somebody to connect.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<Connection> {
        let mut queue = lock(&self.queue);
        let Some(connection) = queue.waiting.pop_front() else {
            queue.acceptors.push(cx.waker().clone());
            return Poll::Pending;
        };
        let dialers = mem::take(&mut queue.dialers);
        drop(queue);
        dialers.into_iter().for_each(Waker::wake);
        Poll::Ready(connection)
    }

    pub fn poll_acceptable(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut queue = lock(&self.queue);
        if queue.waiting.is_empty() {
            queue.acceptors.push(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// Adds a connection, or gives it back while there is no room. An error once nobody listens.
    fn add(&self, connection: Connection, cx: &mut Context<'_>) -> Result<(), Option<Connection>> {
        let mut queue = lock(&self.queue);
        if queue.is_closed {
            return Err(None);
        }
        if queue.waiting.len() >= BACKLOG {
            queue.dialers.push(cx.waker().clone());
            return Err(Some(connection));
        }
        queue.waiting.push_back(connection);
        let acceptors = mem::take(&mut queue.acceptors);
        drop(queue);
        acceptors.into_iter().for_each(Waker::wake);
        Ok(())
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut queue = mem::take(&mut *lock(&self.queue));
        queue.is_closed = true;
        // Those that nobody accepted are broken.
        context::try_with(|world| queue.waiting.iter().for_each(|connection| connection.outgoing.reset(world)));
        queue.dialers.into_iter().for_each(Waker::wake);
    }
}

impl Connection {
    /// The two ends of a connection from `local` to `peer`.
    fn pair(local: SocketAddr, peer: SocketAddr) -> (Connection, Connection) {
        let (there, back) = (Arc::new(Wire::default()), Arc::new(Wire::default()));
        let end = |local, peer, incoming: &Arc<Wire>, outgoing: &Arc<Wire>| Connection {
            local,
            peer,
            incoming: incoming.clone(),
            outgoing: outgoing.clone(),
            nodelay: AtomicBool::new(false),
            ttl: AtomicU32::new(64),
        };
        (end(local, peer, &back, &there), end(peer, local, &there, &back))
    }

    /// Connects to `address`: there and back, and there has to be somebody who listens.
    pub async fn dial(address: SocketAddr) -> io::Result<Connection> {
        let under_way = || context::with("smol::net", |world| network(world).weather.delay(world));
        let address = destination(address);
        sleep(under_way()).await;
        let (listening, local) = context::with("smol::net", |world| {
            let network = network(world);
            let local = SocketAddr::new(own_address(address), network.ephemeral_port());
            (network.find(&network.listeners, address), local)
        });
        let Some(listening) = listening else {
            sleep(under_way()).await;
            return Err(errno(libc::ECONNREFUSED));
        };
        let (here, there) = Connection::pair(local, address);
        let mut there = Some(there);
        let added = poll_fn(|cx| match there.take().map(|there| listening.add(there, cx)) {
            Some(Ok(())) => Poll::Ready(true),
            Some(Err(Some(back))) => {
                there = Some(back);
                Poll::Pending
            }
            Some(Err(None)) | None => Poll::Ready(false),
        })
        .await;
        drop(listening);
        sleep(under_way()).await;
        if added { Ok(here) } else { Err(errno(libc::ECONNREFUSED)) }
    }

    pub fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8], take: bool) -> Poll<io::Result<usize>> {
        context::with("smol::net::TcpStream", |world| self.incoming.poll_read(world, cx, buffer, take))
    }

    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        context::with("smol::net::TcpStream", |world| self.incoming.poll_readable(world, cx))
    }

    pub fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        context::with("smol::net::TcpStream", |world| {
            if let Some(error) = self.incoming.write_error(world) {
                return Poll::Ready(Err(error));
            }
            self.outgoing.poll_write(world, cx, bytes)
        })
    }

    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.outgoing.poll_writable(cx)
    }

    pub fn shut_down(&self, how: Shutdown) {
        context::with("smol::net::TcpStream", |world| {
            if matches!(how, Shutdown::Write | Shutdown::Both) {
                self.outgoing.finish(world);
            }
            if matches!(how, Shutdown::Read | Shutdown::Both) {
                self.incoming.leave(world);
            }
        });
    }
}

/// Closed with something unread a connection is broken, otherwise it ends.
impl Drop for Connection {
    fn drop(&mut self) {
        context::try_with(|world| match self.incoming.leave(world) {
            true => self.outgoing.reset(world),
            false => self.outgoing.finish(world),
        });
    }
}
