//! The UDP sockets of a run.

use super::{destination, errno, network, own_address};
use crate::beacon::lock;
use crate::clock::TimerId;
use crate::context;
use crate::instant::Instant;
use crate::world::World;
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Wake, Waker};

/// `net.core.rmem_default`: as many bytes wait for their reader at most. What is sent beyond that is lost, as anywhere.
const CAPACITY: usize = 212_992;

/// The most that fits into a datagram.
const LARGEST: usize = 65_507;

/// Settings that are kept, and asked for again.
#[derive(Clone, Debug)]
pub(in crate::smol) struct Settings {
    pub broadcast: bool,
    pub multicast_loop_v4: bool,
    pub multicast_ttl_v4: u32,
    pub multicast_loop_v6: bool,
    pub ttl: u32,
}

/// A UDP socket of a run.
pub(in crate::smol) struct Bound {
    pub address: SocketAddr,
    pub settings: Mutex<Settings>,
    state: Mutex<State>,
    /// What its timer wakes.
    own: Weak<Bound>,
}

struct State {
    /// Who it is connected to: nobody else is heard.
    peer: Option<SocketAddr>,
    /// Datagrams under way and arrived, with the moment of their arrival.
    waiting: VecDeque<(Instant, SocketAddr, Vec<u8>)>,
    held: usize,
    last: Instant,
    groups: BTreeSet<IpAddr>,
    readers: Vec<Waker>,
    timer: Option<TimerId>,
}

impl Bound {
    pub fn bind(world: &World, address: SocketAddr) -> io::Result<Arc<Bound>> {
        let network = network(world);
        network.bind(&network.datagrams, address, |address| {
            Arc::new_cyclic(|own| Bound {
                address,
                settings: Mutex::new(Settings {
                    broadcast: false,
                    multicast_loop_v4: true,
                    multicast_ttl_v4: 1,
                    multicast_loop_v6: true,
                    ttl: 64,
                }),
                state: Mutex::new(State {
                    peer: None,
                    waiting: VecDeque::new(),
                    held: 0,
                    last: Instant::START,
                    groups: BTreeSet::new(),
                    readers: Vec::new(),
                    timer: None,
                }),
                own: own.clone(),
            })
        })
    }

    pub fn connect(&self, peer: SocketAddr) {
        lock(&self.state).peer = Some(destination(peer));
    }

    pub fn peer(&self) -> io::Result<SocketAddr> {
        lock(&self.state).peer.ok_or_else(|| errno(libc::ENOTCONN))
    }

    pub fn join(&self, group: IpAddr) -> io::Result<()> {
        match group.is_multicast() {
            false => Err(errno(libc::EINVAL)),
            true if lock(&self.state).groups.insert(group) => Ok(()),
            true => Err(errno(libc::EADDRINUSE)),
        }
    }

    pub fn leave(&self, group: IpAddr) -> io::Result<()> {
        match lock(&self.state).groups.remove(&group) {
            true => Ok(()),
            false => Err(errno(libc::EADDRNOTAVAIL)),
        }
    }

    /// Sends a datagram to `to`, or to whom it is connected to. Whether it gets there nobody knows.
    pub fn send(&self, bytes: &[u8], to: Option<SocketAddr>) -> io::Result<usize> {
        let to = match to {
            Some(to) => destination(to),
            None => lock(&self.state).peer.ok_or_else(|| errno(libc::EDESTADDRREQ))?,
        };
        if bytes.len() > LARGEST {
            return Err(errno(libc::EMSGSIZE));
        }
        context::with("smol::net::UdpSocket", |world| {
            let network = network(world);
            let from = match self.address.ip().is_unspecified() {
                true => SocketAddr::new(own_address(to), self.address.port()),
                false => self.address,
            };
            if to.ip().is_multicast() {
                let all: Vec<_> = lock(&network.datagrams).values().filter_map(Weak::upgrade).collect();
                let is_member = |bound: &&Arc<Bound>| {
                    bound.address.port() == to.port() && lock(&bound.state).groups.contains(&to.ip())
                };
                all.iter().filter(is_member).for_each(|bound| bound.deliver(world, from, bytes));
            } else if let Some(bound) = network.find(&network.datagrams, to) {
                bound.deliver(world, from, bytes);
            }
            Ok(bytes.len())
        })
    }

    fn deliver(&self, world: &World, from: SocketAddr, bytes: &[u8]) {
        let mut state = lock(&self.state);
        if state.held + bytes.len() > CAPACITY || state.peer.is_some_and(|peer| peer != from) {
            return;
        }
        let at = network(world).weather.arrival(world, state.last);
        state.last = at;
        state.held += bytes.len();
        state.waiting.push_back((at, from, bytes.to_vec()));
        self.look_out(world, &mut state);
    }

    fn look_out(&self, world: &World, state: &mut State) {
        if let (None, false, Some(&(at, ..)), Some(own)) =
            (state.timer, state.readers.is_empty(), state.waiting.front(), self.own.upgrade())
        {
            state.timer = Some(world.insert_timer(at, own.into()));
        }
    }

    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        context::with("smol::net::UdpSocket", |world| {
            let mut state = lock(&self.state);
            if state.waiting.front().is_some_and(|&(at, ..)| at <= world.now()) {
                return Poll::Ready(());
            }
            state.readers.push(cx.waker().clone());
            self.look_out(world, &mut state);
            Poll::Pending
        })
    }

    /// Receives a datagram, cut to the buffer, and from whom it is.
    pub fn poll_receive(&self, cx: &mut Context<'_>, buffer: &mut [u8], take: bool) -> Poll<(usize, SocketAddr)> {
        if self.poll_readable(cx).is_pending() {
            return Poll::Pending;
        }
        let mut state = lock(&self.state);
        let Some((_, from, bytes)) = state.waiting.front() else { return Poll::Pending };
        let count = buffer.len().min(bytes.len());
        buffer[..count].copy_from_slice(&bytes[..count]);
        let received = (count, *from);
        if take && let Some((.., bytes)) = state.waiting.pop_front() {
            state.held -= bytes.len();
        }
        Poll::Ready(received)
    }
}

/// The first datagram has arrived.
impl Wake for Bound {
    fn wake(self: Arc<Self>) {
        let readers = {
            let mut state = lock(&self.state);
            state.timer = None;
            mem::take(&mut state.readers)
        };
        readers.into_iter().for_each(Waker::wake);
    }
}
