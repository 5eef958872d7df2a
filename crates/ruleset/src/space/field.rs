//! What a flow is told apart by: its fields; and the shape that flows with the same fields share.
//! Not here: which values of a field rules tell apart ([`super::alphabet`]).

use super::ranges::{Ranges, ones};
use crate::expr::PayloadBase;
use crate::flow::{CtState, Direction, L4};
use crate::{Family, Flow};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One field of a flow, as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Field {
    /// The place of the state in [`CT_STATES`].
    Ct,
    /// The interface's name, its sixteen bytes as a number.
    Iif,
    Oif,
    /// IANA's number, where the shape does not settle it.
    Proto,
    Dport,
    Sport,
    /// The low byte of TCP's flags.
    TcpFlags,
    IcmpType,
    IcmpCode,
    HopLimit,
    Src,
    Dst,
}

/// Conntrack's states by their number in [`Field::Ct`].
pub const CT_STATES: [CtState; 5] =
    [CtState::New, CtState::Established, CtState::Related, CtState::Invalid, CtState::Untracked];

/// Layer 4, as far as it settles which fields a flow has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Kind {
    Tcp,
    Udp,
    Sctp,
    /// ICMP or ICMPv6, by the family.
    Icmp,
    /// Any other protocol, of whose header no rule can know anything.
    Other,
}

/// Flows with the same fields: every byte of their headers is a constant, part of a field, or unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shape {
    /// Which way.
    pub direction: Direction,
    /// IPv4 or IPv6: [`Family::Ip`] or [`Family::Ip6`].
    pub family: Family,
    /// Layer 4.
    pub kind: Kind,
}

/// The value of an interface that no rule names: Linux allows no slash in a name.
pub(super) const NO_NAME: u128 = (b'/' as u128) << 120;

/// What is known of one byte of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Byte {
    Is(u8),
    /// That byte of the field, counted from its most significant.
    Of(Field, u8),
    Unknown,
    /// It may not be there at all.
    Beyond,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 5] = [Kind::Tcp, Kind::Udp, Kind::Sctp, Kind::Icmp, Kind::Other];

    /// IANA's number; none for [`Kind::Other`].
    pub fn number(self, family: Family) -> Option<u8> {
        Some(match self {
            Kind::Tcp => 6,
            Kind::Udp => 17,
            Kind::Sctp => 132,
            Kind::Icmp if family == Family::Ip => 1,
            Kind::Icmp => 58,
            Kind::Other => return None,
        })
    }
}

impl Shape {
    /// The shape of a flow.
    pub fn of(flow: &Flow) -> Shape {
        let family = if flow.src.is_ipv4() { Family::Ip } else { Family::Ip6 };
        let number = flow.l4.number();
        let is_its = |kind: &Kind| kind.number(family) == Some(number);
        let kind = Kind::ALL.into_iter().find(is_its).unwrap_or(Kind::Other);
        Shape { direction: flow.direction, family, kind }
    }

    /// Its fields, in the order in which they are asked: those that few rules look at and that have few
    /// values first, the remote address last.
    pub(super) fn fields(self) -> Vec<Field> {
        let interfaces = match self.direction {
            Direction::In => &[Field::Iif][..],
            Direction::Out => &[Field::Oif],
            Direction::Forward => &[Field::Iif, Field::Oif],
        };
        let own = match self.kind {
            Kind::Tcp => &[Field::Dport, Field::Sport, Field::TcpFlags][..],
            Kind::Udp | Kind::Sctp => &[Field::Dport, Field::Sport],
            Kind::Icmp => &[Field::IcmpType, Field::IcmpCode],
            Kind::Other => &[Field::Proto],
        };
        let ends = match self.direction {
            Direction::Out => [Field::Src, Field::Dst],
            Direction::In | Direction::Forward => [Field::Dst, Field::Src],
        };
        [&[Field::Ct], interfaces, own, &[Field::HopLimit], &ends].concat()
    }

    /// The width of a field in bytes.
    pub(super) fn bytes(self, field: Field) -> u8 {
        match field {
            Field::Ct
            | Field::Proto
            | Field::TcpFlags
            | Field::IcmpType
            | Field::IcmpCode
            | Field::HopLimit => 1,
            Field::Dport | Field::Sport => 2,
            Field::Iif | Field::Oif => 16,
            Field::Src | Field::Dst if self.family == Family::Ip => 4,
            Field::Src | Field::Dst => 16,
        }
    }

    /// The values that flows of this shape can have.
    pub(super) fn domain(self, field: Field) -> Ranges {
        match field {
            Field::Ct => Ranges::span(0, CT_STATES.len() as u128 - 1),
            Field::Proto => {
                let settled = Kind::ALL.iter().filter_map(|kind| kind.number(self.family));
                Ranges::of(settled.map(|n| (n.into(), n.into())).collect()).complement(255)
            }
            other => Ranges::span(0, self.largest(other)),
        }
    }

    /// The same where these are asked for: a name with bytes after its end is no interface's.
    pub(super) fn possible(self, field: Field, asked: &[Ranges]) -> Ranges {
        let domain = self.domain(field);
        if !matches!(field, Field::Iif | Field::Oif) {
            return domain;
        }
        let is_a_name =
            |value: u128| value == NO_NAME || interface(value).as_deref().map(name) == Some(value);
        let single = asked.iter().flat_map(Ranges::ranges).filter(|(first, last)| first == last);
        let nobodys = single.filter(|(value, _)| !is_a_name(*value)).copied().collect();
        domain.and(&Ranges::of(nobodys).complement(u128::MAX))
    }

    /// The largest number that the field's bytes can hold.
    pub(super) fn largest(self, field: Field) -> u128 {
        ones(u32::from(self.bytes(field)) * 8)
    }

    /// A flow's value of a field; none if it has no such field.
    pub(super) fn value(self, field: Field, flow: &Flow) -> Option<u128> {
        Some(match (field, flow.l4) {
            (Field::Ct, _) => CT_STATES.iter().position(|state| *state == flow.ct)? as u128,
            (Field::Iif, _) => flow.iif.as_deref().map_or(NO_NAME, name),
            (Field::Oif, _) => flow.oif.as_deref().map_or(NO_NAME, name),
            (Field::HopLimit, _) => flow.hop_limit.into(),
            (Field::Src, _) => number(flow.src),
            (Field::Dst, _) => number(flow.dst),
            (Field::Proto, l4) => l4.number().into(),
            (Field::Sport, L4::Tcp { sport, .. } | L4::Udp { sport, .. } | L4::Sctp { sport, .. }) => {
                sport.into()
            }
            (Field::Dport, L4::Tcp { dport, .. } | L4::Udp { dport, .. } | L4::Sctp { dport, .. }) => {
                dport.into()
            }
            (Field::TcpFlags, L4::Tcp { flags, .. }) => flags.into(),
            (Field::IcmpType, L4::Icmp { kind, .. } | L4::Icmpv6 { kind, .. }) => kind.into(),
            (Field::IcmpCode, L4::Icmp { code, .. } | L4::Icmpv6 { code, .. }) => code.into(),
            _ => return None,
        })
    }

    /// The flow with these values.
    pub(super) fn flow(self, value: impl Fn(Field) -> u128) -> Flow {
        let byte = |field| u8::try_from(value(field)).unwrap_or(u8::MAX);
        let port = |field| u16::try_from(value(field)).unwrap_or(u16::MAX);
        let (sport, dport) = (|| port(Field::Sport), || port(Field::Dport));
        let l4 = match self.kind {
            Kind::Tcp => L4::Tcp { sport: sport(), dport: dport(), flags: byte(Field::TcpFlags) },
            Kind::Udp => L4::Udp { sport: sport(), dport: dport() },
            Kind::Sctp => L4::Sctp { sport: sport(), dport: dport() },
            Kind::Icmp if self.family == Family::Ip => {
                L4::Icmp { kind: byte(Field::IcmpType), code: byte(Field::IcmpCode) }
            }
            Kind::Icmp => L4::Icmpv6 { kind: byte(Field::IcmpType), code: byte(Field::IcmpCode) },
            Kind::Other => L4::Other(byte(Field::Proto)),
        };
        let address = |field| address(self.family, value(field));
        let mut flow = Flow::first(self.direction, address(Field::Src), address(Field::Dst), l4);
        let fields = self.fields();
        let interface = |field| fields.contains(&field).then(|| interface(value(field))).flatten();
        (flow.iif, flow.oif) = (interface(Field::Iif), interface(Field::Oif));
        flow.ct = CT_STATES[usize::from(byte(Field::Ct)).min(CT_STATES.len() - 1)];
        flow.hop_limit = byte(Field::HopLimit);
        flow
    }

    /// What is known of a byte of such a packet: no options, no extension headers, no fragment; of what
    /// follows the transport header, nothing.
    pub(super) fn byte(self, base: PayloadBase, offset: u32) -> Byte {
        match base {
            PayloadBase::Link => Byte::Unknown,
            PayloadBase::Inner => Byte::Beyond,
            PayloadBase::Network if offset >= self.network_len() => {
                self.transport_byte(offset - self.network_len())
            }
            PayloadBase::Network => self.network_byte(offset),
            PayloadBase::Transport => self.transport_byte(offset),
        }
    }

    /// Bytes of an IPv4 header without options, and of an IPv6 header (RFC 791, RFC 8200).
    fn network_len(self) -> u32 {
        if self.family == Family::Ip { 20 } else { 40 }
    }

    fn network_byte(self, offset: u32) -> Byte {
        let part = |field, first: u32| Byte::Of(field, u8::try_from(offset - first).unwrap_or(0));
        let proto = || self.kind.number(self.family).map_or(Byte::Of(Field::Proto, 0), Byte::Is);
        match (self.family, offset) {
            (Family::Ip, 0) => Byte::Is(0x45),
            (Family::Ip, 2..=5 | 10 | 11) | (Family::Ip6, 4 | 5) => Byte::Unknown,
            (Family::Ip, 8) | (Family::Ip6, 7) => part(Field::HopLimit, offset),
            (Family::Ip, 9) | (Family::Ip6, 6) => proto(),
            (Family::Ip, 12..=15) => part(Field::Src, 12),
            (Family::Ip, 16..=19) => part(Field::Dst, 16),
            (Family::Ip6, 0) => Byte::Is(0x60),
            (Family::Ip6, 8..=23) => part(Field::Src, 8),
            (Family::Ip6, 24..=39) => part(Field::Dst, 24),
            _ => Byte::Is(0),
        }
    }

    fn transport_byte(self, offset: u32) -> Byte {
        let has_ports = matches!(self.kind, Kind::Tcp | Kind::Udp | Kind::Sctp);
        match (self.kind, offset) {
            (_, 0 | 1) if has_ports => Byte::Of(Field::Sport, u8::from(offset == 1)),
            (_, 2 | 3) if has_ports => Byte::Of(Field::Dport, u8::from(offset == 3)),
            (Kind::Tcp, 12) => Byte::Is(0x50),
            (Kind::Tcp, 13) => Byte::Of(Field::TcpFlags, 0),
            (Kind::Icmp, 0) => Byte::Of(Field::IcmpType, 0),
            (Kind::Icmp, 1) => Byte::Of(Field::IcmpCode, 0),
            (Kind::Tcp, ..20) | (Kind::Udp | Kind::Icmp, ..8) | (Kind::Sctp, ..12) => Byte::Unknown,
            _ => Byte::Beyond,
        }
    }
}

/// An address as a number.
pub fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u32::from(v4).into(),
        IpAddr::V6(v6) => v6.into(),
    }
}

/// The address of a number.
pub fn address(family: Family, number: u128) -> IpAddr {
    match family {
        Family::Ip => IpAddr::V4(Ipv4Addr::from(u32::try_from(number).unwrap_or(u32::MAX))),
        _ => IpAddr::V6(Ipv6Addr::from(number)),
    }
}

/// An interface's name as a number.
pub(super) fn name(name: &str) -> u128 {
    let mut bytes = [0; 16];
    let len = name.len().min(bytes.len());
    bytes[..len].copy_from_slice(&name.as_bytes()[..len]);
    u128::from_be_bytes(bytes)
}

/// The values of interfaces of these names.
pub fn interface_values(names: &[impl AsRef<str>]) -> Ranges {
    Ranges::of(names.iter().map(|one| (name(one.as_ref()), name(one.as_ref()))).collect())
}

/// The name of a number; none for an interface that no rule names.
pub(super) fn interface(number: u128) -> Option<String> {
    let bytes = number.to_be_bytes();
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let is_a_name = |text: &&str| !text.is_empty() && !text.contains('/');
    std::str::from_utf8(&bytes[..end]).ok().filter(is_a_name).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_after_the_end_of_a_name_are_nobodys() {
        let shape = Shape { direction: Direction::In, family: Family::Ip, kind: Kind::Tcp };
        let (good, bad) = (name("ppp0"), name("ppp0") | 0x80);
        let asked = [Ranges::one(good), Ranges::one(bad), Ranges::span(name("ppp"), name("ppp") | 0xff)];
        let possible = shape.possible(Field::Iif, &asked);
        assert!(possible.contains(good) && possible.contains(NO_NAME) && !possible.contains(bad));
        assert!(shape.possible(Field::Dport, &asked).contains(0));
    }
}
