//! Single values as nft spells them: an address, a port, a mark, a list of flags.
//! Not here: concatenations, ranges and sets of them ([`super::elements`]).

use super::address;
use super::names::{self, name_of};
use crate::DataType;
use std::net::{Ipv4Addr, Ipv6Addr};

/// What a field's bytes mean, as far as their spelling goes. More than [`DataType`] has, because a rule
/// compares fields that no set can be declared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    NfProto,
    Ipv4,
    Ipv6,
    Ether,
    EtherType,
    Protocol,
    IcmpType,
    IcmpCode,
    Icmpv6Type,
    Icmpv6Code,
    TcpFlags,
    Mark,
    IfIndex,
    IfName,
    CtState,
    CtStatus,
    CtDirection,
    PktType,
    FibType,
    DevType,
    DevGroup,
    Dscp,
    Ecn,
    /// Zero is `missing`, one is `exists`.
    Presence,
    /// A route's interface: zero is no route.
    RouteIndex,
    /// Milliseconds.
    Time,
    /// Text that fills a fixed field.
    Text,
    /// Decimal, in network order.
    Number,
    /// Decimal, in host order.
    HostNumber,
    /// Raw payload: hexadecimal, in network order.
    Hex,
}

/// How a number's bytes are ordered where they are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Network,
    Host,
}

impl Kind {
    /// The kind of a set's field; none for types that nft cannot declare, and for verdicts.
    pub(super) fn of(data_type: DataType) -> Option<Kind> {
        Some(match data_type {
            DataType::Verdict | DataType::Integer | DataType::Other { .. } => return None,
            DataType::NfProto => Kind::NfProto,
            DataType::Ipv4Addr => Kind::Ipv4,
            DataType::Ipv6Addr => Kind::Ipv6,
            DataType::EtherAddr => Kind::Ether,
            DataType::EtherType => Kind::EtherType,
            DataType::InetProto => Kind::Protocol,
            DataType::InetService => Kind::Number,
            DataType::IcmpType => Kind::IcmpType,
            DataType::Icmpv6Type => Kind::Icmpv6Type,
            DataType::TcpFlag => Kind::TcpFlags,
            DataType::Mark => Kind::Mark,
            DataType::IfIndex => Kind::IfIndex,
            DataType::CtState => Kind::CtState,
            DataType::PktType => Kind::PktType,
            DataType::FibAddrType => Kind::FibType,
            DataType::IfName => Kind::IfName,
        })
    }

    /// How Linux holds it in a register.
    pub(super) fn order(self) -> Order {
        match self {
            Kind::Mark
            | Kind::IfIndex
            | Kind::IfName
            | Kind::CtState
            | Kind::CtStatus
            | Kind::FibType
            | Kind::DevType
            | Kind::DevGroup
            | Kind::Presence
            | Kind::RouteIndex
            | Kind::Time
            | Kind::Text
            | Kind::HostNumber => Order::Host,
            _ => Order::Network,
        }
    }

    /// How the ends of a range are spelled: nft gives them no names.
    pub(super) fn in_ranges(self) -> Kind {
        match self {
            Kind::NfProto
            | Kind::Protocol
            | Kind::IcmpType
            | Kind::IcmpCode
            | Kind::Icmpv6Type
            | Kind::Icmpv6Code
            | Kind::PktType => Kind::Number,
            kind => kind,
        }
    }

    /// Whether a bare value means "has one of these bits", not "is this".
    pub(super) fn is_bits(self) -> bool {
        matches!(self, Kind::TcpFlags | Kind::CtState | Kind::CtStatus)
    }

    /// Whether nft writes ranges of it as prefixes where they are such.
    pub(super) fn has_prefixes(self) -> bool {
        matches!(self, Kind::Ipv4 | Kind::Ipv6 | Kind::Mark)
    }

    /// Names of the bits, of a kind that [is bits](Kind::is_bits).
    pub(super) fn bit_names(self) -> &'static [(u32, &'static str)] {
        match self {
            Kind::TcpFlags => names::TCP_FLAGS,
            Kind::CtState => names::CT_STATE,
            _ => names::CT_STATUS,
        }
    }
}

/// The number that bytes of an order are; none beyond 16 bytes.
pub(super) fn number(bytes: &[u8], order: Order) -> Option<u128> {
    let step = |n: u128, byte: &u8| n << 8 | u128::from(*byte);
    match (bytes.len(), order) {
        (17.., _) => None,
        (_, Order::Network) => Some(bytes.iter().fold(0, step)),
        (_, Order::Host) => Some(bytes.iter().rev().fold(0, step)),
    }
}

/// The spelling of a whole value. None if nft has none, or reads it otherwise.
pub(super) fn spell(kind: Kind, bytes: &[u8], order: Order) -> Option<String> {
    let n = number(bytes, order)?;
    let small = u32::try_from(n).ok();
    let named = |table, width: usize| match small.and_then(|n| name_of(table, n)) {
        Some(name) => name.to_owned(),
        None if width == 0 => n.to_string(),
        None => format!("{n:#0width$x}"),
    };
    Some(match kind {
        Kind::Ipv4 | Kind::Ipv6 => {
            let mut text = String::new();
            write(kind, bytes, order, &mut text)?;
            text
        }
        Kind::Ether => bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(":"),
        Kind::IfName | Kind::Text => return quoted_name(bytes),
        Kind::TcpFlags | Kind::CtState | Kind::CtStatus => return flags(kind, small?, " | "),
        Kind::Mark => format!("0x{n:08x}"),
        Kind::Hex => format!("{n:#x}"),
        Kind::Time => duration(u64::try_from(n).ok()?),
        Kind::IfIndex if n == 1 => "\"lo\"".to_owned(),
        Kind::RouteIndex if n == 1 => "\"lo\"".to_owned(),
        Kind::DevGroup if n == 0 => "\"default\"".to_owned(),
        Kind::Presence => (*["missing", "exists"].get(usize::try_from(n).ok()?)?).to_owned(),
        Kind::DevType => dev_type(small?),
        Kind::NfProto => named(names::NF_PROTO, 0),
        Kind::EtherType => named(names::ETHER_TYPE, 6),
        Kind::Protocol => named(names::PROTOCOL, 0),
        Kind::IcmpType => named(names::ICMP_TYPE, 0),
        Kind::IcmpCode => named(names::ICMP_CODE, 0),
        Kind::Icmpv6Type => named(names::ICMPV6_TYPE, 0),
        Kind::Icmpv6Code => named(names::ICMPV6_CODE, 0),
        Kind::CtDirection => named(names::CT_DIRECTION, 0),
        Kind::PktType => named(names::PKT_TYPE, 0),
        Kind::FibType => named(names::FIB_TYPE, 0),
        Kind::Dscp => named(names::DSCP, 4),
        Kind::Ecn => named(names::ECN, 0),
        Kind::IfIndex | Kind::RouteIndex | Kind::DevGroup | Kind::Number | Kind::HostNumber => n.to_string(),
    })
}

/// Writes what [`spell`] gives.
pub(super) fn write(kind: Kind, bytes: &[u8], order: Order, text: &mut String) -> Option<()> {
    match kind {
        Kind::Ipv4 => address::ipv4(Ipv4Addr::from(u32::try_from(number(bytes, order)?).ok()?), text),
        Kind::Ipv6 => address::ipv6(Ipv6Addr::from(number(bytes, order)?), text),
        _ => text.push_str(&spell(kind, bytes, order)?),
    }
    Some(())
}

/// The names of all bits that are set. None if a bit has no name; `0x0` if none is set.
pub(super) fn flags(kind: Kind, bits: u32, between: &str) -> Option<String> {
    if bits == 0 {
        return Some("0x0".to_owned());
    }
    let names = kind.bit_names();
    let known = names.iter().fold(0, |all, (bit, _)| all | bit);
    let set: Vec<_> = names.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| *name).collect();
    (bits & !known == 0).then(|| set.join(between))
}

/// An interface's or helper's name in quotes; without its padding a name stands for all that begin so.
fn quoted_name(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    let name = std::str::from_utf8(&bytes[..end]).ok()?;
    let whole = end < bytes.len() || bytes.len() == 16;
    let speakable = !name.is_empty() && !name.contains(['"', '*', '\\', '\n']);
    let padded = bytes[end..].iter().all(|b| *b == 0);
    (speakable && padded).then(|| format!("\"{name}{}\"", if whole { "" } else { "*" }))
}

/// `ARPHRD_*` of `if_arp.h`: nft names these two.
fn dev_type(number: u32) -> String {
    match number {
        1 => "ether".to_owned(),
        772 => "loopback".to_owned(),
        other => other.to_string(),
    }
}

/// Milliseconds as nft writes a time: `1d2h3m4s5ms`.
pub(super) fn duration(ms: u64) -> String {
    if ms == 0 {
        return "0s".to_owned();
    }
    let (s, rest) = (ms / 1000, ms % 1000);
    let parts = [(s / 86_400, "d"), (s / 3600 % 24, "h"), (s / 60 % 60, "m"), (s % 60, "s"), (rest, "ms")];
    parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect()
}
