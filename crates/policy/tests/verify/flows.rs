//! Random flows around the place of a mutation, and around all that a plan names.
//! Not here: what becomes of them.

use super::mutate::Mutant;
use super::random::Random;
use ipnet::IpNet;
use rolewall_policy::Plan;
use rolewall_ruleset::flow::{CtState, Direction, L4};
use rolewall_ruleset::{Flow, Ruleset, Value};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Values that rules may tell apart.
pub(crate) struct Around {
    addresses: Vec<IpAddr>,
    ports: Vec<u16>,
    interfaces: Vec<Option<String>>,
    kinds: Vec<u8>,
}

const STATES: [CtState; 7] = [
    CtState::New,
    CtState::New,
    CtState::New,
    CtState::Established,
    CtState::Related,
    CtState::Invalid,
    CtState::Untracked,
];

impl Around {
    pub(crate) fn of(plan: &Plan, original: &Ruleset, mutant: &Mutant) -> Around {
        let nets = [&plan.private, &plan.admin, &plan.trunks, &plan.trusted, &plan.deny];
        let edges = nets.into_iter().flatten().flat_map(|net: &IpNet| [net.network(), net.broadcast()]);
        let nodes = plan.nodes.values().flat_map(|nodes| nodes.iter().take(4).copied());
        let strangers =
            ["203.0.113.77", "192.0.2.250", "169.254.1.1", "2001:db8:ffff::7", "fe80::1", "fd20::ffff"];
        let strangers = strangers.iter().filter_map(|text| text.parse().ok());
        let mut around = Around {
            addresses: edges.chain(nodes).chain(strangers).collect(),
            ports: vec![1, 22, 67, 68, 443, 546, 547, 5060, 40_000, 65_535],
            interfaces: vec![None, Some("lo".into()), Some("tun0".into())],
            kinds: vec![0, 1, 3, 8, 11, 12, 128, 129, 130, 133, 134, 135, 136, 143],
        };
        let permits = plan.inbound.iter().chain(&plan.outbound);
        around.ports.extend(permits.flat_map(|p| &p.ports).flat_map(|range| [range.first, range.last]));
        let names = plan.private_interfaces.iter().chain(&plan.public_interfaces);
        around.interfaces.extend(names.map(|name| Some(name.clone())));
        // So often that every second flow has one of them.
        let places = mutant.values.len().max(1);
        let times = (around.addresses.len() + around.ports.len()) / places + 1;
        for _ in 0..times {
            mutant.values.iter().for_each(|value| around.value(value));
        }
        debug_assert_eq!(original.tables.len(), 1);
        around
    }

    /// A value is an address, a port or a kind of ICMP by its length; in a map, a protocol and a port.
    fn value(&mut self, value: &Value) {
        match *value.bytes() {
            [one] => self.kinds.push(one),
            [a, b] => self.ports.push(u16::from_be_bytes([a, b])),
            [a, b, c, d] => {
                self.addresses.push(IpAddr::V4(Ipv4Addr::new(a, b, c, d)));
                self.ports.push(u16::from_be_bytes([c, d]));
            }
            [_, _, _, _, a, b, _, _] => self.ports.push(u16::from_be_bytes([a, b])),
            ref long if long.len() == 16 => {
                let octets: [u8; 16] = long.try_into().unwrap();
                self.addresses.push(IpAddr::V6(Ipv6Addr::from(octets)));
            }
            _ => {}
        }
    }

    pub(crate) fn flow(&self, random: &mut Random) -> Flow {
        let direction = *random.of(&[Direction::In, Direction::In, Direction::Out, Direction::Forward]);
        let src = beside(*random.of(&self.addresses), random);
        let same: Vec<IpAddr> =
            self.addresses.iter().filter(|a| a.is_ipv4() == src.is_ipv4()).copied().collect();
        let dst = beside(*random.of(&same), random);
        let port = |random: &mut Random| match random.below(5) {
            0 => random.of(&self.ports).wrapping_add(1).max(1),
            1 => random.of(&self.ports).wrapping_sub(1).max(1),
            _ => *random.of(&self.ports),
        };
        let (sport, dport) = (port(random), port(random));
        let (kind, code) = (*random.of(&self.kinds), 0);
        let l4 = match (random.below(10), src.is_ipv4()) {
            (0..=3, _) => L4::Tcp { sport, dport, flags: 0x02 },
            (4..=6, _) => L4::Udp { sport, dport },
            (7, _) => L4::Sctp { sport, dport },
            (8, true) => L4::Icmp { kind, code },
            (8, false) => L4::Icmpv6 { kind, code },
            (_, true) => L4::Other(*random.of(&[47, 50, 58])),
            (_, false) => L4::Other(*random.of(&[47, 50, 1])),
        };
        let mut flow = Flow::first(direction, src, dst, l4);
        if direction != Direction::Out {
            flow.iif.clone_from(random.of(&self.interfaces));
        }
        if direction != Direction::In {
            flow.oif.clone_from(random.of(&self.interfaces));
        }
        flow.ct = *random.of(&STATES);
        flow.hop_limit = *random.of(&[64, 255, 254, 1]);
        flow
    }
}

/// An address, or one beside it.
fn beside(address: IpAddr, random: &mut Random) -> IpAddr {
    let by = [0, 0, 0, 1, u128::MAX][random.below(5)];
    match address {
        IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from(u32::from(v4).wrapping_add(by as u32))),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6).wrapping_add(by))),
    }
}
