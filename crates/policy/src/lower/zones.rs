//! The named sets that carry addresses: one a role, network zone and family.
//! Not here: which chain looks into which.

use super::Lowering;
use super::rule::{FAMILIES, Ip, Parts, Side, because, octets, when};
use ipnet::IpNet;
use rolewall_ruleset::{Element, Rule, Set};
use std::net::IpAddr;

impl Lowering<'_> {
    /// Sets of the plan's nodes and networks.
    pub(super) fn zone_sets(&mut self) {
        for (label, addresses) in &self.plan.nodes {
            for ip in FAMILIES {
                self.sets.push(node_set(self.zone_name(label, ip), ip, addresses));
            }
        }
        let plan = self.plan;
        for (label, nets) in [
            (DENY, &plan.deny),
            (TRUSTED, &plan.trusted),
            (PRIVATE, &plan.private),
            (ADMIN, &plan.admin),
            (TRUNKS, &plan.trunks),
        ] {
            for ip in FAMILIES {
                let here: Vec<IpNet> = nets.iter().filter(|n| Ip::of(n) == ip).copied().collect();
                // One prefix is compared in place, which is quicker than a lookup.
                if here.len() > 1 {
                    self.sets.push(net_set(self.zone_name(label, ip), ip, &here));
                }
            }
        }
    }

    pub(super) fn zone_name(&self, label: &str, ip: Ip) -> String {
        self.name(format_args!("{label}{}", ip.suffix()))
    }

    /// A rule for each family that has prefixes of the zone.
    pub(super) fn in_nets(
        &self,
        label: &str,
        nets: &[IpNet],
        side: Side,
        rule: impl Fn(Parts) -> Rule,
    ) -> Vec<Rule> {
        let mut rules = Vec::new();
        for ip in FAMILIES {
            let mut here = nets.iter().filter(|n| Ip::of(n) == ip);
            match (here.next(), here.next()) {
                (None, _) => {}
                (Some(one), None) => rules.push(rule(when().address_in_net(*one, side))),
                (Some(_), Some(_)) => {
                    rules.push(rule(when().address_in_set(ip, side, &self.zone_name(label, ip))));
                }
            }
        }
        rules
    }

    /// Trusted networks are never filtered.
    pub(super) fn trusted(&self, side: Side) -> Vec<Rule> {
        let accept = |parts: Parts| because(parts.accept(), "trusted network: never filtered");
        self.in_nets(TRUSTED, &self.plan.trusted, side, accept)
    }
}

pub(super) const DENY: &str = "deny-net";
pub(super) const TRUSTED: &str = "trusted-net";
pub(super) const PRIVATE: &str = "private-net";
pub(super) const ADMIN: &str = "admin-net";
pub(super) const TRUNKS: &str = "trunks-net";

/// A hash set of addresses with room to grow, so that a node that joins is one element.
fn node_set(name: String, ip: Ip, addresses: &[IpAddr]) -> Set {
    let mut set = Set::new(name, &[ip.data_type()]);
    let here = addresses.iter().filter(|a| a.is_ipv4() == (ip == Ip::V4));
    set.elements = here.map(|&a| Element::key(&octets(a))).collect();
    set.size = Some(room_for(set.elements.len()));
    set
}

/// A hash set with a size is allocated at once: a quarter more than now, at least [`ROOM_MIN`].
fn room_for(count: usize) -> u32 {
    const ROOM_MIN: usize = 64;
    let wanted = (count + count / 4).max(ROOM_MIN).next_power_of_two();
    u32::try_from(wanted).unwrap_or(u32::MAX)
}

/// An interval set of prefixes, none inside another.
fn net_set(name: String, ip: Ip, nets: &[IpNet]) -> Set {
    let mut set = Set::new(name, &[ip.data_type()]);
    set.flags.interval = true;
    let mut nets = IpNet::aggregate(&nets.to_vec());
    nets.sort_unstable();
    set.elements = nets.iter().map(range).collect();
    set
}

fn range(net: &IpNet) -> Element {
    if net.prefix_len() == net.max_prefix_len() {
        return Element::key(&octets(net.network()));
    }
    Element::range(&octets(net.network()), &octets(net.broadcast()))
}
