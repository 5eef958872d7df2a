//! Matches and targets of iptables out of the bytes that nf_tables holds for them.
//! Not here: what they mean for a packet (crate `ruleset`).
//!
//! The layouts are those of `linux/netfilter/xt_*.h`, `linux/netfilter_ipv4/ipt_*.h` and
//! `linux/netfilter_ipv6/ip6t_*.h`, as a 64-bit machine lays them out: Linux hands out no others here. Bytes
//! that are too few, or a revision that is not known, are `Unknown`.

mod conntrack;
mod matches;
mod targets;

use rolewall_ruleset::xt::{Action, Address, Condition, Match, Target};

/// A match by its name, revision and bytes.
pub(super) fn condition(name: String, revision: u32, info: &[u8]) -> Match {
    let condition = matches::condition(&name, revision, Blob(info)).unwrap_or(Condition::Unknown);
    Match { name, revision, info: info.into(), condition }
}

/// A target by its name, revision and bytes.
pub(super) fn action(name: String, revision: u32, info: &[u8]) -> Target {
    let action = targets::action(&name, revision, Blob(info)).unwrap_or(Action::Unknown);
    Target { name, revision, info: info.into(), action }
}

/// Fields of a C structure, by their place in bytes. None beyond its end.
#[derive(Clone, Copy)]
struct Blob<'a>(&'a [u8]);

impl<'a> Blob<'a> {
    fn bytes<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.0.get(at..)?.first_chunk().copied()
    }

    fn u8(self, at: usize) -> Option<u8> {
        self.0.get(at).copied()
    }

    fn u16(self, at: usize) -> Option<u16> {
        self.bytes(at).map(u16::from_ne_bytes)
    }

    fn be16(self, at: usize) -> Option<u16> {
        self.bytes(at).map(u16::from_be_bytes)
    }

    fn u32(self, at: usize) -> Option<u32> {
        self.bytes(at).map(u32::from_ne_bytes)
    }

    fn u64(self, at: usize) -> Option<u64> {
        self.bytes(at).map(u64::from_ne_bytes)
    }

    fn address(self, at: usize) -> Option<Address> {
        self.bytes(at)
    }

    /// A string of at most so many bytes, up to its NUL.
    fn text(self, at: usize, len_max: usize) -> Option<String> {
        let bytes = self.0.get(at..)?;
        Some(crate::netlink::text(&bytes[..bytes.len().min(len_max)]))
    }

    fn len(self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NAMES: [&str; 32] = [
        "tcp",
        "udp",
        "sctp",
        "icmp",
        "icmp6",
        "multiport",
        "conntrack",
        "state",
        "addrtype",
        "iprange",
        "mark",
        "connmark",
        "comment",
        "limit",
        "hashlimit",
        "recent",
        "length",
        "tos",
        "dscp",
        "ttl",
        "owner",
        "mac",
        "pkttype",
        "physdev",
        "set",
        "rpfilter",
        "DNAT",
        "MARK",
        "CONNMARK",
        "CT",
        "SET",
        "TTL",
    ];

    proptest! {
        #[test]
        fn any_bytes_of_any_extension_are_read_without_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            name in prop::sample::select(NAMES.to_vec()),
            revision in 0u32..6,
        ) {
            let asked = condition(name.to_owned(), revision, &bytes);
            prop_assert_eq!(&*asked.info, &bytes[..]);
            let _ = asked.words(rolewall_ruleset::Family::Ip);
            let _ = action(name.to_owned(), revision, &bytes).words(rolewall_ruleset::Family::Ip6);
        }
    }
}
