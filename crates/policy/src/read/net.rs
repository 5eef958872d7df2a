//! Addresses and prefixes as people write them.
//! Not here: where in a file they stand, and what they are for.

use super::quote;
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why a text is no prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PrefixError {
    /// Before the slash stands no address.
    #[error("{} is neither an address nor a prefix", quote(.0))]
    NotAnAddress(String),
    /// After the slash stands no number.
    #[error("{} is no prefix length", quote(.0))]
    NotALength(String),
    /// The prefix is longer than the address.
    #[error("an {family} prefix cannot be /{length}: expected /0 to /{max}")]
    TooLong {
        /// `IPv4` or `IPv6`.
        family: &'static str,
        /// As written.
        length: String,
        /// 32 or 128.
        max: u8,
    },
}

impl PrefixError {
    /// What to write instead.
    pub(crate) fn help(&self) -> String {
        match self {
            PrefixError::NotAnAddress(written) | PrefixError::NotALength(written)
                if written.contains(',') =>
            {
                "put each prefix by itself, without commas inside".into()
            }
            PrefixError::NotALength(written) => match netmask_length(written) {
                Some(length) => format!("write the netmask {written} as /{length}"),
                None => "write it as ADDRESS/LENGTH, for example 10.20.0.0/16 or fd20::/48".into(),
            },
            PrefixError::NotAnAddress(_) | PrefixError::TooLong { .. } => {
                "write it as ADDRESS/LENGTH, for example 10.20.0.0/16 or fd20::/48".into()
            }
        }
    }
}

/// A prefix as it is written: host bits may be set, and a bare address is that host.
pub(crate) fn prefix(text: &str) -> Result<IpNet, PrefixError> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| PrefixError::NotAnAddress(text.to_owned()))?;
    let (family, max) = if address.is_ipv4() { ("IPv4", 32) } else { ("IPv6", 128) };
    let Some(length) = length else { return Ok(IpNet::from(address)) };
    if length.is_empty() || length.bytes().any(|b| !b.is_ascii_digit()) {
        return Err(PrefixError::NotALength(length.to_owned()));
    }
    let too_long = || PrefixError::TooLong { family, length: length.to_owned(), max };
    let number: u8 = length.parse().map_err(|_| too_long())?;
    IpNet::new(address, number).map_err(|_| too_long())
}

fn netmask_length(mask: &str) -> Option<u8> {
    ipnet::ipv4_mask_to_prefix(mask.parse().ok()?).ok()
}

/// Why a text is no address of a node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddressError {
    /// A prefix.
    #[error("expected an address, found the prefix {0}")]
    Prefix(IpNet),
    /// Anything else.
    #[error("{} is no IPv4 or IPv6 address", quote(.0))]
    NotAnAddress(String),
    /// An address that no other host can send from.
    #[error("{address} is {kind}: no node has it")]
    NoHost {
        /// As written.
        address: IpAddr,
        /// `a loopback address`.
        kind: &'static str,
    },
    /// An IPv4 address in IPv6 clothes.
    #[error("{written} is an IPv4 address written as IPv6")]
    Mapped {
        /// As written.
        written: Ipv6Addr,
        /// What is meant.
        meant: Ipv4Addr,
    },
}

impl AddressError {
    /// What to write instead.
    pub(crate) fn help(&self) -> String {
        match self {
            AddressError::Prefix(net) => format!("write {}", net.addr()),
            AddressError::NotAnAddress(_) => {
                "names are not looked up; write the address, for example 10.20.0.11 or fd20::11".into()
            }
            AddressError::NoHost { .. } => "write the address that the other nodes see it come from".into(),
            AddressError::Mapped { meant, .. } => format!("write {meant}"),
        }
    }
}

/// An address that a node can have.
pub(crate) fn node_address(text: &str) -> Result<IpAddr, AddressError> {
    let Ok(address) = text.parse::<IpAddr>() else {
        return Err(match text.parse::<IpNet>() {
            Ok(net) => AddressError::Prefix(net),
            Err(_) => AddressError::NotAnAddress(text.to_owned()),
        });
    };
    if let IpAddr::V6(written) = address
        && let Some(meant) = written.to_ipv4_mapped()
    {
        return Err(AddressError::Mapped { written, meant });
    }
    match no_host(address) {
        Some(kind) => Err(AddressError::NoHost { address, kind }),
        None => Ok(address),
    }
}

fn no_host(address: IpAddr) -> Option<&'static str> {
    if address.is_unspecified() {
        return Some("the unspecified address");
    }
    if address.is_loopback() {
        return Some("a loopback address");
    }
    if address.is_multicast() {
        return Some("a multicast address");
    }
    match address {
        IpAddr::V4(v4) if v4.is_broadcast() => Some("the broadcast address"),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => {
            Some("a link-local address, which needs an interface")
        }
        IpAddr::V4(_) | IpAddr::V6(_) => None,
    }
}

/// Without those that lie inside another, in the order of addresses. Of equal ones the first stays.
pub(crate) fn without_contained<T>(mut nets: Vec<T>, net: impl Fn(&T) -> IpNet) -> Vec<T> {
    // A prefix sorts before all that lie inside it: same start or later, and longer.
    nets.sort_by_key(&net);
    let mut widest: Option<IpNet> = None;
    nets.retain(|one| {
        let one = net(one);
        let inside = widest.is_some_and(|w| w.contains(&one));
        if !inside {
            widest = Some(one);
        }
        !inside
    });
    nets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_with_host_bits_and_bare_addresses_are_taken() {
        assert_eq!(prefix("10.10.33.1/24").unwrap().trunc().to_string(), "10.10.33.0/24");
        assert_eq!(prefix("10.10.33.1").unwrap().to_string(), "10.10.33.1/32");
        assert_eq!(prefix("fd20::1").unwrap().to_string(), "fd20::1/128");
        assert_eq!(prefix("0.0.0.0/0").unwrap().to_string(), "0.0.0.0/0");
    }

    #[test]
    fn what_is_no_prefix_says_why() {
        for (text, why) in [
            ("10.0.0.0/33", "an IPv4 prefix cannot be /33: expected /0 to /32"),
            ("fd20::/129", "an IPv6 prefix cannot be /129: expected /0 to /128"),
            ("10.0.0.0/999999", "an IPv4 prefix cannot be /999999: expected /0 to /32"),
            ("10.0.0.0/255.0.0.0", "`255.0.0.0` is no prefix length"),
            ("10.0.0/8", "`10.0.0/8` is neither an address nor a prefix"),
            ("10.0.0.0/", "an empty string is no prefix length"),
            ("", "an empty string is neither an address nor a prefix"),
        ] {
            assert_eq!(prefix(text).unwrap_err().to_string(), why);
        }
        assert_eq!(prefix("10.0.0.0/255.0.0.0").unwrap_err().help(), "write the netmask 255.0.0.0 as /8");
    }

    #[test]
    fn addresses_that_no_host_has_are_refused() {
        for text in
            ["0.0.0.0", "::", "127.0.0.1", "::1", "224.0.0.1", "ff02::1", "255.255.255.255", "fe80::1"]
        {
            assert!(matches!(node_address(text), Err(AddressError::NoHost { .. })), "{text}");
        }
        assert_eq!(node_address("::ffff:10.0.0.1").unwrap_err().help(), "write 10.0.0.1");
        assert_eq!(node_address("10.0.0.1/32").unwrap_err().help(), "write 10.0.0.1");
    }

    #[test]
    fn contained_prefixes_go() {
        let nets = ["10.0.1.0/24", "10.0.0.0/8", "fd20::/48", "10.0.0.0/8", "9.0.0.0/8", "fd20::1/128"];
        let nets: Vec<IpNet> = nets.iter().map(|n| n.parse().unwrap()).collect();
        let left: Vec<String> = without_contained(nets, |n| *n).iter().map(IpNet::to_string).collect();
        assert_eq!(left, ["9.0.0.0/8", "10.0.0.0/8", "fd20::/48"]);
    }
}
