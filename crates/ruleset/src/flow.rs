//! One packet header as a hook sees it, with conntrack's state of it.
//! Not here: what becomes of it ([`crate::judge`]).

use std::net::{IpAddr, SocketAddr};

/// Which way a packet goes through the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Direction {
    In,
    Out,
    Forward,
}

/// Conntrack's state of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum CtState {
    New,
    Established,
    Related,
    Invalid,
    Untracked,
}

/// Layer 4 protocol, with what of its header the rules can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum L4 {
    /// `flags` is the low byte of TCP's flags: 0x02 SYN, 0x10 ACK, ...
    Tcp {
        sport: u16,
        dport: u16,
        flags: u8,
    },
    Udp {
        sport: u16,
        dport: u16,
    },
    Sctp {
        sport: u16,
        dport: u16,
    },
    Icmp {
        kind: u8,
        code: u8,
    },
    Icmpv6 {
        kind: u8,
        code: u8,
    },
    /// Any other, by number.
    Other(u8),
}

impl L4 {
    /// The first packet of a client to a port: TCP a SYN, the source port an ephemeral one. None for a protocol
    /// without ports.
    pub fn client(number: u8, dport: u16) -> Option<L4> {
        Some(with_ports(number)?(EPHEMERAL, dport))
    }

    /// IANA's protocol number.
    pub fn number(self) -> u8 {
        match self {
            L4::Icmp { .. } => 1,
            L4::Tcp { .. } => 6,
            L4::Udp { .. } => 17,
            L4::Icmpv6 { .. } => 58,
            L4::Sctp { .. } => 132,
            L4::Other(number) => number,
        }
    }
}

/// One packet header. Both addresses are of one family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// Which way.
    pub direction: Direction,
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// Protocol and ports.
    pub l4: L4,
    /// Interface it came in by; none: some interface that no rule names.
    pub iif: Option<String>,
    /// Interface it leaves by, after all translations; none: some interface that no rule names, or, where its
    /// destination is translated, that of the network which this is in.
    pub oif: Option<String>,
    /// Conntrack's state.
    pub ct: CtState,
    /// TTL or hop limit. ND and MLD are genuine only with 255 and 1 (RFC 4861, RFC 2710).
    pub hop_limit: u8,
    /// The first bytes after the transport header, where a rule looks at them.
    pub payload: Vec<u8>,
}

/// TCP's flags of a first packet and of a later one (RFC 9293, section 3.1).
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
/// The source port of a client that none was given for: the first of Linux's ephemeral range is 32768.
const EPHEMERAL: u16 = 40_000;
/// Linux's default TTL and hop limit.
const HOP_LIMIT: u8 = 64;
/// Echo request: RFC 792, RFC 4443 section 4.1.
const ECHO_REQUEST: u8 = 8;
const ECHO_REQUEST_V6: u8 = 128;

impl Flow {
    /// A new flow from words: `tcp`, `198.51.100.7:40000`, `192.0.2.11:443`; IPv6 with a port is
    /// `[2001:db8::1]:443`. The protocol is a name or a number. Without a source port it is 40000, ICMP is an
    /// echo request, TCP a SYN.
    pub fn parse(direction: Direction, proto: &str, src: &str, dst: &str) -> Result<Flow, FlowError> {
        let (src_address, sport) = end("source", src)?;
        let (dst_address, dport) = end("destination", dst)?;
        if src_address.is_ipv4() != dst_address.is_ipv4() {
            return Err(FlowError::MixedFamilies { src: src_address, dst: dst_address });
        }
        let number = protocol(proto)?;
        let l4 = match (with_ports(number), dport, sport) {
            (Some(with_ports), Some(dport), sport) => with_ports(sport.unwrap_or(EPHEMERAL), dport),
            (Some(_), None, _) => return Err(FlowError::NoPort { proto: proto.into(), dst: dst.into() }),
            (None, None, None) => without_ports(number),
            (None, ..) => return Err(FlowError::NoPorts { proto: proto.into() }),
        };
        if let (L4::Icmp { .. }, false) | (L4::Icmpv6 { .. }, true) = (l4, src_address.is_ipv4()) {
            return Err(FlowError::WrongFamily { proto: proto.into(), src: src_address });
        }
        Ok(Flow::first(direction, src_address, dst_address, l4))
    }

    /// The first packet of a flow, by no interface that any rule names.
    pub fn first(direction: Direction, src: IpAddr, dst: IpAddr, l4: L4) -> Flow {
        let (iif, oif, ct, payload) = (None, None, CtState::New, Vec::new());
        Flow { direction, src, dst, l4, iif, oif, ct, hop_limit: HOP_LIMIT, payload }
    }

    /// The same flow by this interface, on the side that its direction has (a forwarded one has both).
    #[must_use]
    pub fn by(mut self, interface: Option<String>) -> Flow {
        match self.direction {
            Direction::In => self.iif = interface,
            Direction::Out => self.oif = interface,
            Direction::Forward => (self.iif, self.oif) = (interface.clone(), interface),
        }
        self
    }

    /// The same flow in a state of conntrack's; TCP is then a SYN if new, an ACK otherwise.
    #[must_use]
    pub fn with_ct(mut self, ct: CtState) -> Flow {
        self.ct = ct;
        if let L4::Tcp { flags, .. } = &mut self.l4 {
            *flags = if ct == CtState::New { SYN } else { ACK };
        }
        self
    }

    /// The same flow with another type of ICMP, and the hop limit that ND (RFC 4861) and MLD (RFC 2710,
    /// RFC 3810) are sent with.
    #[must_use]
    pub fn with_icmp_type(mut self, wanted: u8) -> Flow {
        match &mut self.l4 {
            L4::Icmp { kind, .. } => *kind = wanted,
            L4::Icmpv6 { kind, .. } => {
                *kind = wanted;
                self.hop_limit = match wanted {
                    133..=137 => 255,
                    130..=132 | 143 => 1,
                    _ => self.hop_limit,
                };
            }
            _ => {}
        }
        self
    }
}

/// Why words are not a flow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlowError {
    /// Neither a known name nor a number.
    #[error(
        "\"{0}\" is not a protocol; expected tcp, udp, sctp, icmp, icmpv6 or a number from 0 to 255, as in `tcp`"
    )]
    Proto(String),
    /// Not an address with or without a port.
    #[error(
        "cannot read the {which} \"{found}\"; expected an address, with a port after a colon where the protocol has ports, as in `198.51.100.7:443`, `[2001:db8::1]:443` or `2001:db8::1`"
    )]
    End {
        /// Source or destination.
        which: &'static str,
        /// What was read.
        found: String,
    },
    /// One end is IPv4, the other IPv6.
    #[error(
        "{src} and {dst} are not of one family; expected both IPv4 or both IPv6, as in `198.51.100.7` and `192.0.2.11`"
    )]
    MixedFamilies {
        /// Source.
        src: IpAddr,
        /// Destination.
        dst: IpAddr,
    },
    /// ICMP goes with IPv4, ICMPv6 with IPv6.
    #[error(
        "{proto} does not go with {src}; expected icmp between IPv4 addresses, icmpv6 between IPv6 addresses"
    )]
    WrongFamily {
        /// The protocol.
        proto: String,
        /// Source.
        src: IpAddr,
    },
    /// No destination port where there must be one.
    #[error(
        "{proto} to \"{dst}\" needs a destination port; expected one after a colon, as in `192.0.2.11:443` or `[2001:db8::1]:443`"
    )]
    NoPort {
        /// The protocol.
        proto: String,
        /// The destination.
        dst: String,
    },
    /// A port where there can be none.
    #[error("{proto} has no ports; expected plain addresses, as in `198.51.100.7` and `2001:db8::1`")]
    NoPorts {
        /// The protocol.
        proto: String,
    },
}

fn protocol(word: &str) -> Result<u8, FlowError> {
    Ok(match word {
        "icmp" => 1,
        "tcp" => 6,
        "udp" => 17,
        "icmpv6" | "ipv6-icmp" => 58,
        "sctp" => 132,
        other => other.parse().map_err(|_| FlowError::Proto(other.to_owned()))?,
    })
}

/// How a protocol with ports is made of them.
fn with_ports(number: u8) -> Option<fn(u16, u16) -> L4> {
    Some(match number {
        6 => |sport, dport| L4::Tcp { sport, dport, flags: SYN },
        17 => |sport, dport| L4::Udp { sport, dport },
        132 => |sport, dport| L4::Sctp { sport, dport },
        _ => return None,
    })
}

fn without_ports(number: u8) -> L4 {
    match number {
        1 => L4::Icmp { kind: ECHO_REQUEST, code: 0 },
        58 => L4::Icmpv6 { kind: ECHO_REQUEST_V6, code: 0 },
        other => L4::Other(other),
    }
}

/// An address, and a port if one is there.
fn end(which: &'static str, word: &str) -> Result<(IpAddr, Option<u16>), FlowError> {
    let bare = word.strip_prefix('[').and_then(|w| w.strip_suffix(']')).unwrap_or(word);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok((address, None));
    }
    let both: Result<SocketAddr, _> = word.parse();
    both.map(|b| (b.ip(), Some(b.port()))).map_err(|_| FlowError::End { which, found: word.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(proto: &str, src: &str, dst: &str) -> Result<Flow, FlowError> {
        Flow::parse(Direction::In, proto, src, dst)
    }

    #[test]
    fn ports_and_families_are_read() {
        let flow = words("tcp", "198.51.100.7", "192.0.2.11:443").unwrap();
        assert_eq!(flow.l4, L4::Tcp { sport: 40_000, dport: 443, flags: SYN });
        let flow = words("udp", "[2001:db8::1]:5060", "[2001:db8::2]:5061").unwrap();
        assert_eq!(flow.l4, L4::Udp { sport: 5060, dport: 5061 });
        assert_eq!(words("icmpv6", "fe80::1", "[fe80::2]").unwrap().l4, L4::Icmpv6 { kind: 128, code: 0 });
        assert_eq!(words("6", "::1", "[::1]:1").unwrap().l4.number(), 6);
        assert_eq!(words("47", "10.0.0.1", "10.0.0.2").unwrap().l4, L4::Other(47));
    }

    #[test]
    fn an_established_tcp_packet_is_no_syn() {
        let flow = words("tcp", "10.0.0.1", "10.0.0.2:1").unwrap().with_ct(CtState::Established);
        assert!(matches!(flow.l4, L4::Tcp { flags: ACK, .. }));
    }

    #[test]
    fn neighbour_discovery_has_hop_limit_255() {
        let flow = words("icmpv6", "fe80::1", "fe80::2").unwrap().with_icmp_type(135);
        assert_eq!((flow.l4, flow.hop_limit), (L4::Icmpv6 { kind: 135, code: 0 }, 255));
    }

    #[test]
    fn what_is_no_flow_is_refused_in_words() {
        let refused = |proto, src, dst| words(proto, src, dst).unwrap_err().to_string();
        assert!(
            refused("tpc", "10.0.0.1", "10.0.0.2:1").starts_with("\"tpc\" is not a protocol; expected tcp")
        );
        assert!(refused("tcp", "10.0.0", "10.0.0.2:1").starts_with("cannot read the source \"10.0.0\""));
        assert!(refused("tcp", "10.0.0.1", "10.0.0.2:66666").starts_with("cannot read the destination"));
        assert!(refused("tcp", "10.0.0.1", "::1").contains("are not of one family"));
        assert!(refused("udp", "10.0.0.1", "10.0.0.2").contains("needs a destination port"));
        assert!(refused("icmp", "10.0.0.1", "10.0.0.2:1").contains("has no ports"));
        assert!(refused("icmp", "::1", "::2").contains("does not go with ::1"));
        assert!(refused("256", "::1", "::2").starts_with("\"256\" is not a protocol"));
    }
}
