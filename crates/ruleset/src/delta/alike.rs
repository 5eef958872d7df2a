//! Whether two instructions, or two declarations of a set, mean the same to Linux.
//! Not here: elements of named sets ([`super::elements`]) and the order of rules ([`super::rules`]).

use super::elements::Changes;
use crate::expr::LimitKind;
use crate::{Expr, Rule, Set, SetRef};

/// Whether two rules do the same and say the same of why.
pub(super) fn rules(a: &Rule, b: &Rule) -> bool {
    let Rule { handle: _, exprs, comment } = a;
    *comment == b.comment && programs(exprs, &b.exprs)
}

fn programs(a: &[Expr], b: &[Expr]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| instructions(a, b))
}

fn instructions(a: &Expr, b: &Expr) -> bool {
    match (a, b) {
        (Expr::Counter { .. }, Expr::Counter { .. }) => true,
        (Expr::Limit { .. }, Expr::Limit { .. }) => with_default_burst(a) == with_default_burst(b),
        (Expr::Log { .. }, Expr::Log { .. }) => with_defaults_of_log(a) == with_defaults_of_log(b),
        (
            Expr::Lookup { sreg, set: SetRef::Anonymous(set), dreg, invert },
            Expr::Lookup { sreg: s, set: SetRef::Anonymous(other), dreg: d, invert: i },
        ) => (sreg, dreg, invert) == (s, d, i) && anonymous(set, other),
        (
            Expr::Dynset { set, op, key, data, timeout_ms, invert, exprs },
            Expr::Dynset { set: s, op: o, key: k, data: d, timeout_ms: t, invert: i, exprs: e },
        ) => (set, op, key, data, timeout_ms, invert) == (s, o, k, d, t, i) && programs(exprs, e),
        _ => a == b,
    }
}

/// No burst of packets is Linux's default of five (`NFT_LIMIT_PKT_BURST_DEFAULT`).
fn with_default_burst(expr: &Expr) -> Expr {
    let mut expr = expr.clone();
    if let Expr::Limit { burst: burst @ 0, kind: LimitKind::Packets, .. } = &mut expr {
        *burst = 5;
    }
    expr
}

/// Linux tells a level of the kernel log, warning unless another was asked for, and no zeros.
fn with_defaults_of_log(expr: &Expr) -> Expr {
    let mut expr = expr.clone();
    if let Expr::Log { prefix: _, group, snaplen, queue_threshold, level, flags } = &mut expr {
        *snaplen = snaplen.filter(|n| *n > 0);
        *queue_threshold = queue_threshold.filter(|n| *n > 0);
        *flags = flags.filter(|n| *n > 0);
        *level = if group.is_none() { level.or(Some(4)) } else { None };
    }
    expr
}

/// Anonymous sets with the same elements. Their types are only for spelling.
fn anonymous(a: &Set, b: &Set) -> bool {
    let shape = |set: &Set| (set.key_len(), set.data_len(), set.is_verdict_map(), set.flags.interval);
    shape(a) == shape(b) && Changes::of(a, b).is_empty()
}

/// Whether two named sets are declared alike.
pub(super) fn declarations(a: &Set, b: &Set) -> bool {
    let Set { name, key, data, flags, timeout_ms, size, exprs, comment, elements: _ } = a;
    let timed = |set: &Set| set.flags.timeout || set.timeout_ms.is_some();
    (name, key, data, size, comment) == (&b.name, &b.key, &b.data, &b.size, &b.comment)
        && (flags.constant, flags.interval, flags.dynamic)
            == (b.flags.constant, b.flags.interval, b.flags.dynamic)
        && (timed(a), timeout_ms) == (timed(b), &b.timeout_ms)
        && programs(exprs, &b.exprs)
}
