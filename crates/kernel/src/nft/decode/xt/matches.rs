//! Matches by name and revision, but `conntrack` ([`super::conntrack`]).
//! Not here: targets ([`super::targets`]).

use super::{Blob, conntrack};
use rolewall_ruleset::xt::{
    AddrType, AddressRange, Bits, Choice, Compare, Condition, HopLimit, Icmp, IpRange, Multiport, Owner,
    PhysDev, Rate, Recent, Sctp, SetLookup, Side, Span, Tcp, Udp,
};

/// What a match asks; none where its name or layout is not known.
pub(super) fn condition(name: &str, revision: u32, blob: Blob<'_>) -> Option<Condition> {
    match (name, revision) {
        ("tcp", 0) => tcp(blob),
        ("udp" | "udplite", 0) => udp(blob),
        ("sctp", 0) => sctp(blob),
        ("icmp", 0) => icmp(blob, true).map(Condition::Icmp),
        ("icmp6", 0) => icmp(blob, false).map(Condition::Icmp6),
        ("multiport", 0 | 1) => multiport(revision, blob),
        ("conntrack", _) => conntrack::conntrack(revision, blob),
        ("state", 0) => conntrack::state(blob),
        ("addrtype", 0 | 1) => addrtype(revision, blob),
        ("iprange", 1) => iprange(blob),
        ("mark", 1) => mark(blob).map(Condition::Mark),
        ("connmark", 1) => mark(blob).map(Condition::ConnMark),
        ("comment", 0) => Some(Condition::Comment(blob.text(0, 256)?)),
        ("limit", 0) => limit(blob),
        ("hashlimit", 1..=3) => hashlimit(revision, blob),
        ("recent", 0 | 1) => recent(blob),
        ("length", 0) => length(blob),
        ("tos", 1) => tos(blob),
        ("dscp", 0) => dscp(blob),
        ("ttl" | "hl", 0) => hop_limit(blob),
        ("owner", 1) => owner(blob),
        ("mac", 0) => mac(blob),
        ("pkttype", 0) => pkttype(blob),
        ("physdev", 0) => physdev(blob),
        ("set", 1..=4) => set(revision, blob),
        ("rpfilter", 0) => Some(Condition::RpFilter { invert: blob.u8(0)? & 8 != 0 }),
        _ => None,
    }
}

/// First and last port, the first at a place.
fn ports(blob: Blob<'_>, at: usize, invert: bool) -> Option<Span<u16>> {
    Some(Span { first: blob.u16(at)?, last: blob.u16(at + 2)?, invert })
}

/// `struct xt_tcp`.
fn tcp(blob: Blob<'_>) -> Option<Condition> {
    let invert = blob.u8(11)?;
    let (option, mask, value) = (blob.u8(8)?, blob.u8(9)?, blob.u8(10)?);
    Some(Condition::Tcp(Tcp {
        sports: ports(blob, 0, invert & 1 != 0)?,
        dports: ports(blob, 4, invert & 2 != 0)?,
        flags: Bits { value, mask, invert: invert & 4 != 0 },
        option: (option != 0).then_some(Choice { of: option, invert: invert & 8 != 0 }),
    }))
}

/// `struct xt_udp`.
fn udp(blob: Blob<'_>) -> Option<Condition> {
    let invert = blob.u8(8)?;
    let (sports, dports) = (ports(blob, 0, invert & 1 != 0)?, ports(blob, 4, invert & 2 != 0)?);
    Some(Condition::Udp(Udp { sports, dports }))
}

/// `struct xt_sctp_info`: what is not asked for is any port.
fn sctp(blob: Blob<'_>) -> Option<Condition> {
    let (asked, invert) = (blob.u32(284)?, blob.u32(288)?);
    let of = |bit: u32, at: usize| match asked & bit != 0 {
        true => ports(blob, at, invert & bit != 0),
        false => Some(Span { first: 0, last: u16::MAX, invert: false }),
    };
    Some(Condition::Sctp(Sctp { dports: of(2, 0)?, sports: of(1, 4)?, chunks: asked & 4 != 0 }))
}

/// `struct ipt_icmp`, `struct ip6t_icmp`: of IPv4 alone, 255 is any type.
fn icmp(blob: Blob<'_>, any: bool) -> Option<Icmp> {
    let kind = blob.u8(0)?;
    let codes = (blob.u8(1)?, blob.u8(2)?);
    Some(Icmp { kind: (!any || kind != 255).then_some(kind), codes, invert: blob.u8(3)? & 1 != 0 })
}

/// `struct xt_multiport`, `struct xt_multiport_v1`: a flag beside a port says that the next is the last of
/// a range.
fn multiport(revision: u32, blob: Blob<'_>) -> Option<Condition> {
    const PORTS_MAX: usize = 15;
    let side = match blob.u8(0)? {
        0 => Side::Source,
        1 => Side::Destination,
        2 => Side::Either,
        _ => return None,
    };
    let count = usize::from(blob.u8(1)?).min(PORTS_MAX);
    let port = |place: usize| blob.u16(2 + 2 * place);
    let opens = |place: usize| revision == 1 && blob.u8(32 + place).is_some_and(|flag| flag != 0);
    let (mut ranges, mut place) = (Vec::new(), 0);
    while place < count {
        let first = port(place)?;
        let is_range = opens(place) && place + 1 < PORTS_MAX;
        ranges.push((first, if is_range { port(place + 1)? } else { first }));
        place += if is_range { 2 } else { 1 };
    }
    let invert = revision == 1 && blob.u8(47)? != 0;
    Some(Condition::Multiport(Multiport { side, ranges, invert }))
}

/// `struct xt_addrtype_info`, `struct xt_addrtype_info_v1`.
fn addrtype(revision: u32, blob: Blob<'_>) -> Option<Condition> {
    let flags = match revision {
        0 => u32::from(blob.u32(4)? != 0) | u32::from(blob.u32(8)? != 0) << 1,
        _ => blob.u32(4)?,
    };
    let of = |types: u16, bit: u32| (types != 0).then_some(Choice { of: types, invert: flags & bit != 0 });
    Some(Condition::AddrType(AddrType {
        source: of(blob.u16(0)?, 1),
        destination: of(blob.u16(2)?, 2),
        of_iif: flags & 4 != 0,
        of_oif: flags & 8 != 0,
    }))
}

/// `struct xt_iprange_mtinfo`.
fn iprange(blob: Blob<'_>) -> Option<Condition> {
    let flags = blob.u8(64)?;
    let of = |bit: u8, at: usize| match flags & bit != 0 {
        false => Some(None),
        true => {
            let of = AddressRange { first: blob.address(at)?, last: blob.address(at + 16)? };
            Some(Some(Choice { of, invert: flags & bit << 4 != 0 }))
        }
    };
    Some(Condition::IpRange(Box::new(IpRange { source: of(1, 0)?, destination: of(2, 32)? })))
}

/// `struct xt_mark_mtinfo1`, `struct xt_connmark_mtinfo1`.
fn mark(blob: Blob<'_>) -> Option<Bits<u32>> {
    Some(Bits { value: blob.u32(0)?, mask: blob.u32(4)?, invert: blob.u8(8)? != 0 })
}

/// `struct xt_rateinfo`: the average is in parts of ten thousand of a second.
fn limit(blob: Blob<'_>) -> Option<Condition> {
    let interval_us = u64::from(blob.u32(0)?) * 100;
    Some(Condition::Rate(Rate { interval_us, burst: blob.u32(4)?.into(), invert: false }))
}

/// `struct xt_hashlimit_mtinfo1` to `3`.
fn hashlimit(revision: u32, blob: Blob<'_>) -> Option<Condition> {
    const INVERT: u32 = 1 << 4;
    const BYTES: u32 = 1 << 5;
    let (mode, average_us, burst) = match revision {
        1 => (blob.u32(16)?, u64::from(blob.u32(20)?) * 100, blob.u32(24)?.into()),
        _ => (blob.u32(272)?, blob.u64(256)?, blob.u64(264)?),
    };
    let interval_us = if mode & BYTES != 0 { 0 } else { average_us };
    Some(Condition::Rate(Rate { interval_us, burst, invert: mode & INVERT != 0 }))
}

/// `struct xt_recent_mtinfo`, and `_v1`, which begins with it.
fn recent(blob: Blob<'_>) -> Option<Condition> {
    const SET: u8 = 2;
    let sets = blob.u8(8)? & SET != 0;
    Some(Condition::Recent(Recent { list: blob.text(10, 200)?, sets, invert: blob.u8(9)? != 0 }))
}

/// `struct xt_length_info`.
fn length(blob: Blob<'_>) -> Option<Condition> {
    Some(Condition::Length(Span { first: blob.u16(0)?, last: blob.u16(2)?, invert: blob.u8(4)? != 0 }))
}

/// `struct xt_tos_match_info`.
fn tos(blob: Blob<'_>) -> Option<Condition> {
    Some(Condition::Tos(Bits { mask: blob.u8(0)?, value: blob.u8(1)?, invert: blob.u8(2)? != 0 }))
}

/// `struct xt_dscp_info`: the upper six bits of the byte.
fn dscp(blob: Blob<'_>) -> Option<Condition> {
    let value = blob.u8(0)?.checked_shl(2)?;
    Some(Condition::Tos(Bits { mask: 0xfc, value, invert: blob.u8(1)? != 0 }))
}

/// `struct ipt_ttl_info`, `struct ip6t_hl_info`.
fn hop_limit(blob: Blob<'_>) -> Option<Condition> {
    let compare = match blob.u8(0)? {
        0 => Compare::Equal,
        1 => Compare::NotEqual,
        2 => Compare::Less,
        3 => Compare::Greater,
        _ => return None,
    };
    Some(Condition::HopLimit(HopLimit { compare, value: blob.u8(1)? }))
}

/// `struct xt_owner_match_info`.
fn owner(blob: Blob<'_>) -> Option<Condition> {
    let (asked, invert) = (blob.u8(16)?, blob.u8(17)?);
    let ids = |bit: u8, at: usize| match asked & bit != 0 {
        false => Some(None),
        true => Some(Some(Span { first: blob.u32(at)?, last: blob.u32(at + 4)?, invert: invert & bit != 0 })),
    };
    let socket = (asked & 4 != 0).then_some(Choice { of: (), invert: invert & 4 != 0 });
    Some(Condition::Owner(Owner { uid: ids(1, 0)?, gid: ids(2, 8)?, socket }))
}

/// `struct xt_mac_info`.
fn mac(blob: Blob<'_>) -> Option<Condition> {
    Some(Condition::Mac(Choice { of: blob.bytes(0)?, invert: blob.u32(8)? != 0 }))
}

/// `struct xt_pkttype_info`.
fn pkttype(blob: Blob<'_>) -> Option<Condition> {
    Some(Condition::PktType(Choice { of: blob.u32(0)?, invert: blob.u32(4)? != 0 }))
}

/// `struct xt_physdev_info`.
fn physdev(blob: Blob<'_>) -> Option<Condition> {
    let (invert, asked) = (blob.u8(64)?, blob.u8(65)?);
    let flag = |bit: u8| (asked & bit != 0).then_some(Choice { of: (), invert: invert & bit != 0 });
    let named = |bit: u8, at: usize| match flag(bit) {
        None => Some(None),
        Some(choice) => Some(Some(Choice { of: interface(blob, at)?, invert: choice.invert })),
    };
    Some(Condition::PhysDev(Box::new(PhysDev {
        input: named(1, 0)?,
        output: named(2, 32)?,
        is_bridged: flag(4),
        is_in: flag(8),
        is_out: flag(16),
    })))
}

/// The name of an interface before its mask: `+` where the mask ends before the NUL.
fn interface(blob: Blob<'_>, at: usize) -> Option<String> {
    let name = blob.text(at, 16)?;
    let mask: [u8; 16] = blob.bytes(at + 16)?;
    let masked = mask.iter().take_while(|byte| **byte != 0).count();
    Some(if masked > name.len() { name } else { blob.text(at, masked)? + "+" })
}

/// `struct xt_set_info`, alone in revisions 1 and 2 and first in 3 and 4, which count too.
fn set(revision: u32, blob: Blob<'_>) -> Option<Condition> {
    const NOMATCH: u8 = 1 << 7;
    let flags = blob.u8(3)?;
    let place = |place: u8| match flags >> (place + 1) & 1 == 1 {
        true => Side::Source,
        false => Side::Destination,
    };
    let sides = (0..blob.u8(2)?.min(6)).map(place).collect();
    let counts = match revision {
        3 => blob.u8(8)? | blob.u8(24)? != 0 || blob.u32(40)? != 0,
        4 => blob.u8(16)? | blob.u8(32)? != 0 || blob.u32(40)? != 0,
        _ => false,
    };
    let (index, invert) = (blob.u16(0)?, flags & 1 != 0);
    let more = counts || flags & NOMATCH != 0;
    Some(Condition::Set(SetLookup { index, name: None, sides, invert, more }))
}
