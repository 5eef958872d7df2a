//! One flow that is going on, by its first packet.
//! Not here: what becomes of it.

use rolewall_ruleset::flow::{Direction, L4};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// IANA's protocol numbers.
pub(crate) const ICMP: u8 = 1;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const ICMPV6: u8 = 58;
pub(crate) const SCTP: u8 = 132;

/// TCP's flags of a first packet (RFC 9293, section 3.1).
const SYN: u8 = 0x02;

/// A flow that is going on. Where addresses are translated, as the hook that decides about it sees them: the
/// source before, the destination after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LiveFlow {
    pub(crate) direction: Direction,
    /// The protocol's number.
    pub(crate) proto: u8,
    /// Port 0 where the protocol has none.
    pub(crate) src: SocketAddr,
    pub(crate) dst: SocketAddr,
    /// ICMP's type and code, where it is that.
    pub(crate) icmp: Option<(u8, u8)>,
}

impl LiveFlow {
    /// A connection of TCP.
    pub(crate) fn tcp(direction: Direction, src: SocketAddr, dst: SocketAddr) -> LiveFlow {
        LiveFlow { direction, proto: TCP, src, dst, icmp: None }
    }

    /// Its first packet's protocol and ports; TCP is a SYN.
    pub(crate) fn l4(&self) -> L4 {
        let (sport, dport) = (self.src.port(), self.dst.port());
        match (self.proto, self.icmp) {
            (TCP, _) => L4::Tcp { sport, dport, flags: SYN },
            (UDP, _) => L4::Udp { sport, dport },
            (SCTP, _) => L4::Sctp { sport, dport },
            (ICMP, Some((kind, code))) => L4::Icmp { kind, code },
            (ICMPV6, Some((kind, code))) => L4::Icmpv6 { kind, code },
            (number, _) => L4::Other(number),
        }
    }

    /// This host's end of it; none of a forwarded one.
    pub(crate) fn local(&self) -> Option<SocketAddr> {
        match self.direction {
            Direction::In => Some(self.dst),
            Direction::Out => Some(self.src),
            Direction::Forward => None,
        }
    }

    /// The end that is not this host's; of a forwarded one, where it goes.
    pub(crate) fn peer(&self) -> SocketAddr {
        if self.direction == Direction::In { self.src } else { self.dst }
    }

    /// The direction as commands spell it.
    pub(crate) fn way(&self) -> &'static str {
        match self.direction {
            Direction::In => "in",
            Direction::Out => "out",
            Direction::Forward => "forward",
        }
    }

    /// The protocol as commands spell it: a name, or its number.
    pub(crate) fn protocol(&self) -> String {
        match self.proto {
            ICMP => "icmp".to_owned(),
            TCP => "tcp".to_owned(),
            UDP => "udp".to_owned(),
            ICMPV6 => "icmpv6".to_owned(),
            SCTP => "sctp".to_owned(),
            number => number.to_string(),
        }
    }

    /// Its two ends as commands spell them, with ports where the protocol has some.
    pub(crate) fn ends(&self) -> [String; 2] {
        let has_ports = self.src.port() != 0 || self.dst.port() != 0;
        let end = |end: SocketAddr| if has_ports { end.to_string() } else { IpAddr::to_string(&end.ip()) };
        [end(self.src), end(self.dst)]
    }
}

impl fmt::Display for LiveFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [src, dst] = self.ends();
        write!(f, "{} {} {src} -> {dst}", self.way(), self.protocol())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_spelled_as_explain_takes_it() {
        let flow = |direction, proto, src: &str, dst: &str, icmp| {
            let (src, dst) = (src.parse().unwrap(), dst.parse().unwrap());
            LiveFlow { direction, proto, src, dst, icmp }.to_string()
        };
        let tcp = flow(Direction::In, TCP, "[2001:db8::1]:40000", "[2001:db8::2]:443", None);
        assert_eq!(tcp, "in tcp [2001:db8::1]:40000 -> [2001:db8::2]:443");
        let ping = flow(Direction::Forward, ICMP, "192.0.2.1:0", "192.0.2.2:0", Some((8, 0)));
        assert_eq!(ping, "forward icmp 192.0.2.1 -> 192.0.2.2");
        assert_eq!(
            flow(Direction::Out, 47, "192.0.2.1:0", "192.0.2.2:0", None),
            "out 47 192.0.2.1 -> 192.0.2.2"
        );
    }
}
