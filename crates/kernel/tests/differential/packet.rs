//! A packet under test: the flow that the judge is told, and the bytes that the kernel gets of it.
//! Not here: which packets are sent.
//!
//! A number is written where the flow tells nothing (the checksum), so that what the kernel says about a
//! packet is known to be about that one. An error of ICMP, whose checksum nat looks at, carries it in what its
//! header leaves unused; protocols without such a place, as their first bytes.

use crate::world::LINKS;
use rolewall_ruleset::Flow;
use rolewall_ruleset::flow::{Direction, L4};
use std::net::IpAddr;

/// One packet.
#[derive(Debug, Clone)]
pub(crate) struct Packet {
    /// What the judge is told, but for the state, which the kernel tells first.
    pub(crate) flow: Flow,
    /// Sent before any rule is loaded, in this order, so that conntrack knows the flow.
    pub(crate) before: Vec<Flow>,
}

/// Where a packet begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// From the peer of this link.
    From(usize),
    /// From the host itself.
    Out,
}

impl Packet {
    pub(crate) fn of(flow: Flow) -> Packet {
        Packet { flow, before: Vec::new() }
    }

    pub(crate) fn way(&self) -> Way {
        match self.flow.direction {
            Direction::Out => Way::Out,
            _ => Way::From(LINKS.iter().position(|name| self.flow.iif.as_deref() == Some(name)).unwrap_or(0)),
        }
    }

    /// The packet as it is sent. IPv4's identification and header checksum are filled in by the kernel.
    pub(crate) fn bytes(&self, id: u16) -> Vec<u8> {
        let segment = segment(&self.flow, id);
        let mut bytes = network(&self.flow, segment.len());
        bytes.extend(segment);
        bytes
    }
}

/// The place of the number in a transport header.
fn place_of_id(l4: L4) -> usize {
    match l4 {
        L4::Tcp { .. } => 16,
        L4::Udp { .. } => 6,
        L4::Icmp { kind, .. } if is_error(true, kind) => 4,
        L4::Icmpv6 { kind, .. } if is_error(false, kind) => 4,
        L4::Icmp { .. } | L4::Icmpv6 { .. } => 2,
        L4::Sctp { .. } => 8,
        L4::Other(_) => 0,
    }
}

/// Whether a type of ICMP (RFC 792) or ICMPv6 (RFC 4443) is about another packet.
fn is_error(is_v4: bool, kind: u8) -> bool {
    if is_v4 { matches!(kind, 3 | 4 | 5 | 11 | 12) } else { kind < 128 }
}

/// The number of a packet of which the transport header came back.
pub(crate) fn id_of(protocol: u8, transport: &[u8]) -> Option<u16> {
    let place = match protocol {
        6 => 16,
        17 => 6,
        1 | 58 if is_error(protocol == 1, *transport.first()?) => 4,
        1 | 58 => 2,
        132 => 8,
        _ => 0,
    };
    Some(u16::from_be_bytes(transport.get(place..place + 2)?.try_into().ok()?))
}

pub(crate) fn network(flow: &Flow, beyond: usize) -> Vec<u8> {
    let number = flow.l4.number();
    match (flow.src, flow.dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let mut header = vec![0x45, 0];
            header.extend((20 + beyond as u16).to_be_bytes());
            header.extend([0, 1, 0, 0, flow.hop_limit, number, 0, 0]);
            header.extend([src.octets(), dst.octets()].concat());
            header
        }
        (src, dst) => {
            let mut header = vec![0x60, 0, 0, 0];
            header.extend((beyond as u16).to_be_bytes());
            header.extend([number, flow.hop_limit]);
            for address in [src, dst] {
                let IpAddr::V6(ip) = address else { panic!("{flow:?} is of two families") };
                header.extend(ip.octets());
            }
            header
        }
    }
}

pub(crate) fn segment(flow: &Flow, id: u16) -> Vec<u8> {
    let ports = |sport: u16, dport: u16| [sport.to_be_bytes(), dport.to_be_bytes()].concat();
    let mut segment = match flow.l4 {
        L4::Tcp { sport, dport, flags } => {
            let mut header = ports(sport, dport);
            header.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 0xfa, 0xf0, 0, 0, 0, 0]);
            header
        }
        L4::Udp { sport, dport } => {
            let mut header = ports(sport, dport);
            header.extend((8 + flow.payload.len() as u16).to_be_bytes());
            header.extend([0, 0]);
            header
        }
        L4::Sctp { sport, dport } => [ports(sport, dport), vec![0; 8]].concat(),
        // The identifier of an echo is the packet's number, so that each is a flow of its own.
        L4::Icmp { kind, code } | L4::Icmpv6 { kind, code } => {
            let [high, low] = id.to_be_bytes();
            let echo = if matches!(kind, 0 | 8 | 128 | 129) { [high, low] } else { [0, 0] };
            vec![kind, code, 0, 0, echo[0], echo[1], 0, 0]
        }
        L4::Other(_) => Vec::new(),
    };
    segment.extend(&flow.payload);
    let place = place_of_id(flow.l4);
    if segment.len() >= place + 2 {
        segment[place..place + 2].copy_from_slice(&id.to_be_bytes());
    }
    if place == 4 {
        let sum = checksum(flow, &segment);
        segment[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    segment
}

/// The checksum of ICMP (RFC 1071); of ICMPv6 over the addresses too (RFC 8200, section 8.1).
fn checksum(flow: &Flow, segment: &[u8]) -> u16 {
    let mut summed = Vec::new();
    if let (IpAddr::V6(src), IpAddr::V6(dst)) = (flow.src, flow.dst) {
        summed.extend([src.octets(), dst.octets()].concat());
        summed.extend((segment.len() as u32).to_be_bytes());
        summed.extend([0, 0, 0, flow.l4.number()]);
    }
    summed.extend(segment);
    let words = summed.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

/// The flow as the judge is told it of the packet with this number.
pub(crate) fn numbered(flow: &Flow, id: u16) -> Flow {
    let mut flow = flow.clone();
    if let (L4::Other(_), Some(place)) = (flow.l4, flow.payload.get_mut(..2)) {
        place.copy_from_slice(&id.to_be_bytes());
    }
    flow
}
