//! The ends of flows by the words of operators: roles, nodes, zones and prefixes, as addresses and interfaces.
//! Not here: what is asked of the flows between them.

use super::fleet::Fleet;
use super::intent::{link_local, values};
use crate::plan::NODE;
use crate::{Network, Node, NodeName, PortRange, Proto, RoleName};
use ipnet::IpNet;
use rolewall_ruleset::Family;
use rolewall_ruleset::flow::Direction;
use rolewall_ruleset::space::{Field, Kind, Ranges, Region, interface_values, number};
use std::fmt;
use std::net::IpAddr;

/// One end of flows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The nodes with a role.
    Role(RoleName),
    /// One node.
    Node(NodeName),
    /// Every node.
    Nodes,
    /// This host.
    This,
    /// Strangers: no address of the private network, of the link, of a node or of another zone.
    Public,
    /// The private network's addresses.
    Private,
    /// The admin addresses.
    Admin,
    /// The carriers.
    Trunks,
    /// The trusted networks.
    Trusted,
    /// Addresses.
    Net(IpNet),
}

impl End {
    /// Zones and their words.
    pub const ZONES: [(&'static str, End); 7] = [
        ("public", End::Public),
        ("private", End::Private),
        ("admin", End::Admin),
        ("trunks", End::Trunks),
        ("trusted", End::Trusted),
        ("nodes", End::Nodes),
        ("this", End::This),
    ];

    /// Whether it is nodes, so that there is a ruleset to ask.
    pub fn is_node(&self) -> bool {
        matches!(self, End::Role(_) | End::Node(_) | End::Nodes | End::This)
    }

    /// Whether a node is one of them.
    pub fn has(&self, node: &NodeName, is_this: bool, has_role: impl Fn(&RoleName) -> bool) -> bool {
        match self {
            End::Role(role) => role.0 == NODE || has_role(role),
            End::Node(name) => name == node,
            End::Nodes => true,
            End::This => is_this,
            End::Public | End::Private | End::Admin | End::Trunks | End::Trusted | End::Net(_) => false,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Role(role) => write!(f, "{role}"),
            End::Node(node) => write!(f, "{node}"),
            End::Net(net) => write!(f, "{net}"),
            zone => {
                let word = End::ZONES.iter().find(|(_, own)| own == zone).map_or("", |(word, _)| word);
                f.write_str(word)
            }
        }
    }
}

/// Both families.
pub(super) const FAMILIES: [Family; 2] = [Family::Ip, Family::Ip6];

impl Fleet<'_> {
    /// The addresses of some ends. Nodes' are those on the network, on both where none is named.
    pub(super) fn addresses(&self, ends: &[End], family: Family, network: Option<Network>) -> Ranges {
        ends.iter().fold(Ranges::NONE, |all, end| all.or(&self.of_end(end, family, network)))
    }

    fn of_end(&self, end: &End, family: Family, network: Option<Network>) -> Ranges {
        let plan = self.this.plan;
        match end {
            End::Public => self.strangers(family),
            End::Private => values(family, &plan.private),
            End::Admin => values(family, &plan.admin),
            End::Trunks => values(family, &plan.trunks),
            End::Trusted => values(family, &plan.trusted),
            End::Net(net) => values(family, &[*net]),
            End::Role(_) | End::Node(_) | End::Nodes | End::This => {
                let me = &plan.me;
                let chosen = |node: &&Node| {
                    end.has(&node.name, node.name == me.name, |role| node.roles.contains(role))
                };
                let nodes = self.basis.inventory.nodes.iter().filter(chosen);
                let private = |node: &Node| {
                    if network == Some(Network::Public) { Vec::new() } else { node.private.clone() }
                };
                let public = |node: &Node| {
                    if network == Some(Network::Private) { Vec::new() } else { node.public.clone() }
                };
                single(family, nodes.flat_map(|node| [private(node), public(node)].concat()))
            }
        }
    }

    fn strangers(&self, family: Family) -> Ranges {
        let plan = self.this.plan;
        let nodes = self.basis.inventory.nodes.iter();
        let nodes = single(family, nodes.flat_map(|node| node.addresses().copied()));
        let zones = [&plan.private, &plan.admin, &plan.trunks, &plan.trusted, &link_local()];
        let known = zones.iter().fold(nodes, |all, nets| all.or(&values(family, nets)));
        known.complement(largest(family))
    }

    /// The interfaces of a network, as far as the settings tell; every one but loopback where they do not.
    pub(super) fn interfaces(&self, network: Option<Network>) -> Ranges {
        let plan = self.this.plan;
        let (own, others) = match network {
            None => return interface_values(&["lo"]).complement(u128::MAX),
            Some(Network::Private) => (&plan.private_interfaces, &plan.public_interfaces),
            Some(Network::Public) => (&plan.public_interfaces, &plan.private_interfaces),
        };
        if !own.is_empty() {
            return interface_values(own);
        }
        interface_values(others).or(&interface_values(&["lo"])).complement(u128::MAX)
    }
}

/// The largest address.
pub(super) fn largest(family: Family) -> u128 {
    if family == Family::Ip { u32::MAX.into() } else { u128::MAX }
}

/// Single addresses of a family.
pub(super) fn single(family: Family, addresses: impl Iterator<Item = IpAddr>) -> Ranges {
    let here = addresses.filter(|address| address.is_ipv4() == (family == Family::Ip));
    Ranges::of(here.map(|address| (number(address), number(address))).collect())
}

/// The ports on which DHCP is asked and answered (RFC 2131, RFC 8415): the client's, the server's.
fn dhcp(family: Family) -> (u128, u128) {
    if family == Family::Ip { (68, 67) } else { (546, 547) }
}

/// Flows of a region to some ports; where none are named, to every port of each protocol that has ports. DHCP,
/// which the floor lets pass everywhere, is then not meant.
pub(super) fn to_ports(region: &Region, family: Family, ports: Option<&[PortRange]>) -> Vec<Region> {
    if let Some(ports) = ports {
        let of = |range: &PortRange| {
            let values = Ranges::span(range.first.into(), range.last.into());
            region.clone().kind(kind(range.proto)).with(Field::Dport, values)
        };
        return ports.iter().map(of).collect();
    }
    let (client, server) = dhcp(family);
    let (from, to) =
        if region.direction == Some(Direction::In) { (server, client) } else { (client, server) };
    let others = |port| Ranges::one(port).complement(u16::MAX.into());
    let udp = || region.clone().kind(Kind::Udp);
    vec![
        region.clone().kind(Kind::Tcp),
        region.clone().kind(Kind::Sctp),
        udp().with(Field::Dport, others(to)),
        udp().with(Field::Dport, Ranges::one(to)).with(Field::Sport, others(from)),
    ]
}

/// Layer 4 of a protocol.
pub(super) fn kind(proto: Proto) -> Kind {
    match proto {
        Proto::Tcp => Kind::Tcp,
        Proto::Udp => Kind::Udp,
        Proto::Sctp => Kind::Sctp,
    }
}
