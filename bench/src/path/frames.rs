//! The packets: small UDP datagrams, in Ethernet frames ready to be sent.
//! Not here: sending them.

use crate::Outcome;
use crate::cluster::{Cluster, Family, me};
use crate::policy::position;
use rolewall_lab::Packet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// An Ethernet frame, without its checksum.
pub(super) type Frame = Vec<u8>;

/// The node's link address, and that of the other end of its wire; locally administered.
pub(super) const NODE_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
pub(super) const FAR_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];

/// Flows of the established kind.
const FLOWS: usize = 1024;

/// What follows the link addresses and the type of a frame.
const ETHERNET_LEN: usize = 14;

/// So that over IPv4 the frame is the smallest that Ethernet has.
const PAYLOAD: [u8; 18] = [0; 18];

impl Family {
    pub(super) fn word(self) -> &'static str {
        match self {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        }
    }

    /// The node's address for customers.
    pub(super) fn public(self) -> IpAddr {
        match self {
            Family::V4 => me::PUBLIC4.into(),
            Family::V6 => me::PUBLIC6.into(),
        }
    }

    /// And for nodes.
    fn inner(self) -> IpAddr {
        match self {
            Family::V4 => me::IPV4.into(),
            Family::V6 => me::IPV6.into(),
        }
    }

    pub(super) fn unspecified(self) -> IpAddr {
        match self {
            Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
            Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
        }
    }

    /// Of the blocks for benchmarks (RFC 2544, RFC 5180).
    fn stranger(self, number: usize) -> IpAddr {
        match self {
            Family::V4 => Ipv4Addr::new(198, 18, (number / 250) as u8, (number % 250 + 1) as u8).into(),
            Family::V6 => Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 1, number as u16).into(),
        }
    }

    /// linux/if_ether.h
    fn ethertype(self) -> [u8; 2] {
        match self {
            Family::V4 => [0x08, 0x00],
            Family::V6 => [0x86, 0xdd],
        }
    }
}

/// What the node takes a packet for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Of one of 1,024 flows that the node has answered.
    Established,
    /// The first of a flow to a public port.
    NewPublic,
    /// The first of a flow to a port for nodes of a role, from one of them.
    NewByRole,
    /// To a port that nobody may use.
    DroppedPort,
    /// To a port for nodes of a role, from a stranger.
    DroppedByRole,
}

impl Kind {
    pub(super) const ALL: [Kind; 5] =
        [Kind::Established, Kind::NewPublic, Kind::NewByRole, Kind::DroppedPort, Kind::DroppedByRole];

    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::Established => "established",
            Kind::NewPublic => "new, public",
            Kind::NewByRole => "new, by role",
            Kind::DroppedPort => "dropped by port",
            Kind::DroppedByRole => "dropped by role",
        }
    }

    pub(super) fn is_allowed(self) -> bool {
        matches!(self, Kind::Established | Kind::NewPublic | Kind::NewByRole)
    }

    /// Whether each packet is the first of its flow.
    pub(super) fn is_new(self) -> bool {
        self != Kind::Established
    }

    pub(super) fn port(self) -> u16 {
        match self {
            Kind::Established | Kind::NewPublic => 5060,
            Kind::NewByRole | Kind::DroppedByRole => 5050,
            Kind::DroppedPort => 7777,
        }
    }

    /// The frames of one round. Those of new flows differ from round to round.
    pub(super) fn frames(
        self,
        family: Family,
        cluster: &Cluster,
        packets: usize,
        round: usize,
    ) -> Outcome<Vec<Frame>> {
        let clients: Vec<IpAddr> =
            cluster.with_role(position("sip")).map(|node| node.address(family)).collect();
        let to = if self == Kind::NewByRole { family.inner() } else { family.public() };
        let to = SocketAddr::new(to, self.port());
        let frame = |i: usize| {
            let number = round * packets + i;
            let from = match self {
                Kind::Established => (family.stranger(i % FLOWS), 30_000),
                Kind::NewByRole => (clients[number % clients.len()], port(number / clients.len())),
                _ => (family.stranger(number % 4096), port(number / 4096)),
            };
            udp(family, from.into(), to)
        };
        (0..packets).map(frame).collect()
    }
}

/// The sender of a frame.
pub(super) fn sender(frame: &Frame) -> Option<SocketAddr> {
    let packet = frame.get(ETHERNET_LEN..)?;
    let (ip, udp): (IpAddr, &[u8]) = match packet.first()? >> 4 {
        4 => (packet.get(12..)?.first_chunk::<4>().copied()?.into(), packet.get(20..)?),
        _ => (packet.get(8..)?.first_chunk::<16>().copied()?.into(), packet.get(40..)?),
    };
    Some(SocketAddr::new(ip, u16::from_be_bytes(*udp.first_chunk::<2>()?)))
}

fn port(number: usize) -> u16 {
    1024 + (number % 64_000) as u16
}

fn udp(family: Family, from: SocketAddr, to: SocketAddr) -> Outcome<Frame> {
    let mut frame = [&NODE_MAC[..], &FAR_MAC, &family.ethertype()].concat();
    frame.extend(Packet::udp(from, to, &PAYLOAD)?.bytes());
    if family == Family::V4 {
        // A raw socket would have this filled in by Linux, and a packet socket has not.
        let header = &mut frame[ETHERNET_LEN..ETHERNET_LEN + 20];
        header[10..12].fill(0);
        let sum = internet_checksum(header);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
    }
    Ok(frame)
}

/// RFC 1071.
fn internet_checksum(header: &[u8]) -> u16 {
    let mut sum: u32 =
        header.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_with_its_checksum_sums_to_nothing() {
        let from = SocketAddr::new(Family::V4.stranger(0), 1024);
        let frame = udp(Family::V4, from, SocketAddr::new(Family::V4.public(), 5060)).expect("a frame");
        assert_eq!(internet_checksum(&frame[ETHERNET_LEN..ETHERNET_LEN + 20]), 0);
        assert_eq!((frame.len(), sender(&frame)), (60, Some(from)));
    }

    #[test]
    fn no_flow_of_a_new_kind_comes_twice() {
        let cluster = Cluster::of(10);
        for (family, kind) in Family::ALL.map(|f| [(f, Kind::NewPublic), (f, Kind::NewByRole)]).concat() {
            let frames = |round| kind.frames(family, &cluster, 5000, round).expect("frames");
            let flows: std::collections::BTreeSet<_> =
                (0..10).flat_map(frames).map(|frame| sender(&frame).expect("a sender")).collect();
            assert_eq!(flows.len(), 50_000, "{} {}", family.word(), kind.word());
        }
    }
}
