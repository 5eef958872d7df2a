//! Which flows a ruleset cannot tell apart, read from its own rules.
//! Not here: judging them ([`super::verdicts`]).
//!
//! A server's flows differ mostly in the far end's address and the client's port. Rules look at an address only
//! by ranges and sets, so between two neighbouring ends of those every address is like the other; and at a
//! client's port only to compare it. A rule that looks otherwise makes each address, or port, its own class.

mod bounds;

use super::flow::{LiveFlow, SCTP, TCP, UDP};
use bounds::Bounds;
use rolewall_ruleset::expr::{CmpOp, CtKey, MetaKey, PayloadBase};
use rolewall_ruleset::flow::Direction;
use rolewall_ruleset::{Expr, Rule, Ruleset, SetRef, Table};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// Flows of one class get one verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Class {
    direction: Direction,
    proto: u8,
    icmp: Option<(u8, u8)>,
    far: Far,
    near: SocketAddr,
    /// The source port; none stands for every one of which no rule speaks.
    sport: Option<u16>,
    /// The far end's port, where it is not the source port.
    dport: u16,
}

/// The far end's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Far {
    Itself(IpAddr),
    /// Between these neighbouring bounds of its family, by the place of the upper one.
    Within {
        is_ipv4: bool,
        place: usize,
    },
}

/// What rules tell apart; none: any two may be.
#[derive(Debug)]
pub(super) struct Alike {
    source_ports: Option<BTreeSet<u16>>,
    sources: Sides,
    destinations: Sides,
}

/// Where ranges of addresses of a side end, in each family.
#[derive(Debug)]
struct Sides {
    ipv4: Option<Bounds>,
    ipv6: Option<Bounds>,
}

impl Alike {
    pub(super) fn told_apart_by(ruleset: &Ruleset) -> Alike {
        let sides = || Sides { ipv4: Some(Bounds::of_ipv4()), ipv6: Some(Bounds::of_ipv6()) };
        let mut alike =
            Alike { source_ports: Some(BTreeSet::new()), sources: sides(), destinations: sides() };
        for table in &ruleset.tables {
            for rule in table.chains.iter().flat_map(|chain| &chain.rules) {
                alike.add(table, rule);
            }
        }
        for side in [&mut alike.sources, &mut alike.destinations] {
            [&mut side.ipv4, &mut side.ipv6].into_iter().flatten().for_each(Bounds::sort);
        }
        alike
    }

    /// The class of a flow that does not end where it begins.
    pub(super) fn class(&self, flow: &LiveFlow) -> Class {
        let LiveFlow { direction, proto, src, dst, icmp } = *flow;
        let (far, near, sides) = match direction {
            Direction::In | Direction::Forward => (src, dst, &self.sources),
            Direction::Out => (dst, src, &self.destinations),
        };
        let is_named = self.source_ports.as_ref().is_none_or(|named| named.contains(&src.port()));
        let sport = is_named.then_some(src.port());
        // The port of the near end is part of it, and is a source port of what goes out.
        let near = if direction == Direction::Out { SocketAddr::new(near.ip(), 0) } else { near };
        Class { direction, proto, icmp, far: sides.far(far.ip()), near, sport, dport: dst.port() }
    }

    fn add(&mut self, table: &Table, rule: &Rule) {
        let mut guard = Guard::default();
        for (place, expr) in rule.exprs.iter().enumerate() {
            let rest = rule.exprs.get(place + 1..).unwrap_or_default();
            guard.see(expr, rest);
            match *expr {
                Expr::Payload { base: PayloadBase::Transport, offset, .. } => {
                    self.add_ports(&guard, offset, expr, rest);
                }
                Expr::Payload { base: PayloadBase::Network, offset, len, .. } => {
                    self.add_addresses(&guard, (offset, len), table, (expr, rest));
                }
                Expr::Ct { key, .. } if !is_of_the_connection(key) => self.forget(),
                _ => {}
            }
        }
    }

    /// Conntrack's own copy of addresses and ports is looked at: nothing is known to be alike.
    fn forget(&mut self) {
        let none = || Sides { ipv4: None, ipv6: None };
        *self = Alike { source_ports: None, sources: none(), destinations: none() };
    }

    fn add_ports(&mut self, guard: &Guard, offset: u32, load: &Expr, rest: &[Expr]) {
        /// Where the source port ends in a header of TCP, UDP and SCTP.
        const END: u32 = 2;
        let has_ports = guard.l4proto.is_none_or(|number| [TCP, UDP, SCTP].contains(&number));
        if offset >= END || !has_ports {
            return;
        }
        let port = match (load, rest.first()) {
            (Expr::Payload { offset: 0, dreg, .. }, Some(Expr::Cmp { sreg, op: CmpOp::Eq, value })) => {
                value.bytes().first_chunk().filter(|_| sreg == dreg)
            }
            _ => None,
        };
        match (port, &mut self.source_ports) {
            (Some(port), Some(named)) => drop(named.insert(u16::from_be_bytes(*port))),
            _ => self.source_ports = None,
        }
    }

    fn add_addresses(
        &mut self,
        guard: &Guard,
        (offset, len): (u32, u32),
        table: &Table,
        (load, rest): (&Expr, &[Expr]),
    ) {
        let sides = [(&mut self.sources, [12, 8]), (&mut self.destinations, [16, 24])];
        for (side, starts) in sides {
            for (bounds, start, family) in
                [(&mut side.ipv4, starts[0], Guard::IPV4), (&mut side.ipv6, starts[1], Guard::IPV6)]
            {
                let length = if family == Guard::IPV4 { 4 } else { 16 };
                let overlaps = offset < start + length && start < offset + len;
                if !overlaps || guard.nfproto.is_some_and(|own| own != family) {
                    continue;
                }
                let is_whole = offset == start && len <= length && guard.nfproto == Some(family);
                let is_known = is_whole && bounds.as_mut().is_some_and(|b| b.add(table, load, rest));
                if !is_known {
                    *bounds = None;
                }
            }
        }
    }
}

impl Sides {
    fn far(&self, address: IpAddr) -> Far {
        let (bounds, is_ipv4) = match address {
            IpAddr::V4(_) => (&self.ipv4, true),
            IpAddr::V6(_) => (&self.ipv6, false),
        };
        match bounds {
            Some(bounds) => Far::Within { is_ipv4, place: bounds.place(address) },
            None => Far::Itself(address),
        }
    }
}

/// What a rule has made sure of, up to some place in it.
#[derive(Debug, Default)]
struct Guard {
    nfproto: Option<u8>,
    l4proto: Option<u8>,
}

impl Guard {
    /// NFPROTO of `linux/netfilter.h`.
    const IPV4: u8 = 2;
    const IPV6: u8 = 10;

    fn see(&mut self, expr: &Expr, rest: &[Expr]) {
        let (Expr::Meta { key, dreg }, Some(Expr::Cmp { sreg, op: CmpOp::Eq, value })) = (expr, rest.first())
        else {
            return;
        };
        let ([number], true) = (value.bytes(), sreg == dreg) else { return };
        match key {
            MetaKey::NfProto => self.nfproto = Some(*number),
            MetaKey::L4Proto => self.l4proto = Some(*number),
            _ => {}
        }
    }
}

/// Whether a key of conntrack's tells of the connection, and not of its addresses and ports.
fn is_of_the_connection(key: CtKey) -> bool {
    matches!(key, CtKey::State | CtKey::Direction | CtKey::Status | CtKey::Mark | CtKey::Helper | CtKey::Zone)
}

/// The elements of a set of single addresses.
fn set_of_addresses<'r>(table: &'r Table, set: &'r SetRef) -> Option<&'r rolewall_ruleset::Set> {
    let set = match set {
        SetRef::Named(name) => table.set(name)?,
        SetRef::Anonymous(set) => set,
    };
    (set.key.len() == 1).then_some(set)
}
