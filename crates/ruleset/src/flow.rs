//! One packet header as a hook sees it, with conntrack's state of it.
//! Not here: what becomes of it ([`crate::judge`]).

use std::net::IpAddr;

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
    Tcp { sport: u16, dport: u16, flags: u8 },
    Udp { sport: u16, dport: u16 },
    Sctp { sport: u16, dport: u16 },
    Icmp { kind: u8, code: u8 },
    Icmpv6 { kind: u8, code: u8 },
    /// Any other, by number.
    Other(u8),
}

impl L4 {
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
    /// Interface it leaves by; none: some interface that no rule names.
    pub oif: Option<String>,
    /// Conntrack's state.
    pub ct: CtState,
    /// TTL or hop limit. ND and MLD are genuine only with 255 and 1 (RFC 4861, RFC 2710).
    pub hop_limit: u8,
    /// The first bytes after the transport header, where a rule looks at them.
    pub payload: Vec<u8>,
}

/// Why words are not a flow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlowError {
    /// To come.
    #[error("cannot read the protocol `{0}`")]
    Proto(String),
}

impl Flow {
    /// A flow from words.
    pub fn parse(direction: Direction, proto: &str, src: &str, dst: &str) -> Result<Flow, FlowError> {
        let _ = (direction, src, dst);
        Err(FlowError::Proto(proto.to_owned()))
    }
}
