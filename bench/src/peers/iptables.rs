//! The policy as flat rules of iptables, for each address or with ipset's sets, and a script of single calls.
//! Not here: nft's own language.

use super::Loaded;
use crate::cluster::{Cluster, PRIVATE4, PRIVATE6, TRUSTED4, TRUSTED6};
use crate::policy::{From, NEEDS, Ports, SERVICES, Service, client_bits, server_bit};
use std::fmt::Write as _;
use std::net::IpAddr;

/// One of the two families with its words.
#[derive(Debug, Clone, Copy)]
struct Family {
    number: u8,
    icmp: &'static str,
    private: &'static str,
    trusted: &'static str,
    /// Bits by which sources are limited, as Rolewall counts an IPv6 site as one.
    limited_bits: u8,
}

const FAMILIES: [Family; 2] = [
    Family { number: 4, icmp: "icmp", private: PRIVATE4, trusted: TRUSTED4, limited_bits: 32 },
    Family { number: 6, icmp: "ipv6-icmp", private: PRIVATE6, trusted: TRUSTED6, limited_bits: 64 },
];

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
    for family in FAMILIES {
        let tool = if family.number == 4 { "iptables -w" } else { "ip6tables -w" };
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

fn shell(script: &str) -> Vec<String> {
    vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()]
}

fn restore_files(cluster: &Cluster, nodes: Nodes) -> (Vec<crate::ours::File>, usize) {
    let mut count = 0;
    let mut file = |family: Family| {
        let rules = rules(cluster, family, nodes);
        count += rules.len();
        let head = "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT DROP [0:0]\n";
        (format!("/rules.v{}", family.number), format!("{head}{}\nCOMMIT\n", rules.join("\n")))
    };
    let files = FAMILIES.map(&mut file).to_vec();
    (files, count)
}

fn rules(cluster: &Cluster, family: Family, nodes: Nodes) -> Vec<String> {
    let mut rules = Vec::new();
    for (chain, interface, address) in [("INPUT", "-i", "-s"), ("OUTPUT", "-o", "-d")] {
        rules.push(format!("-A {chain} -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT"));
        rules.push(format!("-A {chain} -m conntrack --ctstate INVALID -j DROP"));
        rules.push(format!("-A {chain} {interface} lo -j ACCEPT"));
        rules.push(format!("-A {chain} {address} {} -j ACCEPT", family.trusted));
        rules.push(format!("-A {chain} -p {} -j ACCEPT", family.icmp));
    }
    for need in &NEEDS {
        rules.extend(need.ports.iter().map(|ports| format!("-A OUTPUT {} -j ACCEPT", to_ports(ports))));
    }
    for service in &SERVICES {
        for ports in service.ports {
            let ports = to_ports(ports);
            match client_bits(service.from) {
                None => rules.push(public_rule(service, family, &ports)),
                Some(bits) => {
                    rules.extend(node_rules(cluster, family, nodes, service, (bits, "INPUT", "s"), &ports))
                }
            }
            if service.from != From::Public {
                let way = (server_bit(service), "OUTPUT", "d");
                rules.extend(node_rules(cluster, family, nodes, service, way, &ports));
            }
        }
    }
    rules
}

fn public_rule(service: &Service, family: Family, ports: &str) -> String {
    let limit = service.limit.map_or(String::new(), |(rate, burst)| {
        format!(
            " -m hashlimit --hashlimit-upto {rate}/second --hashlimit-burst {burst} --hashlimit-mode srcip \
             --hashlimit-srcmask {} --hashlimit-name {}{}",
            family.limited_bits, service.name, family.number
        )
    });
    format!("-A INPUT ! -s {} {ports}{limit} -j ACCEPT", family.private)
}

/// For each node with one of the roles a rule, or one for the set of them.
fn node_rules(
    cluster: &Cluster,
    family: Family,
    nodes: Nodes,
    service: &Service,
    (bits, chain, side): (u32, &str, &str),
    ports: &str,
) -> Vec<String> {
    if nodes == Nodes::Sets {
        let set = set_name(service, side, family);
        let direction = if side == "s" { "src" } else { "dst" };
        return vec![format!("-A {chain} {ports} -m set --match-set {set} {direction} -j ACCEPT")];
    }
    let rule = |address| format!("-A {chain} -{side} {address} {ports} -j ACCEPT");
    addresses(cluster, family, bits).map(rule).collect()
}

fn ipsets(cluster: &Cluster) -> (String, usize) {
    let (mut text, mut count) = (String::new(), 0);
    for service in SERVICES.iter().filter(|s| s.from != From::Public) {
        let ways = [("s", client_bits(service.from).unwrap_or(0)), ("d", server_bit(service))];
        for (family, (side, bits)) in FAMILIES.iter().flat_map(|f| ways.map(|way| (*f, way))) {
            let name = set_name(service, side, family);
            let inet = if family.number == 4 { "inet" } else { "inet6" };
            for set in [name.clone(), format!("{name}+")] {
                let _ = writeln!(text, "create {set} hash:ip family {inet} maxelem 65536 -exist");
            }
            let _ = writeln!(text, "flush {name}+");
            for address in addresses(cluster, family, bits) {
                count += 1;
                let _ = writeln!(text, "add {name}+ {address}");
            }
            let _ = writeln!(text, "swap {name}+ {name}\ndestroy {name}+");
        }
    }
    (text, count)
}

/// ipset takes at most 31 bytes.
fn set_name(service: &Service, side: &str, family: Family) -> String {
    format!("{}-{side}{}", service.name, family.number)
}

fn addresses(cluster: &Cluster, family: Family, bits: u32) -> impl Iterator<Item = IpAddr> {
    let nodes = cluster.others.iter().filter(move |node| node.bits() & bits != 0);
    nodes.map(move |node| if family.number == 4 { node.ipv4.into() } else { node.ipv6.into() })
}

fn to_ports((proto, first, last): &Ports) -> String {
    let proto = proto.word();
    let ports = if first == last { first.to_string() } else { format!("{first}:{last}") };
    format!("-p {proto} --dport {ports}")
}
