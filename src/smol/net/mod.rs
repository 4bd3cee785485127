//! `smol::net`: in a run, the run's own network.
//!
//! Its hosts have every address, so that a scenario may have its server listen on 10.0.0.1 and its client dial that; one
//! name, `localhost`, is known. Connections have the buffers that Linux gives them, can be half closed and reset, and what
//! is sent is under way for some time (see `weather`). Unix sockets are the system's own (see [`unix`]).

mod addresses;
mod connection;
mod conversions;
mod datagrams;
mod over_async;
mod tcp;
mod udp;
pub mod unix;
mod weather;
mod wire;

pub use addresses::{AsyncToSocketAddrs, resolve};
pub use std::net::{AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6};
pub use tcp::{Incoming, TcpListener, TcpStream};
pub use udp::UdpSocket;

pub(super) use connection::{Connection, Listening};
pub(super) use datagrams::Bound;

use crate::beacon::lock;
use crate::world::World;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, Weak};
use weather::Weather;

/// A run's network.
#[derive(Default)]
struct Network {
    weather: Weather,
    listeners: Mutex<BTreeMap<SocketAddr, Weak<Listening>>>,
    datagrams: Mutex<BTreeMap<SocketAddr, Weak<Bound>>>,
    /// Ports that were given to those who asked for none.
    ephemeral: Mutex<u16>,
}

/// Where `net.ipv4.ip_local_port_range` begins on Linux.
const FIRST_EPHEMERAL: u16 = 32_768;

fn network(world: &World) -> Arc<Network> {
    world.kept::<Network>()
}

/// An error as the system gives it.
fn errno(code: i32) -> io::Error {
    io::Error::from_raw_os_error(code)
}

impl Network {
    /// The next port of those that are given to whoever asks for none.
    fn ephemeral_port(&self) -> u16 {
        let mut given = lock(&self.ephemeral);
        let port = FIRST_EPHEMERAL + *given;
        *given = (*given + 1) % (60_999 - FIRST_EPHEMERAL);
        port
    }

    /// Enters what `make` gives for the address into `table`.
    fn bind<T>(
        &self,
        table: &Mutex<BTreeMap<SocketAddr, Weak<T>>>,
        wanted: SocketAddr,
        make: impl FnOnce(SocketAddr) -> Arc<T>,
    ) -> io::Result<Arc<T>> {
        let mut table = lock(table);
        table.retain(|_, bound| bound.strong_count() > 0);
        let is_taken = |port: u16| {
            let clashes = |known: &SocketAddr| {
                let is_any = known.ip().is_unspecified() || wanted.ip().is_unspecified();
                known.port() == port && known.is_ipv4() == wanted.is_ipv4() && (is_any || known.ip() == wanted.ip())
            };
            table.keys().any(clashes)
        };
        let port = match wanted.port() {
            0 => match (0..30_000).map(|_| self.ephemeral_port()).find(|&port| !is_taken(port)) {
                Some(port) => port,
                None => return Err(errno(libc::EADDRINUSE)),
            },
            port if is_taken(port) => return Err(errno(libc::EADDRINUSE)),
            port => port,
        };
        let address = SocketAddr::new(wanted.ip(), port);
        let made = make(address);
        table.insert(address, Arc::downgrade(&made));
        Ok(made)
    }

    /// Who is bound to the address, or to its port on any.
    fn find<T>(&self, table: &Mutex<BTreeMap<SocketAddr, Weak<T>>>, address: SocketAddr) -> Option<Arc<T>> {
        let any = match address {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let table = lock(table);
        let on = |ip| table.get(&SocketAddr::new(ip, address.port())).and_then(Weak::upgrade);
        on(address.ip()).or_else(|| on(any))
    }
}

/// The host's own address, of the family of `other`.
fn own_address(other: SocketAddr) -> IpAddr {
    match other {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    }
}

/// Where something goes that is sent to `address`: "any" is the host itself.
fn destination(address: SocketAddr) -> SocketAddr {
    match address.ip().is_unspecified() {
        true => SocketAddr::new(own_address(address), address.port()),
        false => address,
    }
}

/// A descriptor that stands for a socket of the run's network: one of the system's sockets, connected to nothing.
fn placeholder() -> io::Result<OwnedFd> {
    let _quiet = crate::boundary::kernel::quiet();
    std::os::unix::net::UnixDatagram::unbound().map(OwnedFd::from)
}
