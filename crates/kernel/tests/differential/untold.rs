//! What no flow tells of a packet: the only excuse for the judge to answer *may*.
//! Not here: what the judge makes of it.

use rolewall_ruleset::expr::{CtKey, FibResult, MetaKey, PayloadBase};
use rolewall_ruleset::flow::{Direction, L4};
use rolewall_ruleset::xt::Condition;
use rolewall_ruleset::{Expr, Flow};

/// Whether an instruction asks for it.
pub(crate) fn asks(expr: &Expr, flow: &Flow) -> bool {
    match expr {
        Expr::Payload { base, offset, len, .. } => {
            let asked = (*offset, offset.saturating_add(*len));
            match base {
                PayloadBase::Link => true,
                PayloadBase::Network => network(flow).iter().any(|untold| overlap(*untold, asked)),
                PayloadBase::Transport => transport(flow.l4).iter().any(|untold| overlap(*untold, asked)),
                PayloadBase::Inner => false,
            }
        }
        Expr::Meta { key: MetaKey::PktType, .. } => packet_type_is_untold(flow),
        Expr::Meta { key, .. } => matches!(key, MetaKey::IifType | MetaKey::OifType | MetaKey::NfTrace),
        Expr::Ct { key, .. } => *key != CtKey::State,
        // An address of IPv4 may be the broadcast of a subnet.
        Expr::Fib { result: FibResult::AddrType, flags, .. } => {
            let asked = if flags.saddr { flow.src } else { flow.dst };
            asked.is_ipv4()
        }
        Expr::Fib { result, .. } => *result == FibResult::OifName,
        Expr::XtMatch(asked) => match &asked.condition {
            Condition::Mac(_) | Condition::Unknown => true,
            Condition::PktType(_) => packet_type_is_untold(flow),
            _ => false,
        },
        Expr::Foreign { .. } => true,
        _ => false,
    }
}

/// Of what comes in, an address of IPv4 may be the broadcast of a subnet; of what is sent on, nothing is told.
fn packet_type_is_untold(flow: &Flow) -> bool {
    flow.dst.is_ipv4() || flow.direction != Direction::In
}

/// From the first byte to before the last.
type Bytes = (u32, u32);

fn overlap(a: Bytes, b: Bytes) -> bool {
    a.0 < b.1 && b.0 < a.1
}

/// Identification and checksum of IPv4, and what lies behind the headers of a protocol that is not told.
fn network(flow: &Flow) -> Vec<Bytes> {
    let (header, own) = if flow.src.is_ipv4() { (20, vec![(4, 6), (10, 12)]) } else { (40, Vec::new()) };
    let behind = transport(flow.l4).into_iter().map(|(from, to)| (from + header, to + header));
    own.into_iter().chain(behind).collect()
}

/// Sequence, window, checksum; the rest of ICMP's header; SCTP's tag.
fn transport(l4: L4) -> Vec<Bytes> {
    match l4 {
        L4::Tcp { .. } => vec![(4, 12), (14, 20)],
        L4::Udp { .. } => vec![(6, 8)],
        L4::Sctp { .. } => vec![(4, 12)],
        L4::Icmp { .. } | L4::Icmpv6 { .. } => vec![(2, 8)],
        L4::Other(_) => Vec::new(),
    }
}
