//! An endpoint: a protocol, an address and ports that something serves, with the evidence for it.
//! Not here: who may reach it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One observation that supports a fact.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Evidence {
    /// What sort.
    pub kind: Kind,
    /// `/path:line`, or a socket, or the line of the inventory.
    pub source: String,
    /// What it says.
    pub text: String,
}

/// Sorts of evidence, the most telling first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A service's own configuration.
    Config,
    /// A socket of the live host.
    Socket,
    /// The inventory.
    Inventory,
    /// The role's default, because nothing else says anything.
    Default,
}

impl Kind {
    /// The word in documents.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Config => "config",
            Kind::Socket => "socket",
            Kind::Inventory => "inventory",
            Kind::Default => "default",
        }
    }
}

/// Which addresses a socket answers on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Address {
    /// Every address of both families.
    Every,
    /// One address, or every address of its family if it is unspecified.
    One(IpAddr),
}

impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Address {
        Address::One(address)
    }
}

impl From<Ipv4Addr> for Address {
    fn from(address: Ipv4Addr) -> Address {
        Address::One(address.into())
    }
}

impl From<Ipv6Addr> for Address {
    fn from(address: Ipv6Addr) -> Address {
        Address::One(address.into())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Every => f.write_str("*"),
            Address::One(address) => address.fmt(f),
        }
    }
}

/// How far a bind reaches by its address alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// This host only.
    Loopback,
    /// A private, unique local or link-local address.
    Private,
    /// A global address.
    Public,
    /// Every address.
    Any,
}

impl Reach {
    /// The word in documents.
    pub fn word(self) -> &'static str {
        match self {
            Reach::Loopback => "loopback",
            Reach::Private => "private",
            Reach::Public => "public",
            Reach::Any => "any",
        }
    }
}

impl Address {
    /// How far it reaches. Private is RFC 1918, RFC 3927, RFC 4193 and RFC 4291 link-local.
    pub fn reach(self) -> Reach {
        match self {
            Address::Every => Reach::Any,
            Address::One(address) if address.is_unspecified() => Reach::Any,
            Address::One(address) if address.is_loopback() => Reach::Loopback,
            Address::One(IpAddr::V4(address)) if is_private_v4(address) => Reach::Private,
            Address::One(IpAddr::V6(address)) if is_private_v6(address) => Reach::Private,
            Address::One(_) => Reach::Public,
        }
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    address.is_private() || address.is_link_local()
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    address.is_unique_local() || address.is_unicast_link_local()
}

/// Something that is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The program that serves it, by its process or by whose configuration it is.
    pub service: String,
    /// The protocol spoken, in one word (`sip`, `amqp`), where a configuration says; the role catalogue
    /// refers to it.
    pub purpose: Option<&'static str>,
    /// Its protocol.
    pub transport: crate::Transport,
    /// Where it answers.
    pub address: Address,
    /// First and last port.
    pub ports: (u16, u16),
    /// Whether the file says that it is encrypted; none where nothing says.
    pub tls: Option<bool>,
    /// Who says so.
    pub evidence: Vec<Evidence>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reach_follows_the_address() {
        let reach = |text: &str| Address::One(text.parse().unwrap()).reach();
        assert_eq!(reach("127.0.0.2"), Reach::Loopback);
        assert_eq!(reach("::1"), Reach::Loopback);
        assert_eq!(reach("10.20.0.1"), Reach::Private);
        assert_eq!(reach("fd20::1"), Reach::Private);
        assert_eq!(reach("0.0.0.0"), Reach::Any);
        assert_eq!(reach("2001:db8::1"), Reach::Public);
    }
}
