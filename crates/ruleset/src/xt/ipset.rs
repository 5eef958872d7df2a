//! Ipsets: what `-m set` looks into, and whether a packet's key is there.
//! Not here: how they are read (crate `kernel`).

use std::net::IpAddr;

/// An ipset with its entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IpSet {
    /// Its name.
    pub name: String,
    /// Its type: `hash:ip,port`.
    pub kind: String,
    /// Of IPv4, and not of IPv6; none: of neither (`bitmap:port`).
    pub is_v4: Option<bool>,
    /// Addresses are masked, or something else is asked that is not modelled.
    pub more: bool,
    /// The entries.
    pub entries: Vec<IpSetEntry>,
}

/// An entry: the parts that its type has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IpSetEntry {
    /// A network: address and length of the prefix.
    pub network: Option<(IpNet, u8)>,
    /// First and last port.
    pub ports: Option<(u16, u16)>,
    /// IANA's number of the port's protocol.
    pub protocol: Option<u8>,
    /// What it holds is not in the set.
    pub nomatch: bool,
}

/// An address as a number, left-aligned in 128 bits: a prefix of both families is its upper bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct IpNet(u128);

impl From<IpAddr> for IpNet {
    fn from(address: IpAddr) -> IpNet {
        IpNet(match address {
            IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
            IpAddr::V6(v6) => v6.to_bits(),
        })
    }
}

/// What a packet is looked up by, of the parts that are known.
#[derive(Debug, Clone, Copy, Default)]
pub struct IpSetKey {
    /// The address.
    pub address: Option<IpAddr>,
    /// The port; of ICMP, type and code.
    pub port: Option<u16>,
    /// The protocol.
    pub protocol: u8,
}

impl IpSet {
    /// Parts of the key, in order: those of the types that are modelled.
    fn parts(&self) -> Option<&'static [Part]> {
        Some(match self.kind.as_str() {
            "hash:ip" | "hash:net" | "bitmap:ip" => &[Part::Address],
            "hash:ip,port" | "hash:net,port" => &[Part::Address, Part::Port],
            "bitmap:port" => &[Part::Port],
            _ => return None,
        })
    }

    /// Which part of the key is the port's, and which the address's. None for a type that is not modelled.
    pub fn places(&self) -> Option<(Option<usize>, Option<usize>)> {
        let parts = self.parts()?;
        let place = |part: Part| parts.iter().position(|p| *p == part);
        Some((place(Part::Address), place(Part::Port)))
    }

    /// Whether a key is in the set; none where it is not known. Of networks that hold an address, the
    /// narrowest tells.
    pub fn holds(&self, key: &IpSetKey) -> Option<bool> {
        let (address, port) = self.places().filter(|_| !self.more)?;
        let asked = match address {
            Some(_) => Some(IpNet::from(key.address?)),
            None => None,
        };
        let wanted = match port {
            Some(_) => Some(key.port?),
            None => None,
        };
        let near = self.entries.iter().filter(|entry| entry.holds(asked, wanted, key.protocol));
        let narrowest = near.max_by_key(|entry| entry.network.map_or(0, |(_, len)| len));
        Some(narrowest.is_some_and(|entry| !entry.nomatch))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Address,
    Port,
}

impl IpSetEntry {
    fn holds(&self, address: Option<IpNet>, port: Option<u16>, protocol: u8) -> bool {
        let within = |(net, len): (IpNet, u8), asked: IpNet| {
            let beyond = 128 - u32::from(len);
            net.0.checked_shr(beyond) == asked.0.checked_shr(beyond)
        };
        let is_there = match (self.network, address) {
            (Some(network), Some(asked)) => within(network, asked),
            (None, None) => true,
            _ => false,
        };
        let is_open = match (self.ports, port) {
            (Some((first, last)), Some(port)) => (first..=last).contains(&port),
            (None, None) => true,
            _ => false,
        };
        is_there && is_open && self.protocol.is_none_or(|own| own == protocol)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(address: &str) -> IpSetKey {
        IpSetKey { address: Some(address.parse().expect("an address")), port: Some(80), protocol: 6 }
    }

    fn net(address: &str, len: u8, nomatch: bool) -> IpSetEntry {
        let address: IpAddr = address.parse().expect("an address");
        IpSetEntry { network: Some((address.into(), len)), nomatch, ..IpSetEntry::default() }
    }

    fn set(kind: &str, entries: Vec<IpSetEntry>) -> IpSet {
        IpSet { name: "s".to_owned(), kind: kind.to_owned(), is_v4: Some(true), more: false, entries }
    }

    #[test]
    fn the_narrowest_network_tells() {
        let nets = set(
            "hash:net",
            vec![net("10.0.0.0", 8, false), net("10.1.0.0", 16, true), net("10.1.2.0", 24, false)],
        );
        let held = |address: &str| nets.holds(&key(address));
        assert_eq!(
            (held("10.9.0.1"), held("10.1.9.1"), held("10.1.2.3")),
            (Some(true), Some(false), Some(true))
        );
        assert_eq!(held("11.0.0.1"), Some(false));
        let everything = set("hash:net", vec![net("0.0.0.0", 0, false)]);
        assert_eq!(everything.holds(&key("203.0.113.9")), Some(true));
    }

    #[test]
    fn a_port_counts_with_its_protocol() {
        let web = IpSetEntry { ports: Some((80, 80)), protocol: Some(6), ..net("192.0.2.1", 32, false) };
        let pairs = set("hash:ip,port", vec![web]);
        assert_eq!(pairs.holds(&key("192.0.2.1")), Some(true));
        assert_eq!(pairs.holds(&IpSetKey { protocol: 17, ..key("192.0.2.1") }), Some(false));
        assert_eq!(pairs.holds(&IpSetKey { port: Some(81), ..key("192.0.2.1") }), Some(false));
        assert_eq!(pairs.holds(&IpSetKey { port: None, ..key("192.0.2.1") }), None);
    }

    #[test]
    fn a_type_that_is_not_modelled_is_not_guessed() {
        assert_eq!(set("list:set", vec![]).holds(&key("192.0.2.1")), None);
    }
}
