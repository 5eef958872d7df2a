//! The policy as flat rules of iptables, for each address or with ipset's sets, and a script of single calls.
//! Not here: nft's own language.

use super::{Loaded, shell};
use crate::cluster::{Cluster, Family};
use crate::policy::{Permit, Ports, Way, permits};
use std::fmt::Write as _;

/// How nodes are named in rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nodes {
    Each,
    Sets,
}

pub(super) fn restored(cluster: &Cluster) -> Loaded {
    let (files, elements) = restore_files(cluster, Nodes::Each);
    let script = "iptables-restore -w < %/rules.v4 && ip6tables-restore -w < %/rules.v6";
    Loaded::new(files, shell(script), elements)
}

pub(super) fn with_ipset(cluster: &Cluster) -> Loaded {
    let (mut files, _) = restore_files(cluster, Nodes::Sets);
    let (sets, elements) = ipsets(cluster);
    files.push(("/sets.ipset".to_owned(), sets));
    let script = "ipset restore -f %/sets.ipset && iptables-restore -w < %/rules.v4 && ip6tables-restore -w < %/rules.v6";
    Loaded::new(files, shell(script), elements)
}

pub(super) fn one_by_one(cluster: &Cluster) -> Loaded {
    let mut script = String::from("set -e\n");
    let mut count = 0;
    for family in Family::ALL {
        let tool = if family == Family::V4 { "iptables -w" } else { "ip6tables -w" };
        for chain in ["INPUT", "FORWARD", "OUTPUT"] {
            let _ = writeln!(script, "{tool} -P {chain} DROP");
        }
        let _ = writeln!(script, "{tool} -F");
        let rules = rules(cluster, family, Nodes::Each);
        count += rules.len();
        rules.iter().for_each(|rule| {
            let _ = writeln!(script, "{tool} {rule}");
        });
    }
    let command = vec!["sh".to_owned(), "%/rules.sh".to_owned()];
    Loaded::new(vec![("/rules.sh".to_owned(), script)], command, count)
}

fn restore_files(cluster: &Cluster, nodes: Nodes) -> (Vec<crate::ours::File>, usize) {
    let mut count = 0;
    let mut file = |family: Family| {
        let rules = rules(cluster, family, nodes);
        count += rules.len();
        let head = "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT DROP [0:0]\n";
        (format!("/rules.v{}", family.number()), format!("{head}{}\nCOMMIT\n", rules.join("\n")))
    };
    let files = Family::ALL.map(&mut file).to_vec();
    (files, count)
}

fn rules(cluster: &Cluster, family: Family, nodes: Nodes) -> Vec<String> {
    let mut rules = Vec::new();
    let icmp = if family == Family::V4 { "icmp" } else { "ipv6-icmp" };
    for (chain, interface, address) in [("INPUT", "-i", "-s"), ("OUTPUT", "-o", "-d")] {
        rules.push(format!("-A {chain} -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT"));
        rules.push(format!("-A {chain} -m conntrack --ctstate INVALID -j DROP"));
        rules.push(format!("-A {chain} {interface} lo -j ACCEPT"));
        rules.push(format!("-A {chain} {address} {} -j ACCEPT", family.trusted()));
        rules.push(format!("-A {chain} -p {icmp} -j ACCEPT"));
    }
    for permit in permits() {
        for ports in permit.ports {
            let ports = to_ports(ports);
            match (permit.nodes, permit.way) {
                (Some(bits), _) => rules.extend(node_rules(cluster, family, nodes, &permit, bits, &ports)),
                (None, Way::In) => rules.push(public_rule(&permit, family, &ports)),
                (None, Way::Out) => rules.push(format!("-A OUTPUT {ports} -j ACCEPT")),
            }
        }
    }
    rules
}

/// Sources are limited as Rolewall counts them: an IPv6 site is one.
fn public_rule(permit: &Permit, family: Family, ports: &str) -> String {
    let bits = if family == Family::V4 { 32 } else { 64 };
    let limit = permit.limit.map_or(String::new(), |(rate, burst)| {
        format!(
            " -m hashlimit --hashlimit-upto {rate}/second --hashlimit-burst {burst} --hashlimit-mode srcip \
             --hashlimit-srcmask {bits} --hashlimit-name {}{}",
            permit.name,
            family.number()
        )
    });
    format!("-A INPUT ! -s {} {ports}{limit} -j ACCEPT", family.private())
}

/// For each node with one of the roles a rule, or one for the set of them.
fn node_rules(
    cluster: &Cluster,
    family: Family,
    nodes: Nodes,
    permit: &Permit,
    bits: u32,
    ports: &str,
) -> Vec<String> {
    let (chain, side, direction) = match permit.way {
        Way::In => ("INPUT", "-s", "src"),
        Way::Out => ("OUTPUT", "-d", "dst"),
    };
    if nodes == Nodes::Sets {
        let set = set_name(permit, family);
        return vec![format!("-A {chain} {ports} -m set --match-set {set} {direction} -j ACCEPT")];
    }
    let rule = |address| format!("-A {chain} {side} {address} {ports} -j ACCEPT");
    cluster.addresses(family, bits).map(rule).collect()
}

fn ipsets(cluster: &Cluster) -> (String, usize) {
    let (mut text, mut count) = (String::new(), 0);
    let of_nodes = permits().filter_map(|permit| Some((permit, permit.nodes?)));
    for ((permit, bits), family) in of_nodes.flat_map(|it| Family::ALL.map(|family| (it, family))) {
        let name = set_name(&permit, family);
        let inet = if family == Family::V4 { "inet" } else { "inet6" };
        for set in [name.clone(), format!("{name}+")] {
            let _ = writeln!(text, "create {set} hash:ip family {inet} maxelem 65536 -exist");
        }
        let _ = writeln!(text, "flush {name}+");
        for address in cluster.addresses(family, bits) {
            count += 1;
            let _ = writeln!(text, "add {name}+ {address}");
        }
        let _ = writeln!(text, "swap {name}+ {name}\ndestroy {name}+");
    }
    (text, count)
}

/// ipset takes at most 31 bytes.
fn set_name(permit: &Permit, family: Family) -> String {
    format!("{}-{}{}", permit.name, permit.way.word(), family.number())
}

fn to_ports((proto, first, last): &Ports) -> String {
    let proto = proto.word();
    let ports = if first == last { first.to_string() } else { format!("{first}:{last}") };
    format!("-p {proto} --dport {ports}")
}
