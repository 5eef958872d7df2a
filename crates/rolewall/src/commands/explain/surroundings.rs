//! What this host tells about itself that rules ask for: interfaces, addresses, bridges; and the older
//! firewall that nf_tables does not see.
//! Not here: the rules.

use super::document::Unjudged;
use rolewall_kernel::links;
use rolewall_kernel::xtables::{self, Family};
use rolewall_ruleset::Flow;
use rolewall_ruleset::flow::Direction;
use rolewall_ruleset::judge::{Environment, Network};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;

/// What is known of the host.
pub(crate) struct Surroundings {
    interfaces: BTreeMap<String, u32>,
    networks: Vec<Network>,
    /// None where the host may not be asked.
    local: Option<BTreeSet<IpAddr>>,
    bridged: Option<bool>,
    /// Tables of iptables-legacy: of IPv4, of IPv6.
    legacy: [Vec<String>; 2],
}

impl Surroundings {
    /// Of a host that may not be asked.
    pub(super) fn unknown() -> Surroundings {
        let (interfaces, networks) = (BTreeMap::new(), Vec::new());
        Surroundings { interfaces, networks, local: None, bridged: None, legacy: [Vec::new(), Vec::new()] }
    }

    /// Of this host. What it does not tell is not known, which is no reason not to judge.
    pub(crate) fn read() -> Surroundings {
        let (Ok(links), Ok(addresses)) = (links::interfaces(), links::addresses()) else {
            return Surroundings::unknown();
        };
        let name = |index: u32| links.iter().find(|link| link.index == index).map(|link| link.name.clone());
        let network = |a: &links::Address| {
            Some(Network { address: a.address, prefix_len: a.prefix_len, interface: name(a.index)? })
        };
        let has_bridge = links.iter().any(|link| link.kind.as_deref() == Some("bridge"));
        Surroundings {
            interfaces: links.iter().map(|link| (link.name.clone(), link.index)).collect(),
            networks: addresses.iter().filter_map(network).collect(),
            local: Some(addresses.iter().map(|a| a.address).collect()),
            bridged: if has_bridge && bridges_are_filtered() { None } else { Some(false) },
            legacy: [legacy(Family::Ip, "ip_tables_names"), legacy(Family::Ip6, "ip6_tables_names")],
        }
    }

    /// What judging these flows needs. Their own ends on this side are this host's, whoever has the addresses
    /// now; a source is taken to come by the interface that it is routed by.
    pub(crate) fn environment(&self, flows: &[Flow]) -> Environment {
        let own = |flow: &Flow| match flow.direction {
            Direction::In => Some(flow.dst),
            Direction::Out => Some(flow.src),
            Direction::Forward => None,
        };
        let claimed: BTreeSet<IpAddr> = flows.iter().filter_map(own).collect();
        let addresses = self.local.iter().flatten().copied();
        Environment {
            local: Some(claimed.into_iter().chain(addresses).collect()),
            interfaces: self.interfaces.clone(),
            networks: self.networks.clone(),
            sources_routed: self.local.is_some().then_some(true),
            bridged: self.bridged,
            ..Environment::default()
        }
    }

    /// The older firewall of both families, where it has tables that do anything.
    pub(crate) fn legacy_in_words(&self) -> Vec<String> {
        let tools = ["iptables-legacy", "ip6tables-legacy"];
        let there = self.legacy.iter().zip(tools).filter(|(tables, _)| !tables.is_empty());
        let line = |(tables, tool): (&Vec<String>, &str)| {
            format!(
                "{tool} has rules ({}) beside those of nf_tables: {tool}-save shows them",
                tables.join(", ")
            )
        };
        there.map(line).collect()
    }

    /// The older firewall, where it has tables: Linux tells nf_tables nothing of them.
    pub(super) fn unjudged(&self, flow: &Flow) -> Vec<Unjudged> {
        let (tables, tool) = match flow.src {
            IpAddr::V4(_) => (&self.legacy[0], "iptables-legacy"),
            IpAddr::V6(_) => (&self.legacy[1], "ip6tables-legacy"),
        };
        if tables.is_empty() {
            return Vec::new();
        }
        let what = format!(
            "{tool} has tables ({}), which are not judged; they may stop the packet: {tool}-save shows them",
            tables.join(", ")
        );
        vec![Unjudged { what, may_stop: true }]
    }
}

/// Names of those tables of one family in this network namespace that do anything, or cannot be read; none
/// where the older firewall is not loaded.
fn legacy(family: Family, file: &str) -> Vec<String> {
    let names = fs::read_to_string(format!("/proc/thread-self/net/{file}")).unwrap_or_default();
    let matters = |name: &&str| !xtables::lets_all_through(family, name).unwrap_or(false);
    names.lines().filter(matters).map(str::to_owned).collect()
}

/// Whether packets that cross a bridge meet the hooks of IP.
fn bridges_are_filtered() -> bool {
    ["iptables", "ip6tables"].iter().any(|of| {
        let path = format!("/proc/sys/net/bridge/bridge-nf-call-{of}");
        fs::read_to_string(path).is_ok_and(|value| value.trim() != "0")
    })
}
