//! The expressions of nf_tables: one instruction each of the program that a rule is.
//! Not here: their netlink attributes (crate `kernel`), and how nft spells them ([`crate::text`]).
//!
//! Each variant carries exactly what Linux keeps of it, so that what is encoded decodes to the same value.
//! A kernel header is named where a number is its own: `include/uapi/linux/netfilter/nf_tables.h`.

use crate::{Family, SetRef, Value, xt};

/// A data register, counted in 32-bit slots from 0 to 15: slot 0 is `reg 1` of nft's debug output,
/// slot 4 `reg 2`, slot 1 `reg 9`. The verdict register is implied where it is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reg(pub u8);

/// Slots in a register file.
pub const REG_SLOTS: usize = 16;

/// What becomes of a packet, or where it goes on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Verdict {
    Accept,
    Drop,
    Continue,
    Return,
    Jump(String),
    Goto(String),
    /// Queue and others that this crate does not interpret: Linux's own code.
    Other(i32),
}

/// Comparison of [`Expr::Cmp`] and [`Expr::Range`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum CmpOp {
    Eq,
    Neq,
    Lt,
    Lte,
    Gt,
    Gte,
}

/// Where a payload offset counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum PayloadBase {
    Link,
    Network,
    Transport,
    Inner,
}

/// Keys of `meta`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum MetaKey {
    Len,
    Protocol,
    Priority,
    Mark,
    Iif,
    Oif,
    IifName,
    OifName,
    IifType,
    OifType,
    SkUid,
    SkGid,
    NfTrace,
    NfProto,
    L4Proto,
    PktType,
    Cpu,
    IifGroup,
    OifGroup,
    Cgroup,
    /// Any other, by Linux's number.
    Other(u32),
}

/// Keys of `ct`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum CtKey {
    State,
    Direction,
    Status,
    Mark,
    Expiration,
    Helper,
    L3Protocol,
    Src,
    Dst,
    Protocol,
    ProtoSrc,
    ProtoDst,
    Labels,
    Zone,
    Id,
    SrcIp,
    DstIp,
    SrcIp6,
    DstIp6,
    /// Any other, by Linux's number.
    Other(u32),
}

/// Which half of a connection a `ct` key is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum CtDirection {
    Original,
    Reply,
}

/// What `fib` answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum FibResult {
    Oif,
    OifName,
    AddrType,
}

/// What `fib` asks with: flags of `enum nft_fib_flags`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub struct FibFlags {
    pub saddr: bool,
    pub daddr: bool,
    pub mark: bool,
    pub iif: bool,
    pub oif: bool,
    /// Check for existence of a route only.
    pub present: bool,
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum LimitKind {
    Packets,
    Bytes,
}

/// What a reject answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reject {
    /// ICMP or ICMPv6 unreachable with that family's code.
    IcmpUnreach(u8),
    /// TCP reset.
    TcpReset,
    /// ICMP of either family by Linux's abstract code: 0 no-route, 1 port-unreachable,
    /// 2 host-unreachable, 3 admin-prohibited.
    Icmpx(u8),
}

/// What a `dynset` does with the element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum DynsetOp {
    Add,
    Update,
    Delete,
}

/// Which end of a packet `nat` translates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum NatKind {
    Source,
    Destination,
}

/// How ports and addresses are chosen out of those that `nat` may use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub struct NatFlags {
    pub random: bool,
    pub fully_random: bool,
    pub persistent: bool,
    /// The network part is replaced, the host part stays.
    pub netmap: bool,
}

/// What a named object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum ObjectKind {
    Counter,
    Quota,
    CtHelper,
    Limit,
    ConnLimit,
    Tunnel,
    CtTimeout,
    Secmark,
    CtExpectation,
    Synproxy,
    /// Any other, by Linux's number.
    Other(u32),
}

/// One instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    /// Load packet metadata.
    Meta {
        /// What.
        key: MetaKey,
        /// Where to.
        dreg: Reg,
    },
    /// Set packet metadata from a register.
    MetaSet {
        /// What.
        key: MetaKey,
        /// Where from.
        sreg: Reg,
    },
    /// Load `len` bytes of the packet. Ends the rule without a match if the packet is shorter.
    Payload {
        /// Counted from.
        base: PayloadBase,
        /// In bytes.
        offset: u32,
        /// In bytes.
        len: u32,
        /// Where to.
        dreg: Reg,
    },
    /// Load conntrack's view.
    Ct {
        /// What.
        key: CtKey,
        /// Which half, where the key has one.
        dir: Option<CtDirection>,
        /// Where to.
        dreg: Reg,
    },
    /// Ask the routing table.
    Fib {
        /// What is asked.
        result: FibResult,
        /// With what.
        flags: FibFlags,
        /// Where to.
        dreg: Reg,
    },
    /// Go on only if the comparison holds.
    Cmp {
        /// Left side.
        sreg: Reg,
        /// How.
        op: CmpOp,
        /// Right side.
        value: Value,
    },
    /// Go on only if the register is (`Eq`) or is not (`Neq`) within both ends.
    Range {
        /// Which register.
        sreg: Reg,
        /// `Eq` or `Neq`.
        op: CmpOp,
        /// First.
        from: Value,
        /// Last, inclusive.
        to: Value,
    },
    /// `dreg = (sreg & mask) ^ xor`.
    Bitwise {
        /// From.
        sreg: Reg,
        /// To.
        dreg: Reg,
        /// Both masks' length in bytes.
        len: u32,
        /// And.
        mask: Value,
        /// Exclusive or.
        xor: Value,
    },
    /// Look the register up. In a plain set: go on only if it is in (or, inverted, is not). In a map:
    /// load its data to `dreg`. In a verdict map: take the verdict.
    Lookup {
        /// Key.
        sreg: Reg,
        /// Where.
        set: SetRef,
        /// Data of a map goes here. None for a set.
        dreg: Option<LookupTo>,
        /// Go on if it is not in.
        invert: bool,
    },
    /// Load a constant.
    Immediate {
        /// Where to.
        dreg: Reg,
        /// What.
        value: Value,
    },
    /// Take a verdict (an immediate to the verdict register).
    Verdict(Verdict),
    /// Count. Where two rulesets are compared, the figures do not matter.
    Counter {
        /// Packets so far.
        packets: u64,
        /// Bytes so far.
        bytes: u64,
    },
    /// Go on only within (or, inverted, beyond) a rate.
    Limit {
        /// Units in `per_s` seconds.
        rate: u64,
        /// 1 second, 60 minute, 3600 hour, 86400 day, 604800 week.
        per_s: u64,
        /// Burst, in packets or bytes.
        burst: u32,
        /// What is counted.
        kind: LimitKind,
        /// `over`.
        invert: bool,
    },
    /// Log, to the kernel log or to an NFLOG group.
    Log {
        /// Prefix, at most 127 bytes.
        prefix: Option<String>,
        /// NFLOG group; none is the kernel log.
        group: Option<u16>,
        /// Bytes of the packet that are copied; 0 is all.
        snaplen: Option<u32>,
        /// Packets that Linux collects before it sends.
        queue_threshold: Option<u16>,
        /// syslog level, for the kernel log.
        level: Option<u32>,
        /// Flags of the kernel log (`NF_LOG_*`).
        flags: Option<u32>,
    },
    /// Refuse with an answer. Final.
    Reject(Reject),
    /// Add, update or delete an element from the packet's path.
    Dynset {
        /// Which set, by name.
        set: String,
        /// What.
        op: DynsetOp,
        /// Key.
        key: Reg,
        /// Data, for a map.
        data: Option<Reg>,
        /// Lifetime of the element in milliseconds.
        timeout_ms: Option<u64>,
        /// Match inverted.
        invert: bool,
        /// Statements of the element; the rule goes on only if they do.
        exprs: Vec<Expr>,
    },
    /// Byte order conversion, as nft emits it before host-order ranges.
    Byteorder {
        /// From.
        sreg: Reg,
        /// To.
        dreg: Reg,
        /// `true`: host to network; `false`: network to host.
        to_network: bool,
        /// Bytes converted.
        len: u32,
        /// Size of each number, in bytes.
        size: u32,
    },
    /// Do not track this packet.
    Notrack,
    /// Translate an address, a port, or both, and accept. First and last of each are in registers.
    Nat {
        /// Which end.
        kind: NatKind,
        /// `Ip` or `Ip6`: which packets, by what the registers hold.
        family: Family,
        /// First and last address; none: as it was.
        addresses: Option<(Reg, Reg)>,
        /// First and last port; none: as it was, if it can be.
        ports: Option<(Reg, Reg)>,
        /// How it is chosen.
        flags: NatFlags,
    },
    /// Translate the source to the address of the interface that the packet leaves by, and accept.
    Masquerade {
        /// First and last port.
        ports: Option<(Reg, Reg)>,
        /// How it is chosen.
        flags: NatFlags,
    },
    /// Translate the destination to this host, and accept.
    Redirect {
        /// First and last port.
        ports: Option<(Reg, Reg)>,
        /// How it is chosen.
        flags: NatFlags,
    },
    /// Give the packet to a socket of this host, if there is one; else the rule ends without a match.
    Tproxy {
        /// Both families where none is given.
        family: Option<Family>,
        /// The socket's address.
        address: Option<Reg>,
        /// The socket's port.
        port: Option<Reg>,
    },
    /// Set what conntrack holds (mark, zone, labels, ...) from a register.
    CtSet {
        /// What.
        key: CtKey,
        /// Which half, where the key has one.
        dir: Option<CtDirection>,
        /// Where from.
        sreg: Reg,
    },
    /// Write bytes of the packet.
    PayloadSet {
        /// Counted from.
        base: PayloadBase,
        /// In bytes.
        offset: u32,
        /// In bytes.
        len: u32,
        /// Where from.
        sreg: Reg,
        /// Linux's number of the checksum that is mended, where it stands, and its flags.
        checksum: (u32, u32, u32),
    },
    /// Use a named object of the table.
    Object {
        /// What it is.
        kind: ObjectKind,
        /// Its name.
        name: String,
    },
    /// A match of iptables.
    XtMatch(Box<xt::Match>),
    /// A target of iptables.
    XtTarget(Box<xt::Target>),
    /// Something that Linux holds and this crate does not model: kept whole so that it is seen, never
    /// interpreted. Its effect is unknown.
    Foreign {
        /// Linux's name of the expression.
        name: String,
        /// Its attributes as they came.
        data: Box<[u8]>,
    },
}

/// Where a map's data goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookupTo {
    /// The verdict register: the map's data is the verdict.
    Verdict,
    /// A data register.
    Reg(Reg),
}
