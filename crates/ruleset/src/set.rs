//! Sets, maps and their elements, named and anonymous.
//! Not here: how nft spells an element (see [`crate::text`]), nor netlink's form of an interval.

use crate::{Expr, Value, Verdict};

/// The type of a key or of a map's data, as nft names it. nft stores its own number of the type
/// ([`DataType::id`]) beside the set so that a listing can spell the elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum DataType {
    Verdict,
    NfProto,
    Integer,
    Ipv4Addr,
    Ipv6Addr,
    EtherAddr,
    EtherType,
    InetProto,
    InetService,
    IcmpType,
    TcpFlag,
    Mark,
    IfIndex,
    CtState,
    Icmpv6Type,
    PktType,
    FibAddrType,
    IfName,
    /// Any other, by nft's number and its length in bytes: kept, so that a set of somebody else's is seen.
    Other {
        /// nft's number.
        id: u32,
        /// Length in bytes.
        len: u8,
    },
}

impl DataType {
    /// The types that have a name here.
    pub const NAMED: [DataType; 18] = [
        DataType::Verdict,
        DataType::NfProto,
        DataType::Integer,
        DataType::Ipv4Addr,
        DataType::Ipv6Addr,
        DataType::EtherAddr,
        DataType::EtherType,
        DataType::InetProto,
        DataType::InetService,
        DataType::IcmpType,
        DataType::TcpFlag,
        DataType::Mark,
        DataType::IfIndex,
        DataType::CtState,
        DataType::Icmpv6Type,
        DataType::PktType,
        DataType::FibAddrType,
        DataType::IfName,
    ];

    /// nft's number of the type.
    pub fn id(self) -> u32 {
        match self {
            DataType::Verdict => 1,
            DataType::NfProto => 2,
            DataType::Integer => 4,
            DataType::Ipv4Addr => 7,
            DataType::Ipv6Addr => 8,
            DataType::EtherAddr => 9,
            DataType::EtherType => 10,
            DataType::InetProto => 12,
            DataType::InetService => 13,
            DataType::IcmpType => 14,
            DataType::TcpFlag => 15,
            DataType::Mark => 19,
            DataType::IfIndex => 20,
            DataType::CtState => 26,
            DataType::Icmpv6Type => 29,
            DataType::PktType => 31,
            DataType::FibAddrType => 38,
            DataType::IfName => 41,
            DataType::Other { id, .. } => id,
        }
    }

    /// The type of that number and length; [`DataType::Other`] where no named type has both.
    pub fn from_id(id: u32, len: u8) -> DataType {
        let named = DataType::NAMED.into_iter().find(|t| t.id() == id && t.len() == len);
        named.unwrap_or(DataType::Other { id, len })
    }

    /// Length of a value in bytes.
    pub fn len(self) -> u8 {
        match self {
            DataType::Verdict => 0,
            DataType::NfProto
            | DataType::InetProto
            | DataType::IcmpType
            | DataType::TcpFlag
            | DataType::Icmpv6Type
            | DataType::PktType => 1,
            DataType::EtherType | DataType::InetService => 2,
            DataType::Integer
            | DataType::Ipv4Addr
            | DataType::Mark
            | DataType::IfIndex
            | DataType::CtState
            | DataType::FibAddrType => 4,
            DataType::EtherAddr => 6,
            DataType::Ipv6Addr | DataType::IfName => 16,
            DataType::Other { len, .. } => len,
        }
    }

    /// True for [`DataType::Verdict`], whose values have no length of their own.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The name in a set declaration, as `nft describe` lists it.
    pub fn name(self) -> &'static str {
        match self {
            DataType::Verdict => "verdict",
            DataType::NfProto => "nf_proto",
            DataType::Integer => "integer",
            DataType::Ipv4Addr => "ipv4_addr",
            DataType::Ipv6Addr => "ipv6_addr",
            DataType::EtherAddr => "ether_addr",
            DataType::EtherType => "ether_type",
            DataType::InetProto => "inet_proto",
            DataType::InetService => "inet_service",
            DataType::IcmpType => "icmp_type",
            DataType::TcpFlag => "tcp_flag",
            DataType::Mark => "mark",
            DataType::IfIndex => "iface_index",
            DataType::CtState => "ct_state",
            DataType::Icmpv6Type => "icmpv6_type",
            DataType::PktType => "pkt_type",
            DataType::FibAddrType => "fib_addrtype",
            DataType::IfName => "ifname",
            DataType::Other { .. } => "unknown",
        }
    }

    /// True where the kernel holds the value in host byte order.
    pub fn host_order(self) -> bool {
        matches!(
            self,
            DataType::Mark
                | DataType::IfIndex
                | DataType::CtState
                | DataType::FibAddrType
                | DataType::Integer
                | DataType::IfName
        )
    }
}

/// Set flags that somebody chooses. Those that follow from other fields (map, concatenation, anonymous)
/// are derived when the set is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SetFlags {
    /// Elements may not change after creation. Anonymous sets always are.
    pub constant: bool,
    /// Elements are ranges.
    pub interval: bool,
    /// Elements may expire.
    pub timeout: bool,
    /// Elements may be added by packets (`dynset`).
    pub dynamic: bool,
}

/// A set, or a map when it has data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// Its name; empty for an anonymous set, whose name Linux makes up.
    pub name: String,
    /// Type of the key: more than one field is a concatenation.
    pub key: Vec<DataType>,
    /// Type of the data, for a map; `[Verdict]` for a verdict map.
    pub data: Option<Vec<DataType>>,
    /// Flags.
    pub flags: SetFlags,
    /// Default lifetime of an element, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// The most elements that it takes. A hash set with a size is allocated once, and loads three times
    /// as fast (measured on Linux 6.18).
    pub size: Option<u32>,
    /// Statements that each element gets a copy of.
    pub exprs: Vec<Expr>,
    /// Comment.
    pub comment: Option<String>,
    /// The elements.
    pub elements: Vec<Element>,
}

impl Set {
    /// A named or (empty name) anonymous set without elements.
    pub fn new(name: impl Into<String>, key: &[DataType]) -> Set {
        Set {
            name: name.into(),
            key: key.to_vec(),
            data: None,
            flags: SetFlags::default(),
            timeout_ms: None,
            size: None,
            exprs: Vec::new(),
            comment: None,
            elements: Vec::new(),
        }
    }

    /// Whether Linux names it.
    pub fn is_anonymous(&self) -> bool {
        self.name.is_empty()
    }

    /// Length of a key in bytes, concatenation padding included.
    pub fn key_len(&self) -> usize {
        fields_len(&self.key)
    }

    /// Length of the data in bytes; zero for a plain set and for a verdict map.
    pub fn data_len(&self) -> usize {
        self.data.as_deref().map_or(0, fields_len)
    }

    /// Whether the data is a verdict.
    pub fn is_verdict_map(&self) -> bool {
        self.data.as_deref() == Some(&[DataType::Verdict])
    }
}

/// Length of a value of these fields in bytes: one field as it is, several padded to four bytes each.
pub fn fields_len(fields: &[DataType]) -> usize {
    match fields {
        [one] => usize::from(one.len()),
        many => many.iter().map(|t| usize::from(t.len()).next_multiple_of(4)).sum(),
    }
}

/// One element of a set or map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// The key, or the first key of a range.
    pub key: Value,
    /// The last key of a range, inclusive; none for a single key. In a concatenation the range holds
    /// field by field.
    pub end: Option<Value>,
    /// What a map maps it to.
    pub data: Option<MapData>,
    /// What few elements have; boxed because a million have not.
    pub extra: Option<Box<ElementExtra>>,
}

/// What a map holds for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum MapData {
    Value(Value),
    Verdict(Verdict),
}

/// The rarer properties of an element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ElementExtra {
    /// Its own lifetime in milliseconds.
    pub timeout_ms: Option<u64>,
    /// What is left of it, as read back, in milliseconds.
    pub expires_ms: Option<u64>,
    /// Comment, at most 127 bytes.
    pub comment: Option<String>,
    /// Its own statements (a limit's or counter's state in a dynamic set).
    pub exprs: Vec<Expr>,
}

impl Element {
    /// A single key.
    pub fn key(bytes: &[u8]) -> Element {
        Element { key: Value::from_bytes(bytes), end: None, data: None, extra: None }
    }

    /// A range, both ends inclusive.
    pub fn range(first: &[u8], last: &[u8]) -> Element {
        Element { end: Some(Value::from_bytes(last)), ..Element::key(first) }
    }

    /// The same element mapped to data.
    pub fn to(self, data: MapData) -> Element {
        Element { data: Some(data), ..self }
    }
}

/// Which set a rule looks into: one with a name, or one of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum SetRef {
    Named(String),
    Anonymous(Box<Set>),
}
