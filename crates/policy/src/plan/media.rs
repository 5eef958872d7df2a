//! Media ranges minus protected ports.
//! Not here: which ranges are media; the catalogue says.
//!
//! The vendor's T.38 range 4000-5999/udp contains 5050, 5060 and 5061: opened as a whole it would open
//! SIP to everyone, past every limit on signalling. So each port that some service has for its own is
//! taken out of every media range, on every node, whether it serves that port or not.

use crate::{Catalogue, PortRange, Proto};
use std::collections::BTreeSet;

/// Ports that no media range may contain.
#[derive(Debug, Clone, Default)]
pub(super) struct Protected(BTreeSet<(Proto, u16)>);

/// A service range wider than this is itself a range of media or of clients, not a port to protect.
const OWN_PORTS_MAX: u16 = 64;

impl Protected {
    /// Every non-media port of the catalogue, and those given besides.
    pub(super) fn of<'a>(
        catalogue: &'a Catalogue,
        besides: impl Iterator<Item = &'a PortRange>,
    ) -> Protected {
        let own =
            catalogue.roles.values().flat_map(|r| &r.services).filter(|s| !s.media).flat_map(|s| &s.ports);
        let ports = own
            .chain(besides)
            .filter(|range| range.last - range.first < OWN_PORTS_MAX)
            .flat_map(|range| (range.first..=range.last).map(|port| (range.proto, port)))
            .collect();
        Protected(ports)
    }

    /// The range without the protected ports, in pieces; and the ports that were taken out.
    pub(super) fn subtract_from(&self, range: PortRange) -> (Vec<PortRange>, Vec<u16>) {
        let taken: Vec<u16> = self
            .0
            .range((range.proto, range.first)..=(range.proto, range.last))
            .map(|&(_, port)| port)
            .collect();
        let mut pieces = Vec::new();
        let mut next = Some(range.first);
        for &port in &taken {
            if let Some(first) = next.filter(|&first| first < port) {
                pieces.push(PortRange { first, last: port - 1, ..range });
            }
            next = port.checked_add(1);
        }
        if let Some(first) = next.filter(|&first| first <= range.last) {
            pieces.push(PortRange { first, ..range });
        }
        (pieces, taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn udp(first: u16, last: u16) -> PortRange {
        PortRange { proto: Proto::Udp, first, last }
    }

    fn protected(ports: &[u16]) -> Protected {
        Protected(ports.iter().map(|&p| (Proto::Udp, p)).collect())
    }

    #[test]
    fn t38_is_cut_around_signalling() {
        let (pieces, taken) = protected(&[5050, 5060, 5061]).subtract_from(udp(4000, 5999));
        assert_eq!(pieces, [udp(4000, 5049), udp(5051, 5059), udp(5062, 5999)]);
        assert_eq!(taken, [5050, 5060, 5061]);
    }

    #[test]
    fn protected_ends_and_the_last_port_of_all() {
        let (pieces, _) = protected(&[1, 65535]).subtract_from(udp(1, 65535));
        assert_eq!(pieces, [udp(2, 65534)]);
        assert!(protected(&[7]).subtract_from(udp(7, 7)).0.is_empty());
    }

    #[test]
    fn another_protocol_protects_nothing() {
        let other = Protected([(Proto::Tcp, 5060)].into());
        assert_eq!(other.subtract_from(udp(5060, 5060)).0, [udp(5060, 5060)]);
    }
}
