//! The named sets that carry addresses: one a role, network zone and family.
//! Not here: which chain looks into which.

use super::Lowering;
use super::rule::{FAMILIES, Ip, Parts, Side, because, octets, when};
use crate::plan::EVERY_NODE;
use crate::{Addresses, Plan};
use ipnet::IpNet;
use rolewall_ruleset::{Element, Rule, Set};
use std::net::IpAddr;

impl Lowering<'_> {
    /// Sets of the plan's nodes and networks.
    pub(super) fn zone_sets(&mut self) {
        let is_needed = |label: &str| label != EVERY_NODE || self.every_node == [EVERY_NODE];
        for (label, addresses) in self.plan.nodes.iter().filter(|(label, _)| is_needed(label)) {
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

    /// The sets of a zone of nodes, one after the other.
    pub(super) fn labels<'l>(&'l self, label: &'l str) -> Vec<&'l str> {
        if label == EVERY_NODE { self.every_node.clone() } else { vec![label] }
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
        let accept = |parts: Parts| because(parts.accept(), TRUSTED_WHY);
        self.in_nets(TRUSTED, &self.plan.trusted, side, accept)
    }
}

/// Below so many addresses a set of its own for every node costs nothing.
const OWN_SET_MAX: usize = 256;

/// In a large cluster whose nodes are all in some role's set already, every node is the union of those: half
/// the elements to load, for some more lookups of the few flows that every node may begin.
pub(super) fn every_node(plan: &Plan) -> Vec<&str> {
    let Some(all) = plan.nodes.get(EVERY_NODE).filter(|all| all.len() >= OWN_SET_MAX) else {
        return vec![EVERY_NODE];
    };
    let roles = plan.nodes.iter().filter(|(label, _)| label.as_str() != EVERY_NODE);
    let union = Addresses::from_iter(roles.clone().flat_map(|(_, addresses)| addresses));
    let is_all = union.len() == all.len();
    if is_all { roles.map(|(label, _)| label.as_str()).collect() } else { vec![EVERY_NODE] }
}

pub(super) const TRUSTED_WHY: &str = "trusted network: never filtered";

pub(super) const DENY: &str = "deny-net";
pub(super) const TRUSTED: &str = "trusted-net";
pub(super) const PRIVATE: &str = "private-net";
pub(super) const ADMIN: &str = "admin-net";
pub(super) const TRUNKS: &str = "trunks-net";

/// A hash set of addresses with room to grow, so that a node that joins is one element.
fn node_set(name: String, ip: Ip, addresses: &[IpAddr]) -> Set {
    let mut set = Set::new(name, &[ip.data_type()]);
    let here = addresses.iter().filter(|a| a.is_ipv4() == (ip == Ip::V4));
    set.elements = here.map(|&a| Element::key(octets(a).bytes())).collect();
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
        return Element::key(octets(net.network()).bytes());
    }
    Element::range(octets(net.network()).bytes(), octets(net.broadcast()).bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Inputs, Me, derive};
    use crate::{Catalogue, Inventory, Settings, Source};

    fn plan(nodes: usize, last_role: &str) -> Plan {
        let catalogue = Catalogue::built_in();
        let mut text = "[cluster]\nname = \"voice-1\"\n".to_owned();
        for n in 0..nodes {
            let role = match n {
                0 => {
                    "web\", \"sip\", \"pbx\", \"jabber\", \"ic\", \"worker\", \"queue\", \"sql\", \"dd\", \"es"
                }
                n if n + 1 == nodes => last_role,
                _ => "sip",
            };
            text += &format!(
                "[[node]]\nname = \"n{n}\"\nprivate = [\"10.20.{}.{}\"]\nroles = [\"{role}\"]\n",
                n / 250,
                n % 250 + 1
            );
        }
        let inventory: Inventory =
            crate::inventory::parse(&[Source::new("cluster.toml", text)], &catalogue).unwrap();
        let me = Me::from_node(&inventory.nodes[0], &crate::Observed::default());
        let settings = Settings::default();
        derive(Inputs { catalogue: &catalogue, inventory: &inventory, settings: &settings, me: &me })
    }

    #[test]
    fn every_node_is_the_union_of_roles_only_where_that_is_all_of_them() {
        assert_eq!(every_node(&plan(100, "sip")), [EVERY_NODE]);
        let union = plan(400, "pbx");
        assert!(!every_node(&union).contains(&EVERY_NODE));
        // A node of a role that has no set here would be shut out: then every node has a set of its own.
        assert_eq!(every_node(&plan(400, "s3")), [EVERY_NODE]);
    }
}
