//! The packets: small UDP datagrams over IPv4, in Ethernet frames ready to be sent.
//! Not here: sending them.

use crate::cluster::{Cluster, me};
use crate::policy::position;
use std::net::Ipv4Addr;

/// An Ethernet frame of the smallest size, without its checksum.
pub(super) type Frame = [u8; 60];

/// The node's link address, and that of the other end of its wire; locally administered.
pub(super) const NODE_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
pub(super) const FAR_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];

/// Flows of the established kind.
const FLOWS: usize = 1024;

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
    pub(super) fn frames(self, cluster: &Cluster, packets: usize, round: usize) -> Vec<Frame> {
        let clients: Vec<Ipv4Addr> = cluster.with_role(position("sip")).map(|node| node.ipv4).collect();
        let to = (if self == Kind::NewByRole { me::IPV4 } else { me::PUBLIC4 }, self.port());
        let frame = |i: usize| {
            let number = round * packets + i;
            let from = match self {
                Kind::Established => (stranger(i % FLOWS), 30_000),
                Kind::NewByRole => (clients[number % clients.len()], port(number / clients.len())),
                _ => (stranger(number % 4096), port(number / 4096)),
            };
            udp(from, to)
        };
        (0..packets).map(frame).collect()
    }
}

/// The sender of a frame.
pub(super) fn sender(frame: &Frame) -> (Ipv4Addr, u16) {
    let ip = Ipv4Addr::new(frame[26], frame[27], frame[28], frame[29]);
    (ip, u16::from_be_bytes([frame[34], frame[35]]))
}

/// Of the block for benchmarks (RFC 2544).
fn stranger(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(198, 18, (number / 250) as u8, (number % 250 + 1) as u8)
}

fn port(number: usize) -> u16 {
    1024 + (number % 64_000) as u16
}

fn udp((from, from_port): (Ipv4Addr, u16), (to, to_port): (Ipv4Addr, u16)) -> Frame {
    let mut frame = [0; 60];
    frame[0..6].copy_from_slice(&NODE_MAC);
    frame[6..12].copy_from_slice(&FAR_MAC);
    frame[12..14].copy_from_slice(&[0x08, 0x00]);
    // 20 bytes of header, 46 in all, do not fragment, 64 hops, UDP.
    frame[14..26].copy_from_slice(&[0x45, 0, 0, 46, 0, 0, 0x40, 0, 64, 17, 0, 0]);
    frame[26..30].copy_from_slice(&from.octets());
    frame[30..34].copy_from_slice(&to.octets());
    let sum = internet_checksum(&frame[14..34]);
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
    frame[34..36].copy_from_slice(&from_port.to_be_bytes());
    frame[36..38].copy_from_slice(&to_port.to_be_bytes());
    // 8 bytes of header, 18 of payload; a checksum of 0 means none (RFC 768).
    frame[38..40].copy_from_slice(&26u16.to_be_bytes());
    frame
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
        let frame = udp((Ipv4Addr::new(198, 18, 0, 1), 1024), (me::PUBLIC4, 5060));
        assert_eq!(internet_checksum(&frame[14..34]), 0);
        assert_eq!(sender(&frame), (Ipv4Addr::new(198, 18, 0, 1), 1024));
    }

    #[test]
    fn no_flow_of_a_new_kind_comes_twice() {
        let cluster = Cluster::of(10);
        for kind in [Kind::NewPublic, Kind::NewByRole] {
            let frames = (0..10).flat_map(|round| kind.frames(&cluster, 5000, round));
            let flows: std::collections::BTreeSet<_> = frames.map(|frame| sender(&frame)).collect();
            assert_eq!(flows.len(), 50_000, "{}", kind.word());
        }
    }
}
