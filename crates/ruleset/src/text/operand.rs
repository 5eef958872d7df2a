//! What a register holds: where it was loaded from, and what was done to it since.
//! Not here: its name in a rule, which depends on the headers that the rule has established
//! ([`super::context`]).

use super::value::{Kind, Order};
use crate::expr::{CtDirection, CtKey, FibFlags, FibResult, MetaKey, PayloadBase};
use crate::program::fib_flags;
use crate::{SetRef, Value};

/// Where bytes come from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Source<'a> {
    Meta(MetaKey),
    Payload {
        base: PayloadBase,
        offset: u32,
        len: u32,
    },
    Ct(CtKey, Option<CtDirection>),
    Fib(FibResult, FibFlags),
    Constant(&'a Value),
    /// Data that a map holds for a key.
    Mapped(Vec<Operand<'a>>, &'a SetRef),
}

/// The content of a register.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Operand<'a> {
    /// Where it was loaded from.
    pub(super) source: Source<'a>,
    /// Bytes.
    pub(super) len: usize,
    /// And-mask and xor-mask that it went through.
    pub(super) masks: Option<(&'a Value, &'a Value)>,
    /// Whether it was converted from host to network order.
    pub(super) swapped: bool,
}

impl<'a> Operand<'a> {
    /// As loaded.
    pub(super) fn new(source: Source<'a>, len: usize) -> Operand<'a> {
        Operand { source, len, masks: None, swapped: false }
    }

    /// The order in which its bytes lie now.
    pub(super) fn order(&self, kind: Kind) -> Order {
        if self.swapped { Order::Network } else { kind.order() }
    }
}

/// Bytes that a `meta` key loads.
pub(super) fn meta_len(key: MetaKey) -> usize {
    match key {
        MetaKey::NfProto | MetaKey::L4Proto | MetaKey::PktType | MetaKey::NfTrace => 1,
        MetaKey::Protocol | MetaKey::IifType | MetaKey::OifType => 2,
        MetaKey::IifName | MetaKey::OifName => 16,
        _ => 4,
    }
}

/// Bytes that a `ct` key loads.
pub(super) fn ct_len(key: CtKey) -> usize {
    match key {
        CtKey::Direction | CtKey::L3Protocol | CtKey::Protocol => 1,
        CtKey::ProtoSrc | CtKey::ProtoDst | CtKey::Zone => 2,
        CtKey::Helper | CtKey::Labels | CtKey::SrcIp6 | CtKey::DstIp6 => 16,
        _ => 4,
    }
}

/// Bytes that a `fib` result loads.
pub(super) fn fib_len(result: FibResult, flags: FibFlags) -> usize {
    if result == FibResult::OifName && !flags.present { 16 } else { 4 }
}

/// Name and kind of a `meta` key that rules compare; none if nft spells its values in a way not known here.
pub(super) fn meta_name(key: MetaKey) -> Option<(&'static str, Kind)> {
    Some(match key {
        MetaKey::Len => ("meta length", Kind::HostNumber),
        MetaKey::Protocol => ("meta protocol", Kind::EtherType),
        MetaKey::Mark => ("meta mark", Kind::Mark),
        MetaKey::Iif => ("iif", Kind::IfIndex),
        MetaKey::Oif => ("oif", Kind::IfIndex),
        MetaKey::IifName => ("iifname", Kind::IfName),
        MetaKey::OifName => ("oifname", Kind::IfName),
        MetaKey::IifType => ("meta iiftype", Kind::DevType),
        MetaKey::OifType => ("meta oiftype", Kind::DevType),
        MetaKey::SkUid => ("meta skuid", Kind::HostNumber),
        MetaKey::SkGid => ("meta skgid", Kind::HostNumber),
        MetaKey::NfTrace => ("meta nftrace", Kind::Number),
        MetaKey::NfProto => ("meta nfproto", Kind::NfProto),
        MetaKey::L4Proto => ("meta l4proto", Kind::Protocol),
        MetaKey::PktType => ("meta pkttype", Kind::PktType),
        MetaKey::Cpu => ("meta cpu", Kind::HostNumber),
        MetaKey::IifGroup => ("iifgroup", Kind::DevGroup),
        MetaKey::OifGroup => ("oifgroup", Kind::DevGroup),
        MetaKey::Cgroup => ("meta cgroup", Kind::HostNumber),
        MetaKey::Priority | MetaKey::Other(_) => return None,
    })
}

/// Name and kind of a `ct` key.
pub(super) fn ct_name(key: CtKey, dir: Option<CtDirection>) -> Option<(String, Kind)> {
    let (name, kind) = match (key, dir) {
        (CtKey::State, None) => ("state", Kind::CtState),
        (CtKey::Direction, None) => ("direction", Kind::CtDirection),
        (CtKey::Status, None) => ("status", Kind::CtStatus),
        (CtKey::Mark, None) => ("mark", Kind::Mark),
        (CtKey::Expiration, None) => ("expiration", Kind::Time),
        (CtKey::Helper, None) => ("helper", Kind::Text),
        (CtKey::L3Protocol, None) => ("l3proto", Kind::NfProto),
        (CtKey::Protocol, None) => ("protocol", Kind::Protocol),
        (CtKey::Zone, _) => ("zone", Kind::HostNumber),
        (CtKey::SrcIp, Some(_)) => ("ip saddr", Kind::Ipv4),
        (CtKey::DstIp, Some(_)) => ("ip daddr", Kind::Ipv4),
        (CtKey::SrcIp6, Some(_)) => ("ip6 saddr", Kind::Ipv6),
        (CtKey::DstIp6, Some(_)) => ("ip6 daddr", Kind::Ipv6),
        _ => return None,
    };
    let half = match dir {
        None => "",
        Some(CtDirection::Original) => "original ",
        Some(CtDirection::Reply) => "reply ",
    };
    Some((format!("ct {half}{name}"), kind))
}

/// Name and kind of what `fib` answers.
pub(super) fn fib_name(result: FibResult, flags: FibFlags) -> Option<(String, Kind)> {
    let (word, kind) = match (result, flags.present) {
        (FibResult::Oif, true) => ("oif", Kind::Presence),
        (FibResult::Oif, false) => ("oif", Kind::RouteIndex),
        (FibResult::OifName, false) => ("oifname", Kind::IfName),
        (FibResult::AddrType, false) => ("type", Kind::FibType),
        _ => return None,
    };
    Some((format!("fib {} {word}", fib_flags(flags)), kind))
}
