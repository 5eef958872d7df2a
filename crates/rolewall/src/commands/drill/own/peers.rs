//! Who knocks: one address for each kind of peer that the plan knows, and for those that it knows nothing of.
//! Not here: what each of them asks ([`super::questions`]).

use super::super::cast::{PRIVATE, PUBLIC};
use ipnet::IpNet;
use rolewall_policy::plan::Zone;
use rolewall_policy::{Inventory, Network, Node, Plan};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Peer {
    /// Who it is, for the table.
    pub(super) name: String,
    /// At most one of each family.
    pub(super) addresses: Vec<IpAddr>,
    /// The wire that it is on.
    pub(super) wire: &'static str,
}

/// Addresses of a network that are looked at for a free one.
const TRIED_MAX: usize = 4096;

/// Nobody in particular: of the documentation and benchmarking networks (RFC 5737, 2544, 3849).
const STRANGERS: [&str; 6] = [
    "198.51.100.77/32",
    "203.0.113.77/32",
    "192.0.2.77/32",
    "198.18.77.77/32",
    "2001:db8:ffff::77/128",
    "2001:db8:77::77/128",
];

pub(super) const OPERATOR: &str = "operator";

/// What decides who is who.
pub(super) struct Crowd<'a> {
    plan: &'a Plan,
    wires: Vec<&'static str>,
    taken: BTreeSet<IpAddr>,
    peers: Vec<Peer>,
}

/// All of them; the operator is the first.
pub(super) fn peers(plan: &Plan, inventory: &Inventory, me: &Node) -> Vec<Peer> {
    let mut wires = Vec::new();
    wires.extend((!me.public.is_empty()).then_some(PUBLIC));
    wires.extend((!me.private.is_empty()).then_some(PRIVATE));
    let everybody = inventory.nodes.iter().flat_map(|node| node.addresses());
    let taken = everybody.copied().collect();
    let mut crowd = Crowd { plan, wires, taken, peers: Vec::new() };
    let strangers: Vec<IpNet> = STRANGERS.iter().filter_map(|net| net.parse().ok()).collect();
    if plan.admin.is_empty() {
        crowd.add(OPERATOR, &strangers);
    } else {
        crowd.add(OPERATOR, &plan.admin);
    }
    crowd.add_nodes(inventory);
    crowd.add("carrier", &plan.trunks);
    crowd.add("trusted", &plan.trusted);
    crowd.add("denied", &plan.deny);
    crowd.add("stranger", &strangers);
    crowd.add("no node", &plan.private);
    crowd.peers
}

impl Crowd<'_> {
    /// The first address of each family that these networks have, and that no other list says something of.
    fn add(&mut self, name: &str, nets: &[IpNet]) {
        let found = [true, false].map(|v4| self.free(nets, v4));
        self.push(name, found.into_iter().flatten().collect());
    }

    fn free(&self, nets: &[IpNet], v4: bool) -> Option<IpAddr> {
        let known =
            [&self.plan.deny, &self.plan.trusted, &self.plan.admin, &self.plan.trunks, &self.plan.private];
        // Inside its own list only: an admin who is trusted too would say nothing of admins.
        let others = |address: &IpAddr| {
            let lists = known.iter().filter(|list| list.as_slice() != nets);
            lists.filter(|list| list.iter().any(|net| net.contains(address))).count()
        };
        let of_family = nets.iter().filter(|net| net.addr().is_ipv4() == v4);
        let hosts = of_family.flat_map(|net| net.hosts().skip(usize::from(is_wide(net))).take(TRIED_MAX));
        let all = hosts.filter(|a| !self.taken.contains(a));
        // Admins and carriers may well be inside the private network.
        all.min_by_key(others)
    }

    /// One node for each label: the first that has an address of a family.
    fn add_nodes(&mut self, inventory: &Inventory) {
        let permits = self.plan.inbound.iter().chain(&self.plan.outbound);
        let labels: BTreeSet<&String> = permits
            .filter_map(|permit| match &permit.zone {
                Zone::Nodes(label) => Some(label),
                _ => None,
            })
            .collect();
        for label in labels {
            let Some(first) = self.plan.nodes.get(label).and_then(|all| all.first()) else { continue };
            let Some(node) = inventory.nodes.iter().find(|node| node.private.contains(first)) else {
                continue;
            };
            let of = |v4: bool| node.private.iter().find(|a| a.is_ipv4() == v4).copied();
            self.push(&node.name.0, [of(true), of(false)].into_iter().flatten().collect());
        }
    }

    fn push(&mut self, name: &str, addresses: Vec<IpAddr>) {
        let Some(first) = addresses.first() else { return };
        if self.peers.iter().any(|peer| peer.name == name) {
            return;
        }
        let is_inside = self.plan.private.iter().any(|net| net.contains(first));
        let wanted =
            if is_inside || name != "no node" && self.taken.contains(first) { PRIVATE } else { PUBLIC };
        let Some(wire) = self.wires.iter().find(|wire| **wire == wanted).or(self.wires.first()) else {
            return;
        };
        self.taken.extend(&addresses);
        self.peers.push(Peer { name: name.to_owned(), addresses, wire });
    }
}

/// Whether the first address of an IPv6 network is that of any of its routers (RFC 4291, 2.6.1).
fn is_wide(net: &IpNet) -> bool {
    net.addr().is_ipv6() && net.prefix_len() < 127
}

/// Over which network the node hears of an address that comes by a wire: by interface where it knows any.
pub(super) fn network(plan: &Plan, wire: &str, address: IpAddr) -> Network {
    let by_interface = !plan.private_interfaces.is_empty() || !plan.public_interfaces.is_empty();
    let is_private = if by_interface || plan.private.is_empty() {
        wire == PRIVATE
    } else {
        plan.private.iter().any(|net| net.contains(&address))
    };
    if is_private { Network::Private } else { Network::Public }
}
