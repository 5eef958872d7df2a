//! Translations of addresses and ports, as chains of nat have them.
//! Not here: what else ends a rule ([`super::statement`]).

use super::Author;
use super::subject::is;
use crate::palette::Palette;
use rolewall_ruleset::expr::{MetaKey, NatFlags, NatKind};
use rolewall_ruleset::table::Hook;
use rolewall_ruleset::{Expr, Family, Reg, Value};

/// The register of an address, and that of a port behind it.
const ADDRESS: Reg = Reg(4);
const PORT: Reg = Reg(8);

impl Author<'_> {
    /// What the hook of this chain may do, and only to packets of one family and of a protocol with ports.
    pub(super) fn translation(&mut self) -> Vec<Expr> {
        let before_routing = matches!(self.hooks[0], Hook::Prerouting | Hook::Output);
        let (mut exprs, ports) = self.a_port();
        let flags = NatFlags::default();
        let to_own = self.random.percent(30);
        match (before_routing, self.hooks[0]) {
            (true, _) if to_own => exprs.push(Expr::Redirect { ports, flags }),
            (true, _) => exprs.extend(self.an_address(NatKind::Destination, ports)),
            (false, Hook::Postrouting) if to_own => exprs.push(Expr::Masquerade { ports: None, flags }),
            (false, _) => exprs.extend(self.an_address(NatKind::Source, ports)),
        }
        exprs
    }

    fn a_port(&mut self) -> (Vec<Expr>, Option<(Reg, Reg)>) {
        if self.random.percent(50) {
            return (Vec::new(), None);
        }
        let mut exprs = is(MetaKey::L4Proto, &[*self.random.pick(&[6, 17])]);
        let port = self.random.within(1, 0xffff) as u16;
        exprs.push(Expr::Immediate { dreg: PORT, value: Value::from_bytes(&port.to_be_bytes()) });
        (exprs, Some((PORT, PORT)))
    }

    fn an_address(&mut self, kind: NatKind, ports: Option<(Reg, Reg)>) -> Vec<Expr> {
        let v4 = self.speaks_v4();
        let mut exprs = self.of_family(v4);
        let (family, address) = match v4 {
            true => (Family::Ip, Palette::host4(self.random).octets().to_vec()),
            false => (Family::Ip6, Palette::host6(self.random).octets().to_vec()),
        };
        exprs.push(Expr::Immediate { dreg: ADDRESS, value: Value::from(address) });
        let (addresses, flags) = (Some((ADDRESS, ADDRESS)), NatFlags::default());
        exprs.push(Expr::Nat { kind, family, addresses, ports, flags });
        exprs
    }
}
