//! `smol::net::resolve` and what it takes.

use crate::context;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, ToSocketAddrs};

/// What can be resolved to socket addresses: [`smol::net::AsyncToSocketAddrs`](::smol::net::AsyncToSocketAddrs).
pub trait AsyncToSocketAddrs: sealed::Ask {}

/// Nobody else implements the trait above.
mod sealed {
    use super::SocketAddr;
    use std::io;

    /// An address as it was given.
    pub enum Question {
        /// One that needs no asking.
        Known(io::Result<Vec<SocketAddr>>),
        /// A host's name, and a port.
        Name(String, u16),
    }

    pub trait Ask {
        fn question(&self) -> Question;
    }
}

use sealed::{Ask, Question};

/// Resolves an address. In a run one name is known, `localhost`; addresses as text need no asking.
///
/// # Errors
/// If there is no such host, or it is no address.
///
/// ```
/// use raddle::smol::net::resolve;
/// # raddle::Sim::new().run(|| async {
/// assert_eq!(resolve("localhost:80").await.unwrap(), [([127, 0, 0, 1], 80).into()]);
/// # }).unwrap();
/// ```
pub async fn resolve<A: AsyncToSocketAddrs>(addr: A) -> io::Result<Vec<SocketAddr>> {
    look_up(addr.question()).await
}

/// The same, without holding what was asked while it waits.
pub(super) fn look_up(question: Question) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send {
    async move {
        let (name, port) = match question {
            Question::Known(known) => return known,
            Question::Name(name, port) => (name, port),
        };
        if !context::in_run() {
            return ::smol::net::resolve((name, port)).await;
        }
        match name.as_str() {
            "localhost" => Ok(vec![SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)]),
            _ => Err(io::Error::other(format!(
                "failed to lookup address information: {name:?} is not known in this run (localhost is)"
            ))),
        }
    }
}

/// Tries the addresses one after the other.
pub(super) async fn first_of<T, F: Future<Output = io::Result<T>>>(
    addresses: Vec<SocketAddr>,
    mut attempt: impl FnMut(SocketAddr) -> F,
) -> io::Result<T> {
    let mut error = None;
    for address in addresses {
        match attempt(address).await {
            Ok(made) => return Ok(made),
            Err(failed) => error = Some(failed),
        }
    }
    Err(error.unwrap_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "could not resolve to any address")))
}

/// The question of `address`, to be asked later.
pub(super) fn question(address: &impl AsyncToSocketAddrs) -> Question {
    address.question()
}

fn known(address: SocketAddr) -> Question {
    Question::Known(Ok(vec![address]))
}

fn named(host: &str, port: u16) -> Question {
    match host.parse::<IpAddr>() {
        Ok(ip) => known(SocketAddr::new(ip, port)),
        Err(_) => Question::Name(host.to_string(), port),
    }
}

/// What implements it, and how it is asked for.
macro_rules! answers {
    ($($type:ty: |$this:ident| $question:expr;)+) => {$(
        impl AsyncToSocketAddrs for $type {}
        impl Ask for $type {
            fn question(&self) -> Question {
                let $this = self;
                $question
            }
        }
    )+};
}

answers! {
    SocketAddr: |this| known(*this);
    SocketAddrV4: |this| known((*this).into());
    SocketAddrV6: |this| known((*this).into());
    (IpAddr, u16): |this| known((*this).into());
    (Ipv4Addr, u16): |this| known((*this).into());
    (Ipv6Addr, u16): |this| known((*this).into());
    (&str, u16): |this| named(this.0, this.1);
    (String, u16): |this| named(&this.0, this.1);
    &[SocketAddr]: |this| Question::Known(Ok(this.to_vec()));
    String: |this| this.as_str().question();
}

impl AsyncToSocketAddrs for str {}

impl Ask for str {
    fn question(&self) -> Question {
        if let Ok(address) = self.parse() {
            return known(address);
        }
        let parts = self.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
        match parts {
            Some((host, port)) => named(host, port),
            // std says what is wrong with it, and asks nobody.
            None => Question::Known(self.to_socket_addrs().map(Iterator::collect)),
        }
    }
}

impl<T: AsyncToSocketAddrs + ?Sized> AsyncToSocketAddrs for &T {}

impl<T: AsyncToSocketAddrs + ?Sized> Ask for &T {
    fn question(&self) -> Question {
        (**self).question()
    }
}
