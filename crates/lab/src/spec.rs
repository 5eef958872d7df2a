//! What a host of the lab should be: its name, its plugs into networks, its addresses and gateways.
//! Not here: making it ([`crate::Lab`]).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The longest name of an interface in bytes: IFNAMSIZ of linux/if.h less the final zero.
const INTERFACE_BYTES_MAX: usize = 15;

/// A host to be: a name, interfaces plugged into networks, gateways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostSpec {
    pub(crate) name: String,
    pub(crate) plugs: Vec<Plug>,
    pub(crate) gateways: Vec<IpAddr>,
}

/// One interface of a host: the network that it is plugged into, and its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plug {
    pub(crate) network: String,
    pub(crate) interface: String,
    pub(crate) addresses: Vec<Address>,
}

/// An address with its prefix length, as `ip address add` takes it: `10.20.0.11/16`, `fd20::11/64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    ip: IpAddr,
    prefix_bits: u8,
}

/// Why a host cannot be like that.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SpecError {
    /// Not `ADDRESS/BITS`.
    #[error(
        "`{text}` is not an address with its prefix length; expected for example 10.20.0.11/16 or fd20::11/64"
    )]
    Address {
        /// What was given.
        text: String,
    },
    /// Linux takes no such interface name.
    #[error(
        "host {host}: `{interface}` cannot name an interface; expected 1 to 15 bytes without blanks and `/`"
    )]
    Interface {
        /// The host.
        host: String,
        /// What was given.
        interface: String,
    },
    /// Two plugs of one name.
    #[error("host {host}: there are two interfaces `{interface}`")]
    InterfaceTwice {
        /// The host.
        host: String,
        /// The name that occurs twice.
        interface: String,
    },
}

impl HostSpec {
    /// A host with `lo` and nothing else.
    pub fn new(name: impl Into<String>) -> HostSpec {
        HostSpec { name: name.into(), plugs: Vec::new(), gateways: Vec::new() }
    }

    /// An interface more, plugged into `network`, with these addresses (`ADDRESS/BITS`, both families).
    pub fn plug(mut self, network: &str, interface: &str, addresses: &[&str]) -> Result<HostSpec, SpecError> {
        self.check_interface(interface)?;
        let addresses = addresses.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
        self.plugs.push(Plug { network: network.to_owned(), interface: interface.to_owned(), addresses });
        Ok(self)
    }

    /// The router that this host sends to what is on no network of its own; one for each family at most.
    #[must_use]
    pub fn gateway(mut self, router: IpAddr) -> HostSpec {
        self.gateways.push(router);
        self
    }

    fn check_interface(&self, interface: &str) -> Result<(), SpecError> {
        let fits = (1..=INTERFACE_BYTES_MAX).contains(&interface.len());
        let odd = interface.contains(|c: char| c.is_whitespace() || c == '/')
            || [".", "..", "lo"].contains(&interface);
        if !fits || odd {
            return Err(SpecError::Interface { host: self.name.clone(), interface: interface.to_owned() });
        }
        if self.plugs.iter().any(|plug| plug.interface == interface) {
            return Err(SpecError::InterfaceTwice {
                host: self.name.clone(),
                interface: interface.to_owned(),
            });
        }
        Ok(())
    }
}

impl Address {
    /// The address itself.
    pub fn ip(self) -> IpAddr {
        self.ip
    }

    /// How many leading bits name the network.
    pub fn prefix_bits(self) -> u8 {
        self.prefix_bits
    }
}

impl FromStr for Address {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Address, SpecError> {
        let parsed = text.split_once('/').and_then(|(ip, bits)| {
            let ip: IpAddr = ip.parse().ok()?;
            let bits_max = if ip.is_ipv4() { 32 } else { 128 };
            let prefix_bits = bits.parse().ok().filter(|bits| *bits <= bits_max)?;
            Some(Address { ip, prefix_bits })
        });
        parsed.ok_or_else(|| SpecError::Address { text: text.to_owned() })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.prefix_bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_a_prefix_length_of_its_family() {
        for bad in ["10.0.0.1", "10.0.0.1/33", "fd00::1/129", "10.0.0/8", "/8", ""] {
            assert_eq!(bad.parse::<Address>(), Err(SpecError::Address { text: bad.to_owned() }), "{bad}");
        }
        assert_eq!("fd20::11/64".parse::<Address>().map(|a| a.to_string()), Ok("fd20::11/64".to_owned()));
    }

    #[test]
    fn an_interface_name_is_checked_before_linux_sees_it() {
        let host = || HostSpec::new("h");
        assert!(matches!(host().plug("n", "sixteen-bytes-xx", &[]), Err(SpecError::Interface { .. })));
        assert!(matches!(host().plug("n", "a b", &[]), Err(SpecError::Interface { .. })));
        let twice = host().plug("n", "eth0", &[]).and_then(|h| h.plug("m", "eth0", &[]));
        assert!(matches!(twice, Err(SpecError::InterfaceTwice { .. })));
    }
}
