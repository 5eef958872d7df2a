//! Values of fields in words: ports, networks, nodes, interfaces, states.
//! Not here: which of them belong on one line ([`super::line`]).

use super::line::remote;
use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};
use rolewall_ruleset::Family;
use rolewall_ruleset::flow::{CtState, Direction};
use rolewall_ruleset::space::{Field, FlowBox, Kind, Ranges, address};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The protocol's name; numbers, where a box has several.
pub(super) fn proto(one: &FlowBox) -> String {
    match (one.shape.kind, one.shape.family) {
        (Kind::Tcp, _) => "tcp".to_owned(),
        (Kind::Udp, _) => "udp".to_owned(),
        (Kind::Sctp, _) => "sctp".to_owned(),
        (Kind::Icmp, Family::Ip) => "icmp".to_owned(),
        (Kind::Icmp, _) => "icmpv6".to_owned(),
        (Kind::Other, _) => match one.fields.get(&Field::Proto) {
            Some(numbers) => format!("protocol {}", spans(numbers)),
            None => "any other protocol".to_owned(),
        },
    }
}

/// Ports merged to ranges; empty for all of them.
pub(super) fn ports(values: &Ranges) -> String {
    let is_whole = |ends: &(u128, u128)| ends.0 == 0 && ends.1 >= u16::MAX.into();
    if values.ranges().iter().any(is_whole) { String::new() } else { spans(values) }
}

fn spans(values: &Ranges) -> String {
    let span = |(first, last): &(u128, u128)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    values.ranges().iter().map(span).collect::<Vec<_>>().join(",")
}

/// Addresses of a family as people name them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Remote {
    /// All of them, but for some networks.
    AllBut(Vec<String>),
    /// Nodes by name, else networks.
    These(Vec<String>),
}

/// Most of a family with few networks missing, else what there is.
pub(super) fn remotes(values: &Ranges, family: Family, nodes: &BTreeMap<IpAddr, &str>) -> Remote {
    /// So many networks are missing at the most.
    const MISSING_MAX: usize = 8;
    let missing = values.complement(largest(family));
    let left_out: Vec<String> = missing.ranges().iter().flat_map(|ends| networks(*ends, family)).collect();
    let kept: u128 = values.ranges().iter().map(|(first, last)| (last - first) >> 1).sum();
    if kept > largest(family) >> 2 && left_out.len() <= MISSING_MAX {
        return Remote::AllBut(left_out);
    }
    Remote::These(values.ranges().iter().flat_map(|ends| named(*ends, family, nodes)).collect())
}

/// Both families together.
pub(super) fn both(found: Vec<(Family, Remote)>) -> Vec<String> {
    let is_all_but = |(_, remote): &&(Family, Remote)| matches!(remote, Remote::AllBut(_));
    let in_both = found.iter().filter(is_all_but).count() == 2;
    let mut missing: Vec<String> = Vec::new();
    let mut words: Vec<String> = Vec::new();
    for (family, remote) in found {
        match remote {
            Remote::These(these) => words.extend(these),
            Remote::AllBut(left_out) if in_both => missing.extend(left_out),
            Remote::AllBut(left_out) => {
                let all = if family == Family::Ip { "anyone by IPv4" } else { "anyone by IPv6" };
                words.insert(0, but(all, &left_out));
            }
        }
    }
    if in_both {
        words.insert(0, but("anyone", &missing));
    }
    words
}

fn but(all: &str, left_out: &[String]) -> String {
    if left_out.is_empty() { all.to_owned() } else { format!("{all} but {}", left_out.join(", ")) }
}

/// A range: its nodes by name where they are all that is in it.
fn named((first, last): (u128, u128), family: Family, nodes: &BTreeMap<IpAddr, &str>) -> Vec<String> {
    let ends = address(family, first)..=address(family, last.min(largest(family)));
    let here: Vec<(&IpAddr, &&str)> = nodes.range(ends).collect();
    if here.len() as u128 == last - first + 1 {
        return here.into_iter().map(|(address, name)| format!("{name} ({address})")).collect();
    }
    networks((first, last), family)
}

fn largest(family: Family) -> u128 {
    if family == Family::Ip { u32::MAX.into() } else { u128::MAX }
}

/// A range as networks, or as its ends where that is shorter.
fn networks((first, last): (u128, u128), family: Family) -> Vec<String> {
    const NETWORKS_MAX: usize = 4;
    let ends = (address(family, first), address(family, last.min(largest(family))));
    let nets: Vec<IpNet> = match ends {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            Ipv4Subnets::new(a, b, 0).map(IpNet::V4).take(NETWORKS_MAX + 1).collect()
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            Ipv6Subnets::new(a, b, 0).map(IpNet::V6).take(NETWORKS_MAX + 1).collect()
        }
        _ => Vec::new(),
    };
    if nets.len() > NETWORKS_MAX {
        return vec![format!("{}-{}", ends.0, ends.1)];
    }
    let word = |net: IpNet| {
        if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() }
    };
    nets.into_iter().map(word).collect()
}

/// What else holds of a box than its protocol, ports and remote end.
pub(super) fn conditions(one: &FlowBox) -> Vec<String> {
    let mut words = Vec::new();
    words.extend(states(one));
    let direction = one.shape.direction;
    for (field, word) in [(Field::Iif, "in by"), (Field::Oif, "out by")] {
        words.extend(interfaces(one, field).map(|names| format!("{word} {names}")));
    }
    for (field, word) in
        [(Field::Sport, "from port"), (Field::IcmpCode, "code"), (Field::HopLimit, "hop limit")]
    {
        words.extend(one.fields.get(&field).map(|values| format!("{word} {}", spans(values))));
    }
    words.extend(one.fields.get(&Field::TcpFlags).map(|values| format!("TCP flags {}", spans(values))));
    let near = if remote(direction) == Field::Src { Field::Dst } else { Field::Src };
    let (family, nobody) = (one.shape.family, BTreeMap::new());
    let near =
        one.fields.get(&near).map(|values| both(vec![(family, remotes(values, family, &nobody))]).join(", "));
    words.extend(
        near.map(
            |near| if direction == Direction::Out { format!("by {near}") } else { format!("to {near}") },
        ),
    );
    words
}

/// The states, where a new flow is not among them: who reads "opens" thinks of new flows.
fn states(one: &FlowBox) -> Option<String> {
    let word = |state: CtState| match state {
        CtState::New => "new",
        CtState::Established => "established",
        CtState::Related => "related",
        CtState::Invalid => "invalid",
        CtState::Untracked => "untracked",
    };
    let states = one.states();
    let names: Vec<&str> = states.iter().map(|state| word(*state)).collect();
    (!states.contains(&CtState::New)).then(|| format!("ct {}", names.join(",")))
}

fn interfaces(one: &FlowBox, field: Field) -> Option<String> {
    let (names, others_too) = one.interfaces(field)?;
    if !others_too {
        return Some(names.join(", "));
    }
    let missing = one.other_interfaces(field)?;
    (!missing.is_empty()).then(|| format!("another interface than {}", missing.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rolewall_ruleset::space::number;

    #[test]
    fn addresses_are_named_as_people_do() {
        let sip1: IpAddr = "10.20.0.11".parse().unwrap();
        let nodes = BTreeMap::from([(sip1, "sip1")]);
        let at = |text: &str| number(text.parse().unwrap());
        let named = |ranges: Vec<(u128, u128)>| {
            both(vec![(Family::Ip, remotes(&Ranges::of(ranges), Family::Ip, &nodes))])
        };
        assert_eq!(named(vec![(0, u32::MAX.into())]), ["anyone by IPv4"]);
        assert_eq!(named(vec![(at("10.20.0.11"), at("10.20.0.11"))]), ["sip1 (10.20.0.11)"]);
        assert_eq!(named(vec![(at("10.20.0.0"), at("10.20.255.255"))]), ["10.20.0.0/16"]);
        assert_eq!(named(vec![(at("192.0.2.1"), at("192.0.2.14"))]), ["192.0.2.1-192.0.2.14"]);
    }

    #[test]
    fn what_is_missing_from_anyone_is_named() {
        let private = Ranges::span(0x0a14_0000, 0x0a14_ffff).complement(u32::MAX.into());
        let v4 = remotes(&private, Family::Ip, &BTreeMap::new());
        let v6 = remotes(&Ranges::span(0, u128::MAX), Family::Ip6, &BTreeMap::new());
        assert_eq!(both(vec![(Family::Ip, v4), (Family::Ip6, v6)]), ["anyone but 10.20.0.0/16"]);
    }

    #[test]
    fn ports_are_ranges() {
        assert_eq!(ports(&Ranges::of(vec![(22, 22), (5060, 5061)])), "22,5060-5061");
        assert_eq!(ports(&Ranges::span(0, u16::MAX.into())), "");
    }
}
