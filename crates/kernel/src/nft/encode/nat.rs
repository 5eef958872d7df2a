//! Translations of addresses as attributes.
//! Not here: those of iptables, which are sent as they came.

use super::expr::{named, reg};
use crate::netlink::Writer;
use crate::nft::codes::{family_code, nat_flags_code};
use crate::nft::wire::expr as wire;
use rolewall_ruleset::expr::{NatFlags, NatKind};
use rolewall_ruleset::{Expr, Family, Reg};

/// `nat`, `masq`, `redir` and `tproxy`.
pub(super) fn write(w: &mut Writer, one: &Expr) {
    match one {
        Expr::Nat { kind, family, addresses, ports, flags } => named(w, "nat", |w| {
            let kind = if *kind == NatKind::Source { wire::nat::SNAT } else { wire::nat::DNAT };
            w.be32(wire::nat::TYPE, kind);
            w.be32(wire::nat::FAMILY, family_code(*family).into());
            both(w, *addresses, (wire::nat::REG_ADDR_MIN, wire::nat::REG_ADDR_MAX));
            both(w, *ports, (wire::nat::REG_PROTO_MIN, wire::nat::REG_PROTO_MAX));
            write_flags(w, wire::nat::FLAGS, *flags);
        }),
        Expr::Masquerade { ports, flags } => named(w, "masq", |w| {
            write_flags(w, wire::masq::FLAGS, *flags);
            both(w, *ports, (wire::masq::REG_PROTO_MIN, wire::masq::REG_PROTO_MAX));
        }),
        Expr::Redirect { ports, flags } => named(w, "redir", |w| {
            both(w, *ports, (wire::redir::REG_PROTO_MIN, wire::redir::REG_PROTO_MAX));
            write_flags(w, wire::redir::FLAGS, *flags);
        }),
        Expr::Tproxy { family, address, port } => named(w, "tproxy", |w| {
            w.be32(wire::tproxy::FAMILY, family.map_or(0, |f: Family| family_code(f).into()));
            address.iter().for_each(|from| reg(w, wire::tproxy::REG_ADDR, *from));
            port.iter().for_each(|from| reg(w, wire::tproxy::REG_PORT, *from));
        }),
        _ => {}
    }
}

fn both(w: &mut Writer, registers: Option<(Reg, Reg)>, (first, last): (u16, u16)) {
    if let Some((from, to)) = registers {
        reg(w, first, from);
        if to != from {
            reg(w, last, to);
        }
    }
}

fn write_flags(w: &mut Writer, kind: u16, flags: NatFlags) {
    let flags = nat_flags_code(flags);
    if flags != 0 {
        w.be32(kind, flags);
    }
}
