//! Protocols and port ranges, and the arithmetic on them.
//! Not here: which role uses which.

mod parse;

pub use parse::PortError;

use std::fmt;

/// A transport protocol with ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Proto {
    Tcp,
    Udp,
    Sctp,
}

impl Proto {
    /// IANA's number.
    pub fn number(self) -> u8 {
        match self {
            Proto::Tcp => 6,
            Proto::Udp => 17,
            Proto::Sctp => 132,
        }
    }
}

impl fmt::Display for Proto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Proto::Tcp => "tcp",
            Proto::Udp => "udp",
            Proto::Sctp => "sctp",
        })
    }
}

/// Ports of one protocol, both ends inclusive; never 0, never backwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    /// The protocol.
    pub proto: Proto,
    /// At least 1.
    pub first: u16,
    /// At least `first`.
    pub last: u16,
}

impl PortRange {
    /// Whether a port is in both.
    pub fn overlaps(self, other: PortRange) -> bool {
        self.proto == other.proto && self.first <= other.last && other.first <= self.last
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PortRange { proto, first, last } if first == last => write!(f, "{proto}/{first}"),
            PortRange { proto, first, last } => write!(f, "{proto}/{first}-{last}"),
        }
    }
}
