//! Translations of addresses out of attributes.
//! Not here: those of iptables ([`super::xt`]).

use super::expr::reg;
use crate::netlink::Fields;
use crate::nft::codes::{family, nat_flags};
use crate::nft::wire::expr as wire;
use rolewall_ruleset::expr::{NatFlags, NatKind};
use rolewall_ruleset::{Expr, Family, Reg};

type Both = Option<(Reg, Reg)>;

/// First and last; one register is both. None where one of them is not understood.
fn both<const N: usize>(f: &Fields<'_, N>, first: u16, last: u16) -> Option<Both> {
    if !f.has(first) {
        return (!f.has(last)).then_some(None);
    }
    let first = reg(f, first)?;
    Some(Some((first, if f.has(last) { reg(f, last)? } else { first })))
}

fn flags<const N: usize>(f: &Fields<'_, N>, kind: u16) -> Option<NatFlags> {
    nat_flags(f.be32(kind).unwrap_or(0))
}

/// The family of what the registers hold: IPv4 or IPv6, or none where it is left open.
fn family_of(code: u32) -> Option<Family> {
    family(u8::try_from(code).ok()?).filter(|family| matches!(family, Family::Ip | Family::Ip6))
}

pub(super) fn nat(f: &Fields<'_, 8>) -> Option<Expr> {
    let kind = match f.be32(wire::nat::TYPE)? {
        wire::nat::SNAT => NatKind::Source,
        wire::nat::DNAT => NatKind::Destination,
        _ => return None,
    };
    Some(Expr::Nat {
        kind,
        family: family(u8::try_from(f.be32(wire::nat::FAMILY)?).ok()?)?,
        addresses: both(f, wire::nat::REG_ADDR_MIN, wire::nat::REG_ADDR_MAX)?,
        ports: both(f, wire::nat::REG_PROTO_MIN, wire::nat::REG_PROTO_MAX)?,
        flags: flags(f, wire::nat::FLAGS)?,
    })
}

pub(super) fn masquerade(f: &Fields<'_, 4>) -> Option<Expr> {
    let ports = both(f, wire::masq::REG_PROTO_MIN, wire::masq::REG_PROTO_MAX)?;
    Some(Expr::Masquerade { ports, flags: flags(f, wire::masq::FLAGS)? })
}

pub(super) fn redirect(f: &Fields<'_, 4>) -> Option<Expr> {
    let ports = both(f, wire::redir::REG_PROTO_MIN, wire::redir::REG_PROTO_MAX)?;
    Some(Expr::Redirect { ports, flags: flags(f, wire::redir::FLAGS)? })
}

pub(super) fn tproxy(f: &Fields<'_, 4>) -> Option<Expr> {
    let register = |kind: u16| if f.has(kind) { reg(f, kind).map(Some) } else { Some(None) };
    Some(Expr::Tproxy {
        family: family_of(f.be32(wire::tproxy::FAMILY)?),
        address: register(wire::tproxy::REG_ADDR)?,
        port: register(wire::tproxy::REG_PORT)?,
    })
}
