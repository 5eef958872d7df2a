//! The cluster that is benched: one node with every role, and N others with one or two roles each.
//! Not here: what a role may do ([`crate::policy`]).

use crate::policy::ROLES;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The isolated network. 10,000 nodes and those that join need more than a /18.
pub(crate) const PRIVATE4: &str = "10.140.0.0/16";
pub(crate) const PRIVATE6: &str = "fd14:be9c::/64";

/// Never filtered. Of the blocks for documentation (RFC 5737, RFC 3849), since lab packets go nowhere.
pub(crate) const TRUSTED4: &str = "192.0.2.0/24";
pub(crate) const TRUSTED6: &str = "2001:db8:7a::/64";

/// A cluster as the node that is benched sees it.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    /// Without the node itself.
    pub(crate) others: Vec<Node>,
}

/// Another node.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) ipv4: Ipv4Addr,
    pub(crate) ipv6: Ipv6Addr,
    /// Positions in [`ROLES`].
    pub(crate) roles: Vec<usize>,
}

impl Cluster {
    /// The same for the same `nodes`. Roles go round, so that ten nodes have each; every second node has a
    /// second role.
    pub(crate) fn of(nodes: usize) -> Cluster {
        let node = |i: usize| {
            let first = i % ROLES.len();
            // A step that is never 0 modulo 10, and differs from round to round.
            let second = (first + 1 + (i / ROLES.len() * 7 + i * 3) % (ROLES.len() - 1)) % ROLES.len();
            let roles = if i.is_multiple_of(2) { vec![first] } else { vec![first, second] };
            Node { name: format!("n{i:05}"), ipv4: ipv4(i), ipv6: ipv6(i), roles }
        };
        Cluster { others: (0..nodes).map(node).collect() }
    }

    /// The addresses of the nodes that have one of these roles, by bits.
    pub(crate) fn addresses(&self, family: Family, bits: u32) -> impl Iterator<Item = IpAddr> {
        self.others.iter().filter(move |node| node.bits() & bits != 0).map(move |node| node.address(family))
    }

    /// The nodes with that role.
    pub(crate) fn with_role(&self, role: usize) -> impl Iterator<Item = &Node> {
        self.others.iter().filter(move |node| node.roles.contains(&role))
    }
}

/// The first or the second of the two families of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    pub(crate) const ALL: [Family; 2] = [Family::V4, Family::V6];

    /// `4` or `6`.
    pub(crate) fn number(self) -> u8 {
        match self {
            Family::V4 => 4,
            Family::V6 => 6,
        }
    }

    /// The isolated network.
    pub(crate) fn private(self) -> &'static str {
        match self {
            Family::V4 => PRIVATE4,
            Family::V6 => PRIVATE6,
        }
    }

    /// The network that is never filtered.
    pub(crate) fn trusted(self) -> &'static str {
        match self {
            Family::V4 => TRUSTED4,
            Family::V6 => TRUSTED6,
        }
    }
}

impl Node {
    /// Its address of a family.
    pub(crate) fn address(&self, family: Family) -> IpAddr {
        match family {
            Family::V4 => self.ipv4.into(),
            Family::V6 => self.ipv6.into(),
        }
    }

    /// Both of its addresses.
    pub(crate) fn addresses(&self) -> [IpAddr; 2] {
        Family::ALL.map(|family| self.address(family))
    }

    /// One bit a role.
    pub(crate) fn bits(&self) -> u32 {
        self.roles.iter().fold(0, |bits, role| bits | 1 << role)
    }
}

/// The node that is benched.
pub(crate) mod me {
    use std::net::{Ipv4Addr, Ipv6Addr};

    pub(crate) const NAME: &str = "me";
    pub(crate) const IPV4: Ipv4Addr = Ipv4Addr::new(10, 140, 0, 1);
    pub(crate) const IPV6: Ipv6Addr = Ipv6Addr::new(0xfd14, 0xbe9c, 0, 0, 0, 0, 0, 1);
    pub(crate) const PUBLIC4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
    pub(crate) const PUBLIC6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x51, 0, 0, 0, 0, 1);
}

/// Who is in no inventory: addresses of the blocks for benchmarks (RFC 2544, RFC 5180).
pub(crate) const STRANGER4: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 9);
pub(crate) const STRANGER6: Ipv6Addr = Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 9);
/// One of the trusted networks.
pub(crate) const FRIEND4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);
pub(crate) const FRIEND6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x7a, 0, 0, 0, 0, 7);

/// Addresses of the `i`th other node; those from 20,000 on are free for nodes that join.
pub(crate) fn ipv4(i: usize) -> Ipv4Addr {
    // From 10.140.1.0 on, as 250 nodes a /24.
    let (third, fourth) = (1 + i / 250, 1 + i % 250);
    Ipv4Addr::new(10, 140, third as u8, fourth as u8)
}

/// See [`ipv4`].
pub(crate) fn ipv6(i: usize) -> Ipv6Addr {
    Ipv6Addr::new(0xfd14, 0xbe9c, 0, 0, 0, 0, 1, i as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_nodes_have_every_role_and_no_node_one_twice() {
        let cluster = Cluster::of(1000);
        for role in 0..ROLES.len() {
            assert!(cluster.others[..10].iter().any(|node| node.roles.contains(&role)));
        }
        assert!(cluster.others.iter().all(|n| n.roles.len() == n.bits().count_ones() as usize));
    }

    #[test]
    fn addresses_differ() {
        let cluster = Cluster::of(10_000);
        let all: std::collections::BTreeSet<_> = cluster.others.iter().flat_map(Node::addresses).collect();
        assert_eq!(all.len(), 20_000);
    }
}
