//! `smol::net::UdpSocket`.

use super::Bound;
use super::addresses::{AsyncToSocketAddrs, first_of, look_up, question};
use super::conversions::{Face, conversions, descriptors};
use crate::beacon::lock;
use crate::boundary::descriptor::Async;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// A UDP socket: [`smol::net::UdpSocket`](::smol::net::UdpSocket).
///
/// ```
/// use raddle::smol::net::UdpSocket;
/// # raddle::Sim::new().run(|| async {
/// let (one, two) = (UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:9").await.unwrap());
/// one.send_to(b"hello", "127.0.0.1:9").await.unwrap();
/// let mut buffer = [0; 5];
/// assert_eq!(two.recv_from(&mut buffer).await.unwrap(), (5, one.local_addr().unwrap()));
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct UdpSocket(Face<::smol::net::UdpSocket, std::net::UdpSocket>);

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is asked of the run's socket in a run, and of the descriptor elsewhere.
macro_rules! asked {
    ($($about:literal $name:ident($($argument:ident: $type:ty),*) -> $result:ty, |$own:ident| $answer:expr;)+) => {$(
        #[doc = $about]
        ///
        /// # Errors
        /// Those of the system.
        pub fn $name(&self $(, $argument: $type)*) -> io::Result<$result> {
            match &self.0 {
                Face::Real(real) => real.$name($($argument),*),
                Face::Simulated(own) => match own.socket::<Bound>() {
                    Some($own) => $answer,
                    None => own.get_ref().$name($($argument),*),
                },
            }
        }
    )+};
}

/// What waits.
macro_rules! awaited {
    ($($about:literal $name:ident($argument:ident: $type:ty) -> $result:ty;)+) => {$(
        #[doc = $about]
        ///
        /// # Errors
        /// Those of the system.
        pub async fn $name(&self, $argument: $type) -> io::Result<$result> {
            match &self.0 {
                Face::Real(real) => real.$name($argument).await,
                Face::Simulated(own) => own.$name($argument).await,
            }
        }
    )+};
}

/// A setting, and how it is set.
macro_rules! settings {
    ($($about:literal $name:ident $set:ident: $type:ty, $field:ident;)+) => {
        asked! {$(
            $about
            $name() -> $type, |own| Ok(lock(&own.settings).$field);
            $about
            $set($field: $type) -> (), |own| {
                lock(&own.settings).$field = $field;
                Ok(())
            };
        )+}
    };
}

impl UdpSocket {
    /// A socket with this address; on a port of the system's choice, if that is 0.
    ///
    /// # Errors
    /// If the address cannot be resolved, or is taken.
    pub async fn bind<A: AsyncToSocketAddrs>(addr: A) -> io::Result<UdpSocket> {
        let addresses = look_up(question(&addr)).await?;
        first_of(addresses, |address| async move { Async::<std::net::UdpSocket>::bind(address) })
            .await
            .map(UdpSocket::from)
    }

    /// Has it send to this address, and hear nobody else.
    ///
    /// # Errors
    /// If the address cannot be resolved.
    pub async fn connect<A: AsyncToSocketAddrs>(&self, addr: A) -> io::Result<()> {
        let addresses = look_up(question(&addr)).await?;
        match &self.0 {
            Face::Real(real) => real.connect(&addresses[..]).await,
            Face::Simulated(own) => {
                first_of(addresses, |address| async move {
                    match own.socket::<Bound>() {
                        Some(bound) => Ok(bound.connect(address)),
                        None => own.get_ref().connect(address),
                    }
                })
                .await
            }
        }
    }

    /// Sends a datagram to an address.
    ///
    /// # Errors
    /// If the address cannot be resolved, or the datagram is too large.
    pub async fn send_to<A: AsyncToSocketAddrs>(&self, buf: &[u8], addr: A) -> io::Result<usize> {
        let addresses = look_up(question(&addr)).await?;
        match &self.0 {
            Face::Real(real) => real.send_to(buf, &addresses[..]).await,
            Face::Simulated(own) => match addresses.first() {
                Some(&address) => own.send_to(buf, address).await,
                None => Err(io::Error::new(io::ErrorKind::InvalidInput, "no addresses to send data to")),
            },
        }
    }

    awaited! {
        "Receives a datagram, and from whom it is."
        recv_from(buf: &mut [u8]) -> (usize, SocketAddr);
        "Receives a datagram without taking it out, and from whom it is."
        peek_from(buf: &mut [u8]) -> (usize, SocketAddr);
        "Receives a datagram from whom it is connected to."
        recv(buf: &mut [u8]) -> usize;
        "Receives a datagram from whom it is connected to, without taking it out."
        peek(buf: &mut [u8]) -> usize;
        "Sends a datagram to whom it is connected to."
        send(buf: &[u8]) -> usize;
    }

    asked! {
        "Its own address."
        local_addr() -> SocketAddr, |own| Ok(own.address);
        "The address it is connected to."
        peer_addr() -> SocketAddr, |own| own.peer();
        "Joins a group."
        join_multicast_v6(multiaddr: &Ipv6Addr, interface: u32) -> (), |own| {
            let _ = interface;
            own.join((*multiaddr).into())
        };
        "Leaves a group."
        leave_multicast_v6(multiaddr: &Ipv6Addr, interface: u32) -> (), |own| {
            let _ = interface;
            own.leave((*multiaddr).into())
        };
    }

    /// Joins a group.
    ///
    /// # Errors
    /// Those of the system.
    pub fn join_multicast_v4(&self, multiaddr: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        match &self.0 {
            Face::Real(real) => real.join_multicast_v4(multiaddr, interface),
            Face::Simulated(own) => match own.socket::<Bound>() {
                Some(bound) => bound.join(multiaddr.into()),
                None => own.get_ref().join_multicast_v4(&multiaddr, &interface),
            },
        }
    }

    /// Leaves a group.
    ///
    /// # Errors
    /// Those of the system.
    pub fn leave_multicast_v4(&self, multiaddr: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        match &self.0 {
            Face::Real(real) => real.leave_multicast_v4(multiaddr, interface),
            Face::Simulated(own) => match own.socket::<Bound>() {
                Some(bound) => bound.leave(multiaddr.into()),
                None => own.get_ref().leave_multicast_v4(&multiaddr, &interface),
            },
        }
    }

    settings! {
        "Whether it may send to all of a network."
        broadcast set_broadcast: bool, broadcast;
        "Whether what it sends to a group comes back to its own host."
        multicast_loop_v4 set_multicast_loop_v4: bool, multicast_loop_v4;
        "How far what it sends to a group goes."
        multicast_ttl_v4 set_multicast_ttl_v4: u32, multicast_ttl_v4;
        "Whether what it sends to a group comes back to its own host."
        multicast_loop_v6 set_multicast_loop_v6: bool, multicast_loop_v6;
        "The time to live of its packets."
        ttl set_ttl: u32, ttl;
    }
}

conversions! {
    UdpSocket, ::smol::net::UdpSocket, std::net::UdpSocket;
}
descriptors! {
    UdpSocket, std::net::UdpSocket;
}
