//! From what a user calls an address to addresses.

use crate::spawn_blocking;
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, ToSocketAddrs as _},
    vec,
};

/// What can be taken for one or several socket addresses: what [`std::net::ToSocketAddrs`] is
/// implemented for.
///
/// | type | where it is looked up |
/// | --- | --- |
/// | `SocketAddr`, `SocketAddrV4`, `SocketAddrV6`, `(IpAddr, u16)` and the like, `&[SocketAddr]` | nowhere: it is an address |
/// | `&str`, `String`, `(&str, u16)`, `(String, u16)` with a literal address, such as `"[::1]:80"` | nowhere: it is read on the spot |
/// | the same with a name, such as `"localhost:80"` | by the system's resolver, which blocks, in [`spawn_blocking`] |
///
/// Nobody else can implement it.
///
/// # Examples
///
/// ```
/// use executor::net::{ToSocketAddrs, lookup};
///
/// async fn first(host: impl ToSocketAddrs) -> std::io::Result<bool> {
///     Ok(lookup(host).await?[0].is_ipv4())
/// }
///
/// executor::block_on(async {
///     assert!(first("127.0.0.1:80").await?);
///     assert!(!first(("::1", 80)).await?);
///     std::io::Result::Ok(())
/// })
/// .unwrap();
/// ```
pub trait ToSocketAddrs: sealed::Sealed {}

impl<T: sealed::Sealed + ?Sized> ToSocketAddrs for T {}

/// Looks up the addresses of a host and a port, as [`std::net::ToSocketAddrs`] does. (Go's
/// `net.LookupHost`.)
///
/// A literal address is read on the spot. A name is looked up by the system's resolver in
/// [`spawn_blocking`], which obeys `/etc/hosts` and the like.
///
/// # Errors
///
/// `InvalidInput` if a text is no host and port; the resolver's otherwise. A name without an
/// address is an error of the resolver, or an empty list.
///
/// # Cancel safety
///
/// Dropping the future lets the resolver come to its end on its thread, for nobody.
///
/// # Examples
///
/// ```
/// use executor::net::lookup;
///
/// # executor::block_on(async {
/// let addresses = lookup("localhost:80").await?;
/// assert!(addresses.iter().all(|address| address.ip().is_loopback()));
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub async fn lookup<A: ToSocketAddrs>(host: A) -> io::Result<Vec<SocketAddr>> {
    Ok(resolve(host).await?.collect())
}

/// As [`lookup`], and allocates nothing for a single literal address.
pub(super) async fn resolve<A: ToSocketAddrs>(host: A) -> io::Result<Addresses> {
    match host.target()? {
        Target::Address(address) => Ok(Addresses::One(Some(address))),
        Target::Addresses(addresses) => Ok(Addresses::Several(addresses.into_iter())),
        Target::Name(host, port) => {
            let lookup = spawn_blocking(move || (host.as_str(), port).to_socket_addrs());
            Ok(Addresses::Several(lookup.await??))
        }
    }
}

/// The first address: what datagrams are sent to.
pub(super) async fn resolve_one<A: ToSocketAddrs>(host: A) -> io::Result<SocketAddr> {
    resolve(host).await?.next().ok_or_else(no_address)
}

/// Of an empty list.
pub(super) fn no_address() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "there is no address: the list is empty, or the name has none",
    )
}

/// See [`resolve`].
#[derive(Debug)]
pub(super) enum Addresses {
    One(Option<SocketAddr>),
    Several(vec::IntoIter<SocketAddr>),
}

impl Iterator for Addresses {
    type Item = SocketAddr;

    fn next(&mut self) -> Option<SocketAddr> {
        match self {
            Addresses::One(address) => address.take(),
            Addresses::Several(addresses) => addresses.next(),
        }
    }
}

impl Addresses {
    /// What `f` returns for the first address for which it succeeds; else the last error.
    pub(super) fn try_each<T>(
        self,
        mut f: impl FnMut(SocketAddr) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut last = no_address();
        for address in self {
            match f(address) {
                Ok(value) => return Ok(value),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

use sealed::Target;

mod sealed {
    use std::{io, net::SocketAddr};

    /// What has to be done for the addresses.
    #[derive(Debug)]
    pub enum Target {
        Address(SocketAddr),
        Addresses(Vec<SocketAddr>),
        Name(String, u16),
    }

    pub trait Sealed {
        fn target(&self) -> io::Result<Target>;
    }
}

/// Types that are an address as they are.
macro_rules! addresses {
    ($($address:ty),*) => {$(
        impl sealed::Sealed for $address {
            fn target(&self) -> io::Result<Target> {
                Ok(Target::Address((*self).into()))
            }
        }
    )*};
}

addresses!(
    SocketAddr,
    SocketAddrV4,
    SocketAddrV6,
    (IpAddr, u16),
    (Ipv4Addr, u16),
    (Ipv6Addr, u16)
);

impl sealed::Sealed for [SocketAddr] {
    fn target(&self) -> io::Result<Target> {
        Ok(Target::Addresses(self.to_vec()))
    }
}

impl sealed::Sealed for (&str, u16) {
    fn target(&self) -> io::Result<Target> {
        let (host, port) = *self;
        Ok(match host.parse::<IpAddr>() {
            Ok(address) => Target::Address((address, port).into()),
            Err(_) => Target::Name(host.to_owned(), port),
        })
    }
}

impl sealed::Sealed for (String, u16) {
    fn target(&self) -> io::Result<Target> {
        (self.0.as_str(), self.1).target()
    }
}

impl sealed::Sealed for str {
    fn target(&self) -> io::Result<Target> {
        if let Ok(address) = self.parse() {
            return Ok(Target::Address(address));
        }
        let invalid = || {
            let text = format!("`{self}` is no address: a host, a colon and a port are wanted");
            io::Error::new(io::ErrorKind::InvalidInput, text)
        };
        let (host, port) = self.rsplit_once(':').ok_or_else(invalid)?;
        let port = port.parse().map_err(|_| invalid())?;
        Ok(Target::Name(host.to_owned(), port))
    }
}

impl sealed::Sealed for String {
    fn target(&self) -> io::Result<Target> {
        self.as_str().target()
    }
}

impl<T: sealed::Sealed + ?Sized> sealed::Sealed for &T {
    fn target(&self) -> io::Result<Target> {
        (**self).target()
    }
}

#[cfg(test)]
mod tests {
    use super::{sealed::Sealed, *};

    /// The addresses, if nobody has to be asked for them.
    fn literal(host: impl Sealed) -> Option<Vec<SocketAddr>> {
        match host.target().unwrap() {
            Target::Address(address) => Some(vec![address]),
            Target::Addresses(addresses) => Some(addresses),
            Target::Name(..) => None,
        }
    }

    #[test]
    fn what_is_an_address_is_read_as_std_reads_it_and_asks_nobody() {
        fn check<T: Sealed + std::net::ToSocketAddrs + ?Sized>(host: &T) {
            // Taken by reference: that is an address, too.
            let expected = host.to_socket_addrs().unwrap().collect();
            assert_eq!(literal(host), Some(expected));
        }
        let v4 = SocketAddr::from(([127, 0, 0, 1], 80));
        let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, 80));
        check(&v4);
        check(&v6);
        check(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1));
        check(&SocketAddrV6::new(Ipv6Addr::LOCALHOST, 1, 2, 3));
        check(&(IpAddr::from([1, 2, 3, 4]), 5));
        check(&(Ipv4Addr::LOCALHOST, 5));
        check(&(Ipv6Addr::LOCALHOST, 5));
        check(&&[v4, v6][..]);
        check(&&[][..]);
        check("127.0.0.1:80");
        check("[::1]:80");
        check("[fe80::1%7]:80");
        check(&String::from("127.0.0.1:80"));
        check(&("127.0.0.1", 80));
        check(&("::1", 80));
        check(&(String::from("::1"), 80));
    }

    #[test]
    fn names_are_for_the_resolver() {
        assert_eq!(literal("localhost:80"), None);
        assert_eq!(literal(("localhost", 80)), None);
        assert_eq!(literal((String::from("a.example"), 80)), None);
        // Not an address, and not for us to judge.
        assert_eq!(literal("1.2.3:80"), None);
    }

    #[test]
    fn texts_that_are_no_host_and_port_are_invalid_and_named() {
        for text in [
            "",
            "localhost",
            "127.0.0.1",
            "host:",
            "host:port",
            "host:65536",
            "[::1]",
        ] {
            let error = text.target().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{text}");
            assert!(error.to_string().contains(&format!("`{text}`")), "{error}");
        }
    }
}
