//! What the matches of iptables ask.
//! Not here: how they are written down in Linux, and the answers.

use super::{Address, Bits, Choice, Span};

/// What a match asks. It goes on to the rest of its rule if the answer is yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// `tcp`.
    Tcp(Tcp),
    /// `udp`, `udplite`.
    Udp(Udp),
    /// `sctp`.
    Sctp(Sctp),
    /// `icmp`.
    Icmp(Icmp),
    /// `icmp6`.
    Icmp6(Icmp),
    /// `multiport`.
    Multiport(Multiport),
    /// `conntrack`, `state`.
    Conntrack(Box<Conntrack>),
    /// `addrtype`.
    AddrType(AddrType),
    /// `iprange`.
    IpRange(Box<IpRange>),
    /// `mark`: of the packet.
    Mark(Bits<u32>),
    /// `connmark`: of the connection.
    ConnMark(Bits<u32>),
    /// `comment`: always yes.
    Comment(String),
    /// `limit`, `hashlimit`.
    Rate(Rate),
    /// `recent`.
    Recent(Recent),
    /// `length`, in bytes from the network header on.
    Length(Span<u16>),
    /// `tos`, `dscp`: of the whole byte.
    Tos(Bits<u8>),
    /// `ttl`, `hl`.
    HopLimit(HopLimit),
    /// `owner`.
    Owner(Owner),
    /// `mac`: the Ethernet address that sent it.
    Mac(Choice<[u8; 6]>),
    /// `pkttype`: 0 to this host, 1 broadcast, 2 multicast, as in `meta pkttype`.
    PktType(Choice<u32>),
    /// `physdev`: ports of a bridge.
    PhysDev(Box<PhysDev>),
    /// `set`: an ipset.
    Set(SetLookup),
    /// `rpfilter`: whether the source is routed back the way that it came.
    RpFilter {
        /// Yes if it is not.
        invert: bool,
    },
    /// What neither a flow nor its host tells (`string`, `bpf`, `u32`, `statistic`, `time`, ...), or a layout
    /// that is not known.
    Unknown,
}

/// `-m tcp`. All of it must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tcp {
    /// Source ports.
    pub sports: Span<u16>,
    /// Destination ports.
    pub dports: Span<u16>,
    /// TCP's flags: 0x02 SYN, 0x10 ACK, ...
    pub flags: Bits<u8>,
    /// A TCP option that is there.
    pub option: Option<Choice<u8>>,
}

/// `-m udp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Udp {
    /// Source ports.
    pub sports: Span<u16>,
    /// Destination ports.
    pub dports: Span<u16>,
}

/// `-m sctp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sctp {
    /// Source ports.
    pub sports: Span<u16>,
    /// Destination ports.
    pub dports: Span<u16>,
    /// It asks for types of chunks too.
    pub chunks: bool,
}

/// `-m icmp`, `-m icmp6`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Icmp {
    /// The type; none: any.
    pub kind: Option<u8>,
    /// First and last code. A packet of any type passes `kind: None` whatever its code.
    pub codes: (u8, u8),
    /// Inverted.
    pub invert: bool,
}

/// Which end of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Side {
    Source,
    Destination,
    /// One of the two.
    Either,
}

/// `-m multiport`: tcp, udp, udplite, sctp and dccp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Multiport {
    /// Whose port.
    pub side: Side,
    /// First and last port.
    pub ranges: Vec<(u16, u16)>,
    /// Inverted.
    pub invert: bool,
}

/// States of a packet and its connection that `conntrack` tells apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct CtStates {
    pub invalid: bool,
    pub established: bool,
    pub related: bool,
    pub new: bool,
    pub untracked: bool,
    /// The connection's source is translated.
    pub snat: bool,
    /// The connection's destination is translated.
    pub dnat: bool,
}

/// An address under a mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct AddressMask {
    pub address: Address,
    pub mask: Address,
}

/// `-m conntrack`. All that is there must hold. A packet without a connection (invalid, untracked) is asked
/// for its state alone, and passes nothing that does not ask for one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conntrack {
    /// One of these.
    pub states: Option<Choice<CtStates>>,
    /// IANA's protocol number.
    pub protocol: Option<Choice<u16>>,
    /// Source of the connection's first packet.
    pub orig_src: Option<Choice<AddressMask>>,
    /// Destination of the connection's first packet.
    pub orig_dst: Option<Choice<AddressMask>>,
    /// Source of its answers.
    pub reply_src: Option<Choice<AddressMask>>,
    /// Destination of its answers.
    pub reply_dst: Option<Choice<AddressMask>>,
    /// The same of ports.
    pub orig_sport: Option<Span<u16>>,
    /// The same of ports.
    pub orig_dport: Option<Span<u16>>,
    /// The same of ports.
    pub reply_sport: Option<Span<u16>>,
    /// The same of ports.
    pub reply_dport: Option<Span<u16>>,
    /// One of these bits of `ct status`.
    pub status: Option<Choice<u16>>,
    /// Seconds that are left of it.
    pub expires_s: Option<Span<u32>>,
    /// The packet goes the way of the first (inverted: of the answers).
    pub original: Option<Choice<()>>,
}

/// `-m addrtype`: bits by the number of a route's type, `1 << 2` local.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AddrType {
    /// One of these types.
    pub source: Option<Choice<u16>>,
    /// One of these types.
    pub destination: Option<Choice<u16>>,
    /// Asked of the interface that the packet came by only.
    pub of_iif: bool,
    /// Asked of the interface that the packet leaves by only.
    pub of_oif: bool,
}

/// From address to address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct AddressRange {
    pub first: Address,
    pub last: Address,
}

/// `-m iprange`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct IpRange {
    pub source: Option<Choice<AddressRange>>,
    pub destination: Option<Choice<AddressRange>>,
}

/// `-m limit` and `-m hashlimit`: yes within the rate; inverted (`--hashlimit-above`), beyond it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Microseconds a packet; 0 where bytes are counted.
    pub interval_us: u64,
    /// Packets.
    pub burst: u64,
    /// Beyond.
    pub invert: bool,
}

/// `-m recent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recent {
    /// Name of the list.
    pub list: String,
    /// It puts the address on the list, which always is a yes.
    pub sets: bool,
    /// Inverted.
    pub invert: bool,
}

/// How numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Compare {
    Equal,
    NotEqual,
    Less,
    Greater,
}

/// `-m ttl`, `-m hl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct HopLimit {
    pub compare: Compare,
    pub value: u8,
}

/// `-m owner`: who has the socket that sends. A packet without a socket passes only if all is inverted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Owner {
    /// User ids.
    pub uid: Option<Span<u32>>,
    /// Group ids.
    pub gid: Option<Span<u32>>,
    /// There is a socket (inverted: there is none).
    pub socket: Option<Choice<()>>,
}

/// `-m physdev`. A packet that crosses no bridge passes only if all that is asked is inverted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PhysDev {
    /// Port that it came by; ends in `+` where any name that begins so is meant.
    pub input: Option<Choice<String>>,
    /// Port that it leaves by.
    pub output: Option<Choice<String>>,
    /// It came by a port.
    pub is_in: Option<Choice<()>>,
    /// It leaves by a port.
    pub is_out: Option<Choice<()>>,
    /// It is bridged, and not routed.
    pub is_bridged: Option<Choice<()>>,
}

/// `-m set`: a look into an ipset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetLookup {
    /// Linux's number of the set.
    pub index: u16,
    /// Its name, where it was asked for.
    pub name: Option<String>,
    /// Which end each of the key's parts is taken from.
    pub sides: Vec<Side>,
    /// Inverted.
    pub invert: bool,
    /// It asks more than whether the element is there (counters, `nomatch`).
    pub more: bool,
}
